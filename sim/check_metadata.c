/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes: node u16 | 2 x 0 | incarnation u32 | noise that follows from these and the size.
 */
#include "sim/check_metadata.h"

#include "base/assert.h"
#include "base/prng.h"
#include "sim/simnode.h"

#include <inttypes.h>
#include <string.h>

/* One node in so many has none, whatever its incarnation. */
#define BARE_EVERY 8U
#define BARE_INDEX 5U
/* Sizes at which something changes: a frame's chunk, and half a page of the store. */
#define CHUNK PEAL_CHUNK_SIZE_MAX

static bool
is_bare(uint16_t index)
{
	return index % BARE_EVERY == BARE_INDEX;
}

static uint16_t
choose_size(struct peal_prng *prng, uint32_t size_max)
{
	const uint32_t edges[] = {size_max, CHUNK, CHUNK + 1U, 2U * CHUNK, 3U * CHUNK - 1U};
	uint32_t size = 64U;

	switch (peal_prng_below(prng, 4)) {
	case 0:
		size = edges[peal_prng_below(prng, sizeof(edges) / sizeof(edges[0]))];
		break;
	case 1:
		size = (uint32_t)peal_prng_below(prng, size_max + 1U);
		break;
	default:
		size = (uint32_t)peal_prng_below(prng, size);
		break;
	}
	size = size < PEAL_CHECK_METADATA_SIZE_MIN ? PEAL_CHECK_METADATA_SIZE_MIN : size;
	return (uint16_t)(size > size_max ? size_max : size);
}

uint16_t
peal_check_metadata_fill(
	uint8_t *bytes_out, uint32_t size_max, uint16_t index, uint32_t incarnation)
{
	struct peal_prng prng;
	uint16_t size;

	PEAL_ASSERT(size_max >= PEAL_CHECK_METADATA_SIZE_MIN);
	PEAL_ASSERT(size_max <= PEAL_METADATA_SIZE_MAX);
	if (is_bare(index)) {
		return 0;
	}
	peal_prng_init(&prng, (uint64_t)incarnation << 16 | index);
	size = choose_size(&prng, size_max);
	memset(bytes_out, 0, PEAL_CHECK_METADATA_SIZE_MIN);
	memcpy(bytes_out, &index, sizeof(index));
	memcpy(bytes_out + 4, &incarnation, sizeof(incarnation));
	for (uint32_t i = PEAL_CHECK_METADATA_SIZE_MIN; i < size; i++) {
		bytes_out[i] = (uint8_t)peal_prng_next(&prng);
	}
	return size;
}

static bool
is_of(const struct peal_member *member, uint32_t size_max, uint16_t index, uint32_t incarnation)
{
	uint8_t bytes[PEAL_METADATA_SIZE_MAX];
	uint16_t size = peal_check_metadata_fill(bytes, size_max, index, incarnation);

	return member->metadata_size == size &&
	       (size == 0 || memcmp(member->metadata, bytes, size) == 0);
}

/* The incarnation that the metadata names; 0 = none. */
static uint32_t
read_incarnation(const struct peal_member *member)
{
	uint32_t incarnation = 0;

	if (member->metadata_size >= PEAL_CHECK_METADATA_SIZE_MIN) {
		memcpy(&incarnation, member->metadata + 4, sizeof(incarnation));
	}
	return incarnation;
}

void
peal_check_metadata_on_view(const struct peal_view *view, uint32_t size_max,
	const uint32_t *incarnations, uint16_t nodes_count, uint64_t now_ns,
	struct peal_report *report)
{
	for (uint16_t rank = 0; rank < view->members_count; rank++) {
		const struct peal_member *member = &view->members[rank];
		uint16_t index = peal_simnode_find_ipv4(member->address.ipv4);
		uint32_t incarnation = read_incarnation(member);

		if (index < nodes_count && incarnation <= incarnations[index] &&
			is_of(member, size_max, index, incarnation)) {
			continue;
		}
		peal_report_violate(report, now_ns,
			"epoch %" PRIu64 ": member %" PRIu64 " (n%u) has %u bytes of metadata that "
			"no process of it was given",
			view->epoch, member->mid, index, member->metadata_size);
		return;
	}
}

void
peal_check_metadata_on_self(const struct peal_member *member, uint32_t size_max, uint16_t index,
	uint32_t incarnation, uint64_t now_ns, struct peal_report *report)
{
	if (!is_of(member, size_max, index, incarnation)) {
		peal_report_violate(report, now_ns,
			"n%u is member %" PRIu64 " with %u bytes of metadata that are not its own",
			index, member->mid, member->metadata_size);
	}
}
