/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A group of at most 64 members with faults, and the reports that its observers would give.
 *
 * crashed: answers nobody, reports nothing. deaf: lost its ingress but still sends; it proves to
 * nobody that it heard them, and hears no proof from anybody, so it is accused by all its observers
 * and accuses all its subjects. broken pair: two members that do not hear each other, in one
 * direction or both; either way both miss the other's proof of life.
 */
#ifndef PEAL_TESTS_LIB_SITUATION_H
#define PEAL_TESTS_LIB_SITUATION_H

#include "base/prng.h"
#include "membership/judgement.h"

#define PEAL_SITUATION_MEMBERS_MAX 64U
#define PEAL_SITUATION_REPORTS_MAX (PEAL_SITUATION_MEMBERS_MAX * PEAL_RINGS_MAX)
#define PEAL_SITUATION_RINGS_SIZE  ((size_t)64U << 10)

struct peal_situation {
	struct peal_view view; /* of the members below */
	struct peal_member members[PEAL_SITUATION_MEMBERS_MAX];
	_Alignas(64) uint8_t rings_memory[PEAL_SITUATION_RINGS_SIZE];
	struct peal_topology topology;
	struct peal_evidence evidence; /* what is known; starts empty */
	uint32_t reports_count;
	struct {
		uint16_t rank;                 /* the accused */
		uint16_t k;                    /* its observer that says so */
	} reports[PEAL_SITUATION_REPORTS_MAX]; /* what is or will be said */
};

/* Members with uuids and addresses from `seed`; the topology; no reports. `situation` is zero or
 * was used before, and stays where it is. */
void peal_situation_init(struct peal_situation *situation, uint64_t seed, uint16_t members_count,
	uint8_t rings_count);
/* Same members, other faults: forgets all reports. */
void peal_situation_reset(struct peal_situation *situation);
/* `observer` accuses `subject`, if it observes it. */
void peal_situation_accuse(struct peal_situation *situation, uint32_t observer, uint32_t subject);
/* Every report that these faults lead to. The sets are of ranks as bits, and disjoint. */
void peal_situation_fail(struct peal_situation *situation, uint64_t crashed, uint64_t deaf);
void peal_situation_break_pair(struct peal_situation *situation, uint32_t a, uint32_t b);

/* Brings the reports into an order of chance. */
void peal_situation_shuffle(struct peal_situation *situation, struct peal_prng *prng);
/* Makes report `index`, or all of them, known. */
void peal_situation_tell(struct peal_situation *situation, uint32_t index);
void peal_situation_tell_all(struct peal_situation *situation);

/* Sets of ranks as bits. */
static inline uint32_t
peal_bits_count(uint64_t bits)
{
	return (uint32_t)__builtin_popcountll(bits);
}

static inline bool
peal_bits_has(uint64_t bits, uint32_t rank)
{
	return (bits >> rank & 1U) != 0;
}

/* Fewer than half of the members. */
static inline bool
peal_bits_are_minority(uint64_t bits, uint32_t members_count)
{
	return 2U * peal_bits_count(bits) < members_count;
}

static inline uint64_t
peal_situation_bits(const struct peal_bitset *set)
{
	PEAL_ASSERT(peal_bitset_is_within(set, 64));
	return set->words[0];
}

#endif
