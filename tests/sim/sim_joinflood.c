/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Floods of join requests through a whole node: what they cost is bounded, what they get back is
 * less than they bring, and an honest joiner gets in while they last.
 */
#include "tests/sim/intruder.h"

#define MS          INTRUDER_MS
#define MEMBERS     5U
#define JOINER      MEMBERS /* index of the honest one */
#define FORGED_IPV4 (UINT32_C(172) << 24 | UINT32_C(16) << 16)
#define FLOOD_STEPS 600U
#define STEP_NS     (MS / 2U)
/* In each step: 200 000 requests a second. */
#define STEP_REQUESTS 100U

/* More than one member remembers; so many a millisecond. */
#define GHOSTS      (PEAL_PENDING_JOINS_MAX + 960U)
#define GHOSTS_STEP 40U
/* Some backed-off retries; and until the last ghost is forgotten. */
#define JOIN_MS_MAX 5000U
#define EXPIRY_MS   10000U

static uint8_t bytes[PEAL_BODY_SIZE_MAX];

/* Asks in the name of the station `number`. A forged one has a MAC of its own, to which no answer
 * ever leads; else the intruder hears what it is told. Returns the size of the UDP payload. */
static uint32_t
ask_as(struct intruder_scene *scene, uint32_t number, bool is_forged, const uint8_t cookie[16])
{
	const struct peal_parameters *parameters =
		&intruder_victim(scene)->node.admission.config.parameters;
	struct peal_join_request request = {.expect = 1,
		.member = {.uuid = {.low = number + 1U, .high = 77}, .shards_count = 1}};
	struct peal_headers own = scene->egress.headers;
	struct peal_address forged = own.address;
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));

	forged.ipv4 = FORGED_IPV4 + number;
	if (is_forged) {
		forged.mac[0] = 0x06;
		memcpy(forged.mac + 2, &number, sizeof(number));
	}
	peal_headers_init(&scene->egress.headers, &forged, 0);
	request.parameters = peal_parameters_hash(parameters);
	request.member.address = forged;
	memcpy(request.cookie, cookie, sizeof(request.cookie));
	peal_join_request_encode(&request, &writer);
	intruder_say(scene, PEAL_MESSAGE_JOIN_REQUEST, &writer);
	scene->egress.headers = own;
	return PEAL_HEADER_SIZE + (uint32_t)writer.offset + PEAL_TRAILER_SIZE;
}

static uint64_t
moved(struct intruder_scene *scene, enum peal_counter id)
{
	struct intruder_memory now;

	intruder_remember(scene, &now);
	return now.counters[id] - scene->before.counters[id];
}

static bool
has_joined(struct intruder_scene *scene)
{
	const struct peal_node *joiner = &scene->world.nodes[JOINER]->node;

	return peal_simnode_is_member(scene->world.nodes[JOINER]) && joiner->view.epoch > 0 &&
	       intruder_victim(scene)->node.view.members_count == MEMBERS + 1U;
}

/* Stations that are not there: no cookie ever reaches them, so nobody is remembered. */
static void
test_joinflood__forged_addresses_cost_nothing_but_time(void **state)
{
	static const uint8_t none[16];
	struct intruder_scene *scene = intruder_open(MEMBERS, 1);
	const struct peal_node *node = &intruder_victim(scene)->node;
	uint64_t asked_count = 0;
	uint32_t request_size = 0;
	uint32_t joined_at = FLOOD_STEPS;

	(void)state;
	intruder_begin(scene);
	for (uint32_t step = 0; step < FLOOD_STEPS; step++) {
		if (step == FLOOD_STEPS / 4U) {
			peal_simworld_start(&scene->world, JOINER);
		}
		for (uint32_t i = 0; i < STEP_REQUESTS; i++) {
			request_size = ask_as(scene, (uint32_t)asked_count++, true, none);
		}
		peal_simworld_run_for(&scene->world, STEP_NS);
		assert_in_range(node->admission.applicants.count, 0, 1);
		assert_in_range(scene->answers_count, 0, asked_count);
		if (joined_at == FLOOD_STEPS && step > FLOOD_STEPS / 4U && has_joined(scene)) {
			joined_at = step;
		}
	}
	/* The honest one was in before the flood was over, and asked from elsewhere all the time.
	 */
	assert_in_range(joined_at, FLOOD_STEPS / 4U, FLOOD_STEPS - 1U);
	assert_true(moved(scene, PEAL_COUNTER_JOINS_STARTED) <= 1);
	/* One answer for a request at most, and never a larger one. */
	assert_true(scene->answers_count > 0);
	assert_int_equal(scene->others_count, 0);
	assert_true(scene->answer_size_max <= request_size);
	assert_true(moved(scene, PEAL_COUNTER_REFUSED_RATE) > 0);
	assert_int_equal(moved(scene, PEAL_COUNTER_COOKIES_REFUSED), 0);
	print_message("# %llu requests, %llu answers, %llu unopened; joined after %u of %u ms\n",
		(unsigned long long)asked_count, (unsigned long long)scene->answers_count,
		(unsigned long long)moved(scene, PEAL_COUNTER_REFUSED_RATE),
		(uint32_t)((joined_at - FLOOD_STEPS / 4U) * STEP_NS / MS),
		(uint32_t)(FLOOD_STEPS * 3U / 4U * STEP_NS / MS));
	intruder_close(scene);
}

/* The same without the group's key: nothing is opened, nobody is answered. */
static void
test_joinflood__who_has_no_key_is_not_answered(void **state)
{
	static const uint8_t psk[PEAL_KEYRING_PSK_SIZE] = "the secret of nobody here......";
	static const uint8_t none[16];
	struct intruder_scene *scene = intruder_open(MEMBERS, 1);
	struct peal_keyring keyring;
	struct peal_aead_key key;
	uint64_t asked_count = 0;

	(void)state;
	peal_keyring_init(&keyring, psk, psk);
	intruder_make_pre_key(scene, &keyring, peal_simnode_cluster_name(), &key);
	scene->egress.pre_key = &key;
	intruder_begin(scene);
	for (uint32_t step = 0; step < FLOOD_STEPS; step++) {
		for (uint32_t i = 0; i < STEP_REQUESTS; i++) {
			(void)ask_as(scene, (uint32_t)asked_count++, true, none);
		}
		peal_simworld_run_for(&scene->world, STEP_NS);
	}
	peal_simworld_run_for(&scene->world, MS);
	assert_int_equal(scene->answers_count, 0);
	assert_int_equal(
		moved(scene, PEAL_COUNTER_REFUSED_RATE) + moved(scene, PEAL_COUNTER_REFUSED_TAG),
		asked_count);
	assert_int_equal(intruder_victim(scene)->node.admission.applicants.count, 0);
	assert_int_equal(moved(scene, PEAL_COUNTER_JOINS_DROPPED), 0);

	peal_simworld_start(&scene->world, JOINER);
	assert_true(peal_simworld_run_to_agreement(&scene->world, 1000U * MS));
	peal_keyring_close(&keyring);
	intruder_close(scene);
}

/* Each of `count` ghosts asks once, 40 000 a second: as many as a core opens. */
static void
ask_all(struct intruder_scene *scene, uint32_t first, uint32_t count)
{
	for (uint32_t number = first; number < first + count; number++) {
		(void)ask_as(scene, number, false, scene->cookies[number]);
		if ((number - first) % GHOSTS_STEP == GHOSTS_STEP - 1U) {
			peal_simworld_run_for(&scene->world, MS);
		}
	}
}

/* Ghosts that have the key and hear their answers: they are remembered, up to the bound, the others
 * are told to come later, none of them becomes a member, and all are forgotten in the end. */
static void
test_joinflood__ghosts_fill_a_table_and_no_more(void **state)
{
	struct intruder_scene *scene = intruder_open(MEMBERS, 1);
	const struct peal_node *node = &intruder_victim(scene)->node;
	uint64_t epoch = node->view.epoch;
	uint64_t began_at_ns = 0;
	uint32_t took_ms = 0;
	uint32_t request_size = 0;

	(void)state;
	scene->cookies = calloc(GHOSTS, sizeof(scene->cookies[0]));
	assert_non_null(scene->cookies);
	intruder_begin(scene);
	request_size = ask_as(scene, 0, false, scene->cookies[0]);
	ask_all(scene, 1, GHOSTS - 1U);
	assert_int_equal(node->admission.applicants.count, 0);
	ask_all(scene, 0, GHOSTS);
	assert_int_equal(node->admission.applicants.count, PEAL_PENDING_JOINS_MAX);
	assert_int_equal(moved(scene, PEAL_COUNTER_JOINS_REFUSED), GHOSTS - PEAL_PENDING_JOINS_MAX);
	assert_int_equal(scene->answer.status, PEAL_JOIN_BUSY);
	assert_true(scene->answer.retry_ms >= 500);
	assert_int_equal(scene->answers_count, 2U * GHOSTS);
	/* JOIN_PROBE: who has proved its address is asked whether it is still there. */
	assert_in_range(scene->others_count, 0, 2U * PEAL_PENDING_JOINS_MAX);
	assert_true(scene->answer_size_max <= request_size);

	/* They go on asking, so the table stays full; another introducer helps. */
	peal_simworld_start(&scene->world, JOINER);
	began_at_ns = scene->world.time.now_ns;
	for (uint32_t first = 0; !has_joined(scene); first = (first + GHOSTS_STEP) % GHOSTS) {
		ask_all(scene, first, GHOSTS_STEP);
		took_ms = (uint32_t)((scene->world.time.now_ns - began_at_ns) / MS);
		assert_true(took_ms < JOIN_MS_MAX);
		assert_in_range(node->admission.applicants.count, 0, PEAL_PENDING_JOINS_MAX);
	}
	print_message("# the honest one was in after %u ms\n", took_ms);
	assert_int_equal(node->view.epoch, epoch + 1U);
	peal_simworld_run_for(&scene->world, EXPIRY_MS * MS);
	assert_int_equal(node->admission.applicants.count, 0);
	assert_int_equal(node->view.epoch, epoch + 1U);
	free(scene->cookies);
	intruder_close(scene);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_joinflood__forged_addresses_cost_nothing_but_time),
		cmocka_unit_test(test_joinflood__who_has_no_key_is_not_answered),
		cmocka_unit_test(test_joinflood__ghosts_fill_a_table_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
