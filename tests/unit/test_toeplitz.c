/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/toeplitz.h"

#include "base/prng.h"
#include "dataplane/link.h"
#include "tests/lib/cmocka_all.h"

#define IPV4(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))

/* What Microsoft published to verify the hash with: source, destination, both ports. */
static const struct {
	uint32_t src;
	uint32_t dst;
	uint16_t port_src;
	uint16_t port_dst;
	uint32_t of_addresses;
	uint32_t of_all;
} published[] = {
	{IPV4(66, 9, 149, 187), IPV4(161, 142, 100, 80), 2794, 1766, 0x323e8fc2, 0x51ccc178},
	{IPV4(199, 92, 111, 2), IPV4(65, 69, 140, 83), 14230, 4739, 0xd718262a, 0xc626b0ea},
	{IPV4(24, 19, 198, 95), IPV4(12, 22, 207, 184), 12898, 38024, 0xd2d0a5de, 0x5c2b394a},
	{IPV4(38, 27, 205, 30), IPV4(209, 142, 163, 6), 48228, 2217, 0x82989176, 0xafc7327f},
	{IPV4(153, 39, 163, 191), IPV4(202, 188, 127, 2), 44251, 1303, 0x5d1809c5, 0x10e828a2},
};

static void
write_tuple(uint8_t tuple[PEAL_TOEPLITZ_TUPLE_SIZE], uint32_t src, uint32_t dst, uint16_t port_src,
	uint16_t port_dst)
{
	peal_link_store32(tuple, src);
	peal_link_store32(tuple + 4, dst);
	peal_link_store16(tuple + 8, port_src);
	peal_link_store16(tuple + 10, port_dst);
}

static void
test_toeplitz__says_what_was_published(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
		uint8_t tuple[PEAL_TOEPLITZ_TUPLE_SIZE];

		write_tuple(tuple, published[i].src, published[i].dst, published[i].port_src,
			published[i].port_dst);
		assert_int_equal(
			peal_toeplitz_hash(peal_toeplitz_key, tuple, 8), published[i].of_addresses);
		assert_int_equal(peal_toeplitz_hash(peal_toeplitz_key, tuple, sizeof(tuple)),
			published[i].of_all);
	}
}

/* Whatever the size of the card's table and the order of its bytes. */
static void
test_toeplitz__a_found_port_leads_to_the_queue_of_the_shard(void **state)
{
	struct peal_prng prng;
	uint32_t found_count = 0;

	(void)state;
	peal_prng_init(&prng, 3);
	for (uint32_t i = 0; i < 400; i++) {
		const struct peal_toeplitz_flow flow = {.ipv4_src = (uint32_t)peal_prng_next(&prng),
			.ipv4_dst = (uint32_t)peal_prng_next(&prng),
			.port_dst = (uint16_t)peal_prng_next(&prng)};
		uint8_t shards_count = (uint8_t)(2U + i % 7U);
		uint8_t shard = (uint8_t)peal_prng_below(&prng, shards_count);
		uint16_t port = peal_toeplitz_find_port(
			&flow, shard, shards_count, (uint16_t)peal_prng_next(&prng));
		uint8_t tuple[PEAL_TOEPLITZ_TUPLE_SIZE];
		uint32_t hash;

		if (port == 0) {
			continue;
		}
		found_count++;
		assert_true(port >= 49152);
		write_tuple(tuple, flow.ipv4_src, flow.ipv4_dst, port, flow.port_dst);
		hash = peal_toeplitz_hash(peal_toeplitz_key, tuple, sizeof(tuple));
		for (uint32_t entries = 64; entries <= 512; entries *= 2U) {
			assert_int_equal(hash % entries % shards_count, shard);
			assert_int_equal(__builtin_bswap32(hash) % entries % shards_count, shard);
		}
	}
	/* Three of seven counts are no powers of two, and for seven there are few ports. */
	assert_true(found_count >= 390);
}

static void
test_toeplitz__flows_do_not_share_one_port(void **state)
{
	const struct peal_toeplitz_flow flow = {
		.ipv4_src = IPV4(10, 0, 0, 1), .ipv4_dst = IPV4(10, 0, 0, 2), .port_dst = 7400};
	uint16_t one = peal_toeplitz_find_port(&flow, 0, 2, 7400);
	uint16_t other = peal_toeplitz_find_port(&flow, 0, 2, 9400);

	(void)state;
	assert_true(one != 0 && other != 0);
	assert_true(one != other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_toeplitz__says_what_was_published),
		cmocka_unit_test(test_toeplitz__a_found_port_leads_to_the_queue_of_the_shard),
		cmocka_unit_test(test_toeplitz__flows_do_not_share_one_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
