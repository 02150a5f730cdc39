/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Carries out SEND records: from a body in a down buffer to frames on the wire.
 *
 * To everybody means one copy each in a small view, and the flood in a large one. A vote for the
 * trees goes into the own tally.
 *
 * The buffer is given back when the frames are sealed, whatever became of them. A receiver that is
 * no peer any more, or whose link address is not known yet, is a counted drop: control repeats what
 * matters. Plain struct, fields private, one core.
 */
#ifndef PEAL_DATAPLANE_DOWNLINK_H
#define PEAL_DATAPLANE_DOWNLINK_H

#include "base/counters.h"
#include "dataplane/egress.h"
#include "dataplane/flood.h"
#include "dataplane/neighbour.h"
#include "dataplane/peers.h"
#include "dataplane/plane.h"
#include "dataplane/uplink.h"
#include "dataplane/votetree.h"

struct peal_downlink {
	const struct peal_plane *plane;
	struct peal_egress *egress;
	struct peal_neighbour *neighbour;
	struct peal_flood *flood;
	struct peal_votetree *votetree;
	struct peal_uplink *uplink;
	struct peal_counters *counters;
};

/*
 * One SEND record. Asserts what control promises: a buffer of the plane, a known message, a size
 * that fits, family 0 for an address and no other family for it; in a large view, to everybody only
 * what is flooded (dataplane/flood.h), and a VOTE_UP of the view for the trees.
 *
 * Cost: one seal per receiver.
 */
void peal_downlink_send(struct peal_downlink *downlink, const struct peal_peers *peers,
	const struct peal_record *record, uint64_t now_ns);

#endif
