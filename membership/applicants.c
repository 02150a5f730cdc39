/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/applicants.h"

#include "base/assert.h"
#include "base/hash.h"

#include <string.h>

_Static_assert(PEAL_PENDING_JOINS_MAX < UINT16_MAX, "an index plus one fits its type");
_Static_assert((PEAL_APPLICANTS_BUCKETS & (PEAL_APPLICANTS_BUCKETS - 1U)) == 0,
	"buckets are found by a mask");

static uint32_t
bucket_of_uuid(struct peal_uuid uuid)
{
	return (uint32_t)(peal_hash_mix(uuid.low ^ uuid.high) & (PEAL_APPLICANTS_BUCKETS - 1U));
}

static uint32_t
bucket_of_address(const struct peal_address *address)
{
	return (uint32_t)(peal_hash_mix(peal_address_word(address)) &
			  (PEAL_APPLICANTS_BUCKETS - 1U));
}

static enum peal_applicants_chain
chain_of(enum peal_applicants_queue queue)
{
	PEAL_ASSERT(queue > PEAL_QUEUE_NONE && queue < PEAL_QUEUES_COUNT);
	if (queue <= PEAL_QUEUE_PATIENT) {
		return PEAL_CHAIN_FORWARD;
	}
	if (queue == PEAL_QUEUE_ASKED) {
		return PEAL_CHAIN_ASKED;
	}
	return queue == PEAL_QUEUE_VOUCHED ? PEAL_CHAIN_VOUCHED : PEAL_CHAIN_PROBE;
}

void
peal_applicants_clear(struct peal_applicants *applicants)
{
	if (applicants->count > 0) {
		memset(applicants->by_uuid, 0, sizeof(applicants->by_uuid));
		memset(applicants->by_address, 0, sizeof(applicants->by_address));
	}
	memset(applicants->places, 0, applicants->touched_count * sizeof(applicants->places[0]));
	memset(applicants->queues, 0, sizeof(applicants->queues));
	applicants->count = 0;
	applicants->touched_count = 0;
	applicants->free = 0;
}

uint16_t
peal_applicants_find_uuid(const struct peal_applicants *applicants, struct peal_uuid uuid)
{
	uint16_t link = applicants->by_uuid[bucket_of_uuid(uuid)];

	while (link != 0 && !peal_uuid_equals(applicants->places[link - 1U].member.uuid, uuid)) {
		link = applicants->places[link - 1U].next_by_uuid;
	}
	return link == 0 ? PEAL_APPLICANT_NONE : (uint16_t)(link - 1U);
}

uint16_t
peal_applicants_find_address(
	const struct peal_applicants *applicants, const struct peal_address *address)
{
	uint16_t link = applicants->by_address[bucket_of_address(address)];

	while (link != 0 &&
		!peal_address_equals(&applicants->places[link - 1U].member.address, address)) {
		link = applicants->places[link - 1U].next_by_address;
	}
	return link == 0 ? PEAL_APPLICANT_NONE : (uint16_t)(link - 1U);
}

uint16_t
peal_applicants_add(struct peal_applicants *applicants, const struct peal_member *member,
	const struct peal_metadata_tag *tag)
{
	uint32_t by_uuid = bucket_of_uuid(member->uuid);
	uint32_t by_address = bucket_of_address(&member->address);
	struct peal_applicant *place = NULL;
	uint16_t index = 0;

	PEAL_ASSERT(peal_applicants_find_uuid(applicants, member->uuid) == PEAL_APPLICANT_NONE);
	PEAL_ASSERT(
		peal_applicants_find_address(applicants, &member->address) == PEAL_APPLICANT_NONE);

	if (applicants->free != 0) {
		index = (uint16_t)(applicants->free - 1U);
		applicants->free = applicants->places[index].next_by_uuid;
	} else if (applicants->touched_count < PEAL_PENDING_JOINS_MAX) {
		index = applicants->touched_count++;
	} else {
		return PEAL_APPLICANT_NONE;
	}
	place = &applicants->places[index];
	memset(place, 0, sizeof(*place));
	place->member = *member;
	place->member.metadata = NULL;
	place->member.metadata_size = 0;
	place->tag = *tag;
	place->next_by_uuid = applicants->by_uuid[by_uuid];
	place->next_by_address = applicants->by_address[by_address];
	applicants->by_uuid[by_uuid] = (uint16_t)(index + 1U);
	applicants->by_address[by_address] = (uint16_t)(index + 1U);
	applicants->count++;
	return index;
}

void
peal_applicants_remove(struct peal_applicants *applicants, uint16_t index)
{
	struct peal_applicant *place = &applicants->places[index];
	uint16_t *link = &applicants->by_uuid[bucket_of_uuid(place->member.uuid)];

	for (uint32_t chain = 0; chain < PEAL_CHAINS_COUNT; chain++) {
		peal_applicants_take_out(applicants, index, (enum peal_applicants_chain)chain);
	}
	while (*link != index + 1U) {
		PEAL_ASSERT(*link != 0);
		link = &applicants->places[*link - 1U].next_by_uuid;
	}
	*link = place->next_by_uuid;
	link = &applicants->by_address[bucket_of_address(&place->member.address)];
	while (*link != index + 1U) {
		PEAL_ASSERT(*link != 0);
		link = &applicants->places[*link - 1U].next_by_address;
	}
	*link = place->next_by_address;
	memset(place, 0, sizeof(*place));
	place->next_by_uuid = applicants->free;
	applicants->free = (uint16_t)(index + 1U);
	applicants->count--;
}

void
peal_applicants_take_out(
	struct peal_applicants *applicants, uint16_t index, enum peal_applicants_chain chain)
{
	struct peal_applicant *place = &applicants->places[index];
	uint8_t queue = place->links[chain].queue;
	uint16_t next = place->links[chain].next;
	uint16_t before = place->links[chain].before;

	if (queue == PEAL_QUEUE_NONE) {
		return;
	}
	if (next != 0) {
		applicants->places[next - 1U].links[chain].before = before;
	} else {
		applicants->queues[queue].last = before;
	}
	if (before != 0) {
		applicants->places[before - 1U].links[chain].next = next;
	} else {
		applicants->queues[queue].first = next;
	}
	applicants->queues[queue].count--;
	memset(&place->links[chain], 0, sizeof(place->links[chain]));
}

void
peal_applicants_put(
	struct peal_applicants *applicants, uint16_t index, enum peal_applicants_queue queue)
{
	enum peal_applicants_chain chain = chain_of(queue);
	struct peal_applicant *place = &applicants->places[index];
	uint16_t last = 0;

	peal_applicants_take_out(applicants, index, chain);
	last = applicants->queues[queue].last;
	place->links[chain].queue = (uint8_t)queue;
	place->links[chain].before = last;
	if (last != 0) {
		applicants->places[last - 1U].links[chain].next = (uint16_t)(index + 1U);
	} else {
		applicants->queues[queue].first = (uint16_t)(index + 1U);
	}
	applicants->queues[queue].last = (uint16_t)(index + 1U);
	applicants->queues[queue].count++;
}

uint16_t
peal_applicants_first(const struct peal_applicants *applicants, enum peal_applicants_queue queue)
{
	uint16_t link = applicants->queues[queue].first;

	return link == 0 ? PEAL_APPLICANT_NONE : (uint16_t)(link - 1U);
}

uint16_t
peal_applicants_next(
	const struct peal_applicants *applicants, uint16_t index, enum peal_applicants_chain chain)
{
	uint16_t link = applicants->places[index].links[chain].next;

	return link == 0 ? PEAL_APPLICANT_NONE : (uint16_t)(link - 1U);
}

static bool
is_before(const struct peal_applicants *applicants, uint16_t a, uint16_t b)
{
	return peal_uuid_compare(
		       applicants->places[a].member.uuid, applicants->places[b].member.uuid) < 0;
}

static void
swap(uint16_t *indices, uint32_t a, uint32_t b)
{
	uint16_t kept = indices[a];

	indices[a] = indices[b];
	indices[b] = kept;
}

static void
sift_down(
	const struct peal_applicants *applicants, uint16_t *indices, uint32_t root, uint32_t count)
{
	for (uint32_t child = 2U * root + 1U; child < count; child = 2U * root + 1U) {
		if (child + 1U < count &&
			is_before(applicants, indices[child], indices[child + 1U])) {
			child++;
		}
		if (!is_before(applicants, indices[root], indices[child])) {
			return;
		}
		swap(indices, root, child);
		root = child;
	}
}

/* A heap sort. */
void
peal_applicants_sort(const struct peal_applicants *applicants, uint16_t *indices, uint32_t count)
{
	for (uint32_t root = count / 2U; root > 0; root--) {
		sift_down(applicants, indices, root - 1U, count);
	}
	for (uint32_t end = count; end > 1; end--) {
		swap(indices, 0, end - 1U);
		sift_down(applicants, indices, 0, end - 1U);
	}
}

void
peal_applicants_check(const struct peal_applicants *applicants)
{
	uint32_t queued_count[PEAL_CHAINS_COUNT] = {0};
	uint32_t linked_count[PEAL_CHAINS_COUNT] = {0};
	uint32_t found_count = 0;

	for (uint32_t queue = PEAL_QUEUE_FRESH; queue < PEAL_QUEUES_COUNT; queue++) {
		enum peal_applicants_chain chain = chain_of((enum peal_applicants_queue)queue);
		uint32_t count = 0;
		uint16_t index =
			peal_applicants_first(applicants, (enum peal_applicants_queue)queue);

		for (; index != PEAL_APPLICANT_NONE;
			index = peal_applicants_next(applicants, index, chain)) {
			PEAL_ASSERT(applicants->places[index].links[chain].queue == queue);
			count++;
		}
		PEAL_ASSERT(count == applicants->queues[queue].count);
		queued_count[chain] += count;
	}
	for (uint16_t index = 0; index < applicants->touched_count; index++) {
		const struct peal_applicant *place = &applicants->places[index];

		if (peal_uuid_is_none(place->member.uuid)) {
			continue;
		}
		found_count++;
		PEAL_ASSERT(peal_applicants_find_uuid(applicants, place->member.uuid) == index);
		PEAL_ASSERT(
			peal_applicants_find_address(applicants, &place->member.address) == index);
		for (uint32_t chain = 0; chain < PEAL_CHAINS_COUNT; chain++) {
			linked_count[chain] += place->links[chain].queue != 0 ? 1U : 0U;
		}
	}
	PEAL_ASSERT(found_count == applicants->count);
	for (uint32_t chain = 0; chain < PEAL_CHAINS_COUNT; chain++) {
		PEAL_ASSERT(queued_count[chain] == linked_count[chain]);
	}
}
