/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/fakenet.h"
#include "wire/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

/* One node that hears nothing of families 2 and 3, and what the others say to it then. */
struct deafness {
	uint32_t index;     /* UINT32_MAX = nobody */
	bool is_chain_only; /* nobody hears of snapshots */
	uint32_t seen[UINT8_MAX + 1];
};

static bool
is_unheard(void *state, uint32_t from, uint32_t to, uint8_t message)
{
	struct deafness *deafness = state;

	(void)from;
	deafness->seen[message]++;
	return (to == deafness->index && message >= 0x20) ||
	       (deafness->is_chain_only && message == PEAL_MESSAGE_SNAPSHOT);
}

/* `nodes_count` members; further ones, up to `all_count`, are there but not started. */
static struct peal_fakenet *
form(uint32_t nodes_count, uint32_t all_count, struct deafness *deafness)
{
	struct peal_fakenet *net = peal_fakenet_create(all_count, 3, 1, "dpdk");

	deafness->index = UINT32_MAX;
	net->filter = is_unheard;
	net->filter_state = deafness;
	net->has_heartbeat = true;
	for (uint32_t i = nodes_count; i < all_count; i++) {
		net->nodes[i]->is_alive = false;
	}
	assert_true(peal_fakenet_run_until_agreed(net, nodes_count, 20000 * MS));
	peal_fakenet_run(net, net->now_ns + 100 * MS);
	return net;
}

/* The cut that it missed is too large for a message: it hears of it and asks for the body. */
static void
test_on_sync__a_large_cut_is_asked_for_by_digest(void **state)
{
	struct deafness deafness = {0};
	struct peal_fakenet *net = form(6, 46, &deafness);
	struct peal_node *slow = &net->nodes[4]->node;

	(void)state;
	deafness.index = 4;
	deafness.is_chain_only = true;
	peal_fakenet_wake(net, 6);
	peal_fakenet_run(net, net->now_ns + 300 * MS);
	assert_int_equal(net->nodes[0]->node.view.members_count, 46);
	assert_int_equal(slow->view.members_count, 6);
	deafness.index = UINT32_MAX;
	assert_true(peal_fakenet_run_until_agreed(net, 46, 200 * MS));
	assert_true(deafness.seen[PEAL_MESSAGE_BODY_PULL] > 0);
	peal_fakenet_destroy(net);
}

/* Nobody knows the cuts any more that lead from there to here. */
static void
test_on_sync__who_is_too_far_behind_gets_the_view_itself(void **state)
{
	struct deafness deafness = {0};
	struct peal_fakenet *net = form(12, 12, &deafness);
	struct peal_node *slow = &net->nodes[4]->node;
	uint64_t mid = slow->self.mid;

	(void)state;
	deafness.index = 4;
	for (uint32_t victim = 9; victim < 12; victim++) {
		peal_fakenet_kill(net, victim);
		peal_fakenet_run(net, net->now_ns + 300 * MS);
	}
	assert_int_equal(net->nodes[0]->node.view.members_count, 9);
	for (uint32_t i = 0; i < 9; i++) {
		if (i != 4) {
			peal_history_clear(&net->nodes[i]->node.history);
		}
	}
	deafness.index = UINT32_MAX;
	assert_true(peal_fakenet_run_until_agreed(net, 9, 200 * MS));
	assert_true(deafness.seen[PEAL_MESSAGE_SNAPSHOT] > 0);
	assert_int_equal(slow->self.mid, mid);
	assert_int_equal(peal_fakenet_events(net, 4, PEAL_EVENT_CRASHED), 3);
	assert_int_equal(peal_fakenet_events(net, 4, PEAL_EVENT_KICKED), 0);
	/* It is a full member again. */
	peal_fakenet_kill(net, 8);
	assert_true(peal_fakenet_run_until_agreed(net, 8, 500 * MS));
	peal_fakenet_destroy(net);
}

/* The view that it gets does not have it: out, and in again as somebody else. */
static void
test_on_sync__who_is_not_in_the_view_comes_back_as_another(void **state)
{
	struct deafness deafness = {0};
	struct peal_fakenet *net = form(9, 9, &deafness);
	struct peal_node *slow = &net->nodes[4]->node;
	uint64_t mid = slow->self.mid;

	(void)state;
	deafness.index = 4;
	for (uint32_t i = 0; i < 9; i++) {
		if (i != 4) {
			peal_fakenet_report(net, i, slow->self_rank, 0xFF);
		}
	}
	peal_fakenet_run(net, net->now_ns + 300 * MS);
	assert_int_equal(net->nodes[0]->node.view.members_count, 8);
	for (uint32_t i = 0; i < 9; i++) {
		if (i != 4) {
			peal_history_clear(&net->nodes[i]->node.history);
		}
	}
	deafness.index = UINT32_MAX;
	assert_true(peal_fakenet_run_until_agreed(net, 9, 3000 * MS));
	assert_true(slow->self.mid > mid);
	assert_int_equal(peal_fakenet_events(net, 4, PEAL_EVENT_KICKED), 1);
	peal_fakenet_destroy(net);
}

/* In a large group: the chain for one, the snapshot for another who is further behind. */
static void
test_on_sync__a_large_group_brings_its_members_forward(void **state)
{
	struct deafness deafness = {0};
	struct peal_fakenet *net = form(70, 90, &deafness);
	uint64_t mid = net->nodes[10]->node.self.mid;

	(void)state;
	deafness.index = 10;
	peal_fakenet_wake(net, 70);
	peal_fakenet_run(net, net->now_ns + 500 * MS);
	assert_int_equal(net->nodes[0]->node.view.members_count, 90);
	assert_int_equal(net->nodes[10]->node.view.members_count, 70);
	peal_fakenet_kill(net, 80);
	peal_fakenet_run(net, net->now_ns + 300 * MS);
	deafness.index = UINT32_MAX;
	assert_true(peal_fakenet_run_until_agreed(net, 89, 1000 * MS));
	assert_int_equal(net->nodes[10]->node.self.mid, mid);

	deafness.index = 10;
	peal_fakenet_kill(net, 81);
	peal_fakenet_run(net, net->now_ns + 300 * MS);
	peal_fakenet_kill(net, 82);
	peal_fakenet_run(net, net->now_ns + 300 * MS);
	for (uint32_t i = 0; i < 90; i++) {
		if (i != 10) {
			peal_history_clear(&net->nodes[i]->node.history);
		}
	}
	deafness.index = UINT32_MAX;
	assert_true(peal_fakenet_run_until_agreed(net, 87, 1000 * MS));
	assert_int_equal(net->nodes[10]->node.self.mid, mid);
	assert_true(deafness.seen[PEAL_MESSAGE_SNAPSHOT] > 0);
	peal_fakenet_destroy(net);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_on_sync__a_large_cut_is_asked_for_by_digest),
		cmocka_unit_test(test_on_sync__who_is_too_far_behind_gets_the_view_itself),
		cmocka_unit_test(test_on_sync__who_is_not_in_the_view_comes_back_as_another),
		cmocka_unit_test(test_on_sync__a_large_group_brings_its_members_forward),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
