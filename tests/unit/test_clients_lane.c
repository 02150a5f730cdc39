/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/clientscene.h"

#define NUMBER    5U
#define SELF      1U /* member number of node 0 */
#define TAG       PEAL_CLIENT_TAG(3, 1)
#define BOTH_ENDS 3U
#define SIZE      64U

/* A loop with its lane, as its two clients see it. */
struct pair {
	struct visitor *opener;
	struct visitor *listener;
	uint16_t tags[2];
	uint32_t lane;
};

static uint32_t tasks_count[3];

static struct visitor *
come(uint32_t index)
{
	struct visitor *visitor;

	traffic[0]->clients.outside.has_lanes = true;
	scene_can_lane = true;
	visitor = scene_attach(index, 0);
	scene_can_lane = false;
	return visitor;
}

/* What the door would do: nothing, but answer. True: there was a task. */
static bool
serve(uint32_t sent_mask)
{
	const struct peal_clients_lane_ask *ask = peal_clients_find_lane_ask(&traffic[0]->clients);

	if (ask == NULL) {
		return false;
	}
	tasks_count[ask->task]++;
	peal_clients_answer_lane_ask(&traffic[0]->clients, sent_mask);
	scene_run(20U * US);
	return true;
}

static void
open_loop(struct pair *pair, struct visitor *opener, struct visitor *listener, uint16_t tag)
{
	struct peal_shmring_record record;

	*pair = (struct pair){.opener = opener, .listener = listener, .tags = {tag, 0}};
	scene_listen(listener, NUMBER);
	scene_run(20U * US);
	scene_open(opener, tag, SELF, NUMBER);
	scene_run(20U * US);
	assert_true(scene_find(listener, PEAL_CLIENT_OPENED, &record));
	pair->tags[1] = record.tag;
}

/* The packet was told of; answers. */
static void
take(struct pair *pair, uint32_t end, uint32_t step, bool is_refused)
{
	struct visitor *visitor = end == 0 ? pair->opener : pair->listener;
	struct peal_client_lane_taken taken = {.is_refused = is_refused};
	struct peal_client_lane_made made;
	struct peal_shmring_record record;

	assert_true(scene_find(visitor, PEAL_CLIENT_LANE_MADE, &record));
	assert_int_equal(record.tag, pair->tags[end]);
	assert_int_equal(record.size, sizeof(made));
	memcpy(&made, record.bytes, sizeof(made));
	assert_int_equal(made.step, step);
	assert_int_not_equal(made.lane, 0);
	pair->lane = taken.lane = made.lane;
	scene_say(visitor, PEAL_CLIENT_LANE_TAKEN, 0, &taken, sizeof(taken));
	scene_run(20U * US);
}

static void
make_ready(struct pair *pair)
{
	struct peal_shmring_record record;

	for (uint32_t step = 0; step < 2; step++) {
		assert_true(serve(BOTH_ENDS));
		take(pair, 0, step, false);
		assert_false(serve(BOTH_ENDS));
		take(pair, 1, step, false);
	}
	assert_false(serve(BOTH_ENDS));
	assert_true(scene_find(pair->opener, PEAL_CLIENT_LANE_READY, &record));
	assert_int_equal(record.tag, pair->tags[0]);
	assert_true(scene_find(pair->listener, PEAL_CLIENT_LANE_READY, &record));
	assert_int_equal(record.tag, pair->tags[1]);
}

static uint32_t
lanes_of(const struct visitor *visitor)
{
	return atomic_load(&visitor->clients->room->clients[visitor->place].tally.lanes_count);
}

static uint32_t
lanes_left(void)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < PEAL_LANES_MAX; i++) {
		count += rooms[0]->lanes[i].state != PEAL_CLIENTS_LANE_FREE;
	}
	return count;
}

static void
test_clients_lane__both_get_one_and_change_over_behind_what_they_said(void **state)
{
	struct visitor *opener = come(0), *listener = come(1);
	const uint8_t message[SIZE] = {7};
	struct peal_shmring_record record;
	struct pair pair;

	(void)state;
	open_loop(&pair, opener, listener, TAG);
	scene_say(opener, PEAL_CLIENT_SEND, TAG, message, SIZE);
	make_ready(&pair);
	assert_int_equal(lanes_of(opener), 1);
	assert_int_equal(scene_counter(0, PEAL_COUNTER_CLIENT_LANES_READY), 1);
	scene_say(opener, PEAL_CLIENT_SEND, TAG, message, SIZE);
	scene_say(opener, PEAL_CLIENT_LANE_USE, TAG, NULL, 0);
	scene_run(20U * US);
	/* `make_ready` passed over the first. */
	assert_true(scene_find(listener, PEAL_CLIENT_DELIVER, &record));
	assert_true(scene_find(listener, PEAL_CLIENT_LANE_USED, &record));
	assert_int_equal(record.tag, pair.tags[1]);
	assert_false(scene_find(opener, PEAL_CLIENT_LANE_USED, &record));
	scene_say(opener, PEAL_CLIENT_CLOSE, TAG, NULL, 0);
	scene_run(20U * US);
	assert_true(scene_find(listener, PEAL_CLIENT_FINISHED, &record));
	scene_say(listener, PEAL_CLIENT_CLOSE, pair.tags[1], NULL, 0);
	scene_run(20U * US);
	assert_true(scene_find(opener, PEAL_CLIENT_ENDED, &record));
	assert_int_equal(lanes_of(opener) + lanes_of(listener), 0);
	assert_true(serve(0));
	assert_int_equal(lanes_left(), 0);
	assert_int_equal(scene_end_of(opener), PEAL_CLIENT_END_NONE);
}

static void
test_clients_lane__the_change_is_told_behind_what_waits_in_the_queue(void **state)
{
	struct visitor *opener = come(0), *listener = come(1);
	static uint8_t message[60000];
	struct peal_shmring_record record;
	uint32_t said_count = 0, heard_count = 0;
	bool is_told = false;
	struct pair pair;

	(void)state;
	open_loop(&pair, opener, listener, TAG);
	make_ready(&pair);
	/* More than half of the ring of the listener, which does not read. */
	for (uint32_t i = 0; i < 20; i++) {
		scene_say(opener, PEAL_CLIENT_SEND, TAG, message, sizeof(message));
		said_count++;
		scene_run(20U * US);
	}
	scene_say(opener, PEAL_CLIENT_LANE_USE, TAG, NULL, 0);
	scene_say(opener, PEAL_CLIENT_CLOSE, TAG, NULL, 0);
	scene_run(20U * US);
	for (uint32_t turn = 0; turn < 100; turn++) {
		while (peal_shmring_borrow(&listener->reader, &record)) {
			if (record.kind == PEAL_CLIENT_DELIVER) {
				assert_false(is_told);
				heard_count++;
			} else if (record.kind == PEAL_CLIENT_LANE_USED) {
				assert_int_equal(heard_count, said_count);
				is_told = true;
			} else if (record.kind == PEAL_CLIENT_FINISHED) {
				assert_true(is_told);
			}
			(void)peal_shmring_release(&listener->reader);
		}
		scene_run(20U * US);
	}
	assert_true(is_told);
}

static void
test_clients_lane__who_refuses_goes_on_with_the_loop(void **state)
{
	const uint8_t message[SIZE] = {7};

	(void)state;
	for (uint32_t step = 0; step < 2; step++) {
		for (uint32_t end = 0; end < 2; end++) {
			struct visitor *opener = come(0), *listener = come(1);
			struct peal_shmring_record record;
			struct pair pair;

			open_loop(&pair, opener, listener, TAG);
			for (uint32_t i = 0; i <= step; i++) {
				assert_true(serve(BOTH_ENDS));
				take(&pair, end, i, i == step);
				take(&pair, 1U - end, i, false);
			}
			assert_true(serve(0));
			assert_int_equal(lanes_left(), 0);
			assert_int_equal(lanes_of(opener), 0);
			scene_say(opener, PEAL_CLIENT_SEND, TAG, message, SIZE);
			scene_run(20U * US);
			assert_true(scene_find(listener, PEAL_CLIENT_DELIVER, &record));
			(void)scene_finish(state);
			(void)scene_begin(state);
		}
	}
}

static void
test_clients_lane__a_door_without_memory_means_the_loop(void **state)
{
	(void)state;
	for (uint32_t sent = 0; sent < BOTH_ENDS; sent++) {
		struct visitor *opener = come(0), *listener = come(1);
		struct pair pair;

		open_loop(&pair, opener, listener, TAG);
		assert_true(serve(sent));
		/* Who was sent a packet answers it all the same. */
		for (uint32_t end = 0; end < 2; end++) {
			if ((sent >> end & 1U) != 0) {
				take(&pair, end, 0, false);
			}
		}
		assert_true(serve(0));
		assert_false(serve(0));
		assert_int_equal(lanes_left(), 0);
		assert_int_equal(scene_end_of(opener), PEAL_CLIENT_END_NONE);
		assert_int_equal(scene_end_of(listener), PEAL_CLIENT_END_NONE);
		assert_int_equal(scene_channels_count(0), 2);
		(void)scene_finish(state);
		(void)scene_begin(state);
	}
}

static void
test_clients_lane__old_clients_and_own_loops_have_none(void **state)
{
	struct visitor *old = scene_attach(0, 0), *young = come(1);
	struct pair pair;

	(void)state;
	open_loop(&pair, young, old, TAG);
	assert_false(serve(0));
	open_loop(&pair, young, old, PEAL_CLIENT_TAG(4, 1));
	scene_say(old, PEAL_CLIENT_UNLISTEN, 0, &(struct peal_client_number){.number = NUMBER},
		sizeof(struct peal_client_number));
	open_loop(&pair, young, young, PEAL_CLIENT_TAG(5, 1));
	assert_false(serve(0));
	open_loop(&pair, old, young, TAG);
	assert_false(serve(0));
	traffic[0]->clients.outside.has_lanes = false;
	open_loop(&pair, come(2), young, TAG);
	traffic[0]->clients.outside.has_lanes = false;
	open_loop(&pair, visitors + 2, young, PEAL_CLIENT_TAG(4, 1));
	assert_int_equal(lanes_left(), 1);
}

static void
test_clients_lane__they_are_counted(void **state)
{
	struct visitor *opener = come(0), *listener = come(1), *third = come(2);
	struct pair pairs[PEAL_CLIENT_LANES_MAX + 2U];
	uint32_t count = 0;

	(void)state;
	for (uint32_t i = 0; i < PEAL_CLIENT_LANES_PAIR_MAX; i++) {
		open_loop(&pairs[count++], opener, listener, PEAL_CLIENT_TAG(i, 1));
		make_ready(&pairs[count - 1U]);
	}
	open_loop(&pairs[count], opener, listener, PEAL_CLIENT_TAG(20, 1));
	assert_false(serve(BOTH_ENDS));
	while (count < PEAL_CLIENT_LANES_MAX) {
		open_loop(&pairs[count], third, listener, PEAL_CLIENT_TAG(count, 1));
		make_ready(&pairs[count++]);
	}
	assert_int_equal(lanes_of(listener), PEAL_CLIENT_LANES_MAX);
	open_loop(&pairs[count], come(3), listener, PEAL_CLIENT_TAG(20, 1));
	assert_false(serve(BOTH_ENDS));
	/* One that ends makes room for another. */
	scene_say(opener, PEAL_CLIENT_RESET, pairs[0].tags[0], NULL, 0);
	scene_run(20U * US);
	assert_true(serve(0));
	open_loop(&pairs[count], &visitors[3], listener, PEAL_CLIENT_TAG(21, 1));
	assert_true(serve(BOTH_ENDS));
}

static void
test_clients_lane__who_owes_an_answer_is_offered_nothing(void **state)
{
	struct visitor *opener = come(0), *silent = come(1), *third = come(2);
	struct peal_shmring_record record;
	struct pair first, second, other;

	(void)state;
	open_loop(&first, opener, silent, TAG);
	assert_true(serve(BOTH_ENDS));
	take(&first, 0, 0, false);
	open_loop(&second, opener, silent, PEAL_CLIENT_TAG(4, 1));
	assert_false(serve(BOTH_ENDS));
	/* It ends: the door is asked to forget it, but not to make the next one. */
	scene_say(opener, PEAL_CLIENT_RESET, TAG, NULL, 0);
	scene_run(20U * US);
	assert_true(serve(0));
	assert_false(serve(BOTH_ENDS));
	assert_int_equal(tasks_count[PEAL_CLIENTS_LANE_RELEASE] > 0, true);
	/* Others are not held up by it. */
	scene_say(silent, PEAL_CLIENT_UNLISTEN, 0, &(struct peal_client_number){.number = NUMBER},
		sizeof(struct peal_client_number));
	open_loop(&other, opener, third, PEAL_CLIENT_TAG(5, 1));
	make_ready(&other);
	/* It answers at last, of what is over. */
	const struct peal_client_lane_taken taken = {.lane = first.lane};

	scene_say(silent, PEAL_CLIENT_LANE_TAKEN, 0, &taken, sizeof(taken));
	scene_run(20U * US);
	assert_true(serve(BOTH_ENDS));
	assert_true(scene_find(opener, PEAL_CLIENT_LANE_MADE, &record));
	assert_int_equal(record.tag, second.tags[0]);
	assert_int_equal(scene_end_of(silent), PEAL_CLIENT_END_NONE);
}

/* Ends at every step of the life of a lane, by each way there is. */
static void
test_clients_lane__nothing_is_left_whenever_somebody_goes(void **state)
{
	enum { BY_RESET, BY_DEATH, BY_BOTH, WAYS };

	for (uint32_t step = 0; step < 8; step++) {
		for (uint32_t way = 0; way < WAYS; way++) {
			struct visitor *opener = come(0), *listener = come(1);
			struct peal_shmring_record record;
			struct peal_client_ended ended;
			struct pair pair;
			uint32_t tasks = 0;

			open_loop(&pair, opener, listener, TAG);
			for (uint32_t at = 0; at < step; at++) {
				if (at % 3U == 0 && at < 6U) {
					assert_true(serve(BOTH_ENDS));
				} else if (at < 6U) {
					take(&pair, at % 3U - 1U, at / 3U, false);
				} else {
					scene_say(opener, PEAL_CLIENT_LANE_USE, TAG, NULL, 0);
				}
			}
			if (way == BY_RESET) {
				scene_say(listener, PEAL_CLIENT_RESET, pair.tags[1], NULL, 0);
			} else {
				atomic_store(&listener->up->death.word, PEAL_REGION_OWNER_DIED);
			}
			if (way == BY_BOTH) {
				atomic_store(&opener->up->death.word, PEAL_REGION_OWNER_DIED);
			}
			scene_run(50U * US);
			while (serve(0)) {
				tasks++;
				assert_true(tasks < 4U);
			}
			assert_int_equal(lanes_left(), 0);
			assert_int_equal(scene_channels_count(0), 0);
			if (way != BY_BOTH) {
				assert_true(scene_find(opener, PEAL_CLIENT_ENDED, &record));
				memcpy(&ended, record.bytes, sizeof(ended));
				assert_int_equal(ended.reason, PEAL_CLIENT_REASON_CLOSED);
				assert_int_equal(scene_end_of(opener), PEAL_CLIENT_END_NONE);
				assert_int_equal(lanes_of(opener), 0);
				assert_int_equal(rooms[0]->clients[opener->place].lanes_count, 0);
			}
			(void)scene_finish(state);
			(void)scene_begin(state);
		}
	}
}

static void
test_clients_lane__one_found_broken_ends_its_channel_and_no_client(void **state)
{
	struct visitor *opener = come(0), *listener = come(1);
	struct peal_shmring_record record;
	struct peal_client_ended ended;
	struct pair pair;

	(void)state;
	open_loop(&pair, opener, listener, TAG);
	make_ready(&pair);
	scene_say(listener, PEAL_CLIENT_LANE_BROKEN, pair.tags[1], NULL, 0);
	scene_run(20U * US);
	assert_true(scene_find(opener, PEAL_CLIENT_ENDED, &record));
	memcpy(&ended, record.bytes, sizeof(ended));
	assert_int_equal(ended.reason, PEAL_CLIENT_REASON_PROTOCOL);
	assert_true(scene_find(listener, PEAL_CLIENT_ENDED, &record));
	memcpy(&ended, record.bytes, sizeof(ended));
	assert_int_equal(ended.reason, PEAL_CLIENT_REASON_PROTOCOL);
	assert_int_equal(scene_counter(0, PEAL_COUNTER_CLIENT_LANES_BROKEN), 1);
	assert_true(serve(0));
	assert_int_equal(lanes_left(), 0);
	assert_int_equal(scene_end_of(opener), PEAL_CLIENT_END_NONE);
	assert_int_equal(scene_end_of(listener), PEAL_CLIENT_END_NONE);
}

enum offence {
	ANSWER_UNASKED,
	ANSWER_OTHER,
	ANSWER_TWICE,
	ANSWER_SHORT,
	USE_TOO_EARLY,
	USE_TWICE,
	SEND_AFTER_USE,
	USE_WITH_BYTES,
	USE_FAR,
	OLD_CLIENT,
	OFFENCES_COUNT,
};

static void
offend(struct pair *pair, enum offence offence)
{
	const struct peal_client_lane_taken taken = {
		.lane = pair->lane + (offence == ANSWER_OTHER ? 1U : 0U)};
	const uint8_t bytes[8] = {0};

	switch (offence) {
	case ANSWER_UNASKED:
	case ANSWER_OTHER:
	case ANSWER_TWICE:
		scene_say(pair->opener, PEAL_CLIENT_LANE_TAKEN, 0, &taken, sizeof(taken));
		break;
	case ANSWER_SHORT:
		scene_say(pair->opener, PEAL_CLIENT_LANE_TAKEN, 0, &taken, sizeof(taken) - 4U);
		break;
	case USE_TWICE:
		scene_say(pair->opener, PEAL_CLIENT_LANE_USE, TAG, NULL, 0);
		scene_say(pair->opener, PEAL_CLIENT_LANE_USE, TAG, NULL, 0);
		break;
	case SEND_AFTER_USE:
		scene_say(pair->opener, PEAL_CLIENT_LANE_USE, TAG, NULL, 0);
		scene_say(pair->opener, PEAL_CLIENT_SEND, TAG, bytes, sizeof(bytes));
		break;
	case USE_WITH_BYTES:
		scene_say(pair->opener, PEAL_CLIENT_LANE_USE, TAG, bytes, sizeof(bytes));
		break;
	case USE_FAR:
		scene_open(pair->opener, PEAL_CLIENT_TAG(9, 1), SELF + 1U, NUMBER);
		scene_say(pair->opener, PEAL_CLIENT_LANE_BROKEN, PEAL_CLIENT_TAG(9, 1), NULL, 0);
		break;
	case USE_TOO_EARLY:
	case OLD_CLIENT:
	case OFFENCES_COUNT:
		scene_say(pair->opener, PEAL_CLIENT_LANE_USE, TAG, NULL, 0);
		break;
	}
}

static void
test_clients_lane__who_says_what_cannot_be_is_cut_off(void **state)
{
	for (enum offence offence = 0; offence < OFFENCES_COUNT; offence++) {
		struct visitor *opener = offence == OLD_CLIENT ? scene_attach(0, 0) : come(0);
		struct visitor *listener = come(1);
		struct pair pair;

		open_loop(&pair, opener, listener, TAG);
		if (offence != ANSWER_UNASKED && offence != USE_TOO_EARLY &&
			offence != OLD_CLIENT) {
			make_ready(&pair);
		}
		offend(&pair, offence);
		scene_run(50U * US);
		assert_int_equal(scene_end_of(opener), PEAL_CLIENT_END_VIOLATION);
		assert_int_equal(scene_end_of(listener), PEAL_CLIENT_END_NONE);
		while (serve(0)) {
		}
		assert_int_equal(lanes_left(), 0);
		(void)scene_finish(state);
		(void)scene_begin(state);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_begin, scene_finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_clients_lane__both_get_one_and_change_over_behind_what_they_said),
		TEST(test_clients_lane__the_change_is_told_behind_what_waits_in_the_queue),
		TEST(test_clients_lane__who_refuses_goes_on_with_the_loop),
		TEST(test_clients_lane__a_door_without_memory_means_the_loop),
		TEST(test_clients_lane__old_clients_and_own_loops_have_none),
		TEST(test_clients_lane__they_are_counted),
		TEST(test_clients_lane__who_owes_an_answer_is_offered_nothing),
		TEST(test_clients_lane__nothing_is_left_whenever_somebody_goes),
		TEST(test_clients_lane__one_found_broken_ends_its_channel_and_no_client),
		TEST(test_clients_lane__who_says_what_cannot_be_is_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
