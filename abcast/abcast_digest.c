/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_digest.h"

#include "base/assert.h"
#include "base/hash.h"

#include <string.h>

static struct peal_abcast_mark *
mark_of(struct peal_abcast_digest *digest, uint64_t position)
{
	return &digest->marks[position / PEAL_ORDER_DIGEST_STEP % PEAL_ORDER_DIGESTS_MAX];
}

void
peal_abcast_digest_begin(struct peal_abcast_digest *digest, uint64_t position, uint64_t value)
{
	memset(digest, 0, sizeof(*digest));
	digest->position = position;
	digest->value = value;
}

bool
peal_abcast_digest_add(
	struct peal_abcast_digest *digest, const struct peal_abcast_digest_entry *entry)
{
	uint64_t words[6] = {digest->value, entry->stamp, entry->seq,
		(uint64_t)entry->view << 32 | (uint64_t)entry->generation << 16 | entry->rank,
		entry->size, peal_hash64(entry->bytes, entry->size, 0)};
	bool is_same = true;

	digest->value = peal_hash64(words, sizeof(words), 0);
	digest->position++;
	if (digest->position % PEAL_ORDER_DIGEST_STEP == 0) {
		*mark_of(digest, digest->position) = (struct peal_abcast_mark){
			.position = digest->position, .value = digest->value};
		for (uint32_t i = 0; i < PEAL_ORDER_RANKS_MAX; i++) {
			is_same = is_same && (digest->said[i].position != digest->position ||
						     digest->said[i].value == digest->value);
		}
	}
	return is_same;
}

bool
peal_abcast_digest_compare(
	struct peal_abcast_digest *digest, uint8_t rank, uint64_t position, uint64_t value)
{
	const struct peal_abcast_mark *mark;

	PEAL_ASSERT(rank < PEAL_ORDER_RANKS_MAX);
	if (position == 0 || position % PEAL_ORDER_DIGEST_STEP != 0) {
		return true;
	}
	if (position > digest->position) {
		/* The first that is ahead waits; later ones would chase it away for ever. */
		if (digest->said[rank].position <= digest->position) {
			digest->said[rank] =
				(struct peal_abcast_mark){.position = position, .value = value};
		}
		return true;
	}
	mark = mark_of(digest, position);
	return mark->position != position || mark->value == value;
}

struct peal_abcast_mark
peal_abcast_digest_latest(const struct peal_abcast_digest *digest)
{
	uint64_t position = digest->position - digest->position % PEAL_ORDER_DIGEST_STEP;
	const struct peal_abcast_mark *mark =
		&digest->marks[position / PEAL_ORDER_DIGEST_STEP % PEAL_ORDER_DIGESTS_MAX];

	/* A rank that came in the middle has none yet. */
	return mark->position == position ? *mark : (struct peal_abcast_mark){0};
}
