/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every compile-time bound of Peal, each with its reason.
 *
 * A table, queue, window or loop anywhere in the tree is bounded by a constant of this file, of
 * base/messagelimits.h if it is about messages between members, of base/orderlimits.h if it is
 * about their order, or of base/clientlimits.h if it is about applications. Where two bounds depend
 * on each other a static assert below says how.
 */
#ifndef PEAL_BASE_LIMITS_H
#define PEAL_BASE_LIMITS_H

#include <stdint.h>

/* Members of one view: ten thousand and some room. A set of members is 1 280 bytes. */
#define PEAL_MEMBERS_MAX 10240U

/* Up to here every member sends to every other one directly. Above: flood on the rings for what is
 * small and urgent, trees for votes and bodies. */
#define PEAL_DIRECT_MAX 64U

/* Rings of the observer topology: 10 by default, 16 in the robust profile. */
#define PEAL_RINGS_MAX     16U
#define PEAL_RINGS_DEFAULT 10U

/* Members that left lately and are still recognised, so that they can be told that they are out. */
#define PEAL_DEPARTED_MAX 64U

/* Places for peers on a core: everybody of a small view and those lately departed; of a large one
 * observers, subjects, tree neighbours, guests, and those lately departed. */
#define PEAL_SLOTS_MAX 256U

/* Members that are no neighbours but spoke or must be spoken to, such as a sequencer of joins. */
#define PEAL_GUESTS_MAX 32U

/* Children of a member in one dissemination tree, trees, and levels below a root. */
#define PEAL_TREE_ARITY_MAX 32U
#define PEAL_TREES_MAX      2U
#define PEAL_TREE_DEPTH_MAX 4U

/* Largest UDP payload of liveness, membership and consensus: IPv6's 1 280 minus IPv6 and UDP
 * headers. */
#define PEAL_PAYLOAD_SIZE_MAX 1232U
#define PEAL_HEADER_SIZE      32U
#define PEAL_TRAILER_SIZE     16U
#define PEAL_BODY_SIZE_MAX    (PEAL_PAYLOAD_SIZE_MAX - PEAL_HEADER_SIZE - PEAL_TRAILER_SIZE)

/* In front of the payload: Ethernet 14 + IPv4 20 + UDP 8, and the most there can be, Ethernet with
 * a VLAN tag 18 + IPv6 40 + UDP 8. */
#define PEAL_UDP_OFFSET       42U
#define PEAL_HEADERS_SIZE_MAX 66U
#define PEAL_PACKET_SIZE_MAX  (PEAL_HEADERS_SIZE_MAX + PEAL_PAYLOAD_SIZE_MAX)

/* Bytes of an IP packet: what every path carries, and the most that a link is used for. Payload and
 * body of channels where a path is proven to carry that much; over IPv6 20 bytes less. */
#define PEAL_MTU_MIN                1280U
#define PEAL_MTU_MAX                9000U
#define PEAL_LARGE_PAYLOAD_SIZE_MAX (PEAL_MTU_MAX - 28U)
#define PEAL_LARGE_BODY_SIZE_MAX                                                                   \
	(PEAL_LARGE_PAYLOAD_SIZE_MAX - PEAL_HEADER_SIZE - PEAL_TRAILER_SIZE)

/* In front of an IP packet: Ethernet with a VLAN tag. */
#define PEAL_LINK_SIZE_MAX 18U

/* Application bytes kept with a member, and with all members of one view: so much that a snapshot
 * of the largest view and a cut that replaces everybody stay bodies. */
#define PEAL_METADATA_SIZE_MAX       4096U
#define PEAL_VIEW_METADATA_BYTES_MAX 524288U

/* Longest cluster or node name, without its terminating zero. */
#define PEAL_NAME_SIZE_MAX 31U

/* A cut adds at most so many members to a group of `n`, and its body stays below this size. So the
 * view is never known to a handful only: 1 -> 65 -> 2 145 -> 10 000. */
#define PEAL_GROWTH_MAX(n)  ((n) > 2U ? 32U * (n) : 64U)
#define PEAL_BODY_BYTES_MAX 1048576U

/* Joiners admitted by one cut, whatever the group's size. */
#define PEAL_ADDITIONS_MAX PEAL_MEMBERS_MAX

/* Encoded member record without metadata: with an IPv4 address, which is the smallest, and with an
 * IPv6 address; and the fixed part of an encoded proposal. */
#define PEAL_MEMBER_RECORD_SIZE     40U
#define PEAL_MEMBER_RECORD_SIZE_MAX 48U
#define PEAL_PROPOSAL_FIXED_SIZE    32U

/* Order groups of one view, how many of them one member takes a rank of, ranks of one, and how
 * often one may be created anew; and the encoded configuration of the largest one. */
#define PEAL_ORDERGROUPS_MAX           16U
#define PEAL_ORDERGROUPS_OF_MEMBER_MAX 4U
#define PEAL_ORDERGROUP_RANKS_MAX      9U
#define PEAL_ORDERGROUP_GENERATION_MAX (UINT32_C(1) << 31)
#define PEAL_ORDERGROUP_SIZE_MAX       (12U + PEAL_ORDERGROUP_RANKS_MAX * 36U)

/* A proposal of at most this size travels inside the messages that name it; a larger one travels as
 * a body, and messages name its digest. */
#define PEAL_INLINE_SIZE_MAX      928U
#define PEAL_INLINE_ADDITIONS_MAX (PEAL_INLINE_SIZE_MAX / PEAL_MEMBER_RECORD_SIZE)

/* Bytes of a body in one frame, and the frames of the largest body. */
#define PEAL_CHUNK_SIZE_MAX 1024U
#define PEAL_CHUNKS_MAX     (PEAL_BODY_BYTES_MAX / PEAL_CHUNK_SIZE_MAX)

/* The same of a member's metadata, and its pieces. */
#define PEAL_METADATA_CHUNKS_MAX (PEAL_METADATA_SIZE_MAX / PEAL_CHUNK_SIZE_MAX)

/* Bodies that a node keeps at once: values of the epoch, batches, snapshots, cuts of the past. */
#define PEAL_BODIES_MAX 96U

/* Large bodies that a core sends at once, receivers of one, and frames of them all that leave in
 * one turn; then a pause, and no more chunks in between than the buffers of a receiver hold many
 * times. */
#define PEAL_STREAMS_MAX             16U
#define PEAL_STREAM_TARGETS_MAX      64U
#define PEAL_STREAM_FRAMES_BURST_MAX 32U
#define PEAL_STREAM_CHUNKS_BURST_MAX 4U
#define PEAL_STREAM_PAUSE_NS         (UINT64_C(20) * 1000U)

/* Entries about subjects in one ALERT frame. */
#define PEAL_ALERT_ENTRIES_MAX 128U

/* Static seeds of one node. */
#define PEAL_SEEDS_MAX 16U

/* Nodes that a cold start may wait for: a majority of them is asked, and counted, one by one. */
#define PEAL_EXPECT_MAX 63U

/* Joiners that one introducer remembers at once. */
#define PEAL_PENDING_JOINS_MAX PEAL_MEMBERS_MAX

/* Uuids that were removed and may never return. */
#define PEAL_TOMBSTONES_MAX 1024U

/* Decided cuts kept to bring members that fell behind forward, one cut at a time. */
#define PEAL_HISTORY_MAX 64U

/* Different (ballot, value) pairs that one epoch counts; the lowest classic ballot is dropped
 * first. */
#define PEAL_TALLIES_MAX 8U

/* Control hears of votes gathered under one key at most once in this time. */
#define PEAL_TALLY_NS (UINT64_C(200) * 1000U)

/* Flooded messages that a core remembers, so that it passes each on once: sets, and places in one.
 * In an epoch there are some dozens; a message is around for some milliseconds. */
#define PEAL_FLOOD_SETS_MAX 256U
#define PEAL_FLOOD_WAYS_MAX 4U

/* Members that a flooded message passes at most; ten thousand are reached by six. */
#define PEAL_FLOOD_HOPS_MAX 32U

/* Different values that the fast votes of one epoch are told apart by: in a small group everybody
 * may have another. */
#define PEAL_FAST_VALUES_MAX PEAL_DIRECT_MAX

/* Highest round number of an epoch: three weeks of one round a millisecond; larger ones are
 * refused. */
#define PEAL_ROUNDS_MAX (UINT32_C(1) << 31)

/* Frames of the next epoch that a core keeps until the view arrives. */
#define PEAL_HELD_FRAMES_MAX 64U

/* Message bodies in flight between the planes, each way. Past it, frames are dropped and repeated.
 */
#define PEAL_PLANE_BUFFERS_MAX 128U

/* Of these, going up, those that frames of family 0 may not take: anybody can send such, and what
 * members say must get through while a flood of them lasts. */
#define PEAL_PLANE_MEMBER_BUFFERS 32U

/* Records in a ring between planes: all buffers of one way returning at once, and as many others.
 */
#define PEAL_PLANE_RECORDS_MAX 512U

/* Reinforcements that control asks a core for before it hears of it again. */
#define PEAL_REPORTS_MAX 64U

/* Packets taken from a queue in one turn, and commands taken from control in one turn. */
#define PEAL_BURST_MAX    32U
#define PEAL_COMMANDS_MAX 32U

/* One body between the planes: the largest frame, or a whole set of members and its key. */
#define PEAL_PLANE_BUFFER_SIZE 1408U

/* Packets a core may have queued for its one flush: replies to a burst and a message to everybody.
 */
#define PEAL_TX_QUEUE_MAX 256U

/* Of these, places that bulk never takes: replies to two bursts, and a message to everybody; and by
 * how many frames a turn bulk may grow again after the port had no room for all of it. */
#define PEAL_TX_RESERVED_MAX (PEAL_DIRECT_MAX + 2U * PEAL_BURST_MAX)
#define PEAL_TX_BULK_MAX     (PEAL_TX_QUEUE_MAX - PEAL_TX_RESERVED_MAX)
#define PEAL_TX_BULK_STEP    2U

/* Bytes of bulk that do not wait for the end of the turn: the other end opens them while the next
 * ones are sealed here. Two jumbo frames, or thirteen of the smallest link: many small ones would
 * cost the port more than that brings. */
#define PEAL_TX_BULK_SIZE_MAX 16384U

/* Shards (cores) of a node; the header has six bits. */
#define PEAL_SHARDS_MAX 64U

/* Packets on their way from the core of a node that received them to the one that they are for. */
#define PEAL_RESTEER_PACKETS_MAX 256U

/* Members that a core asks for an answer after each view, to see by which queue it comes. */
#define PEAL_STEERING_PROBES_MAX 4U

/* Nodes that live side by side in one process, for benches and tests; a daemon has one. */
#define PEAL_RESIDENTS_MAX   256U
#define PEAL_RESIDENTS_WORDS (PEAL_RESIDENTS_MAX / 64U) /* of a set of them */

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

/* Link neighbours (IP address to MAC) of a core: seeds and joiners; members carry theirs in the
 * view. */
#define PEAL_NEIGHBOURS_MAX 32U

/* One request per neighbour and this time; an answer is asked for again when it is this old. */
#define PEAL_ARP_REPEAT_NS        (UINT64_C(10) * 1000000U)
#define PEAL_NEIGHBOUR_AGE_NS_MAX (UINT64_C(30) * 1000000000U)

/* The gateway is asked for this often, while it is not known and when it is: a router that takes
 * over from another with a MAC of its own is found within the second. */
#define PEAL_GATEWAY_SEEK_NS    (UINT64_C(100) * 1000000U)
#define PEAL_GATEWAY_REFRESH_NS (UINT64_C(2) * 1000000000U)

/* Neighbours' questions answered in a second, and at once: each costs two checksums. */
#define PEAL_SOLICITATIONS_PER_SECOND_MAX 1000U
#define PEAL_SOLICITATIONS_BURST_MAX      64U

/* Body of the one frame that waits for a neighbour's link address: the largest request to join. */
#define PEAL_KEPT_BODY_SIZE_MAX 144U

/* Pings answered in a second, and at once: people ping, floods are not worth a core's time. */
#define PEAL_PINGS_PER_SECOND_MAX 1000U
#define PEAL_PINGS_BURST_MAX      64U

/* Frames of family 0 that a core opens in a second, and at once: anybody may send them. A twentieth
 * of a core's time; and ten thousand nodes that start at one moment ask one seed, answer its
 * challenge and say that they are there. */
#define PEAL_JOIN_FRAMES_PER_SECOND_MAX 50000U
#define PEAL_JOIN_FRAMES_BURST_MAX      (3U * PEAL_MEMBERS_MAX)

/* Numbers of the view without a slot that control hears of in a second, and at once: their frames
 * are not authenticated, so anybody may send them. */
#define PEAL_STRANGERS_PER_SECOND_MAX 100U
#define PEAL_STRANGERS_BURST_MAX      8U

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

_Static_assert(PEAL_SLOTS_MAX >= PEAL_DIRECT_MAX + PEAL_DEPARTED_MAX + PEAL_GUESTS_MAX,
	"every peer of a small group needs a slot");
_Static_assert(PEAL_MTU_MIN - 48U == PEAL_PAYLOAD_SIZE_MAX, "every path carries every frame");
_Static_assert(
	(PEAL_FLOOD_SETS_MAX & (PEAL_FLOOD_SETS_MAX - 1U)) == 0U, "a set is some bits of a hash");
_Static_assert(PEAL_EXPECT_MAX / 2U <= 2U * PEAL_SEEDS_MAX,
	"a candidate can ask, and be granted by, a majority");
_Static_assert(PEAL_RINGS_MAX <= 32U, "reports about one subject are one 32-bit mask");
_Static_assert(PEAL_MEMBERS_MAX % 64U == 0, "a set of members has no loose bits");
_Static_assert(PEAL_INLINE_SIZE_MAX + 128U <= PEAL_BODY_SIZE_MAX,
	"an inline proposal and the ballot fields around it fit one frame");
_Static_assert(PEAL_PROPOSAL_FIXED_SIZE + 2U * PEAL_MEMBERS_MAX +
			       PEAL_MEMBERS_MAX * PEAL_MEMBER_RECORD_SIZE_MAX +
			       PEAL_VIEW_METADATA_BYTES_MAX + PEAL_ORDERGROUP_SIZE_MAX <=
		       PEAL_BODY_BYTES_MAX,
	"a cut that replaces everybody fits a body");
_Static_assert(PEAL_NAME_SIZE_MAX == 31U, "a rank of an order group is 5 bytes and its name");
_Static_assert(PEAL_PROPOSAL_FIXED_SIZE + PEAL_ORDERGROUP_SIZE_MAX <= PEAL_INLINE_SIZE_MAX,
	"a cut that only creates an order group fits one frame");
_Static_assert(PEAL_VIEW_METADATA_BYTES_MAX >= PEAL_DIRECT_MAX * PEAL_METADATA_SIZE_MAX,
	"every member of a small group may have all of its metadata");
_Static_assert(PEAL_PLANE_BUFFER_SIZE >= PEAL_BODY_SIZE_MAX, "a buffer takes every frame's body");
_Static_assert(PEAL_PLANE_BUFFER_SIZE >= PEAL_MEMBERS_MAX / 8U + 128U, "and every tally");
_Static_assert(PEAL_PLANE_RECORDS_MAX >= 4U * PEAL_PLANE_BUFFERS_MAX,
	"a ring between planes never refuses the return of a buffer");
_Static_assert(
	(PEAL_PLANE_RECORDS_MAX & (PEAL_PLANE_RECORDS_MAX - 1U)) == 0U, "rings are powers of two");
_Static_assert(PEAL_TX_QUEUE_MAX >= PEAL_DIRECT_MAX + 2U * PEAL_BURST_MAX,
	"one flush carries the answers to a burst and one message to every peer");
#endif
