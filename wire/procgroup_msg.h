/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What nodes say about process groups, as messages of broadcast (docs/WIRE.md, family 5).
 *
 * The first eight bytes of a broadcast say whose it is. Those of process groups have the top bit of
 * the eighth byte set, which no latest value and no time of load has:
 *
 *     u32 group (DATA; KNOCK: order group; else 0), u16 0, u8 0, u8 kind
 *
 * All but DATA fit one frame, whatever is in them. Decoding checks form and bounds; who may say
 * what is the machine's to judge (dataplane/procgroups.h).
 *
 * Pure functions; any thread.
 */
#ifndef PEAL_WIRE_PROCGROUP_MSG_H
#define PEAL_WIRE_PROCGROUP_MSG_H

#include "base/grouplimits.h"

#include <stdbool.h>
#include <stdint.h>

#define PEAL_PROCGROUP_PREFIX_SIZE  8U
#define PEAL_PROCGROUP_HEAD_SIZE    24U /* of DATA, with the prefix */
#define PEAL_PROCGROUP_CONTROL_SIZE 1024U
#define PEAL_PROCGROUP_MEMBER_SIZE  12U

enum peal_procgroup_kind {
	PEAL_PROCGROUP_DATA = 0x81,      /* what a client says to its group */
	PEAL_PROCGROUP_REQUEST = 0x82,   /* a node asks for a change */
	PEAL_PROCGROUP_STAMP = 0x83,     /* the elder: the next change is this one */
	PEAL_PROCGROUP_TABLE = 0x84,     /* the elder, to newcomers: some members of a group */
	PEAL_PROCGROUP_TABLE_END = 0x85, /* that was the table */
	PEAL_PROCGROUP_KNOCK = 0x86,     /* ranks of an order group: say a word in it */
};

/* What happens to a member; the numbers are those of enum peal_group_gone in peal.h. */
enum peal_procgroup_what {
	PEAL_PROCGROUP_JOIN = 0,
	PEAL_PROCGROUP_LEAVE = 1,     /* it asked to, or detached in order */
	PEAL_PROCGROUP_CRASH = 2,     /* its process ended */
	PEAL_PROCGROUP_EVICT = 3,     /* its daemon cut it off */
	PEAL_PROCGROUP_NODE_GONE = 4, /* its node is not in the view; never sent */
};

/* Names a view of a group: number `n` of the epoch; 0 is what the view of the nodes itself did. */
struct peal_procgroup_stamp {
	uint64_t epoch;
	uint32_t n;
};

struct peal_procgroup_name {
	uint8_t size; /* [1, PEAL_PROCGROUP_NAME_SIZE_MAX] */
	uint8_t bytes[PEAL_PROCGROUP_NAME_SIZE_MAX];
};

struct peal_procgroup_data {
	uint32_t group;
	uint32_t client;
	struct peal_procgroup_stamp stamp; /* the view in which it was sent */
};

/* REQUEST: `mid` and `n` are 0, for the origin is who asks. STAMP: all. */
struct peal_procgroup_change_msg {
	struct peal_procgroup_stamp stamp; /* the epoch in which it is said */
	uint64_t mid;
	uint32_t client;
	uint8_t what;   /* enum peal_procgroup_what, but NODE_GONE */
	uint32_t order; /* JOIN: id of the order group; 0 = messages of each sender in order */
	struct peal_procgroup_name name;
};

struct peal_procgroup_table_member {
	uint64_t mid;
	uint32_t client;
};

/* Members of one group that come next, in their order. */
struct peal_procgroup_table_msg {
	uint64_t epoch; /* in which it is said */
	uint32_t group;
	struct peal_procgroup_stamp stamp; /* of its view */
	uint32_t order;                    /* as in JOIN */
	struct peal_procgroup_name name;
	uint16_t members_count; /* >= 1 */
	struct peal_procgroup_table_member
		members[PEAL_PROCGROUP_CONTROL_SIZE / PEAL_PROCGROUP_MEMBER_SIZE];
};

struct peal_procgroup_end_msg {
	uint64_t epoch;
	uint64_t digest;
	uint32_t next_group;
	uint32_t groups_count;
};

/* The kind of a broadcast that begins with these bytes; 0: it is none of process groups. */
uint8_t peal_procgroup_kind_of(const uint8_t *bytes, uint32_t size);

/* True for a name that may be: size and bytes. */
bool peal_procgroup_name_is_good(const uint8_t *bytes, uint32_t size);

/* Head of a message of a group: the bytes of the client follow it. */
void peal_procgroup_data_encode(
	const struct peal_procgroup_data *data, uint8_t bytes[PEAL_PROCGROUP_HEAD_SIZE]);
/* `size` may be less than the message: the head is in the first part. */
bool peal_procgroup_data_decode(
	const uint8_t *bytes, uint32_t size, struct peal_procgroup_data *data_out);

/* Each writes at most CONTROL_SIZE bytes and returns how many. */
uint32_t peal_procgroup_change_encode(const struct peal_procgroup_change_msg *message,
	enum peal_procgroup_kind kind, uint8_t *bytes);
uint32_t peal_procgroup_table_encode(
	const struct peal_procgroup_table_msg *message, uint8_t *bytes);
uint32_t peal_procgroup_knock_encode(uint32_t order, uint8_t *bytes);
uint32_t peal_procgroup_end_encode(const struct peal_procgroup_end_msg *message, uint8_t *bytes);

/* False: it cannot be. `kind`: REQUEST or STAMP. */
bool peal_procgroup_change_decode(
	const uint8_t *bytes, uint32_t size, struct peal_procgroup_change_msg *message_out);
bool peal_procgroup_table_decode(
	const uint8_t *bytes, uint32_t size, struct peal_procgroup_table_msg *message_out);
bool peal_procgroup_knock_decode(const uint8_t *bytes, uint32_t size, uint32_t *order_out);
bool peal_procgroup_end_decode(
	const uint8_t *bytes, uint32_t size, struct peal_procgroup_end_msg *message_out);

/* Members of a TABLE that fit beside a name of this size. */
uint32_t peal_procgroup_table_room(uint32_t name_size);

#endif
