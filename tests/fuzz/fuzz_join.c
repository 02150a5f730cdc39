/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages of joining and leaving; the first byte picks which. What is accepted must come back
 * unchanged.
 */
#include "tests/lib/recode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	peal_recode_check(peal_recode_join, data, size);
	return 0;
}
