/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/simcast.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/prng.h"
#include "sim/simpattern.h"

#include <inttypes.h>
#include <string.h>

#define MESSAGE_SIZE_MAX 6000U
#define PATTERN_STEP     7U
#define HEAD_SIZE        16U        /* life u32, size u32, index u64 */
#define VALUE_MARK       UINT32_MAX /* in place of the size, for latest values */
#define VALUE_NUMBER     3U

/* Byte `at` of message `index` of a life. */
static uint8_t
pattern(uint32_t life, uint64_t index, uint32_t at)
{
	return (uint8_t)(UINT64_C(131) * life + index * 17U + (uint64_t)PATTERN_STEP * at);
}

static uint64_t
now_of(const struct peal_simcast *simcast)
{
	return *simcast->ledger->now_ns;
}

/* A latest value: none that was heard is followed by an older one. */
static void
take_value(struct peal_simcast *simcast, const uint8_t *bytes)
{
	struct peal_simcast_ledger *ledger = simcast->ledger;
	uint32_t life = 0;
	uint64_t version = 0;

	memcpy(&life, bytes, 4);
	memcpy(&version, bytes + 8, 8);
	if (life == 0 || life > ledger->lives_count || version > ledger->lives[life].version ||
		version < simcast->heard[life].version) {
		peal_report_violate(ledger->report, now_of(simcast),
			"n%u: value %" PRIu64 " of life %u was delivered behind value %" PRIu64,
			simcast->index, version, life,
			life < PEAL_SIMCAST_LIVES_MAX ? simcast->heard[life].version : 0);
		return;
	}
	simcast->heard[life].version = version;
	simcast->set += peal_hash_mix((uint64_t)life << 40 ^ version ^ UINT64_C(1) << 63);
}

static bool
is_value(const struct peal_delivery *delivery)
{
	uint32_t size = 0;

	if (delivery->message_size == HEAD_SIZE) {
		memcpy(&size, delivery->bytes + 4, 4);
	}
	return size == VALUE_MARK;
}

/* What its origin gave up is not waited for. */
static void
skip_gaps(const struct peal_simcast_ledger *ledger, uint32_t life, struct peal_simcast_heard *heard)
{
	for (uint32_t i = 0; i < ledger->gaps_count; i++) {
		const struct peal_simcast_gap *gap = &ledger->gaps[i];

		if (gap->life == life && gap->first == heard->next_index) {
			heard->next_index += gap->count;
		}
	}
}

/* The first part of a message says which one it is. 0: it cannot be. */
static uint32_t
begin_message(struct peal_simcast *simcast, const struct peal_delivery *delivery)
{
	struct peal_simcast_ledger *ledger = simcast->ledger;
	struct peal_simcast_heard *heard;
	uint32_t life = 0;
	uint32_t size = 0;
	uint64_t index = 0;

	memcpy(&life, delivery->bytes, 4);
	memcpy(&size, delivery->bytes + 4, 4);
	memcpy(&index, delivery->bytes + 8, 8);
	if (life == 0 || life > ledger->lives_count || size != delivery->message_size ||
		index >= ledger->lives[life].accepted_count) {
		peal_report_violate(ledger->report, now_of(simcast),
			"n%u: message %" PRIu64 " of life %u was delivered and never cast",
			simcast->index, index, life);
		return 0;
	}
	heard = &simcast->heard[life];
	skip_gaps(ledger, life, heard);
	if (heard->is_known && index != heard->next_index) {
		peal_report_violate(ledger->report, now_of(simcast),
			"n%u: message %" PRIu64 " of life %u was delivered where %" PRIu64
			" is next",
			simcast->index, index, life, heard->next_index);
	}
	heard->is_known = true;
	heard->next_index = index;
	return life;
}

static void
check_bytes(const struct peal_simcast *simcast, uint32_t life, uint32_t from,
	const struct peal_delivery *delivery)
{
	uint64_t index = simcast->heard[life].next_index;

	uint32_t at = from + peal_simpattern_check(delivery->bytes + from, delivery->size - from,
				     pattern(life, index, delivery->offset + from), PATTERN_STEP);

	if (at < delivery->size) {
		peal_report_violate(simcast->ledger->report, now_of(simcast),
			"n%u: message %" PRIu64 " of life %u is spoiled at byte %u", simcast->index,
			index, life, delivery->offset + at);
	}
}

static void
note_gap(struct peal_simcast *simcast)
{
	uint64_t now_ns = now_of(simcast);

	if (simcast->heard_at_ns != 0 && now_ns - simcast->heard_at_ns > simcast->gap_ns) {
		simcast->gap_ns = now_ns - simcast->heard_at_ns;
	}
	simcast->heard_at_ns = now_ns;
}

static void
note_latency(struct peal_simcast *simcast, uint64_t index)
{
	uint64_t at_ns = simcast->ledger->accepted_at_ns[index % PEAL_SIMCAST_TIMES_MAX];

	peal_histogram_record(&simcast->latency, now_of(simcast) - at_ns);
}

static void
deliver(void *state, uint32_t origin, const struct peal_delivery *delivery)
{
	struct peal_simcast *simcast = state;
	uint32_t *part_life = &simcast->part_lives[origin % PEAL_SIMCAST_LIVES_MAX];
	uint32_t from = 0;

	note_gap(simcast);
	simcast->bytes += delivery->size;
	if (delivery->offset == 0 && is_value(delivery)) {
		take_value(simcast, delivery->bytes);
		return;
	}
	if (delivery->offset == 0) {
		if (delivery->size < HEAD_SIZE) {
			peal_report_violate(simcast->ledger->report, now_of(simcast),
				"n%u: a message of %u bytes was delivered", simcast->index,
				delivery->size);
			return;
		}
		*part_life = begin_message(simcast, delivery);
		from = HEAD_SIZE;
	}
	if (*part_life == 0) {
		return;
	}
	check_bytes(simcast, *part_life, from, delivery);
	if (delivery->offset + delivery->size == delivery->message_size) {
		simcast->set += peal_hash_mix(
			(uint64_t)*part_life << 40 ^ simcast->heard[*part_life].next_index);
		if (simcast->ledger->is_timed) {
			note_latency(simcast, simcast->heard[*part_life].next_index);
		}
		simcast->heard[*part_life].next_index++;
		simcast->delivered_count++;
	}
}

/* Compares with who made the same passage before. */
static void
note_passage(struct peal_simcast *simcast, uint64_t to_epoch)
{
	struct peal_simcast_ledger *ledger = simcast->ledger;

	ledger->passages_total++;
	for (uint32_t i = 0; i < ledger->passages_count; i++) {
		const struct peal_simcast_passage *one = &ledger->passages[i];

		if (one->cluster == simcast->cluster && one->from_epoch == simcast->epoch &&
			one->to_epoch == to_epoch) {
			if (one->set != simcast->set) {
				peal_report_violate(ledger->report, now_of(simcast),
					"n%u and n%u went from epoch %" PRIu64 " to %" PRIu64
					" and did not deliver the same set",
					one->node, simcast->index, simcast->epoch, to_epoch);
			}
			return;
		}
	}
	if (ledger->passages_count < PEAL_SIMCAST_VIEWS_MAX) {
		ledger->passages[ledger->passages_count++] =
			(struct peal_simcast_passage){.cluster = simcast->cluster,
				.from_epoch = simcast->epoch,
				.to_epoch = to_epoch,
				.set = simcast->set,
				.node = simcast->index};
	}
}

static void
on_view(void *state, uint64_t epoch, uint32_t view_tag)
{
	struct peal_simcast *simcast = state;
	struct peal_simcast_ledger *ledger = simcast->ledger;

	(void)view_tag;
	if (simcast->is_member) {
		note_passage(simcast, epoch);
	} else if (ledger->lives_count < PEAL_SIMCAST_LIVES_MAX - 1U) {
		simcast->life = ++ledger->lives_count;
		ledger->lives[simcast->life].node = simcast->index;
	}
	simcast->is_member = true;
	simcast->cluster = simcast->cast.cluster;
	simcast->epoch = epoch;
	simcast->set = 0;
}

/* Who is in the same view has delivered all that its origin was told is not in doubt. */
static void
check_told(const struct peal_simcast *simcast, uint32_t life)
{
	const struct peal_simcast_ledger *ledger = simcast->ledger;
	uint64_t accepted_count = ledger->lives[life].accepted_count;
	uint64_t lost_count = ledger->lives[life].lost_count;
	/* Values in doubt are among those that were lost, and not among those that were accepted.
	 */
	uint64_t sure_count = accepted_count > lost_count ? accepted_count - lost_count : 0;

	for (uint32_t i = 0; i < ledger->casts_count; i++) {
		const struct peal_simcast *other = &ledger->casts[i];
		struct peal_simcast_heard next = other->heard[life];

		skip_gaps(ledger, life, &next);
		if (other->is_member && other->cluster == simcast->cluster &&
			other->epoch == simcast->epoch && next.is_known &&
			next.next_index < sure_count) {
			peal_report_violate(ledger->report, now_of(simcast),
				"n%u has %" PRIu64
				" messages of life %u, whose end reported %" PRIu64 " of %" PRIu64
				" in doubt",
				i, other->heard[life].next_index, life, lost_count, accepted_count);
		}
	}
}

static void
leave_group(struct peal_simcast *simcast)
{
	simcast->ledger->lives[simcast->life].is_over = true;
	simcast->life = 0;
	simcast->is_member = false;
	memset(simcast->heard, 0, sizeof(simcast->heard));
	memset(simcast->part_lives, 0, sizeof(simcast->part_lives));
}

static void
ended(void *state, uint64_t lost_count)
{
	struct peal_simcast *simcast = state;
	struct peal_simcast_life *life = &simcast->ledger->lives[simcast->life];

	life->lost_count = lost_count;
	if (simcast->life != 0 && lost_count > life->accepted_count + life->version) {
		peal_report_violate(simcast->ledger->report, now_of(simcast),
			"n%u: %" PRIu64 " of %" PRIu64 " messages of life %u are reported in doubt",
			simcast->index, lost_count, life->accepted_count, simcast->life);
	} else if (simcast->life != 0) {
		check_told(simcast, simcast->life);
	}
	leave_group(simcast);
}

static void
release(void *state, uint64_t token)
{
	(void)state;
	(void)token;
}

/* The oldest messages of which nothing was sent: those behind what was delivered here, for own ones
 * are delivered when they are sent, and behind one that is being cut. */
static void
dropped(void *state, uint64_t count)
{
	struct peal_simcast *simcast = state;
	struct peal_simcast_ledger *ledger = simcast->ledger;
	struct peal_simcast_heard *heard = &simcast->heard[simcast->life];

	skip_gaps(ledger, simcast->life, heard);
	PEAL_ASSERT(ledger->gaps_count < PEAL_SIMCAST_GAPS_MAX);
	ledger->gaps[ledger->gaps_count++] = (struct peal_simcast_gap){.life = simcast->life,
		.first = heard->next_index + (simcast->cast.cut.offset != 0 ? 1U : 0U),
		.count = count};
	ledger->dropped_count += count;
}

void
peal_simcast_start(struct peal_simcast *simcast, struct peal_egress *egress,
	struct peal_counters *counters, uint64_t seed, uint64_t now_ns)
{
	const struct peal_cast_config config = {.egress = egress,
		.counters = counters,
		.user = {.deliver = deliver,
			.view = on_view,
			.ended = ended,
			.release = release,
			.dropped = dropped,
			.state = simcast},
		.queue_bytes = simcast->queue,
		.queue_capacity = PEAL_SIMCAST_QUEUE_SIZE,
		.frame_bytes = simcast->frames};

	peal_prng_init(&simcast->prng, seed);
	simcast->next_at_ns = now_ns;
	simcast->heard_at_ns = 0;
	peal_cast_init(&simcast->cast, &config);
	peal_cast_set_policy(
		&simcast->cast, simcast->ledger->policy, simcast->ledger->evict_after_ns);
}

void
peal_simcast_end(struct peal_simcast *simcast)
{
	leave_group(simcast);
}

bool
peal_simcast_say(struct peal_simcast *simcast, uint32_t size)
{
	struct peal_simcast_ledger *ledger = simcast->ledger;
	struct peal_simcast_life *life = &ledger->lives[simcast->life];
	uint8_t message[MESSAGE_SIZE_MAX];

	if (simcast->life == 0) {
		return false;
	}
	memcpy(message, &simcast->life, 4);
	memcpy(message + 4, &size, 4);
	memcpy(message + 8, &life->accepted_count, 8);
	if (size > HEAD_SIZE) {
		peal_simpattern_fill(message + HEAD_SIZE, size - HEAD_SIZE,
			pattern(simcast->life, life->accepted_count, HEAD_SIZE), PATTERN_STEP);
	}
	if (peal_cast_send(&simcast->cast, message, size) != PEAL_CAST_OK) {
		return false;
	}
	ledger->accepted_at_ns[life->accepted_count % PEAL_SIMCAST_TIMES_MAX] = now_of(simcast);
	life->accepted_count++;
	ledger->messages_count++;
	return true;
}

static void
set_value(struct peal_simcast *simcast)
{
	const uint32_t mark = VALUE_MARK;
	uint64_t version = simcast->ledger->lives[simcast->life].version + 1U;
	uint8_t value[HEAD_SIZE];

	memcpy(value, &simcast->life, 4);
	memcpy(value + 4, &mark, 4);
	memcpy(value + 8, &version, 8);
	if (simcast->life != 0 &&
		peal_cast_set(&simcast->cast, VALUE_NUMBER, value, sizeof(value)) == PEAL_CAST_OK) {
		simcast->ledger->lives[simcast->life].version = version;
	}
}

static uint32_t
draw_size(struct peal_simcast *simcast)
{
	uint32_t size_max =
		peal_prng_ratio(&simcast->prng, 1, 8) ? MESSAGE_SIZE_MAX - HEAD_SIZE : 200U;

	return HEAD_SIZE + (uint32_t)peal_prng_below(&simcast->prng, size_max);
}

void
peal_simcast_turn(struct peal_simcast *simcast, uint64_t now_ns)
{
	const struct peal_simcast_ledger *ledger = simcast->ledger;
	uint64_t count;

	if (now_ns < peal_simcast_deadline_at_ns(simcast)) {
		return;
	}
	if (ledger->manner == PEAL_SIMCAST_CHATTER) {
		simcast->next_at_ns =
			now_ns + peal_prng_below(&simcast->prng, ledger->pause_ns_max);
		for (count = 1U + peal_prng_below(&simcast->prng, 8); count > 0; count--) {
			(void)peal_simcast_say(simcast, draw_size(simcast));
		}
		if (peal_prng_ratio(&simcast->prng, 1, 4)) {
			set_value(simcast);
		}
		if (ledger->has_holds) {
			peal_cast_hold(&simcast->cast, peal_prng_ratio(&simcast->prng, 1, 6));
		}
		return;
	}
	simcast->next_at_ns = now_ns + ledger->interval_ns;
	if (ledger->manner == PEAL_SIMCAST_STEADY) {
		(void)peal_simcast_say(simcast, ledger->message_size);
		return;
	}
	while (peal_simcast_say(simcast, ledger->message_size)) {
	}
}

uint64_t
peal_simcast_deadline_at_ns(const struct peal_simcast *simcast)
{
	if (simcast->is_quiet || simcast->life == 0 ||
		(simcast->ledger->manner != PEAL_SIMCAST_CHATTER && !simcast->is_source)) {
		return UINT64_MAX;
	}
	return simcast->next_at_ns;
}

/* How many messages and values of a living life this process has not delivered. */
static uint64_t
count_missing(const struct peal_simcast *simcast, const struct peal_simcast *origin)
{
	struct peal_simcast_heard next = simcast->heard[origin->life];
	const struct peal_simcast_heard *heard = &next;

	skip_gaps(simcast->ledger, origin->life, &next);
	return simcast->ledger->lives[origin->life].accepted_count - heard->next_index +
	       simcast->ledger->lives[origin->life].version - heard->version;
}

bool
peal_simcast_has_all(const struct peal_simcast *simcast)
{
	const struct peal_simcast_ledger *ledger = simcast->ledger;

	for (uint32_t i = 0; i < ledger->casts_count && simcast->life != 0; i++) {
		if (ledger->casts[i].life != 0 && count_missing(simcast, &ledger->casts[i]) != 0) {
			return false;
		}
	}
	return simcast->life == 0 || peal_cast_is_idle(&simcast->cast);
}

void
peal_simcast_check_all(const struct peal_simcast *simcast)
{
	const struct peal_simcast_ledger *ledger = simcast->ledger;

	if (simcast->life == 0) {
		return;
	}
	for (uint32_t i = 0; i < ledger->casts_count; i++) {
		const struct peal_simcast *origin = &ledger->casts[i];

		if (origin->life != 0 && count_missing(simcast, origin) != 0) {
			peal_report_violate(ledger->report, now_of(simcast),
				"n%u lacks %" PRIu64 " of %" PRIu64 " messages that n%u cast",
				simcast->index, count_missing(simcast, origin),
				ledger->lives[origin->life].accepted_count, i);
		}
	}
	if (!peal_cast_is_idle(&simcast->cast)) {
		peal_report_violate(ledger->report, now_of(simcast),
			"n%u keeps frames of broadcasts, and nothing is on its way",
			simcast->index);
	}
}
