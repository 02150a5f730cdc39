/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages of joining and leaving; the first byte picks which. What is accepted must come back
 * unchanged.
 *
 * A mutation never keeps the digest of a batch true, so each one is tried a second time with the
 * digest and the size of what stands where the proposal would be.
 */
#include "tests/lib/recode.h"

#define BATCH           7U
#define DIGEST_OFFSET   1U
#define SIZE_OFFSET     (DIGEST_OFFSET + 16U)
#define PROPOSAL_OFFSET (DIGEST_OFFSET + 24U)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t trued[1U + PEAL_BODY_SIZE_MAX];

	peal_recode_check(peal_recode_join, data, size);
	if (size < PROPOSAL_OFFSET || size > sizeof(trued) || data[0] != BATCH) {
		return 0;
	}
	uint32_t proposal_size = (uint32_t)(size - PROPOSAL_OFFSET);
	struct peal_hash128 digest = peal_hash128(data + PROPOSAL_OFFSET, proposal_size, 0);
	memcpy(trued, data, size);
	memcpy(trued + DIGEST_OFFSET, &digest.low, 8);
	memcpy(trued + DIGEST_OFFSET + 8, &digest.high, 8);
	memcpy(trued + SIZE_OFFSET, &proposal_size, 4);
	peal_recode_check(peal_recode_join, trued, size);
	return 0;
}
