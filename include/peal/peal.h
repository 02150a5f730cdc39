/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Peal for applications: who is in the group, messages to one member and to all.
 *
 * An application attaches to the daemon (peald) of its host through a Unix socket, and from then on
 * both speak through shared memory: sending and receiving make no system call unless somebody
 * sleeps. A struct peal belongs to one thread at a time; a program with several threads attaches
 * once for each.
 *
 *     struct peal *peal;
 *
 *     if (peal_attach(NULL, "my-program", &peal) != PEAL_OK) { ... peal_attach_error() ... }
 *     peal_listen(peal, 7);
 *     for (;;) {
 *         struct peal_event event;
 *
 *         while (peal_poll(peal, &event) == PEAL_OK) { ... look at event.kind ... }
 *         peal_wait(peal, PEAL_FOREVER);
 *     }
 *
 * Three ways to wait, on the same attachment: peal_poll in a loop, which never sleeps;
 * peal_wait, which looks for a while and then sleeps; or peal_fd in a poll set of your own, with
 * peal_rest before each wait. Whoever does not sleep is never rung for.
 *
 * Every call that can be refused says why. Nothing that was accepted is lost silently: a
 * channel that ends says how many messages are in doubt.
 *
 * C11 and C++11; libc only. Layout and values are fixed within one PEAL_ABI.
 */
#ifndef PEAL_H
#define PEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PEAL_ABI 0

#if defined(__GNUC__)
#define PEAL_API __attribute__((visibility("default")))
#else
#define PEAL_API
#endif

/* One attachment. Opaque. */
struct peal;

enum peal_result {
	PEAL_OK = 0,
	PEAL_EMPTY = 1,       /* nothing waits to be read */
	PEAL_FULL = 2,        /* the daemon has not taken what was said before; try again */
	PEAL_NO_CREDIT = 3,   /* the peer has not acknowledged what was sent before; try again */
	PEAL_NOT_IN_VIEW = 4, /* there is no such member, or this node is none */
	PEAL_TOO_BIG = 5,     /* above peal_message_size_max, or another bound */
	PEAL_CLOSED = 6,      /* the channel, or the daemon, is no more; attach again */
	PEAL_NO_QUORUM = 7,   /* this node hears too few of the group to promise anything */
	PEAL_EVICTED = 8,     /* cut off: too slow, or something that cannot be was said */
	PEAL_TOO_MANY = 9,    /* channels, or numbers listened on */
	PEAL_IN_USE = 10,     /* the channel number is open to this member already */
	PEAL_NOT_HERE = 11,   /* the channel belongs to another core of this node; not supported */
	PEAL_FORBIDDEN = 12,  /* the daemon does not take this user, or not for this */
	PEAL_NO_DAEMON = 13,  /* nobody listens on the socket, or it speaks another version */
	PEAL_NO_MEMORY = 14,
	PEAL_TIMEOUT = 15,
	PEAL_NOT_SUPPORTED = 16, /* this cannot be had: total order in a group, or groups at all */
	PEAL_BAD_NAME = 17,      /* a group cannot be called this */
	PEAL_PEER_GONE = 18,  /* who was asked is gone: nobody knows whether the request was done */
	PEAL_NO_SERVICE = 19, /* no application of that member serves this number */
	PEAL_BUSY = 20,       /* who serves takes no more requests now */
	PEAL_TOO_FEW = 21,    /* so many members have failed that the wanted replies cannot come */
	PEAL_NOT_RANK = 22,   /* this node has no rank in the order group: it only listens */
};

/* The name of a result: "full", "no credit". Static; never NULL. */
PEAL_API const char *peal_result_name(enum peal_result result);

/* --- attaching --- */

#define PEAL_SOCKET_DEFAULT "/run/peal/peal.sock"

/*
 * Attaches to the daemon behind `socket`; NULL: $PEAL_SOCKET, or PEAL_SOCKET_DEFAULT. `name` is for
 * people who look at the daemon, up to 31 bytes. Blocks for as long as the daemon takes to answer,
 * some milliseconds, a second at the most. On anything but OK `*peal_out` is NULL.
 */
PEAL_API enum peal_result peal_attach(const char *socket, const char *name, struct peal **peal_out);

/* Why the last peal_attach of this thread failed, as a sentence. Never NULL. */
PEAL_API const char *peal_attach_error(void);

/* Ends the attachment: its channels are reset. NULL is fine. */
PEAL_API void peal_detach(struct peal *peal);

/* OK while the daemon is there; CLOSED or EVICTED from then on, and what was delivered before can
 * still be polled. No system call. */
PEAL_API enum peal_result peal_state(const struct peal *peal);

/* --- the view --- */

struct peal_member {
	uint64_t member; /* its number: the lower, the longer it has been there; never used again */
	uint8_t uuid[16]; /* of this life of the node */
	uint8_t ip[16];   /* IPv6, or IPv4 mapped into it (::ffff:a.b.c.d) */
	uint16_t port;
	uint16_t reserved[3];
};

struct peal_view {
	uint64_t epoch; /* + 1 with each change that the group agreed on; 0 = not a member */
	uint64_t self;  /* this node's number */
	uint32_t tag;   /* with the epoch: names the view, the same at all members */
	uint32_t members_count;
	const struct peal_member *members; /* by number */
};

/* The view as of the last event polled. It stays as it is until the next peal_poll. Never NULL;
 * epoch 0 before the first. */
PEAL_API const struct peal_view *peal_view(const struct peal *peal);

/*
 * The view word: true while this node is a member in good standing of `*epoch_out`, that is, it
 * heard enough of the group a short while ago. A few loads and a look at the clock; no call. Once
 * it is false others may have gone on without this node. `epoch_out` may be NULL.
 */
PEAL_API bool peal_is_member(const struct peal *peal, uint64_t *epoch_out);

/* --- events --- */

enum peal_event_kind {
	PEAL_EVENT_VIEW = 1,       /* peal_view() is another; messages that follow are of it */
	PEAL_EVENT_JOINED = 2,     /* after VIEW, for each: `member` is new in it */
	PEAL_EVENT_GONE = 3,       /* after VIEW, for each: `member` is not in it; `reason` */
	PEAL_EVENT_NO_QUORUM = 4,  /* too few of the group are heard */
	PEAL_EVENT_QUORUM = 5,     /* enough are heard again */
	PEAL_EVENT_OPENED = 6,     /* `member` opened `channel`, of `number` on which we listen */
	PEAL_EVENT_MESSAGE = 7,    /* on `channel`: `bytes`, `size` */
	PEAL_EVENT_CAST = 8,       /* `member` sent `bytes`, `size` to all; own messages too */
	PEAL_EVENT_FINISHED = 9,   /* the peer sends no more on `channel` */
	PEAL_EVENT_ENDED = 10,     /* `channel` means nothing any more: `reason`, `lost_count` */
	PEAL_EVENT_CAST_LOST = 11, /* up to `lost_count` own messages to all may not have reached */
	PEAL_EVENT_VALUE = 12,     /* the latest value of `number` of `member`: `bytes`, `size` */
	PEAL_EVENT_REQUEST = 16,   /* `member` asks service `number`: `request`, `bytes`, `size` */
	PEAL_EVENT_REPLY = 17,     /* `member` answered own `request`: `bytes`, `size` */
	PEAL_EVENT_NO_REPLY = 18,  /* `member` will not answer own `request`: `result` */
	PEAL_EVENT_DONE = 19, /* own `request` is over: `result`; `lost_count` did not answer */
	/* Of the group in `channel`. */
	PEAL_EVENT_GROUP_VIEW = 20,    /* peal_group_view() is another */
	PEAL_EVENT_GROUP_JOINED = 21,  /* after it, for each: `member`, `client` is new in it */
	PEAL_EVENT_GROUP_GONE = 22,    /* the same: is not in it any more; `reason` */
	PEAL_EVENT_GROUP_MESSAGE = 23, /* `member`, `client` sent `bytes`, `size` in view `epoch`,
					  `n`; own messages too */
	PEAL_EVENT_GROUP_ENDED = 24,   /* we are not in it: `reason`, `lost_count` */
	/* Of the order group in `channel`. */
	PEAL_EVENT_ORDER_VIEW = 25,     /* peal_order_view() is another */
	PEAL_EVENT_ORDERED = 26,        /* `member`, `client` sent `bytes`, `size`: `position` */
	PEAL_EVENT_ORDER_SKIPPED = 27,  /* what is missing up to `position` never comes here;
					   up to `lost_count` own messages are among it */
	PEAL_EVENT_ORDER_DOUBTFUL = 28, /* up to `lost_count` own messages may not be ordered */
	PEAL_EVENT_ORDER_ENDED = 29,    /* it is not open: `reason`, `lost_count` */
};

/* Why a member is gone, as far as this node knows; others may know otherwise. */
enum peal_gone {
	PEAL_GONE_UNKNOWN = 0,
	PEAL_GONE_LEFT = 1,     /* it asked to */
	PEAL_GONE_CRASHED = 2,  /* its observers missed it */
	PEAL_GONE_REPLACED = 3, /* its node began another life */
};

enum peal_reason {
	PEAL_REASON_ORDERLY = 0,  /* both ends have closed, and all has arrived */
	PEAL_REASON_CLOSED = 1,   /* the other end does not want more */
	PEAL_REASON_UNKNOWN = 2,  /* nobody listens on this number */
	PEAL_REASON_FULL = 3,     /* the other end has no room for another channel */
	PEAL_REASON_STALE = 4,    /* the other end began anew */
	PEAL_REASON_PROTOCOL = 5, /* what came cannot be */
	PEAL_REASON_SLOW = 6,     /* what was sent was not taken for too long */
	PEAL_REASON_REMOVED = 7,  /* the peer is no member any more */
	PEAL_REASON_REFUSED = 8,  /* it was never opened: `result` says why */
};

struct peal_event {
	uint32_t kind;     /* enum peal_event_kind */
	uint32_t channel;  /* OPENED, MESSAGE, FINISHED, ENDED; GROUP_*, ORDER_*: the group */
	uint64_t member;   /* JOINED, GONE, OPENED, CAST, VALUE; of MESSAGE too, if in the view */
	const void *bytes; /* MESSAGE, CAST, VALUE: good until the next peal_poll */
	uint32_t size;
	uint16_t number; /* OPENED, VALUE; of requests the service */
	uint8_t reason;  /* ENDED: enum peal_reason; GONE: enum peal_gone; GROUP_GONE: enum
			    peal_group_gone; GROUP_ENDED: enum peal_group_end; ORDER_ENDED: enum
			    peal_order_end */
	uint8_t result;  /* ENDED, REFUSED: enum peal_result */
	uint64_t lost_count;
	uint64_t epoch; /* GROUP_*: names a view of the group, with `n` */
	uint32_t n;
	uint32_t client;   /* GROUP_JOINED, GROUP_GONE, GROUP_MESSAGE, ORDERED: which of the node */
	uint64_t request;  /* REQUEST, REPLY, NO_REPLY, DONE */
	uint64_t position; /* ORDERED, ORDER_SKIPPED, ORDER_VIEW: rises, and leaves numbers out */
	uint64_t reserved[1];
};

/*
 * The next event. What the last call gave is given back by this one. EMPTY: there is none now;
 * CLOSED, EVICTED: there will be none any more. No system call, but a doorbell for a daemon that
 * sleeps.
 */
PEAL_API enum peal_result peal_poll(struct peal *peal, struct peal_event *event_out);

#define PEAL_FOREVER UINT64_MAX

/*
 * Until there is something to poll: looks for a while (peal_set_spin), then sleeps. OK, TIMEOUT,
 * CLOSED or EVICTED. It may return OK too early.
 */
PEAL_API enum peal_result peal_wait(struct peal *peal, uint64_t timeout_ns);

/* For how long peal_wait looks before it sleeps; 20 us until it is said otherwise. */
PEAL_API void peal_set_spin(struct peal *peal, uint64_t spin_ns);

/*
 * For poll sets of your own: before each wait for peal_fd to become readable, call peal_rest.
 * EMPTY: now wait, for you will be rung for; anything else: do not wait, poll. After the wait call
 * peal_poll as usual.
 */
PEAL_API int peal_fd(const struct peal *peal);
PEAL_API enum peal_result peal_rest(struct peal *peal);

/* --- channels: to one member, in order, once --- */

/* Numbers of channels are up to 0x6FFF. */
#define PEAL_NUMBER_MAX 0x6FFFU

/* Peers may open channels of this number from now on. */
PEAL_API enum peal_result peal_listen(struct peal *peal, uint16_t number);
PEAL_API enum peal_result peal_unlisten(struct peal *peal, uint16_t number);

/*
 * Opens a channel to a member. OK: `*channel_out` takes messages at once; when the member refuses,
 * ENDED says so. A number is open once between two members. To this node itself it leads to the
 * application here that listens, and there may be any number of channels of one number.
 */
PEAL_API enum peal_result peal_open(
	struct peal *peal, uint64_t member, uint16_t number, uint32_t *channel_out);

/* No more is sent; what was, still arrives. ENDED follows when the other end has closed too. */
PEAL_API enum peal_result peal_close(struct peal *peal, uint32_t channel);
/* Ends it at once, at both ends; ENDED follows. */
PEAL_API enum peal_result peal_reset(struct peal *peal, uint32_t channel);

/* To all members of the view, this one included: in the place of a channel. */
#define PEAL_ALL UINT32_MAX

/* Whether what members send to all is to be heard; at first it is not. */
PEAL_API enum peal_result peal_hear(struct peal *peal, bool is_heard);

/*
 * Whether members that broadcast wait for this application rather than have it evicted: their
 * peal_send says FULL while its ring is full. Who reads nothing for a time that the node sets
 * (`hold_ms`) is evicted all the same; at the end of a view that is a probe interval. FORBIDDEN:
 * the node lets nobody hold the group back.
 */
PEAL_API enum peal_result peal_hold_back(struct peal *peal, bool is_held_back);

/* Numbers of latest values are below the one, values are not larger than the other. */
#define PEAL_VALUES_MAX     16U
#define PEAL_VALUE_SIZE_MAX 1016U

/*
 * Sets the latest value of a number of this member, for all who hear, at once or later: VALUE.
 * Nothing waits for readers: who is slow, or comes later, gets the latest and not those before. The
 * applications of a node share its numbers. A value stays until another takes its place or the
 * member is in the view no more.
 */
PEAL_API enum peal_result peal_set(
	struct peal *peal, uint16_t number, const void *bytes, uint32_t size);

/* The largest message. */
PEAL_API uint32_t peal_message_size_max(const struct peal *peal);

/* Sends a copy to `channel`, to a group, to an order group, or to PEAL_ALL. */
PEAL_API enum peal_result peal_send(
	struct peal *peal, uint32_t channel, const void *bytes, uint32_t size);

/*
 * The same without a copy, and in batches: claim gives room for up to `size` bytes in shared
 * memory, commit makes a message of the first `size` of them, and flush shows the daemon all that
 * was committed. A claim that is not committed is forgotten by the next call.
 */
PEAL_API enum peal_result peal_claim(
	struct peal *peal, uint32_t channel, uint32_t size, void **bytes_out);
PEAL_API void peal_commit(struct peal *peal, uint32_t size);
PEAL_API void peal_flush(struct peal *peal);

#ifdef __cplusplus
}
#endif

#include <peal/order.h>
#include <peal/process_groups.h>
#include <peal/services.h>

#endif
