/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a control machine wants done: a bounded list of effects in memory of the caller.
 *
 * A machine appends; the composite that called it carries the effects out, in order, and resets.
 * Two bounds: effects and bytes. A machine asserts that it never adds more than it promised; the
 * composite drains between machines.
 */
#ifndef PEAL_WIRE_OUTBOX_H
#define PEAL_WIRE_OUTBOX_H

#include "base/limits.h"
#include "wire/cursor.h"
#include "wire/ident.h"

#include <stdint.h>

enum peal_effect_kind {
	PEAL_EFFECT_SEND_ALL =
		1, /* to every other member: one copy each, or flooded on the rings */
	PEAL_EFFECT_SEND_MEMBER = 2,  /* to the member at `rank` */
	PEAL_EFFECT_SEND_MID = 3,     /* to a member or departed one with the number `mid` */
	PEAL_EFFECT_SEND_ADDRESS = 4, /* family 0, to `address` */
	PEAL_EFFECT_REPORT = 5,       /* report DOWN with reason ECHO about the member at `rank` */
	PEAL_EFFECT_VOTE = 6,         /* the own bit, up the trees; body: a struct peal_vote_key */
	PEAL_EFFECT_WANT = 7, /* ask for the body of this digest; body: a struct peal_hash128 */
};

struct peal_effect {
	uint8_t kind;    /* enum peal_effect_kind */
	uint8_t message; /* enum peal_message; the flood prefix is added by the composite */
	uint16_t rank;
	uint32_t body_offset; /* into bytes[] */
	uint32_t body_size;
	uint64_t mid;
	struct peal_address address;
};

struct peal_outbox {
	uint32_t count;
	uint32_t used; /* bytes */
	struct peal_effect effects[PEAL_OUTBOX_EFFECTS_MAX];
	uint8_t bytes[PEAL_OUTBOX_BYTES_MAX];
};

void peal_outbox_reset(struct peal_outbox *outbox);
/*
 * Opens an effect with a body of at most `capacity` bytes; write it with the returned cursor, then
 * close it with peal_outbox_commit. Exactly one effect may be open. Asserts room for both.
 */
struct peal_writer peal_outbox_open(
	struct peal_outbox *outbox, const struct peal_effect *effect, uint32_t capacity);
/* Closes it. Asserts that the cursor did not overflow. */
void peal_outbox_commit(struct peal_outbox *outbox, const struct peal_writer *writer);
/* An effect without a body. */
void peal_outbox_add(struct peal_outbox *outbox, const struct peal_effect *effect);
/* The body of effect `index`: a pointer into the outbox, valid until reset. */
const uint8_t *peal_outbox_body(const struct peal_outbox *outbox, uint32_t index);

#endif
