/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A pair whose link is broken goes on through another member, in `--seeds` worlds (8) of three,
 * five and nine nodes; the scenario compares, and this prints the worst of all runs. And members
 * that ask for what a relay does not do.
 */
#include "tests/sim/intruder.h"
#include "tests/sim/simrun.h"

static uint64_t seeds_count = 8;

static void
run_all(uint16_t nodes_count, uint64_t count)
{
	struct peal_report worst;
	uint64_t failed_count = 0;
	uint64_t passed_count = 0;

	peal_report_init(&worst);
	for (uint64_t seed = 1; seed <= count; seed++) {
		failed_count += !simrun("broken", nodes_count, NULL, seed);
		passed_count += simrun_report.counters[PEAL_COUNTER_RELAY_PASSED];
		for (uint32_t i = 0; i < simrun_report.figures_count; i++) {
			peal_report_note(&worst, simrun_report.figures[i].name,
				simrun_report.figures[i].value);
		}
		assert_int_equal(simrun_report.counters[PEAL_COUNTER_RELAY_REFUSED_HOP], 0);
		assert_int_equal(simrun_report.counters[PEAL_COUNTER_RELAY_REFUSED_SELF], 0);
		assert_int_equal(simrun_report.counters[PEAL_COUNTER_RELAY_REFUSED_KIND], 0);
		assert_int_equal(simrun_report.counters[PEAL_COUNTER_RELAY_REFUSED_TAG], 0);
	}
	for (uint32_t i = 0; i < worst.figures_count; i++) {
		print_message("# %u nodes, %" PRIu64 " seeds: %s %" PRIu64 "\n", nodes_count, count,
			worst.figures[i].name, worst.figures[i].value);
	}
	assert_int_equal(failed_count, 0);
	assert_true(passed_count > 0);
}

static void
test_relay__a_triangle_with_one_link_cut(void **state)
{
	(void)state;
	run_all(3, seeds_count);
}

static void
test_relay__a_pair_of_five(void **state)
{
	(void)state;
	run_all(5, seeds_count);
}

static void
test_relay__a_pair_of_nine(void **state)
{
	(void)state;
	run_all(9, seeds_count > 4U ? seeds_count / 4U : 1U);
}

/* What the member `liar` asks the victim to pass on: a frame of this kind, from and to whom it
 * says, sealed under its own key. */
static void
ask(struct intruder_scene *scene, uint16_t liar, uint8_t kind, uint32_t src, uint32_t dst)
{
	struct peal_egress *egress = &scene->world.nodes[liar]->core.egress;
	uint16_t slot = peal_peers_find(scene->world.nodes[liar]->core.peers,
		(uint32_t)intruder_victim(scene)->node.self.mid);
	struct peal_header header = {.kind = kind,
		.key_id = egress->aead.key_id,
		.flags = PEAL_FRAME_FLAG_RELAY,
		.body_size = 40,
		.cluster = egress->cluster,
		.src = src,
		.dst = dst,
		.epoch = egress->epoch,
		.counter = ++egress->peers[slot].counter};
	struct peal_headers_target target;
	struct peal_packet packet;
	uint8_t nonce[PEAL_AEAD_NONCE_SIZE];
	uint8_t *payload;

	assert_true(peal_txqueue_allocate(&egress->txqueue, &packet));
	payload = packet.data + egress->headers.size;
	target = peal_headers_aim(&egress->headers, &intruder_victim(scene)->address,
		intruder_victim(scene)->address.mac);
	peal_headers_write(&egress->headers, &target, 88, packet.data);
	peal_frame_encode(&header, payload);
	memset(payload + PEAL_HEADER_SIZE, 0x11, 40);
	peal_frame_nonce(payload, nonce);
	egress->aead.seal(egress->aead.state, egress->self_key, nonce, payload, PEAL_HEADER_SIZE,
		payload + PEAL_HEADER_SIZE, 40, payload + PEAL_HEADER_SIZE + 40);
	packet.size = egress->headers.size + 88U;
	peal_txqueue_queue(&egress->txqueue, &packet);
	peal_txqueue_flush(&egress->txqueue);
}

static uint32_t
number_of(const struct intruder_scene *scene, uint16_t index)
{
	return (uint32_t)scene->world.nodes[index]->node.self.mid;
}

/* Each lie is refused by its name; afterwards the same liar is served when it is right. */
static void
test_relay__refuses_lies(void **state)
{
	struct intruder_scene *scene = intruder_open(5, 0);
	uint32_t own = number_of(scene, 1);
	uint32_t other = number_of(scene, 2);
	uint8_t *common = scene->world.nodes[1]->core.egress.headers.common;

	(void)state;
	intruder_begin(scene);
	ask(scene, 1, PEAL_MESSAGE_VOTE, own, other);
	intruder_expect(scene, PEAL_COUNTER_RELAY_REFUSED_KIND, 1);
	intruder_begin(scene);
	ask(scene, 1, PEAL_MESSAGE_PROBE, own, other);
	intruder_expect(scene, PEAL_COUNTER_RELAY_REFUSED_KIND, 1);
	intruder_begin(scene);
	ask(scene, 1, PEAL_MESSAGE_CHANNEL, own, own);
	intruder_expect(scene, PEAL_COUNTER_RELAY_REFUSED_SELF, 1);
	intruder_begin(scene);
	ask(scene, 1, PEAL_MESSAGE_CHANNEL, own, 4711);
	intruder_expect(scene, PEAL_COUNTER_RELAY_REFUSED_MEMBER, 1);
	intruder_begin(scene);
	ask(scene, 1, PEAL_MESSAGE_CHANNEL, number_of(scene, INTRUDER_VICTIM), other);
	intruder_expect(scene, PEAL_COUNTER_RELAY_REFUSED_MEMBER, 1);
	/* In the name of another: not from its address. */
	intruder_begin(scene);
	ask(scene, 1, PEAL_MESSAGE_CHANNEL, number_of(scene, 3), other);
	intruder_expect(scene, PEAL_COUNTER_RELAY_REFUSED_HOP, 1);
	/* And with that address, the seal is wrong. */
	intruder_begin(scene);
	peal_link_store32(common + PEAL_IPV4_SRC_OFFSET, scene->world.nodes[3]->address.ipv4);
	ask(scene, 1, PEAL_MESSAGE_CHANNEL, number_of(scene, 3), other);
	peal_link_store32(common + PEAL_IPV4_SRC_OFFSET, scene->world.nodes[1]->address.ipv4);
	intruder_expect(scene, PEAL_COUNTER_RELAY_REFUSED_TAG, 1);
	intruder_begin(scene);
	ask(scene, 1, PEAL_MESSAGE_CHANNEL, own, other);
	peal_simworld_run_for(&scene->world, INTRUDER_WAIT_NS);
	assert_int_equal(peal_counter_get(peal_core_counters(&intruder_victim(scene)->core),
				 PEAL_COUNTER_RELAY_PASSED),
		1);
	intruder_close(scene);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_relay__refuses_lies),
		cmocka_unit_test(test_relay__a_triangle_with_one_link_cut),
		cmocka_unit_test(test_relay__a_pair_of_five),
		cmocka_unit_test(test_relay__a_pair_of_nine),
	};

	seeds_count = simrun_count(argc, argv, seeds_count);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
