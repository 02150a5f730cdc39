/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks that no sealing nonce is used twice, by reading what every port sends.
 *
 * A frame of family 1 and up is sealed under the key of its sender's incarnation (cluster and
 * member number), with a nonce of receiver and counter. So no counter of one shard of a sender for
 * one shard of a receiver may come twice, whatever happened to slots and tables in between. Bulk
 * leaves behind what was sealed after it, so counters may be out of order, but never by more than
 * the receiver's replay window bears. Family 0 has random nonces.
 *
 * Who passes a frame of another pair on (flag RELAY) sends what was sealed elsewhere, as often as
 * it comes: that must be a frame that its sender has sent.
 *
 * One entry for each stream that ever was; heap, released by fini.
 */
#ifndef PEAL_SIM_CHECK_NONCES_H
#define PEAL_SIM_CHECK_NONCES_H

#include "sim/report.h"
#include "wire/replay.h"

#include <stddef.h>

struct peal_check_stream {
	uint32_t cluster; /* fold */
	uint32_t src;     /* member numbers; 0 = unused */
	uint32_t dst;
	uint16_t port;             /* of the sender */
	uint16_t shards;           /* of sender and receiver, as the header has them */
	struct peal_replay replay; /* of what left */
	uint16_t owner;            /* of an entry for the sender itself (dst 0): its port */
};

struct peal_check_nonces {
	struct peal_report *report;
	size_t streams_count;
	size_t streams_capacity;           /* a power of two */
	struct peal_check_stream *streams; /* open addressing */
};

void peal_check_nonces_init(struct peal_check_nonces *check, struct peal_report *report);
void peal_check_nonces_fini(struct peal_check_nonces *check);

/* Port `index` sends an Ethernet frame. O(1) amortised. */
void peal_check_nonces_on_frame(struct peal_check_nonces *check, uint16_t index,
	const uint8_t *bytes, uint32_t size, uint64_t now_ns);

#endif
