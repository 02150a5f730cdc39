/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What people are told of the applications of a node: those that are here, and those that were cut
 * off lately and why.
 *
 * An entry is copied from words that others write at the same time, so its numbers are each of some
 * instant just before; it costs no core anything. What a client wrote of itself (its name, where
 * its ring begins and ends) is told as it is and never believed: fills are bounded by the sizes of
 * the rings.
 *
 * The door owns the list; any thread, under the door's lock.
 */
#ifndef PEAL_RUNTIME_CLIENTLIST_H
#define PEAL_RUNTIME_CLIENTLIST_H

#include "dataplane/clients.h"

#include <sys/types.h>

/* Processes that were cut off which are remembered: the last ones, each once for a reason, so that
 * one which comes again and again does not make the others forgotten. */
#define PEAL_CLIENTLIST_CUT_OFF_MAX 32U

enum peal_clientlist_state {
	PEAL_CLIENTLIST_ARRIVING = 0, /* was welcomed and is not ready yet */
	PEAL_CLIENTLIST_ATTACHED,
	PEAL_CLIENTLIST_LEAVING, /* its channels are being ended */
	PEAL_CLIENTLIST_CUT_OFF, /* by the core; it is gone */
};

struct peal_clientlist_entry {
	enum peal_clientlist_state state;
	enum peal_client_end end; /* CUT_OFF: VIOLATION or SLOW */
	pid_t pid;                /* as the kernel told */
	uid_t user;
	uint64_t at_ns;       /* when it came; CUT_OFF: when it went, last */
	uint64_t times_count; /* CUT_OFF: how often this process was, for this reason; else 0 */
	uint32_t channels_count;
	uint32_t lanes_count; /* of these, to another client and past the core: not in what follows
			       */
	uint32_t up_size; /* bytes that wait in the ring to the core; at most PEAL_CLIENT_UP_SIZE */
	uint32_t down_size; /* and in the ring to the client */
	uint64_t sent_count;
	uint64_t sent_size;
	uint64_t delivered_count;
	uint64_t delivered_size;
	char name[PEAL_NAME_SIZE_MAX + 1U]; /* any bytes, ends with a zero */
};

struct peal_clientlist {
	/* times_count 0 = a free place */
	struct peal_clientlist_entry cut_off[PEAL_CLIENTLIST_CUT_OFF_MAX];
};

/* What went through a client, and what waits in its rings. `up`, `down`: mapped, or NULL. */
void peal_clientlist_measure(struct peal_clientlist_entry *entry, const struct peal_client *client,
	const struct peal_region_up *up, const struct peal_region_down *down);

/* Keeps the entry, which is CUT_OFF: in the place of the same process and reason, else of the
 * oldest. */
void peal_clientlist_remember(
	struct peal_clientlist *list, const struct peal_clientlist_entry *entry);

/* "attached"; "slow". Static. */
const char *peal_clientlist_state_name(enum peal_clientlist_state state);
const char *peal_clientlist_end_name(enum peal_client_end end);

#endif
