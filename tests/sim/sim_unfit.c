/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Members that answer and are of no use: one that stays in an old epoch while others go on, one
 * whose control plane stands still; and a group that can decide nothing. Each says so by name, the
 * group goes on without the unfit, and who was removed comes back as another, or stays out.
 */
#include "tests/sim/simrun.h"

#include "dataplane/headers.h"
#include "sim/simworld.h"
#include "wire/alert_msg.h"
#include "wire/frame.h"

#define MS    UINT64_C(1000000)
#define NODES 7U
/* The one that is unfit. */
#define UNFIT 3U

/* What the nodes logged, by kind and value. */
struct diary {
	uint32_t accused_count[PEAL_ALERT_LAG + 1U]; /* of the unfit one, by reason, at all nodes */
	uint32_t detected_count[PEAL_ALERT_LAG + 1U];      /* the same */
	uint32_t kicked_count[PEAL_KICKED_NO_QUORUM + 1U]; /* of the unfit one itself */
	uint32_t behind_count;                             /* the same */
	uint32_t no_quorum_count[NODES];
	uint32_t quorum_count[NODES];
	uint64_t unfit_mid;
};

static void
note(void *state, uint16_t index, const struct peal_event *event, uint64_t at_ns)
{
	struct diary *diary = state;

	(void)at_ns;
	switch ((enum peal_event_kind)event->kind) {
	case PEAL_EVENT_ACCUSED:
		diary->accused_count[event->value] += event->mid == diary->unfit_mid ? 1U : 0U;
		break;
	case PEAL_EVENT_DETECTED:
		diary->detected_count[event->value] += event->mid == diary->unfit_mid ? 1U : 0U;
		break;
	case PEAL_EVENT_KICKED:
		diary->kicked_count[event->value] += index == UNFIT ? 1U : 0U;
		break;
	case PEAL_EVENT_BEHIND:
		diary->behind_count += index == UNFIT ? 1U : 0U;
		break;
	case PEAL_EVENT_NO_QUORUM:
		diary->no_quorum_count[index]++;
		break;
	case PEAL_EVENT_QUORUM:
		diary->quorum_count[index]++;
		break;
	case PEAL_EVENT_STARTED:
	case PEAL_EVENT_VIEW:
	case PEAL_EVENT_JOINED:
	case PEAL_EVENT_LEFT:
	case PEAL_EVENT_CRASHED:
	case PEAL_EVENT_REPLACED:
	case PEAL_EVENT_PROPOSED:
	case PEAL_EVENT_LEAVING:
	case PEAL_EVENT_REFUSED:
	case PEAL_EVENT_UNANSWERED:
	case PEAL_EVENT_UNREACHABLE:
	case PEAL_EVENT_METADATA_FULL:
	case PEAL_EVENT_ORDERGROUP:
	case PEAL_EVENT_ORDERGROUP_REFUSED:
	case PEAL_EVENT_WAITING:
		break;
	}
}

/* Nothing but liveness and joining reaches the unfit one. */
static bool
is_news_to_unfit(void *state, uint16_t from, uint16_t to, const struct peal_simframe *frame)
{
	uint32_t size;
	const uint8_t *payload = peal_headers_payload(frame->bytes, frame->size, &size);

	(void)state;
	(void)from;
	return to == UNFIT && payload != NULL &&
	       peal_message_family(payload[3]) >= PEAL_FAMILY_FLOOD;
}

static void
open_world(struct peal_simworld *world, struct diary *diary, uint64_t seed)
{
	struct peal_simworld_config config = {.nodes_count = NODES, .preset = "dpdk", .seed = seed};

	memset(diary, 0, sizeof(*diary));
	peal_report_init(&simrun_report);
	peal_simworld_init(world, &config, &simrun_report);
	world->on_event = note;
	world->on_event_state = diary;
	assert_true(peal_simworld_form(world));
	/* An unfit newcomer has time to become fit; this is about members that were. */
	peal_simworld_run_for(world, world->timing.install_ns);
	diary->unfit_mid = world->nodes[UNFIT]->node.self.mid;
}

static void
close_world(struct peal_simworld *world)
{
	peal_simworld_fini(world);
	if (simrun_report.violations_count > 0) {
		simrun_say();
	}
	assert_int_equal(simrun_report.violations_count, 0);
}

/* Sum of a counter of the cores. */
static uint64_t
count(const struct peal_simworld *world, enum peal_counter id)
{
	uint64_t sum = 0;

	for (uint16_t i = 0; i < NODES; i++) {
		sum += peal_counter_get(&world->nodes[i]->core.counters, id);
	}
	return sum;
}

/* Epochs go on: two leave, one after the other. The unfit one hears none of it. */
static void
go_on(struct peal_simworld *world)
{
	uint64_t epoch = world->nodes[0]->node.view.epoch;

	world->net.lose = is_news_to_unfit;
	peal_check_healthy_on_fault(&world->healthy, UNFIT);
	for (uint16_t leaver = 5; leaver < NODES; leaver++) {
		peal_simworld_leave(world, leaver);
		peal_simworld_run_for(world, 200U * MS);
	}
	assert_int_equal(world->nodes[0]->node.view.epoch, epoch + 2U);
	assert_int_equal(world->nodes[UNFIT]->node.view.epoch, epoch);
}

/* It is told by everybody that they are ahead, asks for what it lacks, and gets nothing. */
static void
test_unfit__who_cannot_follow_counts_itself_out(void **state)
{
	struct peal_simworld world;
	struct diary diary;

	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		open_world(&world, &diary, seed);
		go_on(&world);
		peal_simworld_run_for(&world, world.timing.install_ns / 2U);
		assert_int_equal(diary.behind_count, 1);
		peal_simworld_run_for(&world, world.timing.install_ns / 2U + 500U * MS);
		assert_int_equal(diary.kicked_count[PEAL_KICKED_LAG], 1);
		world.net.lose = NULL;
		assert_true(
			peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world)));
		assert_true(world.nodes[UNFIT]->node.self.mid > diary.unfit_mid);
		assert_int_equal(world.nodes[0]->node.view.members_count, 5);
		close_world(&world);
	}
}

/* The same with a bug: it does not notice that it cannot follow. */
static void
never_give_up(void *state, struct peal_simnode *simnode)
{
	(void)state;
	if (simnode->index == UNFIT) {
		simnode->node.ahead_since_ns = 0;
	}
}

static void
test_unfit__who_lags_and_does_not_notice_is_removed(void **state)
{
	struct peal_simworld world;
	struct diary diary;

	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		open_world(&world, &diary, seed);
		world.tamper = never_give_up;
		go_on(&world);
		peal_simworld_run_for(&world, PEAL_LAG_NS_MIN - 500U * MS);
		assert_int_equal(count(&world, PEAL_COUNTER_EDGES_LAGGING), 0);
		peal_simworld_run_for(&world, 1000U * MS);
		/* Everybody else observes it. */
		assert_int_equal(count(&world, PEAL_COUNTER_EDGES_LAGGING), 4);
		assert_int_equal(diary.accused_count[PEAL_ALERT_LAG], 4);
		assert_int_equal(diary.detected_count[PEAL_ALERT_LAG], 4);
		assert_int_equal(diary.accused_count[PEAL_ALERT_SILENT], 0);
		assert_int_equal(world.nodes[0]->node.view.members_count, 4);
		world.tamper = NULL;
		world.net.lose = NULL;
		assert_true(
			peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world)));
		assert_true(world.nodes[UNFIT]->node.self.mid > diary.unfit_mid);
		close_world(&world);
	}
}

/* Its core answers every probe; its control plane does not run. */
static void
test_unfit__a_stuck_control_plane_is_named(void **state)
{
	struct peal_simworld world;
	struct diary diary;

	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		open_world(&world, &diary, seed);
		peal_simworld_stick(&world, UNFIT, true);
		peal_simworld_run_for(&world, world.timing.stuck_ns - 500U * MS);
		assert_int_equal(count(&world, PEAL_COUNTER_EDGES_STUCK), 0);
		peal_simworld_run_for(&world, 1000U * MS);
		/* Five of its six observers are enough, and then there is nothing left to see. */
		assert_in_range(count(&world, PEAL_COUNTER_EDGES_STUCK), NODES - 2U, NODES - 1U);
		assert_int_equal(diary.accused_count[PEAL_ALERT_STUCK], NODES - 1U);
		assert_int_equal(diary.detected_count[PEAL_ALERT_STUCK], NODES - 1U);
		assert_int_equal(diary.accused_count[PEAL_ALERT_SILENT], 0);
		assert_int_equal(world.nodes[0]->node.view.members_count, NODES - 1U);

		peal_simworld_stick(&world, UNFIT, false);
		assert_true(
			peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world)));
		assert_int_equal(diary.kicked_count[PEAL_KICKED_REMOVED], 1);
		assert_true(world.nodes[UNFIT]->node.self.mid > diary.unfit_mid);
		close_world(&world);
	}
}

/* Who may not rejoin learns that it is out, and stays out; it says nothing more in that identity.
 */
static void
test_unfit__without_rejoin_it_stays_out(void **state)
{
	struct peal_simworld world;
	struct diary diary;
	const struct peal_node *unfit;

	(void)state;
	open_world(&world, &diary, 9);
	unfit = &world.nodes[UNFIT]->node;
	world.nodes[UNFIT]->node.config.rejoin = false;
	peal_simworld_pause(&world, UNFIT, true);
	peal_simworld_run_for(&world, 1000U * MS);
	assert_int_equal(world.nodes[0]->node.view.members_count, NODES - 1U);
	peal_simworld_pause(&world, UNFIT, false);
	peal_simworld_run_for(&world, 5000U * MS);
	assert_int_equal(unfit->state, PEAL_NODE_KICKED);
	assert_int_equal(unfit->view.epoch, 0);
	assert_int_equal(diary.kicked_count[PEAL_KICKED_REMOVED], 1);
	assert_int_equal(world.nodes[0]->node.view.members_count, NODES - 1U);
	close_world(&world);
}

/* Four of seven are cut off from the others and from each other: nobody has a quorum, everybody
 * says so, no view is made; the heal brings it back. */
static void
test_unfit__a_group_without_a_quorum_says_so(void **state)
{
	struct peal_simworld world;
	struct diary diary;
	uint64_t epoch;

	(void)state;
	open_world(&world, &diary, 11);
	epoch = world.nodes[0]->node.view.epoch;
	for (uint16_t from = 0; from < NODES; from++) {
		for (uint16_t to = 3; to < NODES; to++) {
			if (from != to) {
				peal_simworld_cut(&world, from, to, true);
				peal_simworld_cut(&world, to, from, true);
			}
		}
	}
	peal_simworld_run_for(&world, 3000U * MS);
	for (uint16_t i = 0; i < NODES; i++) {
		assert_int_equal(diary.no_quorum_count[i], 1);
		assert_int_equal(diary.quorum_count[i], 0);
		assert_false(world.nodes[i]->node.has_quorum);
		assert_int_equal(world.nodes[i]->node.view.epoch, epoch);
	}
	peal_simworld_heal(&world);
	assert_true(peal_simworld_run_to_agreement(&world, peal_simworld_patience_ns(&world)));
	assert_int_equal(world.nodes[0]->node.view.members_count, NODES);
	for (uint16_t i = 0; i < NODES; i++) {
		assert_true(world.nodes[i]->node.has_quorum);
	}
	close_world(&world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unfit__who_cannot_follow_counts_itself_out),
		cmocka_unit_test(test_unfit__who_lags_and_does_not_notice_is_removed),
		cmocka_unit_test(test_unfit__a_stuck_control_plane_is_named),
		cmocka_unit_test(test_unfit__without_rejoin_it_stays_out),
		cmocka_unit_test(test_unfit__a_group_without_a_quorum_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
