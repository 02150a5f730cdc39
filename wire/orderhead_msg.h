/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stands before each message that a node puts in an order group: whose it is (docs/WIRE.md).
 *
 *     u32 client, u16 0, u8 0, u8 kind
 *
 * The order plane carries bytes and knows the member that said them; which of its clients it was
 * stands here.
 *
 * Pure functions; any thread.
 */
#ifndef PEAL_WIRE_ORDERHEAD_MSG_H
#define PEAL_WIRE_ORDERHEAD_MSG_H

#include <stdbool.h>
#include <stdint.h>

#define PEAL_ORDERHEAD_SIZE 8U

enum peal_orderhead_kind {
	PEAL_ORDERHEAD_CLIENT = 1, /* a message of the client, which follows */
};

struct peal_orderhead {
	uint32_t client; /* of the member that says it; not 0 */
	uint8_t kind;    /* enum peal_orderhead_kind */
};

void peal_orderhead_encode(const struct peal_orderhead *head, uint8_t bytes[PEAL_ORDERHEAD_SIZE]);
/* `size` may be less than the message: the head is in the first part. False: it cannot be. */
bool peal_orderhead_decode(const uint8_t *bytes, uint32_t size, struct peal_orderhead *head_out);

#endif
