/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/netscene.h"

static void
push_up(struct peal_fakeplane *fake, const struct peal_record *record)
{
	fake->up[(fake->up_head + fake->up_count++) % PEAL_PLANE_RECORDS_MAX] = *record;
}

static void
test_on_peer__reports_of_an_old_epoch_are_nothing(void **state)
{
	struct peal_fakenet *net = form(5);
	struct peal_record alert = {
		.kind = PEAL_RECORD_ALERT, .rank = 2, .mask = 0xF, .reason = 1, .epoch = 1};

	(void)state;
	push_up(&net->nodes[0]->fake, &alert);
	peal_fakenet_run(net, net->now_ns + 100 * MS);
	assert_true(peal_fakenet_agrees(net, 5));
	assert_int_equal(peal_fakenet_events(net, 0, PEAL_EVENT_ACCUSED), 0);
	peal_fakenet_destroy(net);
}

static void
test_on_peer__detection_is_the_report_that_reaches_h(void **state)
{
	struct peal_fakenet *net = form(5);
	struct peal_node *node = &net->nodes[0]->node;
	uint16_t rank = node->self_rank == 2 ? 3 : 2;

	(void)state;
	peal_fakenet_report(net, 0, rank, 0x1);
	peal_fakenet_run(net, net->now_ns + 10 * MS);
	assert_int_equal(peal_fakenet_events(net, 0, PEAL_EVENT_ACCUSED), 1);
	assert_int_equal(peal_fakenet_events(net, 0, PEAL_EVENT_DETECTED), 0);
	peal_fakenet_report(net, 0, rank, 0x7);
	peal_fakenet_run(net, net->now_ns + 10 * MS);
	assert_int_equal(peal_fakenet_events(net, 0, PEAL_EVENT_DETECTED), 0);
	peal_fakenet_report(net, 0, rank, 0xF);
	peal_fakenet_run(net, net->now_ns + 1 * MS);
	assert_int_equal(peal_fakenet_events(net, 0, PEAL_EVENT_DETECTED), 1);
	peal_fakenet_destroy(net);
}

static void
test_on_peer__ahead_without_help_means_out(void **state)
{
	struct peal_fakenet *net = form(3);
	struct peal_node *node = &net->nodes[1]->node;
	struct peal_record ahead = {.kind = PEAL_RECORD_AHEAD, .mid = 1, .epoch = 99};
	struct peal_uuid before = node->self.uuid;

	(void)state;
	push_up(&net->nodes[1]->fake, &ahead);
	peal_fakenet_run(net, net->now_ns + 4000 * MS);
	push_up(&net->nodes[1]->fake, &ahead);
	peal_fakenet_run(net, net->now_ns + 10 * MS);
	assert_int_equal(peal_fakenet_events(net, 1, PEAL_EVENT_KICKED), 0);
	peal_fakenet_run(net, net->now_ns + 2000 * MS);
	push_up(&net->nodes[1]->fake, &ahead);
	peal_fakenet_run(net, net->now_ns + 5 * MS);
	assert_int_equal(peal_fakenet_events(net, 1, PEAL_EVENT_KICKED), 1);
	assert_false(peal_uuid_equals(before, node->self.uuid));
	peal_fakenet_destroy(net);
}

static void
test_on_peer__who_is_too_far_behind_gets_nothing(void **state)
{
	struct peal_fakenet *net = form(3);
	struct peal_record behind = {.kind = PEAL_RECORD_BEHIND, .mid = 2, .epoch = 0};

	(void)state;
	push_up(&net->nodes[0]->fake, &behind);
	peal_fakenet_run(net, net->now_ns + 1 * MS);
	assert_int_equal(net->nodes[0]->node.down_free_count, PEAL_PLANE_BUFFERS_MAX);
	peal_fakenet_destroy(net);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_on_peer__reports_of_an_old_epoch_are_nothing),
		cmocka_unit_test(test_on_peer__detection_is_the_report_that_reaches_h),
		cmocka_unit_test(test_on_peer__ahead_without_help_means_out),
		cmocka_unit_test(test_on_peer__who_is_too_far_behind_gets_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
