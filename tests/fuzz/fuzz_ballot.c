/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages of agreement; the first byte is the kind. What is accepted must come back unchanged.
 *
 * A mutation never keeps a digest true, so each input is tried a second time with the digest of
 * what stands where the proposal would be: only then the fields behind it matter.
 */
#include "tests/lib/recode.h"

#define DIGEST_OFFSET     (1U + 16U)
#define LEFT_COUNT_OFFSET (1U + 52U)
#define LEFT_OFFSET       (1U + 56U)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t trued[1U + PEAL_BALLOT_MSG_SIZE_MAX];

	peal_recode_check(peal_recode_ballot, data, size);
	if (size < LEFT_OFFSET || size > sizeof(trued)) {
		return 0;
	}
	size_t offset = LEFT_OFFSET + 2U * ((size_t)data[LEFT_COUNT_OFFSET] |
						   ((size_t)data[LEFT_COUNT_OFFSET + 1U] << 8));
	if (offset > size) {
		return 0;
	}
	struct peal_hash128 digest = peal_hash128(data + offset, size - offset, 0);
	memcpy(trued, data, size);
	memcpy(trued + DIGEST_OFFSET, &digest.low, 8);
	memcpy(trued + DIGEST_OFFSET + 8, &digest.high, 8);
	peal_recode_check(peal_recode_ballot, trued, size);
	return 0;
}
