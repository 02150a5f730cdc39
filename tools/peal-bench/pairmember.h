/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One of the two members of message, throughput and oneway: a fixed member (benchlib) with keys, an
 * AEAD and one channel of its own.
 *
 * The first member opens channel 1 to the second one when asked. Initialised on the main thread,
 * then used by one lcore. About 3 MB, and the queues.
 */
#ifndef PEAL_PEAL_BENCH_PAIRMEMBER_H
#define PEAL_PEAL_BENCH_PAIRMEMBER_H

#include "dataplane/dpdk/sentence.h"
#include "tools/benchlib/fixedmember.h"
#include "tools/peal-bench/benchargs.h"

/* Bytes that the channel queues: a window of small messages three times over, and still in the
 * second cache. */
#define PEAL_PAIRMEMBER_QUEUE_SIZE 262144U

struct peal_pairmember;

/* Who uses the channel, on the lcore of the member. */
struct peal_pairmember_user {
	/* The next message of the other member, or a part of it. Must be taken. */
	void (*deliver)(
		void *state, struct peal_pairmember *member, const struct peal_delivery *delivery);
	/* Lent bytes arrived. NULL when nothing is lent. */
	void (*release)(void *state, uint64_t token);
	void *state;
};

struct peal_pairmember_config {
	uint32_t side; /* 0 asks and opens, 1 answers */
	struct peal_port port;
	const uint8_t (*macs)[6];      /* [PEAL_BENCHARGS_SIDES_COUNT] */
	const uint8_t (*raw_keys)[16]; /* [PEAL_BENCHARGS_SIDES_COUNT] */
	bool is_sealed;
	bool is_coalescing;
	struct peal_pairmember_user user;
};

/* Fields are private, but for fixed.core, fixed.channels, channel and is_ended. */
struct peal_pairmember {
	struct peal_fixedmember fixed;
	uint16_t channel; /* PEAL_CHANNEL_NONE until it is open */
	bool is_ended;    /* the channel ended: the other member is in trouble */
	struct peal_pairmember_user user;
	struct peal_timing timing;
	struct peal_aead aead;
	struct peal_aead_key keys[PEAL_BENCHARGS_SIDES_COUNT];
};

/* `member` is zeroed, 64-aligned memory. False with a sentence; fini in any case. */
bool peal_pairmember_init(struct peal_pairmember *member,
	const struct peal_pairmember_config *config, uint64_t now_ns, struct peal_sentence *error);
/* The port is still there, the loop is not. */
void peal_pairmember_fini(struct peal_pairmember *member);

/* Of the first member, after its first turn: opens the channel. */
void peal_pairmember_open_channel(struct peal_pairmember *member);

#endif
