/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Load that can be checked: a node sends numbered messages, and whoever hears them keeps account.
 *
 * A run casts to all, or sends over one channel to one member, at a rate or as fast as messages are
 * accepted. It ends when everything accepted is settled: all members have it (broadcast), or the
 * channel closed in order. Every node listens for the load of others, on the channel numbers
 * kept for it, and for every broadcast. For each sender it counts messages, those missing,
 * those that are wrong (other bytes, or out of order), and the longest pause between two.
 *
 * A message: run u64 | index u64 | due_at_ns u64 | size u64 | pattern. `due_at_ns` is the instant
 * at which it was meant to leave, so that a sender which stands still, or finds no room, shows in
 * the delays of all that it kept waiting; of a run without a rate, the instant at which it was
 * accepted. It is the sender's clock; what is computed from it means something only where sender
 * and listener have one clock, for instance on one machine.
 *
 * Timers:
 *   next     the instant at which the next message is meant to leave. While there is no room, each
 * turn tries, and one comes after 1 ms at the latest.
 *   give up  PEAL_LOAD_SETTLE_NS after the last message was accepted: cut short.
 *
 * Plain struct, fields private, the home core; one run at a time.
 */
#ifndef PEAL_DATAPLANE_LOAD_H
#define PEAL_DATAPLANE_LOAD_H

#include "base/histogram.h"
#include "base/messagelimits.h"
#include "dataplane/cast.h"
#include "dataplane/channels.h"
#include "dataplane/uplink.h"

#define PEAL_LOAD_SIZE_MIN 32U
#define PEAL_LOAD_SIZE_MAX 65536U
/* Channel numbers: of runs by the member with the lower number, and by the other. So many each,
 * that some lead from home core to home core. */
#define PEAL_LOAD_CHANNELS_LOWER  0xF000U
#define PEAL_LOAD_CHANNELS_HIGHER 0xF800U
#define PEAL_LOAD_CHANNELS_COUNT  0x800U
#define PEAL_LOAD_SETTLE_NS       (UINT64_C(10) * 1000000000U)
/* Senders that one listener keeps account of; the one heard longest ago makes room. */
#define PEAL_LOAD_SENDERS_MAX 64U

enum peal_load_kind {
	PEAL_LOAD_CAST = 1, /* to all */
	PEAL_LOAD_SEND,     /* to one member, over a channel */
	PEAL_LOAD_TELL,     /* nothing is sent: what was heard */
};

/* What was heard of one sender, in its newest run. */
struct peal_load_heard {
	uint64_t mid; /* 0 = nobody */
	uint64_t run;
	uint64_t next; /* index */
	uint64_t messages_count;
	uint64_t bytes_count;
	uint64_t missing_count;
	uint64_t wrong_count;
	uint64_t last_at_ns;
	uint64_t pause_ns_max; /* between two messages */
	bool is_cast;
};

/* Asked by control; the core owns it from LOAD to LOAD_DONE. */
struct peal_load_run {
	/* Set by who asks. */
	enum peal_load_kind kind;
	uint32_t size;        /* [PEAL_LOAD_SIZE_MIN, PEAL_LOAD_SIZE_MAX] */
	uint64_t count;       /* >= 1 */
	uint64_t interval_ns; /* 0 = as fast as they are accepted */
	/* Set by the core. */
	uint64_t accepted_count;
	uint64_t refused_count;  /* how often there was no room */
	uint64_t doubtful_count; /* accepted, and not known to have arrived */
	uint64_t duration_ns;    /* from the first message until all was settled */
	bool is_cut_short;
	/* TELL: copied from the listener. */
	uint32_t heard_count;
	struct peal_load_heard heard[PEAL_LOAD_SENDERS_MAX];
	struct peal_histogram delays_ns; /* from due_at_ns to the delivery, of all senders */
};

struct peal_load_config {
	struct peal_channels *channels;
	struct peal_cast *cast;
	struct peal_uplink *uplink;
};

struct peal_load {
	struct peal_load_config config;
	const struct peal_peers *peers; /* NULL before the first switch */
	uint64_t now_ns;                /* of this turn */
	uint64_t self_mid;
	struct peal_load_run *run; /* NULL = none */
	uint64_t run_id;           /* of the run, or of the one before */
	uint64_t start_at_ns;
	uint64_t last_at_ns;
	uint64_t next_at_ns;         /* UINT64_MAX = no timer */
	uint64_t cast_lost_count;    /* at the end of this membership */
	uint64_t cast_dropped_count; /* behind a slow member */
	uint16_t channel;            /* PEAL_CHANNEL_NONE = none */
	bool is_closing;
	bool is_refused; /* the last message found no room */
	struct peal_histogram delays_ns;
	struct peal_load_heard heard[PEAL_LOAD_SENDERS_MAX];
	uint32_t newest;                      /* place in `heard` of who was heard last */
	uint64_t listened[PEAL_CHANNELS_MAX]; /* by channel: who sends; 0 = it is not of others */
	uint8_t message[PEAL_LOAD_SIZE_MAX];
};

/* @param config  copied; all of it outlives the machine */
void peal_load_init(struct peal_load *load, const struct peal_load_config *config);

/* Who uses the channels and the broadcast of the core: this machine, which is `load`. */
struct peal_channel_user peal_load_channel_user(struct peal_load *load);
struct peal_cast_user peal_load_cast_user(struct peal_load *load);

/* Takes another table. When this node has another number, or none, its broadcast run ends. */
void peal_load_switch(struct peal_load *load, const struct peal_peers *peers);

/* Starts a run; to the member `mid` when it is SEND. Asserts that none goes on, and its ranges. */
void peal_load_start(
	struct peal_load *load, struct peal_load_run *run, uint64_t mid, uint64_t now_ns);

/* First thing in a turn: what is delivered in it came at `now_ns`. */
static inline void
peal_load_begin_turn(struct peal_load *load, uint64_t now_ns)
{
	load->now_ns = now_ns;
}

/* Private: there is a run. */
uint32_t peal_load_run_due(struct peal_load *load, uint64_t now_ns);

/* Once a turn, before channels and broadcast. Returns messages accepted. */
static inline uint32_t
peal_load_run(struct peal_load *load, uint64_t now_ns)
{
	return load->run == NULL ? 0 : peal_load_run_due(load, now_ns);
}

static inline uint64_t
peal_load_deadline_at_ns(const struct peal_load *load)
{
	return load->run == NULL ? UINT64_MAX : load->next_at_ns;
}

#endif
