/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lines of memory on their way into the cache before they are needed, or out of it to who needs
 * them next. Hints: they wait for nothing,
 * change nothing, and an address that means nothing does no harm.
 */
#ifndef PEAL_BASE_FETCH_H
#define PEAL_BASE_FETCH_H

#include <stdint.h>

#define PEAL_FETCH_LINE_SIZE 64U

/* A line that will be written: it leaves the caches of all other cores. */
static inline void
peal_fetch_to_write(const void *line)
{
#if defined(__x86_64__)
	/* The compiler has this instruction only for newer processors; older ones ignore it. */
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)line));
#else
	__builtin_prefetch(line, 1);
#endif
}

/* A line that another core reads next: it goes to the cache that both have, where that core finds
 * it sooner than here. */
static inline void
peal_fetch_demote(const void *line)
{
#if defined(__x86_64__)
	/* CLDEMOTE, written as bytes for assemblers that do not know it; processors that do not
	 * know it do nothing. */
	__asm__ volatile(".byte 0x0f, 0x1c, 0x07" : : "D"(line) : "memory");
#else
	(void)line;
#endif
}

/* All lines of [bytes, bytes + size). */
static inline void
peal_fetch_all_to_write(const uint8_t *bytes, uint32_t size)
{
	for (uint32_t at = 0; at < size; at += PEAL_FETCH_LINE_SIZE) {
		peal_fetch_to_write(bytes + at);
	}
}

#endif
