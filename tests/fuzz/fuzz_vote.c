/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Votes of many members as one bitmap. What is accepted must come back unchanged.
 */
#include "tests/lib/recode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	peal_recode_check(peal_recode_vote, data, size);
	return 0;
}
