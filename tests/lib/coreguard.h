/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keeps a promise for one thread: between enter and leave it makes no syscall and takes no memory.
 *
 * A syscall meets the kernel's user dispatch and ends the process by abort(), and so does malloc
 * and its family, which a test interposes by calling peal_coreguard_check_heap from its own. One
 * line on stderr tells which. Where the kernel has no user dispatch only the heap is guarded.
 */
#ifndef PEAL_TESTS_LIB_COREGUARD_H
#define PEAL_TESTS_LIB_COREGUARD_H

#include <stdbool.h>

/* True when this kernel can trap syscalls. Any thread; leaves nothing armed. */
bool peal_coreguard_can_trap(void);

/* Have the form of a hook of the poll loop; the argument is not used. */
void peal_coreguard_enter(void *unused);
void peal_coreguard_leave(void *unused);

/* Aborts when the calling thread is guarded. */
void peal_coreguard_check_heap(void);

#endif
