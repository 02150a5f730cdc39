/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_private.h"

#include "base/assert.h"

/* The first lease behind a seal, and by how much it may grow while the owner stays silent. */
#define LEASE_NS           UINT64_C(100000)
#define LEASE_DOUBLINGS    5U
#define TURN_SHARE         2U /* of seal_ns, before the next rank takes its turn */
#define PATIENCE_DOUBLINGS 8U
#define REPEAT_DOUBLINGS   5U

static void
begin_seal(const struct peal_abcast *abcast, enum peal_order_kind kind, uint8_t lane,
	struct peal_order_msg *message_out)
{
	peal_abcast_begin(abcast, kind, message_out);
	message_out->seal.lane = lane;
	message_out->seal.generation = abcast->lanes[lane].generation;
}

void
peal_abcast_take_back(struct peal_abcast *abcast, uint64_t last)
{
	struct peal_abcast_lane *own = peal_abcast_own(abcast);
	struct peal_abcast_entry entry;

	for (uint64_t seq = own->have; seq > last; seq--) {
		struct peal_abcast_queued queued;

		if (!peal_abcast_lane_take(own, seq, &entry)) {
			continue;
		}
		queued = (struct peal_abcast_queued){
			.token = entry.token, .bytes = entry.bytes, .size = entry.size};
		if (PEAL_BUG(ORDER_VOID_IS_LOST)) {
			abcast->config.user.release(abcast->config.user.state, entry.token);
			continue;
		}
		peal_abcast_queue_return(&abcast->queue, &queued);
		/* They waited long enough. */
		abcast->gather_from_ns = 0;
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_TAKEN_BACK);
	}
}

bool
peal_abcast_close(struct peal_abcast *abcast, uint8_t rank, uint16_t generation,
	const struct peal_abcast_end *end)
{
	struct peal_abcast_lane *lane = &abcast->lanes[rank];
	struct peal_abcast_seal *seal = &abcast->seals[rank];
	struct peal_abcast_keeper keeper = peal_abcast_keeper(abcast);
	bool is_own = rank == abcast->config.rank;

	if (generation < lane->generation) {
		if (seal->has_decided && seal->decided_generation == generation &&
			seal->decided.last != end->last) {
			peal_abcast_stop(abcast, PEAL_ABCAST_FAULT_DECISION);
		}
		return abcast->state != PEAL_ABCAST_STOPPED;
	}
	if (lane->delivered > end->last || lane->stable > end->last) {
		peal_abcast_stop(abcast, PEAL_ABCAST_FAULT_SEAL);
		return false;
	}
	if (is_own) {
		peal_abcast_take_back(abcast, end->last);
		if (!PEAL_BUG(ORDER_SEAL_BELOW_UNTIL)) {
			peal_abcast_clock_raise(&abcast->clock, end->until);
		}
	}
	peal_abcast_lane_seal(lane, generation, end->last, end->until, is_own, &keeper);
	peal_abcast_seal_close(seal, generation, end);
	peal_abcast_note(abcast, PEAL_COUNTER_ORDER_SEALS);
	abcast->pull_at_ns[rank] = 0;
	abcast->is_dirty = true;
	abcast->ticks_count = 0;
	return true;
}

static void
tell_decided(struct peal_abcast *abcast, uint8_t lane)
{
	for (uint8_t i = 0; i < abcast->ranks_count; i++) {
		if (i != abcast->config.rank) {
			peal_abcast_emit_decided(abcast, i, lane);
		}
	}
}

static void
count_accepted(struct peal_abcast *abcast, uint8_t rank, uint8_t lane, uint64_t ballot)
{
	struct peal_abcast_seal *seal = &abcast->seals[lane];
	uint16_t generation = abcast->lanes[lane].generation;

	if (peal_abcast_seal_on_accepted(seal, rank, ballot, peal_abcast_quorum(abcast))) {
		struct peal_abcast_end end = seal->end;

		if (peal_abcast_close(abcast, lane, generation, &end)) {
			tell_decided(abcast, lane);
		}
	}
}

/* All frames up to the end are here, accepted or only held. */
static bool
has_all(struct peal_abcast *abcast, uint8_t lane, uint64_t last, uint8_t source, uint64_t now_ns)
{
	uint64_t reach = peal_abcast_lane_reach(&abcast->lanes[lane]);

	if (reach >= last || PEAL_BUG(ORDER_SEAL_WITHOUT_FRAMES)) {
		return true;
	}
	if (now_ns >= abcast->pull_at_ns[lane] && source != abcast->config.rank) {
		peal_abcast_emit_pull(abcast, source, lane, reach + 1U, last, PEAL_ORDER_PULL_ALL);
		abcast->pull_at_ns[lane] = now_ns + abcast->timing.repair_ns / 2U;
	}
	return false;
}

/* As acceptor. True: accepted. */
static bool
accept(struct peal_abcast *abcast, uint8_t lane, uint64_t ballot, const struct peal_abcast_end *end,
	uint8_t source, uint64_t now_ns)
{
	struct peal_abcast_seal *seal = &abcast->seals[lane];

	if (!peal_abcast_seal_may_accept(seal, ballot) ||
		!has_all(abcast, lane, end->last, source, now_ns)) {
		return false;
	}
	peal_abcast_seal_accept(seal, ballot, end, now_ns);
	return true;
}

static void
send_accept(struct peal_abcast *abcast, uint8_t lane)
{
	const struct peal_abcast_seal *seal = &abcast->seals[lane];
	struct peal_order_msg message;

	begin_seal(abcast, PEAL_ORDER_SEAL_ACCEPT, lane, &message);
	message.seal.ballot = seal->ballot;
	message.seal.last = seal->end.last;
	message.seal.until = seal->end.until;
	peal_abcast_emit_all(abcast, &message);
}

/* Somebody who can give this rank what it lacks of a lane. */
static uint8_t
find_source(struct peal_abcast *abcast, uint8_t lane)
{
	uint8_t source = (uint8_t)(abcast->pull_from[lane] + abcast->pulls_count[lane]++);

	source = (uint8_t)(source % abcast->ranks_count);
	return source != abcast->config.rank ? source
					     : (uint8_t)((source + 1U) % abcast->ranks_count);
}

static void
accept_own(struct peal_abcast *abcast, uint8_t lane, uint64_t now_ns)
{
	struct peal_abcast_seal *seal = &abcast->seals[lane];
	uint8_t self = abcast->config.rank;

	if (seal->phase == PEAL_ABCAST_ACCEPTING && !peal_abcast_has(seal->answered, self) &&
		accept(abcast, lane, seal->ballot, &seal->end, find_source(abcast, lane), now_ns)) {
		count_accepted(abcast, self, lane, seal->ballot);
	}
}

static uint64_t
choose_until(const struct peal_abcast *abcast, uint8_t lane)
{
	uint32_t count = abcast->seals[lane].silent_count;
	uint64_t lease_ns =
		count == 0
			? 0
			: LEASE_NS << (count - 1U < LEASE_DOUBLINGS ? count - 1U : LEASE_DOUBLINGS);
	uint64_t until = abcast->clock.stamp;
	uint64_t before = abcast->seals[lane].decided.until;

	until = abcast->blocked_stamp > until ? abcast->blocked_stamp : until;
	/* Who missed seals learns the last one only: it must say what they all said. */
	until = before > until && !PEAL_BUG(ORDER_UNTIL_FALLS) ? before : until;
	until += lease_ns;
	return until < PEAL_ORDER_STAMP_MAX ? until : PEAL_ORDER_STAMP_MAX - 1U;
}

static void
count_promise(struct peal_abcast *abcast, uint8_t rank, uint8_t lane,
	const struct peal_abcast_promise *promise, uint64_t now_ns)
{
	if (peal_abcast_seal_on_promise(&abcast->seals[lane], rank, promise,
		    choose_until(abcast, lane), peal_abcast_quorum(abcast))) {
		if (promise->have >= abcast->seals[lane].end.last) {
			abcast->pull_from[lane] = rank;
			abcast->pulls_count[lane] = 0;
		}
		abcast->pull_at_ns[lane] = 0;
		send_accept(abcast, lane);
		accept_own(abcast, lane, now_ns);
	}
}

/* What this rank says of the lane when it promises. A lane that missed a seal before has its end
 * as a floor: what was fixed by it is nobody's to lose. */
static struct peal_abcast_promise
make_promise(const struct peal_abcast *abcast, uint8_t rank)
{
	const struct peal_abcast_lane *lane = &abcast->lanes[rank];
	const struct peal_abcast_seal *seal = &abcast->seals[rank];

	return (struct peal_abcast_promise){.ballot = seal->promised,
		.have = lane->have > lane->stable ? lane->have : lane->stable,
		.accepted = seal->accepted,
		.end = seal->accepted_end};
}

static void
on_prepare(struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns)
{
	uint8_t lane = message->seal.lane;
	struct peal_abcast_promise promise;
	struct peal_order_msg answer;

	/* The same again: the answer was lost. */
	if (!peal_abcast_seal_prepare(&abcast->seals[lane], message->seal.ballot, now_ns) &&
		abcast->seals[lane].promised != message->seal.ballot) {
		return;
	}
	promise = make_promise(abcast, lane);
	begin_seal(abcast, PEAL_ORDER_SEAL_PROMISE, lane, &answer);
	answer.seal.ballot = promise.ballot;
	answer.seal.have = promise.have;
	answer.seal.accepted = promise.accepted;
	answer.seal.last = promise.accepted != 0 ? promise.end.last : 0;
	answer.seal.until = promise.accepted != 0 ? promise.end.until : 0;
	peal_abcast_emit(abcast, message->head.rank, &answer);
}

static void
on_accept(struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns)
{
	const struct peal_order_seal *seal = &message->seal;
	struct peal_abcast_end end = {.last = seal->last, .until = seal->until};
	struct peal_order_msg answer;

	if (accept(abcast, seal->lane, seal->ballot, &end, message->head.rank, now_ns)) {
		begin_seal(abcast, PEAL_ORDER_SEAL_ACCEPTED, seal->lane, &answer);
		answer.seal.ballot = seal->ballot;
		peal_abcast_emit(abcast, message->head.rank, &answer);
	}
}

/* Ballots carry the rank of who proposes: nobody speaks for another. */
static bool
is_stranger(const struct peal_order_msg *message)
{
	bool is_proposal =
		message->kind == PEAL_ORDER_SEAL_PREPARE || message->kind == PEAL_ORDER_SEAL_ACCEPT;

	return is_proposal && (message->seal.ballot & 0xFFU) != message->head.rank;
}

void
peal_abcast_on_seal(
	struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns)
{
	const struct peal_order_seal *seal = &message->seal;
	uint8_t lane = seal->lane;
	struct peal_abcast_end end = {.last = seal->last, .until = seal->until};
	struct peal_abcast_promise promise = {
		.ballot = seal->ballot, .have = seal->have, .accepted = seal->accepted, .end = end};

	if (lane >= abcast->ranks_count || is_stranger(message)) {
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_REFUSED_SEAL);
		return;
	}
	if (message->kind == PEAL_ORDER_SEAL_DECIDED) {
		(void)peal_abcast_close(abcast, lane, seal->generation, &end);
		return;
	}
	if (seal->generation < abcast->lanes[lane].generation) {
		abcast->owed_seals[message->head.rank] |= (uint16_t)(1U << lane);
		return;
	}
	if (seal->generation > abcast->lanes[lane].generation) {
		/* It is told by who hears what this rank acknowledges. */
		abcast->is_dirty = true;
		return;
	}
	if (message->kind == PEAL_ORDER_SEAL_PREPARE) {
		on_prepare(abcast, message, now_ns);
	} else if (message->kind == PEAL_ORDER_SEAL_ACCEPT) {
		on_accept(abcast, message, now_ns);
	} else if (message->kind == PEAL_ORDER_SEAL_PROMISE) {
		count_promise(abcast, message->head.rank, lane, &promise, now_ns);
	} else {
		count_accepted(abcast, message->head.rank, lane, seal->ballot);
	}
}

static void
send_prepare(struct peal_abcast *abcast, uint8_t lane)
{
	struct peal_order_msg message;

	begin_seal(abcast, PEAL_ORDER_SEAL_PREPARE, lane, &message);
	message.seal.ballot = abcast->seals[lane].ballot;
	peal_abcast_emit_all(abcast, &message);
}

static void
propose(struct peal_abcast *abcast, uint8_t lane, uint64_t now_ns)
{
	struct peal_abcast_seal *seal = &abcast->seals[lane];
	uint64_t ballot = peal_abcast_seal_propose(seal, abcast->config.rank);
	struct peal_abcast_promise promise;

	peal_abcast_note(abcast, PEAL_COUNTER_ORDER_SEALS_STARTED);
	seal->repeats_count = 0;
	seal->repeat_at_ns = now_ns + abcast->timing.repair_ns;
	(void)peal_abcast_seal_prepare(seal, ballot, now_ns);
	send_prepare(abcast, lane);
	promise = make_promise(abcast, lane);
	count_promise(abcast, abcast->config.rank, lane, &promise, now_ns);
}

static void
repeat(struct peal_abcast *abcast, uint8_t lane, uint64_t now_ns)
{
	struct peal_abcast_seal *seal = &abcast->seals[lane];

	if (seal->promised > seal->ballot) {
		/* Somebody else does it. */
		seal->phase = PEAL_ABCAST_IDLE;
		return;
	}
	accept_own(abcast, lane, now_ns);
	if (seal->phase == PEAL_ABCAST_IDLE) {
		return;
	}
	if (now_ns < seal->repeat_at_ns) {
		peal_abcast_wake(abcast, seal->repeat_at_ns);
		return;
	}
	seal->repeats_count = seal->repeats_count < REPEAT_DOUBLINGS
				      ? (uint8_t)(seal->repeats_count + 1U)
				      : (uint8_t)REPEAT_DOUBLINGS;
	seal->repeat_at_ns = now_ns + (abcast->timing.repair_ns << seal->repeats_count);
	peal_abcast_wake(abcast, seal->repeat_at_ns);
	if (seal->phase == PEAL_ABCAST_PREPARING) {
		send_prepare(abcast, lane);
	} else {
		send_accept(abcast, lane);
	}
}

/* How long to leave a seal to who proposes it: longer after each round that came to nothing. On a
 * machine that is slow to run its processes a round takes longer than `wait_ns`, and two ranks that
 * do not wait for it overtake each other for ever. */
static uint64_t
find_patience_ns(const struct peal_abcast_seal *seal, uint64_t wait_ns)
{
	uint64_t rounds = seal->promised >> 8U;
	uint64_t doublings = rounds > 1U && !PEAL_BUG(ORDER_SEAL_IMPATIENT) ? rounds - 1U : 0;

	return wait_ns << (doublings < PATIENCE_DOUBLINGS ? doublings : PATIENCE_DOUBLINGS);
}

void
peal_abcast_run_seals(struct peal_abcast *abcast, uint64_t now_ns)
{
	const struct peal_abcast_timing *timing = &abcast->timing;
	uint64_t turn = peal_abcast_turn(abcast, now_ns);

	for (uint8_t i = 0; i < abcast->ranks_count; i++) {
		const struct peal_abcast_seal *seal = &abcast->seals[i];
		uint64_t late_ns = 2U * peal_abcast_late_ns(&abcast->owners_late[i], now_ns);
		/* Who is late again and again is waited for: a seal would make it later. */
		uint64_t wait_ns = late_ns > timing->seal_ns ? late_ns : timing->seal_ns;
		uint64_t due_at_ns = UINT64_MAX;

		wait_ns += turn * (wait_ns / TURN_SHARE);
		if (seal->phase != PEAL_ABCAST_IDLE) {
			repeat(abcast, i, now_ns);
			continue;
		}
		if (seal->promised != 0) {
			due_at_ns = seal->promised_at_ns + find_patience_ns(seal, wait_ns);
		} else if (abcast->blocked_seq != 0 && peal_abcast_has(abcast->blocked_on, i) &&
			   i != abcast->config.rank) {
			due_at_ns = abcast->blocked_at_ns + wait_ns;
		}
		if (due_at_ns > now_ns) {
			peal_abcast_wake(abcast, due_at_ns);
		} else if (abcast->lanes[i].generation < PEAL_ORDER_GENERATIONS_MAX) {
			propose(abcast, i, now_ns);
		}
	}
}
