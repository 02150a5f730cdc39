/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_private.h"

#include "base/assert.h"

#include <string.h>

/* How long ranks beyond a majority are awaited, in repairs; who is missing then is left out. */
#define CHOOSE_REPAIRS 4U
/* How long a proposal may take at first, in repairs, and how often that doubles. */
#define PATIENCE_REPAIRS   16U
#define PATIENCE_DOUBLINGS 8U

static void
begin_view(const struct peal_abcast *abcast, enum peal_order_kind kind, uint64_t ballot,
	struct peal_order_msg *message_out)
{
	peal_abcast_begin(abcast, kind, message_out);
	message_out->view.ballot = ballot;
}

static void
write_value(const struct peal_abcast *abcast, const struct peal_abcast_value *value,
	struct peal_order_msg *message)
{
	message->head.rows_count = peal_abcast_value_ranks_count(value);
	PEAL_ASSERT(message->head.rows_count >= abcast->ranks_count);
	message->view.has_value = true;
	message->view.active = value->active;
	message->view.counted = value->counted;
	memcpy(message->view.cuts, value->cuts, sizeof(message->view.cuts));
}

static void
read_value(const struct peal_order_msg *message, struct peal_abcast_value *value_out)
{
	memset(value_out, 0, sizeof(*value_out));
	if (message->view.has_value) {
		value_out->active = message->view.active;
		value_out->counted = message->view.counted;
		memcpy(value_out->cuts, message->view.cuts,
			message->head.rows_count * sizeof(value_out->cuts[0]));
	}
}

/* From here on nothing moves in this view but towards its end. */
static void
wedge(struct peal_abcast *abcast)
{
	if (abcast->state == PEAL_ABCAST_RUNNING) {
		abcast->state = PEAL_ABCAST_WEDGED;
		abcast->blocked_seq = 0;
		memset(abcast->pull_at_ns, 0, sizeof(abcast->pull_at_ns));
	}
}

static void
fill_reports(const struct peal_abcast *abcast, struct peal_order_report *reports_out)
{
	for (uint32_t i = 0; i < abcast->ranks_count; i++) {
		const struct peal_abcast_lane *lane = &abcast->lanes[i];
		const struct peal_abcast_seal *seal = &abcast->seals[i];

		reports_out[i] = (struct peal_order_report){.have = lane->have,
			.stable = lane->stable,
			.accepted = seal->accepted,
			.last = seal->accepted != 0 ? seal->accepted_end.last : 0,
			.generation = lane->generation};
	}
}

static void
on_prepare(struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns)
{
	const struct peal_abcast_change *change = &abcast->change;
	uint64_t ballot = message->view.ballot;
	struct peal_order_msg answer;

	if (!peal_abcast_change_prepare(&abcast->change, ballot, now_ns) &&
		change->promised != ballot) {
		return;
	}
	if (!PEAL_BUG(ORDER_VIEW_UNWEDGED)) {
		wedge(abcast);
	}
	begin_view(abcast, PEAL_ORDER_VIEW_STATE, ballot, &answer);
	answer.head.rows_count = abcast->ranks_count;
	fill_reports(abcast, answer.view.reports);
	if (change->accepted != 0) {
		answer.view.accepted = change->accepted;
		write_value(abcast, &change->accepted_value, &answer);
	}
	peal_abcast_emit(abcast, message->head.rank, &answer);
}

/*
 * Brings one lane to where it ends: further seals are applied, missing frames pulled. A lane that
 * is one generation past the cut learned a seal after others reported, and that seal says the same.
 */
static bool
bring_lane(
	struct peal_abcast *abcast, uint8_t rank, const struct peal_order_cut *cut, uint64_t now_ns)
{
	struct peal_abcast_lane *lane = &abcast->lanes[rank];
	uint64_t reach;
	uint8_t source;

	if (lane->generation < cut->generation) {
		struct peal_abcast_end end = {.last = cut->stable};

		if (!peal_abcast_close(abcast, rank, (uint16_t)(cut->generation - 1U), &end)) {
			return false;
		}
	}
	if (lane->delivered > cut->last || lane->generation > cut->generation + 1U ||
		(lane->generation == cut->generation + 1U && lane->stable != cut->last)) {
		peal_abcast_stop(abcast, PEAL_ABCAST_FAULT_CUT);
		return false;
	}
	reach = peal_abcast_lane_reach(lane);
	if (reach >= cut->last) {
		return true;
	}
	if (cut->last - lane->delivered > PEAL_ORDER_WINDOW) {
		/* No place for all that it would have to hold before it may deliver any of it. */
		abcast->is_behind = true;
		return false;
	}
	if (now_ns >= abcast->pull_at_ns[rank]) {
		source = (uint8_t)((abcast->pull_from[rank] + abcast->pulls_count[rank]++) %
				   abcast->ranks_count);
		source = source != abcast->config.rank
				 ? source
				 : (uint8_t)((source + 1U) % abcast->ranks_count);
		peal_abcast_emit_pull(
			abcast, source, rank, reach + 1U, cut->last, PEAL_ORDER_PULL_ALL);
		abcast->pull_at_ns[rank] = now_ns + abcast->timing.repair_ns;
	}
	peal_abcast_wake(abcast, abcast->pull_at_ns[rank]);
	return false;
}

static bool
bring(struct peal_abcast *abcast, const struct peal_abcast_value *value, uint64_t now_ns)
{
	bool is_here = true;

	for (uint8_t i = 0; i < abcast->ranks_count; i++) {
		is_here = bring_lane(abcast, i, &value->cuts[i], now_ns) && is_here;
		if (abcast->state == PEAL_ABCAST_STOPPED) {
			return false;
		}
	}
	return is_here;
}

/* Frames that are held and in the cut count now; the others never will. */
static void
apply_cut(struct peal_abcast *abcast, const struct peal_abcast_value *value)
{
	struct peal_abcast_keeper keeper = peal_abcast_keeper(abcast);

	for (uint8_t i = 0; i < abcast->ranks_count; i++) {
		struct peal_abcast_lane *lane = &abcast->lanes[i];
		uint64_t last = value->cuts[i].last;

		if (i == abcast->config.rank) {
			peal_abcast_take_back(abcast, last);
		}
		while (lane->have < last) {
			const struct peal_abcast_entry *entry = peal_abcast_lane_next(lane);

			PEAL_ASSERT(entry != NULL);
			if (abcast->final_stamp != 0 &&
				(entry->stamp < abcast->final_stamp ||
					(entry->stamp == abcast->final_stamp &&
						i <= abcast->final_rank))) {
				peal_abcast_stop(abcast, PEAL_ABCAST_FAULT_CUT);
				return;
			}
			peal_abcast_lane_accept(lane);
		}
		peal_abcast_lane_truncate(lane, last, &keeper);
	}
}

void
peal_abcast_settle(struct peal_abcast *abcast, uint64_t now_ns)
{
	struct peal_abcast_value value = abcast->pending;
	struct peal_abcast_news how = {0};
	bool is_decided_here = !abcast->has_pending_digest;

	if (!abcast->has_pending || abcast->state != PEAL_ABCAST_WEDGED) {
		return;
	}
	if (abcast->is_behind && abcast->has_pending_digest) {
		peal_abcast_skip(abcast, abcast->view + 1U, &value, abcast->pending_position,
			abcast->pending_digest, now_ns);
		return;
	}
	if (!bring(abcast, &value, now_ns)) {
		if (abcast->is_behind) {
			peal_abcast_wake(abcast, now_ns);
		}
		return;
	}
	apply_cut(abcast, &value);
	peal_abcast_final_all(abcast);
	if (abcast->state == PEAL_ABCAST_STOPPED) {
		return;
	}
	if (abcast->has_pending_digest && (abcast->pending_position != abcast->digest.position ||
						  abcast->pending_digest != abcast->digest.value)) {
		peal_abcast_stop(abcast, PEAL_ABCAST_FAULT_DIGEST);
		return;
	}
	if (value.cuts[abcast->config.rank].member != abcast->config.member) {
		peal_abcast_stop(abcast, PEAL_ABCAST_FAULT_REPLACED);
		return;
	}
	peal_abcast_enter(abcast, abcast->view + 1U, &value, &how, now_ns);
	if (is_decided_here) {
		/* Nobody else knows, and only now this rank can say where the view begins. */
		abcast->owed_view = (uint16_t)(abcast->all & ~(1U << abcast->config.rank));
		abcast->owed_at_ns = now_ns;
	}
}

static void
count_accepted(struct peal_abcast *abcast, uint8_t rank, uint64_t ballot, uint64_t now_ns)
{
	struct peal_abcast_change *change = &abcast->change;

	if (!peal_abcast_change_on_accepted(change, rank, ballot, peal_abcast_quorum(abcast))) {
		return;
	}
	abcast->has_pending = true;
	abcast->has_pending_digest = false;
	abcast->pending = change->value;
	peal_abcast_settle(abcast, now_ns);
}

/* As acceptor. True: accepted; false: not yet, or not at all. */
static bool
accept(struct peal_abcast *abcast, uint64_t ballot, const struct peal_abcast_value *value,
	uint64_t now_ns)
{
	if (ballot < abcast->change.promised) {
		return false;
	}
	wedge(abcast);
	return bring(abcast, value, now_ns) &&
	       peal_abcast_change_accept(&abcast->change, ballot, value, now_ns);
}

static void
accept_own(struct peal_abcast *abcast, uint64_t now_ns)
{
	struct peal_abcast_change *change = &abcast->change;
	uint8_t self = abcast->config.rank;

	if (change->phase == PEAL_ABCAST_ACCEPTING && !peal_abcast_has(change->acceptances, self) &&
		accept(abcast, change->ballot, &change->value, now_ns)) {
		count_accepted(abcast, self, change->ballot, now_ns);
	}
}

static void
on_accept(struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns)
{
	struct peal_abcast_value value;
	struct peal_order_msg answer;

	read_value(message, &value);
	for (uint32_t i = 0; i < abcast->ranks_count; i++) {
		/* Who proposes has all of it, but for the time until it is repeated. */
		if (abcast->pulls_count[i] == 0) {
			abcast->pull_from[i] = message->head.rank;
		}
	}
	if (accept(abcast, message->view.ballot, &value, now_ns)) {
		begin_view(abcast, PEAL_ORDER_VIEW_ACCEPTED, message->view.ballot, &answer);
		peal_abcast_emit(abcast, message->head.rank, &answer);
	}
}

static void
send_accept(struct peal_abcast *abcast)
{
	struct peal_order_msg message;

	begin_view(abcast, PEAL_ORDER_VIEW_ACCEPT, abcast->change.ballot, &message);
	write_value(abcast, &abcast->change.value, &message);
	peal_abcast_emit_all(abcast, &message);
}

static void
send_prepare(struct peal_abcast *abcast)
{
	struct peal_order_msg message;

	begin_view(abcast, PEAL_ORDER_VIEW_PREPARE, abcast->change.ballot, &message);
	peal_abcast_emit_all(abcast, &message);
}

/* Once a majority has promised and the others had their time. */
static void
choose(struct peal_abcast *abcast, uint64_t now_ns)
{
	struct peal_abcast_change *change = &abcast->change;
	uint16_t awaited = (uint16_t)(abcast->all & ~peal_abcast_silent(abcast, now_ns));
	struct peal_abcast_value next;

	if (change->phase != PEAL_ABCAST_PREPARING ||
		!peal_abcast_quorum_is_in(peal_abcast_quorum(abcast), change->promises)) {
		return;
	}
	if (change->choose_at_ns == 0) {
		change->choose_at_ns = now_ns + CHOOSE_REPAIRS * abcast->timing.repair_ns;
	}
	if ((awaited & ~change->promises) != 0 && now_ns < change->choose_at_ns) {
		peal_abcast_wake(abcast, change->choose_at_ns);
		return;
	}
	peal_abcast_plan(abcast, change->promises, &next);
	peal_abcast_change_choose(change, abcast->ranks_count, &next);
	send_accept(abcast);
	accept_own(abcast, now_ns);
}

static void
on_state(struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns)
{
	struct peal_abcast_value value;
	struct peal_abcast_state state = {.ballot = message->view.ballot,
		.accepted = message->view.accepted,
		.value = &value,
		.reports = message->view.reports};

	read_value(message, &value);
	if (peal_abcast_change_on_state(
		    &abcast->change, message->head.rank, &state, abcast->ranks_count)) {
		choose(abcast, now_ns);
	}
}

/* Ballots carry the rank of who proposes; rows are those of this group. */
static bool
is_refused(struct peal_abcast *abcast, const struct peal_order_msg *message)
{
	uint8_t kind = message->kind;
	bool is_proposal = kind == PEAL_ORDER_VIEW_PREPARE || kind == PEAL_ORDER_VIEW_ACCEPT;
	bool has_rows = kind == PEAL_ORDER_VIEW_ACCEPT || kind == PEAL_ORDER_VIEW_STATE;

	if ((is_proposal && (message->view.ballot & 0xFFU) != message->head.rank) ||
		(has_rows && !peal_abcast_is_fit(abcast, message))) {
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_REFUSED_VIEW);
		return true;
	}
	return false;
}

void
peal_abcast_on_view(
	struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns)
{
	if (is_refused(abcast, message)) {
		return;
	}
	if (message->kind == PEAL_ORDER_VIEW_PREPARE) {
		on_prepare(abcast, message, now_ns);
	} else if (message->kind == PEAL_ORDER_VIEW_STATE) {
		on_state(abcast, message, now_ns);
	} else if (message->kind == PEAL_ORDER_VIEW_ACCEPT) {
		on_accept(abcast, message, now_ns);
	} else {
		count_accepted(abcast, message->head.rank, message->view.ballot, now_ns);
	}
}

/* Two decisions of one view cannot be. */
static void
compare_latest(struct peal_abcast *abcast, const struct peal_abcast_value *value)
{
	bool is_same =
		value->active == abcast->latest.active && value->counted == abcast->latest.counted;

	for (uint32_t i = 0; i < PEAL_ORDER_RANKS_MAX; i++) {
		is_same = is_same && value->cuts[i].member == abcast->latest.cuts[i].member &&
			  value->cuts[i].last == abcast->latest.cuts[i].last;
	}
	if (!is_same) {
		peal_abcast_stop(abcast, PEAL_ABCAST_FAULT_DECISION);
	}
}

void
peal_abcast_on_install(
	struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns)
{
	const struct peal_order_view *view = &message->view;
	struct peal_abcast_value value;
	uint8_t ranks_count;
	uint64_t member;

	read_value(message, &value);
	ranks_count = peal_abcast_value_ranks_count(&value);
	if (message->head.rows_count > peal_order_ranks_limit(abcast->config.ranks_count) ||
		ranks_count < abcast->config.ranks_count ||
		(abcast->state != PEAL_ABCAST_OUT && ranks_count < abcast->ranks_count &&
			message->head.view >= abcast->view)) {
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_REFUSED_VIEW);
		return;
	}
	member = value.cuts[abcast->config.rank].member;
	if (message->head.view == abcast->view && abcast->state != PEAL_ABCAST_OUT) {
		compare_latest(abcast, &value);
		return;
	}
	if (message->head.view < abcast->view || member < abcast->config.member) {
		return;
	}
	if (member > abcast->config.member) {
		peal_abcast_stop(abcast, PEAL_ABCAST_FAULT_REPLACED);
		return;
	}
	if (abcast->state == PEAL_ABCAST_OUT || message->head.view > abcast->view + 1U) {
		peal_abcast_skip(
			abcast, message->head.view, &value, view->position, view->digest, now_ns);
		return;
	}
	wedge(abcast);
	for (uint32_t i = 0; i < abcast->ranks_count && !abcast->has_pending; i++) {
		abcast->pull_from[i] = message->head.rank;
		abcast->pull_at_ns[i] = 0;
	}
	abcast->has_pending = true;
	abcast->has_pending_digest = true;
	abcast->pending = value;
	abcast->pending_position = view->position;
	abcast->pending_digest = view->digest;
	peal_abcast_settle(abcast, now_ns);
}

/* How long a change of this rank may take: longer each time, since frames may have to come first.
 */
static uint64_t
find_patience_ns(const struct peal_abcast *abcast)
{
	uint64_t rounds = abcast->change.round;

	return PATIENCE_REPAIRS * abcast->timing.repair_ns
	       << (rounds < PATIENCE_DOUBLINGS ? rounds : PATIENCE_DOUBLINGS);
}

/* Who is silent may not know of this view, and speak to those who held the ranks before. */
static void
tell_silent(struct peal_abcast *abcast, uint64_t now_ns)
{
	uint16_t silent = peal_abcast_silent(abcast, now_ns);

	for (uint8_t i = 0; i < abcast->ranks_count; i++) {
		if (peal_abcast_has(silent, i)) {
			peal_abcast_tell(abcast, i);
		}
	}
}

void
peal_abcast_propose_view(struct peal_abcast *abcast, uint64_t now_ns)
{
	struct peal_abcast_change *change = &abcast->change;
	struct peal_abcast_state state = {.reports = NULL};
	struct peal_order_report reports[PEAL_ORDER_RANKS_MAX];

	if (change->phase != PEAL_ABCAST_IDLE && change->promised <= change->ballot) {
		/* Under way. */
		choose(abcast, now_ns);
		accept_own(abcast, now_ns);
		if (change->phase != PEAL_ABCAST_IDLE && now_ns >= change->repeat_at_ns) {
			change->repeat_at_ns = now_ns + 2U * abcast->timing.repair_ns;
			if (change->phase == PEAL_ABCAST_PREPARING) {
				send_prepare(abcast);
			} else {
				send_accept(abcast);
			}
		}
		peal_abcast_wake(abcast, change->repeat_at_ns);
		return;
	}
	peal_abcast_note(abcast, PEAL_COUNTER_ORDER_CHANGES_STARTED);
	tell_silent(abcast, now_ns);
	(void)peal_abcast_change_propose(change, abcast->config.rank);
	change->repeat_at_ns = now_ns + 2U * abcast->timing.repair_ns;
	change->give_up_at_ns = now_ns + find_patience_ns(abcast);
	peal_abcast_wake(abcast, change->repeat_at_ns);
	(void)peal_abcast_change_prepare(change, change->ballot, now_ns);
	if (!PEAL_BUG(ORDER_VIEW_UNWEDGED)) {
		wedge(abcast);
	}
	send_prepare(abcast);
	fill_reports(abcast, reports);
	state = (struct peal_abcast_state){.ballot = change->ballot,
		.accepted = change->accepted,
		.value = &change->accepted_value,
		.reports = reports};
	(void)peal_abcast_change_on_state(change, abcast->config.rank, &state, abcast->ranks_count);
	choose(abcast, now_ns);
}
