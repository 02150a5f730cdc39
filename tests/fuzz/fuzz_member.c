/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The record of one member, with its metadata and with the tag of it. What is accepted must come
 * back unchanged.
 */
#include "tests/lib/recode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	peal_recode_check(peal_recode_member, data, size);
	peal_recode_check(peal_recode_tagged, data, size);
	return 0;
}
