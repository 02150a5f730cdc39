/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages of joining and leaving.
 *
 * Joiners are named without their metadata, by a tagged record (wire/member.h, mid 0): only a
 * sequencer needs it, and asks the joiner for it.
 * JOIN_REQUEST (family 0): cookie 16 | parameters u64 | expect u8 | flags u8 | 6 x 0 | tagged
 * record. JOIN_ANSWER (family 0): status u8 | 3 x 0 | retry_ms u32 | cookie 16 | candidate
 * uuid 16 | answerer uuid 16. INSTALL (family 0): joiner uuid 16 | view hash 16 | total size u32 |
 * offset u32 | bytes of the snapshot. INSTALL_PULL (family 0, to who sent INSTALL): joiner uuid 16
 * | view hash 16 | first u16 | 6 x 0 | missing 32 bytes, as BODY_PULL. JOIN_PROBE
 * (family 0): joiner uuid 16 | token u64 | missing u8 | 7 x 0: a member asks whether the joiner is
 * still there, and for chunk i of its metadata if bit i of `missing` is set. JOIN_READY (family 0):
 * joiner uuid 16 | token u64 | offset u16 | 6 x 0 | chunk of the metadata, or nothing: it is.
 * JOIN_FORWARD (family 2, after the prefix): count u8 | 3 x 0 | tagged records. JOIN_BATCH
 * (family 2, after the prefix): digest 16 | size u32 | has_proposal u8 | 3 x 0 | proposal if it is
 * small: joiners, and removals = the replaced members. LEAVE (family 2, after the prefix): has_vote
 * u8 | 7 x 0 | digest 16.
 */
#ifndef PEAL_WIRE_JOIN_MSG_H
#define PEAL_WIRE_JOIN_MSG_H

#include "base/hash.h"
#include "wire/body_msg.h"
#include "wire/member.h"
#include "wire/proposal.h"

enum peal_join_status {
	PEAL_JOIN_CHALLENGE = 1,          /* ask again with this cookie */
	PEAL_JOIN_PENDING = 2,            /* being admitted: ask again after retry_ms, same uuid */
	PEAL_JOIN_ALREADY_MEMBER = 3,     /* the view follows in INSTALL frames */
	PEAL_JOIN_REPLACING = 4,          /* the address is held by another incarnation: wait */
	PEAL_JOIN_UUID_USED = 5,          /* draw a new uuid, ask again at once */
	PEAL_JOIN_PARAMETER_MISMATCH = 6, /* other preset, ring count or version: give up */
	PEAL_JOIN_BUSY = 7,               /* overload or full: back off */
	PEAL_JOIN_NOT_MEMBER = 8, /* this introducer was removed or is leaving: try another seed */
	PEAL_JOIN_NO_CLUSTER = 9, /* I am not in a cluster either, and grant nothing */
	PEAL_JOIN_CREATE_OK = 10, /* I grant `candidate` the right to create the cluster */
	PEAL_JOIN_METADATA_FULL = 12, /* the view takes no more metadata: ask again later */
	PEAL_JOIN_HERE = 11, /* unasked, from a member: a cluster of this name lives, ask me */
};

struct peal_join_request {
	uint8_t cookie[16];        /* zero at first */
	uint64_t parameters;       /* hash of everything that must be equal in a cluster */
	uint8_t expect;            /* nodes a cold start waits for a majority of */
	bool is_candidate;         /* asks for CREATE_OK */
	struct peal_member member; /* without metadata */
	struct peal_metadata_tag tag;
};

struct peal_join_answer {
	uint8_t status; /* enum peal_join_status */
	uint32_t retry_ms;
	uint8_t cookie[16]; /* CHALLENGE; PARAMETER_MISMATCH: the group's (wire/parameters.h) */
	struct peal_uuid candidate; /* CREATE_OK: whom; otherwise the asker's uuid */
	struct peal_uuid answerer;
};

/* Bytes of a snapshot in one INSTALL frame. */
#define PEAL_INSTALL_CHUNK_SIZE_MAX PEAL_CHUNK_SIZE_MAX

struct peal_install_msg {
	struct peal_uuid joiner;
	struct peal_hash128 view_hash;
	uint32_t total_size;  /* [1, PEAL_BODY_BYTES_MAX] */
	uint32_t offset;      /* multiple of PEAL_INSTALL_CHUNK_SIZE_MAX, < total_size */
	uint32_t chunk_size;  /* [1, PEAL_INSTALL_CHUNK_SIZE_MAX]; full except in the last */
	const uint8_t *chunk; /* into the body */
};

struct peal_install_pull {
	struct peal_uuid joiner;
	struct peal_hash128 view_hash;
	uint16_t first;
	uint64_t missing[PEAL_PULL_CHUNKS_MAX / 64U];
};

struct peal_join_probe {
	struct peal_uuid joiner;
	uint64_t token;
	uint8_t missing; /* bit i: chunk i of the metadata; below PEAL_METADATA_CHUNKS_MAX */
};

struct peal_join_ready {
	struct peal_uuid joiner;
	uint64_t token;
	uint16_t offset;      /* a multiple of PEAL_CHUNK_SIZE_MAX; 0 without a chunk */
	uint16_t chunk_size;  /* [0, PEAL_CHUNK_SIZE_MAX] */
	const uint8_t *chunk; /* into the body */
};

/* Joiners in one JOIN_FORWARD. */
#define PEAL_FORWARD_MEMBERS_MAX 24U

struct peal_join_forward {
	uint8_t count; /* [1, PEAL_FORWARD_MEMBERS_MAX]; with metadata fewer fit */
	struct peal_member members[PEAL_FORWARD_MEMBERS_MAX]; /* without metadata */
	struct peal_metadata_tag tags[PEAL_FORWARD_MEMBERS_MAX];
};

struct peal_batch_msg {
	struct peal_hash128 digest;
	uint32_t size;                 /* of the encoded proposal, at most PEAL_BODY_BYTES_MAX */
	bool has_proposal;             /* exactly when size <= PEAL_INLINE_SIZE_MAX */
	struct peal_proposal proposal; /* additions: inline_additions */
	struct peal_member inline_additions[PEAL_INLINE_ADDITIONS_MAX];
};

struct peal_leave_msg {
	bool has_vote;
	struct peal_hash128 digest; /* of {remove self}; zero without a vote */
};

/* Each decoder returns false unless the bytes are exactly one well-formed message. */
void peal_join_request_encode(const struct peal_join_request *message, struct peal_writer *writer);
bool peal_join_request_decode(struct peal_reader *reader, struct peal_join_request *message_out);
void peal_join_answer_encode(const struct peal_join_answer *message, struct peal_writer *writer);
bool peal_join_answer_decode(struct peal_reader *reader, struct peal_join_answer *message_out);
void peal_install_msg_encode(const struct peal_install_msg *message, struct peal_writer *writer);
bool peal_install_msg_decode(struct peal_reader *reader, struct peal_install_msg *message_out);
void peal_install_pull_encode(const struct peal_install_pull *message, struct peal_writer *writer);
bool peal_install_pull_decode(struct peal_reader *reader, struct peal_install_pull *message_out);
void peal_join_probe_encode(const struct peal_join_probe *message, struct peal_writer *writer);
bool peal_join_probe_decode(struct peal_reader *reader, struct peal_join_probe *message_out);
void peal_join_ready_encode(const struct peal_join_ready *message, struct peal_writer *writer);
bool peal_join_ready_decode(struct peal_reader *reader, struct peal_join_ready *message_out);
/* Encodes as many of `members`, whose metadata `tags` name, as fit one frame; returns how many, at
 * least 1. */
uint32_t peal_join_forward_encode(const struct peal_member *members,
	const struct peal_metadata_tag *tags, uint32_t count, struct peal_writer *writer);
bool peal_join_forward_decode(struct peal_reader *reader, struct peal_join_forward *message_out);
void peal_batch_msg_encode(const struct peal_batch_msg *message, struct peal_writer *writer);
bool peal_batch_msg_decode(struct peal_reader *reader, struct peal_batch_msg *message_out);
void peal_leave_msg_encode(const struct peal_leave_msg *message, struct peal_writer *writer);
bool peal_leave_msg_decode(struct peal_reader *reader, struct peal_leave_msg *message_out);

#endif
