/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a client can do to another one of its node over a lane between the two. Both are here: the
 * calm one is libpeal as it is, the other one is as well, until it writes what it should not.
 */
#include "base/prng.h"
#include "tests/integ/hostile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NUMBER         9U
#define LANE_NS_MAX    (5U * HOSTILE_SECOND_NS)
#define RINGS_COUNT    200000U
#define WRITES_COUNT   20000U
#define NO_CHANNEL     UINT32_MAX
#define PAUSE_NS       UINT64_C(100000)
#define SAID_BURST     32U
#define MESSAGE_SIZE   64U
#define REASON_NOTHING 255U

enum offence {
	TAIL_FALLS,
	TAIL_FAR,
	TAIL_ODD,
	HEAD_FAR,
	RECORD_OF_NO_KIND,
	RECORD_TOO_LARGE,
	RECORD_PAST_TAIL,
	BELLS_WITHOUT_END,
	BELL_THAT_WAITS,
	SLEEPS_WITHOUT_END,
	OTHERS_MEMORY,
	SCRIBBLE,
	SILENCE,
	OFFENCES_COUNT,
};

/* The two, and their ends of the channel. */
struct pair {
	struct peal *calm;
	struct peal *harmful;
	uint32_t calm_channel;
	uint32_t harmful_channel;
	uint8_t reason; /* of the end, as the calm one was told */
	uint64_t heard_count;
};

static void
stop(const char *why, uint32_t offence)
{
	(void)printf("{\"mode\": \"lane\", \"offence\": %u, \"failed\": \"%s\"}\n", offence, why);
	exit(EXIT_FAILURE);
}

/* All events there are. */
static void
poll_both(struct pair *pair, bool is_harmful_polling)
{
	struct peal_event event;

	while (peal_poll(pair->calm, &event) == PEAL_OK) {
		if (event.kind == PEAL_EVENT_OPENED) {
			pair->calm_channel = event.channel;
		} else if (event.kind == PEAL_EVENT_MESSAGE) {
			if (event.size > PEAL_CLIENT_MESSAGE_SIZE_MAX) {
				stop("a message is too large", OFFENCES_COUNT);
			}
			pair->heard_count++;
		} else if (event.kind == PEAL_EVENT_ENDED) {
			pair->reason = event.reason;
			break;
		}
	}
	while (is_harmful_polling && peal_poll(pair->harmful, &event) == PEAL_OK) {
		if (event.kind == PEAL_EVENT_OPENED) {
			pair->harmful_channel = event.channel;
		}
	}
}

static const struct peal_lane_end *
lane_of(const struct peal *peal, uint32_t channel)
{
	uint8_t lane =
		channel == NO_CHANNEL ? 0 : peal->channels[PEAL_CLIENT_TAG_PLACE(channel)].lane;

	return lane == 0 ? NULL : &peal->lanes.ends[lane - 1U];
}

/* Both say something, until it goes over a lane in both directions. */
static struct peal_lane_end *
begin(struct pair *pair, const char *path, bool is_calm_asking, bool is_silent)
{
	static const uint8_t message[MESSAGE_SIZE];
	uint64_t end_ns = hostile_now_ns() + LANE_NS_MAX;
	const struct peal_lane_end *calm = NULL, *harmful = NULL;
	struct peal *listener, *asker;

	*pair = (struct pair){.calm_channel = NO_CHANNEL,
		.harmful_channel = NO_CHANNEL,
		.reason = REASON_NOTHING};
	pair->calm = hostile_attach(path);
	pair->harmful = hostile_attach(path);
	listener = is_calm_asking ? pair->harmful : pair->calm;
	asker = is_calm_asking ? pair->calm : pair->harmful;
	peal_set_spin(pair->calm, 0);
	while (peal_view(pair->calm)->epoch == 0 || peal_view(pair->harmful)->epoch == 0) {
		poll_both(pair, true);
	}
	(void)peal_listen(listener, NUMBER);
	while (atomic_load(&listener->down->up_head) != listener->writer.tail) {
		(void)peal_wait(listener, PAUSE_NS);
	}
	(void)peal_open(asker, peal_view(asker)->self, NUMBER,
		is_calm_asking ? &pair->calm_channel : &pair->harmful_channel);
	while (calm == NULL || harmful == NULL || !calm->is_heard || !calm->is_used ||
		!harmful->is_heard || !harmful->is_used) {
		poll_both(pair, !is_silent);
		if (is_silent && pair->calm_channel != NO_CHANNEL) {
			return NULL;
		}
		if (pair->calm_channel != NO_CHANNEL) {
			(void)peal_send(pair->calm, pair->calm_channel, message, sizeof(message));
		}
		if (pair->harmful_channel != NO_CHANNEL) {
			(void)peal_send(
				pair->harmful, pair->harmful_channel, message, sizeof(message));
		}
		calm = lane_of(pair->calm, pair->calm_channel);
		harmful = lane_of(pair->harmful, pair->harmful_channel);
		if (hostile_now_ns() > end_ns || pair->reason != REASON_NOTHING) {
			stop("no lane", OFFENCES_COUNT);
		}
	}
	/* What was said is heard. */
	(void)peal_wait(pair->calm, PAUSE_NS);
	poll_both(pair, true);
	return &pair->harmful->lanes.ends[harmful - pair->harmful->lanes.ends];
}

static void
write_record(struct peal_lane_end *lane, uint64_t record, uint64_t span)
{
	uint64_t tail = lane->lane.writer.tail;
	uint8_t *bytes = (uint8_t *)lane->lane.own + PEAL_SHMLANE_RING_OFFSET;

	memcpy(bytes + (tail & (PEAL_CLIENT_LANE_SIZE - 1U)), &record, sizeof(record));
	atomic_store(&lane->lane.own->tail, tail + span);
}

static void
ring(const struct peal_lane_end *lane)
{
	uint64_t one = 1, old[512];

	while (write(lane->bell, &one, sizeof(one)) < 0 && read(lane->bell, old, sizeof(old)) > 0) {
	}
}

/* The calm one says so much that it has to look how far the other one is. */
static void
say_until_refused(struct pair *pair)
{
	static const uint8_t message[1000];

	while (peal_send(pair->calm, pair->calm_channel, message, sizeof(message)) == PEAL_OK) {
	}
}

static void
ring_without_end(struct pair *pair, const struct peal_lane_end *lane)
{
	for (uint32_t i = 0; i < RINGS_COUNT && pair->reason == REASON_NOTHING; i++) {
		ring(lane);
		(void)peal_wait(pair->calm, PAUSE_NS);
		poll_both(pair, false);
	}
}

/* The calm one is rung for each message, and rings for each: it must not wait in a write. */
static void
sleep_without_end(struct pair *pair, struct peal_lane_end *lane)
{
	static const uint8_t message[MESSAGE_SIZE];

	for (uint32_t i = 0; i < RINGS_COUNT / 4U; i++) {
		atomic_store(&lane->lane.own->sleep, 2U * i + 1U);
		atomic_store(&lane->lane.own->wanted_head, (uint64_t)i);
		(void)peal_send(pair->calm, pair->calm_channel, message, sizeof(message));
		if (i % SAID_BURST == 0) {
			poll_both(pair, true);
		}
	}
}

static void
scribble(struct pair *pair, struct peal_lane_end *lane)
{
	struct peal_shmlane_region *own = lane->lane.own;
	struct peal_prng prng;

	peal_prng_init(&prng, hostile_now_ns());
	for (uint32_t i = 0; i < WRITES_COUNT && pair->reason == REASON_NOTHING; i++) {
		uint64_t draw = peal_prng_next(&prng), value = peal_prng_next(&prng);
		uint64_t tail = atomic_load(&own->tail);

		if (draw % 4U == 0) {
			memcpy((uint8_t *)own + (draw >> 8) % (PEAL_SHMLANE_REGION_SIZE / 8U) * 8U,
				&value, sizeof(value));
		} else if (draw % 4U == 1U) {
			atomic_store(&own->tail, tail + 8U * (value % 64U));
		} else {
			/* A record that could be. */
			value = (value & 0x7FU) | UINT64_C(1) << 32;
			memcpy((uint8_t *)own + PEAL_SHMLANE_RING_OFFSET +
					((tail + 8U * (draw >> 8) % 512U) &
						(PEAL_CLIENT_LANE_SIZE - 8U)),
				&value, sizeof(value));
		}
		if (i % SAID_BURST == 0) {
			poll_both(pair, false);
		}
	}
}

/* Returns the reason that the calm one must be told, when the harmful one has gone after it. */
static uint8_t
offend(struct pair *pair, struct peal_lane_end *lane, enum offence offence)
{
	struct peal_shmlane_region *own = lane == NULL ? NULL : lane->lane.own;

	switch (offence) {
	case TAIL_FALLS:
		atomic_store(&own->tail, lane->lane.writer.tail - 8U);
		return PEAL_REASON_PROTOCOL;
	case TAIL_FAR:
		atomic_store(&own->tail, lane->lane.writer.tail + PEAL_CLIENT_LANE_SIZE + 8U);
		return PEAL_REASON_PROTOCOL;
	case TAIL_ODD:
		atomic_store(&own->tail, lane->lane.writer.tail + 12U);
		return PEAL_REASON_PROTOCOL;
	case HEAD_FAR:
		atomic_store(&own->head, UINT64_C(1) << 40);
		say_until_refused(pair);
		return PEAL_REASON_PROTOCOL;
	case RECORD_OF_NO_KIND:
		write_record(lane, 8U | UINT64_C(7) << 32, 16);
		return PEAL_REASON_PROTOCOL;
	case RECORD_TOO_LARGE:
		write_record(lane, UINT32_MAX | UINT64_C(1) << 32, 65536);
		return PEAL_REASON_PROTOCOL;
	case RECORD_PAST_TAIL:
		write_record(lane, 4096U | UINT64_C(1) << 32, 16);
		return PEAL_REASON_PROTOCOL;
	case BELLS_WITHOUT_END:
		ring_without_end(pair, lane);
		return PEAL_REASON_PROTOCOL;
	case BELL_THAT_WAITS:
		/* A descriptor of its own: nobody else waits for what is in it. */
		(void)fcntl(lane->bell, F_SETFL, O_RDWR);
		for (uint32_t i = 0; i < 100U; i++) {
			uint64_t one = 1;

			if (write(lane->bell, &one, sizeof(one)) < 0) {
				break;
			}
		}
		sleep_without_end(pair, lane);
		return PEAL_REASON_CLOSED;
	case SLEEPS_WITHOUT_END:
		sleep_without_end(pair, lane);
		return PEAL_REASON_CLOSED;
	case OTHERS_MEMORY:
		if (mprotect((void *)(uintptr_t)lane->lane.others, PEAL_SHMLANE_REGION_SIZE,
			    PROT_READ | PROT_WRITE) == 0) {
			stop("memory of the other one can be written", offence);
		}
		return PEAL_REASON_CLOSED;
	case SCRIBBLE:
		scribble(pair, lane);
		return PEAL_REASON_PROTOCOL;
	case SILENCE:
		/* By the core, until there is no credit: nothing else comes of it. */
		say_until_refused(pair);
		return PEAL_REASON_CLOSED;
	case OFFENCES_COUNT:
		break;
	}
	return REASON_NOTHING;
}

static void
do_one(const char *path, enum offence offence, bool is_calm_asking)
{
	uint64_t end_ns;
	struct pair pair;
	struct peal_lane_end *lane = begin(&pair, path, is_calm_asking, offence == SILENCE);
	uint8_t reason = offend(&pair, lane, offence);

	if (reason == PEAL_REASON_CLOSED) {
		peal_detach(pair.harmful);
		pair.harmful = NULL;
	}
	end_ns = hostile_now_ns() + LANE_NS_MAX;
	while (pair.reason == REASON_NOTHING) {
		(void)peal_wait(pair.calm, PAUSE_NS);
		poll_both(&pair, false);
		if (hostile_now_ns() > end_ns) {
			stop("the channel did not end", offence);
		}
	}
	if (pair.reason != reason) {
		stop("another reason", offence);
	}
	if (peal_state(pair.calm) != PEAL_OK ||
		(pair.harmful != NULL && peal_state(pair.harmful) != PEAL_OK)) {
		stop("somebody was cut off on the word of another", offence);
	}
	peal_detach(pair.calm);
	peal_detach(pair.harmful);
}

int
hostile_lane(const char *path, uint64_t rounds_count)
{
	uint32_t offences_count = 0;

	for (uint64_t round = 0; round < rounds_count; round++) {
		for (enum offence offence = 0; offence < OFFENCES_COUNT; offence++) {
			/* Who asks and is silent has no channel to be silent on. */
			do_one(path, offence, offence == SILENCE || round % 2U == 0);
			offences_count++;
		}
	}
	(void)printf("{\"mode\": \"lane\", \"offences\": %u, \"ended\": %u}\n", offences_count,
		offences_count);
	return EXIT_SUCCESS;
}
