/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The admitting side: introducer of the nodes that asked this member; and, when elected, sequencer
 * (membership/sequencer.h).
 *
 * Checks the request, challenges its address with a cookie, remembers the joiner, forwards it, many
 * in a frame, to this epoch's sequencer and to alternates when nothing happens, and again after
 * every view. It forwards nobody while a batch of this epoch is known: there is one an epoch. Being
 * sequencer is a performance device: two concurrent batches are safe.
 *
 * timers: forward - per joiner, T_fwd after the last forward; again - in a large group all of them,
 * half a join_quiet after the view, then after twice that and so on up to T_fwd, for a sequencer
 * that is not there yet; expiry - per joiner, 8 T_fwd without a request; both are longer when many
 * ask. Work in one tick is bounded by the caller's budget of frames; what is left is due a moment
 * later. Pure; plain struct, fields private; thread: control. paper: RAPID 4.1 joining, much
 * changed.
 */
#ifndef PEAL_MEMBERSHIP_ADMISSION_H
#define PEAL_MEMBERSHIP_ADMISSION_H

#include "base/counters.h"
#include "base/timing.h"
#include "membership/applicants.h"
#include "membership/bodies.h"
#include "membership/rings.h"
#include "membership/sequencer.h"
#include "membership/tombstones.h"
#include "wire/join_msg.h"
#include "wire/outbox.h"
#include "wire/parameters.h"

/* Joiners that this member introduced and that a cut admitted, told at once; more of them get the
 * view by the tree. */
#define PEAL_ADMISSION_GUESTS_MAX PEAL_DIRECT_MAX

struct peal_admission_config {
	const struct peal_timing *timing; /* these four outlive the instance */
	const struct peal_view *view;
	const struct peal_topology *topology;
	struct peal_counters *counters;
	struct peal_bodies bodies;
	uint16_t members_max; /* nobody is admitted beyond; 0 = no limit but that of a view */
	struct peal_parameters parameters; /* what must be equal */
	uint64_t secret;                   /* of this node, for the tokens of probes */
	struct peal_uuid self;
	/* When the member at `rank` was last heard here; 0 = never, or it is no neighbour. */
	uint64_t (*heard_at_ns)(void *state, uint16_t rank);
	void *heard_state;
};

/* Whom the view is to be sent to. */
struct peal_invitee {
	struct peal_uuid uuid;
	struct peal_address address;
};

struct peal_admission {
	struct peal_admission_config config;
	uint16_t self_rank;
	uint64_t stall_until_ns; /* no budget was left; 0 = not so */
	bool is_cut_short;       /* and some of it was used: there may be more to do */
	uint64_t again_at_ns;    /* UINT64_MAX = not any more in this view */
	uint64_t again_ns;
	uint64_t batch_until_ns; /* another member's batch is known and may live; 0 = none */
	struct peal_tombstones tombstones;
	struct peal_applicants applicants;
	struct peal_sequencer sequencer;
};

/* `admission`: zeroed memory, or an instance that is over (peal_admission_end). */
void peal_admission_init(
	struct peal_admission *admission, const struct peal_admission_config *config);
/* Forgets everybody and releases the batch. */
void peal_admission_end(struct peal_admission *admission);

/*
 * A JOIN_REQUEST with `cookie_now` / `cookie_before`, the two cookies that are good for it now.
 * Emits one JOIN_ANSWER.
 * @return true when the asker is a member and is to be sent the view
 */
bool peal_admission_on_request(struct peal_admission *admission,
	const struct peal_join_request *request, const struct peal_address *from,
	const uint8_t cookie_now[16], const uint8_t cookie_before[16], uint64_t now_ns,
	struct peal_outbox *out);

/* An item of a JOIN_FORWARD: this member is taken for the sequencer. Bad items are dropped. */
void peal_admission_on_forward(struct peal_admission *admission, const struct peal_member *member,
	const struct peal_metadata_tag *tag, uint64_t now_ns);
/* A JOIN_READY from `from`. One that nobody asked for is nothing. */
void peal_admission_on_ready(struct peal_admission *admission, const struct peal_join_ready *ready,
	const struct peal_address *from, uint64_t now_ns);
/* A JOIN_BATCH of another member was heard in this epoch. */
void peal_admission_on_batch(struct peal_admission *admission, uint64_t now_ns);

/* A uuid was removed from the view and may never return. */
void peal_admission_bury(struct peal_admission *admission, struct peal_uuid uuid);
bool peal_admission_is_buried(const struct peal_admission *admission, struct peal_uuid uuid);

/*
 * A new view was installed (config.view already has it). Forgets the joiners that are in it and
 * drops the sequencer's window; the other joiners are forwarded again.
 * @param invitees_out  joiners of this member that are in the view, [PEAL_ADMISSION_GUESTS_MAX];
 * more are not listed
 * @return how many. O(joiners).
 */
uint32_t peal_admission_on_view(struct peal_admission *admission, uint16_t self_rank,
	uint32_t newcomers_count, uint64_t now_ns, struct peal_invitee *invitees_out);

/* Members whose address a joiner in the sequencer's window has. */
static inline const struct peal_bitset *
peal_admission_replaced(const struct peal_admission *admission)
{
	return &admission->sequencer.replaced;
}

/* Milliseconds after which a joiner should ask again: longer when many do. */
uint32_t peal_admission_retry_ms(const struct peal_admission *admission);

/*
 * @param is_free      no cut is being agreed on and earlier additions are there
 * @param frames_max   frames that may be emitted now besides one, < PEAL_OUTBOX_EFFECTS_MAX / 2
 * @return the batch to enter into the own cut detector, and to stream if it is large, when one left
 *         now, else NULL; good as long as this epoch
 */
const struct peal_body *peal_admission_on_tick(struct peal_admission *admission, bool is_free,
	uint32_t frames_max, uint64_t now_ns, struct peal_outbox *out);
uint64_t peal_admission_deadline_at_ns(const struct peal_admission *admission);

#endif
