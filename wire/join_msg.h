/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages of joining and leaving.
 *
 * JOIN_REQUEST (family 0): cookie 16 | parameters u64 | expect u8 | flags u8 | 6 x 0 | member
 * record (mid 0). JOIN_ANSWER (family 0): status u8 | 3 x 0 | retry_ms u32 | cookie 16 | candidate
 * uuid 16 | answerer uuid 16. INSTALL (family 0): joiner uuid 16 | view hash 16 | total size u32 |
 * offset u32 | bytes of the snapshot. JOIN_FORWARD (family 2, after the prefix): member record.
 * JOIN_BATCH (family 2, after the prefix): a proposal whose removals are the replaced members.
 * LEAVE (family 2, after the prefix): has_vote u8 | 7 x 0 | digest 16.
 */
#ifndef PEAL_WIRE_JOIN_MSG_H
#define PEAL_WIRE_JOIN_MSG_H

#include "base/hash.h"
#include "wire/member.h"

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
	PEAL_JOIN_HERE = 11,      /* unasked, from a member: a cluster of this name lives, ask me */
};

struct peal_join_request {
	uint8_t cookie[16];  /* zero at first */
	uint64_t parameters; /* hash of everything that must be equal in a cluster */
	uint8_t expect;      /* nodes a cold start waits for a majority of */
	bool is_candidate;   /* asks for CREATE_OK */
	struct peal_member member;
};

struct peal_join_answer {
	uint8_t status; /* enum peal_join_status */
	uint32_t retry_ms;
	uint8_t cookie[16];
	struct peal_uuid candidate; /* CREATE_OK: whom; otherwise the asker's uuid */
	struct peal_uuid answerer;
};

/* Bytes of a snapshot in one INSTALL frame. */
#define PEAL_INSTALL_CHUNK_SIZE_MAX 1024U

struct peal_install_msg {
	struct peal_uuid joiner;
	struct peal_hash128 view_hash;
	uint32_t total_size;  /* [1, PEAL_VIEW_ENCODED_SIZE_MAX] */
	uint32_t offset;      /* multiple of PEAL_INSTALL_CHUNK_SIZE_MAX, < total_size */
	uint32_t chunk_size;  /* [1, PEAL_INSTALL_CHUNK_SIZE_MAX]; full except in the last */
	const uint8_t *chunk; /* into the body */
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
void peal_leave_msg_encode(const struct peal_leave_msg *message, struct peal_writer *writer);
bool peal_leave_msg_decode(struct peal_reader *reader, struct peal_leave_msg *message_out);

#endif
