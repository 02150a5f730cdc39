/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of the simulator themselves: time, network, and checkers that are told of something
 * wrong. */
#include "dataplane/link.h"
#include "sim/check_healthy.h"
#include "sim/check_metadata.h"
#include "sim/check_nonces.h"
#include "sim/check_views.h"
#include "sim/check_votes.h"
#include "sim/simnet.h"
#include "sim/simnode.h"
#include "tests/lib/cmocka_all.h"
#include "wire/frame.h"
#include "wire/messages.h"

#include <string.h>

#define NODES_COUNT 4U

static struct peal_report report;
/* Records of the views of a test, given out in order and never back. */
static struct peal_member members[8][NODES_COUNT];
static uint32_t members_used;
static struct peal_view first;  /* members 1 and 2 */
static struct peal_view second; /* member 3 came */
static const struct peal_uuid cluster = {.low = 7, .high = 7};

static struct peal_uuid
uuid_of(uint64_t number)
{
	return (struct peal_uuid){.low = number, .high = 1};
}

static struct peal_view
empty_view(uint64_t epoch)
{
	return (struct peal_view){.cluster = cluster,
		.epoch = epoch,
		.rings_count = 10,
		.members = members[members_used++]};
}

/* The record at a rank, to be written. */
static struct peal_member *
member_of(struct peal_view *view, uint32_t rank)
{
	return &members[(size_t)(view->members - members[0]) / NODES_COUNT][rank];
}

static void
add_member(struct peal_view *view, uint64_t mid, uint64_t uuid)
{
	*member_of(view, view->members_count++) = (struct peal_member){.uuid = uuid_of(uuid),
		.mid = mid,
		.address = {.ipv4 = (uint32_t)uuid + 1U, .port = 1, .mac = {2}},
		.shards_count = 1};
}

static void
seal(struct peal_view *view, uint64_t next_mid)
{
	view->next_mid = next_mid;
	view->tie_mid = view->members[0].mid;
	view->members_sum = peal_view_sum_members(view);
	view->hash = peal_view_hash(view);
}

static int
setup(void **state)
{
	(void)state;
	peal_report_init(&report);
	members_used = 0;
	first = empty_view(1);
	add_member(&first, 1, 1);
	add_member(&first, 2, 2);
	seal(&first, 3);
	second = empty_view(2);
	second.parent_hash = first.hash;
	add_member(&second, 1, 1);
	add_member(&second, 2, 2);
	add_member(&second, 3, 3);
	seal(&second, 4);
	return 0;
}

static void
test_simtime__takes_equal_instants_in_the_order_of_adding(void **state)
{
	struct peal_simtime time;
	struct peal_simevent event;
	uint64_t last_at_ns = 0;
	uint32_t last_value = 0;

	(void)state;
	peal_simtime_init(&time, 5);
	for (uint32_t i = 0; i < 5000U; i++) {
		peal_simtime_add(&time, 10U + i * 7919U % 13U, PEAL_SIMEVENT_TURN, 0, i);
	}
	for (uint32_t i = 0; i < 5000U; i++) {
		assert_true(peal_simtime_take(&time, 100, &event));
		assert_true(event.at_ns > last_at_ns ||
			    (event.at_ns == last_at_ns && event.value > last_value));
		last_at_ns = event.at_ns;
		last_value = event.value;
		assert_int_equal(time.now_ns, event.at_ns);
	}
	assert_false(peal_simtime_take(&time, 100, &event));
	assert_int_equal(time.now_ns, 100);
	peal_simtime_fini(&time);
}

/* Sends `count` frames from port 0 to port 1 and returns how many are queued there in the end. */
static uint32_t
send_frames(struct peal_simnet *net, struct peal_simtime *time, uint32_t count)
{
	struct peal_simevent event;
	struct peal_simframe *frame;
	uint32_t arrived_count = 0;

	for (uint32_t i = 0; i < count; i++) {
		frame = peal_simnet_allocate(net);
		assert_non_null(frame);
		memset(frame->bytes, 0, 64);
		peal_simnet_get_mac(1, frame->bytes);
		frame->size = 64;
		peal_simnet_send(net, 0, frame);
		while (peal_simtime_take(time, time->now_ns + 1000000U, &event)) {
			(void)peal_simnet_arrive(net, event.actor, event.value);
		}
		while ((frame = peal_simnet_take(net, 1)) != NULL) {
			arrived_count++;
			peal_simnet_release(net, frame);
		}
	}
	return arrived_count;
}

static void
test_simnet__loses_doubles_cuts_and_leaks_nothing(void **state)
{
	const struct peal_simlink link = {.delay_ns_min = 10, .delay_ns_max = 1000};
	struct peal_simtime time;
	struct peal_simnet net;
	uint32_t lost_count;

	(void)state;
	peal_simtime_init(&time, 1);
	peal_simnet_init(&net, &time, 2, &link, 42);
	assert_int_equal(send_frames(&net, &time, 10), 0); /* nobody is up */
	peal_simnet_set_up(&net, 1, true);
	assert_int_equal(send_frames(&net, &time, 100), 100);
	peal_simnet_change(&net, 0, 1)->loss_ppm = 500000;
	lost_count = 1000U - send_frames(&net, &time, 1000);
	assert_true(lost_count > 400 && lost_count < 600);
	peal_simnet_change(&net, 0, 1)->loss_ppm = 0;
	peal_simnet_change(&net, 0, 1)->duplicate_ppm = 1000000;
	assert_int_equal(send_frames(&net, &time, 10), 20);
	net.ports[1].ingress_loss_ppm = 1000000;
	assert_int_equal(send_frames(&net, &time, 10), 0);
	net.ports[1].ingress_loss_ppm = 0;
	net.ports[0].egress_loss_ppm = 1000000;
	assert_int_equal(send_frames(&net, &time, 10), 0);
	net.ports[0].egress_loss_ppm = 0;
	peal_simnet_change(&net, 0, 1)->is_cut = true;
	assert_int_equal(send_frames(&net, &time, 10), 0);
	/* One frame at a time was alive, two with its double: one chunk is enough for all. */
	assert_int_equal(net.frames_count, 256);
	peal_simnet_fini(&net);
	peal_simtime_fini(&time);
}

static void
test_check_views__accepts_a_chain_and_finds_a_fork(void **state)
{
	struct peal_check_views check;
	struct peal_view other;

	(void)state;
	peal_check_views_init(&check, NODES_COUNT, &report);
	(void)peal_check_views_on_install(&check, 0, uuid_of(1), &first, 1);
	(void)peal_check_views_on_install(&check, 1, uuid_of(2), &first, 2);
	assert_true(peal_check_views_on_install(&check, 0, uuid_of(1), &second, 3).is_new);
	assert_false(peal_check_views_on_install(&check, 2, uuid_of(3), &second, 4).is_new);
	assert_int_equal(report.violations_count, 0);

	other = empty_view(2);
	other.parent_hash = first.hash;
	add_member(&other, 1, 1);
	add_member(&other, 2, 2);
	add_member(&other, 3, 4);
	seal(&other, 4);
	(void)peal_check_views_on_install(&check, 1, uuid_of(2), &other, 5);
	assert_int_equal(report.violations_count, 1);
	assert_non_null(strstr(report.violations[0], "two views of epoch 2"));
	peal_check_views_fini(&check);
}

static void
test_check_views__finds_each_broken_rule(void **state)
{
	struct peal_check_views check;
	struct peal_view third;

	(void)state;
	third = empty_view(3);
	peal_check_views_init(&check, NODES_COUNT, &report);
	(void)peal_check_views_on_install(&check, 0, uuid_of(1), &first, 1);
	(void)peal_check_views_on_install(&check, 0, uuid_of(1), &second, 2);
	/* A view again; then one that nobody knows the parent of. */
	(void)peal_check_views_on_install(&check, 0, uuid_of(1), &second, 3);
	assert_int_equal(report.violations_count, 1);
	third.epoch = 9;
	third.parent_hash = second.hash;
	add_member(&third, 1, 1);
	seal(&third, 4);
	(void)peal_check_views_on_install(&check, 1, uuid_of(1), &third, 4);
	assert_int_equal(report.violations_count, 2);
	/* Member 2 goes; then its uuid comes back, and a number is left out. */
	third.epoch = 3;
	seal(&third, 4);
	(void)peal_check_views_on_install(&check, 2, uuid_of(2), &first, 5);
	(void)peal_check_views_on_install(&check, 3, uuid_of(1), &third, 6);
	assert_int_equal(report.violations_count, 2);
	third.epoch = 4;
	third.parent_hash = third.hash;
	add_member(&third, 5, 2);
	seal(&third, 6);
	(void)peal_check_views_on_install(&check, 3, uuid_of(1), &third, 7);
	assert_int_equal(report.violations_count, 4);
	peal_check_views_fini(&check);
}

static void
test_check_votes__finds_what_an_acceptor_may_not_do(void **state)
{
	static struct peal_check_votes check;
	struct peal_acceptor acceptor;

	(void)state;
	peal_check_votes_init(&check, NODES_COUNT, &report);
	peal_acceptor_init(&acceptor);
	peal_check_votes_on_step(&check, 0, 1, &second, 0, &acceptor, 1);
	acceptor.promised = (struct peal_ballot){.round = 2, .index = 1};
	peal_check_votes_on_step(&check, 0, 1, &second, 0, &acceptor, 2);
	assert_int_equal(report.violations_count, 0);
	acceptor.vrnd = PEAL_BALLOT_FAST; /* a vote after a promise */
	peal_check_votes_on_step(&check, 0, 1, &second, 0, &acceptor, 3);
	assert_int_equal(report.violations_count, 1);
	acceptor.vdigest.low = 1; /* another one */
	peal_check_votes_on_step(&check, 0, 1, &second, 0, &acceptor, 4);
	assert_int_equal(report.violations_count, 2);
	acceptor.promised.round = 1; /* a promise taken back */
	peal_check_votes_on_step(&check, 0, 1, &second, 0, &acceptor, 5);
	assert_int_equal(report.violations_count, 3);
	/* The next epoch, and a new process, begin anew. */
	peal_acceptor_init(&acceptor);
	peal_check_votes_on_step(&check, 0, 1, &first, 0, &acceptor, 6);
	peal_check_votes_on_step(&check, 0, 2, &first, 0, &acceptor, 7);
	assert_int_equal(report.violations_count, 3);
	peal_check_votes_on_decision(&check, &first, &second, 1, 8);
	assert_int_equal(report.violations_count, 4);
	peal_check_votes_fini(&check);
}

static uint8_t sent_flags;

/* Port `port` sends a frame without body from one member to another. */
static void
send_counter(struct peal_check_nonces *check, uint16_t port, uint32_t src, uint32_t dst,
	uint64_t counter)
{
	uint8_t bytes[PEAL_UDP_OFFSET + PEAL_HEADER_SIZE + PEAL_TRAILER_SIZE] = {0};
	const struct peal_header header = {.kind = PEAL_MESSAGE_PROBE,
		.flags = sent_flags,
		.cluster = 7,
		.src = src,
		.dst = dst,
		.epoch = 1,
		.counter = counter};

	peal_link_store16(bytes + PEAL_LINK_TYPE_OFFSET, PEAL_LINK_TYPE_IPV4);
	bytes[PEAL_IPV4_PROTOCOL_OFFSET] = PEAL_IPV4_PROTOCOL_UDP;
	peal_link_store16(bytes + PEAL_UDP_LENGTH_OFFSET,
		PEAL_UDP_HEADER_SIZE + PEAL_HEADER_SIZE + PEAL_TRAILER_SIZE);
	peal_frame_encode(&header, bytes + PEAL_UDP_OFFSET);
	peal_check_nonces_on_frame(check, port, bytes, sizeof(bytes), 1);
}

static void
test_check_nonces__finds_a_counter_that_comes_again(void **state)
{
	struct peal_check_nonces check;

	(void)state;
	peal_check_nonces_init(&check, &report);
	send_counter(&check, 0, 1, 2, 5);
	send_counter(&check, 0, 1, 2, 6);
	send_counter(&check, 0, 1, 2, 9); /* gaps are fine */
	send_counter(&check, 0, 1, 2, 8); /* and what leaves a little later than it was sealed, */
	send_counter(&check, 0, 1, 3, 1); /* other receivers, */
	send_counter(&check, 0, 4, 2, 1); /* other incarnations */
	send_counter(&check, 1, 2, 1, 1); /* and other senders */
	for (uint32_t dst = 10; dst < 5000U; dst++) {
		send_counter(&check, 0, 1, dst, 2);
	}
	assert_int_equal(report.violations_count, 0);
	send_counter(&check, 0, 1, 2, 9);
	assert_int_equal(report.violations_count, 1);
	send_counter(&check, 0, 1, 2, 8);
	assert_int_equal(report.violations_count, 2);
	/* Far behind: no receiver would take it. */
	send_counter(&check, 0, 1, 4999, 400);
	send_counter(&check, 0, 1, 4999, 400U - PEAL_REPLAY_WINDOW_MAX);
	assert_int_equal(report.violations_count, 3);
	peal_check_nonces_fini(&check);
}

static void
test_check_healthy__knows_who_had_a_reason_to_fall(void **state)
{
	struct peal_check_healthy check;
	static _Alignas(64) uint64_t memory[256];
	struct peal_topology topology;
	struct peal_view next;

	(void)state;
	next = empty_view(3);
	next.parent_hash = second.hash;
	assert_true(peal_rings_footprint(NODES_COUNT) <= sizeof(memory));
	peal_rings_build(&second, memory, NODES_COUNT, &topology);
	add_member(&next, 1, 1);
	add_member(&next, 2, 2);
	seal(&next, 4);
	peal_check_healthy_init(&check, NODES_COUNT, &report);
	for (uint16_t i = 0; i < 3U; i++) {
		peal_check_healthy_on_start(&check, i);
		peal_check_healthy_on_identity(&check, i, uuid_of(i + 1U));
	}
	/* L is 2 of 3: one bad link is no reason, two are. */
	peal_check_healthy_on_link_fault(&check, 0, 2);
	peal_check_healthy_on_view(&check, &second, &topology, &next, 1);
	assert_int_equal(report.healthy_removed_count, 1);
	peal_check_healthy_on_link_fault(&check, 2, 1);
	peal_check_healthy_on_view(&check, &second, &topology, &next, 2);
	assert_int_equal(report.healthy_removed_count, 1);
	peal_check_healthy_protect(&check, 2);
	peal_check_healthy_on_view(&check, &second, &topology, &next, 3);
	assert_int_equal(report.healthy_removed_count, 2);
	/* Of its own will, or dead: never. */
	peal_check_healthy_on_leave(&check, 2);
	peal_check_healthy_on_view(&check, &second, &topology, &next, 4);
	peal_check_healthy_on_end(&check, 2);
	peal_check_healthy_on_view(&check, &second, &topology, &next, 5);
	assert_int_equal(report.healthy_removed_count, 2);
	assert_int_equal(report.violations_count, 2);
	peal_check_healthy_fini(&check);
}

#define RING_COUNT 40U

/* Breaks links of member 0 to the first `count` of those that it observes and that do not observe
 * it. */
static void
break_ways_out(
	struct peal_check_healthy *check, const struct peal_topology *topology, uint32_t count)
{
	uint32_t subjects_count = 0;
	const uint16_t *subjects = peal_rings_subjects(topology, 0, &subjects_count);

	for (uint32_t i = 0; i < subjects_count && count > 0; i++) {
		if (peal_rings_mask(topology, subjects[i], 0) == 0) {
			peal_check_healthy_on_link_fault(check, 0, subjects[i]);
			count--;
		}
	}
	assert_int_equal(count, 0);
}

/* On rings a member is observed by some and observes others: either may be what is bad of it. */
static void
test_check_healthy__looks_at_edges_in_both_directions(void **state)
{
	static struct peal_member ring[2][RING_COUNT];
	static _Alignas(64) uint64_t memory[2048];
	struct peal_view before = empty_view(1);
	struct peal_view after = empty_view(2);
	struct peal_check_healthy check;
	struct peal_topology topology;

	(void)state;
	for (uint32_t rank = 0; rank < RING_COUNT; rank++) {
		ring[0][rank] = (struct peal_member){.uuid = uuid_of(rank + 1U),
			.mid = rank + 1U,
			.address = {.ipv4 = rank + 1U, .port = 1, .mac = {2}},
			.shards_count = 1};
	}
	memcpy(ring[1], ring[0] + 1U, (RING_COUNT - 1U) * sizeof(ring[0][0]));
	before.members = ring[0];
	before.members_count = RING_COUNT;
	seal(&before, RING_COUNT + 1U);
	after.members = ring[1]; /* without member 0 */
	after.members_count = RING_COUNT - 1U;
	after.parent_hash = before.hash;
	seal(&after, RING_COUNT + 1U);
	assert_true(peal_rings_footprint(RING_COUNT) <= sizeof(memory));
	peal_rings_build(&before, memory, RING_COUNT, &topology);
	assert_int_equal(peal_view_thresholds(RING_COUNT, before.rings_count).l, 3);
	peal_check_healthy_init(&check, RING_COUNT, &report);
	for (uint16_t i = 0; i < RING_COUNT; i++) {
		peal_check_healthy_on_start(&check, i);
		peal_check_healthy_on_identity(&check, i, uuid_of(i + 1U));
	}
	break_ways_out(&check, &topology, 2);
	peal_check_healthy_on_view(&check, &before, &topology, &after, 1);
	assert_int_equal(report.healthy_removed_count, 1);
	/* Broken both ways a link is one bad edge, whoever observes whom. */
	break_ways_out(&check, &topology, 2);
	peal_check_healthy_on_view(&check, &before, &topology, &after, 1);
	assert_int_equal(report.healthy_removed_count, 2);
	/* Two that it misses and one that misses it. */
	for (uint16_t k = 0; k < topology.observers_count; k++) {
		uint16_t observer = peal_rings_observer(&topology, 0, k);

		if (peal_rings_mask(&topology, 0, observer) == 0) {
			peal_check_healthy_on_link_fault(&check, observer, 0);
			break;
		}
	}
	peal_check_healthy_on_view(&check, &before, &topology, &after, 2);
	assert_int_equal(report.healthy_removed_count, 2);
	/* Whoever else is at fault is no fault of an observer. */
	for (uint32_t i = 0; i < RING_COUNT; i++) {
		if (peal_rings_mask(&topology, 0, i) != 0 &&
			peal_rings_mask(&topology, i, 0) == 0) {
			peal_check_healthy_on_fault(&check, (uint16_t)i);
		}
	}
	peal_check_healthy_on_view(&check, &before, &topology, &after, 3);
	assert_int_equal(report.healthy_removed_count, 3);
	peal_check_healthy_fini(&check);
}

static void
test_report__spreads_and_merges(void **state)
{
	uint64_t values[100];
	struct peal_report_spread spread;
	struct peal_report part;

	(void)state;
	for (uint32_t i = 0; i < 100U; i++) {
		values[i] = 100U - i;
	}
	spread = peal_report_spread(values, 100);
	assert_int_equal(spread.p50_ns, 50);
	assert_int_equal(spread.p99_ns, 99);
	assert_int_equal(spread.max_ns, 100);
	assert_int_equal(peal_report_spread(values, 1).p99_ns, 1);
	assert_int_equal(peal_report_spread(values, 0).max_ns, 0);

	peal_report_init(&part);
	part.views_count = 2;
	part.sizes_seen[3] = true;
	for (uint32_t i = 0; i < 2U * PEAL_REPORT_VIOLATIONS_MAX; i++) {
		peal_report_violate(&part, i, "number %u", i);
	}
	peal_report_merge(&report, &part);
	peal_report_merge(&report, &part);
	assert_int_equal(report.views_count, 4);
	assert_true(report.sizes_seen[3]);
	assert_int_equal(report.violations_count, 4U * PEAL_REPORT_VIOLATIONS_MAX);
}

/* The metadata of somebody else, of a process that never was, cut short, or none where there is
 * some: each is seen. */
static void
test_checkers__metadata_is_the_members_own(void **state)
{
	uint8_t bytes[PEAL_METADATA_SIZE_MAX];
	struct peal_member *member = member_of(&second, 2);
	uint32_t many[22];
	uint32_t violations_count = 0;

	(void)state;
	for (uint32_t i = 0; i < 22; i++) {
		many[i] = 3;
	}
	for (uint32_t rank = 0; rank < 3; rank++) {
		member_of(&second, rank)->address =
			peal_simnode_address((uint16_t)(5U + 8U * rank));
	}
	/* Those of the nodes 5, 13 and 21 have none. */
	peal_check_metadata_on_view(&second, 4096, many, 22, 1, &report);
	assert_int_equal(report.violations_count, 0);
	for (uint32_t way = 0; way < 6; way++) {
		uint32_t incarnation = way == 4 ? 4 : 2;

		member->address = peal_simnode_address((uint16_t)(way == 3 ? 2U : 1U));
		member->metadata = bytes;
		member->metadata_size = peal_check_metadata_fill(bytes, 4096, 1, incarnation);
		assert_true(member->metadata_size >= PEAL_CHECK_METADATA_SIZE_MIN);
		if (way == 1) {
			bytes[member->metadata_size - 1U] ^= 1U;
		} else if (way == 2) {
			member->metadata_size--;
		} else if (way == 5) {
			member->metadata_size = 0;
		}
		peal_check_metadata_on_view(&second, 4096, many, 22, 1, &report);
		violations_count += way == 0 ? 0 : 1U;
		assert_int_equal(report.violations_count, violations_count);
	}
	/* A node's own: of this very incarnation. */
	member->metadata_size = peal_check_metadata_fill(bytes, 4096, 1, 2);
	peal_check_metadata_on_self(member, 4096, 1, 2, 1, &report);
	assert_int_equal(report.violations_count, violations_count);
	peal_check_metadata_on_self(member, 4096, 1, 3, 1, &report);
	assert_int_equal(report.violations_count, violations_count + 1U);
}

/* What another port passes on was sent before; then it may come as often as it likes. */
static void
test_check_nonces__finds_what_was_passed_on_and_never_sent(void **state)
{
	struct peal_check_nonces check;

	(void)state;
	peal_check_nonces_init(&check, &report);
	sent_flags = PEAL_FRAME_FLAG_RELAY;
	send_counter(&check, 1, 5, 6, 10);
	send_counter(&check, 2, 5, 6, 10);
	send_counter(&check, 3, 5, 6, 10);
	send_counter(&check, 2, 5, 6, 10);
	assert_int_equal(report.violations_count, 0);
	send_counter(&check, 2, 5, 6, 11);
	assert_int_equal(report.violations_count, 1);
	assert_non_null(strstr(report.violations[0], "never sent"));
	/* Its sender may not send it again. */
	send_counter(&check, 1, 5, 6, 10);
	assert_int_equal(report.violations_count, 2);
	sent_flags = 0;
	peal_check_nonces_fini(&check);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_simtime__takes_equal_instants_in_the_order_of_adding),
		cmocka_unit_test(test_simnet__loses_doubles_cuts_and_leaks_nothing),
		cmocka_unit_test_setup(test_check_views__accepts_a_chain_and_finds_a_fork, setup),
		cmocka_unit_test_setup(test_check_views__finds_each_broken_rule, setup),
		cmocka_unit_test_setup(test_check_votes__finds_what_an_acceptor_may_not_do, setup),
		cmocka_unit_test_setup(test_check_nonces__finds_a_counter_that_comes_again, setup),
		cmocka_unit_test_setup(
			test_check_nonces__finds_what_was_passed_on_and_never_sent, setup),
		cmocka_unit_test_setup(test_check_healthy__knows_who_had_a_reason_to_fall, setup),
		cmocka_unit_test_setup(
			test_check_healthy__looks_at_edges_in_both_directions, setup),
		cmocka_unit_test_setup(test_report__spreads_and_merges, setup),
		cmocka_unit_test_setup(test_checkers__metadata_is_the_members_own, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
