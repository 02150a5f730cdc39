/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/heartbeat.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/fakecore.h"
#include "wire/alert_msg.h"
#include "wire/messages.h"

#include <stdlib.h>

#define MS      UINT64_C(1000000)
#define STEP_NS (UINT64_C(100) * 1000U)

/* Which frames the switch loses. */
struct cut {
	uint32_t from; /* UINT32_MAX = anybody */
	uint32_t to;
	bool is_armed;
};

static bool
cut_link(void *state, uint32_t from, uint32_t to, const uint8_t *data, uint32_t size)
{
	const struct cut *cut = state;

	(void)data;
	(void)size;
	return !cut->is_armed || (cut->from != UINT32_MAX && cut->from != from) ||
	       (cut->to != UINT32_MAX && cut->to != to);
}

static enum peal_verdict
verdict(const struct peal_fakecores *cores, uint32_t index, uint16_t about)
{
	return peal_heartbeat_verdict(&cores->nodes[index]->core.heartbeat, about);
}

static uint64_t
counter(const struct peal_fakecores *cores, uint32_t index, enum peal_counter id)
{
	return peal_fakecores_counter(cores, index, id);
}

/* All control planes took a step just now, whenever that is. */
static void
run_alive(struct peal_fakecores *cores, uint64_t for_ns)
{
	uint64_t until_ns = cores->now_ns + for_ns;

	while (cores->now_ns < until_ns) {
		cores->now_ns += STEP_NS;
		for (uint32_t i = 0; i < cores->count; i++) {
			atomic_store(&cores->nodes[i]->plane.control_alive_at_ns, cores->now_ns);
		}
		peal_fakecores_turn_all(cores);
	}
}

static void
test_heartbeat__healthy_members_are_left_in_peace(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(4, *state);
	uint64_t intervals_count = 200;
	struct peal_record record;

	run_alive(cores, intervals_count * cores->timing.probe_interval_ns);
	for (uint32_t i = 0; i < 4; i++) {
		uint64_t sent = counter(cores, i, PEAL_COUNTER_PROBES_SENT);

		/* Three subjects, one probe per interval each, +-10 %. */
		assert_in_range(sent, 3U * intervals_count * 95U / 100U,
			3U * intervals_count * 105U / 100U);
		assert_int_equal(counter(cores, i, PEAL_COUNTER_PROBES_FAILED), 0);
		assert_int_equal(counter(cores, i, PEAL_COUNTER_PROBES_FORGIVEN), 0);
		assert_int_equal(counter(cores, i, PEAL_COUNTER_EDGES_FAILED), 0);
		assert_in_range(counter(cores, i, PEAL_COUNTER_ACKS_HEARD), sent - 3U, sent);
		assert_false(peal_fakecores_pop(cores, i, &record));
		for (uint16_t j = 0; j < 4; j++) {
			assert_int_equal(verdict(cores, i, j), PEAL_VERDICT_OK);
			if (i != j) {
				assert_in_range(
					cores->now_ns - cores->nodes[i]->plane.echoed_at_ns[j], 0,
					2U * cores->timing.probe_interval_ns);
				assert_in_range(
					cores->now_ns - cores->nodes[i]->plane.heard_at_ns[j], 0,
					2U * cores->timing.probe_interval_ns);
			}
		}
	}
	peal_fakecores_destroy(cores);
}

static void
test_heartbeat__edges_are_not_in_step(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(4, *state);
	uint64_t sent = 0;
	uint32_t crowded_count = 0;

	/* Three probes in one turn would mean that edges are aligned. */
	for (uint32_t i = 0; i < 5000; i++) {
		run_alive(cores, STEP_NS);
		uint64_t now_sent = counter(cores, 0, PEAL_COUNTER_PROBES_SENT);

		crowded_count += now_sent - sent >= 3U ? 1U : 0U;
		sent = now_sent;
	}
	assert_in_range(crowded_count, 0, 2);
	peal_fakecores_destroy(cores);
}

static void
test_heartbeat__four_silent_intervals_are_a_failure(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, *state);
	uint64_t interval_ns = cores->timing.probe_interval_ns;
	struct peal_record record;

	run_alive(cores, 10U * interval_ns);
	cores->nodes[2]->is_running = false;
	peal_fakeswitch_clear(cores->wire, 2);

	uint64_t died_at_ns = cores->now_ns;

	while (verdict(cores, 0, 2) != PEAL_VERDICT_FAILED) {
		run_alive(cores, STEP_NS);
		assert_in_range(cores->now_ns - died_at_ns, 0, 6U * interval_ns);
	}
	/* Four probes unanswered: more than three intervals, less than five and the jitter.
	 */
	assert_in_range(
		cores->now_ns - died_at_ns, 27U * interval_ns / 10U, 55U * interval_ns / 10U);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_EDGES_FAILED), 1);
	assert_int_equal(verdict(cores, 0, 1), PEAL_VERDICT_OK);
	run_alive(cores, interval_ns);
	/* Each reports its own edges, and hears of the other's: node 1 is observer 1 of node 2. */
	assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_ALERT, &record));
	assert_int_equal(record.rank, 2);
	assert_int_equal(record.reason, PEAL_ALERT_SILENT);
	assert_int_equal(record.epoch, PEAL_FAKECORE_EPOCH);
	while (record.mask != 0x3U) {
		assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_ALERT, &record));
	}
	/* Once: a verdict is final. */
	run_alive(cores, 20U * interval_ns);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_EDGES_FAILED), 1);
	assert_false(peal_fakecores_find(cores, 0, PEAL_RECORD_ALERT, &record));
	peal_fakeswitch_clear(cores->wire, 2);
	peal_fakecores_destroy(cores);
}

static void
test_heartbeat__an_echo_in_a_probe_proves_life(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, *state);
	uint64_t interval_ns = cores->timing.probe_interval_ns;
	struct peal_heartbeat *heartbeat = &cores->nodes[0]->core.heartbeat;

	/* Node 1 never answers; a hand probes in its name and says which probe it heard last. */
	cores->nodes[1]->is_running = false;
	for (uint32_t i = 0; i < 40; i++) {
		const struct peal_liveness_msg probe = {.seq = (uint16_t)i,
			.echo_seq = heartbeat->peers[1].seq,
			.flags = PEAL_LIVENESS_FLAG_ECHO_VALID};

		peal_fakecores_inject_liveness(
			cores, 1, 0, PEAL_MESSAGE_PROBE, PEAL_FAKECORE_EPOCH, &probe);
		run_alive(cores, interval_ns / 2U);
		peal_fakeswitch_clear(cores->wire, 1);
	}
	assert_int_equal(verdict(cores, 0, 1), PEAL_VERDICT_OK);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_PROBES_FAILED), 0);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_ACKS_HEARD), 0);
	peal_fakecores_destroy(cores);
}

static void
test_heartbeat__who_speaks_but_does_not_hear_is_dead(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, *state);
	struct cut cut = {.from = UINT32_MAX, .to = 2};

	cores->wire->filter = cut_link;
	cores->wire->filter_state = &cut;
	run_alive(cores, 10U * cores->timing.probe_interval_ns);
	cut.is_armed = true;
	run_alive(cores, 6U * cores->timing.probe_interval_ns);
	assert_int_equal(verdict(cores, 0, 2), PEAL_VERDICT_FAILED);
	assert_int_equal(verdict(cores, 1, 2), PEAL_VERDICT_FAILED);
	assert_int_equal(verdict(cores, 0, 1), PEAL_VERDICT_OK);
	/* It is heard all the time, and that is noted as what it is. */
	assert_in_range(cores->now_ns - cores->nodes[0]->plane.heard_at_ns[2], 0,
		2U * cores->timing.probe_interval_ns);
	assert_true(cores->now_ns - cores->nodes[0]->plane.echoed_at_ns[2] >
		    4U * cores->timing.probe_interval_ns);
	assert_int_equal(peal_edge_reach(&cores->timing, cores->nodes[0]->plane.heard_at_ns[2],
				 cores->nodes[0]->plane.echoed_at_ns[2], cores->now_ns),
		PEAL_REACH_INBOUND_ONLY);
	assert_true(counter(cores, 0, PEAL_COUNTER_PROBES_FAILED) >= 4);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_PROBES_ONE_WAY),
		counter(cores, 0, PEAL_COUNTER_PROBES_FAILED));
	peal_fakecores_destroy(cores);
}

static void
test_heartbeat__silence_of_the_peer_is_not_one_way(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, *state);

	run_alive(cores, 10U * cores->timing.probe_interval_ns);
	cores->nodes[1]->is_running = false;
	peal_fakeswitch_clear(cores->wire, 1);
	run_alive(cores, 10U * cores->timing.probe_interval_ns);
	assert_true(counter(cores, 0, PEAL_COUNTER_PROBES_FAILED) >= 8);
	assert_in_range(counter(cores, 0, PEAL_COUNTER_PROBES_ONE_WAY), 0, 1);
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakecores_destroy(cores);
}

/* No packet, no probe: that is no silence of the peer, by any detector. */
static void
test_heartbeat__who_cannot_send_accuses_nobody(void **state)
{
	/* phi does not fit the probes of this preset; it counts silence like the last one. */
	static const enum peal_detector detectors[] = {PEAL_DETECTOR_WINDOW, PEAL_DETECTOR_SILENCE};

	for (uint32_t i = 0; i < 2; i++) {
		struct peal_fakecores *cores = peal_fakecores_create_view(2, *state);
		uint64_t interval_ns = cores->timing.probe_interval_ns;
		uint64_t sent;

		assert_true(peal_timing_set_detector(&cores->timing, detectors[i]));
		cores->wire->ports[0].allocate_max = 0;
		run_alive(cores, UINT64_C(2) * PEAL_TX_STASH_MAX * interval_ns);
		sent = counter(cores, 0, PEAL_COUNTER_PROBES_SENT);
		run_alive(cores, 20U * interval_ns);
		assert_int_equal(counter(cores, 0, PEAL_COUNTER_PROBES_SENT), sent);
		assert_int_equal(counter(cores, 0, PEAL_COUNTER_PROBES_FAILED), 0);
		/* One lost probe after that is one lost probe. */
		cores->wire->ports[0].allocate_max = 1;
		cores->nodes[1]->is_running = false;
		while (counter(cores, 0, PEAL_COUNTER_PROBES_FAILED) == 0) {
			run_alive(cores, STEP_NS);
		}
		assert_int_equal(verdict(cores, 0, 1), PEAL_VERDICT_SUSPECT);
		cores->wire->ports[0].allocate_max = UINT32_MAX;
		peal_fakeswitch_clear(cores->wire, 1);
		peal_fakecores_destroy(cores);
	}
}

static void
test_heartbeat__judges_by_the_detector_of_the_node(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, *state);
	uint64_t interval_ns = cores->timing.probe_interval_ns;
	uint64_t died_at_ns;

	assert_true(peal_timing_set_detector(&cores->timing, PEAL_DETECTOR_SILENCE));
	assert_true(peal_timing_set_silence(&cores->timing, 8U * interval_ns));
	run_alive(cores, 10U * interval_ns);
	cores->nodes[1]->is_running = false;
	died_at_ns = cores->now_ns;
	while (verdict(cores, 0, 1) != PEAL_VERDICT_FAILED) {
		run_alive(cores, STEP_NS);
		assert_in_range(cores->now_ns - died_at_ns, 0,
			peal_timing_detection_ns(&cores->timing) + interval_ns);
	}
	assert_true(cores->now_ns - died_at_ns > 7U * interval_ns);
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakecores_destroy(cores);
}

static void
test_heartbeat__late_echoes_and_false_ones_prove_nothing(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, *state);
	uint64_t interval_ns = cores->timing.probe_interval_ns;
	struct peal_heartbeat *heartbeat = &cores->nodes[0]->core.heartbeat;

	cores->nodes[1]->is_running = false;
	for (uint32_t i = 0; i < 8; i++) {
		const struct peal_liveness_msg late = {
			.echo_seq = (uint16_t)(heartbeat->peers[1].seq - 1U),
			.flags = PEAL_LIVENESS_FLAG_ECHO_VALID};
		const struct peal_liveness_msg empty = {.echo_seq = heartbeat->peers[1].seq};

		peal_fakecores_inject_liveness(
			cores, 1, 0, PEAL_MESSAGE_ACK, PEAL_FAKECORE_EPOCH, &late);
		peal_fakecores_inject_liveness(
			cores, 1, 0, PEAL_MESSAGE_PROBE, PEAL_FAKECORE_EPOCH, &empty);
		run_alive(cores, interval_ns);
		peal_fakeswitch_clear(cores->wire, 1);
	}
	assert_int_equal(verdict(cores, 0, 1), PEAL_VERDICT_FAILED);
	peal_fakecores_destroy(cores);
}

static void
test_heartbeat__an_observer_that_was_late_accuses_nobody(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, *state);
	uint64_t interval_ns = cores->timing.probe_interval_ns;

	const struct peal_heartbeat_peer *peer = &cores->nodes[0]->core.heartbeat.peers[1];

	run_alive(cores, 10U * interval_ns);
	/* Short pauses, again and again, with a probe out; the answers are lost meanwhile. */
	for (uint32_t i = 0; i < 20; i++) {
		while (!peer->is_waiting) {
			run_alive(cores, STEP_NS);
		}
		cores->nodes[0]->is_running = false;
		run_alive(cores, 3U * interval_ns);
		peal_fakeswitch_clear(cores->wire, 0);
		cores->nodes[0]->is_running = true;
		run_alive(cores, 10U * interval_ns);
	}
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_EDGES_FAILED), 0);
	assert_true(counter(cores, 0, PEAL_COUNTER_PROBES_FORGIVEN) >= 20);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_TURNS_LATE), 20);
	assert_int_equal(counter(cores, 1, PEAL_COUNTER_TURNS_LATE), 0);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_PROBES_FAILED), 0);
	peal_fakecores_destroy(cores);
}

static void
test_heartbeat__a_long_pause_forgets_what_was_measured(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, *state);
	uint64_t interval_ns = cores->timing.probe_interval_ns;
	const struct peal_edge *edge = &cores->nodes[0]->core.heartbeat.peers[1].edge;

	run_alive(cores, 10U * interval_ns);
	cores->nodes[1]->is_running = false;
	peal_fakeswitch_clear(cores->wire, 1);
	while (edge->history != 0x7U) { /* three failed, one more is too many */
		run_alive(cores, STEP_NS);
	}
	cores->nodes[0]->is_running = false;
	run_alive(cores, cores->timing.probe_window_count * interval_ns / 2U + 2U * interval_ns);
	peal_fakeswitch_clear(cores->wire, 0);
	peal_fakeswitch_clear(cores->wire, 1);
	cores->nodes[0]->is_running = true;
	cores->nodes[1]->is_running = true;
	run_alive(cores, STEP_NS);
	assert_int_equal(edge->history, 0);
	run_alive(cores, 10U * interval_ns);
	assert_int_equal(verdict(cores, 0, 1), PEAL_VERDICT_OK);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_EDGES_FAILED), 0);
	peal_fakecores_destroy(cores);
}

static void
test_heartbeat__judges_nothing_before_the_queue_is_empty(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, *state);
	struct peal_heartbeat *heartbeat = &cores->nodes[0]->core.heartbeat;
	static const uint8_t noise[64];

	run_alive(cores, 3U * cores->timing.probe_interval_ns);
	cores->now_ns = heartbeat->next_at_ns;
	uint64_t sent = counter(cores, 0, PEAL_COUNTER_PROBES_SENT);

	for (uint32_t i = 0; i < PEAL_DRAIN_TURNS_MAX + 1U; i++) {
		assert_int_equal(counter(cores, 0, PEAL_COUNTER_PROBES_SENT), sent);
		for (uint32_t j = 0; j < PEAL_BURST_MAX; j++) {
			peal_fakeswitch_inject(cores->wire, 0, noise, sizeof(noise));
		}
		peal_fakecores_turn(cores, 0);
	}
	/* And not for ever: a flood cannot blind it. */
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_PROBES_SENT), sent + 1U);
	peal_fakecores_destroy(cores);
}

static void
test_heartbeat__a_stuck_control_plane_is_a_failure(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, *state);
	struct peal_record record;
	uint64_t stopped_at_ns;

	run_alive(cores, 10U * cores->timing.probe_interval_ns);
	stopped_at_ns = cores->now_ns;
	/* Node 1's core runs and answers, its control does not. */
	while (verdict(cores, 0, 1) != PEAL_VERDICT_FAILED) {
		cores->now_ns += STEP_NS;
		atomic_store(&cores->nodes[0]->plane.control_alive_at_ns, cores->now_ns);
		peal_fakecores_turn_all(cores);
		assert_in_range(cores->now_ns - stopped_at_ns, 0, 2U * cores->timing.stuck_ns);
	}
	assert_true(cores->now_ns - stopped_at_ns >= cores->timing.stuck_ns);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_PROBES_FAILED), 0);
	peal_fakecores_turn(cores, 0);
	assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_ALERT, &record));
	assert_int_equal(record.reason, PEAL_ALERT_STUCK);
	assert_int_equal(peal_fakecores_counter(cores, 0, PEAL_COUNTER_EDGES_STUCK), 1);
	assert_int_equal(verdict(cores, 1, 0), PEAL_VERDICT_OK);
	peal_fakecores_destroy(cores);
}

static void
test_heartbeat__who_stays_in_an_old_epoch_is_not_fit(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, *state);
	struct peal_record record;

	/* Node 0 goes on by two views, node 1 answers from the first. */
	peal_fakecores_install(cores, 0, PEAL_FAKECORE_EPOCH + 2U, 0x3, 0);
	run_alive(cores, PEAL_LAG_NS_MIN - 200U * MS);
	assert_int_equal(verdict(cores, 0, 1), PEAL_VERDICT_OK);
	/* One view behind is no lag, and what was counted is forgotten. */
	peal_fakecores_install(cores, 1, PEAL_FAKECORE_EPOCH + 1U, 0x3, 0);
	run_alive(cores, PEAL_LAG_NS_MIN + 500U * MS);
	assert_int_equal(verdict(cores, 0, 1), PEAL_VERDICT_OK);
	peal_fakecores_install(cores, 0, PEAL_FAKECORE_EPOCH + 3U, 0x3, 0);
	peal_fakecores_drain(cores, 0, PEAL_RECORD_ALERT);
	run_alive(cores, PEAL_LAG_NS_MIN - 200U * MS);
	assert_int_equal(verdict(cores, 0, 1), PEAL_VERDICT_OK);
	run_alive(cores, 700U * MS);
	assert_int_equal(verdict(cores, 0, 1), PEAL_VERDICT_FAILED);
	assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_ALERT, &record));
	assert_int_equal(record.reason, PEAL_ALERT_LAG);
	assert_int_equal(peal_fakecores_counter(cores, 0, PEAL_COUNTER_EDGES_LAGGING), 1);
	peal_fakecores_destroy(cores);
}

static void
test_heartbeat__who_says_that_it_is_slow_is_reported(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, *state);
	struct peal_record record;

	run_alive(cores, 500U * MS);
	assert_int_equal(verdict(cores, 0, 1), PEAL_VERDICT_OK);
	peal_fakecores_drain(cores, 0, PEAL_RECORD_ALERT);
	/* The core writes it anew in each turn, from the machine that knows. */
	struct peal_cast *slow = calloc(1, sizeof(*slow));

	assert_non_null(slow);
	slow->is_slow = true;
	cores->nodes[1]->core.config.cast = slow;
	run_alive(cores, 500U * MS);
	assert_int_equal(verdict(cores, 0, 1), PEAL_VERDICT_FAILED);
	assert_int_equal(verdict(cores, 1, 0), PEAL_VERDICT_OK);
	assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_ALERT, &record));
	assert_int_equal(record.reason, PEAL_ALERT_SLOW);
	assert_int_equal(peal_fakecores_counter(cores, 0, PEAL_COUNTER_EDGES_SLOW), 1);
	peal_fakecores_destroy(cores);
	free(slow);
}

static void
test_heartbeat__a_new_member_may_be_silent_for_a_while(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create(2, *state);
	uint64_t grace_ns = cores->timing.install_ns;
	struct peal_peers *peers = peal_fakecores_make_view(cores, 0, PEAL_FAKECORE_EPOCH, 0x3, 0);

	cores->nodes[1]->is_running = false;
	peers->peers[1].grace_until_ns = cores->now_ns + grace_ns;
	peal_fakecores_push_view(cores, 0, peers);
	/* It is asked soon, for from its first answer on it can be missed. */
	run_alive(cores, cores->timing.probe_interval_ns / 8U);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_PROBES_SENT), 1);
	run_alive(cores, grace_ns);
	assert_int_equal(verdict(cores, 0, 1), PEAL_VERDICT_OK);
	run_alive(cores, 6U * cores->timing.probe_interval_ns);
	assert_int_equal(verdict(cores, 0, 1), PEAL_VERDICT_FAILED);
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakecores_destroy(cores);
}

static void
test_heartbeat__a_failure_outlives_the_view(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, *state);
	uint64_t interval_ns = cores->timing.probe_interval_ns;
	struct peal_record record;

	cores->nodes[2]->is_running = false;
	run_alive(cores, 8U * interval_ns);
	assert_int_equal(verdict(cores, 0, 2), PEAL_VERDICT_FAILED);
	peal_fakecores_drain(cores, 0, PEAL_RECORD_ALERT);
	/* The next view still has it: the report is there with the switch, in the same turn. */
	peal_fakecores_install(cores, 0, PEAL_FAKECORE_EPOCH + 1U, 0x7, 0);
	assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_ALERT, &record));
	assert_int_equal(record.epoch, PEAL_FAKECORE_EPOCH + 1U);
	assert_int_equal(record.rank, 2);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_EDGES_FAILED), 1);
	/* Another incarnation in its slot begins with nothing. */
	cores->nodes[2]->mid = 40;
	peal_fakecores_install(cores, 0, PEAL_FAKECORE_EPOCH + 2U, 0x7, 0);
	assert_int_equal(verdict(cores, 0, 2), PEAL_VERDICT_OK);
	assert_true(cores->nodes[0]->plane.echoed_at_ns[2] == 0);
	assert_false(peal_fakecores_find(cores, 0, PEAL_RECORD_ALERT, &record));
	peal_fakeswitch_clear(cores->wire, 2);
	peal_fakecores_destroy(cores);
}

static void
test_heartbeat__who_came_back_is_not_accused_in_the_next_view(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, *state);
	uint64_t interval_ns = cores->timing.probe_interval_ns;
	struct peal_record record;

	cores->nodes[2]->is_running = false;
	run_alive(cores, 8U * interval_ns);
	peal_fakeswitch_clear(cores->wire, 2);
	cores->nodes[2]->is_running = true;
	run_alive(cores, 20U * interval_ns);
	/* In this epoch the verdict is final; the next begins with what the window says now. */
	assert_int_equal(verdict(cores, 0, 2), PEAL_VERDICT_FAILED);
	peal_fakecores_drain(cores, 0, PEAL_RECORD_ALERT);
	for (uint32_t i = 0; i < 3; i++) {
		peal_fakecores_install(cores, i, PEAL_FAKECORE_EPOCH + 1U, 0x7, 0);
	}
	assert_int_equal(verdict(cores, 0, 2), PEAL_VERDICT_OK);
	assert_false(peal_fakecores_find(cores, 0, PEAL_RECORD_ALERT, &record));
	cores->nodes[2]->is_running = false;
	run_alive(cores, 8U * interval_ns);
	assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_ALERT, &record));
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_EDGES_FAILED), 2);
	peal_fakeswitch_clear(cores->wire, 2);
	peal_fakecores_destroy(cores);
}

static void
test_heartbeat__a_new_life_begins_without_verdicts(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, *state);

	/* Node 0 is cut off and accuses everybody; then it comes back under another number. */
	cores->nodes[1]->is_running = false;
	cores->nodes[2]->is_running = false;
	run_alive(cores, 8U * cores->timing.probe_interval_ns);
	assert_int_equal(verdict(cores, 0, 1), PEAL_VERDICT_FAILED);
	assert_int_equal(verdict(cores, 0, 2), PEAL_VERDICT_FAILED);
	peal_fakecores_drain(cores, 0, PEAL_RECORD_ALERT);
	cores->nodes[0]->mid = 70;
	peal_fakecores_install(cores, 0, PEAL_FAKECORE_EPOCH + 2U, 0x7, 0);
	assert_int_equal(verdict(cores, 0, 1), PEAL_VERDICT_OK);
	assert_int_equal(verdict(cores, 0, 2), PEAL_VERDICT_OK);
	assert_int_equal(peal_fakecores_drain(cores, 0, PEAL_RECORD_ALERT), 0);
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakeswitch_clear(cores->wire, 2);
	peal_fakecores_destroy(cores);
}

static void
test_heartbeat__an_edge_that_comes_back_is_judged_anew(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, *state);
	struct peal_peers *peers;
	struct peal_record record;

	cores->nodes[2]->is_running = false;
	run_alive(cores, 8U * cores->timing.probe_interval_ns);
	assert_int_equal(verdict(cores, 0, 2), PEAL_VERDICT_FAILED);
	/* In one view node 0 does not observe node 2, in the next it does again. */
	peers = peal_fakecores_make_view(cores, 0, PEAL_FAKECORE_EPOCH + 1U, 0x7, 0);
	peers->peers[2].is_subject = false;
	peal_fakecores_push_view(cores, 0, peers);
	peal_fakecores_turn(cores, 0);
	assert_int_equal(verdict(cores, 0, 2), PEAL_VERDICT_OK);
	peal_fakecores_install(cores, 0, PEAL_FAKECORE_EPOCH + 2U, 0x7, 0);
	assert_int_equal(verdict(cores, 0, 2), PEAL_VERDICT_OK);
	peal_fakecores_drain(cores, 0, PEAL_RECORD_ALERT);
	run_alive(cores, 8U * cores->timing.probe_interval_ns);
	assert_int_equal(verdict(cores, 0, 2), PEAL_VERDICT_FAILED);
	assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_ALERT, &record));
	assert_int_equal(record.rank, 2);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_EDGES_FAILED), 2);
	peal_fakeswitch_clear(cores->wire, 2);
	peal_fakecores_destroy(cores);
}

static void
test_heartbeat__keeps_half_a_window_across_a_view(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, *state);
	const struct peal_heartbeat_peer *peer = &cores->nodes[0]->core.heartbeat.peers[1];

	cores->nodes[1]->is_running = false;
	while (peer->edge.history != 0x7U) {
		run_alive(cores, STEP_NS);
	}
	peal_fakecores_install(cores, 0, PEAL_FAKECORE_EPOCH + 1U, 0x3, 0);
	assert_int_equal(verdict(cores, 0, 1), PEAL_VERDICT_SUSPECT);
	run_alive(cores, 2U * cores->timing.probe_interval_ns);
	assert_int_equal(verdict(cores, 0, 1), PEAL_VERDICT_FAILED);
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakecores_destroy(cores);
}

static void
test_heartbeat__refuses_another_view_of_its_epoch(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, *state);
	struct peal_header header = peal_fakecores_header(cores, 1, 0, PEAL_MESSAGE_PROBE);
	uint8_t body[PEAL_LIVENESS_BODY_SIZE];
	struct peal_liveness_msg probe = {.view_tag = 0xBAD};

	peal_liveness_msg_encode(&probe, body);
	peal_fakecores_inject(cores, 1, 0, &header, body, sizeof(body));
	peal_fakecores_turn(cores, 0);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_REFUSED_BODY), 1);
	header = peal_fakecores_header(cores, 1, 0, PEAL_MESSAGE_ACK);
	peal_fakecores_inject(cores, 1, 0, &header, body, sizeof(body));
	peal_fakecores_turn(cores, 0);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_REFUSED_BODY), 2);
	/* Of another epoch it is another matter. */
	header = peal_fakecores_header(cores, 1, 0, PEAL_MESSAGE_PROBE);
	header.epoch++;
	peal_fakecores_inject(cores, 1, 0, &header, body, sizeof(body));
	peal_fakecores_turn(cores, 0);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_REFUSED_BODY), 2);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_ACKS_SENT), 1);
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakecores_destroy(cores);
}

static void
test_heartbeat__answers_say_how_old_control_is(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, *state);
	struct peal_plane *plane = &cores->nodes[0]->plane;
	const struct peal_liveness_msg probe = {.seq = 77};
	const uint64_t ages_ms[] = {0, 0, 5, 1234, UINT16_MAX, UINT16_MAX};
	const uint64_t alive_at_ns[] = {0, 2000U * MS, 995U * MS, UINT64_MAX, 1, 1};
	uint8_t body[PEAL_BODY_SIZE_MAX];
	struct peal_liveness_msg answer;

	for (uint32_t i = 0; i < 6; i++) {
		cores->now_ns = 1000U * MS + i;
		if (i == 3) {
			cores->now_ns = 3000U * MS;
			plane->control_alive_at_ns = cores->now_ns - 1234U * MS;
		} else if (i >= 4) {
			cores->now_ns = 100000U * MS + i;
			plane->control_alive_at_ns = alive_at_ns[i];
		} else {
			plane->control_alive_at_ns = alive_at_ns[i];
		}
		cores->nodes[0]->core.heartbeat.next_at_ns = UINT64_MAX; /* no probes between */
		peal_fakecores_inject_liveness(
			cores, 1, 0, PEAL_MESSAGE_PROBE, PEAL_FAKECORE_EPOCH, &probe);
		peal_fakecores_turn(cores, 0);
		assert_int_equal(peal_fakecores_open_last(cores, 0, body).kind, PEAL_MESSAGE_ACK);
		assert_true(peal_liveness_msg_decode(body, PEAL_LIVENESS_BODY_SIZE, &answer));
		assert_int_equal(answer.core_age_ms, ages_ms[i]);
		assert_int_equal(answer.echo_seq, 77);
		assert_int_equal(answer.flags, PEAL_LIVENESS_FLAG_ECHO_VALID);
		peal_fakeswitch_clear(cores->wire, 1);
	}
	peal_fakecores_destroy(cores);
}

#define TEST(name) cmocka_unit_test_prestate(test_heartbeat__##name, none)

/* Another table of the same view, with a guest in it. */
static void
test_heartbeat__a_guest_changes_nothing_for_others(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(4, *state);
	uint64_t interval_ns = cores->timing.probe_interval_ns;
	struct peal_heartbeat_peer before;
	struct peal_peers *peers = NULL;
	struct peal_record record;

	cores->nodes[2]->is_running = false;
	run_alive(cores, 8U * interval_ns);
	assert_int_equal(verdict(cores, 0, 2), PEAL_VERDICT_FAILED);
	peal_fakecores_drain(cores, 0, PEAL_RECORD_ALERT);
	before = cores->nodes[0]->core.heartbeat.peers[2];
	cores->nodes[3]->mid = 40;
	peers = peal_fakecores_make_view(cores, 0, PEAL_FAKECORE_EPOCH, 0xF, 0);
	peers->peers[3].is_subject = false;
	peal_fakecores_push_view(cores, 0, peers);
	peal_fakecores_turn(cores, 0);
	/* Nothing is forgotten, judged anew or told again; the guest is known and not observed. */
	assert_memory_equal(&cores->nodes[0]->core.heartbeat.peers[2], &before, sizeof(before));
	assert_false(peal_fakecores_find(cores, 0, PEAL_RECORD_ALERT, &record));
	assert_int_equal(cores->nodes[0]->core.heartbeat.subjects_count, 2);
	assert_int_equal(cores->nodes[0]->core.heartbeat.peers[3].mid, 40);
	assert_false(cores->nodes[0]->core.heartbeat.peers[3].is_subject);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_EDGES_FAILED), 1);
	peal_fakeswitch_clear(cores->wire, 2);
	peal_fakecores_destroy(cores);
}

int
main(void)
{
	static char none[] = "none";
	const struct CMUnitTest tests[] = {
		TEST(refuses_another_view_of_its_epoch),
		TEST(answers_say_how_old_control_is),
		TEST(healthy_members_are_left_in_peace),
		cmocka_unit_test(test_heartbeat__healthy_members_are_left_in_peace),
		TEST(edges_are_not_in_step),
		TEST(four_silent_intervals_are_a_failure),
		TEST(an_echo_in_a_probe_proves_life),
		TEST(who_speaks_but_does_not_hear_is_dead),
		TEST(silence_of_the_peer_is_not_one_way),
		TEST(who_cannot_send_accuses_nobody),
		TEST(judges_by_the_detector_of_the_node),
		TEST(late_echoes_and_false_ones_prove_nothing),
		TEST(an_observer_that_was_late_accuses_nobody),
		TEST(a_long_pause_forgets_what_was_measured),
		TEST(judges_nothing_before_the_queue_is_empty),
		TEST(a_stuck_control_plane_is_a_failure),
		TEST(who_stays_in_an_old_epoch_is_not_fit),
		TEST(who_says_that_it_is_slow_is_reported),
		TEST(a_new_member_may_be_silent_for_a_while),
		TEST(a_failure_outlives_the_view),
		TEST(a_guest_changes_nothing_for_others),
		TEST(who_came_back_is_not_accused_in_the_next_view),
		TEST(a_new_life_begins_without_verdicts),
		TEST(an_edge_that_comes_back_is_judged_anew),
		TEST(keeps_half_a_window_across_a_view),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
