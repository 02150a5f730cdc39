/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Applications of the simulated nodes that broadcast, and what must be true of it.
 *
 * A process from its start to its end is a *life* with a number in a common ledger; each message
 * says of which life it is, and which in it. Checked at each delivery: the message was accepted,
 * is whole and unaltered, and is the next of its life, so none comes twice, out of order or after a
 * hole (B1, B2); a member that comes later begins anywhere. At each view: all who come from the
 * same view into the same next one delivered the same set in it (B5). When all is well again:
 * everything that the living had accepted was delivered by all the living, or reported (B6), and
 * nothing is kept (R1).
 */
#ifndef PEAL_SIM_SIMCAST_H
#define PEAL_SIM_SIMCAST_H

#include "base/histogram.h"
#include "base/messagelimits.h"
#include "dataplane/cast.h"
#include "sim/report.h"

/* Lives and views of one run; beyond, nobody casts and views are not compared. */
#define PEAL_SIMCAST_LIVES_MAX 4096U
#define PEAL_SIMCAST_VIEWS_MAX 8192U

/* Times that messages were given up in one run; beyond, a policy that does it is an error. */
#define PEAL_SIMCAST_GAPS_MAX 4096U

/* Messages of the source that may be under way when latencies are measured. */
#define PEAL_SIMCAST_TIMES_MAX 4096U

#define PEAL_SIMCAST_QUEUE_SIZE 16384U

/* Longest pause of who chatters; in a large group longer, so that all together hear as much as some
 * dozens. */
#define PEAL_SIMCAST_PAUSE_NS(nodes_count)                                                         \
	(UINT64_C(5000000) *                                                                       \
		((nodes_count) > PEAL_DIRECT_MAX ? (nodes_count) * (nodes_count) / 800U : 1U))

/* How a run is cast in. */
enum peal_simcast_manner {
	PEAL_SIMCAST_CHATTER = 0, /* everybody, now and then, messages of all sizes */
	PEAL_SIMCAST_FLOOD,       /* who is told to (`is_source`), as much as it may */
	PEAL_SIMCAST_STEADY,      /* the same, one message in each interval */
};

struct peal_simcast_life {
	uint64_t accepted_count;
	uint64_t version;    /* of its latest value */
	uint64_t lost_count; /* of these, the newest that were reported to be in doubt */
	uint16_t node;
	bool is_over;
};

/* What one who left a view for another had delivered in it. */
struct peal_simcast_passage {
	uint32_t cluster;
	uint64_t from_epoch;
	uint64_t to_epoch;
	uint64_t set; /* digest, independent of order */
	uint16_t node;
};

/* Messages that their origin gave up before they were sent. */
struct peal_simcast_gap {
	uint32_t life;
	uint64_t first;
	uint64_t count;
};

struct peal_simcast;

/* What all share. */
struct peal_simcast_ledger {
	struct peal_simcast *casts; /* [casts_count] */
	uint32_t casts_count;
	struct peal_report *report;
	const uint64_t *now_ns; /* virtual */
	enum peal_simcast_manner manner;
	uint64_t pause_ns_max; /* of chatter */
	bool has_holds; /* of chatter: members hold all others back now and then, for a moment */
	uint32_t message_size;        /* but of chatter */
	uint64_t interval_ns;         /* of steady */
	enum peal_cast_policy policy; /* of all, from their start */
	uint64_t evict_after_ns;
	uint64_t messages_count;
	uint64_t dropped_count;
	bool is_timed;           /* latencies are measured: there is one source */
	uint64_t passages_total; /* seen */
	uint32_t lives_count;
	uint32_t passages_count;                                /* kept */
	struct peal_simcast_life lives[PEAL_SIMCAST_LIVES_MAX]; /* [0] is nobody's */
	struct peal_simcast_passage passages[PEAL_SIMCAST_VIEWS_MAX];
	uint32_t gaps_count;
	struct peal_simcast_gap gaps[PEAL_SIMCAST_GAPS_MAX];
	/* When the latest messages of sources were accepted; by index. */
	uint64_t accepted_at_ns[PEAL_SIMCAST_TIMES_MAX];
};

/* What a process has heard of a life. */
struct peal_simcast_heard {
	bool is_known;
	uint64_t next_index;
	uint64_t version; /* of the latest value */
};

struct peal_simcast {
	struct peal_simcast_ledger *ledger;
	uint16_t index;
	bool is_quiet;  /* casts nothing any more */
	bool is_source; /* casts, in a run of flood or steady */
	struct peal_prng prng;
	uint64_t next_at_ns; /* of the node's clock */
	uint32_t life;       /* 0 = none */
	bool is_member;      /* a view was shown */
	uint32_t cluster;
	uint64_t epoch; /* of the view that was shown */
	uint64_t set;   /* of what was delivered in it */
	uint64_t delivered_count;
	uint64_t bytes;
	/* Virtual: of the last delivery from each node, and the longest time between two. */
	uint64_t heard_at_ns;
	uint64_t gap_ns;
	struct peal_histogram latency; /* ns, of messages of a steady source, when they are timed */
	/* The message under way, by the origin's number. */
	uint32_t part_lives[PEAL_SIMCAST_LIVES_MAX];
	struct peal_simcast_heard heard[PEAL_SIMCAST_LIVES_MAX];
	struct peal_cast cast;
	_Alignas(8) uint8_t queue[PEAL_SIMCAST_QUEUE_SIZE];
	uint8_t frames[PEAL_CAST_FRAMES_MAX * PEAL_BODY_SIZE_MAX];
};

/* A process begins. `simcast` is zeroed but for ledger, index and what it is told to do. */
void peal_simcast_start(struct peal_simcast *simcast, struct peal_egress *egress,
	struct peal_counters *counters, uint64_t seed, uint64_t now_ns);
/* It ends: nothing more is promised about what it said. */
void peal_simcast_end(struct peal_simcast *simcast);

/* Casts what is due. Before the turn of the core. */
void peal_simcast_turn(struct peal_simcast *simcast, uint64_t now_ns);
/* When it wants to be called; UINT64_MAX = never. */
uint64_t peal_simcast_deadline_at_ns(const struct peal_simcast *simcast);

/* One more message, whatever the manner. False: not accepted. */
bool peal_simcast_say(struct peal_simcast *simcast, uint32_t size);

/* True when the life has delivered all that the living have accepted and not reported lost. */
bool peal_simcast_has_all(const struct peal_simcast *simcast);
/* The same, and nothing is kept: notes violations. */
void peal_simcast_check_all(const struct peal_simcast *simcast);

#endif
