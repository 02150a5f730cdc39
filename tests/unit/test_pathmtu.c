/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/pathmtu.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/refuse.h"
#include "tests/lib/speaker.h"
#include "wire/messages.h"
#include "wire/path_msg.h"

#define NUMBER 7U
/* What packets of the fake switch may be: a body of this size fills them. */
#define MTU       2030U
#define TOP_SIZE  (MTU - 76U)
#define USUAL     (1500U - 76U)
#define LINK_SIZE 14U
#define MS        UINT64_C(1000000)

static struct peal_fakecores *cores;
static struct peal_speaker *speakers;
static struct peal_speaker *a;
static struct peal_speaker *b;

/* Packets above these are lost on the way there, and back. */
static uint32_t there_size_max;
static uint32_t back_size_max;
static uint32_t lost_count;

static bool
lose_large(void *state, uint32_t from, uint32_t to, const uint8_t *data, uint32_t size)
{
	uint32_t size_max = from == 0 && to == 1 ? there_size_max : back_size_max;
	bool passes = size <= size_max;

	(void)state;
	(void)data;
	lost_count += !passes;
	return passes;
}

static int
begin(void **state)
{
	(void)state;
	cores = peal_fakecores_create_view(3, "ipsec_mb");
	speakers = peal_speakers_create_wide(cores, TOP_SIZE);
	a = &speakers[0];
	b = &speakers[1];
	cores->wire->filter = lose_large;
	there_size_max = back_size_max = UINT32_MAX;
	lost_count = 0;
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	peal_fakecores_destroy(cores);
	peal_speakers_destroy(speakers);
	return 0;
}

static uint64_t
counter(uint32_t index, enum peal_counter id)
{
	return peal_fakecores_counter(cores, index, id);
}

static void
pass(uint64_t span_ns, uint64_t step_ns)
{
	for (uint64_t passed_ns = 0; passed_ns < span_ns; passed_ns += step_ns) {
		cores->now_ns += step_ns;
		peal_fakecores_turn_all(cores);
	}
}

static uint16_t
open_to_b(void)
{
	uint16_t channel = PEAL_CHANNEL_NONE;

	assert_int_equal(peal_channels_open(&a->channels, 2, NUMBER, &channel), PEAL_CHANNEL_OK);
	return channel;
}

/* A view of the nodes of a mask, for all of them. */
static void
install(uint64_t epoch, uint32_t mask)
{
	for (uint32_t i = 0; i < 3; i++) {
		if ((mask >> i & 1U) != 0) {
			peal_fakecores_install(cores, i, epoch, mask, 0);
		}
	}
}

static uint32_t
size_to_b(void)
{
	return peal_pathmtu_body_size(&a->channels.paths, 1);
}

static void
test_pathmtu__proves_the_largest_at_once(void **state)
{
	(void)state;
	assert_int_equal(size_to_b(), PEAL_BODY_SIZE_MAX);
	pass(20 * MS, MS);
	assert_int_equal(counter(0, PEAL_COUNTER_PATH_PROBES_SENT), 0); /* nobody wants it */
	open_to_b();
	pass(MS / 10, MS / 20);
	assert_int_equal(size_to_b(), TOP_SIZE);
	assert_int_equal(counter(0, PEAL_COUNTER_PATH_PROBES_SENT), 3);
	assert_int_equal(counter(1, PEAL_COUNTER_PATH_PROBES_ANSWERED), 3);
	assert_int_equal(counter(0, PEAL_COUNTER_PATHS_WIDENED), 1 + 1); /* by the usual size */
	/* It is known: nothing is due any more. */
	assert_true(peal_pathmtu_deadline_at_ns(&a->channels.paths) == UINT64_MAX);
	/* Of the way back nobody knows. */
	assert_int_equal(peal_pathmtu_body_size(&b->channels.paths, 0), PEAL_BODY_SIZE_MAX);
}

static void
test_pathmtu__finds_a_narrow_path_and_tries_again_later(void **state)
{
	(void)state;
	there_size_max = LINK_SIZE + 1500U;
	open_to_b();
	pass(MS, MS / 10);
	assert_int_equal(size_to_b(), USUAL); /* used at once */
	pass(60 * MS, MS / 10);
	assert_int_equal(lost_count, PEAL_PATHMTU_TRIES_MAX);
	assert_false(a->channels.paths.peers[1].is_trying);
	there_size_max = UINT32_MAX;
	pass(PEAL_PATHMTU_RAISE_NS - 200 * MS, 100 * MS);
	assert_int_equal(size_to_b(), USUAL);
	pass(400 * MS, 100 * MS);
	assert_int_equal(size_to_b(), TOP_SIZE);
}

static void
test_pathmtu__what_is_lost_on_the_way_back_proves_nothing(void **state)
{
	(void)state;
	back_size_max = 0;
	open_to_b();
	pass(100 * MS, MS);
	assert_int_equal(size_to_b(), PEAL_BODY_SIZE_MAX);
	assert_true(counter(1, PEAL_COUNTER_PATH_PROBES_ANSWERED) > 0);
	/* Nor does silence say that a path is narrow; it is asked again. */
	back_size_max = UINT32_MAX;
	pass(2 * PEAL_PATHMTU_AGAIN_NS, MS);
	assert_int_equal(size_to_b(), TOP_SIZE);
	back_size_max = 0;
	peal_pathmtu_suspect(&a->channels.paths, 1);
	pass(100 * MS, MS);
	assert_int_equal(size_to_b(), TOP_SIZE);
	assert_int_equal(counter(0, PEAL_COUNTER_PATHS_NARROWED), 0);
}

static void
test_pathmtu__a_black_hole_is_found_when_it_is_suspected(void **state)
{
	struct peal_pathmtu *paths = &a->channels.paths;

	(void)state;
	open_to_b();
	pass(MS, MS / 10);
	there_size_max = LINK_SIZE + PEAL_MTU_MIN;
	pass(100 * MS, MS);
	assert_int_equal(size_to_b(), TOP_SIZE);
	peal_pathmtu_suspect(paths, 1);
	peal_pathmtu_suspect(paths, 1); /* a round goes on: once is enough */
	assert_int_equal(counter(0, PEAL_COUNTER_PATHS_SUSPECTED), 1);
	pass(100 * MS, MS);
	assert_int_equal(size_to_b(), PEAL_BODY_SIZE_MAX);
	assert_int_equal(counter(0, PEAL_COUNTER_PATHS_NARROWED), 1);
	/* The smallest cannot be suspected. */
	peal_pathmtu_suspect(paths, 1);
	assert_int_equal(counter(0, PEAL_COUNTER_PATHS_SUSPECTED), 1);
}

static void
test_pathmtu__each_view_proves_it_anew(void **state)
{
	uint64_t sent_count;

	(void)state;
	open_to_b();
	pass(MS, MS / 10);
	sent_count = counter(0, PEAL_COUNTER_PATH_PROBES_SENT);
	there_size_max = LINK_SIZE + 1500U;
	install(PEAL_FAKECORE_EPOCH + 1U, 0x7);
	pass(MS, MS / 10);
	assert_true(counter(0, PEAL_COUNTER_PATH_PROBES_SENT) > sent_count);
	assert_int_equal(size_to_b(), TOP_SIZE); /* meanwhile */
	pass(100 * MS, MS);
	assert_int_equal(size_to_b(), USUAL);
	/* Who is gone is forgotten. */
	install(PEAL_FAKECORE_EPOCH + 2U, 0x5);
	pass(MS, MS / 10);
	assert_int_equal(size_to_b(), PEAL_BODY_SIZE_MAX);
	assert_true(peal_pathmtu_deadline_at_ns(&a->channels.paths) == UINT64_MAX);
}

/* Says something about paths to node 0 as node 1. */
static void
say(uint8_t kind, const uint8_t *body, uint16_t size)
{
	struct peal_header header = peal_fakecores_header(cores, 1, 0, kind);

	peal_fakecores_inject(cores, 1, 0, &header, body, size);
	pass(1000, 1000);
}

static void
test_pathmtu__believes_only_answers_to_what_it_asked(void **state)
{
	struct peal_path_msg message = {.size = TOP_SIZE};
	uint8_t body[PEAL_PATH_MSG_SIZE + 1U] = {0};

	(void)state;
	cores->nodes[1]->is_running = false;
	open_to_b();
	pass(1000, 1000);
	message.round = a->channels.paths.peers[1].round + 1U;
	peal_path_msg_encode(&message, body);
	say(PEAL_MESSAGE_PATH_ANSWER, body, PEAL_PATH_MSG_SIZE);
	message.round--;
	message.size--; /* no size that was tried */
	peal_path_msg_encode(&message, body);
	say(PEAL_MESSAGE_PATH_ANSWER, body, PEAL_PATH_MSG_SIZE);
	assert_int_equal(size_to_b(), PEAL_BODY_SIZE_MAX);
	assert_int_equal(counter(0, PEAL_COUNTER_REFUSED_BODY), 0);
	message.size++;
	peal_path_msg_encode(&message, body);
	say(PEAL_MESSAGE_PATH_ANSWER, body, PEAL_PATH_MSG_SIZE);
	assert_int_equal(size_to_b(), TOP_SIZE);
}

static void
test_pathmtu__refuses_what_is_malformed(void **state)
{
	struct peal_path_msg message = {.round = 1, .size = PEAL_PATH_MSG_SIZE};
	uint8_t body[64] = {0};
	struct peal_path_msg read;

	(void)state;
	peal_path_msg_encode(&message, body);
	assert_true(peal_path_msg_decode(body, PEAL_PATH_MSG_SIZE, true, &read));
	assert_int_equal(read.round, 1);
	assert_int_equal(read.size, PEAL_PATH_MSG_SIZE);
	assert_false(peal_path_msg_decode(body, PEAL_PATH_MSG_SIZE + 1U, true, &read));
	assert_false(peal_path_msg_decode(body, PEAL_PATH_MSG_SIZE - 1U, true, &read));
	assert_false(peal_path_msg_decode(body, PEAL_PATH_MSG_SIZE + 1U, false, &read));
	message.size = PEAL_LARGE_BODY_SIZE_MAX + 1U;
	peal_path_msg_encode(&message, body);
	assert_false(peal_path_msg_decode(body, PEAL_PATH_MSG_SIZE, false, &read));
	message.size = PEAL_PATH_MSG_SIZE;
	peal_path_msg_encode(&message, body);
	body[7] = 1;
	assert_false(peal_path_msg_decode(body, PEAL_PATH_MSG_SIZE, false, &read));
	say(PEAL_MESSAGE_PATH_PROBE, body, PEAL_PATH_MSG_SIZE);
	assert_int_equal(counter(0, PEAL_COUNTER_REFUSED_BODY), 1);
	assert_int_equal(counter(0, PEAL_COUNTER_PATH_PROBES_ANSWERED), 0);
}

static void
test_pathmtu__answers_only_what_it_has_buffers_for(void **state)
{
	(void)state;
	b->channels.paths.buffer_size = USUAL;
	open_to_b();
	pass(100 * MS, MS);
	assert_int_equal(size_to_b(), USUAL);
}

static void
test_pathmtu__costs_nothing_on_a_link_of_small_packets(void **state)
{
	(void)state;
	cores->nodes[0]->core.egress.body_size_max = PEAL_BODY_SIZE_MAX;
	peal_channels_switch(&a->channels, cores->nodes[0]->core.peers);
	open_to_b();
	pass(100 * MS, MS);
	assert_int_equal(counter(0, PEAL_COUNTER_PATH_PROBES_SENT), 0);
	assert_true(peal_pathmtu_deadline_at_ns(&a->channels.paths) == UINT64_MAX);
}

#define PATH_TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PATH_TEST(test_pathmtu__proves_the_largest_at_once),
		PATH_TEST(test_pathmtu__finds_a_narrow_path_and_tries_again_later),
		PATH_TEST(test_pathmtu__what_is_lost_on_the_way_back_proves_nothing),
		PATH_TEST(test_pathmtu__a_black_hole_is_found_when_it_is_suspected),
		PATH_TEST(test_pathmtu__each_view_proves_it_anew),
		PATH_TEST(test_pathmtu__believes_only_answers_to_what_it_asked),
		PATH_TEST(test_pathmtu__refuses_what_is_malformed),
		PATH_TEST(test_pathmtu__answers_only_what_it_has_buffers_for),
		PATH_TEST(test_pathmtu__costs_nothing_on_a_link_of_small_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
