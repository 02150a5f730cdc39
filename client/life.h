/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The death words of a process: one thread holds them all, until the process is no more.
 *
 * The kernel walks the list of a thread that ends, early in the end of its process and however that
 * came about, and marks each word on it. A thread of our own holds the words, for threads of the
 * application may come and go. It sleeps for ever.
 *
 * The links of that list stand a fixed way before the words, and all words have one such way. In
 * shared memory they would tell the other side addresses of this process; so memory that words are
 * in is mapped here, with some of our own before it.
 *
 * After a fork the child holds nothing.
 */
#ifndef PEAL_CLIENT_LIFE_H
#define PEAL_CLIENT_LIFE_H

#include "shm/region.h"

#include <stdbool.h>
#include <stddef.h>

/* Maps shared memory, of a descriptor or, at -1, of this process and its children; all its pages
 * are there. NULL: errno says why. */
void *peal_life_map(int fd, size_t size, int protection);
/* As it was mapped. No word in it may be held. */
void peal_life_unmap(void *memory, size_t size);

/* Holds a word, which is in memory that was mapped so. False: no thread could be made. Any thread.
 */
bool peal_life_hold(struct peal_region_death *death);
/* Lets go of it, in order. Any thread; the word must be held. */
void peal_life_let_go(struct peal_region_death *death);

#endif
