/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of hostile_client share: attaching, and how soon an offence is answered.
 *
 * The time of an answer is from the instant just before the offence, by this process, to the turn
 * in which the core cut the client off, by the core, which has the same clock.
 */
#ifndef PEAL_TESTS_INTEG_HOSTILE_H
#define PEAL_TESTS_INTEG_HOSTILE_H

#include "client/attachment.h"

#include <stdbool.h>
#include <stdint.h>

#define HOSTILE_SECOND_NS UINT64_C(1000000000)
#define HOSTILE_CUTS_MAX  65536U

/* Answers so far. */
struct hostile_cuts {
	uint32_t offences_count;
	uint32_t cut_count; /* of these, times are below */
	uint64_t times_ns[HOSTILE_CUTS_MAX];
};

uint64_t hostile_now_ns(void);

/* While former lives are being cleaned up there may be no place: tries for two seconds, and ends
 * the process when there is none then. */
struct peal *hostile_attach(const char *path);

/* Rings at the core whether or not it says that it sleeps. */
void hostile_ring(const struct peal *peal);

/* Waits until the core has done with the client, two seconds at most, and notes how long it took
 * since `offence_at_ns`. False: it has not, or not for what the client did. */
bool hostile_await_cut(struct hostile_cuts *cuts, struct peal *peal, uint64_t offence_at_ns);

/* One line of JSON: how many, and the spread of the times in microseconds. */
void hostile_print(struct hostile_cuts *cuts, const char *mode);

/* Modes: each returns an exit status. */
int hostile_offend(const char *path, uint64_t rounds_count);
int hostile_race(const char *path, uint64_t rounds_count);
int hostile_hold_the_core(const char *path, uint64_t rounds_count);
int hostile_connect(const char *path, uint64_t count);
int hostile_forge(const char *path, uint64_t rounds_count);
int hostile_lane(const char *path, uint64_t rounds_count);
int hostile_flood_descriptors(const char *path, uint64_t rounds_count);

#endif
