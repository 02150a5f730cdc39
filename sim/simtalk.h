/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Applications of the simulated nodes that talk to each other over channels, and what must be true
 * of it.
 *
 * Each core of a node now and then opens a channel to a member, says something on one, closes one,
 * or resets one. A stream from its opening to its end is a *life* with a number in a common ledger;
 * each message says of which life it is, and which in it. Checked: a message is delivered only if
 * it was accepted, once, in order and whole (U1, R1), and is left out only if its sender was told,
 * and in no other life than the one that its sender heard; when a sender is told that a life ended,
 * all but the messages that it is told to be in doubt were delivered, and it was not ended by a
 * peer that goes on with it; a channel that nobody ends soon stops ending; and when all is well
 * again, everything accepted has arrived. Some talkers answer what they hear at once, so that two
 * ends that cannot agree may go on like that for ever.
 */
#ifndef PEAL_SIM_SIMTALK_H
#define PEAL_SIM_SIMTALK_H

#include "base/histogram.h"
#include "base/messagelimits.h"
#include "dataplane/channels.h"
#include "sim/report.h"

/* Lives of one run; afterwards nobody opens any more. */
#define PEAL_SIMTALK_LIVES_MAX 65536U

#define PEAL_SIMTALK_QUEUE_SIZE   8192U
#define PEAL_SIMTALK_FRAMES_COUNT 128U
/* Numbers of channels in use to each peer, by most. */
#define PEAL_SIMTALK_NUMBERS 3U

struct peal_simtalk_life {
	uint64_t accepted_count;
	uint64_t delivered_count; /* whole */
	uint64_t dropped_count;   /* given up before they were sent, and its sender was told */
	bool is_over;             /* its sender was told so, or is no more */
	uint32_t hears;           /* the life that its sender hears; 0 = none yet */
};

/* How often the two ends of a channel were told that it ended, since anybody ended it. */
struct peal_simtalk_unrest {
	uint64_t key; /* of both members and the number */
	uint32_t ends_count;
};

/* Channels of which that is counted; by hash, the last one has the place. */
#define PEAL_SIMTALK_UNREST_MAX 4096U

/* What all talkers of a run share. */
struct peal_simtalk_ledger {
	struct peal_report *report;
	const uint64_t *now_ns; /* virtual */
	uint64_t messages_count;
	uint32_t lives_count;
	struct peal_simtalk_unrest unrest[PEAL_SIMTALK_UNREST_MAX];
	struct peal_simtalk_life lives[PEAL_SIMTALK_LIVES_MAX]; /* [0] is nobody's */
};

/* One end of a channel, as the application sees it. */
struct peal_simtalk_end {
	bool is_open;           /* messages may be sent */
	bool is_slow;           /* takes nothing until */
	uint64_t slow_until_ns; /* virtual */
	uint64_t mid;
	uint16_t number;
	uint32_t own_life;  /* 0 = nothing was said yet */
	uint32_t its_life;  /* 0 = nothing was heard yet */
	uint64_t its_index; /* of the next message */
	uint64_t its_skipped;
	uint32_t part_size; /* of the message that is coming in */
	uint32_t message_size;
};

/* Numbers of channels from here on are accepted too: for pours. */
#define PEAL_SIMTALK_EVICT_NS    UINT64_C(5000000)
#define PEAL_SIMTALK_POURS_FIRST 1000U
#define PEAL_SIMTALK_POURS_MAX   PEAL_CHANNELS_MAX

/* Messages of one size without end, to one member, on a channel of their own. */
struct peal_simtalk_pour {
	uint64_t mid; /* 0 = none, or over */
	uint32_t size;
	uint64_t gap_ns; /* between two; 0 = as many as the channel accepts */
	enum peal_channel_policy policy;
	uint64_t next_at_ns; /* of the node's clock */
	uint16_t number;
	uint16_t channel; /* PEAL_CHANNEL_NONE until it is open */
	uint64_t accepted_count;
	uint64_t refused_count; /* the channel was full */
	uint64_t dropped_count;
	enum peal_channel_reason reason; /* when it is over */
	uint64_t over_at_ns;             /* virtual */
	uint32_t life;
};

struct peal_simtalk {
	struct peal_simtalk_ledger *ledger;
	uint16_t index;
	uint8_t shard; /* of the core below it */
	uint8_t shards_count;
	uint16_t mtu;    /* of the port; 0 = what every path carries */
	bool is_quiet;   /* says nothing any more, but for pours */
	bool is_stalled; /* takes nothing at all */
	uint32_t pours_count;
	struct peal_simtalk_pour pours[PEAL_SIMTALK_POURS_MAX];
	struct peal_histogram latency; /* of messages that came, from where they were accepted */
	bool is_near_wrap;             /* places of most of its streams wrap soon */
	bool is_picky;                 /* does not listen on the last number */
	bool is_restless;              /* ends channels often */
	bool is_calm;                  /* ends none */
	bool is_resetting;             /* of its own accord, now */
	bool is_answering;             /* most messages, at once */
	uint16_t numbers_count;
	uint32_t room; /* frames that it takes beyond those that were delivered */
	struct peal_prng prng;
	uint64_t next_at_ns; /* of the node's clock */
	struct peal_simtalk_end ends[PEAL_CHANNELS_MAX];
	uint64_t
		slow[PEAL_CHANNELS_MAX / 64U]; /* a bit for each end that is slow, and maybe more */
	struct peal_channels channels;
	_Alignas(8) uint8_t queues[PEAL_CHANNELS_MAX][PEAL_SIMTALK_QUEUE_SIZE];
	uint8_t frames[PEAL_SIMTALK_FRAMES_COUNT * PEAL_BODY_SIZE_MAX];
};

/* A process begins. `talk` is zeroed but for ledger, index, shard and shards_count; egress and
 * counters are those of its core. */
void peal_simtalk_start(struct peal_simtalk *talk, struct peal_egress *egress,
	struct peal_counters *counters, uint64_t seed, uint64_t now_ns);
/* It ends: nothing more is promised about what it said. */
void peal_simtalk_end(struct peal_simtalk *talk);

/* Says what is due. Before the turn of the core. */
void peal_simtalk_turn(struct peal_simtalk *talk, uint64_t now_ns);

/* Pours messages of `size` bytes, [32, 6000], to a member from now on. Returns its place. */
uint32_t peal_simtalk_pour(struct peal_simtalk *talk, uint64_t mid, uint32_t size, uint64_t gap_ns,
	enum peal_channel_policy policy);
/* Messages of a pour that were delivered. */
uint64_t peal_simtalk_poured(const struct peal_simtalk *talk, uint32_t pour);
/* Takes nothing from now on, of any channel; or everything again. */
void peal_simtalk_stall(struct peal_simtalk *talk, bool is_stalled, uint64_t now_ns);
/* When it wants a turn; UINT64_MAX = it does not. */
uint64_t peal_simtalk_deadline_at_ns(const struct peal_simtalk *talk);
/* Says something to a member on the first number, whose channel is opened when there is none.
 * False: not accepted. */
bool peal_simtalk_say_to(struct peal_simtalk *talk, uint64_t mid, uint32_t size);
/* Resets every channel and says nothing more. */
void peal_simtalk_slam(struct peal_simtalk *talk);

/* Everything said between processes that still run has arrived. Notes a violation for each life of
 * which that is not true. */
void peal_simtalk_check_all(struct peal_simtalk_ledger *ledger);
/* The same for what a talker holds: at rest, no buffer is away and no queue has anything. */
void peal_simtalk_check_rest(struct peal_simtalk *talk);
/* True when nothing is on its way. */
bool peal_simtalk_is_done(const struct peal_simtalk_ledger *ledger);

#endif
