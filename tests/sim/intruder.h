/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A group of real nodes whose frames are sealed, a member that can be made to lie, and an intruder
 * at a port of its own.
 *
 * What a liar says is sealed by its own core under its own key and counter, so all that is wrong
 * with it is what it says. The intruder has a sending half of its own; its address, key and cluster
 * are what the test makes them. `intruder_expect` lets some time pass and then holds one member,
 * the victim, to this: one counter moved by exactly so many, no other refusal was counted, and
 * nothing of what it knows about the group is another.
 */
#ifndef PEAL_TESTS_SIM_INTRUDER_H
#define PEAL_TESTS_SIM_INTRUDER_H

#include "base/prng.h"
#include "dataplane/link.h"
#include "sim/simworld.h"
#include "tests/lib/cmocka_all.h"
#include "wire/crypto/aead_open.h"
#include "wire/crypto/keyring.h"
#include "wire/flood_msg.h"
#include "wire/frame.h"
#include "wire/messages.h"

#include <stdlib.h>
#include <string.h>

#define INTRUDER_MS     UINT64_C(1000000)
#define INTRUDER_VICTIM 0U
/* Long enough for everything that a frame may cause, too short for a probe to be missed. */
#define INTRUDER_WAIT_NS INTRUDER_MS

/* What the victim knows about the group and must not be moved. */
struct intruder_memory {
	uint64_t counters[PEAL_COUNTERS_COUNT];
	uint64_t epoch;
	struct peal_hash128 hash;
	struct peal_acceptor acceptor;
	struct peal_bitset reported;
	uint32_t applicants_count;
	uint32_t batches_count;
	uint32_t streams_count;
	uint64_t next_event_seq;
	bool is_proposed;
	bool is_decided;
};

struct intruder_scene {
	struct peal_simworld world;
	struct peal_report report;
	struct peal_keyring keyring;
	struct peal_simcrypto crypto;
	uint16_t port; /* of the intruder: the last one, at which no node ever runs */
	struct peal_simport simport;
	struct peal_egress egress; /* the intruder's */
	struct peal_counters egress_counters;
	struct intruder_memory before;
	/* Frames of family 0 that the victim sent to others than the nodes of the world, and the
	 * last JOIN_ANSWER among them. */
	uint64_t answers_count; /* of JOIN_ANSWER */
	uint64_t others_count;
	uint32_t answer_size_max;
	struct peal_join_answer answer;
	/* NULL, or the cookies that the candidates with uuid.low 1, 2 ... were given. */
	uint8_t (*cookies)[16];
	peal_simnet_watch_fn world_watch;
	void *world_state;
};

static void
intruder_derive(
	void *state, struct peal_uuid cluster, struct peal_uuid uuid, struct peal_aead_key *key_out)
{
	struct intruder_scene *scene = state;
	uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE];

	peal_keyring_derive_tx(&scene->keyring, cluster, uuid, raw);
	scene->crypto.aead.expand(scene->crypto.aead.state, raw, key_out);
}

/* The key of family 0 for who has the secret `psk` and this cluster name. */
static inline void
intruder_make_pre_key(struct intruder_scene *scene, const struct peal_keyring *keyring,
	const char *cluster_name, struct peal_aead_key *key_out)
{
	uint8_t raw[PEAL_AEAD_RAW_KEY_SIZE];

	peal_keyring_derive_pre(keyring, cluster_name, raw);
	scene->crypto.aead.expand(scene->crypto.aead.state, raw, key_out);
}

/* Opens and keeps what the victim answers. */
static void
intruder_watch(void *state, uint16_t port, const uint8_t *bytes, uint32_t size)
{
	struct intruder_scene *scene = state;
	const struct peal_aead *aead = &scene->crypto.aead;
	uint8_t copy[PEAL_PAYLOAD_SIZE_MAX];
	uint8_t nonce[PEAL_AEAD_NONCE_SIZE];
	uint32_t payload_size;
	struct peal_header header;
	struct peal_reader reader;

	scene->world_watch(scene->world_state, port, bytes, size);
	if (port != INTRUDER_VICTIM || size <= PEAL_UDP_OFFSET ||
		peal_link_load16(bytes + PEAL_LINK_TYPE_OFFSET) != PEAL_LINK_TYPE_IPV4) {
		return;
	}
	payload_size = peal_link_load16(bytes + PEAL_UDP_LENGTH_OFFSET) - PEAL_UDP_HEADER_SIZE;
	memcpy(copy, bytes + PEAL_UDP_OFFSET, payload_size);
	if (peal_frame_decode(copy, payload_size, &header) != PEAL_REFUSAL_NONE ||
		peal_message_family(header.kind) != PEAL_FAMILY_JOIN ||
		peal_simnode_find_ipv4(peal_link_load32(bytes + PEAL_IPV4_DST_OFFSET)) <
			scene->port) {
		return;
	}
	if (header.kind == PEAL_MESSAGE_JOIN_ANSWER) {
		scene->answers_count++;
	} else {
		scene->others_count++;
	}
	if (payload_size > scene->answer_size_max) {
		scene->answer_size_max = payload_size;
	}
	peal_frame_nonce(copy, nonce);
	assert_true(aead->open(aead->state, &scene->crypto.pre_key, nonce, copy, PEAL_HEADER_SIZE,
		copy + PEAL_HEADER_SIZE, header.body_size,
		copy + PEAL_HEADER_SIZE + header.body_size));
	reader = peal_reader_init(copy + PEAL_HEADER_SIZE, header.body_size);
	if (header.kind == PEAL_MESSAGE_JOIN_ANSWER) {
		assert_true(peal_join_answer_decode(&reader, &scene->answer));
		if (scene->cookies != NULL && scene->answer.status == PEAL_JOIN_CHALLENGE) {
			memcpy(scene->cookies[scene->answer.candidate.low - 1U],
				scene->answer.cookie, sizeof(scene->answer.cookie));
		}
	}
}

/* `members_count` members in one view, `idle_count` nodes that do not run yet, the intruder. */
static inline struct intruder_scene *
intruder_open(uint16_t members_count, uint16_t idle_count)
{
	static const uint8_t psk[PEAL_KEYRING_PSK_SIZE] = "the secret of the whole group..";
	static const uint8_t secret[PEAL_KEYRING_SECRET_SIZE] = "of no use to anybody...........";
	struct intruder_scene *scene = calloc(1, sizeof(*scene));
	struct peal_simworld_config config = {
		.nodes_count = (uint16_t)(members_count + idle_count + 1U),
		.expect = members_count > 5U ? 5U : (uint8_t)members_count,
		.preset = "dpdk",
		.seed = members_count,
		.crypto = &scene->crypto};
	struct peal_egress_config egress = {.counters = &scene->egress_counters, .seed = {7}};

	assert_non_null(scene);
	peal_keyring_init(&scene->keyring, psk, secret);
	assert_true(peal_aead_open("openssl", &scene->crypto.aead));
	intruder_make_pre_key(
		scene, &scene->keyring, peal_simnode_cluster_name(), &scene->crypto.pre_key);
	scene->crypto.state = scene;
	scene->crypto.derive = intruder_derive;
	peal_report_init(&scene->report);
	peal_simworld_init(&scene->world, &config, &scene->report);
	scene->world_watch = scene->world.net.watch;
	scene->world_state = scene->world.net.watch_state;
	scene->world.net.watch = intruder_watch;
	scene->world.net.watch_state = scene;

	scene->port = (uint16_t)(config.nodes_count - 1U);
	scene->simport = (struct peal_simport){.net = &scene->world.net, .index = scene->port};
	peal_simnet_set_up(&scene->world.net, scene->port, true);
	egress.port = peal_simport_open(&scene->simport, 0);
	egress.aead = scene->crypto.aead;
	egress.pre_key = &scene->crypto.pre_key;
	egress.cluster_name = peal_frame_fold_name(peal_simnode_cluster_name());
	egress.address = peal_simnode_address(scene->port);
	peal_simnet_get_mac(scene->port, egress.address.mac);
	peal_egress_init(&scene->egress, &egress);

	for (uint16_t i = 0; i < members_count; i++) {
		peal_simworld_start(&scene->world, i);
	}
	assert_true(peal_simworld_run_to_agreement(
		&scene->world, peal_simworld_patience_ns(&scene->world)));
	peal_simworld_run_for(&scene->world, 1000U * INTRUDER_MS);
	assert_int_equal(
		scene->world.nodes[INTRUDER_VICTIM]->node.view.members_count, members_count);
	return scene;
}

/* The checkers of the simulator looked on all the time. */
static inline void
intruder_close(struct intruder_scene *scene)
{
	peal_txqueue_fini(&scene->egress.txqueue);
	peal_simworld_fini(&scene->world);
	for (uint32_t i = 0; i < scene->report.violations_count; i++) {
		print_error("%s\n", scene->report.violations[i]);
	}
	assert_int_equal(scene->report.violations_count, 0);
	peal_keyring_close(&scene->keyring);
	peal_aead_close(&scene->crypto.aead);
	free(scene);
}

static inline struct peal_simnode *
intruder_victim(struct intruder_scene *scene)
{
	return scene->world.nodes[INTRUDER_VICTIM];
}

static inline void
intruder_remember(struct intruder_scene *scene, struct intruder_memory *memory_out)
{
	struct peal_simnode *victim = intruder_victim(scene);
	const struct peal_node *node = &victim->node;

	memset(memory_out, 0, sizeof(*memory_out));
	for (uint32_t i = 0; i < PEAL_COUNTERS_COUNT; i++) {
		enum peal_counter id = (enum peal_counter)i;

		memory_out->counters[i] = peal_counter_get(&node->counters, id) +
					  peal_counter_get(peal_core_counters(&victim->core), id);
	}
	memory_out->epoch = node->view.epoch;
	memory_out->hash = node->view.hash;
	memory_out->acceptor = node->consensus.acceptor;
	memory_out->reported = node->cut.evidence.reported;
	memory_out->applicants_count = node->admission.applicants.count;
	memory_out->batches_count = node->batches_count;
	memory_out->streams_count = node->streampool.count;
	memory_out->next_event_seq = node->events.next_seq;
	memory_out->is_proposed = node->is_proposed;
	memory_out->is_decided = node->consensus.is_decided;
}

/* Before something is sent. */
static inline void
intruder_begin(struct intruder_scene *scene)
{
	intruder_remember(scene, &scene->before);
	scene->answers_count = scene->others_count = scene->answer_size_max = 0;
	memset(&scene->answer, 0, sizeof(scene->answer));
}

/* Says no to something that came: those that end in what befell it, and the checks of a frame. */
static inline bool
intruder_is_refusal(enum peal_counter id)
{
	static const char *const words[] = {"refused", "dropped", "spoiled", "conflicts"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strstr(peal_counter_name(id), words[i]) != NULL) {
			return true;
		}
	}
	return false;
}

/* See the head of this file. */
static inline void
intruder_expect(struct intruder_scene *scene, enum peal_counter expected, uint64_t count)
{
	const struct intruder_memory *before = &scene->before;
	struct intruder_memory now;

	peal_simworld_run_for(&scene->world, INTRUDER_WAIT_NS);
	intruder_remember(scene, &now);
	for (uint32_t i = 0; i < PEAL_COUNTERS_COUNT; i++) {
		enum peal_counter id = (enum peal_counter)i;
		uint64_t moved = now.counters[i] - before->counters[i];
		uint64_t wanted = id == expected ? count : 0;

		if (intruder_is_refusal(id) && moved != wanted) {
			print_error("%s moved by %llu\n", peal_counter_name(id),
				(unsigned long long)moved);
		}
		assert_true(!intruder_is_refusal(id) || moved == wanted);
	}
	assert_true(intruder_is_refusal(expected));
	assert_int_equal(now.epoch, before->epoch);
	assert_true(peal_hash128_equals(now.hash, before->hash));
	assert_memory_equal(&now.acceptor, &before->acceptor, sizeof(now.acceptor));
	assert_true(peal_bitset_equals(&now.reported, &before->reported));
	assert_int_equal(now.applicants_count, before->applicants_count);
	assert_int_equal(now.batches_count, before->batches_count);
	assert_int_equal(now.streams_count, before->streams_count);
	assert_int_equal(now.next_event_seq, before->next_event_seq);
	assert_int_equal(now.is_proposed, before->is_proposed);
	assert_int_equal(now.is_decided, before->is_decided);
	peal_node_check(&intruder_victim(scene)->node);
}

/* The intruder says something of family 0 to the victim. */
static inline void
intruder_say(struct intruder_scene *scene, uint8_t kind, const struct peal_writer *body)
{
	assert_true(body->is_ok);
	assert_true(peal_egress_send_address(&scene->egress, &intruder_victim(scene)->address, kind,
		body->bytes, (uint16_t)body->offset));
	peal_txqueue_flush(&scene->egress.txqueue);
}

/* The member `liar` says something to the victim, whatever it is. */
static inline void
intruder_lie(
	struct intruder_scene *scene, uint16_t liar, uint8_t kind, const struct peal_writer *body)
{
	struct peal_core *core = &scene->world.nodes[liar]->core;
	uint16_t slot =
		peal_peers_find(core->peers, (uint32_t)intruder_victim(scene)->node.self.mid);

	assert_true(body->is_ok);
	assert_int_not_equal(slot, PEAL_PEERS_NONE);
	assert_true(peal_egress_send_slot(
		&core->egress, slot, kind, body->bytes, (uint16_t)body->offset));
	peal_txqueue_flush(&core->egress.txqueue);
}

/* The prefix of what a member says in the view. */
static inline void
intruder_write_prefix(const struct intruder_scene *scene, uint16_t liar, struct peal_writer *writer)
{
	const struct peal_node *node = &scene->world.nodes[liar]->node;
	struct peal_flood_prefix prefix = {
		.view_tag = peal_view_tag(&node->view), .origin = (uint32_t)node->self.mid};

	peal_flood_prefix_encode(&prefix, writer);
}

#endif
