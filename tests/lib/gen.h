/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random well-formed values of everything that travels. The same seed gives the same values.
 */
#ifndef PEAL_TESTS_LIB_GEN_H
#define PEAL_TESTS_LIB_GEN_H

#include "base/prng.h"
#include "wire/alert_msg.h"
#include "wire/ballot_msg.h"
#include "wire/flood_msg.h"
#include "wire/frame.h"
#include "wire/join_msg.h"
#include "wire/liveness_msg.h"
#include "wire/view.h"

#include <stddef.h>

void peal_gen_bytes(struct peal_prng *prng, void *bytes, size_t size);
struct peal_uuid peal_gen_uuid(struct peal_prng *prng);
struct peal_hash128 peal_gen_hash(struct peal_prng *prng);
/* A joiner's record: mid 0, metadata of any size. */
void peal_gen_member(struct peal_prng *prng, struct peal_member *member_out);
/* A view of `members_count` members that passes peal_view_check. */
void peal_gen_view(struct peal_prng *prng, uint16_t members_count, struct peal_view *view_out);
void peal_gen_proposal(struct peal_prng *prng, struct peal_proposal *proposal_out);
/* A message of `kind`, one of the seven. */
void peal_gen_ballot_msg(struct peal_prng *prng, uint8_t kind, struct peal_ballot_msg *message_out);
void peal_gen_header(struct peal_prng *prng, struct peal_header *header_out);
void peal_gen_liveness_msg(struct peal_prng *prng, struct peal_liveness_msg *message_out);
void peal_gen_flood_prefix(struct peal_prng *prng, struct peal_flood_prefix *prefix_out);
void peal_gen_alert_msg(struct peal_prng *prng, struct peal_alert_msg *message_out);
void peal_gen_join_request(struct peal_prng *prng, struct peal_join_request *message_out);
void peal_gen_join_answer(struct peal_prng *prng, struct peal_join_answer *message_out);
/* `chunk` holds the bytes, at least PEAL_INSTALL_CHUNK_SIZE_MAX, and must outlive the message. */
void peal_gen_install_msg(
	struct peal_prng *prng, uint8_t *chunk, struct peal_install_msg *message_out);
void peal_gen_leave_msg(struct peal_prng *prng, struct peal_leave_msg *message_out);

/* The seven kinds of peal_gen_ballot_msg. */
#define PEAL_GEN_BALLOT_KINDS_COUNT 7U
extern const uint8_t peal_gen_ballot_kinds[PEAL_GEN_BALLOT_KINDS_COUNT];

#endif
