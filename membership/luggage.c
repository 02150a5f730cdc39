/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/luggage.h"

#include "base/assert.h"

#include <string.h>

_Static_assert(PEAL_LUGGAGE_PAGES_COUNT < PEAL_LUGGAGE_NONE, "a page has a number");
_Static_assert(PEAL_LUGGAGE_PAGES_COUNT % 64U == 0, "a set of pages has no loose bits");

static uint32_t
count_pages(uint16_t size)
{
	PEAL_ASSERT(size >= 1);
	PEAL_ASSERT(size <= PEAL_METADATA_SIZE_MAX);
	return (size + PEAL_LUGGAGE_PAGE_SIZE - 1U) / PEAL_LUGGAGE_PAGE_SIZE;
}

static bool
is_used(const struct peal_luggage *luggage, uint32_t page)
{
	return ((luggage->used[page / 64U] >> (page % 64U)) & 1U) != 0;
}

static uint16_t
mark(struct peal_luggage *luggage, uint32_t first_page, uint32_t count)
{
	for (uint32_t page = first_page; page < first_page + count; page++) {
		PEAL_ASSERT(!is_used(luggage, page));
		luggage->used[page / 64U] |= UINT64_C(1) << (page % 64U);
	}
	luggage->used_count += count;
	luggage->next_page = (first_page + count) % PEAL_LUGGAGE_PAGES_COUNT;
	return (uint16_t)first_page;
}

uint16_t
peal_luggage_take(struct peal_luggage *luggage, uint16_t size)
{
	uint32_t count = count_pages(size);
	uint32_t free_count = 0; /* in a row, before `page` */
	uint32_t page = luggage->next_page;

	if (PEAL_LUGGAGE_PAGES_COUNT - luggage->used_count < count) {
		return PEAL_LUGGAGE_NONE;
	}
	/* Once around, and so far again that a run across the beginning of the search is found. */
	for (uint32_t i = 0; i < PEAL_LUGGAGE_PAGES_COUNT + count; i++) {
		if (page == PEAL_LUGGAGE_PAGES_COUNT) {
			page = 0;
			free_count = 0;
		}
		free_count = is_used(luggage, page) ? 0 : free_count + 1U;
		page++;
		if (free_count == count) {
			return mark(luggage, page - count, count);
		}
	}
	return PEAL_LUGGAGE_NONE;
}

void
peal_luggage_give(struct peal_luggage *luggage, uint16_t first_page, uint16_t size)
{
	uint32_t count = count_pages(size);

	PEAL_ASSERT(first_page + count <= PEAL_LUGGAGE_PAGES_COUNT);
	for (uint32_t page = first_page; page < first_page + count; page++) {
		PEAL_ASSERT(is_used(luggage, page));
		luggage->used[page / 64U] &= ~(UINT64_C(1) << (page % 64U));
	}
	luggage->used_count -= count;
}

bool
peal_luggage_open(struct peal_luggage *luggage, struct peal_applicant *applicant)
{
	uint16_t size = applicant->tag.size;
	uint32_t chunks_count = (size + PEAL_CHUNK_SIZE_MAX - 1U) / PEAL_CHUNK_SIZE_MAX;
	uint16_t page = PEAL_LUGGAGE_NONE;

	if (size == 0 || applicant->luggage != 0) {
		return true;
	}
	page = peal_luggage_take(luggage, size);
	if (page == PEAL_LUGGAGE_NONE) {
		return false;
	}
	applicant->luggage = (uint16_t)(page + 1U);
	applicant->missing = (uint8_t)((1U << chunks_count) - 1U);
	return true;
}

enum peal_luggage_arrival
peal_luggage_add(struct peal_luggage *luggage, struct peal_applicant *applicant,
	const struct peal_join_ready *ready)
{
	uint16_t size = applicant->tag.size;
	uint32_t chunk = ready->offset / PEAL_CHUNK_SIZE_MAX;
	uint32_t end = ready->offset + PEAL_CHUNK_SIZE_MAX;
	uint8_t *bytes = NULL;

	if (applicant->missing == 0) {
		return PEAL_LUGGAGE_WHOLE;
	}
	if (ready->chunk_size == 0) {
		return PEAL_LUGGAGE_NOTHING;
	}
	end = end < size ? end : size;
	if (ready->offset >= size || ready->chunk_size != end - ready->offset) {
		return PEAL_LUGGAGE_SPOILED;
	}
	if (((applicant->missing >> chunk) & 1U) == 0) {
		return PEAL_LUGGAGE_NOTHING;
	}
	bytes = peal_luggage_bytes(luggage, (uint16_t)(applicant->luggage - 1U));
	memcpy(bytes + ready->offset, ready->chunk, ready->chunk_size);
	applicant->missing &= (uint8_t) ~(1U << chunk);
	if (applicant->missing != 0) {
		return PEAL_LUGGAGE_PART;
	}
	if (!peal_hash128_equals(peal_hash128(bytes, size, 0), applicant->tag.digest)) {
		return PEAL_LUGGAGE_SPOILED;
	}
	applicant->member.metadata = bytes;
	applicant->member.metadata_size = size;
	return PEAL_LUGGAGE_WHOLE;
}

void
peal_luggage_drop(struct peal_luggage *luggage, struct peal_applicant *applicant)
{
	if (applicant->luggage != 0) {
		peal_luggage_give(
			luggage, (uint16_t)(applicant->luggage - 1U), applicant->tag.size);
	}
	applicant->luggage = 0;
	applicant->missing = 0;
	applicant->member.metadata = NULL;
	applicant->member.metadata_size = 0;
}
