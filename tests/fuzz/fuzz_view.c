/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The snapshot of a view. What is accepted must come back unchanged.
 *
 * A mutation never keeps the hash true, so each input is tried a second time with the hash that its
 * fields would have: only then the checks behind it matter.
 */
#include "tests/lib/recode.h"

#define PARENT_OFFSET 40U
#define HASH_OFFSET   56U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct peal_member members[PEAL_RECODE_MEMBERS_MAX];
static struct peal_view view;

/* Reads the fields without judging them. False when the records are not readable at all. */
static bool
read_fields(const uint8_t *data, size_t size)
{
	struct peal_reader reader = peal_reader_init(data, size);

	memset(&view, 0, sizeof(view));
	view.cluster.low = peal_read_u64(&reader);
	view.cluster.high = peal_read_u64(&reader);
	view.epoch = peal_read_u64(&reader);
	view.next_mid = peal_read_u64(&reader);
	view.tie_mid = peal_read_u64(&reader);
	PEAL_ASSERT(!reader.is_ok || reader.offset == PARENT_OFFSET);
	view.parent_hash.low = peal_read_u64(&reader);
	view.parent_hash.high = peal_read_u64(&reader);
	PEAL_ASSERT(!reader.is_ok || reader.offset == HASH_OFFSET);
	(void)peal_read_u64(&reader);
	(void)peal_read_u64(&reader);
	view.members_count = peal_read_u16(&reader);
	view.rings_count = peal_read_u8(&reader);
	(void)peal_read_u8(&reader);
	(void)peal_read_u32(&reader);
	if (!reader.is_ok || view.members_count > PEAL_RECODE_MEMBERS_MAX) {
		return false;
	}
	for (uint32_t rank = 0; rank < view.members_count; rank++) {
		if (!peal_member_decode(&reader, &members[rank])) {
			return false;
		}
	}
	view.members = members;
	view.members_sum = peal_view_sum_members(&view);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t trued[PEAL_RECODE_SIZE_MAX];

	peal_recode_check(peal_recode_view, data, size);
	if (size > sizeof(trued) || !read_fields(data, size)) {
		return 0;
	}
	struct peal_hash128 hash = peal_view_hash(&view);
	memcpy(trued, data, size);
	memcpy(trued + HASH_OFFSET, &hash.low, 8);
	memcpy(trued + HASH_OFFSET + 8, &hash.high, 8);
	peal_recode_check(peal_recode_view, trued, size);
	return 0;
}
