/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The requests that an attachment has under way: who was asked, who answered, and when it is over.
 *
 * A request has a part for each member that is asked:
 *
 *     UNSENT -> SENT -> REPLIED
 *           \       \-> FAILED, with a result
 *            \-> FAILED
 *
 * It is over when as many parts as wanted have REPLIED, when so many have FAILED that this cannot
 * happen any more, or at its deadline. From then on nothing changes it; when that was told, its
 * place is free. A number that names a request is never used again in one life of an attachment,
 * and begins at a random place, so what was answered to a former life is known for that.
 *
 * Bookkeeping alone: no clock, no heap, no rings. Fields are private but where it says so. One
 * thread.
 */
#ifndef PEAL_CLIENT_REQUESTS_H
#define PEAL_CLIENT_REQUESTS_H

#include "peal/peal.h"

#include <stdbool.h>
#include <stdint.h>

/* Numbers have so many bits; the lowest ones are the place. */
#define PEAL_REQUESTS_ID_BITS    48U
#define PEAL_REQUESTS_PLACE_BITS 6U

enum peal_request_state {
	PEAL_PART_UNSENT = 0,
	PEAL_PART_SENT,
	PEAL_PART_REPLIED,
	PEAL_PART_FAILED,
};

struct peal_request_part {
	uint64_t member;
	uint8_t state;
	uint8_t result; /* of FAILED: enum peal_result */
	bool is_untold; /* FAILED, and the application was not told */
};

struct peal_request {
	uint64_t id; /* 0 = the place is free */
	uint64_t deadline_ns;
	uint64_t near_number; /* of the part that was sent to this node itself; 0 = none */
	const uint8_t *bytes; /* the caller's, while parts are unsent */
	uint32_t size;
	uint16_t service;
	uint16_t parts_count;
	uint16_t wanted_count;
	uint16_t replies_count;
	uint16_t failed_count;
	uint16_t unsent_count;
	bool is_over;
	uint8_t result; /* of a request that is over */
	struct peal_request_part parts[PEAL_ASKED_MAX];
};

struct peal_requests {
	uint64_t serial;       /* of the last one */
	uint64_t late_count;   /* readable */
	uint32_t count;        /* readable: places in use */
	uint32_t unsent_count; /* readable: requests with parts that are to be sent */
	uint32_t untold_count; /* parts and requests of which the application is to be told */
	uint64_t due_at_ns;    /* readable: none is due before; UINT64_MAX = never */
	struct peal_request places[PEAL_REQUESTS_MAX];
};

/* @param chance  48 random bits */
void peal_requests_init(struct peal_requests *requests, uint64_t chance);

/*
 * Begins a request to `members`, each once, [1, PEAL_ASKED_MAX]; `wanted_count` is [1,
 * members_count]. All parts are UNSENT. NULL: PEAL_REQUESTS_MAX are under way.
 */
struct peal_request *peal_requests_begin(struct peal_requests *requests, const uint64_t *members,
	uint32_t members_count, uint32_t wanted_count, uint64_t deadline_ns);

/* The request of this number that is not over, or NULL. */
struct peal_request *peal_requests_find(struct peal_requests *requests, uint64_t id);

/* A part that was UNSENT is SENT. */
void peal_requests_mark_sent(
	struct peal_requests *requests, struct peal_request *request, uint32_t part);

/* Member `member` answered. False: too late, or never asked; it is counted, and to be dropped. */
bool peal_requests_reply(struct peal_requests *requests, uint64_t id, uint64_t member);

/* A part has failed; does nothing to one that has replied or failed. */
void peal_requests_fail(struct peal_requests *requests, struct peal_request *request, uint32_t part,
	enum peal_result result);
/* The part of this member, of the request of this number. False: counted as late. */
bool peal_requests_fail_reply(
	struct peal_requests *requests, uint64_t id, uint64_t member, enum peal_result result);
/* All SENT parts to this member and service. */
void peal_requests_fail_sent(
	struct peal_requests *requests, uint64_t member, uint16_t service, enum peal_result result);
/* SENT parts to `member`, which is this node, of that service, up to `near_number`. */
void peal_requests_fail_near(struct peal_requests *requests, uint64_t member, uint16_t service,
	uint64_t near_number, enum peal_result result);
/* All parts that have not replied, of members that are not there. */
void peal_requests_fail_absent(struct peal_requests *requests,
	bool (*is_there)(void *state, uint64_t member), void *state, enum peal_result result);
/* True: there are SENT parts to this member and service. */
bool peal_requests_has_sent(
	const struct peal_requests *requests, uint64_t member, uint16_t service);

/* Requests whose deadline is here are over with `result`. */
void peal_requests_expire(struct peal_requests *requests, uint64_t now_ns, enum peal_result result);

/* What is to be told next: NO_REPLY or DONE; after DONE the place is free, and `*bytes_out` is what
 * the caller gave it, or NULL. False: nothing. */
bool peal_requests_next_event(
	struct peal_requests *requests, struct peal_event *event_out, const uint8_t **bytes_out);

/* Frees the place; nothing more is told. */
void peal_requests_forget(struct peal_requests *requests, struct peal_request *request);

#endif
