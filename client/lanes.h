/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lanes of an attachment: channels to the own node that go past the core
 * (docs/design/0022-near-clients.md).
 *
 * A lane is made for a channel while that is in use. What was said before stays with the core; each
 * direction changes over by itself, so nothing is overtaken. The core goes on to say when a channel
 * is finished or ends, and then what the other end had shown in the lane is heard first.
 *
 * The other end is trusted with nothing: what it says is copied, and what cannot be ends the
 * channel, by the core. One thread, as all of libpeal.
 */
#ifndef PEAL_CLIENT_LANES_H
#define PEAL_CLIENT_LANES_H

#include "peal/peal.h"
#include "shm/clientmsg.h"
#include "shm/shmlane.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

/* What one look at the epoll may tell: the core, the socket, each lane. */
#define PEAL_LANES_RUNG_MAX (PEAL_CLIENT_LANES_MAX + 2U)

struct peal_lane_end {
	uint32_t id;    /* as the daemon counts them; 0 = the place is free */
	uint32_t tag;   /* of the channel */
	bool is_handed; /* both regions are here */
	bool is_ready;  /* the other end has both, too */
	bool is_used;   /* messages from here go over it */
	bool is_heard;  /* and those to here */
	bool is_broken; /* nothing more is heard of it, and the core is told */
	bool is_over;   /* the channel has ended; a claim of the application is in it still */
	int bell;       /* rung at the other end; -1 = none */
	struct peal_shmlane lane;
};

/* The end of a channel, or of what comes over it, that is to be told behind what came. */
struct peal_lane_drain {
	uint16_t kind; /* PEAL_CLIENT_FINISHED or ENDED; 0 = there is none */
	uint16_t tag;
	uint32_t lane; /* place */
	struct peal_client_ended ended;
};

struct peal_lanes {
	uint32_t handed; /* places: sets */
	uint32_t heard;
	uint32_t dirty;     /* with messages that were not shown */
	uint32_t breaking;  /* of which the core is to be told that they are broken */
	uint32_t at;        /* whose turn it is */
	uint32_t turn_left; /* messages until the core is looked at again */
	bool has_answer;    /* for the core */
	struct peal_client_lane_taken answer;
	struct peal_lane_drain drain;
	uint8_t *bytes; /* [PEAL_CLIENT_MESSAGE_SIZE_MAX], the message that is shown */
	struct peal_lane_end ends[PEAL_CLIENT_LANES_MAX];
};

struct peal;
struct peal_channel_end;

/* Records of the core. False: it cannot be. */
bool peal_lanes_take_made(struct peal *peal, const struct peal_shmring_record *record);
bool peal_lanes_take_ready(struct peal *peal, const struct peal_shmring_record *record);
bool peal_lanes_take_used(struct peal *peal, const struct peal_shmring_record *record);

/*
 * Room for a message in the lane of a channel. False: it goes by the core. Else `*result_out`: OK;
 * NO_CREDIT; CLOSED, the lane is broken.
 */
bool peal_lanes_claim(struct peal *peal, const struct peal_channel_end *end, uint32_t size,
	void **bytes_out, enum peal_result *result_out);
/* Makes a message of that claim. */
void peal_lanes_commit(struct peal *peal, uint32_t size);
/* Shows what was committed. */
void peal_lanes_flush(struct peal *peal);
/* Tells the core what could not be told when it came up. */
void peal_lanes_speak(struct peal *peal);

/* The next message of any lane. False: there is none, or it is the core's turn. */
bool peal_lanes_poll(struct peal *peal, struct peal_event *event);
/* The next message of one lane. */
bool peal_lanes_hear(struct peal *peal, uint32_t lane, struct peal_event *event);
/* A channel is finished, or ends: true when that is told later, behind what came over its lane. */
bool peal_lanes_hold(
	struct peal *peal, const struct peal_channel_end *end, const struct peal_lane_drain *drain);
/* A channel has ended. Returns how many messages its peer may not have heard. */
uint64_t peal_lanes_part(struct peal *peal, struct peal_channel_end *end);
/* The attachment has ended: what comes over lanes from here on is not heard. */
void peal_lanes_stop(struct peal *peal);

/* There is something to poll, or room that was waited for. */
bool peal_lanes_have_something(struct peal *peal);
void peal_lanes_declare_asleep(struct peal *peal);
void peal_lanes_declare_awake(struct peal *peal);
/* What the epoll told. */
void peal_lanes_note_rings(struct peal *peal, const struct epoll_event *rung, int count);

void peal_lanes_free(struct peal *peal);

#endif
