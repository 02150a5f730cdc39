/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where applications come in: a Unix socket, and a thread that gives them to a core and takes them
 * away again.
 *
 * Who may come is asked of the kernel (SO_PEERCRED) and looked up in the configuration. Who is
 * welcome gets memory and bells by SCM_RIGHTS (shm/clientmsg.h), says that it is ready, and belongs
 * to the core from then on. That a client is gone is learnt three ways, and the first one
 * is enough: its death word, which the core looks at; its socket; its process (pidfd).
 *
 * A thread of its own, because making and mapping memory takes milliseconds, which neither a core
 * nor the control thread has. It sleeps unless somebody comes or goes. What it does for one
 * client is bounded, and clients that are not ready within a second are sent away.
 */
#ifndef PEAL_RUNTIME_CLIENTDOOR_H
#define PEAL_RUNTIME_CLIENTDOOR_H

#include "dataplane/clients.h"
#include "dataplane/dpdk/doorbell.h"
#include "dataplane/dpdk/idle.h"
#include "dataplane/dpdk/sentence.h"
#include "runtime/clientlist.h"
#include "runtime/config.h"

struct peal_clientdoor; /* opaque */

struct peal_clientdoor_config {
	const struct peal_config *config; /* socket, access, timing; outlives the door */
	struct peal_clients *clients;     /* of the core */
	const struct peal_plane *plane;   /* of the core */
	struct peal_idle *idle;           /* of the core's lcore, which does not run yet */
	struct peal_bell bell;            /* of the core */
	/* A turn of a core whose thread has gone already when the door is stopped, so that it has
	 * done with its clients; NULL: it makes them itself. */
	void (*turn)(void *state);
	void *turn_state;
	/* Asks control for an order group: never for long. */
	enum peal_clients_wish_answer (*wish)(void *state, const struct peal_ordergroup *group);
	void *wish_state;
};

/* Opens the socket and prepares the core. Before lcores start. NULL with a sentence. */
struct peal_clientdoor *peal_clientdoor_open(
	const struct peal_clientdoor_config *config, struct peal_sentence *error);
/* Starts the thread. False with a sentence. */
bool peal_clientdoor_start(struct peal_clientdoor *door, struct peal_sentence *error);
/*
 * Copies what there is to tell of clients, those that are here before those that were cut off: up
 * to `entries_max` from `from` on, which is 0 or what the last call gave as `*next_out`; that is 0
 * when there are no more. Who comes or goes between two calls is in one of them, or in none. Any
 * thread; waits for the door while it lets somebody in, some milliseconds.
 * @return how many entries were written
 */
uint32_t peal_clientdoor_list(struct peal_clientdoor *door, uint64_t from,
	struct peal_clientlist_entry *entries, uint32_t entries_max, uint32_t *next_out);
/* How many who wanted to attach were refused for this reason. Any thread; waits like `list`. */
uint64_t peal_clientdoor_refused_count(
	struct peal_clientdoor *door, enum peal_client_status status);
/*
 * The process groups that the core knows, a piece of the table: `from` is 0 or `next` of the piece
 * before. One thread at a time. NULL: the core did not answer in time; else good until the next
 * call. Waits for a turn of the core.
 */
const struct peal_procgroups_page *peal_clientdoor_read_groups(
	struct peal_clientdoor *door, uint64_t from);
/* Ends all clients and the thread; the lcore still runs. NULL is fine. */
void peal_clientdoor_stop(struct peal_clientdoor *door);
/* After the lcore has stopped. NULL is fine. */
void peal_clientdoor_close(struct peal_clientdoor *door);

#endif
