/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/simpattern.h"

#include <string.h>

#define LANES 16U

typedef uint8_t lanes __attribute__((vector_size(LANES)));

static lanes
begin(uint8_t first, uint8_t step)
{
	lanes values;

	for (uint32_t i = 0; i < LANES; i++) {
		values[i] = (uint8_t)(first + step * i);
	}
	return values;
}

void
peal_simpattern_fill(uint8_t *bytes, uint32_t size, uint8_t first, uint8_t step)
{
	lanes values = begin(first, step);
	uint32_t at = 0;

	for (; at + LANES <= size; at += LANES) {
		memcpy(bytes + at, &values, LANES);
		values += (uint8_t)(LANES * step);
	}
	memcpy(bytes + at, &values, size - at);
}

uint32_t
peal_simpattern_check(const uint8_t *bytes, uint32_t size, uint8_t first, uint8_t step)
{
	lanes values = begin(first, step);
	uint32_t at = 0;

	for (; at + LANES <= size; at += LANES) {
		if (memcmp(bytes + at, &values, LANES) != 0) {
			break;
		}
		values += (uint8_t)(LANES * step);
	}
	while (at < size && bytes[at] == (uint8_t)(first + step * at)) {
		at++;
	}
	return at;
}
