/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random well-formed values of everything that travels. The same seed gives the same values.
 */
#ifndef PEAL_TESTS_LIB_GEN_H
#define PEAL_TESTS_LIB_GEN_H

#include "base/prng.h"
#include "wire/alert_msg.h"
#include "wire/ballot_msg.h"
#include "wire/body_msg.h"
#include "wire/flood_msg.h"
#include "wire/frame.h"
#include "wire/join_msg.h"
#include "wire/liveness_msg.h"
#include "wire/reach_msg.h"
#include "wire/view.h"
#include "wire/vote_msg.h"

#include <stddef.h>

void peal_gen_bytes(struct peal_prng *prng, void *bytes, size_t size);
struct peal_uuid peal_gen_uuid(struct peal_prng *prng);
struct peal_hash128 peal_gen_hash(struct peal_prng *prng);
/* From here on members have IPv6 addresses, or (at first) IPv4 ones. */
void peal_gen_set_ipv6(bool is_ipv6);
/* A joiner's record: mid 0, no metadata or up to 64 bytes, which stay. */
void peal_gen_member(struct peal_prng *prng, struct peal_member *member_out);
/* The same, and of some hundred one has metadata of any size. */
void peal_gen_rich_member(struct peal_prng *prng, struct peal_member *member_out);
/* True when two records say the same, metadata included. */
bool peal_gen_equals(const struct peal_member *a, const struct peal_member *b);
/* Asserts that for `count` records and points the metadata of `decoded` to that of `members`, so
 * that what has them can be compared as memory. */
void peal_gen_match(struct peal_member *decoded, const struct peal_member *members, uint32_t count);
/* Gives a member `size` bytes of metadata, which stay. */
void peal_gen_metadata(struct peal_prng *prng, uint16_t size, struct peal_member *member_out);
void peal_gen_tag(struct peal_prng *prng, struct peal_metadata_tag *tag_out);
/* A view that passes peal_view_check, without an index, of members in `members`, [members_count].
 */
void peal_gen_view(struct peal_prng *prng, uint16_t members_count, struct peal_member *members,
	struct peal_view *view_out);
/* An order group of members with numbers below `mid_end`, at least 10. */
void peal_gen_ordergroup(
	struct peal_prng *prng, uint64_t mid_end, struct peal_ordergroup *group_out);
/* At most `additions_count_max` joiners, in `additions`, and a few removals. */
void peal_gen_proposal(struct peal_prng *prng, uint16_t additions_count_max,
	struct peal_member *additions, struct peal_proposal *proposal_out);
/* A message of `kind`, one of the seven; a value is small enough to travel with it. */
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
void peal_gen_install_pull(struct peal_prng *prng, struct peal_install_pull *message_out);
void peal_gen_join_probe(struct peal_prng *prng, struct peal_join_probe *message_out);
/* `chunk` holds the bytes, at least PEAL_CHUNK_SIZE_MAX, and must outlive the message. */
void peal_gen_join_ready(
	struct peal_prng *prng, uint8_t *chunk, struct peal_join_ready *message_out);
/* As many joiners as fit one frame with any metadata. */
void peal_gen_join_forward(struct peal_prng *prng, struct peal_join_forward *message_out);
/* A batch with its proposal, or one whose body travels apart. */
void peal_gen_batch_msg(struct peal_prng *prng, struct peal_batch_msg *message_out);
/* `bitmap` holds the bits, PEAL_VOTE_PLACES_MAX / 8 bytes, and must outlive the message. */
void peal_gen_vote_msg(struct peal_prng *prng, uint8_t *bitmap, struct peal_vote_msg *message_out);
/* `chunk` holds the bytes, at least PEAL_CHUNK_SIZE_MAX, and must outlive the message. */
void peal_gen_body_msg(struct peal_prng *prng, uint8_t *chunk, struct peal_body_msg *message_out);
void peal_gen_pull_msg(struct peal_prng *prng, struct peal_pull_msg *message_out);
void peal_gen_sync_msg(struct peal_prng *prng, struct peal_sync_msg *message_out);
void peal_gen_reach_msg(struct peal_prng *prng, struct peal_reach_msg *message_out);
void peal_gen_unreachable_msg(struct peal_prng *prng, struct peal_unreachable_msg *message_out);
void peal_gen_snapshot_msg(struct peal_prng *prng, struct peal_snapshot_msg *message_out);
void peal_gen_leave_msg(struct peal_prng *prng, struct peal_leave_msg *message_out);

/* Joiners of a proposal that travels in a message, with any metadata. */
#define PEAL_GEN_INLINE_ADDITIONS 8U

/* The seven kinds of peal_gen_ballot_msg. */
#define PEAL_GEN_BALLOT_KINDS_COUNT 7U
extern const uint8_t peal_gen_ballot_kinds[PEAL_GEN_BALLOT_KINDS_COUNT];

#endif
