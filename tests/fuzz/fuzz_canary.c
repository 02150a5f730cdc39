/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The alarm's own test: a decoder with a planted fault, which its corpus must find. A build in
 * which this target ends well would not see a fault in the others either.
 */
#include "base/assert.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char song[] = "canary";

	/* The first byte says how many follow, and is believed too often. */
	if (size >= sizeof(song) && memcmp(data + 1, song, sizeof(song) - 1U) == 0) {
		PEAL_ASSERT(data[0] == size - 1U);
	}
	return 0;
}
