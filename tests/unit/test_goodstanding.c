/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/goodstanding.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/teststore.h"

#include <stdlib.h>
#include <string.h>

#define MEMBERS_MAX 5U

static struct peal_member members[MEMBERS_MAX];
static struct peal_view view;
static struct peal_topology topology;
static struct peal_peers peers;
static struct peal_plane plane;
static void *rings;

/* A view of so many members as its member at `self` sees it; slots are ranks. */
static void
see(uint16_t count, uint16_t self)
{
	memset(&view, 0, sizeof(view));
	memset(members, 0, sizeof(members));
	memset(&peers, 0, sizeof(peers));
	memset(&plane, 0, sizeof(plane));
	for (uint16_t i = 0; i < count; i++) {
		members[i].mid = i + 1U;
		members[i].uuid.high = 7U + i;
		members[i].address = (struct peal_address){.ipv4 = 0x0A000001U + i, .port = 7400};
		peers.peers[i] = (struct peal_peer){.mid = members[i].mid, .rank = i};
	}
	view.epoch = 4;
	view.members_count = count;
	view.members = members;
	view.rings_count = 10;
	view.tie_mid = 1;
	free(rings);
	rings = aligned_alloc(64, (peal_rings_footprint(MEMBERS_MAX) + 63U) / 64U * 64U);
	assert_non_null(rings);
	peal_rings_build(&view, rings, MEMBERS_MAX, &topology);
	peers.epoch = 4;
	peers.members_count = count;
	peers.self_rank = self;
	peers.self_mid = members[self].mid;
	peers.view = &view;
	peers.topology = &topology;
	peers.peers[self].mid = 0;
	peal_peers_index(&peers);
}

static void
prove(uint16_t slot, uint64_t at_ns)
{
	atomic_store(&plane.echoed_at_ns[slot], at_ns);
}

static uint64_t
heard_at_ns(void)
{
	return peal_goodstanding_heard_at_ns(&peers, &plane);
}

static void
test_goodstanding__of_two_the_senior_cannot_be_removed_by_the_other(void **state)
{
	(void)state;
	see(1, 0);
	assert_true(heard_at_ns() == UINT64_MAX);
	see(2, 0);
	assert_true(heard_at_ns() == UINT64_MAX);
	see(2, 1);
	assert_int_equal(heard_at_ns(), 0);
	prove(0, 500);
	assert_int_equal(heard_at_ns(), 500);
}

/* With itself three of five are a quorum, and two of four subjects are half of them. */
static void
test_goodstanding__asks_for_a_quorum_and_half_of_the_subjects(void **state)
{
	(void)state;
	see(5, 4);
	prove(1, 100);
	assert_int_equal(heard_at_ns(), 0);
	prove(2, 200);
	assert_int_equal(heard_at_ns(), 100);
	prove(3, 300);
	assert_int_equal(heard_at_ns(), 200);
	prove(1, 400);
	assert_int_equal(heard_at_ns(), 300);
	/* Of four the half with the senior is one. */
	see(4, 0);
	prove(1, 100);
	prove(2, 90);
	assert_int_equal(heard_at_ns(), 90);
	see(4, 3);
	prove(1, 100);
	prove(2, 90);
	assert_int_equal(heard_at_ns(), 90);
	prove(0, 100);
	assert_int_equal(heard_at_ns(), 100);
}

static void
test_goodstanding__ends_with_the_membership_and_in_doubt(void **state)
{
	(void)state;
	see(3, 0);
	prove(1, 100);
	prove(2, 100);
	assert_int_equal(heard_at_ns(), 100);
	atomic_store(&plane.doubted, 3);
	assert_int_equal(heard_at_ns(), 100);
	atomic_store(&plane.doubted, 4);
	assert_int_equal(heard_at_ns(), 0);
	atomic_store(&plane.doubted, 0);
	peers.members_count = 0;
	assert_int_equal(heard_at_ns(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_goodstanding__of_two_the_senior_cannot_be_removed_by_the_other),
		cmocka_unit_test(test_goodstanding__asks_for_a_quorum_and_half_of_the_subjects),
		cmocka_unit_test(test_goodstanding__ends_with_the_membership_and_in_doubt),
	};

	int failed_count = cmocka_run_group_tests(tests, NULL, NULL);

	free(rings);
	return failed_count;
}
