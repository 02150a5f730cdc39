/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What two libpeals say to each other over a channel of a service: requests, and their answers.
 *
 * Each message of such a channel begins with this head; the rest is the application's. Who opened
 * the channel asks, the other end answers. Numbers are little endian as the machine is, and nothing
 * is padded. What cannot be ends the channel.
 */
#ifndef PEAL_SHM_REQUESTMSG_H
#define PEAL_SHM_REQUESTMSG_H

#include <stdint.h>

enum peal_request_kind {
	PEAL_REQUEST_ASK = 1,
	PEAL_REQUEST_ANSWER = 2,
};

/* Why there is no answer; then no bytes follow. */
enum peal_request_refusal {
	PEAL_REQUEST_ANSWERED = 0,
	PEAL_REQUEST_BUSY = 1, /* whoever serves has no room for it, or does not want it now */
	PEAL_REQUEST_NO_SERVICE = 2, /* nobody serves that */
	PEAL_REQUEST_NO_ROOM = 3,    /* it was answered, and the asker had no room for that */
	PEAL_REQUEST_REFUSALS_COUNT
};

struct peal_request_head {
	uint64_t id;     /* the asker's, below 2^48; an answer has that of its request */
	uint16_t kind;   /* enum peal_request_kind */
	uint16_t result; /* of an answer: enum peal_request_refusal */
	uint32_t reserved;
};

#define PEAL_REQUEST_ID_BITS 48U

_Static_assert(sizeof(struct peal_request_head) == 16, "no padding");

#endif
