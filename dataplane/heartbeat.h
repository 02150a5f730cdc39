/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Probes the members that this node observes, answers those that observe it, and measures.
 *
 * What is life: a probe succeeds when, before the next one is due, its ACK comes, or a PROBE of the
 * peer that echoes its number. Any other frame only says that the peer speaks, not that it hears:
 * it is noted (heard_at_ns of the plane) and clears nothing. membership/edge.h judges the outcomes,
 * and says what goes through in each direction. A failed probe whose peer spoke meanwhile is
 * counted (PROBES_ONE_WAY): it is the way out that is broken.
 *
 * Timers, one per observed peer:
 *   probe   every interval +-10 %, so that no two edges stay in step: judges the probe that is out,
 *           sends the next. FAILED is reported at once, and in each later view in which it holds.
 *
 * The observer itself may be at fault. A timer that fires late by more than an interval judges
 * nothing: the answers were perhaps there and nobody looked; it is counted (TURNS_LATE). Later than
 * half a window, all that was measured is forgotten. Any lesser lateness is not held against a peer
 * either: its answers wait in the queue, and silence is measured as if the timer had been in time.
 * That is why patience does not grow with one's own lateness: an observer that stands still accuses
 * no more than any other (tests/sim/sim_detector.c). And nothing is judged before the receive queue
 * was seen empty
 * (`is_drained`), for at most PEAL_DRAIN_TURNS_MAX turns in a row, so that a flood of packets
 * cannot blind a detector.
 *
 * Not fit, though it answers: STUCK, its control plane took no step for stuck_ns; LAG, it stays
 * more than one epoch behind for PEAL_LAG_PROBES_MAX intervals and PEAL_LAG_NS_MIN; SLOW, it says
 * that it holds broadcasts back.
 *
 * Plain struct, fields private, one core. An idle turn costs one compare.
 * paper: RAPID 6, edge detector; the proof of life and the rules for a late observer are Peal's.
 */
#ifndef PEAL_DATAPLANE_HEARTBEAT_H
#define PEAL_DATAPLANE_HEARTBEAT_H

#include "base/counters.h"
#include "base/prng.h"
#include "base/timing.h"
#include "dataplane/alertbatch.h"
#include "dataplane/egress.h"
#include "dataplane/ingress.h"
#include "dataplane/peers.h"
#include "dataplane/plane.h"
#include "membership/edge.h"
#include "wire/liveness_msg.h"

#include <stdalign.h>

/* All that is known about one peer, in one cache line: the edge takes half of it, so what can be
 * said in a bit is. */
struct peal_heartbeat_peer {
	alignas(64) struct peal_edge edge;
	uint64_t mid;         /* 0 = empty slot */
	uint64_t due_at_ns;   /* of the next probe */
	uint64_t lag_from_ns; /* since when it is more than one epoch behind; 0 = it is not */
	uint16_t rank;
	uint16_t seq;       /* of the last probe sent */
	uint16_t heard_seq; /* of the last probe heard */
	bool is_subject : 1;
	bool has_heard : 1;   /* heard_seq means something */
	bool is_waiting : 1;  /* probe `seq` is out and nothing echoed it yet */
	bool is_unsent : 1;   /* this node could not send probe `seq` */
	bool is_reported : 1; /* FAILED, and counted; each later epoch is told when it begins */
};

_Static_assert(sizeof(struct peal_heartbeat_peer) == 64, "one cache line");

struct peal_heartbeat {
	const struct peal_timing *timing;
	struct peal_plane *plane;
	struct peal_egress *egress;
	struct peal_alertbatch *alertbatch;
	struct peal_counters *counters;
	uint64_t next_at_ns; /* earliest due_at_ns, UINT64_MAX without subjects */
	uint64_t self_mid;
	uint32_t cluster;
	uint64_t epoch;
	uint64_t age_at_ns; /* when core_age_ms was computed */
	uint32_t view_tag;
	uint16_t core_age_ms;
	uint16_t stuck_ms;
	bool is_slow; /* this node, as it says in probes and answers; the core writes it */
	uint16_t subjects_count;
	uint16_t undrained_count; /* turns in a row that judged nothing */
	uint64_t lag_ns;
	struct peal_prng prng;
	uint16_t subjects[PEAL_SLOTS_MAX]; /* slots, [subjects_count] */
	struct peal_heartbeat_peer peers[PEAL_SLOTS_MAX];
};

struct peal_heartbeat_config {
	const struct peal_timing *timing;
	struct peal_plane *plane;
	struct peal_egress *egress;
	struct peal_alertbatch *alertbatch;
	struct peal_counters *counters;
	uint64_t seed; /* of the jitter */
};

/* Everything `config` points to outlives the machine. */
void peal_heartbeat_init(
	struct peal_heartbeat *heartbeat, const struct peal_heartbeat_config *config);

/*
 * Takes the peers of a new view, after the alertbatch and the egress have. The history of an edge
 * that stays is kept; if its window still says FAILED, it is reported in the new epoch at once. A
 * node that came back under another number, or in another cluster, begins with nothing: what it saw
 * before says more about itself. In another table of the same view nothing begins or ends for peers
 * that stay.
 */
void peal_heartbeat_switch(
	struct peal_heartbeat *heartbeat, const struct peal_peers *peers, uint64_t now_ns);

/*
 * A PROBE: answers it. The packet is turned round and belongs to the egress afterwards.
 * False: it names another view of this epoch; counted as REFUSED_BODY, nothing changed, packet not
 * taken.
 */
bool peal_heartbeat_on_probe(struct peal_heartbeat *heartbeat, const struct peal_opened *opened,
	const struct peal_liveness_msg *message, const struct peal_packet *packet, uint64_t now_ns);

/* An ACK. Refused like a PROBE. */
void peal_heartbeat_on_ack(struct peal_heartbeat *heartbeat, const struct peal_opened *opened,
	const struct peal_liveness_msg *message, uint64_t now_ns);

/* Private: a probe is due. */
uint32_t peal_heartbeat_run_due(struct peal_heartbeat *heartbeat, bool is_drained, uint64_t now_ns);

/*
 * Once a turn, after the received frames were handled.
 *
 * @param is_drained  the receive queue was empty at the end of this turn's burst
 * @return probes judged
 */
static inline uint32_t
peal_heartbeat_run(struct peal_heartbeat *heartbeat, bool is_drained, uint64_t now_ns)
{
	if (__builtin_expect(now_ns < heartbeat->next_at_ns, 1)) {
		return 0;
	}
	return peal_heartbeat_run_due(heartbeat, is_drained, now_ns);
}

static inline uint64_t
peal_heartbeat_deadline_at_ns(const struct peal_heartbeat *heartbeat)
{
	return heartbeat->next_at_ns;
}

/* Verdict about the peer at `slot`; OK for one that is not observed. */
enum peal_verdict peal_heartbeat_verdict(const struct peal_heartbeat *heartbeat, uint16_t slot);

#endif
