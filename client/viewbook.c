/* SPDX-License-Identifier: BSD-3-Clause */
#include "client/attachment.h"

#include <stdlib.h>
#include <string.h>

#define VIEWS_COUNT 3U

_Static_assert(sizeof(struct peal_member) == sizeof(struct peal_client_member),
	"members are copied as they come");

static uint32_t
coming_index(const struct peal_viewbook *book)
{
	return (book->shown + 1U) % VIEWS_COUNT;
}

static uint32_t
before_index(const struct peal_viewbook *book)
{
	return (book->shown + VIEWS_COUNT - 1U) % VIEWS_COUNT;
}

/* Room for the members of the view that is coming. */
static bool
make_room(struct peal_viewbook *book, uint32_t count)
{
	uint32_t index = coming_index(book);
	struct peal_member *members;

	if (count <= book->capacities[index]) {
		return true;
	}
	members = calloc(count, sizeof(*members));
	if (members == NULL) {
		return false;
	}
	free((void *)(uintptr_t)book->views[index].members);
	book->views[index].members = members;
	book->capacities[index] = count;
	return true;
}

static bool
is_in_order(const struct peal_viewbook *book, uint32_t first, uint32_t count)
{
	const struct peal_member *members = book->views[coming_index(book)].members;

	for (uint32_t rank = first > 0 ? first : 1U; rank < first + count; rank++) {
		if (members[rank].member <= members[rank - 1U].member) {
			return false;
		}
	}
	return true;
}

bool
peal_viewbook_add(
	struct peal_viewbook *book, const struct peal_shmring_record *record, bool *is_good_out)
{
	struct peal_client_view piece;
	struct peal_view *view;
	uint32_t count;

	*is_good_out = false;
	if (record->size < sizeof(piece)) {
		return false;
	}
	memcpy(&piece, record->bytes, sizeof(piece));
	count = (record->size - (uint32_t)sizeof(piece)) / (uint32_t)sizeof(struct peal_member);
	if (record->size != sizeof(piece) + count * sizeof(struct peal_member) ||
		piece.members_count > PEAL_MEMBERS_MAX ||
		count > (uint32_t)piece.members_count - piece.first ||
		piece.first > piece.members_count ||
		(piece.first > 0 &&
			(piece.first != book->coming_count || piece.epoch != book->coming.epoch ||
				piece.members_count != book->coming.members_count))) {
		return false;
	}
	if (!make_room(book, piece.members_count)) {
		return false;
	}
	book->coming = piece;
	view = &book->views[coming_index(book)];
	if (count > 0) {
		memcpy((struct peal_member *)(uintptr_t)view->members + piece.first,
			record->bytes + sizeof(piece), count * sizeof(struct peal_member));
	}
	book->coming_count = piece.first + count;
	*is_good_out = is_in_order(book, piece.first, count);
	if (!*is_good_out || book->coming_count < piece.members_count) {
		return false;
	}
	view->epoch = piece.epoch;
	view->self = piece.self_mid;
	view->tag = piece.view_tag;
	view->members_count = piece.members_count;
	book->shown = coming_index(book);
	book->coming_count = 0;
	book->is_comparing = view->epoch != 0;
	book->shown_rank = 0;
	book->before_rank = 0;
	/* In another life, or after none, everybody is new. */
	if (book->views[before_index(book)].epoch == 0 ||
		book->views[before_index(book)].self != view->self) {
		book->before_rank = book->views[before_index(book)].members_count;
	}
	return true;
}

bool
peal_viewbook_add_departed(struct peal_viewbook *book, const struct peal_shmring_record *record)
{
	struct peal_client_departed departed;

	if (record->size != sizeof(departed)) {
		return false;
	}
	memcpy(&departed, record->bytes, sizeof(departed));
	if (departed.departure <= PEAL_GONE_REPLACED && book->departed_count < PEAL_DIRECT_MAX) {
		book->departed[book->departed_count++] = departed;
	}
	return departed.departure <= PEAL_GONE_REPLACED;
}

static uint8_t
find_reason(const struct peal_viewbook *book, uint64_t member)
{
	for (uint32_t i = 0; i < book->departed_count; i++) {
		if (book->departed[i].mid == member) {
			return (uint8_t)book->departed[i].departure;
		}
	}
	return PEAL_GONE_UNKNOWN;
}

bool
peal_viewbook_next_change(struct peal_viewbook *book, struct peal_event *event_out)
{
	const struct peal_view *shown = &book->views[book->shown];
	const struct peal_view *before = &book->views[before_index(book)];

	while (book->is_comparing) {
		uint64_t now = book->shown_rank < shown->members_count
				       ? shown->members[book->shown_rank].member
				       : UINT64_MAX;
		uint64_t then = book->before_rank < before->members_count
					? before->members[book->before_rank].member
					: UINT64_MAX;

		if (now == then) {
			book->is_comparing = now != UINT64_MAX;
			book->departed_count = book->is_comparing ? book->departed_count : 0;
			book->shown_rank++;
			book->before_rank++;
			continue;
		}
		*event_out = (struct peal_event){
			.kind = now < then ? PEAL_EVENT_JOINED : PEAL_EVENT_GONE,
			.member = now < then ? now : then,
			.reason = now < then ? 0 : find_reason(book, then)};
		book->shown_rank += now < then;
		book->before_rank += now > then;
		return true;
	}
	return false;
}

bool
peal_viewbook_has(const struct peal_viewbook *book, uint64_t member)
{
	const struct peal_view *view = &book->views[book->shown];
	uint32_t low = 0, high = view->members_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2U;

		if (view->members[middle].member < member) {
			low = middle + 1U;
		} else {
			high = middle;
		}
	}
	return low < view->members_count && view->members[low].member == member;
}

void
peal_viewbook_free(struct peal_viewbook *book)
{
	for (uint32_t i = 0; i < VIEWS_COUNT; i++) {
		free((void *)(uintptr_t)book->views[i].members);
	}
}
