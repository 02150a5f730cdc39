/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/admission.h"
#include "membership/nextview.h"
#include "tests/lib/fakenet.h"
#include "wire/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

struct world {
	struct peal_timing timing;
	struct peal_view view;
	struct peal_topology topology;
	struct peal_counters counters;
	struct peal_outbox outbox;
	struct peal_admission admission;
	uint64_t heard_at_ns[PEAL_MEMBERS_MAX];
};

static const uint8_t cookie_good[16] = {1};
static const uint8_t cookie_old[16] = {2};

static struct peal_member
member(uint32_t number)
{
	return (struct peal_member){.uuid = {.low = number, .high = 9},
		.address = {.ipv4 = number, .port = 1, .mac = {2, 0, 0, 0, 0, 1}},
		.shards_count = 1};
}

/* Two members, 1 and 2; this node is the sequencer of the epoch. */
static struct world *
make(void)
{
	struct world *world = aligned_alloc(64, (sizeof(*world) + 63U) / 64U * 64U);
	struct peal_member founder = member(1);
	struct peal_view first;
	struct peal_proposal cut = {.additions_count = 1, .additions = {member(2)}};
	struct peal_admission_config config = {.timing = &world->timing,
		.view = &world->view,
		.topology = &world->topology,
		.counters = &world->counters,
		.parameters = 5,
		.self = founder.uuid};

	memset(world, 0, sizeof(*world));
	assert_true(peal_timing_find("dpdk", &world->timing));
	peal_nextview_create((struct peal_uuid){.low = 5, .high = 6}, 10, &founder, &first);
	cut.parent_epoch = first.epoch;
	cut.parent_hash = first.hash;
	peal_nextview_apply(&first, &cut, &world->view);
	peal_rings_build(&world->view, &world->topology);
	peal_admission_init(&world->admission, &config);
	peal_admission_on_view(&world->admission,
		peal_rings_elect(&world->topology, &world->view, 0, 0), 0, &world->outbox);
	return world;
}

static struct peal_join_answer
ask(struct world *world, uint32_t number, uint64_t parameters, const uint8_t *cookie,
	uint64_t now_ns)
{
	struct peal_join_request request = {
		.parameters = parameters, .expect = 1, .member = member(number)};
	struct peal_join_answer answer;
	struct peal_reader reader;

	memcpy(request.cookie, cookie, 16);
	peal_outbox_reset(&world->outbox);
	peal_admission_on_request(&world->admission, &request, &request.member.address, cookie_good,
		cookie_old, now_ns, &world->outbox);
	assert_true(world->outbox.count >= 1);
	assert_int_equal(world->outbox.effects[0].message, PEAL_MESSAGE_JOIN_ANSWER);
	reader = peal_reader_init(
		peal_outbox_body(&world->outbox, 0), world->outbox.effects[0].body_size);
	assert_true(peal_join_answer_decode(&reader, &answer));
	return answer;
}

static const struct peal_proposal *
tick(struct world *world, bool is_free, uint64_t now_ns)
{
	peal_outbox_reset(&world->outbox);
	return peal_admission_on_tick(
		&world->admission, world->heard_at_ns, is_free, now_ns, &world->outbox);
}

static void
test_admission__every_refusal_by_name(void **state)
{
	struct world *world = make();
	uint8_t wrong[16] = {7};
	uint8_t none[16] = {0};

	(void)state;
	assert_int_equal(ask(world, 9, 6, cookie_good, 1).status, PEAL_JOIN_PARAMETER_MISMATCH);
	assert_int_equal(ask(world, 9, 5, none, 1).status, PEAL_JOIN_CHALLENGE);
	assert_int_equal(peal_counter_get(&world->counters, PEAL_COUNTER_COOKIES_REFUSED), 0);
	assert_int_equal(ask(world, 9, 5, wrong, 1).status, PEAL_JOIN_CHALLENGE);
	assert_int_equal(peal_counter_get(&world->counters, PEAL_COUNTER_COOKIES_REFUSED), 1);
	assert_int_equal(ask(world, 9, 5, cookie_old, 1).status, PEAL_JOIN_PENDING);
	assert_int_equal(ask(world, 2, 5, cookie_good, 1).status, PEAL_JOIN_ALREADY_MEMBER);
	assert_int_equal(world->outbox.effects[1].message, PEAL_MESSAGE_INSTALL);
	peal_admission_bury(&world->admission, (struct peal_uuid){.low = 8, .high = 9});
	assert_int_equal(ask(world, 8, 5, cookie_good, 1).status, PEAL_JOIN_UUID_USED);
	for (uint32_t i = 100; i < 100 + PEAL_PENDING_JOINS_MAX - 1U; i++) {
		assert_int_equal(ask(world, i, 5, cookie_good, 1).status, PEAL_JOIN_PENDING);
	}
	assert_int_equal(ask(world, 300, 5, cookie_good, 1).status, PEAL_JOIN_BUSY);
	free(world);
}

static void
test_admission__one_batch_in_uuid_order_after_the_window(void **state)
{
	struct world *world = make();
	const struct peal_proposal *batch = NULL;

	(void)state;
	(void)ask(world, 30, 5, cookie_good, 1);
	(void)ask(world, 20, 5, cookie_good, 1);
	assert_null(tick(world, true, 1)); /* forwarded to itself: the window opens */
	assert_null(tick(world, false, 1 + world->timing.join_quiet_ns));
	assert_true(
		peal_admission_deadline_at_ns(&world->admission) > 1 + world->timing.join_quiet_ns);
	batch = tick(world, true, 1 + 2 * world->timing.join_quiet_ns);
	assert_non_null(batch);
	assert_int_equal(batch->additions_count, 2);
	assert_int_equal(batch->additions[0].uuid.low, 20);
	assert_true(peal_bitset_is_empty(&batch->removals));
	assert_int_equal(peal_nextview_validate(&world->view, batch), PEAL_VALID);
	/* Once an epoch; then only repeats of the same. */
	(void)ask(world, 40, 5, cookie_good, 1);
	assert_null(tick(world, true, 900 * MS));
	free(world);
}

/* Two members may take in two at once: with a third they could not remove them all again. */
static void
test_admission__at_most_doubles_the_group(void **state)
{
	struct world *world = make();
	const struct peal_proposal *batch = NULL;

	(void)state;
	for (uint32_t number = 30; number < 35; number++) {
		(void)ask(world, number, 5, cookie_good, 1);
	}
	assert_null(tick(world, true, 1));
	batch = tick(world, true, 1 + world->timing.join_quiet_ns);
	assert_non_null(batch);
	assert_int_equal(batch->additions_count, 2);
	free(world);
}

static void
test_admission__forgets_who_does_not_ask_any_more(void **state)
{
	struct world *world = make();
	uint64_t gone_ns = PEAL_ADMISSION_EXPIRY_FORWARDS * world->timing.join_forward_ns;

	(void)state;
	(void)ask(world, 30, 5, cookie_good, 1);
	assert_null(tick(world, false, 1));
	assert_null(tick(world, false, gone_ns / 2));
	assert_null(tick(world, false, 2 * gone_ns));
	assert_null(tick(world, true, 2 * gone_ns + 100 * MS));
	assert_int_equal(world->admission.items_count, 0);
	free(world);
}

static void
test_admission__replaces_only_who_is_silent(void **state)
{
	struct world *world = make();
	struct peal_join_request request = {.parameters = 5, .expect = 1, .member = member(2)};
	const struct peal_proposal *batch = NULL;

	(void)state;
	request.member.uuid.low = 77; /* another process at the address of member 2 */
	memcpy(request.cookie, cookie_good, 16);
	peal_admission_on_request(&world->admission, &request, &request.member.address, cookie_good,
		cookie_old, 10 * MS, &world->outbox);
	world->heard_at_ns[1] = 11 * MS;
	assert_null(tick(world, true, 10 * MS));
	assert_null(tick(world, true, 300 * MS));
	world->heard_at_ns[1] = 9 * MS;
	batch = tick(world, true, 310 * MS);
	assert_non_null(batch);
	assert_true(peal_bitset_has(&batch->removals, 1));
	assert_int_equal(batch->additions_count, 1);
	free(world);
}

/* Silence of a moment is none: a living member speaks once in a probe interval. */
static void
test_admission__waits_before_it_replaces(void **state)
{
	struct world *world = make();
	struct peal_join_request request = {.parameters = 5, .expect = 1, .member = member(2)};
	uint64_t wait_ns = world->timing.probe_interval_ns * 6 / 5;

	(void)state;
	request.member.uuid.low = 77;
	memcpy(request.cookie, cookie_good, 16);
	peal_admission_on_request(&world->admission, &request, &request.member.address, cookie_good,
		cookie_old, 10 * MS, &world->outbox);
	world->heard_at_ns[1] = 9 * MS;
	assert_null(tick(world, true, 10 * MS));
	assert_null(tick(world, true, 10 * MS + wait_ns - 1U));
	assert_non_null(tick(world, true, 20 * MS + wait_ns));
	free(world);
}

static void
test_admission__forwards_again_to_an_alternate(void **state)
{
	struct world *world = make();

	(void)state;
	/* Not the sequencer any more: the other one is. */
	world->admission.self_rank = peal_rings_elect(&world->topology, &world->view, 0, 1);
	(void)ask(world, 30, 5, cookie_good, 1);
	assert_null(tick(world, true, 1));
	assert_int_equal(world->outbox.count, 1);
	assert_int_equal(world->outbox.effects[0].message, PEAL_MESSAGE_JOIN_FORWARD);
	assert_null(tick(world, true, 1 + world->timing.join_forward_ns));
	assert_int_equal(world->admission.items_count, 1); /* its own turn as the alternate */
	free(world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_admission__every_refusal_by_name),
		cmocka_unit_test(test_admission__one_batch_in_uuid_order_after_the_window),
		cmocka_unit_test(test_admission__replaces_only_who_is_silent),
		cmocka_unit_test(test_admission__waits_before_it_replaces),
		cmocka_unit_test(test_admission__at_most_doubles_the_group),
		cmocka_unit_test(test_admission__forgets_who_does_not_ask_any_more),
		cmocka_unit_test(test_admission__forwards_again_to_an_alternate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
