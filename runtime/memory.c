/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/memory.h"

#include "base/assert.h"

#include <errno.h>
#include <inttypes.h>
#include <numa.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#if PEAL_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

#define NODES_MAX 64
#define PAGE_SIZE ((size_t)4096)
#define NODE_ANY  (-1)

struct part {
	const char *name;
	int numa_node;
	bool is_room;
	uint32_t blocks_count;
	uint64_t size;
};

static struct part parts[PEAL_MEMORY_PARTS_MAX];
static uint32_t parts_count;
static uint32_t taken_count;

bool
peal_memory_has_node(int numa_node)
{
	return numa_node >= 0 && numa_node < NODES_MAX && numa_available() == 0 &&
	       numa_node <= numa_max_node() && numa_node_size64(numa_node, NULL) > 0;
}

static void
note(const char *part_name, uint64_t size, int numa_node, bool is_room)
{
	struct part *part = NULL;

	for (uint32_t i = 0; i < parts_count && part == NULL; i++) {
		if (parts[i].numa_node == numa_node && strcmp(parts[i].name, part_name) == 0) {
			part = &parts[i];
		}
	}
	if (part == NULL) {
		PEAL_ASSERT(parts_count < PEAL_MEMORY_PARTS_MAX);
		part = &parts[parts_count++];
		*part = (struct part){
			.name = part_name, .numa_node = numa_node, .is_room = is_room};
	}
	part->blocks_count++;
	part->size += size;
}

void
peal_memory_note(const char *part_name, uint64_t size, int numa_node)
{
	note(part_name, size, numa_node, false);
}

#if PEAL_JEMALLOC

/* The arena of a node, made when it is first asked for; 0, the common one, when that fails. */
static int
find_arena_flag(int numa_node)
{
	static unsigned int arenas[NODES_MAX];
	size_t size = sizeof(arenas[0]);

	if (numa_node == NODE_ANY) {
		return 0;
	}
	if (arenas[numa_node] == 0 &&
		mallctl("arenas.create", &arenas[numa_node], &size, NULL, 0) != 0) {
		return 0;
	}
	return (int)MALLOCX_ARENA(arenas[numa_node]);
}

static void *
take_pages(size_t size, int numa_node)
{
	int flags = MALLOCX_ALIGN(PAGE_SIZE) | MALLOCX_TCACHE_NONE;

	return mallocx(size, flags | find_arena_flag(numa_node));
}

static void
give_pages(void *block)
{
	dallocx(block, MALLOCX_TCACHE_NONE);
}

#else

static void *
take_pages(size_t size, int numa_node)
{
	(void)numa_node;
	return aligned_alloc(PAGE_SIZE, size);
}

static void
give_pages(void *block)
{
	free(block);
}

#endif

void *
peal_memory_take(const char *part, size_t size, int numa_node, struct peal_sentence *error)
{
	size_t rounded = (size + PAGE_SIZE - 1U) & ~(PAGE_SIZE - 1U);
	int node = peal_memory_has_node(numa_node) ? numa_node : NODE_ANY;
	void *block;

	PEAL_ASSERT(size > 0);
	block = take_pages(rounded, node);
	if (block == NULL) {
		(void)peal_sentence_set(error,
			"%zu KiB of memory for %s could not be had (%s); give the process more "
			"memory",
			rounded / 1024U, part, strerror(errno));
		return NULL;
	}
	if (node != NODE_ANY && numa_max_node() > 0) {
		/* Before the first touch, which is when pages get their place. */
		numa_tonode_memory(block, rounded, node);
	}
	memset(block, 0, rounded);
	peal_memory_note(part, rounded, node);
	taken_count++;
	return block;
}

void *
peal_memory_reserve(const char *part, size_t size, int numa_node, struct peal_sentence *error)
{
	size_t rounded = (size + PAGE_SIZE - 1U) & ~(PAGE_SIZE - 1U);
	int node = peal_memory_has_node(numa_node) ? numa_node : NODE_ANY;
	void *room;

	PEAL_ASSERT(size > 0);
	room = mmap(NULL, rounded, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED) {
		(void)peal_sentence_set(error,
			"%zu KiB of address space for %s could not be had (%s); lower members_max",
			rounded / 1024U, part, strerror(errno));
		return NULL;
	}
	/* What is used stands far apart; huge pages would take all that lies between. */
	(void)madvise(room, rounded, MADV_NOHUGEPAGE);
	if (node != NODE_ANY && numa_max_node() > 0) {
		numa_tonode_memory(room, rounded, node);
	}
	note(part, rounded, node, true);
	taken_count++;
	return room;
}

void
peal_memory_release(void *room, size_t size)
{
	if (room != NULL) {
		PEAL_ASSERT(taken_count > 0);
		taken_count--;
		(void)munmap(room, (size + PAGE_SIZE - 1U) & ~(PAGE_SIZE - 1U));
	}
}

void
peal_memory_give(void *block)
{
	if (block != NULL) {
		PEAL_ASSERT(taken_count > 0);
		taken_count--;
		give_pages(block);
	}
}

uint32_t
peal_memory_taken_count(void)
{
	return taken_count;
}

void
peal_memory_print(FILE *file)
{
	uint64_t total = 0;

	(void)fprintf(file, "%-28s %6s %9s  %s\n", "memory", "blocks", "KiB", "NUMA node");
	for (uint32_t i = 0; i < parts_count; i++) {
		char node[16] = "any";

		if (parts[i].numa_node != NODE_ANY) {
			(void)snprintf(node, sizeof(node), "%d", parts[i].numa_node);
		}
		(void)fprintf(file, "%-28s %6" PRIu32 " %9" PRIu64 "  %s%s\n", parts[i].name,
			parts[i].blocks_count, parts[i].size / 1024U, node,
			parts[i].is_room ? ", taken when needed" : "");
		total += parts[i].is_room ? 0 : parts[i].size;
	}
	(void)fprintf(file, "%-28s %6s %9" PRIu64 "\n", "sum", "", total / 1024U);
}
