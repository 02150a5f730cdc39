/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory of the control plane and of what the planes share: blocks on a chosen NUMA node, made at
 * start.
 *
 * Each NUMA node has one jemalloc arena of its own, so memory that is given back and taken again
 * stays where it was placed; libnuma does the placing. Node numbers are checked here, because
 * libnuma takes any. Without jemalloc (sanitizer builds) the C library's allocator stands in. Every
 * block is entered in the footprint table, together with what DPDK holds. Main thread, at set-up
 * and at the end.
 */
#ifndef PEAL_RUNTIME_MEMORY_H
#define PEAL_RUNTIME_MEMORY_H

#include "dataplane/dpdk/sentence.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Lines of the footprint table. */
#define PEAL_MEMORY_PARTS_MAX 32U

/*
 * Takes a zeroed block, aligned to a page. Parts of the same name and node share a line of the
 * table.
 *
 * @param part       what it is for, static text
 * @param numa_node  -1 = anywhere; a node that does not exist counts as -1
 * @return NULL with a sentence when there is no memory
 */
void *peal_memory_take(const char *part, size_t size, int numa_node, struct peal_sentence *error);

/*
 * The same for what is large and mostly never needed: room that takes memory page by page, on the
 * node, when it is first written to. Zeroed.
 *
 * @return NULL with a sentence when there is no room
 */
void *peal_memory_reserve(
	const char *part, size_t size, int numa_node, struct peal_sentence *error);

/* Gives room of this size back; NULL is fine. */
void peal_memory_release(void *room, size_t size);

/* Gives a block back; NULL is fine. Its line in the table stays. */
void peal_memory_give(void *block);

/* Enters memory that was taken elsewhere, from DPDK say. */
void peal_memory_note(const char *part_name, uint64_t size, int numa_node);

/* True when the machine has the node and it has memory. */
bool peal_memory_has_node(int numa_node);

/* Prints the footprint table: part, blocks, KiB, node, and the sum of what is not room alone. */
void peal_memory_print(FILE *file);

/* Blocks and room that were taken and not given back. */
uint32_t peal_memory_taken_count(void);

#endif
