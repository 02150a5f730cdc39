/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For how long nobody can have removed this node without its knowledge.
 *
 * A member is removed for silence when H of its observers miss it, and when whoever decides that is
 * a quorum. What an observer misses it cannot tell a node that is cut off; but a node that observes
 * knows when each of its subjects last proved that it hears this node. In a small view subjects and
 * observers are the same members: all others. In a large one both are drawn from everybody alike,
 * so the subjects stand for the observers, and half of them are asked for, where H would be more.
 *
 * No detector misses anybody before two intervals of its probes without an echo, of which the first
 * may be a tenth short. So what follows from an instant holds for PEAL_GOODSTANDING_PERCENT of an
 * interval longer. Who is removed although it is heard, because its control plane stood still (the
 * caller looks at that), hears its observers say so, and so does who is on the smaller side of a
 * cut: what control was told comes first. Who leaves or is slow says so itself.
 *
 * Pure functions; any thread that may read the table. Cost: a sort of at most PEAL_RINGS_MAX.
 */
#ifndef PEAL_DATAPLANE_GOODSTANDING_H
#define PEAL_DATAPLANE_GOODSTANDING_H

#include "dataplane/peers.h"
#include "dataplane/plane.h"

/* Of a probe interval: two of them at their shortest, less what frames and turns take. */
#define PEAL_GOODSTANDING_PERCENT 170U

/*
 * The latest instant up to which enough members are known to have heard this node: half of its
 * subjects, and, with those that it does not observe, a quorum.
 *
 * @return UINT64_MAX: the others cannot remove it for silence at all; 0: this node is no member, is
 *         in doubt, or its subjects have proved nothing yet
 */
uint64_t peal_goodstanding_heard_at_ns(
	const struct peal_peers *peers, const struct peal_plane *plane);

#endif
