/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bad input for membership, through whole nodes: sealed frames on the wire, real cores, real
 * control halves. Each is refused by name, counted once, and changes nothing.
 */
#include "tests/sim/intruder.h"

#include "wire/alert_msg.h"
#include "wire/body_msg.h"
#include "wire/vote_msg.h"

#define REPEATS 3U

static uint8_t bytes[PEAL_BODY_SIZE_MAX];

static struct peal_writer
open_body(void)
{
	memset(bytes, 0, sizeof(bytes));
	return peal_writer_init(bytes, sizeof(bytes));
}

/* ---- who asks to join ---- */

/* A request as a joiner at `address` would send it that is right in all else. */
static struct peal_join_request
make_request(struct intruder_scene *scene, const struct peal_address *address, uint64_t uuid)
{
	struct peal_parameters parameters = {0};
	struct peal_join_request request = {.expect = 1,
		.member = {
			.uuid = {.low = uuid, .high = 1}, .address = *address, .shards_count = 1}};

	parameters = intruder_victim(scene)->node.admission.config.parameters;
	request.parameters = peal_parameters_hash(&parameters);
	return request;
}

static void
ask(struct intruder_scene *scene, const struct peal_join_request *request)
{
	struct peal_writer writer = open_body();

	peal_join_request_encode(request, &writer);
	intruder_say(scene, PEAL_MESSAGE_JOIN_REQUEST, &writer);
}

/* K, H, L, the ring hash, the presets' figures, the room: the joiner learns what the group has. */
static void
test_badmember__a_joiner_with_other_parameters(void **state)
{
	struct intruder_scene *scene = intruder_open(5, 0);
	struct peal_parameters group = intruder_victim(scene)->node.admission.config.parameters;

	(void)state;
	for (uint32_t i = 0; i < PEAL_PARAMETERS_COUNT; i++) {
		struct peal_join_request request =
			make_request(scene, &scene->egress.headers.address, 9);
		struct peal_parameters other = group;
		struct peal_parameters told;

		other.values[i]++;
		request.parameters = peal_parameters_hash(&other);
		intruder_begin(scene);
		for (uint32_t n = 0; n < REPEATS; n++) {
			ask(scene, &request);
		}
		intruder_expect(scene, PEAL_COUNTER_JOINS_REFUSED, REPEATS);
		assert_int_equal(scene->answers_count, REPEATS);
		assert_int_equal(scene->answer.status, PEAL_JOIN_PARAMETER_MISMATCH);
		assert_true(peal_parameters_decode(scene->answer.cookie, &told));
		assert_memory_equal(&told, &group, sizeof(told));
	}
	intruder_close(scene);
}

/* A cookie of its own making opens nothing; it gets the good one, at the address it came from. */
static void
test_badmember__a_joiner_with_a_false_cookie(void **state)
{
	struct intruder_scene *scene = intruder_open(5, 0);
	struct peal_join_request request = make_request(scene, &scene->egress.headers.address, 9);

	(void)state;
	memset(request.cookie, 0x5A, sizeof(request.cookie));
	intruder_begin(scene);
	ask(scene, &request);
	intruder_expect(scene, PEAL_COUNTER_COOKIES_REFUSED, 1);
	assert_int_equal(scene->answers_count, 1);
	assert_int_equal(scene->answer.status, PEAL_JOIN_CHALLENGE);
	intruder_close(scene);
}

/* It says that it is somewhere else, or that it has a number already: nobody answers that. */
static void
test_badmember__a_joiner_that_lies_about_itself(void **state)
{
	struct intruder_scene *scene = intruder_open(5, 0);
	struct peal_join_request request = make_request(scene, &scene->egress.headers.address, 9);
	struct peal_writer writer = open_body();

	(void)state;
	request.member.address.ipv4++;
	intruder_begin(scene);
	ask(scene, &request);
	intruder_expect(scene, PEAL_COUNTER_MESSAGES_REFUSED, 1);
	assert_int_equal(scene->answers_count, 0);

	request.member.address.ipv4--;
	peal_join_request_encode(&request, &writer);
	bytes[writer.offset - PEAL_MEMBER_RECORD_SIZE + 16U] = 1; /* its member number */
	intruder_begin(scene);
	intruder_say(scene, PEAL_MESSAGE_JOIN_REQUEST, &writer);
	intruder_expect(scene, PEAL_COUNTER_MESSAGES_REFUSED, 1);
	assert_int_equal(scene->answers_count, 0);
	intruder_close(scene);
}

/* ---- another cluster, another key ---- */

static void
test_badmember__a_joiner_of_a_foreign_cluster(void **state)
{
	struct intruder_scene *scene = intruder_open(5, 0);
	struct peal_join_request request = make_request(scene, &scene->egress.headers.address, 9);

	(void)state;
	scene->egress.cluster_name = peal_frame_fold_name("elsewhere");
	intruder_begin(scene);
	for (uint32_t n = 0; n < REPEATS; n++) {
		ask(scene, &request);
	}
	intruder_expect(scene, PEAL_COUNTER_REFUSED_CLUSTER, REPEATS);
	assert_int_equal(scene->answers_count, 0);
	intruder_close(scene);
}

/* A member of another cluster, on the same network and under the same secret. */
static void
test_badmember__a_member_of_a_foreign_cluster(void **state)
{
	struct intruder_scene *scene = intruder_open(5, 0);
	struct peal_egress *egress = &scene->world.nodes[2]->core.egress;
	struct peal_writer writer = open_body();

	(void)state;
	intruder_write_prefix(scene, 2, &writer);
	egress->cluster++;
	intruder_begin(scene);
	for (uint32_t n = 0; n < REPEATS; n++) {
		intruder_lie(scene, 2, PEAL_MESSAGE_VOTE, &writer);
	}
	egress->cluster--;
	intruder_expect(scene, PEAL_COUNTER_REFUSED_CLUSTER, REPEATS);
	intruder_close(scene);
}

/* Who does not have the secret: no frame is opened, none is answered. */
static void
test_badmember__a_joiner_with_another_key(void **state)
{
	static const uint8_t psk[PEAL_KEYRING_PSK_SIZE] = "the secret of nobody here......";
	struct intruder_scene *scene = intruder_open(5, 0);
	struct peal_join_request request = make_request(scene, &scene->egress.headers.address, 9);
	struct peal_keyring keyring;
	struct peal_aead_key key;

	(void)state;
	peal_keyring_init(&keyring, psk, psk);
	intruder_make_pre_key(scene, &keyring, peal_simnode_cluster_name(), &key);
	scene->egress.pre_key = &key;
	intruder_begin(scene);
	for (uint32_t n = 0; n < REPEATS; n++) {
		ask(scene, &request);
	}
	intruder_expect(scene, PEAL_COUNTER_REFUSED_TAG, REPEATS);
	assert_int_equal(scene->answers_count, 0);

	scene->egress.aead = peal_aead_none;
	intruder_begin(scene);
	ask(scene, &request);
	intruder_expect(scene, PEAL_COUNTER_REFUSED_KEY, 1);
	assert_int_equal(scene->answers_count, 0);
	peal_keyring_close(&keyring);
	intruder_close(scene);
}

/* One member says something under the number of another: it does not have that one's key. */
static void
test_badmember__a_member_that_plays_another(void **state)
{
	struct intruder_scene *scene = intruder_open(5, 0);
	struct peal_egress *egress = &scene->world.nodes[2]->core.egress;
	uint32_t mid = egress->self_mid;
	struct peal_writer writer = open_body();

	(void)state;
	intruder_write_prefix(scene, 3, &writer);
	egress->self_mid = (uint32_t)scene->world.nodes[3]->node.self.mid;
	for (uint32_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		egress->peers[slot].counter += 1000U; /* the other has said much already */
	}
	intruder_begin(scene);
	intruder_lie(scene, 2, PEAL_MESSAGE_VOTE, &writer);
	egress->self_mid = mid;
	intruder_expect(scene, PEAL_COUNTER_REFUSED_TAG, 1);
	intruder_close(scene);
}

/* ---- what members say ---- */

static void
accuse(struct intruder_scene *scene, uint16_t liar, uint16_t rank, uint32_t mask)
{
	struct peal_alert_msg message = {
		.count = 1, .entries = {{.rank = rank, .reason = PEAL_ALERT_SILENT, .mask = mask}}};
	struct peal_writer writer = open_body();

	intruder_write_prefix(scene, liar, &writer);
	peal_alert_msg_encode(&message, &writer);
	intruder_lie(scene, liar, PEAL_MESSAGE_ALERT, &writer);
}

/* Only its observers may accuse a member, each on its own ring. */
static void
test_badmember__an_alert_of_one_who_does_not_observe(void **state)
{
	struct intruder_scene *scene = intruder_open(16, 0);
	const struct peal_node *liar = &scene->world.nodes[2]->node;
	uint32_t refused_count = 0;

	(void)state;
	intruder_begin(scene);
	for (uint16_t rank = 0; rank < 16; rank++) {
		uint32_t own = peal_rings_mask(&liar->topology, liar->self_rank, rank);

		for (uint32_t k = 0; k < liar->topology.observers_count; k++) {
			if ((own >> k & 1U) == 0) {
				accuse(scene, 2, rank, UINT32_C(1) << k);
				refused_count++;
			}
		}
		peal_simworld_run_for(&scene->world, INTRUDER_WAIT_NS);
	}
	assert_true(refused_count > 100);
	intruder_expect(scene, PEAL_COUNTER_ALERT_ENTRIES_REFUSED, refused_count);

	intruder_begin(scene);
	accuse(scene, 2, 16, 1);                                            /* nobody */
	accuse(scene, 2, 0, UINT32_C(1) << liar->topology.observers_count); /* no ring */
	intruder_expect(scene, PEAL_COUNTER_ALERT_ENTRIES_REFUSED, 2);
	intruder_close(scene);
}

/* In a small group everybody votes for himself. */
static void
test_badmember__votes_of_many_in_a_small_group(void **state)
{
	struct intruder_scene *scene = intruder_open(5, 0);
	uint8_t bitmap[1] = {0x1F};
	struct peal_vote_msg message = {.count = 5, .bitmap = bitmap};
	struct peal_writer writer = open_body();

	(void)state;
	message.key = (struct peal_vote_key){
		.kind = PEAL_VOTE_FAST, .ballot = PEAL_BALLOT_FAST, .digest = {.low = 1}};
	intruder_write_prefix(scene, 2, &writer);
	peal_vote_msg_encode(&message, &writer);
	intruder_begin(scene);
	intruder_lie(scene, 2, PEAL_MESSAGE_VOTE_UP, &writer);
	intruder_expect(scene, PEAL_COUNTER_REFUSED_BODY, 1);
	intruder_close(scene);
}

/* A neighbour of the victim in a large group. */
static uint16_t
find_neighbour(struct intruder_scene *scene)
{
	uint32_t mid = (uint32_t)intruder_victim(scene)->node.self.mid;
	uint16_t liar = 1;

	while (peal_peers_find(scene->world.nodes[liar]->core.peers, mid) == PEAL_PEERS_NONE) {
		liar++;
	}
	return liar;
}

static void
test_badmember__votes_with_bits_outside_the_view(void **state)
{
	struct intruder_scene *scene = intruder_open(70, 0);
	uint16_t liar = find_neighbour(scene);
	uint8_t bitmap[1] = {0xFF};
	struct peal_vote_msg message = {.bitmap = bitmap};
	struct peal_vote_key key = {
		.kind = PEAL_VOTE_FAST, .ballot = PEAL_BALLOT_FAST, .digest = {.low = 1}};

	(void)state;
	message.key = key;
	intruder_begin(scene);
	for (uint16_t first = 64; first <= 72; first += 8) {
		struct peal_writer writer = open_body();

		message.first = first; /* 64 to 71, of which the last two are nobody; 72 to 79 */
		message.count = 8;
		intruder_write_prefix(scene, liar, &writer);
		peal_vote_msg_encode(&message, &writer);
		intruder_lie(scene, liar, PEAL_MESSAGE_VOTE_UP, &writer);
	}
	intruder_expect(scene, PEAL_COUNTER_REFUSED_BODY, 2);
	intruder_close(scene);
}

/* A vote for a cut that removes who is not there, or adds who is there already. */
static void
test_badmember__a_vote_for_a_cut_that_cannot_be(void **state)
{
	struct intruder_scene *scene = intruder_open(5, 0);
	const struct peal_node *node = &intruder_victim(scene)->node;
	struct peal_member twice = node->view.members[3];
	struct peal_ballot_msg message = {.kind = PEAL_MESSAGE_VOTE,
		.ballot = PEAL_BALLOT_FAST,
		.has_proposal = true,
		.proposal = {.parent_epoch = node->view.epoch, .parent_hash = node->view.hash}};

	(void)state;
	twice.mid = 0;
	for (uint32_t i = 0; i < 2; i++) {
		struct peal_writer writer = open_body();

		memset(&message.proposal.removals, 0, sizeof(message.proposal.removals));
		if (i == 0) {
			peal_bitset_add(&message.proposal.removals, 5);
		} else {
			message.proposal.additions = &twice;
			message.proposal.additions_count = 1;
		}
		message.digest = peal_proposal_digest(&message.proposal);
		intruder_write_prefix(scene, 2, &writer);
		peal_ballot_msg_encode(&message, &writer);
		intruder_begin(scene);
		intruder_lie(scene, 2, PEAL_MESSAGE_VOTE, &writer);
		intruder_expect(scene, PEAL_COUNTER_PROPOSALS_REFUSED, 1);
	}
	intruder_close(scene);
}

/* The cut would be lawful, but it does not lead to what the message says. */
static void
test_badmember__a_decision_with_another_result(void **state)
{
	struct intruder_scene *scene = intruder_open(5, 0);
	const struct peal_node *node = &intruder_victim(scene)->node;
	struct peal_ballot_msg message = {.kind = PEAL_MESSAGE_DECIDE,
		.ballot = PEAL_BALLOT_FAST,
		.has_proposal = true,
		.result_hash = {.low = 1, .high = 2},
		.proposal = {.parent_epoch = node->view.epoch, .parent_hash = node->view.hash}};
	struct peal_writer writer = open_body();

	(void)state;
	peal_bitset_add(&message.proposal.removals, 4);
	message.digest = peal_proposal_digest(&message.proposal);
	intruder_write_prefix(scene, 2, &writer);
	peal_ballot_msg_encode(&message, &writer);
	intruder_begin(scene);
	intruder_lie(scene, 2, PEAL_MESSAGE_DECIDE, &writer);
	intruder_expect(scene, PEAL_COUNTER_MESSAGES_REFUSED, 1);
	intruder_close(scene);
}

/* ---- bodies that are not what they are called ---- */

static void
test_badmember__a_body_that_is_not_its_digest(void **state)
{
	struct intruder_scene *scene = intruder_open(5, 0);
	uint8_t content[100] = {1};
	struct peal_body_msg message = {.digest = {.low = 3, .high = 4},
		.total_size = sizeof(content),
		.size = sizeof(content),
		.bytes = content};

	(void)state;
	for (uint32_t n = 0; n < REPEATS; n++) {
		struct peal_writer writer = open_body();

		message.digest.low++;
		intruder_write_prefix(scene, 2, &writer);
		peal_body_msg_encode(&message, &writer);
		intruder_begin(scene);
		intruder_lie(scene, 2, PEAL_MESSAGE_BODY, &writer);
		intruder_expect(scene, PEAL_COUNTER_BODIES_SPOILED, 1);
		assert_false(
			peal_assembly_has(&intruder_victim(scene)->node.assembly, message.digest));
	}
	intruder_close(scene);
}

/* A batch whose joiners are not those that its digest names. */
static void
test_badmember__a_batch_that_is_not_its_digest(void **state)
{
	struct intruder_scene *scene = intruder_open(5, 0);
	const struct peal_node *node = &intruder_victim(scene)->node;
	struct peal_join_request joiner = make_request(scene, &scene->egress.headers.address, 9);
	struct peal_batch_msg message = {.has_proposal = true,
		.proposal = {.parent_epoch = node->view.epoch,
			.parent_hash = node->view.hash,
			.additions = &joiner.member,
			.additions_count = 1}};
	struct peal_writer writer = open_body();

	(void)state;
	message.digest = peal_proposal_digest(&message.proposal);
	message.size = peal_proposal_size(&message.proposal);
	intruder_write_prefix(scene, 2, &writer);
	peal_batch_msg_encode(&message, &writer);
	bytes[PEAL_FLOOD_PREFIX_SIZE] ^= 1U; /* the digest */
	intruder_begin(scene);
	intruder_lie(scene, 2, PEAL_MESSAGE_JOIN_BATCH, &writer);
	intruder_expect(scene, PEAL_COUNTER_MESSAGES_REFUSED, 1);
	intruder_close(scene);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_badmember__a_joiner_with_other_parameters),
		cmocka_unit_test(test_badmember__a_joiner_with_a_false_cookie),
		cmocka_unit_test(test_badmember__a_joiner_that_lies_about_itself),
		cmocka_unit_test(test_badmember__a_joiner_of_a_foreign_cluster),
		cmocka_unit_test(test_badmember__a_member_of_a_foreign_cluster),
		cmocka_unit_test(test_badmember__a_joiner_with_another_key),
		cmocka_unit_test(test_badmember__a_member_that_plays_another),
		cmocka_unit_test(test_badmember__an_alert_of_one_who_does_not_observe),
		cmocka_unit_test(test_badmember__votes_of_many_in_a_small_group),
		cmocka_unit_test(test_badmember__votes_with_bits_outside_the_view),
		cmocka_unit_test(test_badmember__a_vote_for_a_cut_that_cannot_be),
		cmocka_unit_test(test_badmember__a_decision_with_another_result),
		cmocka_unit_test(test_badmember__a_body_that_is_not_its_digest),
		cmocka_unit_test(test_badmember__a_batch_that_is_not_its_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
