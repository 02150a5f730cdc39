/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The part of tests/lib/recode.h about surfaces of many messages: joining and leaving, and bodies.
 * The first byte picks the message.
 */
#ifndef PEAL_TESTS_LIB_RECODE_JOIN_H
#define PEAL_TESTS_LIB_RECODE_JOIN_H

#include "base/assert.h"
#include "wire/body_msg.h"
#include "wire/flood_msg.h"
#include "wire/join_msg.h"
#include "wire/reach_msg.h"

#include <stddef.h>

static inline bool
peal_recode_join_request(struct peal_reader *reader, struct peal_writer *writer)
{
	struct peal_join_request message;
	bool is_accepted = peal_join_request_decode(reader, &message);

	if (is_accepted) {
		peal_join_request_encode(&message, writer);
	}
	return is_accepted;
}

static inline bool
peal_recode_join_answer(struct peal_reader *reader, struct peal_writer *writer)
{
	struct peal_join_answer message;
	bool is_accepted = peal_join_answer_decode(reader, &message);

	if (is_accepted) {
		peal_join_answer_encode(&message, writer);
	}
	return is_accepted;
}

static inline bool
peal_recode_install(struct peal_reader *reader, struct peal_writer *writer)
{
	struct peal_install_msg message;
	bool is_accepted = peal_install_msg_decode(reader, &message);

	if (is_accepted) {
		peal_install_msg_encode(&message, writer);
	}
	return is_accepted;
}

static inline bool
peal_recode_leave(struct peal_reader *reader, struct peal_writer *writer)
{
	struct peal_leave_msg message;
	bool is_accepted = peal_leave_msg_decode(reader, &message);

	if (is_accepted) {
		peal_leave_msg_encode(&message, writer);
	}
	return is_accepted;
}

static inline bool
peal_recode_install_pull(struct peal_reader *reader, struct peal_writer *writer)
{
	struct peal_install_pull message;
	bool is_accepted = peal_install_pull_decode(reader, &message);

	if (is_accepted) {
		peal_install_pull_encode(&message, writer);
	}
	return is_accepted;
}

static inline bool
peal_recode_join_probe(struct peal_reader *reader, struct peal_writer *writer)
{
	struct peal_join_probe message;
	bool is_accepted = peal_join_probe_decode(reader, &message);

	if (is_accepted) {
		peal_join_probe_encode(&message, writer);
	}
	return is_accepted;
}

static inline bool
peal_recode_join_ready(struct peal_reader *reader, struct peal_writer *writer)
{
	struct peal_join_ready message;
	bool is_accepted = peal_join_ready_decode(reader, &message);

	if (is_accepted) {
		peal_join_ready_encode(&message, writer);
	}
	return is_accepted;
}

static inline bool
peal_recode_join_forward(struct peal_reader *reader, struct peal_writer *writer)
{
	struct peal_join_forward message;

	/* What stands in front of the body in a frame is no room for joiners. */
	if (reader->size > PEAL_BODY_SIZE_MAX - PEAL_FLOOD_PREFIX_SIZE ||
		!peal_join_forward_decode(reader, &message)) {
		return false;
	}
	PEAL_ASSERT(peal_join_forward_encode(
			    message.members, message.tags, message.count, writer) == message.count);
	return true;
}

static inline bool
peal_recode_batch(struct peal_reader *reader, struct peal_writer *writer)
{
	static struct peal_batch_msg message;
	bool is_accepted = peal_batch_msg_decode(reader, &message);

	if (is_accepted) {
		peal_batch_msg_encode(&message, writer);
	}
	return is_accepted;
}

/* The first byte picks one of `recoders`. */
static inline size_t
peal_recode_picked(bool (*const recoders[])(struct peal_reader *, struct peal_writer *),
	size_t recoders_count, const uint8_t *bytes, size_t size, uint8_t *out)
{
	if (size == 0 || bytes[0] >= recoders_count) {
		return 0;
	}
	struct peal_reader reader = peal_reader_init(bytes + 1, size - 1U);
	struct peal_writer writer = peal_writer_init(out + 1, PEAL_BODY_SIZE_MAX);

	if (!recoders[bytes[0]](&reader, &writer)) {
		return 0;
	}
	PEAL_ASSERT(writer.is_ok);
	out[0] = bytes[0];
	return 1U + writer.offset;
}

#define PEAL_RECODE_JOIN_MESSAGES_COUNT 9U

/* Which: request, answer, install, leave, install_pull, join_probe, join_forward, batch,
 * join_ready. */
static inline size_t
peal_recode_join(const uint8_t *bytes, size_t size, uint8_t *out)
{
	static bool (*const recoders[PEAL_RECODE_JOIN_MESSAGES_COUNT])(
		struct peal_reader *, struct peal_writer *) = {peal_recode_join_request,
		peal_recode_join_answer, peal_recode_install, peal_recode_leave,
		peal_recode_install_pull, peal_recode_join_probe, peal_recode_join_forward,
		peal_recode_batch, peal_recode_join_ready};

	return peal_recode_picked(recoders, PEAL_RECODE_JOIN_MESSAGES_COUNT, bytes, size, out);
}

static inline bool
peal_recode_body(struct peal_reader *reader, struct peal_writer *writer)
{
	struct peal_body_msg message;
	bool is_accepted = peal_body_msg_decode(reader, &message);

	if (is_accepted) {
		peal_body_msg_encode(&message, writer);
	}
	return is_accepted;
}

static inline bool
peal_recode_pull(struct peal_reader *reader, struct peal_writer *writer)
{
	struct peal_pull_msg message;
	bool is_accepted = peal_pull_msg_decode(reader, &message);

	if (is_accepted) {
		peal_pull_msg_encode(&message, writer);
	}
	return is_accepted;
}

static inline bool
peal_recode_sync(struct peal_reader *reader, struct peal_writer *writer)
{
	struct peal_sync_msg message;
	bool is_accepted = peal_sync_msg_decode(reader, &message);

	if (is_accepted) {
		peal_sync_msg_encode(&message, writer);
	}
	return is_accepted;
}

static inline bool
peal_recode_snapshot(struct peal_reader *reader, struct peal_writer *writer)
{
	struct peal_snapshot_msg message;
	bool is_accepted = peal_snapshot_msg_decode(reader, &message);

	if (is_accepted) {
		peal_snapshot_msg_encode(&message, writer);
	}
	return is_accepted;
}

static inline bool
peal_recode_reach(struct peal_reader *reader, struct peal_writer *writer)
{
	struct peal_reach_msg message;
	bool is_accepted = peal_reach_msg_decode(reader, &message);

	if (is_accepted) {
		peal_reach_msg_encode(&message, writer);
	}
	return is_accepted;
}

static inline bool
peal_recode_unreachable(struct peal_reader *reader, struct peal_writer *writer)
{
	struct peal_unreachable_msg message;
	bool is_accepted = peal_unreachable_msg_decode(reader, &message);

	if (is_accepted) {
		peal_unreachable_msg_encode(&message, writer);
	}
	return is_accepted;
}

#define PEAL_RECODE_BODY_MESSAGES_COUNT 6U

/* Which: body, pull, sync, snapshot, reach, unreachable. */
static inline size_t
peal_recode_bodies(const uint8_t *bytes, size_t size, uint8_t *out)
{
	static bool (*const recoders[PEAL_RECODE_BODY_MESSAGES_COUNT])(
		struct peal_reader *, struct peal_writer *) = {peal_recode_body, peal_recode_pull,
		peal_recode_sync, peal_recode_snapshot, peal_recode_reach, peal_recode_unreachable};

	return peal_recode_picked(recoders, PEAL_RECODE_BODY_MESSAGES_COUNT, bytes, size, out);
}

#endif
