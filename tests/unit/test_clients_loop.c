/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/clientscene.h"

#define NUMBER     5U
#define SELF       1U /* member number of node 0 */
#define TAG        PEAL_CLIENT_TAG(3, 1)
#define SMALL_SIZE 64U
#define LARGE_SIZE 60000U
#define SMALL_SPAN (SMALL_SIZE + PEAL_SHMRING_HEADER_SIZE)

static uint8_t message[PEAL_CLIENT_MESSAGE_SIZE_MAX + 8U];

/* A loop between two, as who opened it names it and as who listens does. */
struct loop {
	struct visitor *opener;
	struct visitor *listener;
	uint16_t opener_tag;
	uint16_t listener_tag;
};

static struct loop
open_loop(struct visitor *opener, struct visitor *listener, uint16_t tag)
{
	struct loop loop = {.opener = opener, .listener = listener, .opener_tag = tag};
	struct peal_shmring_record record;
	struct peal_client_open opened;

	scene_listen(listener, NUMBER);
	scene_run(20U * US);
	scene_open(opener, tag, SELF, NUMBER);
	scene_run(20U * US);
	assert_true(scene_find(listener, PEAL_CLIENT_OPENED, &record));
	assert_int_equal(record.size, sizeof(opened));
	memcpy(&opened, record.bytes, sizeof(opened));
	assert_int_equal(opened.mid, SELF);
	assert_int_equal(opened.number, NUMBER);
	loop.listener_tag = record.tag;
	/* The view. */
	while (peal_shmring_borrow(&opener->reader, &record)) {
		(void)peal_shmring_release(&opener->reader);
	}
	return loop;
}

/* Puts a numbered message into the ring; shown with the next one that is. */
static bool
put(struct visitor *visitor, uint16_t tag, uint64_t number, uint32_t size)
{
	uint8_t *room = peal_shmring_claim(&visitor->writer, size);

	if (room == NULL) {
		return false;
	}
	memset(room, (int)(number & 0xFFU), size);
	memcpy(room, &number, sizeof(number));
	peal_shmring_commit(&visitor->writer, PEAL_CLIENT_SEND, tag, size);
	return true;
}

static void
say(struct visitor *visitor, uint16_t tag, uint64_t number, uint32_t size)
{
	assert_true(put(visitor, tag, number, size));
	(void)peal_shmring_publish(&visitor->writer);
}

/* The next messages under a tag, numbered from `first` on. Returns how many. */
static uint64_t
hear(struct visitor *visitor, uint16_t tag, uint64_t first, uint64_t count_max)
{
	struct peal_shmring_record record;
	uint64_t count = 0, number;

	while (count < count_max && peal_shmring_borrow(&visitor->reader, &record)) {
		if (record.kind != PEAL_CLIENT_DELIVER) {
			peal_shmring_return(&visitor->reader, &record);
			break;
		}
		assert_int_equal(record.tag, tag);
		memcpy(&number, record.bytes, sizeof(number));
		assert_int_equal(number, first + count);
		assert_int_equal(record.bytes[record.size - 1U], (uint8_t)number);
		count++;
	}
	(void)peal_shmring_release(&visitor->reader);
	assert_false(visitor->reader.is_broken);
	return count;
}

static struct peal_client_ended
await_end(struct visitor *visitor, uint16_t tag, uint32_t reason)
{
	struct peal_client_ended ended = {.reason = UINT32_MAX};
	struct peal_shmring_record record;

	assert_true(scene_find(visitor, PEAL_CLIENT_ENDED, &record));
	assert_int_equal(record.tag, tag);
	assert_int_equal(record.size, sizeof(ended));
	memcpy(&ended, record.bytes, sizeof(ended));
	assert_int_equal(ended.reason, reason);
	return ended;
}

static uint64_t
released_of(const struct visitor *visitor, uint16_t tag)
{
	return atomic_load(&visitor->down->released[PEAL_CLIENT_TAG_PLACE(tag)]);
}

static const struct peal_client_tally *
tally_of(const struct visitor *visitor)
{
	return &visitor->clients->room->clients[visitor->place].tally;
}

static void
test_clients_loop__messages_go_both_ways_and_it_ends_when_both_have_closed(void **state)
{
	struct visitor *near = scene_attach(0, 0), *far = scene_attach(1, 0);
	struct loop loop = open_loop(near, far, TAG);
	uint64_t frames = scene_counter(0, PEAL_COUNTER_CHANNEL_FRAMES_SENT);
	struct peal_shmring_record record;
	struct peal_client_ended ended;

	(void)state;
	assert_int_equal(scene_channels_count(0), 2);
	for (uint64_t i = 0; i < 500; i++) {
		assert_true(put(near, loop.opener_tag, i, 8U + (uint32_t)i));
	}
	say(near, loop.opener_tag, 500, PEAL_CLIENT_MESSAGE_SIZE_MAX);
	say(far, loop.listener_tag, 0, 9);
	scene_run(200U * US);
	assert_int_equal(hear(far, loop.listener_tag, 0, UINT64_MAX), 501);
	assert_int_equal(hear(near, loop.opener_tag, 0, UINT64_MAX), 1);
	assert_int_equal(atomic_load(&tally_of(near)->sent_count), 501);
	assert_int_equal(atomic_load(&tally_of(far)->delivered_count), 501);
	assert_int_equal(atomic_load(&tally_of(near)->sent_size),
		atomic_load(&tally_of(far)->delivered_size));
	assert_int_equal(released_of(near, loop.opener_tag), near->writer.tail - 24U);
	scene_say(near, PEAL_CLIENT_CLOSE, loop.opener_tag, NULL, 0);
	/* Nothing follows a close, and who says it anyway is not heard. */
	say(near, loop.opener_tag, 501, 8);
	scene_run(50U * US);
	assert_true(scene_find(far, PEAL_CLIENT_FINISHED, &record));
	assert_int_equal(record.tag, loop.listener_tag);
	say(far, loop.listener_tag, 1, 9);
	scene_run(50U * US);
	assert_int_equal(hear(near, loop.opener_tag, 1, UINT64_MAX), 1);
	scene_say(far, PEAL_CLIENT_CLOSE, loop.listener_tag, NULL, 0);
	scene_run(50U * US);
	assert_true(scene_find(near, PEAL_CLIENT_FINISHED, &record));
	ended = await_end(near, loop.opener_tag, PEAL_CLIENT_REASON_ORDERLY);
	assert_int_equal(ended.accepted_count, 501);
	assert_int_equal(ended.lost_count, 0);
	ended = await_end(far, loop.listener_tag, PEAL_CLIENT_REASON_ORDERLY);
	assert_int_equal(ended.accepted_count, 2);
	assert_int_equal(scene_channels_count(0), 0);
	assert_int_equal(scene_counter(0, PEAL_COUNTER_CHANNEL_FRAMES_SENT), frames);
	assert_int_equal(scene_counter(0, PEAL_COUNTER_CHANNELS_ENDED), 0);
}

static void
test_clients_loop__who_cannot_be_reached_is_told_why(void **state)
{
	struct visitor *near = scene_attach(0, 0), *far = scene_attach(1, 0);
	struct peal_client_refused refused;
	struct peal_shmring_record record;

	(void)state;
	scene_open(near, TAG, SELF, NUMBER);
	scene_run(20U * US);
	assert_int_equal(await_end(near, TAG, PEAL_CLIENT_REASON_UNKNOWN).accepted_count, 0);
	/* Requests to the own node are records, and no channels. */
	scene_listen(far, PEAL_CLIENT_SERVICES_LOWER);
	scene_run(20U * US);
	scene_open(near, TAG, SELF, PEAL_CLIENT_SERVICES_LOWER);
	scene_run(20U * US);
	assert_true(scene_find(near, PEAL_CLIENT_REFUSED, &record));
	memcpy(&refused, record.bytes, sizeof(refused));
	assert_int_equal(refused.result, PEAL_CLIENT_NOT_IN_VIEW);
	/* Who listens has places for so many, whoever opens them. */
	scene_listen(far, NUMBER);
	scene_run(20U * US);
	for (uint16_t i = 0; i < PEAL_CLIENT_PLACES_OWN; i++) {
		scene_open(near, PEAL_CLIENT_TAG(i, 2), SELF, NUMBER);
	}
	scene_run(MS);
	scene_open(far, PEAL_CLIENT_TAG(0, 1), SELF, NUMBER);
	scene_run(MS);
	(void)await_end(far, PEAL_CLIENT_TAG(0, 1), PEAL_CLIENT_REASON_FULL);
	assert_int_equal(scene_channels_count(0), 2U * PEAL_CLIENT_PLACES_OWN);
	assert_int_equal(scene_end_of(near), PEAL_CLIENT_END_NONE);
	assert_int_equal(scene_end_of(far), PEAL_CLIENT_END_NONE);
}

static void
test_clients_loop__places_of_the_core_are_the_bound_of_all(void **state)
{
	struct visitor *one = scene_attach(0, 0), *two = scene_attach(1, 0);
	struct visitor *three = scene_attach(2, 0), *four = scene_attach(3, 0);
	struct peal_client_refused refused;
	struct peal_shmring_record record;

	(void)state;
	scene_listen(two, NUMBER);
	scene_listen(four, NUMBER + 1U);
	scene_run(20U * US);
	for (uint16_t i = 0; i < PEAL_CLIENT_PLACES_OWN; i++) {
		scene_open(one, PEAL_CLIENT_TAG(i, 2), SELF, NUMBER);
		scene_open(three, PEAL_CLIENT_TAG(i, 2), SELF, NUMBER + 1U);
	}
	scene_run(5U * MS);
	assert_int_equal(scene_channels_count(0), PEAL_CHANNELS_MAX);
	scene_listen(one, NUMBER + 2U);
	scene_run(20U * US);
	scene_open(two, PEAL_CLIENT_TAG(0, 1), SELF, NUMBER + 2U);
	scene_run(5U * MS);
	assert_true(scene_find(two, PEAL_CLIENT_REFUSED, &record));
	memcpy(&refused, record.bytes, sizeof(refused));
	assert_int_equal(refused.result, PEAL_CLIENT_TOO_MANY);
	/* One that ends makes room for two ends, and not for one that is left over. */
	scene_say(one, PEAL_CLIENT_RESET, PEAL_CLIENT_TAG(0, 2), NULL, 0);
	scene_run(5U * MS);
	assert_int_equal(scene_channels_count(0), PEAL_CHANNELS_MAX - 2U);
	scene_open(two, PEAL_CLIENT_TAG(0, 2), SELF, NUMBER + 2U);
	scene_run(5U * MS);
	assert_true(scene_find(one, PEAL_CLIENT_OPENED, &record));
	assert_int_equal(scene_channels_count(0), PEAL_CHANNELS_MAX);
}

/* Sends with credit until there is none. Returns the number of the next. */
static uint64_t
send_all(const struct loop *loop, uint64_t first, uint32_t size, uint64_t turns_count)
{
	static uint64_t sent;

	sent = first == 0 ? 0 : sent;
	for (uint64_t i = 0; i < turns_count; i++) {
		while (sent + peal_shmring_span(size) -
					released_of(loop->opener, loop->opener_tag) <=
				PEAL_CLIENT_QUEUE_SIZE &&
			put(loop->opener, loop->opener_tag, first, size)) {
			sent += peal_shmring_span(size);
			first++;
		}
		(void)peal_shmring_publish(&loop->opener->writer);
		scene_run(10U * US);
	}
	return first;
}

static void
test_clients_loop__who_does_not_read_stops_the_sender_and_nobody_else(void **state)
{
	static const uint32_t sizes[] = {SMALL_SIZE, 1000U, LARGE_SIZE};
	struct visitor *near = scene_attach(0, 0), *far = scene_attach(1, 0);
	struct visitor *other = scene_attach(2, 1);
	struct loop loop = open_loop(near, far, TAG);
	uint64_t sent_count = 0, heard_count = 0, all;
	struct peal_shmring_record record;

	(void)state;
	scene_listen(other, NUMBER);
	scene_run(20U * US);
	scene_open(near, PEAL_CLIENT_TAG(4, 1), 2, NUMBER);
	for (uint32_t i = 0; i < 3; i++) {
		uint64_t before = sent_count;

		/* Half of the ring, and the queue, within a message of each. */
		sent_count = send_all(&loop, sent_count, sizes[i], 3000);
		all = (sent_count - before) * peal_shmring_span(sizes[i]);
		assert_in_range(all,
			PEAL_CLIENT_DOWN_SIZE / 2U + PEAL_CLIENT_QUEUE_SIZE -
				2U * peal_shmring_span(sizes[i]),
			PEAL_CLIENT_DOWN_SIZE / 2U + PEAL_CLIENT_QUEUE_SIZE);
		assert_int_equal(send_all(&loop, sent_count, sizes[i], 100), sent_count);
		/* What it sends to others goes on. */
		scene_say(near, PEAL_CLIENT_SEND, PEAL_CLIENT_TAG(4, 1), "x", 1);
		scene_run(MS);
		assert_true(scene_find(other, PEAL_CLIENT_DELIVER, &record));
		assert_int_equal(scene_end_of(far), PEAL_CLIENT_END_NONE);
		/* And all comes, some now and some then. */
		while (heard_count < sent_count) {
			heard_count += hear(far, loop.listener_tag, heard_count, 7);
			scene_run(10U * US);
		}
	}
	assert_int_equal(hear(far, loop.listener_tag, heard_count, UINT64_MAX), 0);
	assert_int_equal(scene_end_of(near), PEAL_CLIENT_END_NONE);
}

static void
test_clients_loop__nothing_is_overtaken_when_it_is_full_now_and_then(void **state)
{
	struct visitor *near = scene_attach(0, 0), *far = scene_attach(1, 0);
	struct loop loop = open_loop(near, far, TAG);
	uint64_t sent_count = 0, heard_count = 0;

	(void)state;
	for (uint32_t i = 0; i < 400; i++) {
		sent_count =
			send_all(&loop, sent_count, i % 7U == 0 ? LARGE_SIZE : 200U, 1 + i % 3U);
		heard_count += hear(far, loop.listener_tag, heard_count, i % 5U == 0 ? 9000 : 100);
	}
	while (heard_count < sent_count) {
		scene_run(10U * US);
		heard_count += hear(far, loop.listener_tag, heard_count, UINT64_MAX);
	}
	assert_true(sent_count > 10000);
	assert_int_equal(atomic_load(&tally_of(far)->delivered_count), sent_count);
	assert_int_equal(visitors[0].clients->owing, 0);
}

static void
test_clients_loop__who_says_more_than_its_credit_is_cut_off(void **state)
{
	struct visitor *near = scene_attach(0, 0), *far = scene_attach(1, 0);
	struct loop loop = open_loop(near, far, TAG);
	uint64_t sent_count = send_all(&loop, 0, SMALL_SIZE, 2000);
	struct peal_client_ended ended;

	(void)state;
	say(near, loop.opener_tag, sent_count, SMALL_SIZE);
	say(near, loop.opener_tag, sent_count + 1U, SMALL_SIZE);
	scene_run(MS);
	assert_int_equal(scene_end_of(near), PEAL_CLIENT_END_VIOLATION);
	assert_int_equal(scene_end_of(far), PEAL_CLIENT_END_NONE);
	/* What had come is there, then the end. */
	assert_true(hear(far, loop.listener_tag, 0, UINT64_MAX) >
		    PEAL_CLIENT_DOWN_SIZE / 2U / SMALL_SPAN - 2U);
	ended = await_end(far, loop.listener_tag, PEAL_CLIENT_REASON_CLOSED);
	assert_int_equal(ended.accepted_count, 0);
	assert_int_equal(scene_channels_count(0), 0);
}

static void
test_clients_loop__what_waited_when_it_is_reset_was_lost(void **state)
{
	struct visitor *near = scene_attach(0, 0), *far = scene_attach(1, 0);
	struct loop loop = open_loop(near, far, TAG);
	uint64_t sent_count = send_all(&loop, 0, 1000, 500), heard_count;
	struct peal_client_ended ended;

	(void)state;
	scene_say(far, PEAL_CLIENT_RESET, loop.listener_tag, NULL, 0);
	scene_run(50U * US);
	heard_count = hear(far, loop.listener_tag, 0, UINT64_MAX);
	ended = await_end(near, loop.opener_tag, PEAL_CLIENT_REASON_CLOSED);
	assert_int_equal(ended.accepted_count, sent_count);
	assert_int_equal(ended.lost_count, sent_count - heard_count);
	assert_true(ended.lost_count > 100);
	(void)await_end(far, loop.listener_tag, PEAL_CLIENT_REASON_CLOSED);
	assert_int_equal(visitors[0].clients->owing, 0);
	/* The place is one like any other again. */
	loop = open_loop(near, far, PEAL_CLIENT_TAG(3, 2));
	sent_count = send_all(&loop, 0, 1000, 2);
	scene_run(100U * US);
	assert_int_equal(hear(far, loop.listener_tag, 0, UINT64_MAX), sent_count);
}

static void
test_clients_loop__a_close_waits_for_what_waits(void **state)
{
	struct visitor *near = scene_attach(0, 0), *far = scene_attach(1, 0);
	struct loop loop = open_loop(near, far, TAG);
	uint64_t sent_count = send_all(&loop, 0, 1000, 500), heard_count = 0;
	struct peal_shmring_record record;

	(void)state;
	scene_say(far, PEAL_CLIENT_CLOSE, loop.listener_tag, NULL, 0);
	scene_say(near, PEAL_CLIENT_CLOSE, loop.opener_tag, NULL, 0);
	scene_run(MS);
	assert_true(scene_find(near, PEAL_CLIENT_FINISHED, &record));
	assert_false(scene_find(near, PEAL_CLIENT_ENDED, &record));
	while (heard_count < sent_count) {
		heard_count += hear(far, loop.listener_tag, heard_count, 50);
		scene_run(10U * US);
	}
	assert_true(scene_find(far, PEAL_CLIENT_FINISHED, &record));
	(void)await_end(far, loop.listener_tag, PEAL_CLIENT_REASON_ORDERLY);
	assert_int_equal(
		await_end(near, loop.opener_tag, PEAL_CLIENT_REASON_ORDERLY).lost_count, 0);
}

static void
test_clients_loop__who_dies_ends_it_for_the_other(void **state)
{
	/* The core looks at who listens first. */
	struct visitor *far = scene_attach(0, 0), *near = scene_attach(1, 0);
	struct loop loop = open_loop(near, far, TAG);
	uint64_t sent_count;

	(void)state;
	/* The reader dies: what it had in its ring has arrived, what is said from then on is lost.
	 */
	sent_count = send_all(&loop, 0, SMALL_SIZE, 3);
	scene_run(MS);
	atomic_store(&far->up->death.word, PEAL_REGION_OWNER_DIED);
	say(near, loop.opener_tag, sent_count, SMALL_SIZE);
	scene_run(50U * US);
	assert_int_equal(await_end(near, loop.opener_tag, PEAL_CLIENT_REASON_CLOSED).lost_count, 1);
	assert_true(peal_clients_is_over(far->clients, far->place));
	assert_int_equal(scene_channels_count(0), 0);
	/* And the sender. */
	struct visitor *next = scene_attach(2, 0);

	loop = open_loop(near, next, PEAL_CLIENT_TAG(3, 2));
	sent_count = send_all(&loop, 0, 1000, 500);
	atomic_store(&near->up->death.word, 0);
	scene_run(50U * US);
	assert_true(peal_clients_is_over(near->clients, near->place));
	assert_true(hear(next, loop.listener_tag, 0, UINT64_MAX) < sent_count);
	(void)await_end(next, loop.listener_tag, PEAL_CLIENT_REASON_CLOSED);
	assert_int_equal(next->clients->owing, 0);
}

static void
test_clients_loop__two_senders_share_a_slow_reader(void **state)
{
	struct visitor *one = scene_attach(0, 0), *two = scene_attach(1, 0);
	struct visitor *reader = scene_attach(2, 0);
	struct loop first = open_loop(one, reader, TAG);
	struct loop second = open_loop(two, reader, TAG);
	uint64_t sent[2] = {0}, heard[2] = {0}, number;
	struct loop *loops[2] = {&first, &second};
	struct peal_shmring_record record;

	(void)state;
	for (uint32_t turn = 0; turn < 4000; turn++) {
		for (uint32_t i = 0; i < 2; i++) {
			while (sent[i] * 1008U + 1008U -
						released_of(
							loops[i]->opener, loops[i]->opener_tag) <=
					PEAL_CLIENT_QUEUE_SIZE &&
				put(loops[i]->opener, loops[i]->opener_tag, sent[i], 1000)) {
				sent[i]++;
			}
			(void)peal_shmring_publish(&loops[i]->opener->writer);
		}
		scene_run(10U * US);
		for (uint32_t i = 0; i < 8 && peal_shmring_borrow(&reader->reader, &record); i++) {
			uint32_t which = record.tag == second.listener_tag;

			assert_int_equal(record.kind, PEAL_CLIENT_DELIVER);
			memcpy(&number, record.bytes, sizeof(number));
			assert_int_equal(number, heard[which]);
			heard[which]++;
		}
		(void)peal_shmring_release(&reader->reader);
	}
	assert_true(heard[0] + heard[1] > 20000);
	assert_true(heard[0] * 100U > heard[1] * 90U && heard[1] * 100U > heard[0] * 90U);
}

static void
test_clients_loop__one_may_speak_to_itself(void **state)
{
	struct visitor *near = scene_attach(0, 0);
	struct loop loop = open_loop(near, near, TAG);

	(void)state;
	for (uint64_t i = 0; i < 100; i++) {
		say(near, loop.opener_tag, i, 100);
	}
	scene_run(50U * US);
	assert_int_equal(hear(near, loop.listener_tag, 0, UINT64_MAX), 100);
	say(near, loop.listener_tag, 0, 100);
	scene_run(50U * US);
	assert_int_equal(hear(near, loop.opener_tag, 0, UINT64_MAX), 1);
	atomic_store(&near->up->death.word, 0);
	scene_run(50U * US);
	assert_true(peal_clients_is_over(near->clients, near->place));
	assert_int_equal(scene_channels_count(0), 0);
}

static void
test_clients_loop__it_ends_when_the_node_is_no_member(void **state)
{
	struct visitor *near = scene_attach(0, 0), *far = scene_attach(1, 0);
	struct loop loop = open_loop(near, far, TAG);
	uint64_t sent_count = send_all(&loop, 0, 1000, 500), heard_count;
	struct peal_client_ended ended;

	(void)state;
	/* Others come and go: nothing of it. */
	scene_view(0, PEAL_FAKECORE_EPOCH + 1U, 3);
	scene_run(MS);
	assert_int_equal(scene_channels_count(0), 2);
	scene_view(0, 0, 0);
	scene_run(MS);
	heard_count = hear(far, loop.listener_tag, 0, UINT64_MAX);
	assert_true(heard_count > 0 && heard_count < sent_count);
	ended = await_end(near, loop.opener_tag, PEAL_CLIENT_REASON_REMOVED);
	assert_int_equal(ended.accepted_count, sent_count);
	(void)await_end(far, loop.listener_tag, PEAL_CLIENT_REASON_REMOVED);
	assert_int_equal(scene_channels_count(0), 0);
	assert_int_equal(near->clients->owing, 0);
}

/* Two that answer each other are a conversation, and one that says much is none. */
static void
test_clients_loop__who_answers_each_other_is_noticed(void **state)
{
	struct visitor *near = scene_attach(0, 0), *far = scene_attach(1, 0);
	struct loop loop = open_loop(near, far, TAG);

	(void)state;
	for (uint64_t i = 0; i < 5; i++) {
		say(near, loop.opener_tag, i, SMALL_SIZE);
		scene_run(10U * US);
		say(far, loop.listener_tag, i, SMALL_SIZE);
		scene_run(10U * US);
	}
	assert_true(peal_clients_converse(near->clients));
	say(near, loop.opener_tag, 5, SMALL_SIZE);
	scene_run(10U * US);
	assert_true(peal_clients_converse(near->clients));
	say(near, loop.opener_tag, 6, SMALL_SIZE);
	scene_run(10U * US);
	assert_false(peal_clients_converse(near->clients));
	/* Nor is it when both say much. */
	for (uint64_t i = 0; i < 50; i++) {
		struct visitor *visitor = i / 5U % 2U == 0 ? near : far;

		assert_true(put(visitor, visitor == near ? loop.opener_tag : loop.listener_tag, i,
			SMALL_SIZE));
		if (i % 5U == 4) {
			(void)peal_shmring_publish(&visitor->writer);
			scene_run(10U * US);
			assert_false(peal_clients_converse(near->clients));
		}
	}
}

/* A core that sleeps is told when there is room again, and not before. */
static void
test_clients_loop__the_core_waits_for_room_that_is_worth_it(void **state)
{
	struct visitor *near = scene_attach(0, 0), *far = scene_attach(1, 0);
	struct loop loop = open_loop(near, far, TAG);
	uint64_t sent_count = send_all(&loop, 0, 1000, 500);
	uint32_t word = atomic_load(&far->down->is_waiting);

	(void)state;
	assert_true(peal_shmring_has_more(&far->reader));
	assert_true((word & PEAL_REGION_WAITING_PLACE) != 0);
	assert_int_equal(
		word - PEAL_REGION_WAITING_PLACE, far->reader.tail - PEAL_CLIENT_DOWN_SIZE / 4U);
	assert_int_equal(atomic_load(&near->down->is_waiting), 0);
	for (uint64_t heard_count = 0; heard_count < sent_count;) {
		heard_count += hear(far, loop.listener_tag, heard_count, 100);
		scene_run(10U * US);
	}
	assert_int_equal(atomic_load(&far->down->is_waiting), 0);
}

static void
test_clients_loop__what_cannot_be_in_the_middle_of_many_cuts_off(void **state)
{
	struct visitor *near = scene_attach(0, 0), *far = scene_attach(1, 0);
	struct loop loop = open_loop(near, far, TAG);
	uint64_t *head;

	(void)state;
	for (uint64_t i = 0; i < 40; i++) {
		assert_true(put(near, loop.opener_tag, i, SMALL_SIZE));
	}
	/* The thirtieth says that it is longer than all that was shown. */
	head = (uint64_t *)(void *)((uint8_t *)near->up + PEAL_REGION_RING_OFFSET +
				    near->writer.published + (uint64_t)30 * SMALL_SPAN);
	*head = (*head & ~UINT64_C(0xFFFFFFFF)) | 20000U;
	(void)peal_shmring_publish(&near->writer);
	scene_run(50U * US);
	assert_int_equal(scene_end_of(near), PEAL_CLIENT_END_VIOLATION);
	assert_int_equal(hear(far, loop.listener_tag, 0, UINT64_MAX), 30);
	(void)await_end(far, loop.listener_tag, PEAL_CLIENT_REASON_CLOSED);
	/* A message that is too large, where one would fit the ring. */
	struct visitor *next = scene_attach(2, 0);

	loop = open_loop(next, far, TAG);
	say(next, loop.opener_tag, 0, SMALL_SIZE);
	scene_say(next, PEAL_CLIENT_SEND, loop.opener_tag, message,
		PEAL_CLIENT_MESSAGE_SIZE_MAX + 1U);
	scene_run(50U * US);
	assert_int_equal(scene_end_of(next), PEAL_CLIENT_END_VIOLATION);
	assert_int_equal(scene_end_of(far), PEAL_CLIENT_END_NONE);
}

int
main(void)
{
#define TEST(name)                                                                                 \
	cmocka_unit_test_setup_teardown(test_clients_loop__##name, scene_begin, scene_finish)
	const struct CMUnitTest tests[] = {
		TEST(messages_go_both_ways_and_it_ends_when_both_have_closed),
		TEST(who_cannot_be_reached_is_told_why),
		TEST(places_of_the_core_are_the_bound_of_all),
		TEST(who_does_not_read_stops_the_sender_and_nobody_else),
		TEST(nothing_is_overtaken_when_it_is_full_now_and_then),
		TEST(who_says_more_than_its_credit_is_cut_off),
		TEST(what_waited_when_it_is_reset_was_lost),
		TEST(a_close_waits_for_what_waits),
		TEST(who_dies_ends_it_for_the_other),
		TEST(two_senders_share_a_slow_reader),
		TEST(one_may_speak_to_itself),
		TEST(it_ends_when_the_node_is_no_member),
		TEST(who_answers_each_other_is_noticed),
		TEST(the_core_waits_for_room_that_is_worth_it),
		TEST(what_cannot_be_in_the_middle_of_many_cuts_off),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
