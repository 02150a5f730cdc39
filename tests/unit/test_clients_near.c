/* SPDX-License-Identifier: BSD-3-Clause */
#include "shm/requestmsg.h"
#include "tests/lib/clientscene.h"

#define SERVICE 9U
#define BLOCK   (PEAL_CLIENT_SERVICES_LOWER + SERVICE * PEAL_CLIENT_SERVICE_BLOCK)

static uint8_t message[sizeof(struct peal_client_near) + PEAL_CLIENT_MESSAGE_SIZE_MAX + 8U];

static void
say_near(struct visitor *visitor, enum peal_client_up kind, const struct peal_client_near *near,
	uint32_t size)
{
	memcpy(message, near, sizeof(*near));
	memset(message + sizeof(*near), 'x', size);
	scene_say(visitor, kind, 0, message, (uint32_t)sizeof(*near) + size);
}

static void
ask(struct visitor *visitor, uint64_t id, uint32_t size)
{
	const struct peal_client_near near = {.id = id, .service = SERVICE};

	say_near(visitor, PEAL_CLIENT_ASK, &near, size);
	scene_run(50U * US);
}

static struct peal_client_near
await_near(struct visitor *visitor, enum peal_client_down kind, uint64_t id, uint32_t size)
{
	struct peal_client_near near = {.id = 0};
	struct peal_shmring_record record;

	assert_true(scene_find(visitor, kind, &record));
	assert_int_equal(record.size, sizeof(near) + size);
	memcpy(&near, record.bytes, sizeof(near));
	assert_int_equal(near.id, id);
	assert_int_equal(near.service, SERVICE);
	return near;
}

static void
test_clients_near__a_request_goes_to_who_serves_and_its_answer_back(void **state)
{
	struct visitor *asks = scene_attach(0, 0), *serves = scene_attach(1, 0);
	struct peal_client_near near;

	(void)state;
	ask(asks, 5, 3);
	assert_int_equal(
		await_near(asks, PEAL_CLIENT_ANSWERED, 5, 0).result, PEAL_REQUEST_NO_SERVICE);
	scene_listen(serves, BLOCK);
	scene_run(50U * US);
	ask(asks, 6, PEAL_CLIENT_MESSAGE_SIZE_MAX);
	near = await_near(serves, PEAL_CLIENT_ASKED, 6, PEAL_CLIENT_MESSAGE_SIZE_MAX);
	say_near(serves, PEAL_CLIENT_ANSWER, &near, 100);
	scene_run(50U * US);
	assert_int_equal(
		await_near(asks, PEAL_CLIENT_ANSWERED, 6, 100).result, PEAL_REQUEST_ANSWERED);
	near.result = PEAL_REQUEST_BUSY;
	say_near(serves, PEAL_CLIENT_ANSWER, &near, 0);
	scene_run(50U * US);
	assert_int_equal(await_near(asks, PEAL_CLIENT_ANSWERED, 6, 0).result, PEAL_REQUEST_BUSY);
	/* One may ask itself. */
	ask(serves, 7, 1);
	(void)await_near(serves, PEAL_CLIENT_ASKED, 7, 1);
	assert_int_equal(scene_end_of(asks), PEAL_CLIENT_END_NONE);
	assert_int_equal(scene_end_of(serves), PEAL_CLIENT_END_NONE);
}

static void
test_clients_near__nobody_is_overrun(void **state)
{
	struct visitor *asks = scene_attach(0, 0), *serves = scene_attach(1, 0);
	struct peal_client_near near, last = {.id = 0};
	struct peal_shmring_record record;
	uint32_t asked_count = 0, answered_count = 0, refused_count = 0;

	(void)state;
	scene_listen(serves, BLOCK);
	scene_run(50U * US);
	/* Who serves reads nothing: half of its ring is filled, the rest is refused. */
	for (uint64_t id = 1; id <= 40; id++) {
		ask(asks, id, 60000);
	}
	while (scene_find(asks, PEAL_CLIENT_ANSWERED, &record)) {
		memcpy(&near, record.bytes, sizeof(near));
		assert_int_equal(near.result, PEAL_REQUEST_BUSY);
		refused_count++;
	}
	while (scene_find(serves, PEAL_CLIENT_ASKED, &record)) {
		memcpy(&last, record.bytes, sizeof(last));
		asked_count++;
	}
	assert_int_equal(asked_count + refused_count, 40);
	assert_in_range(asked_count, PEAL_CLIENT_DOWN_SIZE / 2U / 60100U,
		PEAL_CLIENT_DOWN_SIZE / 2U / 60000U + 1U);
	/* Who asks reads nothing either: it is told which answers had no room. */
	refused_count = 0;
	for (uint32_t i = 0; i < 40; i++) {
		last.result = PEAL_REQUEST_ANSWERED;
		say_near(serves, PEAL_CLIENT_ANSWER, &last, 60000);
		scene_run(50U * US);
	}
	while (scene_find(asks, PEAL_CLIENT_ANSWERED, &record)) {
		memcpy(&near, record.bytes, sizeof(near));
		assert_true(near.result == PEAL_REQUEST_ANSWERED ||
			    (near.result == PEAL_REQUEST_NO_ROOM && record.size == sizeof(near)));
		answered_count += near.result == PEAL_REQUEST_ANSWERED;
		refused_count++;
	}
	assert_int_equal(refused_count, 40);
	assert_in_range(answered_count, 20, 30);
	assert_int_equal(scene_end_of(asks), PEAL_CLIENT_END_NONE);
	assert_int_equal(scene_end_of(serves), PEAL_CLIENT_END_NONE);
}

static void
test_clients_near__who_asks_learns_at_once_that_who_served_is_gone(void **state)
{
	struct visitor *asks = scene_attach(0, 0), *serves = scene_attach(1, 0);
	struct visitor *other = scene_attach(2, 0);
	struct peal_client_unserved unserved;
	struct peal_shmring_record record;

	(void)state;
	scene_listen(serves, 5);
	scene_listen(serves, BLOCK);
	scene_run(50U * US);
	ask(asks, 5, 1);
	ask(asks, 6, 1);
	atomic_store(&serves->up->death.word, PEAL_REGION_OWNER_DIED);
	scene_run(50U * US);
	assert_true(scene_find(asks, PEAL_CLIENT_UNSERVED, &record));
	assert_int_equal(record.size, sizeof(unserved));
	memcpy(&unserved, record.bytes, sizeof(unserved));
	assert_int_equal(unserved.service, SERVICE);
	assert_int_equal(unserved.asks_count, 2);
	assert_false(scene_find(asks, PEAL_CLIENT_UNSERVED, &record));
	assert_false(scene_find(other, PEAL_CLIENT_UNSERVED, &record));
}

static void
test_clients_near__an_answer_to_a_former_client_of_the_place_is_dropped(void **state)
{
	struct visitor *asks = scene_attach(0, 0), *serves = scene_attach(1, 0), *next;
	struct peal_shmring_record record;
	struct peal_client_near near;
	uint32_t place = asks->place;

	(void)state;
	scene_listen(serves, BLOCK);
	scene_run(50U * US);
	ask(asks, 5, 1);
	near = await_near(serves, PEAL_CLIENT_ASKED, 5, 1);
	peal_clients_hang_up(asks->clients, place, PEAL_CLIENT_END_ASKED);
	scene_run(50U * US);
	say_near(serves, PEAL_CLIENT_ANSWER, &near, 1);
	scene_run(50U * US);
	peal_clients_free(asks->clients, place);
	next = scene_attach(2, 0);
	assert_int_equal(next->place, place);
	say_near(serves, PEAL_CLIENT_ANSWER, &near, 1);
	scene_run(50U * US);
	assert_false(scene_find(next, PEAL_CLIENT_ANSWERED, &record));
	assert_int_equal(scene_end_of(serves), PEAL_CLIENT_END_NONE);
}

static void
test_clients_near__what_cannot_be_cuts_off(void **state)
{
	static const struct {
		enum peal_client_up kind;
		struct peal_client_near near;
		uint32_t size; /* of the record */
	} wrong[] = {
		{PEAL_CLIENT_ASK, {.id = 1}, sizeof(struct peal_client_near) - 1U},
		{PEAL_CLIENT_ASK, {.id = 1, .service = PEAL_CLIENT_SERVICES_MAX},
			sizeof(struct peal_client_near)},
		{PEAL_CLIENT_ASK, {.id = 1},
			sizeof(struct peal_client_near) + PEAL_CLIENT_MESSAGE_SIZE_MAX + 1U},
		{PEAL_CLIENT_ANSWER, {.id = 1}, sizeof(struct peal_client_near) - 1U},
		{PEAL_CLIENT_ANSWER, {.id = 1, .asker = PEAL_CLIENT_ASKER_BAD},
			sizeof(struct peal_client_near)},
		{PEAL_CLIENT_ANSWER, {.id = 1, .result = PEAL_REQUEST_REFUSALS_COUNT},
			sizeof(struct peal_client_near)},
		{PEAL_CLIENT_ANSWER, {.id = 1},
			sizeof(struct peal_client_near) + PEAL_CLIENT_MESSAGE_SIZE_MAX + 1U},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct visitor *visitor = scene_attach(0, 0);

		memcpy(message, &wrong[i].near, sizeof(wrong[i].near));
		scene_say(visitor, wrong[i].kind, 0, message, wrong[i].size);
		scene_run(50U * US);
		assert_int_equal(scene_end_of(visitor), PEAL_CLIENT_END_VIOLATION);
		peal_clients_free(visitor->clients, visitor->place);
		free(visitor->up);
		free(visitor->down);
		visitor->up = NULL;
		visitor->down = NULL;
	}
}

static void
open_service(struct visitor *visitor, uint16_t tag, uint64_t mid)
{
	scene_open(visitor, tag, mid, BLOCK);
	scene_say(visitor, PEAL_CLIENT_SEND, tag, "x", 1);
}

static void
await_opened(struct visitor *visitor, uint64_t mid, uint16_t number)
{
	struct peal_shmring_record record;
	struct peal_client_open opened;

	assert_true(scene_find(visitor, PEAL_CLIENT_OPENED, &record));
	memcpy(&opened, record.bytes, sizeof(opened));
	assert_int_equal(opened.mid, mid);
	assert_int_equal(opened.number, number);
}

static void
test_clients_near__channels_of_a_service_never_meet(void **state)
{
	struct visitor *one = scene_attach(0, 0), *two = scene_attach(1, 0);
	struct visitor *far = scene_attach(2, 1);
	struct peal_shmring_record record;

	(void)state;
	scene_listen(one, BLOCK);
	scene_listen(far, BLOCK);
	scene_run(50U * US);
	/* Two of one node to the same member, and that one back, all of the same service. */
	open_service(one, PEAL_CLIENT_TAG(0, 1), 2);
	open_service(two, PEAL_CLIENT_TAG(0, 1), 2);
	open_service(far, PEAL_CLIENT_TAG(0, 1), 1);
	scene_run(5U * MS);
	await_opened(far, 1, (uint16_t)(BLOCK + one->place));
	await_opened(far, 1, (uint16_t)(BLOCK + two->place));
	await_opened(one, 2, (uint16_t)(BLOCK + PEAL_CLIENTS_MAX + far->place));
	assert_int_equal(scene_channels_count(0), 3);
	assert_int_equal(scene_channels_count(1), 3);
	/* Only the first number of a block may be named. */
	scene_open(two, PEAL_CLIENT_TAG(1, 1), 2, BLOCK + 1U);
	scene_run(50U * US);
	assert_int_equal(scene_end_of(two), PEAL_CLIENT_END_VIOLATION);
	scene_listen(one, BLOCK + 1U);
	scene_run(50U * US);
	assert_int_equal(scene_end_of(one), PEAL_CLIENT_END_VIOLATION);
	scene_run(5U * MS);
	assert_true(scene_find(far, PEAL_CLIENT_ENDED, &record));
}

int
main(void)
{
#define TEST(name)                                                                                 \
	cmocka_unit_test_setup_teardown(test_clients_near__##name, scene_begin, scene_finish)
	const struct CMUnitTest tests[] = {
		TEST(a_request_goes_to_who_serves_and_its_answer_back),
		TEST(nobody_is_overrun),
		TEST(who_asks_learns_at_once_that_who_served_is_gone),
		TEST(an_answer_to_a_former_client_of_the_place_is_dropped),
		TEST(what_cannot_be_cuts_off),
		TEST(channels_of_a_service_never_meet),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
