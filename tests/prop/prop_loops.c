/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients of one node that speak to each other, and come, go, close, reset, die and do not read, at
 * random: what is delivered under a channel is what was said on it, once and in order; nothing is
 * lost unless its end says how much at most; an orderly end loses nothing; nobody who keeps to the
 * rules is cut off; and nothing is left over.
 *
 * Every turn something else; seeds are few, turns are many.
 */
#include "base/prng.h"
#include "tests/lib/clientscene.h"

#define SEEDS_COUNT      6U
#define TURNS_COUNT      6000U
#define CLIENTS_COUNT    SCENE_VISITORS
#define CHANNELS_COUNT   6U /* that a client opens at once */
#define STREAMS_MAX      20000U
#define SELF             1U
#define NUMBER           5U
#define LARGE_SIZE       30000U
#define OWN_BASE         PEAL_CLIENT_PLACES_OWN
#define NO_STREAM        UINT32_MAX
#define RECORDS_READ_MAX 300U

/* One direction of a life of a channel. */
struct stream {
	uint64_t said_count;
	uint64_t heard_count;
	uint64_t lost_count_max; /* as its sender was told; UINT64_MAX = it was not told */
	bool is_orderly;
	bool is_unread; /* who heard it is gone, and did not read the rest */
};

/* An end of a channel, as its client knows it. */
struct end {
	bool is_open;
	bool is_closing;
	uint16_t life;
	uint64_t sent;
	uint32_t out; /* streams */
	uint32_t in;
};

struct client {
	struct visitor *visitor;
	bool is_deaf; /* for now */
	struct end ends[PEAL_CLIENT_CHANNELS_MAX];
};

/* What stands in the first message of each opener, so that the listener knows its streams. */
struct head {
	uint32_t stream;
	uint32_t reserved;
	uint64_t number;
};

static struct stream streams[STREAMS_MAX];
static uint32_t streams_count;
static struct client clients[CLIENTS_COUNT];
static struct peal_prng prng;
static uint64_t heard_count, ended_count, orderly_count, lost_count, full_count, checked_count;
static uint8_t bytes[LARGE_SIZE];

static uint64_t
below(uint64_t bound)
{
	return peal_prng_below(&prng, bound);
}

static uint32_t
new_stream(void)
{
	assert_true(streams_count < STREAMS_MAX);
	streams[streams_count] = (struct stream){.lost_count_max = UINT64_MAX};
	return streams_count++;
}

static bool
try_say(struct client *client, enum peal_client_up kind, uint16_t tag, const void *body,
	uint32_t size)
{
	uint8_t *room = peal_shmring_claim(&client->visitor->writer, size);

	if (room == NULL) {
		full_count++;
		return false;
	}
	if (size > 0) {
		memcpy(room, body, size);
	}
	peal_shmring_commit(&client->visitor->writer, (uint16_t)kind, tag, size);
	return true;
}

static void
come(struct client *client, uint32_t index)
{
	const struct peal_client_number number = {.number = NUMBER};

	memset(client, 0, sizeof(*client));
	client->visitor = scene_attach(index, 0);
	assert_true(try_say(client, PEAL_CLIENT_LISTEN, 0, &number, sizeof(number)));
}

/* Its process ends, or it hangs up; what it said and had not been taken is gone with it. */
static void
go(struct client *client, uint32_t index)
{
	struct visitor *visitor = client->visitor;

	for (uint32_t place = 0; place < PEAL_CLIENT_CHANNELS_MAX; place++) {
		/* The stream of a place that was used before is whole, or was told. */
		if (client->ends[place].life != 0 && client->ends[place].in != NO_STREAM) {
			streams[client->ends[place].in].is_unread = true;
		}
	}
	if (below(2) == 0) {
		atomic_store(&visitor->up->death.word, PEAL_REGION_OWNER_DIED);
	} else {
		peal_clients_hang_up(visitor->clients, visitor->place, PEAL_CLIENT_END_ASKED);
	}
	while (!peal_clients_is_over(visitor->clients, visitor->place)) {
		(void)peal_fakecores_turn(cores, 0);
	}
	assert_int_not_equal(scene_end_of(visitor), PEAL_CLIENT_END_VIOLATION);
	assert_int_not_equal(scene_end_of(visitor), PEAL_CLIENT_END_SLOW);
	peal_clients_free(visitor->clients, visitor->place);
	free(visitor->up);
	free(visitor->down);
	come(client, index);
}

static void
open_one(struct client *client)
{
	uint32_t place = (uint32_t)below(CHANNELS_COUNT);
	const struct peal_client_open open = {.mid = SELF, .number = NUMBER};
	struct end *end = &client->ends[place];
	uint16_t life = (uint16_t)((end->life + 1U) & 0x1FFU);

	if (!end->is_open && try_say(client, PEAL_CLIENT_OPEN, PEAL_CLIENT_TAG(place, life), &open,
				     sizeof(open))) {
		*end = (struct end){
			.is_open = true, .life = life, .out = new_stream(), .in = NO_STREAM};
	}
}

static uint16_t
tag_of(uint32_t place, const struct end *end)
{
	return PEAL_CLIENT_TAG(place, end->life);
}

/* A message, if there is credit for it. */
static bool
say(struct client *client, uint32_t place, uint32_t size)
{
	struct end *end = &client->ends[place];
	uint64_t released = atomic_load(&client->visitor->down->released[place]);
	struct head head = {.stream = end->out, .number = streams[end->out].said_count};

	released = released > end->sent ? 0 : released;
	if (peal_shmring_span(size) > PEAL_CLIENT_QUEUE_SIZE - (end->sent - released)) {
		return false;
	}
	memcpy(bytes, &head, sizeof(head));
	if (!try_say(client, PEAL_CLIENT_SEND, tag_of(place, end), bytes, size)) {
		return false;
	}
	end->sent += peal_shmring_span(size);
	streams[end->out].said_count++;
	return true;
}

static void
say_some(struct client *client, uint32_t place)
{
	uint64_t count = below(16) == 0 ? 2000 : below(40);

	for (uint64_t i = 0; i < count; i++) {
		uint32_t size = (uint32_t)sizeof(struct head) +
				(uint32_t)below(below(30) == 0 ? LARGE_SIZE - 16U : 100);

		if (!say(client, place, size)) {
			return;
		}
	}
}

static void
act(struct client *client, uint32_t index)
{
	uint64_t choice = below(400);
	uint32_t place = (uint32_t)below(CHANNELS_COUNT) + (below(2) == 0 ? OWN_BASE : 0);
	struct end *end = &client->ends[place];

	if (choice == 0) {
		go(client, index);
	} else if (choice < 20) {
		open_one(client);
	} else if (choice < 23) {
		client->is_deaf = !client->is_deaf;
	} else if (end->is_open && !end->is_closing && choice < 26) {
		end->is_closing = try_say(client, PEAL_CLIENT_CLOSE, tag_of(place, end), NULL, 0);
	} else if (end->is_open && !end->is_closing && choice < 27) {
		end->is_closing = try_say(client, PEAL_CLIENT_RESET, tag_of(place, end), NULL, 0);
	} else if (end->is_open && !end->is_closing) {
		say_some(client, place);
	}
	(void)peal_shmring_publish(&client->visitor->writer);
}

/* --- what comes --- */

static void
on_message(struct end *end, const struct peal_shmring_record *record)
{
	struct head head;

	assert_true(record->size >= sizeof(head));
	memcpy(&head, record->bytes, sizeof(head));
	assert_true(head.stream < streams_count);
	end->in = end->in == NO_STREAM ? head.stream : end->in;
	assert_int_equal(end->in, head.stream);
	assert_int_equal(head.number, streams[head.stream].heard_count);
	streams[head.stream].heard_count++;
	heard_count++;
}

static void
on_ended(struct end *end, const struct peal_shmring_record *record)
{
	struct stream *out = &streams[end->out];
	struct peal_client_ended ended;

	assert_int_equal(record->size, sizeof(ended));
	memcpy(&ended, record->bytes, sizeof(ended));
	assert_true(ended.accepted_count <= out->said_count);
	out->lost_count_max = ended.lost_count + (out->said_count - ended.accepted_count);
	if (ended.reason == PEAL_CLIENT_REASON_ORDERLY) {
		assert_int_equal(out->lost_count_max, 0);
		out->is_orderly = true;
		orderly_count++;
	}
	end->is_open = false;
	ended_count++;
	lost_count += out->lost_count_max;
}

static void
on_record(struct client *client, const struct peal_shmring_record *record)
{
	struct end *end = &client->ends[PEAL_CLIENT_TAG_PLACE(record->tag)];

	if (record->kind == PEAL_CLIENT_OPENED) {
		assert_false(end->is_open);
		*end = (struct end){.is_open = true,
			.life = (uint16_t)(record->tag >> 7),
			.out = new_stream(),
			.in = NO_STREAM};
		return;
	}
	if (record->kind < PEAL_CLIENT_REFUSED || record->kind > PEAL_CLIENT_ENDED) {
		return;
	}
	assert_true(end->is_open && end->life == record->tag >> 7);
	if (record->kind == PEAL_CLIENT_DELIVER) {
		on_message(end, record);
	} else if (record->kind == PEAL_CLIENT_ENDED) {
		on_ended(end, record);
	} else {
		assert_int_equal(record->kind, PEAL_CLIENT_FINISHED);
	}
}

static void
hear(struct client *client, uint32_t count_max)
{
	struct peal_shmring_record record;

	for (uint32_t i = 0;
		i < count_max && peal_shmring_borrow(&client->visitor->reader, &record); i++) {
		on_record(client, &record);
	}
	(void)peal_shmring_release(&client->visitor->reader);
	assert_false(client->visitor->reader.is_broken);
	assert_int_equal(scene_end_of(client->visitor), PEAL_CLIENT_END_NONE);
}

/* Everybody reads, and closes all, until nothing is open. */
static void
settle(void)
{
	for (uint32_t turn = 0; turn < 3000; turn++) {
		for (uint32_t i = 0; i < CLIENTS_COUNT; i++) {
			hear(&clients[i], UINT32_MAX);
			for (uint32_t place = 0; place < PEAL_CLIENT_CHANNELS_MAX; place++) {
				struct end *end = &clients[i].ends[place];

				if (end->is_open && !end->is_closing) {
					end->is_closing = try_say(&clients[i], PEAL_CLIENT_CLOSE,
						tag_of(place, end), NULL, 0);
				}
			}
			(void)peal_shmring_publish(&clients[i].visitor->writer);
		}
		scene_run(10U * US);
	}
	for (uint32_t i = 0; i < CLIENTS_COUNT; i++) {
		for (uint32_t place = 0; place < PEAL_CLIENT_CHANNELS_MAX; place++) {
			assert_false(clients[i].ends[place].is_open);
		}
		assert_int_equal(atomic_load(&clients[i].visitor->down->is_waiting), 0);
	}
	assert_int_equal(scene_channels_count(0), 0);
	assert_int_equal(clients[0].visitor->clients->owing, 0);
}

static void
check_streams(void)
{
	for (uint32_t i = 0; i < streams_count; i++) {
		const struct stream *stream = &streams[i];

		assert_true(stream->heard_count <= stream->said_count);
		/* Who never read any of it may be one that is gone. */
		if (stream->heard_count > 0 && !stream->is_unread &&
			stream->lost_count_max != UINT64_MAX) {
			assert_true(
				stream->heard_count + stream->lost_count_max >= stream->said_count);
			checked_count++;
		}
	}
}

static void
prop_loops__deliver_once_in_order_or_say_what_was_lost(void **state)
{
	for (uint64_t seed = 1; seed <= SEEDS_COUNT; seed++) {
		peal_prng_init(&prng, seed);
		streams_count = 0;
		if (seed > 1) {
			(void)scene_finish(state);
			(void)scene_begin(state);
		}
		for (uint32_t i = 0; i < CLIENTS_COUNT; i++) {
			come(&clients[i], i);
		}
		for (uint32_t turn = 0; turn < TURNS_COUNT; turn++) {
			struct client *client = &clients[below(CLIENTS_COUNT)];

			act(client, (uint32_t)(client - clients));
			client = &clients[below(CLIENTS_COUNT)];
			if (!client->is_deaf) {
				hear(client, (uint32_t)below(RECORDS_READ_MAX));
			}
			if (below(3) == 0) {
				scene_run(10U * US);
			}
		}
		settle();
		check_streams();
	}
	print_message("# {\"seeds\": %u, \"heard\": %llu, \"ended\": %llu, \"orderly\": %llu, "
		      "\"lost\": %llu, \"full\": %llu, \"checked\": %llu}\n",
		SEEDS_COUNT, (unsigned long long)heard_count, (unsigned long long)ended_count,
		(unsigned long long)orderly_count, (unsigned long long)lost_count,
		(unsigned long long)full_count, (unsigned long long)checked_count);
	assert_true(heard_count > 100000 && ended_count > 100 && orderly_count > 20);
	assert_true(lost_count > 0 && checked_count > 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			prop_loops__deliver_once_in_order_or_say_what_was_lost, scene_begin,
			scene_finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
