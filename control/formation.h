/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cold start: which of the waiting nodes may create the cluster, so that one cluster forms.
 *
 * A candidate is a node that is one of its own seeds. It needs CREATE_OK from floor(expect / 2) + 1
 * distinct nodes, itself included. A node gives one grant per T_boot, to the smallest candidate
 * uuid it has heard, and only after it listened for T_boot. A candidate counts a grant for half
 * a T_boot. A node that is its only seed and expects nobody creates at once.
 *
 * timers: listen - end of the listening time; then everything follows from requests and answers.
 * Pure; plain struct, fields private; thread: control.
 */
#ifndef PEAL_CONTROL_FORMATION_H
#define PEAL_CONTROL_FORMATION_H

#include "base/limits.h"
#include "base/timing.h"
#include "wire/ident.h"
#include "wire/outbox.h"

#include <stdbool.h>
#include <stdint.h>

struct peal_grant {
	struct peal_uuid by;
	uint64_t until_ns;
};

struct peal_formation {
	const struct peal_timing *timing;
	struct peal_uuid self;
	bool is_candidate;
	bool is_alone; /* only seed, expects nobody else */
	uint8_t expect;
	uint64_t listen_until_ns;  /* no grant before; members that call push it on */
	struct peal_uuid smallest; /* candidate heard lately; none = none */
	uint64_t smallest_until_ns;
	struct peal_uuid granted; /* whom this node gave its grant */
	uint64_t granted_until_ns;
	uint8_t grants_count;
	struct peal_grant grants[PEAL_SEEDS_MAX * 2U]; /* to this node, by others */
};

void peal_formation_init(struct peal_formation *formation, const struct peal_timing *timing,
	struct peal_uuid self, bool is_candidate, bool is_alone, uint8_t expect, uint64_t now_ns);
/* A candidate asked. Returns true when it has this node's grant now. */
bool peal_formation_on_candidate(
	struct peal_formation *formation, struct peal_uuid candidate, uint64_t now_ns);
/* A member of a cluster of this name was heard: it is to be joined, not doubled. */
void peal_formation_on_cluster(struct peal_formation *formation, uint64_t now_ns);
/* The node `by` granted this node the creation. */
void peal_formation_on_grant(
	struct peal_formation *formation, struct peal_uuid by, uint64_t now_ns);
/* True when this node may create the cluster now. */
bool peal_formation_may_create(struct peal_formation *formation, uint64_t now_ns);
/* When may_create is worth asking again without an input. */
uint64_t peal_formation_deadline_at_ns(const struct peal_formation *formation);

#endif
