/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/reception.h"

#include "base/prng.h"
#include "tests/lib/bigcore.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/fakecore.h"
#include "wire/alert_msg.h"
#include "wire/messages.h"

#define EPOCH ((uint64_t)PEAL_FAKECORE_EPOCH)

static uint64_t
counter(const struct peal_fakecores *cores, uint32_t index, enum peal_counter id)
{
	return peal_fakecores_counter(cores, index, id);
}

/* A message of node 1 to node 0 in an epoch, taken at once. */
static void
inject(struct peal_fakecores *cores, uint8_t kind, uint64_t epoch)
{
	struct peal_header header = peal_fakecores_header(cores, 1, 0, kind);
	uint8_t body[20] = {kind};

	header.epoch = (uint32_t)epoch;
	peal_fakecores_inject(cores, 1, 0, &header, body, sizeof(body));
	peal_fakecores_turn(cores, 0);
}

static void
inject_probe(struct peal_fakecores *cores, uint64_t epoch, uint8_t flags)
{
	const struct peal_liveness_msg probe = {.seq = 9, .flags = flags};

	peal_fakecores_inject_liveness(cores, 1, 0, PEAL_MESSAGE_PROBE, epoch, &probe);
	peal_fakecores_turn(cores, 0);
}

static const uint8_t message_kinds[] = {PEAL_MESSAGE_LEAVE, PEAL_MESSAGE_P1A, PEAL_MESSAGE_P2A,
	PEAL_MESSAGE_NACK, PEAL_MESSAGE_DECIDE, PEAL_MESSAGE_JOIN_FORWARD, PEAL_MESSAGE_JOIN_BATCH,
	PEAL_MESSAGE_VOTE, PEAL_MESSAGE_P1B, PEAL_MESSAGE_P2B, PEAL_MESSAGE_SYNC,
	PEAL_MESSAGE_SNAPSHOT, PEAL_MESSAGE_BODY, PEAL_MESSAGE_BODY_PULL};

/* What any epoch may hear: a decision, and what brings a member forward. */
#define TIMELESS_COUNT 5U

static bool
is_timeless(uint8_t kind)
{
	return kind == PEAL_MESSAGE_DECIDE || kind == PEAL_MESSAGE_SYNC ||
	       kind == PEAL_MESSAGE_SNAPSHOT || kind == PEAL_MESSAGE_BODY ||
	       kind == PEAL_MESSAGE_BODY_PULL;
}

static void
test_reception__messages_of_its_epoch_go_up(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, NULL);
	struct peal_record record;

	(void)state;
	for (uint32_t i = 0; i < sizeof(message_kinds); i++) {
		inject(cores, message_kinds[i], EPOCH);
		assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_FRAME, &record));
		assert_int_equal(record.message, message_kinds[i]);
		assert_int_equal(record.slot, 1);
		assert_int_equal(record.mid, 2);
		assert_int_equal(record.epoch, EPOCH);
		assert_int_equal(record.generation, cores->nodes[0]->core.peers->generation);
		assert_int_equal(record.body_size, 20);
		assert_int_equal(cores->nodes[0]->up_buffers[record.buffer][0], message_kinds[i]);
		assert_true(record.address.ipv4 == peal_fakecores_address(1).ipv4);
		assert_false(peal_fakecores_pop(cores, 0, &record));
	}
	peal_fakecores_destroy(cores);
}

static void
test_reception__tells_of_a_peer_that_is_behind(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, "none");
	struct peal_record record;

	(void)state;
	for (uint32_t i = 0; i < sizeof(message_kinds); i++) {
		uint64_t refused = counter(cores, 0, PEAL_COUNTER_REFUSED_EPOCH);
		bool is_welcome = is_timeless(message_kinds[i]);

		cores->now_ns += PEAL_OTHER_EPOCH_NS;
		inject(cores, message_kinds[i], EPOCH - 1U);
		/* The message is of no use any more, but for a few kinds; its sender is. */
		assert_int_equal(counter(cores, 0, PEAL_COUNTER_REFUSED_EPOCH),
			refused + (is_welcome ? 0 : 1));
		if (is_welcome) {
			assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_FRAME, &record));
			assert_int_equal(record.epoch, EPOCH - 1U);
		}
		assert_true(peal_fakecores_pop(cores, 0, &record));
		assert_int_equal(record.kind, PEAL_RECORD_BEHIND);
		assert_int_equal(record.epoch, EPOCH - 1U);
		assert_int_equal(record.mid, 2);
	}
	/* It is alive all the same, and gets its answer. */
	cores->now_ns += PEAL_OTHER_EPOCH_NS;
	inject_probe(cores, EPOCH - 3U, 0);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_ACKS_SENT), 1);
	inject_probe(cores, EPOCH - 3U, 0);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_ACKS_SENT), 2);
	assert_int_equal(peal_fakecores_drain(cores, 0, PEAL_RECORD_BEHIND), 1);
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakecores_destroy(cores);
}

static void
test_reception__tells_of_a_peer_that_is_ahead(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, "none");
	struct peal_record record;

	(void)state;
	inject_probe(cores, EPOCH + 5U, 0);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_ACKS_SENT), 1);
	assert_true(peal_fakecores_pop(cores, 0, &record));
	assert_int_equal(record.kind, PEAL_RECORD_AHEAD);
	assert_int_equal(record.epoch, EPOCH + 5U);
	assert_int_equal(record.reason, 0);
	cores->now_ns += PEAL_OTHER_EPOCH_NS;
	inject_probe(cores, EPOCH + 5U, PEAL_LIVENESS_FLAG_NOT_MEMBER);
	assert_true(peal_fakecores_pop(cores, 0, &record));
	assert_int_equal(record.reason, PEAL_AHEAD_NOT_MEMBER);
	/* Some kinds are welcome however far ahead their sender is. */
	for (uint32_t i = 0; i < sizeof(message_kinds); i++) {
		cores->now_ns += PEAL_OTHER_EPOCH_NS;
		inject(cores, message_kinds[i], EPOCH + 5U);
		assert_true(peal_fakecores_pop(cores, 0, &record) == is_timeless(message_kinds[i]));
		if (is_timeless(message_kinds[i])) {
			assert_int_equal(record.kind, PEAL_RECORD_FRAME);
			assert_int_equal(record.message, message_kinds[i]);
			assert_int_equal(record.epoch, EPOCH + 5U);
			assert_true(peal_fakecores_pop(cores, 0, &record));
			assert_int_equal(record.kind, PEAL_RECORD_AHEAD);
		}
		assert_int_equal(peal_fakecores_drain(cores, 0, PEAL_RECORD_FRAME), 0);
	}
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakecores_destroy(cores);
}

static void
test_reception__holds_the_next_epoch_until_its_view_comes(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, NULL);
	struct peal_record record;
	uint32_t held = 0;

	(void)state;
	for (uint32_t i = 0; i < sizeof(message_kinds); i++) {
		inject(cores, message_kinds[i], EPOCH + 1U);
		held += is_timeless(message_kinds[i]) ? 0 : 1;
	}
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_HELD_FRAMES), held);
	assert_int_equal(peal_fakecores_drain(cores, 0, PEAL_RECORD_FRAME), TIMELESS_COUNT);
	peal_fakecores_install(cores, 0, EPOCH + 1U, 0x3, 0x4);
	for (uint32_t i = 0; i < sizeof(message_kinds); i++) {
		if (is_timeless(message_kinds[i])) {
			continue;
		}
		assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_FRAME, &record));
		assert_int_equal(record.message, message_kinds[i]);
		assert_int_equal(record.epoch, EPOCH + 1U);
		assert_int_equal(record.generation, cores->nodes[0]->generation);
		assert_int_equal(cores->nodes[0]->up_buffers[record.buffer][0], message_kinds[i]);
		assert_true(record.address.ipv4 == peal_fakecores_address(1).ipv4);
	}
	/* The answer to the view stands behind what it released. */
	assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_VIEW_DONE, &record));
	peal_fakecores_destroy(cores);
}

static void
test_reception__held_frames_of_the_wrong_view_come_in_vain(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, "none");

	(void)state;
	inject(cores, PEAL_MESSAGE_VOTE, EPOCH + 1U);
	peal_fakecores_install(cores, 0, EPOCH + 2U, 0x7, 0); /* two steps at once */
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_REFUSED_EPOCH), 1);
	inject(cores, PEAL_MESSAGE_VOTE, EPOCH + 3U);
	peal_fakecores_install(cores, 0, EPOCH + 3U, 0x5, 0x2); /* its sender is out */
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_REFUSED_EPOCH), 2);
	assert_int_equal(peal_fakecores_drain(cores, 0, PEAL_RECORD_FRAME), 0);
	/* Nothing is held for a node's next life. */
	peal_fakecores_install(cores, 0, EPOCH, 0x7, 0);
	inject(cores, PEAL_MESSAGE_VOTE, EPOCH + 1U);
	cores->nodes[0]->mid = 60;
	peal_fakecores_install(cores, 0, EPOCH + 1U, 0x7, 0);
	assert_int_equal(peal_fakecores_drain(cores, 0, PEAL_RECORD_FRAME), 0);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_REFUSED_EPOCH), 2);
	peal_fakecores_destroy(cores);
}

static void
test_reception__holds_alerts_too(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, "none");
	struct peal_record record = {.kind = PEAL_RECORD_REPORT, .rank = 2, .epoch = EPOCH + 1U};

	(void)state;
	/* Node 1 is ahead and reports node 2; node 0 follows later. */
	peal_fakecores_install(cores, 1, EPOCH + 1U, 0x7, 0);
	peal_fakecores_push(cores, 1, &record);
	peal_fakecores_turn(cores, 1);
	cores->now_ns += cores->timing.merge_window_ns;
	peal_fakecores_turn(cores, 1);
	peal_fakecores_turn(cores, 0);
	assert_int_equal(peal_fakecores_drain(cores, 0, PEAL_RECORD_ALERT), 0);
	peal_fakecores_install(cores, 0, EPOCH + 1U, 0x7, 0);
	assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_ALERT, &record));
	assert_int_equal(record.rank, 2);
	assert_int_equal(record.mask, 0x2);
	assert_int_equal(record.epoch, EPOCH + 1U);
	peal_fakeswitch_clear(cores->wire, 2);
	peal_fakecores_destroy(cores);
}

static void
test_reception__who_departed_is_told_and_nothing_else(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, NULL);
	uint8_t body[PEAL_BODY_SIZE_MAX];
	struct peal_liveness_msg answer;
	struct peal_record record;
	uint64_t refused;

	(void)state;
	peal_fakecores_install(cores, 0, EPOCH + 1U, 0x1, 0x2);
	peal_fakecores_drain(cores, 0, PEAL_RECORD_VIEW_DONE);
	inject_probe(cores, EPOCH, 0);
	assert_int_equal(peal_fakecores_open_last(cores, 0, body).kind, PEAL_MESSAGE_ACK);
	assert_true(peal_liveness_msg_decode(body, PEAL_LIVENESS_BODY_SIZE, &answer));
	assert_int_equal(
		answer.flags, PEAL_LIVENESS_FLAG_NOT_MEMBER | PEAL_LIVENESS_FLAG_ECHO_VALID);
	assert_int_equal(answer.echo_seq, 9);
	assert_true(peal_fakecores_pop(cores, 0, &record));
	assert_int_equal(record.kind, PEAL_RECORD_BEHIND);
	assert_int_equal(record.epoch, EPOCH);
	assert_int_equal(record.mid, 2);
	/* It hears that it is out, and its control is told so. */
	peal_fakecores_turn(cores, 1);
	assert_true(peal_fakecores_find(cores, 1, PEAL_RECORD_AHEAD, &record));
	assert_int_equal(record.reason, PEAL_AHEAD_NOT_MEMBER);
	/* Whatever epoch it claims, it is behind. */
	cores->now_ns += PEAL_OTHER_EPOCH_NS;
	inject(cores, PEAL_MESSAGE_DECIDE, EPOCH + 5U);
	assert_true(peal_fakecores_pop(cores, 0, &record));
	assert_int_equal(record.kind, PEAL_RECORD_BEHIND);
	refused = counter(cores, 0, PEAL_COUNTER_REFUSED_EPOCH);
	for (uint32_t i = 0; i < sizeof(message_kinds); i++) {
		inject(cores, message_kinds[i], EPOCH);
		inject(cores, message_kinds[i], EPOCH + 1U);
		inject(cores, message_kinds[i], EPOCH + 2U);
	}
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_REFUSED_EPOCH),
		refused + 3U * sizeof(message_kinds));
	assert_int_equal(peal_fakecores_drain(cores, 0, PEAL_RECORD_FRAME), 0);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_HELD_FRAMES), 0);
	peal_fakecores_destroy(cores);
}

static void
test_reception__a_malformed_liveness_body_is_refused(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, NULL);
	static const uint8_t kinds[] = {
		PEAL_MESSAGE_PROBE, PEAL_MESSAGE_ACK, PEAL_MESSAGE_ECHO, PEAL_MESSAGE_ECHO_REPLY};
	uint8_t body[PEAL_LIVENESS_BODY_SIZE + 1U] = {0};

	(void)state;
	for (uint32_t i = 0; i < sizeof(kinds); i++) {
		struct peal_header header = peal_fakecores_header(cores, 1, 0, kinds[i]);

		peal_fakecores_inject(cores, 1, 0, &header, body, sizeof(body));
		header = peal_fakecores_header(cores, 1, 0, kinds[i]);
		peal_fakecores_inject(cores, 1, 0, &header, body, 0);
		header = peal_fakecores_header(cores, 1, 0, kinds[i]);
		body[15] = 1;
		peal_fakecores_inject(cores, 1, 0, &header, body, PEAL_LIVENESS_BODY_SIZE);
		body[15] = 0;
		peal_fakecores_turn(cores, 0);
		assert_int_equal(counter(cores, 0, PEAL_COUNTER_REFUSED_BODY), 3U * (i + 1U));
	}
	assert_int_equal(cores->wire->ports[0].sent_count, 0);
	peal_fakecores_destroy(cores);
}
static void
test_reception__a_small_view_has_no_trees(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, NULL);

	(void)state;
	inject(cores, PEAL_MESSAGE_VOTE_UP, EPOCH);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_REFUSED_BODY), 1);
	assert_int_equal(peal_fakecores_drain(cores, 0, PEAL_RECORD_FRAME), 0);
	peal_fakecores_destroy(cores);
}

/* A flooded message that came before its view is passed on when the view comes. */
static void
test_reception__what_was_held_is_flooded_then(void **state)
{
	struct peal_bigcores *cores = peal_bigcores_create(100, 3);
	struct peal_bignode *ahead = peal_bigcores_start(cores, 10);
	const struct peal_group *before = cores->group;
	const struct peal_group *next = NULL;
	struct peal_bignode *behind = NULL;
	struct peal_proposal cut = {
		.parent_epoch = before->view.epoch, .parent_hash = before->view.hash};

	(void)state;
	peal_bitset_add(&cut.removals, 99);
	next = peal_teststore_next(cores->store, before, &cut);
	behind = peal_bigcores_start(
		cores, peal_rings_subjects(&next->topology, 10, &(uint32_t){0})[0]);
	peal_bigcores_install(cores, ahead, next, NULL, 0);
	peal_bigcores_flood(cores, ahead, PEAL_MESSAGE_LEAVE, 1, (const uint8_t *)"ballot", 6);
	peal_bigcores_turn(cores, ahead);
	peal_bigcores_drain_sent(cores, PEAL_MESSAGE_LEAVE);
	peal_bigcores_turn(cores, behind);
	if (behind->core.hold.count == 0) {
		/* Not neighbours before: a stranger, and so a guest. */
		struct peal_record record;

		assert_true(peal_bigcores_find(behind, PEAL_RECORD_STRANGER, &record));
		assert_int_equal(record.mid, ahead->mid);
		peal_bigcores_install(cores, behind, before, &record.mid, 1);
		peal_bigcores_flood(
			cores, ahead, PEAL_MESSAGE_LEAVE, 2, (const uint8_t *)"ballot", 6);
		peal_bigcores_turn(cores, ahead);
		peal_bigcores_drain_sent(cores, PEAL_MESSAGE_LEAVE);
		peal_bigcores_turn(cores, behind);
	}
	assert_int_equal(behind->core.hold.count, 1);
	assert_int_equal(peal_bigcores_drain_sent(cores, PEAL_MESSAGE_LEAVE), 0);
	peal_bigcores_install(cores, behind, next, NULL, 0);
	assert_int_equal(behind->core.hold.count, 0);
	assert_in_range(peal_bigcores_drain_sent(cores, PEAL_MESSAGE_LEAVE),
		behind->core.peers->subjects_count - 1U, behind->core.peers->subjects_count);
	peal_bigcores_destroy(cores);
}

/* Another table of the same view: what waits for the next one goes on waiting. */
static void
test_reception__a_guest_releases_nothing(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, NULL);
	struct peal_record record = {.kind = PEAL_RECORD_REPORT, .rank = 2, .epoch = EPOCH};

	(void)state;
	peal_fakecores_push(cores, 0, &record);
	inject(cores, PEAL_MESSAGE_VOTE, EPOCH + 1U);
	assert_int_equal(cores->nodes[0]->core.hold.count, 1);
	peal_fakecores_drain(cores, 0, PEAL_RECORD_ALERT);
	peal_fakecores_install(cores, 0, EPOCH, 0x7, 0);
	assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_VIEW_DONE, &record));
	assert_int_equal(record.generation, cores->nodes[0]->generation);
	assert_int_equal(cores->nodes[0]->core.hold.count, 1);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_REFUSED_EPOCH), 0);
	/* The report still waits for its window. */
	cores->now_ns += cores->timing.merge_window_ns;
	peal_fakecores_turn(cores, 0);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_ALERTS_SENT), 2);
	peal_fakecores_install(cores, 0, EPOCH + 1U, 0x7, 0);
	assert_true(peal_fakecores_find(cores, 0, PEAL_RECORD_FRAME, &record));
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakeswitch_clear(cores->wire, 2);
	peal_fakecores_destroy(cores);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reception__messages_of_its_epoch_go_up),
		cmocka_unit_test(test_reception__tells_of_a_peer_that_is_behind),
		cmocka_unit_test(test_reception__tells_of_a_peer_that_is_ahead),
		cmocka_unit_test(test_reception__holds_the_next_epoch_until_its_view_comes),
		cmocka_unit_test(test_reception__held_frames_of_the_wrong_view_come_in_vain),
		cmocka_unit_test(test_reception__holds_alerts_too),
		cmocka_unit_test(test_reception__who_departed_is_told_and_nothing_else),
		cmocka_unit_test(test_reception__a_malformed_liveness_body_is_refused),
		cmocka_unit_test(test_reception__a_small_view_has_no_trees),
		cmocka_unit_test(test_reception__what_was_held_is_flooded_then),
		cmocka_unit_test(test_reception__a_guest_releases_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
