/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reports in a large view, where they are flooded by content. tests/unit/test_alertbatch.c is about
 * small ones, and about what is the same in both.
 */
#include "dataplane/alertbatch.h"

#include "tests/lib/bigcore.h"
#include "tests/lib/cmocka_all.h"
#include "wire/alert_msg.h"
#include "wire/messages.h"

#define RINGS ((1U << PEAL_RINGS_DEFAULT) - 1U)

/* One member with a core; the others are the test. */
struct world {
	struct peal_bigcores *cores;
	struct peal_bignode *node;
	const struct peal_peers *peers;
	const struct peal_topology *topology;
};

static void
set_up(struct world *world, uint16_t members_count)
{
	world->cores = peal_bigcores_create(members_count, 3);
	world->node = peal_bigcores_start(world->cores, 40);
	world->peers = world->node->core.peers;
	world->topology = world->peers->topology;
}

static struct peal_alertbatch *
alertbatch_of(struct world *world)
{
	return &world->node->core.alertbatch;
}

static uint16_t
subject_rank(const struct world *world, uint32_t index)
{
	return world->peers->peers[world->peers->subjects[index]].rank;
}

static uint64_t
subject_mid(const struct world *world, uint32_t index)
{
	return world->peers->peers[world->peers->subjects[index]].mid;
}

/* The node reports as if its control had asked for it. */
static void
report(struct peal_bigcores *cores, struct peal_bignode *node, uint16_t rank)
{
	const struct peal_record record = {
		.kind = PEAL_RECORD_REPORT, .rank = rank, .epoch = cores->group->view.epoch};

	peal_bigcores_push(node, &record);
	peal_bigcores_turn(cores, node);
}

static void
hear(struct world *world, uint64_t from, const struct peal_alert_msg *message)
{
	const struct peal_flood_prefix prefix = {.origin = (uint32_t)from, .origin_seq = 1};
	uint8_t encoded[PEAL_BODY_SIZE_MAX];
	uint8_t body[PEAL_BODY_SIZE_MAX];
	struct peal_writer writer = peal_writer_init(encoded, sizeof(encoded));
	uint16_t size;

	peal_alert_msg_encode(message, &writer);
	size = peal_bigcores_write(world->cores, prefix, encoded, (uint16_t)writer.offset, body);
	peal_bigcores_inject(world->cores, from, world->node, PEAL_MESSAGE_ALERT, body, size);
	peal_bigcores_turn(world->cores, world->node);
}

/* Merged reports about the ranks [first, first + count). */
static void
hear_merged(struct world *world, uint64_t from, uint16_t first, uint32_t count, uint32_t mask)
{
	struct peal_alert_msg message = {.flags = PEAL_ALERT_FLAG_MERGED, .count = (uint8_t)count};

	for (uint32_t i = 0; i < count; i++) {
		message.entries[i] = (struct peal_alert_entry){
			.rank = (uint16_t)(first + i), .reason = PEAL_ALERT_SILENT, .mask = mask};
	}
	hear(world, from, &message);
}

/* The oldest ALERT that left; false: there is none. */
static bool
take_alert(struct world *world, uint64_t *to_out, struct peal_alert_msg *message_out)
{
	struct peal_bigframe frame;
	struct peal_flood_prefix prefix;

	if (!peal_bigcores_take(world->cores, &frame)) {
		return false;
	}
	struct peal_reader reader = peal_reader_init(frame.body, frame.body_size);

	assert_int_equal(frame.kind, PEAL_MESSAGE_ALERT);
	assert_true(peal_flood_prefix_decode(&reader, &prefix));
	assert_int_equal(prefix.origin, world->node->mid);
	assert_int_equal(prefix.hop, 0);
	assert_true(peal_alert_msg_decode(&reader, message_out));
	*to_out = frame.to;
	return true;
}

static void
step(struct world *world, uint64_t step_ns)
{
	world->cores->now_ns += step_ns;
	peal_bigcores_turn(world->cores, world->node);
}

static void
test_alertbatch_large__own_reports_go_to_whom_it_observes(void **state)
{
	struct world world;
	struct peal_alert_msg message;
	uint64_t to;

	(void)state;
	set_up(&world, 100);
	report(world.cores, world.node, subject_rank(&world, 2));
	report(world.cores, world.node, subject_rank(&world, 0));
	step(&world, world.cores->timing.merge_window_ns);
	for (uint32_t i = 0; i < world.peers->subjects_count; i++) {
		assert_true(take_alert(&world, &to, &message));
		assert_int_equal(to, subject_mid(&world, i));
		assert_int_equal(message.flags, 0);
		assert_int_equal(message.count, 2);
		/* In the order of ranks, each with the own edges. */
		assert_true(message.entries[0].rank < message.entries[1].rank);
		for (uint32_t j = 0; j < 2; j++) {
			assert_int_equal(message.entries[j].mask,
				peal_rings_mask(world.topology, 40, message.entries[j].rank));
		}
	}
	assert_false(take_alert(&world, &to, &message));
	assert_int_equal(peal_bigcores_counter(world.node, PEAL_COUNTER_ALERTS_SENT),
		world.peers->subjects_count);
	/* Repeated at 2 D, to the same. */
	step(&world, 2U * world.cores->timing.flood_ns);
	assert_int_equal(peal_bigcores_drain_sent(world.cores, PEAL_MESSAGE_ALERT),
		world.peers->subjects_count);
	peal_bigcores_destroy(world.cores);
}

static void
test_alertbatch_large__news_are_passed_on_once(void **state)
{
	struct world world;
	struct peal_alert_msg message;
	uint64_t from;
	uint64_t to;

	(void)state;
	set_up(&world, 100);
	from = subject_mid(&world, 0);
	hear_merged(&world, from, 70, 2, 0x3);
	step(&world, world.cores->timing.merge_window_ns / 2U);
	hear_merged(&world, from, 71, 2, 0x4); /* a later one does not move the window */
	step(&world, world.cores->timing.merge_window_ns / 2U - 1U);
	assert_false(take_alert(&world, &to, &message));
	step(&world, 1);
	/* All of it came from one peer, who is spared. */
	for (uint32_t i = 1; i < world.peers->subjects_count; i++) {
		assert_true(take_alert(&world, &to, &message));
		assert_int_equal(to, subject_mid(&world, i));
		assert_int_equal(message.flags, PEAL_ALERT_FLAG_MERGED);
		assert_int_equal(message.count, 3);
		assert_int_equal(message.entries[0].mask, 0x3);
		assert_int_equal(message.entries[1].mask, 0x7);
		assert_int_equal(message.entries[2].mask, 0x4);
	}
	assert_false(take_alert(&world, &to, &message));
	assert_int_equal(peal_bigcores_counter(world.node, PEAL_COUNTER_FLOOD_PASSED),
		world.peers->subjects_count - 1U);
	/* What is known is no news, whoever says it. */
	hear_merged(&world, subject_mid(&world, 1), 70, 2, 0x3);
	hear_merged(&world, subject_mid(&world, 1), 71, 1, 0x7);
	step(&world, world.cores->timing.merge_window_ns);
	assert_false(take_alert(&world, &to, &message));
	/* A bit that is new is, with all that is known about its subject; from two peers it goes to
	 * all. */
	hear_merged(&world, subject_mid(&world, 1), 71, 1, 0x8);
	hear_merged(&world, subject_mid(&world, 2), 72, 1, 0x8);
	step(&world, world.cores->timing.merge_window_ns);
	for (uint32_t i = 0; i < world.peers->subjects_count; i++) {
		assert_true(take_alert(&world, &to, &message));
		assert_int_equal(message.count, 2);
		assert_int_equal(message.entries[0].mask, 0xF);
		assert_int_equal(message.entries[1].mask, 0xC);
	}
	/* Only own reports are repeated. */
	step(&world, 10U * world.cores->timing.flood_ns);
	assert_false(take_alert(&world, &to, &message));
	peal_bigcores_destroy(world.cores);
}

static void
test_alertbatch_large__a_full_frame_does_not_wait(void **state)
{
	struct world world;
	struct peal_alert_msg message;
	uint64_t to;
	uint64_t count = 0;

	(void)state;
	set_up(&world, 1000);
	hear_merged(&world, subject_mid(&world, 0), 100, PEAL_ALERT_ENTRIES_MAX - 1U, 1);
	assert_false(take_alert(&world, &to, &message));
	hear_merged(&world, subject_mid(&world, 1), 300, 3, 1);
	/* Two frames to each: a full one, and the rest. */
	while (take_alert(&world, &to, &message)) {
		assert_int_equal(message.count,
			count < world.peers->subjects_count ? PEAL_ALERT_ENTRIES_MAX : 2U);
		count++;
	}
	assert_int_equal(count, 2U * world.peers->subjects_count);
	assert_int_equal(
		peal_bigcores_drain(world.node, PEAL_RECORD_ALERT), PEAL_ALERT_ENTRIES_MAX + 2U);
	peal_bigcores_destroy(world.cores);
}

/* The first hop checks that the reporter observes; later hops carry what was checked. */
static void
test_alertbatch_large__the_first_hop_checks_edges(void **state)
{
	struct world world;
	struct peal_alert_msg message = {.count = 2};
	uint16_t from_rank;
	uint16_t theirs;
	uint32_t count = 0;
	const uint16_t *subjects = NULL;

	(void)state;
	set_up(&world, 100);
	from_rank = subject_rank(&world, 0);
	subjects = peal_rings_subjects(world.topology, from_rank, &count);
	theirs = subjects[0];
	message.entries[0] = (struct peal_alert_entry){.rank = theirs,
		.reason = PEAL_ALERT_SILENT,
		.mask = peal_rings_mask(world.topology, from_rank, theirs)};
	message.entries[1] = (struct peal_alert_entry){
		.rank = subjects[1], .reason = PEAL_ALERT_SILENT, .mask = RINGS};
	hear(&world, subject_mid(&world, 0), &message);
	assert_int_equal(peal_bigcores_counter(world.node, PEAL_COUNTER_ALERT_ENTRIES_REFUSED), 1);
	assert_true(peal_bitset_has(&alertbatch_of(&world)->reported, theirs));
	assert_int_equal(peal_bitset_count(&alertbatch_of(&world)->reported), 1);
	/* Rings that there are not are refused from anybody. */
	hear_merged(&world, subject_mid(&world, 0), 99, 1, RINGS + 1U);
	hear_merged(&world, subject_mid(&world, 0), 100, 1, 1);
	assert_int_equal(peal_bigcores_counter(world.node, PEAL_COUNTER_ALERT_ENTRIES_REFUSED), 3);
	peal_bigcores_destroy(world.cores);
}

static void
test_alertbatch_large__an_exchange_may_take_several_frames(void **state)
{
	struct world world;
	struct peal_alert_msg message;
	uint64_t to;
	uint32_t entries_count = 0;
	uint32_t frames_count = 0;
	uint16_t slot;

	(void)state;
	set_up(&world, 1000);
	for (uint16_t first = 0; first < 300; first += 100) {
		hear_merged(&world, subject_mid(&world, 0), first, 100, 1);
	}
	step(&world, world.cores->timing.merge_window_ns);
	peal_bigcores_drain_sent(world.cores, PEAL_MESSAGE_ALERT);
	slot = world.peers->observers_slots[0];
	peal_alertbatch_on_digest(alertbatch_of(&world), slot, 0, world.cores->now_ns);
	peal_alertbatch_on_digest(alertbatch_of(&world), slot, 0, world.cores->now_ns);
	peal_bigcores_turn(world.cores, world.node);
	while (take_alert(&world, &to, &message)) {
		assert_int_equal(to, world.peers->peers[slot].mid);
		assert_int_equal(message.flags, PEAL_ALERT_FLAG_MERGED);
		entries_count += message.count;
		frames_count++;
	}
	assert_int_equal(entries_count, 300);
	assert_int_equal(frames_count, 3);
	assert_int_equal(peal_bigcores_counter(world.node, PEAL_COUNTER_MASKS_EXCHANGED), 3);
	peal_bigcores_destroy(world.cores);
}

static void
test_alertbatch_large__a_guest_changes_nothing_and_a_view_everything(void **state)
{
	struct world world;
	const uint64_t guests[1] = {90};
	struct peal_proposal cut;
	uint32_t digest;

	(void)state;
	set_up(&world, 100);
	hear_merged(&world, subject_mid(&world, 0), 70, 5, 3);
	report(world.cores, world.node, subject_rank(&world, 1));
	digest = peal_alertbatch_digest(alertbatch_of(&world));
	assert_true(digest != 0);
	peal_bigcores_install(world.cores, world.node, world.cores->group, guests, 1);
	assert_int_equal(peal_alertbatch_digest(alertbatch_of(&world)), digest);
	assert_int_equal(alertbatch_of(&world)->own_count, 1);
	/* What waits in the window leaves all the same. */
	step(&world, world.cores->timing.merge_window_ns);
	assert_int_equal(peal_bigcores_drain_sent(world.cores, PEAL_MESSAGE_ALERT),
		2U * world.peers->subjects_count - 1U);
	cut = (struct peal_proposal){.parent_epoch = world.cores->group->view.epoch,
		.parent_hash = world.cores->group->view.hash};
	peal_bitset_add(&cut.removals, 70);
	peal_bigcores_install(world.cores, world.node,
		peal_teststore_next(world.cores->store, world.cores->group, &cut), NULL, 0);
	assert_int_equal(peal_alertbatch_digest(alertbatch_of(&world)), 0);
	assert_int_equal(alertbatch_of(&world)->own_count, 0);
	assert_true(peal_alertbatch_deadline_at_ns(alertbatch_of(&world)) == UINT64_MAX);
	peal_bigcores_destroy(world.cores);
}

/* Five of a hundred and fifty are dead, and every twentieth frame is lost: within some windows all
 * others know the reports of all their observers that live. */
static void
test_alertbatch_large__reports_reach_everybody(void **state)
{
	static const uint16_t dead[] = {5, 6, 60, 61, 149};
	struct peal_bigcores *cores = peal_bigcores_create(150, 13);
	const struct peal_topology *topology = &cores->group->topology;
	struct peal_biglosses losses;
	uint32_t masks[sizeof(dead) / sizeof(dead[0])] = {0};
	struct peal_bitset gone = {{0}};

	(void)state;
	for (uint32_t i = 0; i < sizeof(dead) / sizeof(dead[0]); i++) {
		peal_bitset_add(&gone, dead[i]);
	}
	for (uint16_t rank = 0; rank < 150; rank++) {
		if (!peal_bitset_has(&gone, rank)) {
			peal_bigcores_start(cores, rank);
		}
	}
	peal_bigcores_lose(cores, &losses, 5, 2);
	for (uint32_t i = 0; i < sizeof(dead) / sizeof(dead[0]); i++) {
		for (uint32_t k = 0; k < topology->observers_count; k++) {
			uint16_t observer = peal_rings_observer(topology, dead[i], k);

			if (!peal_bitset_has(&gone, observer)) {
				masks[i] |= 1U << k;
				report(cores, cores->nodes[observer], dead[i]);
			}
		}
	}
	peal_bigcores_run(cores, cores->now_ns + 8U * cores->timing.merge_window_ns,
		cores->timing.merge_window_ns / 10U);
	for (uint32_t rank = 0; rank < 150; rank++) {
		const struct peal_bignode *node = cores->nodes[rank];

		if (node == NULL) {
			continue;
		}
		for (uint32_t i = 0; i < sizeof(dead) / sizeof(dead[0]); i++) {
			assert_true(peal_bitset_has(&node->core.alertbatch.reported, dead[i]));
			assert_int_equal(node->core.alertbatch.masks[dead[i]], masks[i]);
		}
	}
	/* Three or four waves, not one for each of fifty reports. */
	assert_in_range(cores->frames_count, 145U * 10U, 145U * 10U * 6U);
	peal_bigcores_destroy(cores);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alertbatch_large__own_reports_go_to_whom_it_observes),
		cmocka_unit_test(test_alertbatch_large__news_are_passed_on_once),
		cmocka_unit_test(test_alertbatch_large__a_full_frame_does_not_wait),
		cmocka_unit_test(test_alertbatch_large__the_first_hop_checks_edges),
		cmocka_unit_test(test_alertbatch_large__an_exchange_may_take_several_frames),
		cmocka_unit_test(
			test_alertbatch_large__a_guest_changes_nothing_and_a_view_everything),
		cmocka_unit_test(test_alertbatch_large__reports_reach_everybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
