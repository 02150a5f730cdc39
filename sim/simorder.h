/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One order group in a false world: real machines (abcast/abcast.h), virtual time, false network.
 *
 * A node has a rank, a process and a clock. Processes are numbered; one that ends has forgotten
 * everything, and the next one of its rank joins. The clock of a node may step, drift and stand
 * still; the time that its timers see is that of the world. Frames stay in the memory of the
 * network until the machine releases them, as packets do. Membership is played by this file: it
 * tells all who holds which rank, at once.
 *
 * Heap; one thread; the seed decides everything.
 */
#ifndef PEAL_SIM_SIMORDER_H
#define PEAL_SIM_SIMORDER_H

#include "abcast/abcast.h"
#include "sim/check_order.h"
#include "sim/simnet.h"

#include <stdio.h>

/* Messages of one process of which it is known when they were said. */
#define PEAL_SIMORDER_SAID_COUNT 1024U

struct peal_simorder_clock {
	int64_t offset_ns; /* at `since_ns` */
	int64_t drift_ppm;
	uint64_t since_ns;
	bool is_frozen;
};

struct peal_simorder;

struct peal_simorder_node {
	struct peal_simorder *world;
	struct peal_abcast *machine; /* NULL = down */
	struct peal_counters counters;
	uint8_t rank;
	bool is_paused;
	uint64_t member;
	struct peal_simorder_clock clock;
	uint64_t turn_at_ns; /* UINT64_MAX = none is due */
	uint64_t turned_at_ns;
	uint64_t say_at_ns;  /* UINT64_MAX = says nothing */
	uint64_t say_ns_max; /* between two messages */
	uint64_t references_count;
	uint64_t delivered_at_ns;
	uint64_t gap_ns_max; /* between two deliveries, since somebody set it to zero */
	uint64_t said_at_ns[PEAL_SIMORDER_SAID_COUNT]; /* by number, the latest */
};

/* From saying to delivery. */
struct peal_simorder_delays {
	uint64_t *ns; /* NULL = nobody asked */
	uint64_t count;
};

struct peal_simorder_config {
	uint8_t ranks_count;
	uint64_t seed;
	uint64_t delay_ns_min;
	uint64_t delay_ns_max;
	struct peal_abcast_timing timing;
	FILE *trace; /* NULL = silent */
};

struct peal_simorder {
	struct peal_simorder_config config;
	struct peal_simtime time;
	struct peal_simnet net;
	struct peal_prng prng;
	struct peal_report *report;
	struct peal_check_order check;
	uint64_t began_at_ns;
	uint64_t next_member;
	struct peal_simorder_node nodes[PEAL_ORDER_RANKS_MAX];
	/* At others, and at who said it. */
	struct peal_simorder_delays others;
	struct peal_simorder_delays own;
};

/* Memory for one, which free() takes. */
struct peal_simorder *peal_simorder_allocate(void);

/* All nodes are up and in view 1. `report` outlives the world. */
void peal_simorder_init(struct peal_simorder *world, const struct peal_simorder_config *config,
	struct peal_report *report);
/* Ends all processes, looks for what they did not give back, and adds to the report. */
void peal_simorder_fini(struct peal_simorder *world);

/* From now on it is written down how long each message takes, of processes that are there now. */
void peal_simorder_time(struct peal_simorder *world);
/* The `percent`-th of a hundred of them, which are sorted by that; 0 = there are too few. */
uint64_t peal_simorder_delay_ns(struct peal_simorder_delays *delays, uint32_t percent);

void peal_simorder_run_for(struct peal_simorder *world, uint64_t span_ns);

/* A process ends; another one of its rank starts. */
void peal_simorder_crash(struct peal_simorder *world, uint8_t rank);
void peal_simorder_start(struct peal_simorder *world, uint8_t rank);
void peal_simorder_pause(struct peal_simorder *world, uint8_t rank, bool is_paused);
/* The clock of a node jumps, runs wrong, or stands. */
void peal_simorder_step(struct peal_simorder *world, uint8_t rank, int64_t step_ns);
void peal_simorder_drift(struct peal_simorder *world, uint8_t rank, int64_t drift_ppm);
void peal_simorder_freeze(struct peal_simorder *world, uint8_t rank, bool is_frozen);
/* From now on a node says something every so often, up to `ns_max` apart; 0 = never. */
void peal_simorder_talk(struct peal_simorder *world, uint8_t rank, uint64_t ns_max);

/* True when a crash of `rank` leaves a majority of every view that a process is in. */
bool peal_simorder_may_crash(const struct peal_simorder *world, uint8_t rank);
/* True when all are up, in one view, active, at one position, and nobody has more to say. */
bool peal_simorder_is_agreed(const struct peal_simorder *world);

/* A violation, unless the condition holds. */
void peal_simorder_expect(
	struct peal_simorder *world, bool condition, const char *what, uint64_t value);
/* Nobody says anything new, and all must be of one mind within a second. */
void peal_simorder_heal(struct peal_simorder *world);

#endif
