/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The joining side: asks seeds until a view with its own uuid arrives.
 *
 * While no introducer is known every seed is asked at each retry; the first member that answers
 * becomes the introducer and is asked alone until it stays silent for three retries or declines.
 * The view comes in INSTALL frames in any order, from one member that has it; what is missing is
 * asked for from whom the last one came and from the introducer in turn, and when both are silent
 * the introducer is asked for all of it again.
 *
 * timers: retry - exponential from join_retry_ns_min, factor 2, cap 5 s, full jitter; or what the
 * introducer said, jittered as well; put off while parts arrive. After BUSY another seed may be
 * asked, and after BUSY and UNREACHABLE the pause doubles, up to 5 s. pull - D after the last part,
 * then at 2 D, 4 D ...; given up after PEAL_JOINER_PULLS_MAX in vain. Pure; plain struct, fields
 * private; thread: control.
 */
#ifndef PEAL_MEMBERSHIP_JOINER_H
#define PEAL_MEMBERSHIP_JOINER_H

#include "base/prng.h"
#include "base/timing.h"
#include "membership/gather.h"
#include "wire/join_msg.h"
#include "wire/outbox.h"
#include "wire/reach_msg.h"

#define PEAL_JOINER_RETRY_NS_MAX UINT64_C(5000000000)
#define PEAL_JOINER_PULLS_MAX    6U

struct peal_joiner_config {
	const struct peal_timing *timing; /* outlives the joiner */
	const struct peal_address *seeds; /* [seeds_count], outlives the joiner */
	struct peal_bodies bodies;        /* where a view is gathered */
	uint8_t seeds_count;
	/* Cookie zero, member.mid 0; the metadata of member outlives the joiner. */
	struct peal_join_request request;
};

struct peal_joiner {
	struct peal_joiner_config config;
	struct peal_prng prng;
	bool has_introducer;
	struct peal_address introducer;
	uint8_t cookie[16];
	uint8_t silent_count; /* retries since the introducer was heard */
	uint64_t backoff_ns;
	uint64_t busy_ns; /* pause after BUSY or UNREACHABLE, doubled each time; 0 = none yet */
	uint64_t retry_at_ns;
	/* Nodes that asked this one in a cold start: a candidate needs their grants as well. */
	uint8_t askers_count;
	struct peal_address askers[2U * PEAL_SEEDS_MAX];
	struct peal_gather gather;  /* the view, by its hash */
	struct peal_address sender; /* of the last part */
	uint64_t heard_at_ns;       /* last part that was new */
	uint64_t pull_at_ns;        /* meaningful while gathering */
	uint64_t pull_ns;
	uint32_t pulls_count; /* in vain */
};

enum peal_joiner_verdict {
	PEAL_JOINER_WAIT = 0,
	PEAL_JOINER_NEW_UUID = 1, /* this uuid was a member once: start again with another */
	PEAL_JOINER_REFUSED = 2,  /* parameters differ: give up */
};

/* Begins at once: the first request leaves at the first tick. `joiner`: zeroed memory, or an
 * instance that is over (peal_joiner_end). */
void peal_joiner_init(struct peal_joiner *joiner, const struct peal_joiner_config *config,
	uint64_t seed, uint64_t now_ns);
/* Gives back what it gathered. */
void peal_joiner_end(struct peal_joiner *joiner);
/* An answer from `from`. Emits at most one request. */
enum peal_joiner_verdict peal_joiner_on_answer(struct peal_joiner *joiner,
	const struct peal_address *from, const struct peal_join_answer *answer, uint64_t now_ns,
	struct peal_outbox *out);
/*
 * One part of a view, from `from`. A part of another view than the one that is being gathered takes
 * its place only when nothing of that came for 2 D: parents and introducers may send different
 * ones. Returns true when all of a view is here: gather.bytes, which nobody has checked yet. The
 * caller drops it when it has looked.
 */
bool peal_joiner_on_install(struct peal_joiner *joiner, const struct peal_install_msg *message,
	const struct peal_address *from, uint64_t now_ns);
/* Gives up what is gathered; the next part begins anew. */
void peal_joiner_drop(struct peal_joiner *joiner);
/* A JOIN_PROBE from `from`: if it is about this joiner, emits JOIN_READY for each chunk of the
 * metadata that it asks for, PEAL_METADATA_CHUNKS_MAX at most, or one without. */
void peal_joiner_on_probe(const struct peal_joiner *joiner, const struct peal_join_probe *probe,
	const struct peal_address *from, struct peal_outbox *out);
/*
 * Too few observers reach this joiner: it asks again after a pause that doubles up to 5 s.
 * @return false when that is about another joiner
 */
bool peal_joiner_on_unreachable(
	struct peal_joiner *joiner, const struct peal_unreachable_msg *message, uint64_t now_ns);
/* A node that is not in a cluster either asked this one. A bounded number is remembered. */
void peal_joiner_on_asker(struct peal_joiner *joiner, const struct peal_address *from);
/* Emits at most 3 PEAL_SEEDS_MAX requests and one INSTALL_PULL. `is_candidate`: ask for CREATE_OK
 * as well. */
void peal_joiner_on_tick(
	struct peal_joiner *joiner, bool is_candidate, uint64_t now_ns, struct peal_outbox *out);
uint64_t peal_joiner_deadline_at_ns(const struct peal_joiner *joiner);

#endif
