/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Compile-time bounds of messages between members, each with its reason: channels, windows, sizes
 * of paths, broadcast, ways round a broken pair; see base/limits.h.
 */
#ifndef PEAL_BASE_MESSAGELIMITS_H
#define PEAL_BASE_MESSAGELIMITS_H

#include "base/limits.h"

/* Frames of one stream on their way at once: one word of bits at each end. At 1 400 bytes and a
 * round trip of 20 us that is 36 Gbit/s for one channel. */
#define PEAL_CHANNEL_WINDOW 64U

/* Channels of one core, both ways; whoever opens more is told that there is no room. Of what peers
 * open, each may have as many as it leaves free: one that opens for ever takes a half, two of them
 * a third each, and so nobody takes the place of everybody else. */
#define PEAL_CHANNELS_MAX 256U

/* Frames that may leave before the first answer of the peer, and frames of one channel in a row. */
#define PEAL_CHANNEL_CREDIT_FIRST 16U
#define PEAL_CHANNEL_BURST        32U

/* How long an answer waits for a frame to ride on (dataplane/channel_rx.h). Those who wait for one
 * allow for it, so it is small against the shortest time-out. */
#define PEAL_CHANNEL_HOLD_NS (UINT64_C(5) * 1000U)

/* Window of frames to one peer (dataplane/congestion.h): at first, at most, and at least one frame
 * in so many round trips. 512 frames of 1 232 bytes and 50 us are 100 Gbit/s. */
#define PEAL_CONGESTION_WINDOW_FIRST 16U
#define PEAL_CONGESTION_WINDOW_MAX   512U
#define PEAL_CONGESTION_WINDOW_PARTS 64U

/* Frames to a peer that is further away than the target, whatever the delay is. */
#define PEAL_CONGESTION_WINDOW_FAR 4U

/* However slow the answers of a peer are, a frame leaves to it this often. */
#define PEAL_CONGESTION_PAUSE_NS_MAX (UINT64_C(10) * 1000000U)

/* Delay of the fabric that a window aims at, and delay of hosts. */
#define PEAL_CONGESTION_TARGET_NS      (UINT64_C(50) * 1000U)
#define PEAL_CONGESTION_HOST_TARGET_NS (UINT64_C(100) * 1000U)

/* Sizes of a path that are tried: the least, that of an Ethernet of 1 500 bytes, the largest. Each
 * is tried so often in one search, with pauses doubled from the first on. A search in which nothing
 * at all is answered is repeated after a while, with longer pauses. A path that is narrower than it
 * might be is tried again now and then. */
#define PEAL_PATHMTU_RUNGS_MAX    3U
#define PEAL_PATHMTU_TRIES_MAX    4U
#define PEAL_PATHMTU_PAUSE_NS     (UINT64_C(2) * 1000000U)
#define PEAL_PATHMTU_PAUSE_NS_MAX (UINT64_C(64) * 1000000U)
#define PEAL_PATHMTU_AGAIN_NS     (UINT64_C(1) * 1000000000U)
#define PEAL_PATHMTU_RAISE_NS     (UINT64_C(60) * 1000000000U)

/* Probes of paths that leave in one turn: a view change has them leave to every peer. */
#define PEAL_PATHMTU_BURST 8U

/* A large frame that left so often may be too large for the path. */
#define PEAL_CHANNEL_SENDS_SUSPECT 3U

/* How many times that delay through another member: two ways, and the turn of a core between. */
#define PEAL_CONGESTION_ROUND_FACTOR 3U

/* Largest message of a channel: parts are counted in 32 bits, and nobody should wait longer. */
#define PEAL_MESSAGE_SIZE_MAX (UINT32_C(1) << 30)

/* Buffers of a core for frames that came too early: sixteen full windows. */
#define PEAL_FRAMEPOOL_MAX 1024U

/* Copies of a broadcast that one member sends on, per tree: two hops reach 273 members. */
#define PEAL_CAST_FAN_OUT_MAX 16U

/* Neighbours of a member of a large view in the two trees of broadcast: the root has its children
 * in both, anybody else has children in one. */
#define PEAL_CAST_LINKS_MAX (2U * PEAL_CAST_FAN_OUT_MAX)

/* Members of a large view that may have frames under way at one moment: a lane each. As many as a
 * direct view has members, so what a core keeps is the same; others wait for one. */
#define PEAL_CAST_LANES_MAX PEAL_DIRECT_MAX

/* Members that wait for a lane, and are remembered by who grants them; others ask again. */
#define PEAL_CAST_WAITING_MAX 64U

/* Frames of all origins together that a member keeps until all have them, and of one at most. The
 * share of an origin follows from the number of members alone, so all compute the same. */
#define PEAL_CAST_FRAMES_MAX 8192U
#define PEAL_CAST_WINDOW_MAX 512U

/* Latest values that a member may have for all, and the largest: what is newer takes the place of
 * what did not leave yet. */
#define PEAL_CAST_VALUES_MAX     16U
#define PEAL_CAST_VALUE_SIZE_MAX 1024U

/* Frames of broadcasts of its own that a core sends in one turn, and that it repeats for a pull. */
#define PEAL_CAST_BURST 32U

/* A gap is pulled after this time, for frames overtake each other; the end of a stream is told
 * after that; what arrived is acknowledged after that. Each is repeated with doubled pauses, up to
 * the last. */
#define PEAL_CAST_REORDER_NS    (UINT64_C(40) * 1000U)
#define PEAL_CAST_TELL_NS       (UINT64_C(50) * 1000U)
#define PEAL_CAST_ACK_NS        (UINT64_C(100) * 1000U)
#define PEAL_CAST_REPEAT_NS     (UINT64_C(100) * 1000U)
#define PEAL_CAST_REPEAT_NS_MAX (UINT64_C(10) * 1000000U)

/* Views that were installed while the streams of one before are still flushed. Of more, the oldest
 * are not shown: nothing was cast in them. */
#define PEAL_CAST_VIEWS_MAX 16U

/* How long to wait for the first answer of a peer, of which nothing is known. */
#define PEAL_RTT_UNKNOWN_NS (UINT64_C(1) * 1000000U)

/* Of a peer that does not answer, so many echoes at this distance show whether the direct way to it
 * carries: ten milliseconds, so that a core that is late for that long is not taken for a cut link.
 */
#define PEAL_PATH_ECHOES_MAX 4U
#define PEAL_PATH_ECHO_NS    (UINT64_C(2500) * 1000U)

/* Who has just answered is not doubted again for so long. */
#define PEAL_PATH_TRUST_NS (UINT64_C(10) * 1000000U)

/* While frames to a peer go through another member, the direct way is tried this often. So many
 * answers in a row bring it back: the first number, doubled up to the second each time that it
 * broke again soon after. */
#define PEAL_PATH_PROBE_NS    (UINT64_C(50) * 1000000U)
#define PEAL_PATH_REPLIES_MIN 3U
#define PEAL_PATH_REPLIES_MAX 48U
#define PEAL_PATH_FLAP_NS     (UINT64_C(2) * 1000000000U)

/* A member through which nothing comes for so long, while something is awaited, makes room for the
 * next one. */
#define PEAL_PATH_TRY_NS (UINT64_C(10) * 1000000U)

/* Time-outs of a channel in a row after which it is doubted that the way to the peer carries;
 * repeats of digests and vectors of a broadcast; and the time in which nothing of it became stable
 * though rows were sent. */
#define PEAL_PATH_BACKOFFS_MIN 2U
#define PEAL_PATH_REPEATS      5U
#define PEAL_PATH_VAIN_NS      (UINT64_C(1) * 1000000U)

/* Frames of other pairs that a core passes on in a second, and at once: less than a tenth of its
 * time, and all places for bulk in one turn. */
#define PEAL_RELAY_FRAMES_PER_SECOND_MAX 200000U
#define PEAL_RELAY_FRAMES_BURST_MAX      PEAL_TX_BULK_MAX

_Static_assert(
	PEAL_SLOTS_MAX >= 6U * PEAL_RINGS_MAX +
				  PEAL_TREES_MAX * (PEAL_TREE_DEPTH_MAX + PEAL_TREE_ARITY_MAX) +
				  PEAL_CAST_LINKS_MAX + PEAL_GUESTS_MAX,
	"every neighbour in a large group needs a slot");
_Static_assert(PEAL_CAST_LANES_MAX <= 64U && PEAL_CAST_LINKS_MAX <= 64U,
	"sets of lanes and of links are words");

#endif
