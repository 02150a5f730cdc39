/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Members that are no neighbours of this node in a large group, but speak to it or must be spoken
 * to.
 *
 * They get a place on the core until others need it: who was needed longest ago gives way.
 *
 * timers: publish - when the set has changed, at most once in PEAL_GUESTS_NS. Plain struct, fields
 * private; thread: control.
 */
#ifndef PEAL_CONTROL_GUESTS_H
#define PEAL_CONTROL_GUESTS_H

#include "base/limits.h"
#include "wire/view.h"

/* A new table costs a core a look at every slot. */
#define PEAL_GUESTS_NS UINT64_C(1000000)

struct peal_guests {
	uint32_t count;
	uint64_t mids[PEAL_GUESTS_MAX];
	uint64_t used_at_ns[PEAL_GUESTS_MAX];
	bool is_changed;
	uint64_t published_at_ns;
};

/* The member `mid` is needed now. Returns true when it was none yet. */
bool peal_guests_add(struct peal_guests *guests, uint64_t mid, uint64_t now_ns);
/* Forgets who is not in `view`. */
void peal_guests_on_view(struct peal_guests *guests, const struct peal_view *view);
/* A table with all of them was built. */
void peal_guests_on_publish(struct peal_guests *guests, uint64_t now_ns);
/* When a new table is due; UINT64_MAX = nothing changed. */
uint64_t peal_guests_deadline_at_ns(const struct peal_guests *guests);

#endif
