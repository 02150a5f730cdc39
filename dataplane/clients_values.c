/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/clients_private.h"

#include <string.h>

_Static_assert(PEAL_CLIENT_VALUES_MAX == PEAL_CAST_VALUES_MAX, "numbers are those of broadcast");
_Static_assert(PEAL_CLIENTS_PREFIX_SIZE + PEAL_CLIENT_VALUE_SIZE_MAX == PEAL_CAST_VALUE_SIZE_MAX,
	"a value is one of broadcast");
_Static_assert(PEAL_CLIENT_VALUES_MAX == 16U, "a set of numbers is 16 bits");

/* Above this part of the ring values wait: the rest is for what has to be taken. */
#define WAITING_PARTS 2U

/* The place of a member's values; a free one when it has none; NULL: there is no room. */
static struct peal_clients_values *
find_values(struct peal_clients *clients, uint64_t mid)
{
	struct peal_clients_values *spare = NULL;

	for (uint32_t i = 0; i < PEAL_DIRECT_MAX; i++) {
		struct peal_clients_values *values = &clients->room->values[i];

		if (values->mid == mid) {
			return values;
		}
		if (spare == NULL && values->mid == 0) {
			spare = values;
		}
	}
	return spare;
}

static void
write_value(struct peal_clients *clients, struct peal_client *client,
	const struct peal_client_value *head, const uint8_t *bytes, uint32_t size)
{
	peal_clients_write(clients, client, PEAL_CLIENT_VALUE, 0,
		&(struct peal_clients_bytes){.head = head,
			.head_size = sizeof(*head),
			.body = bytes,
			.body_size = size});
	if ((clients->attached & peal_clients_bit_of(clients, client)) != 0) {
		peal_clients_count(&client->tally.delivered_count, 1);
		peal_clients_count(&client->tally.delivered_size, size);
	}
}

static void
mark_stale(struct peal_clients *clients, struct peal_client *client, uint32_t index, uint16_t set)
{
	client->stale[index] |= set;
	client->stale_members |= UINT64_C(1) << index;
	clients->stale |= peal_clients_bit_of(clients, client);
}

/* Tells all who hear; with no place to keep it (`index` PEAL_DIRECT_MAX) at once, like a message.
 */
static void
tell_all(struct peal_clients *clients, uint32_t index, const struct peal_client_value *head,
	const uint8_t *bytes, uint32_t size)
{
	for (uint64_t left = clients->attached; left != 0; left &= left - 1U) {
		struct peal_client *client = &clients->room->clients[__builtin_ctzll(left)];

		if (client->is_hearing && index < PEAL_DIRECT_MAX) {
			mark_stale(clients, client, index, (uint16_t)(1U << head->number));
		} else if (client->is_hearing && !client->is_shown_due) {
			write_value(clients, client, head, bytes, size);
		}
	}
}

bool
peal_clients_take_value(
	struct peal_clients *clients, uint64_t origin, const struct peal_delivery *delivery)
{
	struct peal_client_value head = {.mid = origin};
	struct peal_clients_values *values;
	uint64_t prefix = 0;

	if (delivery->size != delivery->message_size || delivery->size < sizeof(prefix) ||
		delivery->size > PEAL_CAST_VALUE_SIZE_MAX) {
		return false;
	}
	memcpy(&prefix, delivery->bytes, sizeof(prefix));
	if (prefix == 0 || prefix > PEAL_CLIENT_VALUES_MAX) {
		return false;
	}
	if (clients->room == NULL) {
		return true;
	}
	const uint8_t *bytes = delivery->bytes + sizeof(prefix);
	uint32_t size = delivery->size - (uint32_t)sizeof(prefix);

	head.number = (uint16_t)(prefix - 1U);
	values = find_values(clients, origin);
	if (values == NULL) {
		tell_all(clients, PEAL_DIRECT_MAX, &head, bytes, size);
		return true;
	}
	values->mid = origin;
	values->set |= (uint16_t)(1U << head.number);
	values->sizes[head.number] = (uint16_t)size;
	memcpy(values->bytes[head.number], bytes, size);
	tell_all(clients, (uint32_t)(values - clients->room->values), &head, bytes, size);
	return true;
}

void
peal_clients_hear_values(struct peal_clients *clients, struct peal_client *client)
{
	memset(client->stale, 0, sizeof(client->stale));
	client->stale_members = 0;
	for (uint32_t i = 0; i < PEAL_DIRECT_MAX; i++) {
		if (clients->room->values[i].set != 0) {
			mark_stale(clients, client, i, clients->room->values[i].set);
		}
	}
}

static bool
has_room(struct peal_client *client)
{
	uint64_t capacity = client->writer.memory.capacity;

	/* The reader's line is read only when it seems to be behind. */
	return client->writer.tail - client->writer.head <= capacity / WAITING_PARTS ||
	       peal_shmring_free_size(&client->writer) >= capacity / WAITING_PARTS;
}

void
peal_clients_write_values(struct peal_clients *clients, struct peal_client *client)
{
	uint32_t count = 0;

	if (client->is_shown_due) {
		return; /* first the view, then the values of its members */
	}
	while (client->stale_members != 0 && has_room(client)) {
		uint32_t index = (uint32_t)__builtin_ctzll(client->stale_members);
		const struct peal_clients_values *values = &clients->room->values[index];
		uint32_t number = (uint32_t)__builtin_ctz(client->stale[index]);
		const struct peal_client_value head = {
			.mid = values->mid, .number = (uint16_t)number};

		if (count++ == PEAL_CLIENT_VALUES_BURST_MAX) {
			return;
		}
		client->stale[index] &= (uint16_t)(client->stale[index] - 1U);
		if (client->stale[index] == 0) {
			client->stale_members &= client->stale_members - 1U;
		}
		write_value(clients, client, &head, values->bytes[number], values->sizes[number]);
	}
	/* Nothing is left, or there is no room, and then it is tried again in each turn to come. */
	clients->stale &= ~peal_clients_bit_of(clients, client);
}

static bool
is_shown(const struct peal_clients *clients, uint64_t mid)
{
	const struct peal_clients_view *shown = &clients->room->shown;
	const struct peal_client_member *members = peal_clients_members_of(clients, shown);
	uint32_t low = 0, high = shown->members_count;

	while (low < high) {
		uint32_t middle = (low + high) / 2U;

		if (members[middle].mid < mid) {
			low = middle + 1U;
		} else {
			high = middle;
		}
	}
	return low < shown->members_count && members[low].mid == mid;
}

void
peal_clients_forget_values(struct peal_clients *clients)
{
	uint64_t kept = UINT64_MAX;

	for (uint32_t i = 0; i < PEAL_DIRECT_MAX; i++) {
		struct peal_clients_values *values = &clients->room->values[i];

		if (values->mid != 0 && !is_shown(clients, values->mid)) {
			values->mid = 0;
			values->set = 0;
			kept &= ~(UINT64_C(1) << i);
		}
	}
	for (uint64_t left = clients->attached; left != 0 && kept != UINT64_MAX;
		left &= left - 1U) {
		struct peal_client *client = &clients->room->clients[__builtin_ctzll(left)];

		for (uint64_t gone = client->stale_members & ~kept; gone != 0; gone &= gone - 1U) {
			client->stale[__builtin_ctzll(gone)] = 0;
		}
		client->stale_members &= kept;
	}
}
