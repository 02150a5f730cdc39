/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every compile-time bound of Peal, each with its reason.
 *
 * A table, queue, window or loop anywhere in the tree is bounded by a constant of this file. Where
 * two bounds depend on each other a static assert below says how.
 */
#ifndef PEAL_BASE_LIMITS_H
#define PEAL_BASE_LIMITS_H

#include <stdint.h>

/* Members of one view. Up to here every member sends to every other one directly; no trees. */
#define PEAL_MEMBERS_MAX 64U

/* Rings of the observer topology: 10 by default, 16 in the robust profile. */
#define PEAL_RINGS_MAX     16U
#define PEAL_RINGS_DEFAULT 10U

/* Members that left lately and are still recognised, so that they can be told that they are out. */
#define PEAL_DEPARTED_MAX 64U

/* Places for peers on a core: everybody in the view plus everybody lately departed. */
#define PEAL_SLOTS_MAX 128U

/* Largest UDP payload of liveness, membership and consensus: IPv6's 1 280 minus IPv6 and UDP
 * headers. */
#define PEAL_PAYLOAD_SIZE_MAX 1232U
#define PEAL_HEADER_SIZE      32U
#define PEAL_TRAILER_SIZE     16U
#define PEAL_BODY_SIZE_MAX    (PEAL_PAYLOAD_SIZE_MAX - PEAL_HEADER_SIZE - PEAL_TRAILER_SIZE)

/* Ethernet 14 + IPv4 20 + UDP 8 in front of the payload. */
#define PEAL_UDP_OFFSET      42U
#define PEAL_PACKET_SIZE_MAX (PEAL_UDP_OFFSET + PEAL_PAYLOAD_SIZE_MAX)

/* Application bytes kept with a member; larger ones need a pull by digest. */
#define PEAL_METADATA_SIZE_MAX 64U

/* Longest cluster or node name, without its terminating zero. */
#define PEAL_NAME_SIZE_MAX 31U

/* Joiners admitted by one cut: with full metadata they must fit one frame with the rest of the cut.
 */
#define PEAL_ADDITIONS_MAX 8U

/* Encoded member record without metadata, and the fixed part of an encoded proposal. */
#define PEAL_MEMBER_RECORD_SIZE  40U
#define PEAL_PROPOSAL_FIXED_SIZE 64U

/* Static seeds of one node. */
#define PEAL_SEEDS_MAX 16U

/* Joiners that one introducer remembers at once. */
#define PEAL_PENDING_JOINS_MAX 32U

/* Uuids that were removed and may never return. */
#define PEAL_TOMBSTONES_MAX 1024U

/* Decided cuts kept to bring members that fell behind forward, one cut at a time. */
#define PEAL_HISTORY_MAX 64U

/* Different (ballot, value) pairs that one epoch counts; the lowest classic ballot is dropped
 * first. */
#define PEAL_TALLIES_MAX 8U

/* Highest round number of an epoch: three weeks of one round a millisecond; larger ones are
 * refused. */
#define PEAL_ROUNDS_MAX (UINT32_C(1) << 31)

/* Frames of the next epoch that a core keeps until the view arrives. */
#define PEAL_HELD_FRAMES_MAX 64U

/* Message bodies in flight between the planes, each way. Past it, frames are dropped and repeated.
 */
#define PEAL_PLANE_BUFFERS_MAX 128U

/* Records in a ring between planes: all buffers of one way returning at once, and as many others.
 */
#define PEAL_PLANE_RECORDS_MAX 512U

/* Packets taken from a queue in one turn, and commands taken from control in one turn. */
#define PEAL_BURST_MAX    32U
#define PEAL_COMMANDS_MAX 32U

/* Packets a core may have queued for its one flush: replies to a burst and a message to everybody.
 */
#define PEAL_TX_QUEUE_MAX 256U

/* Shards of a node; the header has six bits. One in use today. */
#define PEAL_SHARDS_MAX 64U

/* Replay window of one unicast stream, in frames. */
#define PEAL_REPLAY_WINDOW_MAX 256U

/* Probes that one edge remembers. */
#define PEAL_EDGE_WINDOW_MAX 32U

/* A frame or an echo says for so many probe intervals that its direction works: two may be lost. */
#define PEAL_REACH_PROBES_MAX 3U

/* phi accrual: its threshold in tenths, from hasty to more than a group can wait for; and the
 * shortest probe interval against which a scheduler's hiccup is small enough to be measured with.
 */
#define PEAL_PHI_TENTHS_MIN      10U
#define PEAL_PHI_TENTHS_MAX      160U
#define PEAL_PHI_INTERVAL_NS_MIN (UINT64_C(100) * 1000000U)

/* Link neighbours (IPv4 to MAC) of a core: seeds and joiners; members carry theirs in the view. */
#define PEAL_NEIGHBOURS_MAX 32U

/* One ARP request per neighbour and this time; an answer is asked for again when it is this old. */
#define PEAL_ARP_REPEAT_NS        (UINT64_C(100) * 1000000U)
#define PEAL_NEIGHBOUR_AGE_NS_MAX (UINT64_C(30) * 1000000000U)

/* Pings answered in a second, and at once: people ping, floods are not worth a core's time. */
#define PEAL_PINGS_PER_SECOND_MAX 1000U
#define PEAL_PINGS_BURST_MAX      64U

/* Frames of family 0 that a core opens in a second, and at once: anybody may send them. */
#define PEAL_JOIN_FRAMES_PER_SECOND_MAX 1000U
#define PEAL_JOIN_FRAMES_BURST_MAX      64U

/* Control hears once in this time that a peer speaks in another epoch. */
#define PEAL_OTHER_EPOCH_NS (UINT64_C(10) * 1000000U)

/* Turns in a row that judge no probe because answers may wait in a receive queue not yet empty. */
#define PEAL_DRAIN_TURNS_MAX 16U

/* Empty packets a core keeps, so that one call to the port serves many sends. */
#define PEAL_TX_STASH_MAX 32U

/* A peer that stays more than one epoch behind is unfit after so many probes, and not before this
 * time. */
#define PEAL_LAG_PROBES_MAX 20U
#define PEAL_LAG_NS_MIN     (UINT64_C(5) * 1000000000U)

/* An echo whose reply is not here by then is lost. */
#define PEAL_ECHO_TIMEOUT_NS (UINT64_C(1) * 1000000000U)

/* Effects that one step of the control half may cause, and the bytes of their messages. */
#define PEAL_OUTBOX_EFFECTS_MAX 128U
#define PEAL_OUTBOX_BYTES_MAX   (96U * 1024U)

/* Events kept for `pealctl watch`; an older one is lost to a watcher that polls too late, and
 * counted. */
#define PEAL_EVENTS_MAX 512U

_Static_assert(PEAL_SLOTS_MAX >= PEAL_MEMBERS_MAX + PEAL_DEPARTED_MAX, "every peer needs a slot");
_Static_assert(PEAL_SLOTS_MAX <= 255U, "slot numbers travel in eight bits inside a core");
_Static_assert(PEAL_RINGS_MAX <= 32U, "reports about one subject are one 32-bit mask");
_Static_assert(
	PEAL_PROPOSAL_FIXED_SIZE +
			PEAL_ADDITIONS_MAX * (PEAL_MEMBER_RECORD_SIZE + PEAL_METADATA_SIZE_MAX) +
			128U <=
		PEAL_BODY_SIZE_MAX,
	"a proposal with all additions and the ballot fields around it fits one frame");
_Static_assert(PEAL_PLANE_RECORDS_MAX >= 4U * PEAL_PLANE_BUFFERS_MAX,
	"a ring between planes never refuses the return of a buffer");
_Static_assert(
	(PEAL_PLANE_RECORDS_MAX & (PEAL_PLANE_RECORDS_MAX - 1U)) == 0U, "rings are powers of two");
_Static_assert(PEAL_TX_QUEUE_MAX >= PEAL_MEMBERS_MAX + 2U * PEAL_BURST_MAX,
	"one flush carries the answers to a burst and one message to every member");

#endif
