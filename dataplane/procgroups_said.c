/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What this node says in order groups for process groups: messages of its clients, the places of
 * views, and a word for who begins to listen; and what has to be done when there is time for it.
 */
#include "dataplane/procgroups_private.h"

/* How long a word that was asked for may take before it is asked for again; how much apart words
 * are; when to look again at what found no room. */
#define KNOCK_NS UINT64_C(20000000)
#define FIRST_NS UINT64_C(200000)
#define WORD_NS  UINT64_C(5000000)
#define RETRY_NS UINT64_C(100000)

enum peal_procgroups_result
peal_procgroups_send_ordered(struct peal_procgroups *groups, struct peal_procgroups_seat *seat,
	uint8_t *message, uint32_t size)
{
	const struct peal_procgroups_user *user = &groups->config.user;
	const struct peal_procgroup *shown = peal_procgroup_table_get(&groups->shown, seat->group);
	enum peal_procgroups_result result;

	if (!seat->is_shown || shown == NULL) {
		return PEAL_PROCGROUPS_NOT_MEMBER;
	}
	const struct peal_orderhead_group head = {.kind = PEAL_ORDERHEAD_GROUP,
		.client = seat->client,
		.group = seat->group,
		.stamp = shown->stamp};

	peal_orderhead_group_encode(&head, message);
	result = user->order(user->state, seat->order, message, size);
	if (result == PEAL_PROCGROUPS_OK) {
		seat->away_count++;
		peal_procgroups_count(groups, PEAL_COUNTER_GROUP_MESSAGES_SENT);
	}
	return result;
}

void
peal_procgroups_mark_later(struct peal_procgroups *groups, struct peal_procgroup *group)
{
	group->is_mark_due = true;
	peal_procgroups_hurry(groups);
}

void
peal_procgroups_mark_all(struct peal_procgroups *groups, uint32_t order)
{
	for (uint32_t i = 0; i < PEAL_PROCGROUPS_MAX; i++) {
		struct peal_procgroup *group = &groups->table.groups[i];

		if (group->number != 0 && group->order != 0 &&
			(order == 0 || group->order == order)) {
			peal_procgroups_mark_later(groups, group);
		}
	}
}

/* Says where the views of groups are. False: there was no room for all. */
static bool
say_marks(struct peal_procgroups *groups)
{
	const struct peal_procgroups_user *user = &groups->config.user;
	uint8_t bytes[PEAL_ORDERHEAD_GROUP_SIZE];
	bool is_done = true;

	for (uint32_t i = 0; i < PEAL_PROCGROUPS_MAX; i++) {
		struct peal_procgroup *group = &groups->table.groups[i];
		const struct peal_orderhead_group head = {
			.kind = PEAL_ORDERHEAD_MARK, .group = group->number, .stamp = group->stamp};
		enum peal_procgroups_result result = PEAL_PROCGROUPS_NOT_RANK;

		if (group->number == 0 || !group->is_mark_due) {
			continue;
		}
		if (user->order != NULL &&
			(peal_procgroups_is_elder(groups) || !PEAL_BUG(TOTAL_MARKED_BY_ELDER)) &&
			!peal_procgroups_is_before(&group->stamp, &group->marked)) {
			peal_orderhead_group_encode(&head, bytes);
			result = user->order(user->state, group->order, bytes, sizeof(bytes));
		}
		if (result == PEAL_PROCGROUPS_OK) {
			peal_procgroups_count(groups, PEAL_COUNTER_GROUP_MARKS_SENT);
		}
		group->is_mark_due = result == PEAL_PROCGROUPS_FULL;
		is_done = is_done && !group->is_mark_due;
	}
	return is_done;
}

void
peal_procgroups_on_knock(struct peal_procgroups *groups, const struct peal_delivery *delivery)
{
	const struct peal_procgroups_user *user = &groups->config.user;
	struct peal_procgroups_order order;
	uint32_t id;

	if (!peal_procgroup_knock_decode(delivery->bytes, delivery->size, &id)) {
		peal_procgroups_count(groups, PEAL_COUNTER_GROUP_REFUSED_FORM);
		return;
	}
	for (uint32_t i = 0; i < groups->words_count; i++) {
		if (groups->words[i] == id) {
			return;
		}
	}
	if (user->order != NULL && groups->words_count < PEAL_ORDERGROUPS_MAX &&
		user->look(user->state, id, &order) && order.is_rank) {
		groups->words[groups->words_count++] = id;
		peal_procgroups_hurry(groups);
	}
}

/* Says a word where somebody waits for one; who finds no room has others say something. */
static void
say_words(struct peal_procgroups *groups, uint64_t now_ns)
{
	const struct peal_procgroups_user *user = &groups->config.user;
	const struct peal_orderhead_group head = {.kind = PEAL_ORDERHEAD_MARK};
	uint8_t bytes[PEAL_ORDERHEAD_GROUP_SIZE];

	if (groups->words_count == 0 || now_ns < groups->word_at_ns) {
		return;
	}
	peal_orderhead_group_encode(&head, bytes);
	for (uint32_t i = 0; i < groups->words_count; i++) {
		(void)user->order(user->state, groups->words[i], bytes, sizeof(bytes));
	}
	groups->words_count = 0;
	groups->word_at_ns = now_ns + WORD_NS;
}

/* Asks for a word where this node waits for one. A rank need not: it hears what comes next. */
static void
knock(struct peal_procgroups *groups, struct peal_procgroups_stream *stream, uint64_t now_ns)
{
	uint8_t bytes[PEAL_PROCGROUP_CONTROL_SIZE];

	if (stream->order.is_rank) {
		stream->is_begun = true;
		groups->is_asking_due = true;
	} else if (stream->knock_at_ns == 0) {
		/* Those who are to say it must have heard before that somebody listens. */
		stream->knock_at_ns = now_ns + FIRST_NS;
	} else if (now_ns >= stream->knock_at_ns) {
		bool is_said = peal_procgroups_cast(groups, bytes,
				       peal_procgroup_knock_encode(stream->order.id, bytes)) ==
			       PEAL_CAST_OK;

		stream->knock_at_ns = now_ns + (is_said ? KNOCK_NS : RETRY_NS);
	}
}

static bool
is_used(const struct peal_procgroups *groups, uint32_t id)
{
	for (uint32_t i = 0; i < PEAL_PROCGROUPS_SEATS_MAX && groups->seats_count > 0; i++) {
		if (groups->seats[i].state != PEAL_PROCGROUPS_FREE &&
			groups->seats[i].order == id) {
			return true;
		}
	}
	return false;
}

static void
run_stream(struct peal_procgroups *groups, struct peal_procgroups_stream *stream, uint64_t now_ns)
{
	const struct peal_procgroups_user *user = &groups->config.user;

	if (stream->is_lost) {
		peal_procgroups_drop_held(groups, stream);
		peal_procgroups_lose(groups, stream->order.id, stream->lost_end);
		peal_procgroups_hide_all(groups, stream->order.id);
		stream->is_lost = false;
	}
	if (!is_used(groups, stream->order.id)) {
		peal_procgroups_drop_held(groups, stream);
		(void)user->listen(user->state, stream->order.id, false);
		*stream = (struct peal_procgroups_stream){.is_begun = false};
		return;
	}
	if (!stream->is_begun) {
		knock(groups, stream, now_ns);
	}
	if (!stream->is_begun && stream->knock_at_ns < groups->order_at_ns) {
		groups->order_at_ns = stream->knock_at_ns;
	}
}

void
peal_procgroups_run_orders(struct peal_procgroups *groups, uint64_t now_ns)
{
	groups->order_at_ns = UINT64_MAX;
	if (groups->epoch == 0) {
		return;
	}
	for (uint32_t i = 0; i < PEAL_PROCGROUPS_STREAMS_MAX; i++) {
		if (groups->streams[i].order.id != 0) {
			run_stream(groups, &groups->streams[i], now_ns);
		}
	}
	say_words(groups, now_ns);
	if (groups->words_count > 0 && groups->word_at_ns < groups->order_at_ns) {
		groups->order_at_ns = groups->word_at_ns;
	}
	if (!say_marks(groups) && now_ns + RETRY_NS < groups->order_at_ns) {
		groups->order_at_ns = now_ns + RETRY_NS;
	}
}
