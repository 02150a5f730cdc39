/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/prng.h"
#include "tests/lib/clientscene.h"

static const struct peal_client_number number_of_load = {.number = PEAL_LOAD_CHANNELS_LOWER};
static const struct peal_client_open open_of_load = {.mid = 2, .number = PEAL_LOAD_CHANNELS_LOWER};
static const struct peal_client_open good_open = {.mid = 2, .number = 5};

/* Each of these ends who says it, and nobody else. */
static void
test_clients_up__cuts_off_who_says_what_cannot_be(void **state)
{
	static uint8_t large[PEAL_CLIENT_MESSAGE_SIZE_MAX + 1U];
	const struct {
		uint16_t kind, tag;
		const void *bytes;
		uint32_t size;
	} lies[] = {
		{99, 0, NULL, 0},
		{PEAL_CLIENT_LISTEN, 0, "short", 5},
		{PEAL_CLIENT_LISTEN, 0, &number_of_load, sizeof(number_of_load)},
		{PEAL_CLIENT_OPEN, 0, "short", 5},
		{PEAL_CLIENT_OPEN, 0, &open_of_load, sizeof(open_of_load)},
		/* a place that the core gives */
		{PEAL_CLIENT_OPEN, PEAL_CLIENT_PLACES_OWN, &good_open, sizeof(good_open)},
		{PEAL_CLIENT_CLOSE, 0, "x", 1},
		{PEAL_CLIENT_RESET, 0, "x", 1},
		{PEAL_CLIENT_HEAR, 0, "x", 1},
		{PEAL_CLIENT_SET, 0, "short", 5},
		{PEAL_CLIENT_SET, 0, &number_of_load, sizeof(number_of_load)},
		{PEAL_CLIENT_SET, 0, large,
			sizeof(struct peal_client_number) + PEAL_CLIENT_VALUE_SIZE_MAX + 1U},
		{PEAL_CLIENT_SEND, 0, large, sizeof(large)},
		{PEAL_CLIENT_CAST, 0, large, sizeof(large)},
	};

	for (uint32_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct visitor *liar, *other;

		if (i > 0) {
			(void)scene_finish(state);
			(void)scene_begin(state);
		}
		liar = scene_attach(0, 0);
		other = scene_attach(1, 0);
		scene_say(liar, (enum peal_client_up)lies[i].kind, lies[i].tag, lies[i].bytes,
			lies[i].size);
		(void)peal_fakecores_turn(cores, 0);
		assert_int_equal(scene_end_of(liar), PEAL_CLIENT_END_VIOLATION);
		assert_true(peal_clients_is_over(liar->clients, liar->place));
		assert_int_equal(scene_end_of(other), PEAL_CLIENT_END_NONE);
		assert_int_equal(scene_counter(0, PEAL_COUNTER_CLIENTS_VIOLATED), 1);
	}
}

static void
test_clients_up__opens_a_channel_that_carries_messages_both_ways(void **state)
{
	struct visitor *near = scene_attach(0, 0), *far = scene_attach(1, 1);
	uint16_t tag = PEAL_CLIENT_TAG(3, 8);
	struct peal_shmring_record record;
	struct peal_client_open opened;
	struct peal_client_ended ended;

	(void)state;
	scene_listen(far, 5);
	scene_run(100U * US);
	scene_open(near, tag, 2, 5);
	scene_say(near, PEAL_CLIENT_SEND, tag, "there", 5);
	scene_run(MS);
	assert_true(scene_find(far, PEAL_CLIENT_OPENED, &record));
	memcpy(&opened, record.bytes, sizeof(opened));
	assert_int_equal(opened.mid, 1);
	assert_int_equal(opened.number, 5);
	uint16_t far_tag = record.tag;

	assert_true(scene_find(far, PEAL_CLIENT_DELIVER, &record));
	assert_int_equal(record.tag, far_tag);
	assert_int_equal(record.size, 5);
	assert_memory_equal(record.bytes, "there", 5);
	scene_say(far, PEAL_CLIENT_SEND, far_tag, "back", 4);
	scene_run(MS);
	assert_true(scene_find(near, PEAL_CLIENT_DELIVER, &record));
	assert_int_equal(record.tag, tag);
	assert_memory_equal(record.bytes, "back", 4);
	/* Credit comes back. */
	assert_int_equal(atomic_load(&near->down->released[3]), peal_shmring_span(5));
	scene_say(near, PEAL_CLIENT_CLOSE, tag, NULL, 0);
	scene_run(MS);
	assert_true(scene_find(far, PEAL_CLIENT_FINISHED, &record));
	scene_say(far, PEAL_CLIENT_CLOSE, far_tag, NULL, 0);
	scene_run(MS);
	assert_true(scene_find(near, PEAL_CLIENT_ENDED, &record));
	memcpy(&ended, record.bytes, sizeof(ended));
	assert_int_equal(ended.reason, PEAL_CLIENT_REASON_ORDERLY);
	assert_int_equal(ended.accepted_count, 1);
	assert_int_equal(ended.lost_count, 0);
	assert_true(scene_find(far, PEAL_CLIENT_ENDED, &record));
}

/* What went through each is counted, once it did. */
static void
test_clients_up__tells_what_went_through_a_client(void **state)
{
	static uint8_t large[10000];
	struct visitor *near = scene_attach(0, 0), *far = scene_attach(1, 1);
	struct peal_client *at_near = &near->clients->room->clients[near->place];
	struct peal_client *at_far = &far->clients->room->clients[far->place];
	uint16_t tag = PEAL_CLIENT_TAG(3, 8);
	struct peal_shmring_record record;

	(void)state;
	scene_listen(far, 5);
	scene_say(far, PEAL_CLIENT_HEAR, 0, NULL, 0);
	scene_run(100U * US);
	assert_int_equal(atomic_load(&at_near->tally.channels_count), 0);
	scene_open(near, tag, 2, 5);
	scene_say(near, PEAL_CLIENT_SEND, tag, "there", 5);
	scene_say(near, PEAL_CLIENT_SEND, tag, large, sizeof(large));
	scene_say(near, PEAL_CLIENT_CAST, 0, large, sizeof(large));
	/* To a channel that is none: nobody took it. */
	scene_say(near, PEAL_CLIENT_SEND, PEAL_CLIENT_TAG(4, 1), "nowhere", 7);
	scene_run(5U * MS);
	assert_int_equal(scene_end_of(near), PEAL_CLIENT_END_NONE);
	assert_int_equal(atomic_load(&at_near->tally.sent_count), 3);
	assert_int_equal(atomic_load(&at_near->tally.sent_size), 5U + 2U * sizeof(large));
	assert_int_equal(atomic_load(&at_near->tally.channels_count), 1);
	assert_int_equal(atomic_load(&at_near->tally.delivered_count), 0);
	/* In parts, and each of them once. */
	assert_true(scene_find(far, PEAL_CLIENT_DELIVER_PART, &record));
	assert_int_equal(atomic_load(&at_far->tally.delivered_count), 3);
	assert_int_equal(atomic_load(&at_far->tally.delivered_size), 5U + 2U * sizeof(large));
	assert_int_equal(atomic_load(&at_far->tally.channels_count), 1);
	scene_say(near, PEAL_CLIENT_RESET, tag, NULL, 0);
	scene_run(MS);
	assert_int_equal(atomic_load(&at_near->tally.channels_count), 0);
	assert_int_equal(atomic_load(&at_far->tally.channels_count), 0);
}

static void
test_clients_up__says_why_a_channel_is_not_opened(void **state)
{
	struct visitor *visitor = scene_attach(0, 0);
	struct peal_shmring_record record;
	struct peal_client_refused refused;

	(void)state;
	scene_open(visitor, PEAL_CLIENT_TAG(0, 1), 9, 5);
	scene_open(visitor, PEAL_CLIENT_TAG(1, 1), 2, 5);
	scene_open(visitor, PEAL_CLIENT_TAG(2, 1), 2, 5);
	(void)peal_fakecores_turn(cores, 0);
	assert_true(scene_find(visitor, PEAL_CLIENT_REFUSED, &record));
	memcpy(&refused, record.bytes, sizeof(refused));
	assert_int_equal(record.tag, PEAL_CLIENT_TAG(0, 1));
	assert_int_equal(refused.result, PEAL_CLIENT_NOT_IN_VIEW);
	assert_true(scene_find(visitor, PEAL_CLIENT_REFUSED, &record));
	memcpy(&refused, record.bytes, sizeof(refused));
	assert_int_equal(record.tag, PEAL_CLIENT_TAG(2, 1));
	assert_int_equal(refused.result, PEAL_CLIENT_IN_USE);
	/* Nobody listens there, which the peer says. */
	scene_say(visitor, PEAL_CLIENT_SEND, PEAL_CLIENT_TAG(1, 1), "x", 1);
	scene_run(MS);
	assert_true(scene_find(visitor, PEAL_CLIENT_ENDED, &record));
	assert_int_equal(record.tag, PEAL_CLIENT_TAG(1, 1));
}

static void
test_clients_up__what_is_for_a_former_channel_of_the_place_is_left_out(void **state)
{
	struct visitor *visitor = scene_attach(0, 0);
	struct peal_shmring_record record;
	struct peal_client_ended ended;

	(void)state;
	scene_open(visitor, PEAL_CLIENT_TAG(0, 2), 2, 5);
	scene_say(visitor, PEAL_CLIENT_SEND, PEAL_CLIENT_TAG(0, 1), "old", 3);
	scene_say(visitor, PEAL_CLIENT_RESET, PEAL_CLIENT_TAG(0, 1), NULL, 0);
	(void)peal_fakecores_turn(cores, 0);
	assert_int_equal(scene_channels_count(0), 1);
	scene_say(visitor, PEAL_CLIENT_RESET, PEAL_CLIENT_TAG(0, 2), NULL, 0);
	(void)peal_fakecores_turn(cores, 0);
	assert_true(scene_find(visitor, PEAL_CLIENT_ENDED, &record));
	memcpy(&ended, record.bytes, sizeof(ended));
	assert_int_equal(ended.accepted_count, 0);
	assert_int_equal(scene_channels_count(0), 0);
}

static void
test_clients_up__cuts_off_who_exceeds_its_credit(void **state)
{
	static uint8_t bytes[PEAL_CLIENT_MESSAGE_SIZE_MAX];
	struct visitor *visitor = scene_attach(0, 0);

	(void)state;
	scene_open(visitor, PEAL_CLIENT_TAG(0, 1), 2, 5);
	for (uint32_t i = 0; i < 4; i++) {
		scene_say(visitor, PEAL_CLIENT_SEND, PEAL_CLIENT_TAG(0, 1), bytes, sizeof(bytes));
		(void)peal_fakecores_turn(cores, 0);
	}
	assert_int_equal(scene_end_of(visitor), PEAL_CLIENT_END_VIOLATION);
}

static void
test_clients_up__takes_a_bounded_number_in_a_turn(void **state)
{
	struct visitor *visitor = scene_attach(0, 0);

	(void)state;
	for (uint32_t i = 0; i < 200; i++) {
		scene_say(visitor, PEAL_CLIENT_CAST, 0, "x", 1);
	}
	(void)peal_fakecores_turn(cores, 0);
	assert_int_equal(
		scene_counter(0, PEAL_COUNTER_CLIENT_RECORDS_UP), PEAL_CLIENT_RECORDS_BURST_MAX);
	for (uint32_t i = 0; i < 5; i++) {
		cores->now_ns += 1000;
		(void)peal_fakecores_turn(cores, 0);
	}
	assert_int_equal(scene_counter(0, PEAL_COUNTER_CLIENT_RECORDS_UP), 200);
}

static void
test_clients_up__a_broadcast_without_room_waits_in_the_ring(void **state)
{
	static uint8_t bytes[60000];
	struct visitor *visitor = scene_attach(0, 0), *far = scene_attach(1, 1);
	struct peal_shmring_record record;
	uint32_t said_count = 0, heard_count = 0;

	(void)state;
	scene_say(far, PEAL_CLIENT_HEAR, 0, NULL, 0);
	scene_run(100U * US);
	/* The cores take more than broadcast has room for, and then no more. */
	for (uint32_t i = 0; i < 300; i++) {
		uint8_t *room = peal_shmring_claim(&visitor->writer, sizeof(bytes));

		if (room != NULL) {
			memcpy(room, bytes, sizeof(bytes));
			peal_shmring_commit(&visitor->writer, PEAL_CLIENT_CAST, 0, sizeof(bytes));
			(void)peal_shmring_publish(&visitor->writer);
			said_count++;
		}
		cores->now_ns += 100;
		(void)peal_fakecores_turn(cores, 0);
	}
	assert_in_range(said_count, 20, 299);
	assert_int_equal(scene_end_of(visitor), PEAL_CLIENT_END_NONE);
	/* All of it arrives. */
	for (uint32_t i = 0; i < 2000 && heard_count < said_count; i++) {
		scene_run(100U * US);
		while (scene_find(far, PEAL_CLIENT_HEARD_PART, &record)) {
			struct peal_client_part part;

			memcpy(&part, record.bytes + 8, sizeof(part));
			heard_count += part.offset + (record.size - 16U) == part.message_size;
		}
	}
	assert_int_equal(heard_count, said_count);
}

static void
test_clients_up__who_drops_behind_a_slow_member_says_so(void **state)
{
	static uint8_t bytes[60000];
	struct visitor *visitor = scene_attach(0, 0), *idler = scene_attach(1, 0);
	struct peal_shmring_record record;
	uint64_t sum = 0, lost_count = 0;

	(void)state;
	peal_cast_set_policy(&traffic[0]->cast, PEAL_CAST_DROP_BEHIND, 0);
	/* Nobody answers: what waits grows beyond its room. */
	for (uint32_t i = 0; i < 60; i++) {
		scene_say(visitor, PEAL_CLIENT_CAST, 0, bytes, sizeof(bytes));
		cores->now_ns += 100;
		(void)peal_fakecores_turn(cores, 0);
	}
	while (scene_find(visitor, PEAL_CLIENT_CAST_LOST, &record)) {
		memcpy(&lost_count, record.bytes, sizeof(lost_count));
		assert_true(lost_count > 0);
		sum += lost_count;
	}
	assert_true(sum > 0);
	assert_int_equal(sum, scene_counter(0, PEAL_COUNTER_CAST_MESSAGES_DROPPED));
	/* Who never cast has lost nothing. */
	assert_false(scene_find(idler, PEAL_CLIENT_CAST_LOST, &record));
}

static void
test_clients_up__what_a_node_outside_cannot_cast_is_told(void **state)
{
	struct visitor *visitor = scene_attach(0, 0);
	struct peal_shmring_record record;
	uint64_t lost_count;

	(void)state;
	scene_view(0, 0, 0);
	(void)peal_fakecores_turn(cores, 0);
	scene_say(visitor, PEAL_CLIENT_CAST, 0, "x", 1);
	(void)peal_fakecores_turn(cores, 0);
	assert_true(scene_find(visitor, PEAL_CLIENT_CAST_LOST, &record));
	memcpy(&lost_count, record.bytes, sizeof(lost_count));
	assert_int_equal(lost_count, 1);
}

/* Whatever a client writes, the core goes on, and the other client does not notice. */
static void
test_clients_up__survives_noise(void **state)
{
	struct peal_prng prng;
	uint64_t violated_count = 0;

	peal_prng_init(&prng, 5);
	for (uint32_t round = 0; round < 300; round++) {
		struct visitor *noisy = scene_attach(0, 0);
		struct visitor *calm = &visitors[1];

		if (round == 0) {
			calm = scene_attach(1, 0);
		}
		for (uint32_t turn = 0; turn < 20; turn++) {
			uint8_t *bytes = (uint8_t *)noisy->up + PEAL_REGION_RING_OFFSET;
			uint64_t at = atomic_load(&noisy->down->up_head);

			/* Headers that look like records, and a tail behind them. */
			for (uint32_t i = 0; i < 16; i++) {
				uint64_t header = (peal_prng_next(&prng) & 31U) |
						  (peal_prng_below(&prng, 10) << 32) |
						  (peal_prng_below(&prng, 3) << 48);

				memcpy(bytes + ((at + UINT64_C(8) * i) &
						       (PEAL_CLIENT_UP_SIZE - 1U)),
					&header, sizeof(header));
			}
			atomic_store(&noisy->up->up_tail, at + 8U * peal_prng_below(&prng, 17));
			if (peal_prng_below(&prng, 20) == 0) {
				atomic_store(&noisy->up->down_head, peal_prng_next(&prng));
			}
			scene_run(20U * US);
		}
		atomic_store(&noisy->up->death.word, PEAL_REGION_OWNER_DIED);
		scene_run(200U * US);
		assert_true(peal_clients_is_over(noisy->clients, noisy->place));
		violated_count += scene_end_of(noisy) == PEAL_CLIENT_END_VIOLATION;
		peal_clients_free(noisy->clients, noisy->place);
		free(noisy->up);
		free(noisy->down);
		noisy->up = NULL;
		noisy->down = NULL;
		assert_int_equal(scene_end_of(calm), PEAL_CLIENT_END_NONE);
		assert_int_equal(scene_channels_count(0), 0);
	}
	assert_in_range(violated_count, 100, 300);
	(void)state;
}

/* These many open and reset four channels in each turn of 10 us. Returns how many were opened. */
static uint64_t
churn(uint32_t visitors_count, uint32_t turns_count)
{
	uint64_t before = scene_counter(0, PEAL_COUNTER_CHANNELS_OPENED);
	static uint16_t life;

	for (uint32_t turn = 0; turn < turns_count; turn++) {
		for (uint32_t i = 0; i < 4U * visitors_count; i++) {
			struct visitor *visitor = &visitors[i / 4U];
			uint16_t place = (uint16_t)(i % 4U);

			life++;
			scene_open(visitor, PEAL_CLIENT_TAG(place, life), 2, (uint16_t)(77U + i));
			scene_say(
				visitor, PEAL_CLIENT_RESET, PEAL_CLIENT_TAG(place, life), NULL, 0);
		}
		scene_run(PEAL_CLIENT_OPEN_NS);
	}
	return scene_counter(0, PEAL_COUNTER_CHANNELS_OPENED) - before;
}

static void
test_clients_up__who_opens_without_end_takes_time_for_it(void **state)
{
	const uint32_t burst = PEAL_CLIENT_OPENS_BURST;
	struct visitor *first = scene_attach(0, 0);
	const struct peal_clients *clients = first->clients;

	(void)state;
	(void)scene_attach(1, 0);
	/* All that it has places for, at once. */
	for (uint16_t i = 0; i < burst; i++) {
		scene_open(first, PEAL_CLIENT_TAG(i, 0), 2, (uint16_t)(100U + i));
	}
	(void)peal_fakecores_turn(cores, 0);
	assert_int_equal(clients->room->clients[first->place].channels_count, burst);
	assert_int_equal(clients->opening, 0);
	for (uint16_t i = 0; i < burst; i++) {
		scene_say(first, PEAL_CLIENT_RESET, PEAL_CLIENT_TAG(i, 0), NULL, 0);
	}
	/* After a while of nothing the same again, and then one after the other. */
	scene_run(2U * burst * PEAL_CLIENT_OPEN_NS);
	assert_in_range(churn(1, 10U * burst), 11U * burst - 2U, 11U * burst + 2U);
	/* It waits, and a core that sleeps wakes for it. */
	assert_int_not_equal(clients->opening, 0);
	assert_true(peal_clients_deadline_at_ns(clients) <= cores->now_ns + PEAL_CLIENT_OPEN_NS);
	/* Two have the same together, but for what the other has at once. */
	assert_in_range(churn(2, 4U * burst), 4U * burst, 6U * burst);
	/* Who did not need not wait for them. */
	(void)scene_attach(2, 0);
	scene_open(&visitors[2], PEAL_CLIENT_TAG(1, 1), 2, 5);
	(void)peal_fakecores_turn(cores, 0);
	assert_int_equal(clients->room->clients[visitors[2].place].channels_count, 1);
	for (uint32_t i = 0; i < 3U; i++) {
		assert_int_equal(scene_end_of(&visitors[i]), PEAL_CLIENT_END_NONE);
	}
}

/* Each act alone, by who may do all but that, and by who may do nothing else. */
static void
test_clients_up__cuts_off_who_does_what_it_may_not(void **state)
{
	const struct peal_client_number plain = {.number = 5};
	const struct peal_client_number service = {.number = PEAL_CLIENT_SERVICES_LOWER};
	const struct peal_client_open open = {.mid = 2, .number = 5};
	const struct peal_client_open open_service = {
		.mid = 2, .number = PEAL_CLIENT_SERVICES_LOWER};
	const struct peal_client_near near = {.service = 1};
	const struct {
		enum peal_client_up kind;
		uint32_t act;
		const void *bytes;
		uint32_t size;
	} acts[] = {
		{PEAL_CLIENT_LISTEN, PEAL_CLIENT_MAY_CHANNELS, &plain, sizeof(plain)},
		{PEAL_CLIENT_OPEN, PEAL_CLIENT_MAY_CHANNELS, &open, sizeof(open)},
		{PEAL_CLIENT_LISTEN, PEAL_CLIENT_MAY_SERVICES, &service, sizeof(service)},
		{PEAL_CLIENT_OPEN, PEAL_CLIENT_MAY_SERVICES, &open_service, sizeof(open_service)},
		{PEAL_CLIENT_ASK, PEAL_CLIENT_MAY_SERVICES, &near, sizeof(near)},
		{PEAL_CLIENT_ANSWER, PEAL_CLIENT_MAY_SERVICES, &near, sizeof(near)},
		{PEAL_CLIENT_CAST, PEAL_CLIENT_MAY_BROADCAST, "hello", 5},
		{PEAL_CLIENT_SET, PEAL_CLIENT_MAY_BROADCAST, &plain, sizeof(plain)},
		{PEAL_CLIENT_HEAR, PEAL_CLIENT_MAY_BROADCAST, NULL, 0},
	};

	for (uint32_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		const struct peal_clientrights others = {
			.acts = PEAL_CLIENT_MAY_ALL & ~acts[i].act};
		const struct peal_clientrights only = {.acts = acts[i].act};
		struct visitor *may_not, *may;

		if (i > 0) {
			(void)scene_finish(state);
			(void)scene_begin(state);
		}
		may_not = scene_attach_with(0, 0, &others);
		may = scene_attach_with(1, 0, &only);
		scene_say(may_not, acts[i].kind, 0, acts[i].bytes, acts[i].size);
		scene_say(may, acts[i].kind, 0, acts[i].bytes, acts[i].size);
		(void)peal_fakecores_turn(cores, 0);
		assert_int_equal(scene_end_of(may_not), PEAL_CLIENT_END_VIOLATION);
		assert_int_equal(scene_end_of(may), PEAL_CLIENT_END_NONE);
		assert_int_equal(scene_counter(0, PEAL_COUNTER_CLIENT_ACTS_FORBIDDEN), 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_clients_up__cuts_off_who_says_what_cannot_be,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_up__opens_a_channel_that_carries_messages_both_ways,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(test_clients_up__tells_what_went_through_a_client,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(test_clients_up__says_why_a_channel_is_not_opened,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_up__what_is_for_a_former_channel_of_the_place_is_left_out,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(test_clients_up__cuts_off_who_exceeds_its_credit,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_up__who_opens_without_end_takes_time_for_it, scene_begin,
			scene_finish),
		cmocka_unit_test_setup_teardown(test_clients_up__cuts_off_who_does_what_it_may_not,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(test_clients_up__takes_a_bounded_number_in_a_turn,
			scene_begin, scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_up__a_broadcast_without_room_waits_in_the_ring, scene_begin,
			scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_up__who_drops_behind_a_slow_member_says_so, scene_begin,
			scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_up__what_a_node_outside_cannot_cast_is_told, scene_begin,
			scene_finish),
		cmocka_unit_test_setup_teardown(
			test_clients_up__survives_noise, scene_begin, scene_finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
