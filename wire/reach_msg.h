/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Can those who would observe a joiner reach it, and it them?
 *
 * REACH (family 2, after the prefix; sequencer to an expected observer): joiner uuid 16 | token u64
 * | IPv4 u32 | port u16 | MAC 6 | 4 x 0 | IPv6 16 if IPv4 is 0. The observer sends the joiner a
 * JOIN_PROBE with the token; when JOIN_READY comes back it says so. REACHED (family 2, after the
 * prefix; back to the sequencer): joiner uuid 16 | token u64. UNREACHABLE (family 0, to the
 * joiner): joiner uuid 16 | answerer uuid 16 | count u8 | asked u8 | needed u8 | 5 x 0 | per
 * observer that got no answer: IPv4 u32 | port u16 | 2 x 0 | IPv6 16 if IPv4 is 0.
 */
#ifndef PEAL_WIRE_REACH_MSG_H
#define PEAL_WIRE_REACH_MSG_H

#include "base/limits.h"
#include "wire/cursor.h"
#include "wire/ident.h"

struct peal_reach_msg {
	struct peal_uuid joiner;
	uint64_t token;
	struct peal_address address; /* of the joiner, with MAC */
};

struct peal_unreachable_msg {
	struct peal_uuid joiner;
	struct peal_uuid answerer;
	uint8_t count;  /* [1, PEAL_RINGS_MAX]: observers without an answer */
	uint8_t asked;  /* [count, PEAL_RINGS_MAX]: observers in all */
	uint8_t needed; /* [1, asked]: so many must reach it; more than asked - count */
	struct peal_address observers[PEAL_RINGS_MAX]; /* [count], without MAC */
};

/* Each decoder returns false unless the bytes are exactly one well-formed message. */
void peal_reach_msg_encode(const struct peal_reach_msg *message, struct peal_writer *writer);
/* Also false: no uuid, no usable IP address or port, a MAC that is no station's. */
bool peal_reach_msg_decode(struct peal_reader *reader, struct peal_reach_msg *message_out);
void peal_unreachable_msg_encode(
	const struct peal_unreachable_msg *message, struct peal_writer *writer);
bool peal_unreachable_msg_decode(
	struct peal_reader *reader, struct peal_unreachable_msg *message_out);

#endif
