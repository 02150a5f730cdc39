/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An attachment, as the files of libpeal know it.
 *
 * What comes from the daemon is checked like anything from outside: a daemon that says what cannot
 * be is one that is gone (`is_broken`).
 */
#ifndef PEAL_CLIENT_ATTACHMENT_H
#define PEAL_CLIENT_ATTACHMENT_H

#include "client/lanes.h"
#include "client/requests.h"
#include "peal/peal.h"
#include "shm/clientmsg.h"
#include "shm/region.h"
#include "shm/shmbell.h"

/* A message that comes in parts. */
struct peal_assembly_buffer {
	uint64_t origin; /* of a broadcast; 0 = free */
	uint8_t *bytes;  /* [capacity] */
	uint32_t capacity;
	uint32_t message_size; /* 0: none is under way, or it is one that is left out */
	uint32_t filled;
};

/* Whose a channel is. */
enum peal_channel_role {
	PEAL_ROLE_PLAIN = 0, /* the application's */
	PEAL_ROLE_ASKING,    /* libpeal opened it, to a service */
	PEAL_ROLE_SERVING,   /* a peer opened it, to a service here */
};

struct peal_channel_end {
	bool is_open;     /* the tag means something */
	bool is_closing;  /* no more is sent */
	bool is_finished; /* the peer sends no more; of one that is not plain */
	uint8_t role;     /* enum peal_channel_role */
	uint8_t lane;     /* place + 1; 0 = messages go by the core */
	uint16_t life;
	uint16_t number;
	uint64_t member;
	uint64_t opened_at;  /* in the ring up; 0 = the core has read it */
	uint64_t sent;       /* position in the queue of the core */
	uint64_t sent_count; /* messages that went by the core */
	struct peal_assembly_buffer parts;
};

/* A group that this client is in, or asked to be. */
struct peal_group_end_point {
	bool is_open;    /* the handle means something */
	bool is_leaving; /* nothing more is sent */
	bool is_member;  /* a view has come */
	uint16_t life;
	uint32_t capacity; /* of `members` */
	uint64_t sent_count;
	struct peal_group_member *members;
	struct peal_group_view view;
	char name[PEAL_GROUP_NAME_SIZE_MAX + 1U];
};

/* Tells groups from channels; PEAL_ALL is neither. */
#define PEAL_GROUP_HANDLE 0x40000000U

static inline bool
peal_groups_is_handle(uint32_t channel)
{
	return channel >> 16 == PEAL_GROUP_HANDLE >> 16;
}

/* An order group that this client has open, or asked for. */
struct peal_order_end_point {
	bool is_open;    /* the handle means something */
	bool is_closing; /* nothing more is sent */
	bool is_shown;   /* a view has come */
	uint16_t life;
	uint64_t sent_count;
	uint64_t position; /* of what came last */
	struct peal_order_view view;
	struct peal_order_rank ranks[PEAL_ORDER_GROUP_RANKS_MAX];
	struct peal_assembly_buffer parts[PEAL_ORDER_GROUP_RANKS_MAX]; /* by member */
};

/* Tells order groups from the others. */
#define PEAL_ORDER_HANDLE 0x20000000U

static inline bool
peal_ordering_is_handle(uint32_t channel)
{
	return channel >> 16 == PEAL_ORDER_HANDLE >> 16;
}

struct peal_viewbook {
	struct peal_view views[3]; /* by turns: shown, before it, and the one that is coming */
	uint32_t capacities[3];
	struct peal_client_view coming; /* members_count 0 and epoch 0: none */
	uint32_t shown;                 /* index */
	uint32_t coming_count;          /* members that are here */
	uint32_t departed_count;        /* of the view that is coming, or of the comparison */
	struct peal_client_departed departed[PEAL_DIRECT_MAX];
	/* What changed from the one before to the one shown: where the comparison stands. */
	bool is_comparing;
	uint32_t before_rank;
	uint32_t shown_rank;
};

struct peal {
	int socket;
	int bell;    /* rung at the core */
	int wake;    /* epoll of what the core rings: an event for each ring */
	int poll_fd; /* epoll of wake and socket */
	uint32_t up_size;
	uint32_t down_size;
	uint32_t queue_size;
	uint32_t message_size_max;
	struct peal_region_up *up;
	struct peal_region_down *down;       /* read only */
	const struct peal_region_page *page; /* the same */
	bool is_held;                        /* the death word */
	bool is_broken;
	bool may_hold;      /* the node lets its clients hold others back */
	uint32_t forbidden; /* of PEAL_CLIENT_MAY_*: the daemon would cut us off for it */
	struct peal_shmring_writer writer;
	struct peal_shmring_reader reader;
	struct peal_shmbell_ringer ringer;
	struct peal_shmbell_sleeper sleeper;
	uint64_t spin_ns;
	uint32_t listens_count;
	uint16_t listens[PEAL_CLIENT_LISTENS_MAX];
	uint32_t claim_channel;
	uint32_t claim_lane; /* place + 1; 0 = the claim is in the ring to the core */
	bool has_claim;
	/* What a refused call needs; a sleep ends when it is there. 0 = nothing. If several
	 * channels need something: place ANY, and what peal_sending_sum_released was. */
	uint64_t wanted_head;
	uint32_t wanted_place;
	uint64_t wanted_released;
	struct peal_viewbook views;
	struct peal_requests *requests; /* NULL: nothing was asked yet */
	int timer;                      /* in poll_fd, rung at timer_at_ns; -1 = there is none */
	uint64_t timer_at_ns;           /* UINT64_MAX = never */
	uint64_t near_count;            /* requests to this node itself */
	uint32_t polls_count;           /* since deadlines were looked at */
	bool has_finished;              /* a channel that is finished may be still to be closed */
	struct peal_lanes lanes;
	struct peal_channel_end channels[PEAL_CLIENT_CHANNELS_MAX];
	struct peal_assembly_buffer casts[PEAL_DIRECT_MAX];
	struct peal_assembly_buffer group_parts[PEAL_DIRECT_MAX]; /* by the node of the sender */
	struct peal_group_end_point groups[PEAL_GROUPS_MAX];
	struct peal_order_end_point orders[PEAL_ORDER_GROUPS_MAX];
	/* What changed from one view of a group to the next, as far as it was not told. */
	struct peal_client_group_change *group_changes;
	uint32_t group_changes_capacity;
	uint32_t group_changes_count;
	uint32_t group_changes_at;
	struct peal_event group_changes_of; /* the view */
};

/* viewbook.c: a piece of a view came. True: it is whole, and shown from now on. `is_good_out`:
 * false = it cannot be. */
bool peal_viewbook_add(
	struct peal_viewbook *book, const struct peal_shmring_record *record, bool *is_good_out);
/* viewbook.c: why a member will not be in the next view. False: it cannot be. */
bool peal_viewbook_add_departed(
	struct peal_viewbook *book, const struct peal_shmring_record *record);
/* viewbook.c: the next change from the view before, or false. */
bool peal_viewbook_next_change(struct peal_viewbook *book, struct peal_event *event_out);
/* viewbook.c: the member, in the view that is shown. */
bool peal_viewbook_has(const struct peal_viewbook *book, uint64_t member);
void peal_viewbook_free(struct peal_viewbook *book);

/* sending.c: rings at the core if it sleeps. */
void peal_sending_ring(struct peal *peal);
/* sending.c: one record that says something. */
enum peal_result peal_sending_say(struct peal *peal, enum peal_client_up kind, uint32_t tag,
	const void *bytes, uint32_t size);
/* sending.c: OK, or FORBIDDEN: one of the acts, of PEAL_CLIENT_MAY_*; or what peal_state says. */
enum peal_result peal_sending_check_right(const struct peal *peal, uint32_t act);
/* sending.c: whether all members could be reached at all. */
enum peal_result peal_sending_check_group(const struct peal *peal);
/* sending.c: how far all channels are released, together; never 0. */
uint64_t peal_sending_sum_released(const struct peal *peal);
/* sending.c: the end of a tag, or NULL. */
struct peal_channel_end *peal_sending_find(struct peal *peal, uint32_t channel);

/* groups.c: the group of a handle, or NULL. */
struct peal_group_end_point *peal_groups_find(struct peal *peal, uint32_t handle);
/* groups.c: whether something can be sent to it. */
enum peal_result peal_groups_check_send(struct peal *peal, uint32_t handle);
/* groups.c: records, which become events; `from` is what stands before a message or a part. False:
 * it cannot be. */
bool peal_groups_take_view(
	struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event);
bool peal_groups_take_from(
	struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event);
bool peal_groups_take_end(
	struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event);
/* groups.c: how the order group of a group is; no event. False: it cannot be. */
bool peal_groups_take_order(struct peal *peal, const struct peal_shmring_record *record);
/* groups.c: the next change to the view of a group that was told, or false. */
bool peal_groups_next_change(struct peal *peal, struct peal_event *event);
void peal_groups_free(struct peal *peal);

/* ordering.c: the order group of a handle, or NULL. */
struct peal_order_end_point *peal_ordering_find(struct peal *peal, uint32_t handle);
/* ordering.c: whether something can be sent to it. */
enum peal_result peal_ordering_check_send(struct peal *peal, uint32_t handle);
/* ordering.c: records, which become events; `ordered` is what stands before a message or a part.
 * False: it cannot be. */
bool peal_ordering_take_view(
	struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event);
bool peal_ordering_take_ordered(
	struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event);
bool peal_ordering_take_doubtful(
	struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event);
bool peal_ordering_take_skipped(
	struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event);
bool peal_ordering_take_end(
	struct peal *peal, const struct peal_shmring_record *record, struct peal_event *event);
/* ordering.c: an event stands behind all that came before it in its group, and is noted. False: it
 * does not. */
bool peal_ordering_follows(struct peal *peal, const struct peal_event *event);
/* ordering.c: what messages of a group are put together in, by member; it is open. */
struct peal_assembly_buffer *peal_ordering_parts(struct peal *peal, uint32_t handle);
void peal_ordering_free(struct peal *peal);
/* sending.c: as peal_listen, peal_unlisten and peal_open, for any number that the core takes. */
enum peal_result peal_sending_listen(struct peal *peal, uint16_t number);
enum peal_result peal_sending_unlisten(struct peal *peal, uint16_t number);
bool peal_sending_is_listening(const struct peal *peal, uint16_t number);
enum peal_result peal_sending_open(struct peal *peal, uint64_t member, uint16_t number,
	enum peal_channel_role role, uint32_t *channel_out);
/* sending.c: why the ring takes no record of `size` now. */
enum peal_result peal_sending_refuse_full(struct peal *peal, uint32_t size);

/* polling.c: the monotonic clock. */
uint64_t peal_polling_now_ns(void);
/* waiting.c: back from a sleep, the bell is silent again. `is_heard`: who waited took the ring. */
void peal_waiting_wake_up(struct peal *peal, bool is_heard);
/* waiting.c: rings when the core waits for room in the ring down and by now there is some. */
void peal_waiting_tell_room(struct peal *peal);

#endif
