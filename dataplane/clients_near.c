/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/clients_private.h"
#include "shm/requestmsg.h"

#include <string.h>

#define LIFE_MASK 0x1FFU

_Static_assert(PEAL_CLIENT_SERVICES_UPPER == PEAL_LOAD_CHANNELS_LOWER,
	"numbers of services end where those of load begin");

/* A request needs this part of the ring down to be free, an answer that. */
#define ASK_PARTS    2U
#define ANSWER_PARTS 4U

static bool
has_room(struct peal_client *client, uint32_t parts)
{
	return peal_shmring_free_size(&client->writer) >= client->writer.memory.capacity / parts;
}

static uint16_t
asker_of(const struct peal_clients *clients, const struct peal_client *client)
{
	return PEAL_CLIENT_ASKER(peal_clients_place_of(clients, client), client->life & LIFE_MASK);
}

static void
write_near(struct peal_clients *clients, struct peal_client *client, enum peal_client_down kind,
	const struct peal_client_near *near, const uint8_t *bytes, uint32_t size)
{
	peal_clients_write(clients, client, kind, 0,
		&(struct peal_clients_bytes){.head = near,
			.head_size = sizeof(*near),
			.body = bytes,
			.body_size = size});
}

bool
peal_clients_ask(struct peal_clients *clients, struct peal_client *client,
	const struct peal_shmring_record *record)
{
	struct peal_client_near near;
	struct peal_client *server;

	if (record->size < sizeof(near)) {
		return false;
	}
	memcpy(&near, record->bytes, sizeof(near));
	if (near.service >= PEAL_CLIENT_SERVICES_MAX ||
		record->size - sizeof(near) > PEAL_CLIENT_MESSAGE_SIZE_MAX) {
		return false;
	}
	client->asks_count++;
	server = peal_clients_find_listener(clients,
		(uint16_t)(PEAL_CLIENT_SERVICES_LOWER + near.service * PEAL_CLIENT_SERVICE_BLOCK));
	near.result = server == NULL                 ? PEAL_REQUEST_NO_SERVICE
		      : !has_room(server, ASK_PARTS) ? PEAL_REQUEST_BUSY
						     : PEAL_REQUEST_ANSWERED;
	near.asker = asker_of(clients, client);
	if (near.result != PEAL_REQUEST_ANSWERED) {
		write_near(clients, client, PEAL_CLIENT_ANSWERED, &near, NULL, 0);
		return true;
	}
	write_near(clients, server, PEAL_CLIENT_ASKED, &near, record->bytes + sizeof(near),
		record->size - (uint32_t)sizeof(near));
	peal_clients_count(&client->tally.sent_count, 1);
	peal_clients_count(&client->tally.sent_size, record->size - sizeof(near));
	return true;
}

bool
peal_clients_answer(struct peal_clients *clients, const struct peal_shmring_record *record)
{
	uint32_t size = record->size - (uint32_t)sizeof(struct peal_client_near);
	struct peal_client_near near;
	struct peal_client *asker;

	if (record->size < sizeof(near)) {
		return false;
	}
	memcpy(&near, record->bytes, sizeof(near));
	if ((near.asker & PEAL_CLIENT_ASKER_BAD) != 0 || size > PEAL_CLIENT_MESSAGE_SIZE_MAX ||
		near.result >= PEAL_REQUEST_REFUSALS_COUNT) {
		return false;
	}
	asker = &clients->room->clients[PEAL_CLIENT_ASKER_PLACE(near.asker)];
	/* Whoever asked may be gone, and another may be in its place. */
	if ((clients->attached & peal_clients_bit_of(clients, asker)) == 0 ||
		asker_of(clients, asker) != near.asker) {
		return true;
	}
	if (!has_room(asker, ANSWER_PARTS)) {
		near.result = PEAL_REQUEST_NO_ROOM;
	}
	write_near(clients, asker, PEAL_CLIENT_ANSWERED, &near, record->bytes + sizeof(near),
		near.result == PEAL_REQUEST_ANSWERED ? size : 0);
	return true;
}

void
peal_clients_unserve(struct peal_clients *clients, const uint16_t *listens, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct peal_client_unserved unserved = {
			.service = (uint16_t)((listens[i] - PEAL_CLIENT_SERVICES_LOWER) /
					      PEAL_CLIENT_SERVICE_BLOCK)};

		if (!peal_clients_is_service(listens[i])) {
			continue;
		}
		for (uint64_t left = clients->attached; left != 0; left &= left - 1U) {
			struct peal_client *client = &clients->room->clients[__builtin_ctzll(left)];

			unserved.asks_count = client->asks_count;
			if (unserved.asks_count > 0) {
				peal_clients_write(clients, client, PEAL_CLIENT_UNSERVED, 0,
					&(struct peal_clients_bytes){
						.head = &unserved, .head_size = sizeof(unserved)});
			}
		}
	}
}
