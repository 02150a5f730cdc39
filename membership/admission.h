/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The admitting side: introducer of the nodes that asked this member, sequencer when elected.
 *
 * Introducer: checks the request, challenges its address with a cookie, remembers the joiner,
 * forwards it to this epoch's sequencer and to alternates when nothing happens, forwards again
 * after every view, and sends the view to a joiner that is in it. Sequencer: collects items, and
 * sends them to all as one JOIN_BATCH when its window ends and no cut is being agreed on; once per
 * epoch. An item whose address is held by a member replaces that member in the same cut, unless the
 * old incarnation was heard after the request. Being sequencer is a performance device: two
 * concurrent batches are safe.
 *
 * timers: forward - per joiner, T_fwd after the last forward; expiry - per joiner, 8 T_fwd without
 * a request (a dead joiner that is admitted costs the group a member); window - join_quiet after
 * the last item, at most join_window after the first; repeat - of the sent batch at 2 D, 4 D ...
 * while the epoch lasts. Pure; plain struct, fields private; thread: control. paper: RAPID 4.1
 * joining, much changed.
 */
#ifndef PEAL_MEMBERSHIP_ADMISSION_H
#define PEAL_MEMBERSHIP_ADMISSION_H

#include "base/counters.h"
#include "base/timing.h"
#include "membership/rings.h"
#include "wire/join_msg.h"
#include "wire/outbox.h"
#include "wire/proposal.h"

/* A joiner that did not ask for so many times T_fwd is taken to be gone; it asks once in T_fwd. */
#define PEAL_ADMISSION_EXPIRY_FORWARDS 8U

struct peal_admission_config {
	const struct peal_timing *timing; /* these four outlive the instance */
	const struct peal_view *view;
	const struct peal_topology *topology;
	struct peal_counters *counters;
	uint64_t parameters; /* hash of what must be equal */
	struct peal_uuid self;
};

/* A joiner this member introduces. */
struct peal_pending {
	bool is_used;
	struct peal_member member;
	struct peal_address reply_to; /* link source of its last request */
	uint64_t asked_at_ns;         /* last request */
	uint64_t forward_at_ns;
	uint32_t attempts_count; /* forwards in this epoch */
};

/* A joiner in the sequencer's window. */
struct peal_batch_item {
	struct peal_member member;
	uint64_t arrived_at_ns; /* first of this uuid */
	uint64_t vouched_at_ns; /* last, by any introducer */
};

struct peal_admission {
	struct peal_admission_config config;
	uint16_t self_rank;
	struct peal_pending pending[PEAL_PENDING_JOINS_MAX];
	uint8_t items_count;
	struct peal_batch_item items[PEAL_PENDING_JOINS_MAX];
	uint64_t first_item_at_ns;
	uint64_t last_item_at_ns;
	uint64_t hold_until_ns; /* the window may not end before: something else is being agreed on
				 */
	bool is_sent;           /* the one batch of this epoch */
	struct peal_proposal batch;
	uint64_t repeat_at_ns;
	uint64_t repeat_ns;
	uint32_t tombstones_count; /* removed uuids, ring of the newest */
	struct peal_uuid tombstones[PEAL_TOMBSTONES_MAX];
};

void peal_admission_init(
	struct peal_admission *admission, const struct peal_admission_config *config);

/*
 * A JOIN_REQUEST with `cookie_now` / `cookie_before`, the two cookies that are good for it now.
 * Emits: one JOIN_ANSWER, the INSTALL frames when it is a member, at most one JOIN_FORWARD.
 */
void peal_admission_on_request(struct peal_admission *admission,
	const struct peal_join_request *request, const struct peal_address *from,
	const uint8_t cookie_now[16], const uint8_t cookie_before[16], uint64_t now_ns,
	struct peal_outbox *out);

/* A JOIN_FORWARD: this member is taken for the sequencer. Bad items are dropped. */
void peal_admission_on_forward(
	struct peal_admission *admission, const struct peal_member *member, uint64_t now_ns);

/* A uuid was removed from the view and may never return. */
void peal_admission_bury(struct peal_admission *admission, struct peal_uuid uuid);
bool peal_admission_is_buried(const struct peal_admission *admission, struct peal_uuid uuid);

/*
 * A new view was installed (config.view already has it). Sends the view to joiners of this member
 * that are in it, lets the others be forwarded again, drops the sequencer's window.
 */
void peal_admission_on_view(struct peal_admission *admission, uint16_t self_rank, uint64_t now_ns,
	struct peal_outbox *out);

/* Members whose address a joiner in the sequencer's window has. */
struct peal_bitset peal_admission_replaced(const struct peal_admission *admission);

/*
 * @param heard_at_ns  when each member was last heard, by rank, [members_count]; 0 = never
 * @param is_free      no cut is being agreed on and earlier additions are there
 * @return the batch to enter into the own cut detector when one left now, else NULL
 */
const struct peal_proposal *peal_admission_on_tick(struct peal_admission *admission,
	const uint64_t *heard_at_ns, bool is_free, uint64_t now_ns, struct peal_outbox *out);
uint64_t peal_admission_deadline_at_ns(const struct peal_admission *admission);

#endif
