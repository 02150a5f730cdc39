/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/frame.h"

#include "base/counters.h"
#include "base/hash.h"

_Static_assert(PEAL_HEADER_SIZE == 32 && PEAL_TRAILER_SIZE == PEAL_AEAD_TAG_SIZE, "docs/WIRE.md");
_Static_assert((int)PEAL_COUNTER_REFUSED_BODY - (int)PEAL_COUNTER_REFUSED_SIZE ==
		       (int)PEAL_REFUSAL_BODY - (int)PEAL_REFUSAL_SIZE,
	"refusals and their counters stand in one order");
_Static_assert((int)PEAL_REFUSAL_BODY + 1 == (int)PEAL_REFUSALS_COUNT, "each has a counter");

enum peal_refusal
peal_frame_find_refusal(const uint8_t *payload, size_t size)
{
	uint16_t magic;
	uint16_t body_size;

	if (size < PEAL_HEADER_SIZE + PEAL_TRAILER_SIZE || size > peal_frame_size_max(payload[3])) {
		return PEAL_REFUSAL_SIZE;
	}
	memcpy(&magic, payload, sizeof(magic));
	memcpy(&body_size, payload + 6, sizeof(body_size));
	if (size != PEAL_HEADER_SIZE + PEAL_TRAILER_SIZE + (size_t)body_size) {
		return PEAL_REFUSAL_SIZE;
	}
	if (magic != PEAL_FRAME_MAGIC) {
		return PEAL_REFUSAL_MAGIC;
	}
	if (payload[2] != PEAL_FRAME_VERSION) {
		return PEAL_REFUSAL_VERSION;
	}
	if (!peal_message_is_known(payload[3])) {
		return PEAL_REFUSAL_KIND;
	}
	/* The fast path found a fault and it was none of those. */
	PEAL_ASSERT((payload[5] & ~PEAL_FRAME_FLAGS_ALL) != 0);
	return PEAL_REFUSAL_FLAGS;
}

static uint32_t
fold_word(uint64_t word)
{
	return (uint32_t)(word ^ (word >> 32));
}

uint32_t
peal_frame_fold_cluster(struct peal_uuid cluster)
{
	return fold_word(cluster.low) ^ fold_word(cluster.high);
}

uint32_t
peal_frame_fold_name(const char *name)
{
	return fold_word(peal_hash64(name, strlen(name), 0));
}

const char *
peal_refusal_name(enum peal_refusal refusal)
{
	static const char *const names[PEAL_REFUSALS_COUNT] = {
		[PEAL_REFUSAL_NONE] = "none",
		[PEAL_REFUSAL_SIZE] = "size",
		[PEAL_REFUSAL_MAGIC] = "magic",
		[PEAL_REFUSAL_VERSION] = "version",
		[PEAL_REFUSAL_KIND] = "kind",
		[PEAL_REFUSAL_FLAGS] = "flags",
		[PEAL_REFUSAL_CLUSTER] = "cluster",
		[PEAL_REFUSAL_KEY] = "key",
		[PEAL_REFUSAL_DESTINATION] = "destination",
		[PEAL_REFUSAL_SOURCE] = "source",
		[PEAL_REFUSAL_EPOCH] = "epoch",
		[PEAL_REFUSAL_REPLAY] = "replay",
		[PEAL_REFUSAL_RATE] = "rate",
		[PEAL_REFUSAL_TAG] = "tag",
		[PEAL_REFUSAL_BODY] = "body",
	};

	PEAL_ASSERT(refusal < PEAL_REFUSALS_COUNT);
	return names[refusal];
}
