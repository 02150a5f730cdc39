/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests: asked of one member or of many, answered by who serves there. Part of peal/peal.h,
 * which says what holds for all calls.
 */
#ifndef PEAL_SERVICES_H
#define PEAL_SERVICES_H

#include <peal/peal.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Services are numbers up to 255, which mean what applications agree on. */
#define PEAL_SERVICE_MAX 255U

/* Requests that one attachment may have under way, members that one of them may ask, and how much
 * less than peal_message_size_max it and its answers may have. */
#define PEAL_REQUESTS_MAX     64U
#define PEAL_ASKED_MAX        64U
#define PEAL_REQUEST_OVERHEAD 32U

/*
 * Requests to this service at this member come here from now on: REQUEST. Of several applications
 * of a node that serve one number, one gets them. Services count among the numbers listened on.
 */
PEAL_API enum peal_result peal_serve(struct peal *peal, uint16_t service);
/* No more of them; those that have come may still be answered. */
PEAL_API enum peal_result peal_unserve(struct peal *peal, uint16_t service);

/*
 * Answers a REQUEST, now or later, in any order, once. CLOSED: who asked has gone, or asks no more.
 * Others as of peal_send.
 */
PEAL_API enum peal_result peal_reply(
	struct peal *peal, uint64_t request, const void *bytes, uint32_t size);
/* Answers that there is no room for it now: BUSY. */
PEAL_API enum peal_result peal_refuse(struct peal *peal, uint64_t request);

/* How many replies make a request a success. */
#define PEAL_WANT_ALL      0U         /* of all that are asked */
#define PEAL_WANT_MAJORITY UINT32_MAX /* of more than half of those that are asked */

struct peal_question {
	const uint64_t *members; /* [members_count], each once; NULL = all of the view, this too */
	uint32_t members_count;
	uint32_t wanted_count; /* when so many have answered it is DONE; or one of the above */
	uint64_t timeout_ns;   /* from now on; PEAL_FOREVER = as long as they are there */
	uint16_t service;
	uint16_t reserved[11]; /* zero */
};

/*
 * Asks members. OK: `*request_out` names the request, REPLY or NO_REPLY follow for each of them, as
 * they come, and DONE ends it, at the deadline at the latest. DONE's result is OK (as many replies
 * as wanted), TIMEOUT, NO_QUORUM (the deadline passed while this node was not in good standing), or
 * TOO_FEW; when one member was asked it says in its place why that one did not answer. What is
 * answered later is counted (peal_late_count) and dropped.
 *
 * Each member carries a request out once at most. A NO_REPLY of PEER_GONE or FULL, and a TIMEOUT,
 * say that nobody knows whether it did; any other says that it did not. FULL: an answer had no room
 * here, because events were not polled. A member that is not in the view, or leaves it, has failed
 * at once.
 *
 * Refused: TOO_BIG (bytes, service, `wanted_count`), TOO_MANY (PEAL_REQUESTS_MAX are under way, or
 * more than PEAL_ASKED_MAX members), NOT_IN_VIEW (this node, or so many of them that what is wanted
 * cannot come), NO_MEMORY. It is never FULL: what cannot leave now leaves in a later peal_poll or
 * peal_rest.
 */
PEAL_API enum peal_result peal_ask(struct peal *peal, const struct peal_question *question,
	const void *bytes, uint32_t size, uint64_t *request_out);
/* Forgets a request: no event of it comes any more. CLOSED: there is none. */
PEAL_API enum peal_result peal_cancel(struct peal *peal, uint64_t request);

/* Answers that came after their request was over, or that nobody asked for. */
PEAL_API uint64_t peal_late_count(const struct peal *peal);

#ifdef __cplusplus
}
#endif

#endif
