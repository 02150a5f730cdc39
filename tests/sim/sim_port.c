/* SPDX-License-Identifier: BSD-3-Clause */
/* What the port of a simulated node says of a packet, all of it: a core believes every word. */
#include "sim/simport.h"
#include "sim/simtime.h"
#include "tests/lib/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#define FRAME_SIZE 60U

static void
test_port__says_all_of_a_packet(void **state)
{
	const struct peal_simlink link = {.delay_ns_min = 1, .delay_ns_max = 1};
	struct peal_simport simports[2] = {{.index = 0}, {.index = 1}};
	struct peal_simnet *net = calloc(1, sizeof(*net));
	struct peal_packet packets[2];
	struct peal_simevent event;
	struct peal_simtime time;
	struct peal_port from;
	struct peal_port to;

	(void)state;
	assert_non_null(net);
	peal_simtime_init(&time, 1);
	peal_simnet_init(net, &time, 2, &link, 1);
	simports[0].net = simports[1].net = net;
	from = peal_simport_open(&simports[0], 0);
	to = peal_simport_open(&simports[1], 0);
	peal_simnet_set_up(net, 1, true);

	memset(packets, 0xA5, sizeof(packets));
	assert_int_equal(from.ops->allocate(from.state, 0, packets, 1), 1);
	assert_int_equal(packets[0].size, 0);
	assert_int_equal(packets[0].room, 0);
	memset(packets[0].data, 0, FRAME_SIZE);
	memcpy(packets[0].data, to.mac, sizeof(to.mac));
	packets[0].size = FRAME_SIZE;
	assert_int_equal(from.ops->transmit(from.state, 0, packets, 1), 1);
	assert_true(peal_simtime_take(&time, 10, &event));
	assert_true(peal_simnet_arrive(net, event.actor, event.value));

	memset(packets, 0xA5, sizeof(packets));
	assert_int_equal(to.ops->receive(to.state, 0, packets, 2), 1);
	assert_int_equal(packets[0].size, FRAME_SIZE);
	assert_int_equal(packets[0].room, 0);
	to.ops->release(to.state, 0, packets, 1);
	peal_simnet_fini(net);
	peal_simtime_fini(&time);
	free(net);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_port__says_all_of_a_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
