/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/traffic.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/fakecore.h"

#include <stdlib.h>

static void
test_traffic__gives_a_core_all_that_messages_need(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create(1, "none");
	struct peal_core *core = &cores->nodes[0]->core;
	struct peal_traffic *traffic = calloc(1, sizeof(*traffic));
	struct peal_core_config config = {0};

	(void)state;
	assert_non_null(traffic);
	peal_traffic_init(traffic, core, &config, 1, 77);
	assert_ptr_equal(config.channels, &traffic->channels);
	assert_ptr_equal(config.cast, &traffic->cast);
	assert_ptr_equal(config.load, &traffic->load);
	assert_int_equal(traffic->channels.next_epoch, 77);
	assert_ptr_equal(traffic->channels.config.egress, &core->egress);
	assert_ptr_equal(traffic->cast.config.counters, &core->counters);
	/* What each may write to is its own. */
	assert_int_equal(
		traffic->channels.config.queue_bytes +
			(uint64_t)PEAL_CHANNELS_MAX * traffic->channels.config.queue_capacity -
			traffic->channel_queues[0],
		sizeof(traffic->channel_queues));
	assert_int_equal(traffic->channels.config.frames_count, PEAL_FRAMEPOOL_MAX);
	assert_int_equal(traffic->channels.config.frame_size, PEAL_BODY_SIZE_MAX);
	assert_true((uint64_t)PEAL_FRAMEPOOL_MAX * PEAL_BODY_SIZE_MAX <=
		    sizeof(traffic->channel_frames));
	assert_int_equal(traffic->cast.config.queue_capacity, sizeof(traffic->cast_queue));
	/* Applications are the user of both, and load is behind them. */
	assert_ptr_equal(config.clients, &traffic->clients);
	assert_ptr_equal(traffic->channels.config.user.state, &traffic->clients);
	assert_ptr_equal(traffic->cast.config.user.state, &traffic->clients);
	assert_ptr_equal(traffic->clients.load_channels.state, &traffic->load);
	assert_ptr_equal(traffic->clients.load_cast.state, &traffic->load);
	free(traffic);
	peal_fakecores_destroy(cores);
}

static void
test_traffic__has_buffers_for_what_the_port_carries(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create(1, "none");
	struct peal_core *core = &cores->nodes[0]->core;
	struct peal_traffic *traffic = calloc(1, sizeof(*traffic));
	struct peal_core_config config = {.port.mtu = PEAL_MTU_MAX};
	const struct peal_channels_config *channels = &traffic->channels.config;

	(void)state;
	assert_non_null(traffic);
	peal_traffic_init(traffic, core, &config, 1, 77);
	assert_int_equal(channels->frame_size, PEAL_LARGE_BODY_SIZE_MAX);
	assert_int_equal(channels->frames_count, 8 * PEAL_CHANNEL_WINDOW);
	assert_true((uint64_t)channels->frames_count * channels->frame_size <=
		    sizeof(traffic->channel_frames));
	/* Whoever waits for pieces finds a buffer. */
	assert_int_equal(traffic->channels.pool.reserved_count, PEAL_CHANNELS_MAX);
	/* As many as ever, a little larger, on an Ethernet as it is. */
	config.port.mtu = 1500;
	config.address.ipv6_head = 1;
	peal_traffic_init(traffic, core, &config, 1, 77);
	assert_int_equal(channels->frame_size, 1500 - 96);
	assert_int_equal(channels->frames_count, PEAL_FRAMEPOOL_MAX);
	free(traffic);
	peal_fakecores_destroy(cores);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_traffic__gives_a_core_all_that_messages_need),
		cmocka_unit_test(test_traffic__has_buffers_for_what_the_port_carries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
