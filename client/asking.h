/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests and answers, as the files of libpeal know them.
 *
 * To another member a request is a message over a channel of the service (shm/clientmsg.h), which
 * libpeal opens when it is first asked there and keeps; who serves answers over the same one. So
 * who asks, who serves and the member between them can each be gone, and the end of the channel
 * says so. At this node itself requests are records. asking.c asks, answering.c takes what comes;
 * what is under way is in requests.h.
 */
#ifndef PEAL_CLIENT_ASKING_H
#define PEAL_CLIENT_ASKING_H

#include "client/attachment.h"
#include "shm/requestmsg.h"

/* The first number of a service's channels, and the service of any of them. */
static inline uint16_t
peal_asking_number_of(uint16_t service)
{
	return (uint16_t)(PEAL_CLIENT_SERVICES_LOWER + service * PEAL_CLIENT_SERVICE_BLOCK);
}

static inline uint16_t
peal_asking_service_of(uint16_t number)
{
	return (uint16_t)((number - PEAL_CLIENT_SERVICES_LOWER) / PEAL_CLIENT_SERVICE_BLOCK);
}

static inline uint32_t
peal_asking_tag_of(const struct peal *peal, const struct peal_channel_end *end)
{
	return PEAL_CLIENT_TAG((uint32_t)(end - peal->channels), end->life);
}

/* answering.c: a message with this head over a channel; as peal_send. */
enum peal_result peal_asking_send(struct peal *peal, uint32_t channel,
	const struct peal_request_head *head, const void *bytes, uint32_t size);
/* answering.c: a record, ASK or ANSWER; OK, FULL, or why the attachment has ended. */
enum peal_result peal_asking_send_near(struct peal *peal, enum peal_client_up kind,
	const struct peal_client_near *near, const void *bytes, uint32_t size);

/* answering.c: a message of a channel that is not plain; true: `*event` is for the application. */
bool peal_answering_take_message(
	struct peal *peal, struct peal_channel_end *end, struct peal_event *event);
/* answering.c: such a channel has ended; `event` says why. */
void peal_answering_take_end(
	struct peal *peal, struct peal_channel_end *end, const struct peal_event *event);
/* answering.c: records about requests of this node. `*is_good_out`: false = it cannot be. */
bool peal_answering_take_near(struct peal *peal, const struct peal_shmring_record *record,
	struct peal_event *event, bool *is_good_out);
/* answering.c: channels that the other end has finished are closed here too. */
void peal_answering_close_finished(struct peal *peal);

/* Another view is shown. */
void peal_asking_take_view(struct peal *peal);
/* What is to be told of requests. `is_idle`: nothing else waits, so it looks at the clock. */
bool peal_asking_next_event(struct peal *peal, bool is_idle, struct peal_event *event_out);
/* True: something that waited could leave, or is to be told. */
bool peal_asking_go_on(struct peal *peal);
/* When a deadline is due; UINT64_MAX = never. */
uint64_t peal_asking_due_at_ns(const struct peal *peal);
/* Has poll_fd ring then; UINT64_MAX = never. */
void peal_asking_set_timer(struct peal *peal, uint64_t due_at_ns);
void peal_asking_free(struct peal *peal);

#endif
