/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/clients_private.h"

/* Parts of its ring that wait to be read: from the first on a client that may holds others back,
 * and at the second it lets go. What channels were granted beforehand fits beside the first. */
#define HOLDING_PARTS 8U
#define LET_GO_PARTS  16U
/* When no more than this part waits to be read, peers are granted something again
 * (clients_down.c), and it is worth the while to go on with loops, which fill twice as much
 * (clients_loop.c). */
#define WAITING_PARTS 4U

static uint64_t
waiting_size(struct peal_client *client)
{
	return client->writer.memory.capacity - peal_shmring_free_size(&client->writer);
}

void
peal_clients_tell_waiting(const struct peal_clients *clients, struct peal_client *client)
{
	uint64_t bit = peal_clients_bit_of(clients, client);
	uint64_t at = client->writer.tail - client->writer.memory.capacity / WAITING_PARTS;
	bool is_waiting = client->room == 0 || (clients->owing & bit) != 0;
	uint32_t word = is_waiting ? (uint32_t)at | PEAL_REGION_WAITING_PLACE : 0;

	/* Whether it reads at all is what counts then. */
	if ((clients->holding & bit) != 0) {
		word = 1U;
	}
	/* The client reads it all the time. */
	if (atomic_load_explicit(&client->down->is_waiting, memory_order_relaxed) != word) {
		atomic_store_explicit(&client->down->is_waiting, word, memory_order_relaxed);
	}
}

void
peal_clients_tell_cast(const struct peal_clients *clients)
{
	peal_cast_hold(clients->config.cast, (clients->holding | clients->showing) != 0);
}

void
peal_clients_hold_if_short(struct peal_clients *clients, struct peal_client *client)
{
	uint64_t part = client->writer.memory.capacity / HOLDING_PARTS;
	uint64_t bit = peal_clients_bit_of(clients, client);

	/* The reader's line is read only when it seems to be behind. */
	if ((clients->holding & bit) != 0 || client->writer.tail - client->writer.head <= part ||
		waiting_size(client) <= part || client->writer.is_broken) {
		return;
	}
	clients->holding |= bit;
	client->held_at_ns = clients->now_ns;
	peal_clients_tell_waiting(clients, client);
	peal_clients_tell_cast(clients);
	peal_counter_add(clients->config.counters, PEAL_COUNTER_CLIENT_HOLDS, 1);
}

void
peal_clients_let_go(struct peal_clients *clients, struct peal_client *client)
{
	uint64_t bit = peal_clients_bit_of(clients, client);

	if ((clients->holding & bit) != 0) {
		clients->holding &= ~bit;
		peal_clients_tell_waiting(clients, client);
		peal_clients_tell_cast(clients);
	}
}

void
peal_clients_look_at_held(struct peal_clients *clients, struct peal_client *client, uint64_t now_ns)
{
	uint64_t head = client->writer.head;
	/* The group waits for the end of a view, so nobody is waited for then that does not read.
	 */
	uint64_t patience_ns = peal_cast_is_flushing(clients->config.cast)
				       ? clients->outside.lease_ns
				       : clients->outside.hold_ns;

	if (waiting_size(client) <= client->writer.memory.capacity / LET_GO_PARTS) {
		peal_clients_let_go(clients, client);
	} else if (client->writer.head != head) {
		client->held_at_ns = now_ns;
	} else if (now_ns - client->held_at_ns >= patience_ns) {
		peal_clients_end(clients, client, PEAL_CLIENT_END_SLOW);
	}
}
