/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The death words of a process: one thread holds them all, until the process is no more.
 *
 * The kernel walks the list of a thread that ends, early in the end of its process and however that
 * came about, and marks each word on it. A thread of our own holds the words, for threads of the
 * application may come and go. It sleeps for ever.
 *
 * After a fork the child holds nothing.
 */
#ifndef PEAL_CLIENT_LIFE_H
#define PEAL_CLIENT_LIFE_H

#include "shm/region.h"

#include <stdbool.h>

/* Holds a word. False: no thread could be made. Any thread. */
bool peal_life_hold(struct peal_region_death *death);
/* Lets go of it, in order. Any thread; the word must be held. */
void peal_life_let_go(struct peal_region_death *death);

#endif
