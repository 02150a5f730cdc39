/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When this node leads its next classic round.
 *
 * The instant is a base and the part of the slot: base + slot * T_slot, so that coordinators follow
 * each other instead of meeting. Slot: the place of this node in the coordinator order of the
 * epoch; members that its own value removes come last, since they are taken to be dead, but they
 * come.
 *
 * timers: base is T0 after something to decide was first seen; T0 * 1.5^attempts, at most 8 T0,
 * after a round of its own; not before T0 from now when another round is under way; T0 from now at
 * the latest when a round of its own is lost; now in the last resort of the cut detector.
 *
 * Pure; plain struct, fields private. Thread: control.
 * paper: RAPID 4.3 recovery, with an order in place of chance.
 */
#ifndef PEAL_CONTROL_FALLBACK_H
#define PEAL_CONTROL_FALLBACK_H

#include "base/timing.h"
#include "membership/rings.h"

struct peal_fallback {
	const struct peal_timing *timing;
	uint32_t slot;
	uint64_t base_at_ns; /* UINT64_MAX = no round planned */
};

/* Place of the member at `self_rank` when `removals` are taken to be dead, [0, members_count).
 * O(words + removals). */
uint32_t peal_fallback_find_slot(const struct peal_view *view, const struct peal_topology *topology,
	const struct peal_bitset *removals, uint16_t self_rank);

void peal_fallback_init(
	struct peal_fallback *fallback, const struct peal_timing *timing, uint32_t slot);
/* The order changed for this node: a planned round moves with its slot. */
void peal_fallback_set_slot(struct peal_fallback *fallback, uint32_t slot);
/* Something to decide is known. No effect when a round is planned. */
void peal_fallback_arm(struct peal_fallback *fallback, uint64_t now_ns);
/* A round of this node began, its `attempts_count`-th; plans the next. */
void peal_fallback_retry(struct peal_fallback *fallback, uint32_t attempts_count, uint64_t now_ns);
/* A round of another member began or is being accepted: let it finish. No effect when none is
 * planned. */
void peal_fallback_yield(struct peal_fallback *fallback, uint64_t now_ns);
/* A round of this node was lost to a higher promise. No effect when none is planned. */
void peal_fallback_on_lost(struct peal_fallback *fallback, uint64_t now_ns);
/* Plans a round at the next slot. */
void peal_fallback_hasten(struct peal_fallback *fallback, uint64_t now_ns);
void peal_fallback_stop(struct peal_fallback *fallback);
/* UINT64_MAX: no round planned. */
uint64_t peal_fallback_deadline_at_ns(const struct peal_fallback *fallback);

#endif
