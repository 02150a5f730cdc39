/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data of a DATA frame of family 6: what abcast puts in order without looking at it.
 *
 *     head (4)       kind u8 | 3 x 0
 *     RECORDS        whole messages, [1, PEAL_ORDER_RECORDS_MAX]: size u16, at least 1 | bytes
 *     PART (12)      message size u32 | offset u32 | number u32, then bytes of one message
 *     HOLDER (12)    rank u8 | 3 x 0 | holder u64: from here on the group gives the rank to it
 *
 * The number tells the messages of one member that come in parts apart: when parts of one are lost
 * to a receiver, those of the next cannot be taken for them.
 *
 * Pure; decoders take any bytes, and copy out but for data, which stays where it is.
 */
#ifndef PEAL_WIRE_ORDER_DATA_H
#define PEAL_WIRE_ORDER_DATA_H

#include "wire/order_msg.h"

enum peal_order_data_kind {
	PEAL_ORDER_DATA_RECORDS = 1,
	PEAL_ORDER_DATA_PART = 2,
	PEAL_ORDER_DATA_HOLDER = 3,
};

#define PEAL_ORDER_DATA_HEAD_SIZE   4U
#define PEAL_ORDER_DATA_RECORD_SIZE 2U
#define PEAL_ORDER_DATA_PART_SIZE   (PEAL_ORDER_DATA_HEAD_SIZE + 12U)
#define PEAL_ORDER_DATA_HOLDER_SIZE (PEAL_ORDER_DATA_HEAD_SIZE + 12U)

/* Messages in one frame: their numbers are the low byte of a position. */
#define PEAL_ORDER_RECORDS_MAX 256U

struct peal_order_part {
	uint32_t message_size;
	uint32_t offset; /* offset + size <= message_size */
	uint32_t number;
	uint16_t size; /* at least 1 */
	const uint8_t *bytes;
};

/* A command: who gets a rank. */
struct peal_order_handover {
	uint8_t rank;    /* below PEAL_ORDER_RANKS_MAX */
	uint64_t holder; /* of a term from 1 on; member 0: the rank stands empty */
};

/* Writes the head of RECORDS, or of a part, or all of a command. Returns its size. */
uint16_t peal_order_data_begin_records(uint8_t *data);
uint16_t peal_order_data_begin_part(uint8_t *data, const struct peal_order_part *part);
uint16_t peal_order_data_write_handover(uint8_t *data, const struct peal_order_handover *handover);

/* The kind of well-formed data; 0: it is not. O(records). */
uint8_t peal_order_data_kind(const uint8_t *data, uint32_t size);

/* The next record of well-formed RECORDS. `at` is PEAL_ORDER_DATA_HEAD_SIZE at first and is moved
 * on. False: that was all. */
bool peal_order_data_next(const uint8_t *data, uint32_t size, uint32_t *at,
	const uint8_t **bytes_out, uint16_t *size_out);

/* Of a well-formed PART, and a well-formed HOLDER. */
struct peal_order_part peal_order_data_part(const uint8_t *data, uint32_t size);
struct peal_order_handover peal_order_data_handover(const uint8_t *data);

#endif
