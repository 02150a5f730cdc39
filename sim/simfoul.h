/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What networks do to channels, and membership would not survive: heavy and lopsided loss, bursts,
 * frames doubled and spoiled, words of former lives, and ports without packets.
 *
 * Only frames of channels are touched, so that nobody is removed for it. A seed deals the hand: how
 * much each ordered pair of ports loses, and whether there are bursts, damage, old frames, refusing
 * ports at all.
 *
 * An old frame comes in the place of one that was lost, under its counter: what the receiver's
 * window against replays lets through is what the sender could have sent late. One of a former
 * process comes as it was, and is refused for its number.
 */
#ifndef PEAL_SIM_SIMFOUL_H
#define PEAL_SIM_SIMFOUL_H

#include "sim/simnet.h"

/* Frames remembered of each ordered pair of ports. */
#define PEAL_SIMFOUL_FRAMES_MAX 8U

struct peal_simfoul_frame {
	uint32_t size; /* 0 = none yet */
	uint8_t bytes[PEAL_SIMNET_FRAME_SIZE_MAX];
};

struct peal_simfoul {
	struct peal_simnet *net;
	struct peal_prng prng;
	bool is_on;
	uint64_t pair_seed;
	uint32_t loss_ppm_max; /* of an ordered pair */
	uint32_t burst_ppm; /* that a frame begins a burst in which its port is heard by nobody */
	uint64_t burst_ns_max;
	uint32_t spoil_ppm;
	uint32_t replay_ppm; /* that in the place of a lost frame an old one comes */
	uint32_t refuse_ppm; /* that a port begins to have no packets */
	uint64_t refuse_ns_max;
	uint64_t *mute_until_ns;   /* [ports_count] */
	uint64_t *refuse_until_ns; /* [ports_count] */
	uint64_t replayed_count;
	uint64_t spoiled_count;
	struct peal_simfoul_frame *frames; /* [ports_count][ports_count][FRAMES_MAX] */
};

/* Takes the hooks of `net`, which outlives it. Nothing happens before it is switched on. */
struct peal_simfoul *peal_simfoul_create(struct peal_simnet *net, uint64_t seed);
void peal_simfoul_destroy(struct peal_simfoul *foul);

/* From now on, or no more. */
void peal_simfoul_switch(struct peal_simfoul *foul, bool is_on);

#endif
