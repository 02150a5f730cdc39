/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stands before each message that a node puts in an order group: whose it is (docs/WIRE.md).
 *
 *     u32 client, u16 0, u8 0, u8 kind
 *
 * The order plane carries bytes and knows the member that said them; which of its clients it was
 * stands here. What is about a process group (docs/design/0024-total-order-groups.md) goes on:
 *
 *     u32 group, u32 n, u64 epoch
 *
 * For a message that is the number of its group, and the view of it that its sender had. A MARK is
 * the place of a view of that group in the order, and nothing follows it; with zeros in all three
 * it is a word that somebody waits for who has just begun to listen.
 *
 * Pure functions; any thread.
 */
#ifndef PEAL_WIRE_ORDERHEAD_MSG_H
#define PEAL_WIRE_ORDERHEAD_MSG_H

#include "wire/procgroup_msg.h"

#include <stdbool.h>
#include <stdint.h>

#define PEAL_ORDERHEAD_SIZE       8U
#define PEAL_ORDERHEAD_GROUP_SIZE 24U

enum peal_orderhead_kind {
	PEAL_ORDERHEAD_CLIENT = 1, /* a message of the client, which follows */
	PEAL_ORDERHEAD_GROUP = 2,  /* the same, for a process group */
	PEAL_ORDERHEAD_MARK = 3,   /* here is a view of a process group */
};

struct peal_orderhead {
	uint32_t client; /* of the member that says it; not 0 */
	uint8_t kind;    /* PEAL_ORDERHEAD_CLIENT */
};

/* What is about a process group. */
struct peal_orderhead_group {
	uint8_t kind;    /* GROUP or MARK */
	uint32_t client; /* of the member that says it; MARK: 0 */
	uint32_t group;  /* its number; 0 in a MARK: of no group, and `stamp` is zero */
	struct peal_procgroup_stamp stamp;
};

void peal_orderhead_encode(const struct peal_orderhead *head, uint8_t bytes[PEAL_ORDERHEAD_SIZE]);
/* `size` may be less than the message: the head is in the first part. False: it cannot be. */
bool peal_orderhead_decode(const uint8_t *bytes, uint32_t size, struct peal_orderhead *head_out);

/* The kind of a message that begins so, whatever else is in it; 0: it has none. */
uint8_t peal_orderhead_kind_of(const uint8_t *bytes, uint32_t size);

void peal_orderhead_group_encode(
	const struct peal_orderhead_group *head, uint8_t bytes[PEAL_ORDERHEAD_GROUP_SIZE]);
/* The same for what is about a process group. A MARK is all of its message. */
bool peal_orderhead_group_decode(
	const uint8_t *bytes, uint32_t size, struct peal_orderhead_group *head_out);

#endif
