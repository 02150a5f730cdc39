/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The joining side: asks seeds until a view with its own uuid arrives.
 *
 * While no introducer is known every seed is asked at each retry; the first member that answers
 * becomes the introducer and is asked alone until it stays silent for three retries or declines.
 * The view comes in INSTALL frames in any order; a missing one is fetched by asking again.
 *
 * timers: retry - exponential from join_retry_ns_min, factor 2, cap 5 s, full jitter; or what the
 * introducer said. Pure; plain struct, fields private; thread: control.
 */
#ifndef PEAL_MEMBERSHIP_JOINER_H
#define PEAL_MEMBERSHIP_JOINER_H

#include "base/prng.h"
#include "base/timing.h"
#include "wire/join_msg.h"
#include "wire/outbox.h"
#include "wire/view.h"

#define PEAL_JOINER_RETRY_NS_MAX UINT64_C(5000000000)
#define PEAL_JOINER_CHUNKS_MAX                                                                     \
	((PEAL_VIEW_ENCODED_SIZE_MAX + PEAL_INSTALL_CHUNK_SIZE_MAX - 1U) /                         \
		PEAL_INSTALL_CHUNK_SIZE_MAX)

struct peal_joiner_config {
	const struct peal_timing *timing; /* outlives the joiner */
	const struct peal_address *seeds; /* [seeds_count], outlives the joiner */
	uint8_t seeds_count;
	struct peal_join_request request; /* cookie zero, member.mid 0 */
};

struct peal_joiner {
	struct peal_joiner_config config;
	struct peal_prng prng;
	bool has_introducer;
	struct peal_address introducer;
	uint8_t cookie[16];
	uint8_t silent_count; /* retries since the introducer was heard */
	uint64_t backoff_ns;
	uint64_t retry_at_ns;
	/* Nodes that asked this one in a cold start: a candidate needs their grants as well. */
	uint8_t askers_count;
	struct peal_address askers[PEAL_SEEDS_MAX];
	struct peal_hash128 snapshot_hash;
	uint32_t snapshot_size; /* 0 = none begun */
	uint32_t chunks;        /* bitmap of chunks that are here */
	uint8_t snapshot[PEAL_VIEW_ENCODED_SIZE_MAX];
};

enum peal_joiner_verdict {
	PEAL_JOINER_WAIT = 0,
	PEAL_JOINER_NEW_UUID = 1, /* this uuid was a member once: start again with another */
	PEAL_JOINER_REFUSED = 2,  /* parameters differ: give up */
};

/* Begins at once: the first request leaves at the first tick. */
void peal_joiner_init(struct peal_joiner *joiner, const struct peal_joiner_config *config,
	uint64_t seed, uint64_t now_ns);
/* An answer from `from`. Emits at most one request. */
enum peal_joiner_verdict peal_joiner_on_answer(struct peal_joiner *joiner,
	const struct peal_address *from, const struct peal_join_answer *answer, uint64_t now_ns,
	struct peal_outbox *out);
/* One part of a view. Returns true when it completed a valid view with this uuid in it: `view_out`.
 */
bool peal_joiner_on_install(struct peal_joiner *joiner, const struct peal_install_msg *message,
	struct peal_view *view_out);
/* A node that is not in a cluster either asked this one. A bounded number is remembered. */
void peal_joiner_on_asker(struct peal_joiner *joiner, const struct peal_address *from);
/* Emits at most 2 PEAL_SEEDS_MAX requests. `is_candidate`: ask for CREATE_OK as well. */
void peal_joiner_on_tick(
	struct peal_joiner *joiner, bool is_candidate, uint64_t now_ns, struct peal_outbox *out);
uint64_t peal_joiner_deadline_at_ns(const struct peal_joiner *joiner);

#endif
