/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/simpattern.h"

#include <string.h>

#define LANES 16U

/* Bytes that stand side by side, which the compiler takes as one. */
struct lanes {
	uint8_t bytes[LANES];
};

static struct lanes
begin(uint8_t first, uint8_t step)
{
	struct lanes values;

	for (uint32_t i = 0; i < LANES; i++) {
		values.bytes[i] = (uint8_t)(first + step * i);
	}
	return values;
}

static void
go_on(struct lanes *values, uint8_t step)
{
	for (uint32_t i = 0; i < LANES; i++) {
		values->bytes[i] = (uint8_t)(values->bytes[i] + LANES * step);
	}
}

void
peal_simpattern_fill(uint8_t *bytes, uint32_t size, uint8_t first, uint8_t step)
{
	struct lanes values = begin(first, step);
	uint32_t at = 0;

	for (; at + LANES <= size; at += LANES) {
		memcpy(bytes + at, values.bytes, LANES);
		go_on(&values, step);
	}
	memcpy(bytes + at, values.bytes, size - at);
}

uint32_t
peal_simpattern_check(const uint8_t *bytes, uint32_t size, uint8_t first, uint8_t step)
{
	struct lanes values = begin(first, step);
	uint32_t at = 0;

	for (; at + LANES <= size; at += LANES) {
		if (memcmp(bytes + at, values.bytes, LANES) != 0) {
			break;
		}
		go_on(&values, step);
	}
	while (at < size && bytes[at] == (uint8_t)(first + step * at)) {
		at++;
	}
	return at;
}
