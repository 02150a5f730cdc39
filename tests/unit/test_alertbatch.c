/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/alertbatch.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/fakecore.h"
#include "wire/alert_msg.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

#define MEMBERS       5U
#define EVERYBODY     ((1U << MEMBERS) - 1U)
#define BODY_SIZE_MAX PEAL_BODY_SIZE_MAX

static struct peal_alertbatch *
alertbatch_of(struct peal_fakecores *cores, uint32_t index)
{
	return &cores->nodes[index]->core.alertbatch;
}

/* Members of a view in which nobody probes: only alerts are on the wire. */
static struct peal_fakecores *
create(const char *aead_name)
{
	struct peal_fakecores *cores = peal_fakecores_create(MEMBERS, aead_name);

	for (uint32_t i = 0; i < MEMBERS; i++) {
		struct peal_peers *peers =
			peal_fakecores_make_view(cores, i, PEAL_FAKECORE_EPOCH, EVERYBODY, 0);

		for (uint32_t j = 0; j < MEMBERS; j++) {
			peers->peers[j].is_subject = false;
		}
		peal_fakecores_push_view(cores, i, peers);
		peal_fakecores_turn(cores, i);
		peal_fakecores_drain(cores, i, PEAL_RECORD_VIEW_DONE);
	}
	return cores;
}

/* Node `index` reports as if its control had asked for it. */
static void
report(struct peal_fakecores *cores, uint32_t index, uint16_t rank)
{
	const struct peal_record record = {
		.kind = PEAL_RECORD_REPORT, .rank = rank, .epoch = PEAL_FAKECORE_EPOCH};

	peal_fakecores_push(cores, index, &record);
	peal_fakecores_turn(cores, index);
}

/* An ALERT from node `from` to node 0, taken at once. */
static void
inject(struct peal_fakecores *cores, uint32_t from, uint32_t view_tag, uint32_t origin,
	const struct peal_alert_msg *message)
{
	struct peal_header header = peal_fakecores_header(cores, from, 0, PEAL_MESSAGE_ALERT);
	uint8_t body[BODY_SIZE_MAX];
	struct peal_writer writer = peal_writer_init(body, sizeof(body));

	peal_flood_prefix_encode(
		&(struct peal_flood_prefix){.view_tag = view_tag, .origin = origin}, &writer);
	peal_alert_msg_encode(message, &writer);
	peal_fakecores_inject(cores, from, 0, &header, body, (uint16_t)writer.offset);
	peal_fakecores_turn(cores, 0);
}

static void
inject_entry(
	struct peal_fakecores *cores, uint32_t from, uint8_t flags, uint16_t rank, uint32_t mask)
{
	const struct peal_alert_msg message = {.flags = flags,
		.count = 1,
		.entries = {{.rank = rank, .reason = PEAL_ALERT_SILENT, .mask = mask}}};

	inject(cores, from, peal_fakecores_view_tag(PEAL_FAKECORE_EPOCH), from + 1U, &message);
}

/* Reads what node `index` sent last as an ALERT. */
static struct peal_alert_msg
read_last(struct peal_fakecores *cores, uint32_t index, struct peal_flood_prefix *prefix_out)
{
	struct peal_alert_msg message;
	uint8_t body[BODY_SIZE_MAX];
	struct peal_header header = peal_fakecores_open_last(cores, index, body);
	struct peal_reader reader = peal_reader_init(body, header.body_size);

	assert_int_equal(header.kind, PEAL_MESSAGE_ALERT);
	assert_true(peal_flood_prefix_decode(&reader, prefix_out));
	assert_true(peal_alert_msg_decode(&reader, &message));
	return message;
}

static uint64_t
counter(const struct peal_fakecores *cores, uint32_t index, enum peal_counter id)
{
	return peal_fakecores_counter(cores, index, id);
}

static void
test_alertbatch__reports_leave_together_after_the_window(void **state)
{
	struct peal_fakecores *cores = create(NULL);
	uint64_t window_ns = cores->timing.merge_window_ns;
	struct peal_flood_prefix prefix;
	struct peal_alert_msg message;

	(void)state;
	report(cores, 0, 3);
	cores->now_ns += window_ns / 2U;
	report(cores, 0, 1); /* a later one does not move the window */
	cores->now_ns += window_ns / 2U - 1U;
	peal_fakecores_turn(cores, 0);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_ALERTS_SENT), 0);
	cores->now_ns += 1;
	peal_fakecores_turn(cores, 0);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_ALERTS_SENT), MEMBERS - 1U);
	message = read_last(cores, 0, &prefix);
	assert_int_equal(prefix.origin, 1);
	assert_int_equal(prefix.hop, 0);
	assert_true(prefix.view_tag == peal_fakecores_view_tag(PEAL_FAKECORE_EPOCH));
	assert_int_equal(message.flags, 0);
	assert_int_equal(message.count, 2);
	/* Rank 0 is the first other member, so observer 0, of everybody else. */
	assert_int_equal(message.entries[0].rank, 1);
	assert_int_equal(message.entries[0].mask, 0x1);
	assert_int_equal(message.entries[0].reason, PEAL_ALERT_ECHO);
	assert_int_equal(message.entries[1].rank, 3);
	assert_int_equal(message.entries[1].mask, 0x1);
	for (uint32_t i = 1; i < MEMBERS; i++) {
		struct peal_record record;

		peal_fakecores_turn(cores, i);
		assert_true(peal_fakecores_find(cores, i, PEAL_RECORD_ALERT, &record));
		assert_int_equal(record.rank, 1);
		assert_int_equal(record.mask, 0x1);
		assert_int_equal(record.reason, PEAL_ALERT_ECHO);
		assert_int_equal(record.epoch, PEAL_FAKECORE_EPOCH);
		assert_true(peal_fakecores_find(cores, i, PEAL_RECORD_ALERT, &record));
		assert_int_equal(record.rank, 3);
		assert_int_equal(counter(cores, i, PEAL_COUNTER_ALERTS_HEARD), 1);
		assert_true(peal_alertbatch_digest(alertbatch_of(cores, i)) ==
			    peal_alertbatch_digest(alertbatch_of(cores, 0)));
	}
	peal_fakecores_destroy(cores);
}

static void
test_alertbatch__own_reports_are_repeated_as_long_as_the_epoch_lasts(void **state)
{
	struct peal_fakecores *cores = create("none");
	uint64_t repeat_ns = 2U * cores->timing.flood_ns;
	uint64_t sent = MEMBERS - 1U;

	(void)state;
	report(cores, 0, 2);
	cores->now_ns += cores->timing.merge_window_ns;
	peal_fakecores_turn(cores, 0);
	for (uint32_t i = 0; i < 12; i++) {
		cores->now_ns += repeat_ns - 1U;
		peal_fakecores_turn(cores, 0);
		assert_int_equal(counter(cores, 0, PEAL_COUNTER_ALERTS_SENT), sent);
		cores->now_ns += 1;
		peal_fakecores_turn(cores, 0);
		sent += MEMBERS - 1U;
		assert_int_equal(counter(cores, 0, PEAL_COUNTER_ALERTS_SENT), sent);
		repeat_ns = 2U * repeat_ns < cores->timing.repeat_ns_max
				    ? 2U * repeat_ns
				    : cores->timing.repeat_ns_max;
	}
	assert_int_equal(repeat_ns, cores->timing.repeat_ns_max);
	peal_fakecores_install(cores, 0, PEAL_FAKECORE_EPOCH + 1U, 0x1, 0);
	cores->now_ns += 10U * repeat_ns;
	peal_fakecores_turn(cores, 0);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_ALERTS_SENT), sent);
	assert_int_equal(peal_alertbatch_digest(alertbatch_of(cores, 0)), 0);
	assert_true(peal_core_deadline_at_ns(&cores->nodes[0]->core) == UINT64_MAX);
	for (uint32_t i = 1; i < MEMBERS; i++) {
		peal_fakeswitch_clear(cores->wire, i);
	}
	peal_fakecores_destroy(cores);
}

static void
test_alertbatch__a_report_is_made_once_and_only_by_observers(void **state)
{
	struct peal_fakecores *cores = create("none");
	struct peal_record stale = {
		.kind = PEAL_RECORD_REPORT, .rank = 1, .epoch = PEAL_FAKECORE_EPOCH - 1U};

	(void)state;
	report(cores, 0, 1);
	report(cores, 0, 1);
	assert_int_equal(peal_fakecores_drain(cores, 0, PEAL_RECORD_ALERT), 1);
	cores->now_ns += cores->timing.merge_window_ns;
	peal_fakecores_turn(cores, 0);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_ALERTS_SENT), MEMBERS - 1U);
	report(cores, 0, 1); /* the same again opens no new window */
	cores->now_ns += cores->timing.merge_window_ns;
	peal_fakecores_turn(cores, 0);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_ALERTS_SENT), MEMBERS - 1U);
	report(cores, 0, 0); /* nobody observes itself */
	assert_int_equal(peal_fakecores_drain(cores, 0, PEAL_RECORD_ALERT), 0);
	peal_fakecores_push(cores, 0, &stale);
	peal_fakecores_turn(cores, 0);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_SENDS_STALE), 1);
	stale.epoch = PEAL_FAKECORE_EPOCH;
	stale.rank = MEMBERS;
	peal_fakecores_push(cores, 0, &stale);
	peal_fakecores_turn(cores, 0);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_SENDS_STALE), 2);
	assert_int_equal(peal_fakecores_drain(cores, 0, PEAL_RECORD_ALERT), 0);
	for (uint32_t i = 1; i < MEMBERS; i++) {
		peal_fakeswitch_clear(cores->wire, i);
	}
	peal_fakecores_destroy(cores);
}

static void
test_alertbatch__refuses_entries_of_edges_that_are_not_the_senders(void **state)
{
	struct peal_fakecores *cores = create("none");

	(void)state;
	inject_entry(cores, 1, 0, 3, 0x2);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_ALERT_ENTRIES_REFUSED), 0);
	assert_int_equal(alertbatch_of(cores, 0)->masks[3], 0x2);
	inject_entry(cores, 1, 0, 3, 0x1); /* node 0's edge */
	inject_entry(cores, 1, 0, 3, 0x6); /* its own and node 2's */
	inject_entry(cores, 1, 0, 1, 0x1); /* about itself */
	inject_entry(cores, 1, 0, MEMBERS, 0x2);
	inject_entry(cores, 1, 0, 3, 0x12); /* a ring that does not exist */
	inject_entry(cores, 1, PEAL_ALERT_FLAG_MERGED, MEMBERS, 0x2);
	inject_entry(cores, 1, PEAL_ALERT_FLAG_MERGED, 3, 0x80000000U);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_ALERT_ENTRIES_REFUSED), 7);
	assert_int_equal(alertbatch_of(cores, 0)->masks[3], 0x2);
	/* Merged masks may be anybody's. */
	inject_entry(cores, 1, PEAL_ALERT_FLAG_MERGED, 3, 0xD);
	assert_int_equal(alertbatch_of(cores, 0)->masks[3], 0xF);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_ALERT_ENTRIES_REFUSED), 7);
	peal_fakecores_destroy(cores);
}

static void
test_alertbatch__a_bad_entry_does_not_spoil_the_good_ones(void **state)
{
	struct peal_fakecores *cores = create("none");
	const struct peal_alert_msg message = {.count = 3,
		.entries = {{.rank = 2, .reason = PEAL_ALERT_SILENT, .mask = 0x2},
			{.rank = 3, .reason = PEAL_ALERT_SILENT, .mask = 0x4},
			{.rank = 4, .reason = PEAL_ALERT_STUCK, .mask = 0x2}}};

	(void)state;
	inject(cores, 1, peal_fakecores_view_tag(PEAL_FAKECORE_EPOCH), 2, &message);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_ALERT_ENTRIES_REFUSED), 1);
	assert_int_equal(alertbatch_of(cores, 0)->masks[2], 0x2);
	assert_int_equal(alertbatch_of(cores, 0)->masks[3], 0);
	assert_int_equal(alertbatch_of(cores, 0)->masks[4], 0x2);
	assert_int_equal(peal_fakecores_drain(cores, 0, PEAL_RECORD_ALERT), 2);
	peal_fakecores_destroy(cores);
}

static void
test_alertbatch__refuses_alerts_that_are_no_alerts_of_this_view(void **state)
{
	struct peal_fakecores *cores = create("none");
	const struct peal_alert_msg message = {
		.count = 1, .entries = {{.rank = 2, .reason = PEAL_ALERT_SILENT, .mask = 0x2}}};
	struct peal_header header = peal_fakecores_header(cores, 1, 0, PEAL_MESSAGE_ALERT);

	(void)state;
	inject(cores, 1, 0xBAD, 2, &message);
	inject(cores, 1, peal_fakecores_view_tag(PEAL_FAKECORE_EPOCH), 3, &message);
	peal_fakecores_inject(cores, 1, 0, &header, "short", 5);
	peal_fakecores_turn(cores, 0);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_REFUSED_BODY), 3);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_ALERTS_HEARD), 0);
	assert_int_equal(peal_alertbatch_digest(alertbatch_of(cores, 0)), 0);
	peal_fakecores_destroy(cores);
}

static void
test_alertbatch__the_digest_does_not_depend_on_order(void **state)
{
	struct peal_fakecores *one = create("none");
	struct peal_fakecores *two = create("none");
	uint32_t digest;

	(void)state;
	inject_entry(one, 1, 0, 3, 0x2);
	inject_entry(one, 2, 0, 3, 0x4);
	inject_entry(one, 1, 0, 2, 0x2);
	digest = peal_alertbatch_digest(alertbatch_of(one, 0));
	assert_int_not_equal(digest, 0);
	inject_entry(one, 2, 0, 3, 0x4); /* again: no news */
	assert_true(peal_alertbatch_digest(alertbatch_of(one, 0)) == digest);
	inject_entry(two, 1, 0, 2, 0x2);
	inject_entry(two, 1, PEAL_ALERT_FLAG_MERGED, 3, 0x6);
	assert_true(peal_alertbatch_digest(alertbatch_of(two, 0)) == digest);
	inject_entry(two, 4, 0, 0, 0x8);
	assert_true(peal_alertbatch_digest(alertbatch_of(two, 0)) != digest);
	peal_fakecores_destroy(one);
	peal_fakecores_destroy(two);
}

static void
test_alertbatch__tells_control_when_there_is_room_again(void **state)
{
	struct peal_fakecores *cores = create("none");
	struct peal_fakecore *node = cores->nodes[0];
	struct peal_record record;

	(void)state;
	node->up.capacity = 1;
	inject_entry(cores, 1, 0, 2, 0x2);
	inject_entry(cores, 1, 0, 3, 0x2);
	inject_entry(cores, 2, 0, 3, 0x4);
	inject_entry(cores, 1, 0, 4, 0x2);
	assert_true(peal_core_deadline_at_ns(&node->core) == 0); /* something is owed */
	for (uint16_t rank = 2; rank <= 4; rank++) {
		assert_true(peal_fakecores_pop(cores, 0, &record));
		assert_int_equal(record.kind, PEAL_RECORD_ALERT);
		assert_int_equal(record.rank, rank);
		/* All that is known now, not what was known when there was no room. */
		assert_int_equal(record.mask, rank == 3 ? 0x6 : 0x2);
		peal_fakecores_turn(cores, 0);
	}
	assert_false(peal_fakecores_pop(cores, 0, &record));
	assert_true(peal_core_deadline_at_ns(&node->core) == UINT64_MAX);
	peal_fakecores_destroy(cores);
}

static void
test_alertbatch__members_that_differ_exchange_their_masks(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(MEMBERS, "none");
	uint64_t interval_ns = cores->timing.probe_interval_ns;
	struct peal_alertbatch *first = alertbatch_of(cores, 0);

	(void)state;
	/* Node 1's report reached nobody but node 0, and node 1 says no more about it. */
	inject_entry(cores, 1, 0, 3, 0x2);
	inject_entry(cores, 2, 0, 3, 0x4);
	assert_int_equal(alertbatch_of(cores, 4)->masks[3], 0);
	peal_fakecores_run(cores, cores->now_ns + 4U * interval_ns, interval_ns / 50U);
	for (uint32_t i = 0; i < MEMBERS; i++) {
		assert_int_equal(alertbatch_of(cores, i)->masks[3], 0x6);
		assert_true(peal_alertbatch_digest(alertbatch_of(cores, i)) == first->digest);
	}
	uint64_t exchanged = 0;

	for (uint32_t i = 0; i < MEMBERS; i++) {
		exchanged += counter(cores, i, PEAL_COUNTER_MASKS_EXCHANGED);
	}
	assert_in_range(exchanged, 1, 3U * MEMBERS);
	/* And then there is silence about it. */
	peal_fakecores_run(cores, cores->now_ns + 20U * interval_ns, interval_ns / 50U);
	for (uint32_t i = 0; i < MEMBERS; i++) {
		exchanged -= counter(cores, i, PEAL_COUNTER_MASKS_EXCHANGED);
	}
	assert_int_equal(exchanged, 0);
	peal_fakecores_destroy(cores);
}

static void
test_alertbatch__exchanges_at_most_once_in_a_probe_interval(void **state)
{
	struct peal_fakecores *cores = create("none");
	const struct peal_liveness_msg ack = {
		.alert_digest = 0xD1FF, .flags = PEAL_LIVENESS_FLAG_ECHO_VALID};

	(void)state;
	inject_entry(cores, 1, 0, 3, 0x2);
	for (uint32_t i = 0; i < 100; i++) {
		peal_fakecores_inject_liveness(
			cores, 2, 0, PEAL_MESSAGE_ACK, PEAL_FAKECORE_EPOCH, &ack);
		peal_fakecores_turn(cores, 0);
		/* The first difference may be a report that is under way. */
		assert_int_equal(counter(cores, 0, PEAL_COUNTER_MASKS_EXCHANGED), i == 0 ? 0 : 1);
		cores->now_ns += cores->timing.probe_interval_ns / 100U;
	}
	peal_fakecores_inject_liveness(cores, 2, 0, PEAL_MESSAGE_ACK, PEAL_FAKECORE_EPOCH, &ack);
	cores->now_ns += cores->timing.probe_interval_ns / 50U;
	peal_fakecores_turn(cores, 0);
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_MASKS_EXCHANGED), 2);
	/* Of another epoch the digest means nothing. */
	cores->now_ns += 10U * cores->timing.probe_interval_ns;
	for (uint32_t i = 0; i < 5; i++) {
		peal_fakecores_inject_liveness(
			cores, 2, 0, PEAL_MESSAGE_ACK, PEAL_FAKECORE_EPOCH - 1U, &ack);
		peal_fakecores_turn(cores, 0);
	}
	assert_int_equal(counter(cores, 0, PEAL_COUNTER_MASKS_EXCHANGED), 2);
	peal_fakeswitch_clear(cores->wire, 2);
	peal_fakecores_destroy(cores);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_alertbatch__refuses_entries_of_edges_that_are_not_the_senders),
		cmocka_unit_test(test_alertbatch__a_bad_entry_does_not_spoil_the_good_ones),
		cmocka_unit_test(test_alertbatch__refuses_alerts_that_are_no_alerts_of_this_view),
		cmocka_unit_test(test_alertbatch__reports_leave_together_after_the_window),
		cmocka_unit_test(
			test_alertbatch__own_reports_are_repeated_as_long_as_the_epoch_lasts),
		cmocka_unit_test(test_alertbatch__a_report_is_made_once_and_only_by_observers),
		cmocka_unit_test(test_alertbatch__the_digest_does_not_depend_on_order),
		cmocka_unit_test(test_alertbatch__tells_control_when_there_is_room_again),
		cmocka_unit_test(test_alertbatch__members_that_differ_exchange_their_masks),
		cmocka_unit_test(test_alertbatch__exchanges_at_most_once_in_a_probe_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
