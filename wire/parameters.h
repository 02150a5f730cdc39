/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What must be equal on all members of a group, for else they would not agree on who observes whom,
 * on when a cut is complete, or on how much room a view needs.
 *
 * A JOIN_REQUEST carries the hash of them; PARAMETER_MISMATCH carries the group's own in the place
 * of the cookie, so that the joiner can say which one differs. 16 bytes: rings u8 | H u8 | L u8 |
 * probe window u8 | failed probes u8 | 0 | members_max u16 | probe interval in us u32 | ring check
 * u32. Values, no owner, any thread.
 */
#ifndef PEAL_WIRE_PARAMETERS_H
#define PEAL_WIRE_PARAMETERS_H

#include <stdbool.h>
#include <stdint.h>

enum peal_parameter {
	PEAL_PARAMETER_RINGS = 0,       /* K, [3, PEAL_RINGS_MAX] */
	PEAL_PARAMETER_HIGH = 1,        /* H of a view of more than K + 1 members */
	PEAL_PARAMETER_LOW = 2,         /* L of the same */
	PEAL_PARAMETER_WINDOW = 3,      /* probes that an edge remembers */
	PEAL_PARAMETER_FAILED = 4,      /* of them, those that make it FAILED */
	PEAL_PARAMETER_MEMBERS_MAX = 5, /* 0 = no limit but that of a view */
	PEAL_PARAMETER_INTERVAL_US = 6, /* between two probes of an edge */
	PEAL_PARAMETER_RING_CHECK = 7,  /* what the rings make of one fixed member */
	PEAL_PARAMETERS_COUNT = 8,
};

#define PEAL_PARAMETERS_SIZE 16U

struct peal_parameters {
	uint32_t values[PEAL_PARAMETERS_COUNT]; /* by enum peal_parameter */
};

/* Asserts that each value fits its width. */
void peal_parameters_encode(
	const struct peal_parameters *parameters, uint8_t bytes_out[PEAL_PARAMETERS_SIZE]);
/* False: a byte that must be zero is not. */
bool peal_parameters_decode(
	const uint8_t bytes[PEAL_PARAMETERS_SIZE], struct peal_parameters *parameters_out);
/* What a JOIN_REQUEST carries. */
uint64_t peal_parameters_hash(const struct peal_parameters *parameters);
/* "rings", "high", "low", "window", "failed", "members_max", "interval_us", "ring_check". Static.
 */
const char *peal_parameter_name(enum peal_parameter parameter);

#endif
