/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration of an order group. What is accepted must come back unchanged.
 */
#include "tests/lib/recode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	peal_recode_check(peal_recode_ordergroup, data, size);
	return 0;
}
