/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Chunks of bodies, pulls, and what brings a member forward; the first byte picks which. What is
 * accepted must come back unchanged.
 */
#include "tests/lib/recode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	peal_recode_check(peal_recode_bodies, data, size);
	return 0;
}
