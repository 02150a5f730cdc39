/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Large bodies on their way here: up to PEAL_ASSEMBLIES_MAX at once, from their chunks.
 *
 * A body is gathered because somebody here wants it, or because its chunks simply came: who streams
 * it may be faster than who announces it. One that is wanted is asked for until it is here; one
 * that is not gives way to one that is. What is complete is checked against its digest; a spoiled
 * one begins anew. The caller chooses whom to ask and sends the pulls.
 *
 * timers, each body: ask - D after the last chunk or the announcement, then after 2 D, 4 D and each
 * 8 D while nothing comes; never ends while it is wanted. Pure; plain struct, fields private;
 * thread: control. paper: Plumtree's lazy pull, for what trees did not bring.
 */
#ifndef PEAL_CONTROL_ASSEMBLY_H
#define PEAL_CONTROL_ASSEMBLY_H

#include "base/counters.h"
#include "base/timing.h"
#include "membership/gather.h"
#include "wire/body_msg.h"

#define PEAL_ASSEMBLIES_MAX 4U

struct peal_assembly_place {
	bool is_used;
	bool is_wanted;
	bool is_snapshot; /* of a view; else a proposal */
	struct peal_hash128 digest;
	struct peal_gather gather; /* nothing until the size is known */
	uint64_t source_mid;       /* who sent or named it last; 0 = nobody */
	uint8_t route;             /* how the last chunk came; PEAL_BODY_ROUTE_PULL before */
	uint64_t ask_at_ns;
	uint64_t ask_ns;
	uint32_t asks_count; /* in vain, since the last chunk */
};

struct peal_assembly {
	const struct peal_timing *timing;
	struct peal_counters *counters;
	struct peal_bodies bodies;
	struct peal_assembly_place places[PEAL_ASSEMBLIES_MAX];
};

/* One thing to ask for. */
struct peal_assembly_ask {
	struct peal_pull_msg pull;
	bool is_snapshot;
	uint64_t source_mid; /* who should have it; 0 = unknown */
	uint32_t asks_count; /* how often this was asked in vain: above 0 others should be asked */
};

/* `timing` and `counters` outlive the instance, which is zeroed memory. */
void peal_assembly_init(struct peal_assembly *assembly, const struct peal_timing *timing,
	struct peal_counters *counters, struct peal_bodies bodies);
/* Gives up everything, or what nobody wants. */
void peal_assembly_clear(struct peal_assembly *assembly);

/*
 * The body is needed here. `size` 0: not known. `source_mid`: who named it; 0 = nobody in
 * particular.
 * @return false when too many others are wanted already; say it again later
 */
bool peal_assembly_want(struct peal_assembly *assembly, struct peal_hash128 digest, uint32_t size,
	bool is_snapshot, uint64_t source_mid, uint64_t now_ns);
/* It is not needed any more. Harmless when it is unknown. */
void peal_assembly_forget(struct peal_assembly *assembly, struct peal_hash128 digest);
/* True while it is gathered or asked for. */
bool peal_assembly_has(const struct peal_assembly *assembly, struct peal_hash128 digest);

/*
 * A chunk from the member `mid`. One of a body that is not gathered begins it if there is a place.
 * @return the body when it is complete now, retained for the caller; else NULL. `route_out` is set
 *         then: how it came
 */
const struct peal_body *peal_assembly_on_chunk(struct peal_assembly *assembly,
	const struct peal_body_msg *message, uint64_t mid, uint64_t now_ns, uint8_t *route_out);

/* Takes one request that is due. False: none. Call it until then. */
bool peal_assembly_take_ask(
	struct peal_assembly *assembly, uint64_t now_ns, struct peal_assembly_ask *ask_out);
uint64_t peal_assembly_deadline_at_ns(const struct peal_assembly *assembly);

#endif
