/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/check_orders.h"

#include "base/assert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define VIOLATE(check, ...) peal_report_violate((check)->report, *(check)->now_ns, __VA_ARGS__)

struct peal_check_orders *
peal_check_orders_create(struct peal_report *report, const uint64_t *now_ns)
{
	struct peal_check_orders *check = mmap(NULL, sizeof(*check), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	PEAL_ASSERT(check != MAP_FAILED);
	check->report = report;
	check->now_ns = now_ns;
	return check;
}

void
peal_check_orders_destroy(struct peal_check_orders *check)
{
	for (uint32_t i = 0; i < check->groups_count; i++) {
		free(check->groups[i].history);
		free(check->groups[i].readers);
		free(check->groups[i].gaps);
	}
	PEAL_ASSERT(munmap(check, sizeof(*check)) == 0);
}

struct peal_check_orders_group *
peal_check_orders_find_group(
	struct peal_check_orders *check, uint32_t cluster, uint32_t id, uint32_t generation)
{
	struct peal_check_orders_group *group;

	for (uint32_t i = 0; i < check->groups_count; i++) {
		group = &check->groups[i];
		if (group->cluster == cluster && group->id == id &&
			group->generation == generation) {
			return group;
		}
	}
	PEAL_ASSERT(check->groups_count < PEAL_CHECK_ORDERS_GROUPS_MAX);
	group = &check->groups[check->groups_count++];
	group->cluster = cluster;
	group->id = id;
	group->generation = generation;
	return group;
}

struct peal_check_orders_life *
peal_check_orders_find_life(struct peal_check_orders_group *group, uint64_t mid)
{
	uint32_t place = (uint32_t)(mid % PEAL_CHECK_ORDERS_LIVES_MAX);

	while (group->lives[place].mid != 0 && group->lives[place].mid != mid) {
		place = (place + 1U) % PEAL_CHECK_ORDERS_LIVES_MAX;
	}
	group->lives[place].mid = mid;
	return &group->lives[place];
}

/* Room for one more of `size` bytes behind `count`. */
static void *
grow(void *items, uint64_t count, uint64_t *capacity, size_t size)
{
	if (count < *capacity) {
		return items;
	}
	*capacity = *capacity == 0 ? 1024U : 2U * *capacity;
	items = realloc(items, *capacity * size);
	PEAL_ASSERT(items != NULL);
	return items;
}

uint32_t
peal_check_orders_add_reader(struct peal_check_orders_group *group, uint16_t node, uint64_t mid)
{
	group->readers = grow(group->readers, group->readers_count, &group->readers_capacity,
		sizeof(group->readers[0]));
	group->readers[group->readers_count] =
		(struct peal_check_orders_reader){.node = node, .mid = mid};
	return group->readers_count++;
}

static void
add_gap(struct peal_check_orders_group *group, uint32_t reader, uint64_t from, uint64_t to)
{
	group->gaps =
		grow(group->gaps, group->gaps_count, &group->gaps_capacity, sizeof(group->gaps[0]));
	group->gaps[group->gaps_count++] =
		(struct peal_check_orders_gap){.reader = reader, .from = from, .to = to};
}

/* Whether a reader was told that it misses a piece of a message: then it gets none of it. */
static bool
is_missed(const struct peal_check_orders_group *group, uint32_t reader,
	const struct peal_check_orders_entry *entry)
{
	for (uint32_t i = 0; i < group->gaps_count; i++) {
		const struct peal_check_orders_gap *gap = &group->gaps[i];

		for (uint32_t k = 0; gap->reader == reader && k < entry->pieces_count; k++) {
			if (entry->pieces[k] >= gap->from && entry->pieces[k] <= gap->to) {
				return true;
			}
		}
	}
	return false;
}

/* Where in the history the first message stands that is not before `position`. */
static uint64_t
find_place(const struct peal_check_orders_group *group, uint64_t position)
{
	uint64_t low = 0, high = group->count;

	while (low < high) {
		uint64_t middle = (low + high) / 2U;

		if (group->history[middle].position < position) {
			low = middle + 1U;
		} else {
			high = middle;
		}
	}
	return low;
}

/* Messages of one process are in its order, however late one is written. */
static void
compare_numbers(struct peal_check_orders *check, const struct peal_check_orders_group *group,
	uint16_t node, uint64_t at, const struct peal_check_orders_entry *entry)
{
	bool is_good = true;

	for (uint64_t i = 0; i < group->count; i++) {
		const struct peal_check_orders_entry *other = &group->history[i];

		is_good = is_good &&
			  (other->mid != entry->mid || (i < at ? other->number < entry->number
							       : other->number > entry->number));
	}
	if (!is_good) {
		VIOLATE(check,
			"n%u: message %" PRIu64 " of member %" PRIu64 " is at position %" PRIu64
			", out of its order",
			node, entry->number, entry->mid, entry->position);
	}
}

/* Whether a reader was told of a gap behind `position`. */
static bool
has_gap_behind(const struct peal_check_orders_group *group, uint32_t reader, uint64_t position)
{
	for (uint32_t i = 0; i < group->gaps_count; i++) {
		if (group->gaps[i].reader == reader && group->gaps[i].to > position) {
			return true;
		}
	}
	return false;
}

/* What is left out of the messages of a process was told to it to be in doubt before it said
 * anything more, but for what who has the next one misses itself. */
static void
compare_holes(struct peal_check_orders *check, const struct peal_check_orders_group *group,
	uint32_t reader, struct peal_check_orders_life *life,
	const struct peal_check_orders_entry *entry)
{
	uint64_t last_at = life->last_position;

	if (entry->number < life->last) {
		life->holes_count--;
		return;
	}
	life->holes_count += entry->number - life->last - 1U;
	life->last = entry->number;
	life->last_position = entry->position;
	if (life->holes_count <= life->told_count) {
		return;
	}
	life->told_count = life->holes_count;
	if (life->holes_count > life->doubtful_count + life->lost_count &&
		!has_gap_behind(group, reader, last_at)) {
		VIOLATE(check,
			"n%u: before message %" PRIu64 " of member %" PRIu64 " %" PRIu64
			" are left out, of which it was told of %" PRIu64,
			group->readers[reader].node, entry->number, entry->mid, life->holes_count,
			life->doubtful_count);
	}
}

static void
write_history(struct peal_check_orders *check, struct peal_check_orders_group *group,
	uint32_t reader, uint64_t at, const struct peal_check_orders_entry *entry)
{
	struct peal_check_orders_life *life = peal_check_orders_find_life(group, entry->mid);
	uint16_t node = group->readers[reader].node;

	if (at < group->count) {
		compare_numbers(check, group, node, at, entry);
	} else if (entry->number <= life->last) {
		VIOLATE(check,
			"n%u: message %" PRIu64 " of member %" PRIu64
			" is in order behind message %" PRIu64,
			node, entry->number, entry->mid, life->last);
	}
	if (entry->number > life->said_count) {
		VIOLATE(check,
			"n%u: message %" PRIu64 " of member %" PRIu64
			" is in order, who said %" PRIu64,
			node, entry->number, entry->mid, life->said_count);
	}
	for (uint32_t i = 0; i < group->readers_count; i++) {
		if (group->readers[i].passed >= entry->position && !is_missed(group, i, entry)) {
			VIOLATE(check,
				"n%u: has a message at position %" PRIu64
				" of group %u that another one left out untold",
				node, entry->position, group->id);
			break;
		}
	}
	group->history =
		grow(group->history, group->count, &group->capacity, sizeof(group->history[0]));
	memmove(&group->history[at + 1U], &group->history[at],
		(group->count - at) * sizeof(group->history[0]));
	group->history[at] = *entry;
	group->count++;
	compare_holes(check, group, reader, life, entry);
	check->report->messages_count++;
}

/* --- a reader --- */

/* It goes on behind `position`: of what stands up to there it was told. */
static void
pass(struct peal_check_orders *check, struct peal_check_orders_group *group, uint32_t index,
	uint64_t position)
{
	struct peal_check_orders_reader *reader = &group->readers[index];

	for (uint64_t at = find_place(group, reader->passed + 1U);
		at < group->count && group->history[at].position <= position; at++) {
		if (!is_missed(group, index, &group->history[at])) {
			VIOLATE(check,
				"n%u: goes on behind position %" PRIu64
				" of group %u without message %" PRIu64 " of member %" PRIu64
				" at %" PRIu64,
				reader->node, position, group->id, group->history[at].number,
				group->history[at].mid, group->history[at].position);
		}
	}
	reader->passed = position > reader->passed ? position : reader->passed;
}

static bool
is_same(const struct peal_check_orders_entry *a, const struct peal_check_orders_entry *b)
{
	return a->position == b->position && a->mid == b->mid && a->number == b->number &&
	       a->pieces_count == b->pieces_count &&
	       memcmp(a->pieces, b->pieces, a->pieces_count * sizeof(a->pieces[0])) == 0;
}

bool
peal_check_orders_on_message(struct peal_check_orders *check, struct peal_check_orders_group *group,
	uint32_t reader, const struct peal_check_orders_entry *entry)
{
	struct peal_check_orders_reader *self = &group->readers[reader];
	uint64_t at;

	if (!self->has_view) {
		VIOLATE(check,
			"n%u: a message of group %u is delivered, and nobody said where it begins",
			self->node, group->id);
	}
	if (entry->position <= self->passed) {
		VIOLATE(check, "n%u: a message at position %" PRIu64 " of group %u comes late",
			self->node, entry->position, group->id);
		return false;
	}
	if (is_missed(group, reader, entry)) {
		VIOLATE(check,
			"n%u: has the message at position %" PRIu64
			" of group %u, of which it was told that it misses a part",
			self->node, entry->position, group->id);
	}
	pass(check, group, reader, entry->position - 1U);
	at = find_place(group, entry->position);
	if (at == group->count || group->history[at].position != entry->position) {
		write_history(check, group, reader, at, entry);
	} else if (!is_same(&group->history[at], entry)) {
		const struct peal_check_orders_entry *found = &group->history[at];

		VIOLATE(check,
			"n%u: message %" PRIu64 " of member %" PRIu64 " is at position %" PRIu64
			" of group %u in %u pieces, where others had message %" PRIu64
			" of member %" PRIu64 " in %u",
			self->node, entry->number, entry->mid, entry->position, group->id,
			entry->pieces_count, found->number, found->mid, found->pieces_count);
	}
	self->passed = entry->position;
	if (entry->mid == self->mid) {
		peal_check_orders_find_life(group, entry->mid)->back_count++;
	}
	return true;
}

static void
compare_view(struct peal_check_orders *check, struct peal_check_orders_group *group, uint16_t node,
	const struct peal_orders_view *view)
{
	struct peal_check_orders_view *known =
		&group->views[view->view % PEAL_CHECK_ORDERS_VIEWS_MAX];

	if (view->view >= PEAL_CHECK_ORDERS_VIEWS_MAX) {
		VIOLATE(check, "view %u of group %u is more than can be compared", view->view,
			group->id);
		return;
	}
	if (!known->is_known) {
		known->is_known = true;
		known->view = *view;
		for (uint32_t i = 0; i < view->ranks_count && view->view > 1U; i++) {
			const struct peal_check_orders_view *before =
				&group->views[(view->view - 1U) % PEAL_CHECK_ORDERS_VIEWS_MAX];

			check->restarts_count +=
				before->view.members[i] != view->members[i] ? 1U : 0U;
		}
		return;
	}
	if (known->view.ranks_count != view->ranks_count || known->view.active != view->active ||
		known->view.position != view->position ||
		memcmp(known->view.members, view->members, sizeof(view->members)) != 0) {
		VIOLATE(check, "n%u: view %u of group %u is not what it is elsewhere", node,
			view->view, group->id);
	}
}

void
peal_check_orders_on_view(struct peal_check_orders *check, struct peal_check_orders_group *group,
	uint32_t reader, const struct peal_orders_view *view)
{
	struct peal_check_orders_reader *self = &group->readers[reader];

	compare_view(check, group, self->node, view);
	if (!self->has_view) {
		add_gap(group, reader, 0, view->position);
	}
	self->has_view = true;
	peal_check_orders_find_life(group, self->mid)->doubtful_count += view->doubtful_count;
	pass(check, group, reader, view->position);
}

void
peal_check_orders_on_skipped(struct peal_check_orders *check, struct peal_check_orders_group *group,
	uint32_t reader, uint64_t from, uint64_t to)
{
	const struct peal_check_orders_reader *self = &group->readers[reader];

	if (from > to || (self->has_view && from <= self->passed)) {
		VIOLATE(check,
			"n%u: is told that it misses %" PRIu64 " to %" PRIu64
			" of group %u, and has all up to %" PRIu64,
			self->node, from, to, group->id, self->passed);
	}
	add_gap(group, reader, from, to);
	pass(check, group, reader, to);
	group->readers[reader].has_view = true;
}

/* --- at the end --- */

bool
peal_check_orders_has_all(const struct peal_check_orders_group *group, uint32_t reader)
{
	for (uint64_t at = find_place(group, group->readers[reader].passed + 1U); at < group->count;
		at++) {
		if (!is_missed(group, reader, &group->history[at])) {
			return false;
		}
	}
	return true;
}

void
peal_check_orders_end(
	struct peal_check_orders *check, struct peal_check_orders_group *group, uint32_t reader)
{
	const struct peal_check_orders_reader *self = &group->readers[reader];
	const struct peal_check_orders_life *life = peal_check_orders_find_life(group, self->mid);
	uint64_t known_count = life->back_count + life->doubtful_count;

	if (!peal_check_orders_has_all(group, reader)) {
		VIOLATE(check, "n%u: lacks messages of group %u at the end", self->node, group->id);
	}
	if (known_count > life->said_count || known_count + life->lost_count < life->said_count) {
		VIOLATE(check,
			"n%u: of %" PRIu64 " messages in group %u %" PRIu64
			" came back and %" PRIu64 " are in doubt",
			self->node, life->said_count, group->id, life->back_count,
			life->doubtful_count);
	}
}
