/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For every codec: random values come back unchanged, one value has one encoding, every shorter and
 * every longer form is refused, and what a flipped bit makes of it is refused or is another value
 * that comes back unchanged itself.
 *
 * Each is done with IPv4 addresses and with IPv6 ones.
 *
 * With PEAL_CORPUS_DIR set it also writes some of the encodings there, one folder a surface, as a
 * start for the fuzz targets. PEAL_SEED picks other values.
 */
#include "tests/lib/cmocka_all.h"
#include "tests/lib/gen.h"
#include "tests/lib/recode.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define ROUNDS_COUNT 400U
#define FLIPS_COUNT  40U
#define SEEDS_COUNT  24U

#define JOIN_READY_PLACE 8U /* among the messages of joining */

static struct peal_prng prng;
static uint8_t bytes[PEAL_RECODE_SIZE_MAX];
static uint8_t recoded[PEAL_RECODE_SIZE_MAX];

typedef size_t (*generate_fn)(struct peal_writer *writer);

static size_t
generate_frame(struct peal_writer *writer)
{
	struct peal_header header;

	peal_gen_header(&prng, &header);
	writer->offset = PEAL_HEADER_SIZE + (size_t)header.body_size + PEAL_TRAILER_SIZE;
	peal_gen_bytes(&prng, writer->bytes, writer->offset);
	peal_frame_encode(&header, writer->bytes);
	return writer->offset;
}

static size_t
generate_member(struct peal_writer *writer)
{
	struct peal_member member;

	peal_gen_rich_member(&prng, &member);
	peal_member_encode(&member, writer);
	return writer->offset;
}

static size_t
generate_tagged(struct peal_writer *writer)
{
	struct peal_metadata_tag tag;
	struct peal_member member;

	peal_gen_member(&prng, &member);
	peal_gen_tag(&prng, &tag);
	peal_member_encode_tagged(&member, &tag, writer);
	return writer->offset;
}

static size_t
generate_view(struct peal_writer *writer)
{
	static struct peal_member members[PEAL_RECODE_MEMBERS_MAX];
	static struct peal_ordergroup ordergroups[PEAL_ORDERGROUPS_MAX];
	struct peal_view view;
	uint16_t count = (uint16_t)(1U + peal_prng_below(&prng, 6));

	if (peal_prng_ratio(&prng, 1, 50)) {
		count = PEAL_RECODE_MEMBERS_MAX;
	}
	peal_gen_view(&prng, count, members, &view);
	for (uint32_t id = 1; view.next_mid >= 10 && id <= peal_prng_below(&prng, 4); id++) {
		peal_gen_ordergroup(&prng, view.next_mid, &ordergroups[id - 1U]);
		ordergroups[id - 1U].id = id;
		view.ordergroups_count++;
	}
	view.ordergroups = ordergroups;
	view.hash = peal_view_hash(&view);
	writer->offset = peal_view_encode(&view, writer->bytes, (uint32_t)writer->capacity);
	return writer->offset;
}

static size_t
generate_ordergroup(struct peal_writer *writer)
{
	struct peal_ordergroup group;

	peal_gen_ordergroup(&prng, 10U + peal_prng_below(&prng, 1000), &group);
	peal_ordergroup_encode(&group, writer);
	return writer->offset;
}

static size_t
generate_proposal(struct peal_writer *writer)
{
	static struct peal_member additions[PEAL_GEN_INLINE_ADDITIONS];
	struct peal_proposal proposal;

	peal_gen_proposal(&prng, PEAL_GEN_INLINE_ADDITIONS, additions, &proposal);
	if (peal_prng_ratio(&prng, 1, 2)) {
		peal_gen_ordergroup(&prng, 1000, &proposal.ordergroup);
	}
	peal_proposal_encode(&proposal, writer);
	return writer->offset;
}

static size_t
generate_liveness(struct peal_writer *writer)
{
	struct peal_liveness_msg message;

	peal_gen_liveness_msg(&prng, &message);
	peal_liveness_msg_encode(&message, writer->bytes);
	writer->offset = PEAL_LIVENESS_BODY_SIZE;
	return writer->offset;
}

static size_t
generate_flood(struct peal_writer *writer)
{
	struct peal_flood_prefix prefix;

	peal_gen_flood_prefix(&prng, &prefix);
	peal_flood_prefix_encode(&prefix, writer);
	return writer->offset;
}

static size_t
generate_alert(struct peal_writer *writer)
{
	struct peal_alert_msg message;

	peal_gen_alert_msg(&prng, &message);
	peal_alert_msg_encode(&message, writer);
	return writer->offset;
}

static size_t
generate_ballot(struct peal_writer *writer)
{
	static struct peal_ballot_msg message;
	uint64_t which = peal_prng_below(&prng, PEAL_GEN_BALLOT_KINDS_COUNT);

	peal_gen_ballot_msg(&prng, peal_gen_ballot_kinds[which], &message);
	peal_write_u8(writer, message.kind);
	peal_ballot_msg_encode(&message, writer);
	return writer->offset;
}

static void
generate_before_join(uint8_t which, struct peal_writer *writer)
{
	static uint8_t chunk[PEAL_INSTALL_CHUNK_SIZE_MAX];
	struct peal_join_request request;
	struct peal_join_answer answer;
	struct peal_install_msg install;
	struct peal_install_pull pull;
	struct peal_join_probe probe;
	struct peal_join_ready ready;

	switch (which) {
	case 0:
		peal_gen_join_request(&prng, &request);
		peal_join_request_encode(&request, writer);
		break;
	case 1:
		peal_gen_join_answer(&prng, &answer);
		peal_join_answer_encode(&answer, writer);
		break;
	case 2:
		peal_gen_install_msg(&prng, chunk, &install);
		peal_install_msg_encode(&install, writer);
		break;
	case 4:
		peal_gen_install_pull(&prng, &pull);
		peal_install_pull_encode(&pull, writer);
		break;
	case JOIN_READY_PLACE:
		peal_gen_join_ready(&prng, chunk, &ready);
		peal_join_ready_encode(&ready, writer);
		break;
	default:
		peal_gen_join_probe(&prng, &probe);
		peal_join_probe_encode(&probe, writer);
		break;
	}
}

static size_t
generate_join(struct peal_writer *writer)
{
	static struct peal_join_forward forward;
	static struct peal_batch_msg batch;
	struct peal_leave_msg leave;
	uint8_t which = (uint8_t)peal_prng_below(&prng, PEAL_RECODE_JOIN_MESSAGES_COUNT);

	peal_write_u8(writer, which);
	switch (which) {
	case 3:
		peal_gen_leave_msg(&prng, &leave);
		peal_leave_msg_encode(&leave, writer);
		break;
	case 6:
		peal_gen_join_forward(&prng, &forward);
		assert_int_equal(peal_join_forward_encode(
					 forward.members, forward.tags, forward.count, writer),
			forward.count);
		break;
	case 7:
		peal_gen_batch_msg(&prng, &batch);
		peal_batch_msg_encode(&batch, writer);
		break;
	default:
		generate_before_join(which, writer);
		break;
	}
	return writer->offset;
}

static size_t
generate_bodies(struct peal_writer *writer)
{
	static uint8_t chunk[PEAL_CHUNK_SIZE_MAX];
	struct peal_body_msg body;
	struct peal_pull_msg pull;
	struct peal_sync_msg sync;
	struct peal_snapshot_msg snapshot;
	struct peal_reach_msg reach;
	struct peal_unreachable_msg unreachable;
	uint8_t which = (uint8_t)peal_prng_below(&prng, PEAL_RECODE_BODY_MESSAGES_COUNT);

	peal_write_u8(writer, which);
	switch (which) {
	case 0:
		peal_gen_body_msg(&prng, chunk, &body);
		peal_body_msg_encode(&body, writer);
		break;
	case 1:
		peal_gen_pull_msg(&prng, &pull);
		peal_pull_msg_encode(&pull, writer);
		break;
	case 2:
		peal_gen_sync_msg(&prng, &sync);
		peal_sync_msg_encode(&sync, writer);
		break;
	case 3:
		peal_gen_snapshot_msg(&prng, &snapshot);
		peal_snapshot_msg_encode(&snapshot, writer);
		break;
	case 4:
		peal_gen_reach_msg(&prng, &reach);
		peal_reach_msg_encode(&reach, writer);
		break;
	default:
		peal_gen_unreachable_msg(&prng, &unreachable);
		peal_unreachable_msg_encode(&unreachable, writer);
		break;
	}
	return writer->offset;
}

static size_t
generate_vote(struct peal_writer *writer)
{
	static uint8_t bitmap[PEAL_VOTE_PLACES_MAX / 8U];
	struct peal_vote_msg message;

	peal_gen_vote_msg(&prng, bitmap, &message);
	peal_vote_msg_encode(&message, writer);
	return writer->offset;
}

struct surface {
	const char *name;
	generate_fn generate;
	peal_recode_fn recode;
};

static const struct surface surfaces[] = {
	{"frame", generate_frame, peal_recode_frame},
	{"member", generate_member, peal_recode_member},
	{"tagged", generate_tagged, peal_recode_tagged},
	{"view", generate_view, peal_recode_view},
	{"proposal", generate_proposal, peal_recode_proposal},
	{"ordergroup", generate_ordergroup, peal_recode_ordergroup},
	{"liveness", generate_liveness, peal_recode_liveness},
	{"flood", generate_flood, peal_recode_flood},
	{"alert", generate_alert, peal_recode_alert},
	{"ballot", generate_ballot, peal_recode_ballot},
	{"join", generate_join, peal_recode_join},
	{"bodies", generate_bodies, peal_recode_bodies},
	{"vote", generate_vote, peal_recode_vote},
};

#define SURFACES_COUNT (sizeof(surfaces) / sizeof(surfaces[0]))

static size_t
generate(const struct surface *surface)
{
	struct peal_writer writer = peal_writer_init(bytes, sizeof(bytes));
	size_t size = surface->generate(&writer);

	assert_true(writer.is_ok);
	assert_in_range(size, 1, sizeof(bytes) - 1U);
	return size;
}

/* Runs the codec over a copy of exactly `size` bytes, where a read behind them is seen. */
static size_t
recode_exactly(const struct surface *surface, size_t size)
{
	uint8_t *copy = malloc(size == 0 ? 1 : size);

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	size_t recoded_size = surface->recode(copy, size, recoded);
	free(copy);
	return recoded_size;
}

static void
check_round_trips(const struct surface *surface)
{
	for (uint32_t round = 0; round < ROUNDS_COUNT; round++) {
		size_t size = generate(surface);

		assert_int_equal(recode_exactly(surface, size), size);
		assert_memory_equal(recoded, bytes, size);
	}
}

static void
check_sizes(const struct surface *surface)
{
	for (uint32_t round = 0; round < ROUNDS_COUNT / 20U; round++) {
		size_t size = generate(surface);

		/* JOIN_READY is as long as its frame, so a shorter one is another good one. */
		if (surface->generate == generate_join && bytes[0] == JOIN_READY_PLACE) {
			continue;
		}
		for (size_t shorter = 0; shorter < size; shorter++) {
			assert_int_equal(recode_exactly(surface, shorter), 0);
		}
		/* A byte of the kind that is there already, and the one that padding would have. */
		for (uint32_t more = 1; more <= 8; more++) {
			bytes[size + more - 1U] = more % 2U == 0 ? 0 : bytes[size - 1U];
			assert_int_equal(recode_exactly(surface, size + more), 0);
		}
	}
}

static void
check_flipped_bits(const struct surface *surface)
{
	for (uint32_t round = 0; round < ROUNDS_COUNT / 4U; round++) {
		size_t size = generate(surface);

		for (uint32_t flip = 0; flip < FLIPS_COUNT; flip++) {
			uint64_t bit = peal_prng_below(&prng, 8U * size);

			bytes[bit / 8U] ^= (uint8_t)(1U << (bit % 8U));
			size_t recoded_size = recode_exactly(surface, size);
			if (recoded_size != 0) {
				assert_int_equal(recoded_size, size);
				assert_memory_equal(recoded, bytes, size);
			}
		}
	}
}

static void
write_seeds(const struct surface *surface, const char *folder, const char *stem)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, surface->name);
	(void)mkdir(path, 0755);
	for (uint32_t i = 0; i < SEEDS_COUNT; i++) {
		size_t size = generate(surface);

		(void)snprintf(path, sizeof(path), "%s/%s/%s-%u", folder, surface->name, stem, i);
		FILE *file = fopen(path, "wb");
		assert_non_null(file);
		assert_int_equal(fwrite(bytes, 1, size, file), size);
		assert_int_equal(fclose(file), 0);
	}
}

static void
for_each_surface(void (*check)(const struct surface *surface))
{
	const char *seed = getenv("PEAL_SEED");

	peal_prng_init(&prng, seed == NULL ? 1 : strtoull(seed, NULL, 0));
	for (size_t i = 0; i < 2U * SURFACES_COUNT; i++) {
		peal_gen_set_ipv6(i >= SURFACES_COUNT);
		check(&surfaces[i % SURFACES_COUNT]);
	}
}

static void
prop_wire__values_come_back_unchanged(void **state)
{
	(void)state;
	for_each_surface(check_round_trips);
}

static void
prop_wire__shorter_and_longer_forms_are_refused(void **state)
{
	(void)state;
	for_each_surface(check_sizes);
}

static void
prop_wire__a_flipped_bit_is_refused_or_another_value(void **state)
{
	(void)state;
	for_each_surface(check_flipped_bits);
}

int
main(void)
{
	const char *folder = getenv("PEAL_CORPUS_DIR");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prop_wire__values_come_back_unchanged),
		cmocka_unit_test(prop_wire__shorter_and_longer_forms_are_refused),
		cmocka_unit_test(prop_wire__a_flipped_bit_is_refused_or_another_value),
	};

	if (folder != NULL) {
		peal_prng_init(&prng, 1);
		for (size_t i = 0; i < SURFACES_COUNT; i++) {
			write_seeds(&surfaces[i], folder, "good");
		}
		peal_gen_set_ipv6(true);
		for (size_t i = 0; i < SURFACES_COUNT; i++) {
			write_seeds(&surfaces[i], folder, "six");
		}
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
