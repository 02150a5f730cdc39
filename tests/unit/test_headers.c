/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/headers.h"

#include "dataplane/link.h"
#include "dataplane/route.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"

#include <stdlib.h>

#define PAYLOAD_SIZE 64U

static const struct peal_address own[2] = {
	{.ipv4 = 0x0A000001, .port = 7400, .mac = {2, 0, 0, 0, 0, 1}},
	{.ipv6_head = UINT64_C(0xFD00007700000000),
		.ipv4 = 0x00AB1201,
		.port = 7400,
		.mac = {2, 0, 0, 0, 0, 1}}};
static const struct peal_address other[2] = {
	{.ipv4 = 0x0A000002, .port = 7401, .mac = {2, 0, 0, 0, 0, 2}},
	{.ipv6_head = UINT64_C(0xFD00007700000000),
		.ipv6_middle = 9,
		.ipv4 = 2,
		.port = 7401,
		.mac = {2, 0, 0, 0, 0, 2}}};

static uint8_t bytes[PEAL_PACKET_SIZE_MAX];
static struct peal_headers mine;
static struct peal_packet packet = {.data = bytes};

/* A packet from the other to me with the shape number 0 to 3: IPv6, and a tag. */
static void
make(uint32_t shape)
{
	bool is_ipv6 = (shape & 1U) != 0;
	uint16_t vlan = (shape & 2U) != 0 ? 100 : 0;
	struct peal_headers theirs;
	struct peal_headers_target target;

	peal_headers_init(&mine, &own[is_ipv6], vlan);
	peal_headers_init(&theirs, &other[is_ipv6], vlan);
	target = peal_headers_aim(&theirs, &own[is_ipv6], own[is_ipv6].mac);
	memset(bytes, 0x5A, sizeof(bytes));
	peal_headers_write(&theirs, &target, PAYLOAD_SIZE, bytes);
	peal_headers_seal(&theirs, PAYLOAD_SIZE, bytes);
	packet.size = theirs.size + PAYLOAD_SIZE;
}

static enum peal_sight
judge(void)
{
	return peal_headers_judge(&mine, &packet);
}

static void
test_headers__are_taken_by_whom_they_are_for(void **state)
{
	static const uint8_t sizes[4] = {42, 62, 46, 66};

	(void)state;
	for (uint32_t shape = 0; shape < 4; shape++) {
		bool is_ipv6 = (shape & 1U) != 0;
		struct peal_address source;

		make(shape);
		assert_int_equal(mine.size, sizes[shape]);
		assert_int_equal(mine.is_plain, shape == 0);
		assert_int_equal(judge(), PEAL_SIGHT_FRAME);
		assert_int_equal(peal_headers_measure(bytes), sizes[shape]);
		source = peal_headers_source(bytes);
		assert_memory_equal(&source, &other[is_ipv6], sizeof(source));
		assert_int_equal(bytes[mine.size], 0x5A);
		assert_int_equal(peal_headers_port(&mine, bytes), own[is_ipv6].port);
		bytes[mine.size - 5U] ^= 1U;
		assert_int_equal(judge(), PEAL_SIGHT_OTHER_PORT);
		assert_int_equal(peal_headers_port(&mine, bytes), own[is_ipv6].port ^ 1U);
	}
}

static void
test_headers__of_one_shape_refuse_all_others(void **state)
{
	(void)state;
	for (uint32_t shape = 0; shape < 4; shape++) {
		for (uint32_t mine_is = 0; mine_is < 4; mine_is++) {
			struct peal_headers sender;

			make(shape);
			sender = mine;
			peal_headers_init(&mine, &own[mine_is & 1U], (mine_is & 2U) != 0 ? 100 : 0);
			assert_int_equal(judge(), shape == mine_is           ? PEAL_SIGHT_FRAME
						  : sender.vlan != mine.vlan ? PEAL_SIGHT_WRONG_VLAN
									     : PEAL_SIGHT_NOT_IP);
		}
	}
	make(2);
	bytes[15] = 101;
	assert_int_equal(judge(), PEAL_SIGHT_WRONG_VLAN);
	bytes[15] = 100;
	bytes[14] = 0xE0; /* priority belongs to switches */
	assert_int_equal(judge(), PEAL_SIGHT_FRAME);
	bytes[14] = 0xE1;
	assert_int_equal(judge(), PEAL_SIGHT_WRONG_VLAN);
}

static void
test_headers__cut_short_are_refused_and_not_read_beyond(void **state)
{
	(void)state;
	for (uint32_t shape = 0; shape < 4; shape++) {
		make(shape);
		uint32_t whole = packet.size;

		for (uint32_t size = 0; size < whole; size++) {
			/* Of its own, so that a sanitizer sees the end. */
			uint8_t *copy = malloc(size == 0 ? 1 : size);
			struct peal_packet cut = {.data = copy, .size = size};

			assert_non_null(copy);
			memcpy(copy, bytes, size);
			enum peal_sight sight = peal_headers_judge(&mine, &cut);

			assert_true(sight == PEAL_SIGHT_NOT_IP || sight == PEAL_SIGHT_BAD_IP);
			free(copy);
		}
	}
}

static void
test_headers__name_what_is_wrong_with_ipv6(void **state)
{
	static const struct {
		uint8_t offset, value;
		enum peal_sight sight;
	} changes[] = {
		{5, 9, PEAL_SIGHT_NOT_MINE},   /* another MAC */
		{53, 9, PEAL_SIGHT_NOT_MINE},  /* another address */
		{14, 0x40, PEAL_SIGHT_BAD_IP}, /* version */
		{18, 1, PEAL_SIGHT_BAD_IP},    /* longer than the packet */
		{20, 6, PEAL_SIGHT_NOT_MINE},  /* TCP */
		{20, 0, PEAL_SIGHT_NOT_MINE},  /* hop-by-hop options */
		{20, 44, PEAL_SIGHT_NOT_MINE}, /* a fragment */
		{20, 58, PEAL_SIGHT_ICMP}, {22, 0xFF, PEAL_SIGHT_BAD_IP}, /* from a group */
		{57, 9, PEAL_SIGHT_OTHER_PORT},                           /* another port */
		{59, 9, PEAL_SIGHT_BAD_IP},                               /* two lengths */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		make(1);
		bytes[changes[i].offset] = changes[i].value;
		assert_int_equal(judge(), changes[i].sight);
	}
	/* From nobody, and from what is an IPv4 address to us. */
	make(1);
	memset(bytes + 22, 0, 12);
	assert_int_equal(judge(), PEAL_SIGHT_BAD_IP);
	bytes[32] = bytes[33] = 0xFF;
	assert_int_equal(judge(), PEAL_SIGHT_BAD_IP);
	/* Whole, and too short for a frame. */
	make(1);
	peal_headers_resize(&mine, 47, bytes);
	assert_int_equal(judge(), PEAL_SIGHT_SHORT);
	peal_link_store16(bytes + 18, 7);
	assert_int_equal(judge(), PEAL_SIGHT_BAD_IP);
}

static void
test_headers__let_a_group_ask_and_nothing_else(void **state)
{
	static const uint8_t group_mac[6] = {0x33, 0x33, 0xFF, 0xAB, 0x12, 0x01};
	static const uint8_t group[16] = {
		0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xFF, 0xAB, 0x12, 0x01};

	(void)state;
	make(1);
	memcpy(bytes, group_mac, sizeof(group_mac));
	memcpy(bytes + 38, group, sizeof(group));
	assert_int_equal(judge(), PEAL_SIGHT_NOT_MINE);
	bytes[20] = PEAL_IPV6_NEXT_ICMP;
	assert_int_equal(judge(), PEAL_SIGHT_ICMP);
	bytes[53] ^= 1U;
	assert_int_equal(judge(), PEAL_SIGHT_NOT_MINE);
	/* A frame on the group's MAC. */
	make(1);
	memcpy(bytes, group_mac, sizeof(group_mac));
	assert_int_equal(judge(), PEAL_SIGHT_NOT_MINE);
}

static void
test_headers__have_a_checksum_over_ipv6_that_anybody_can_check(void **state)
{
	(void)state;
	make(1);
	assert_int_equal(
		peal_link_fold_ipv6(bytes + 14, PEAL_IPV6_NEXT_UDP, 8U + PAYLOAD_SIZE), UINT16_MAX);
	/* Slowly, as RFC 1071 says, for odd sizes too. */
	for (uint32_t size = 1; size < 40; size++) {
		uint32_t sum = PEAL_IPV6_NEXT_UDP + 8U + size;

		for (uint32_t i = 0; i < 32U + 8U + size; i++) {
			sum += (uint32_t)bytes[22 + i] << (i % 2U == 0 ? 8 : 0);
		}
		sum = (sum & 0xFFFFU) + (sum >> 16);
		sum = (sum & 0xFFFFU) + (sum >> 16);
		uint16_t folded = peal_link_fold_ipv6(bytes + 14, PEAL_IPV6_NEXT_UDP, 8U + size);

		assert_int_equal(__builtin_bswap16(folded), sum);
	}
	make(0);
	assert_int_equal(peal_link_load16(bytes + PEAL_UDP_CHECKSUM_OFFSET), 0);
}

static void
test_route__tells_near_from_far(void **state)
{
	struct peal_route route = {.prefix_size = 0};
	struct peal_address there = own[0];

	(void)state;
	there.ipv4 = 0xC0A80001;
	assert_true(peal_route_is_near(&route, &own[0], &there));
	for (uint32_t bits = 1; bits <= 32; bits++) {
		route.prefix_size = (uint8_t)bits;
		there.ipv4 = own[0].ipv4 ^ UINT32_C(1) << (32U - bits);
		assert_false(peal_route_is_near(&route, &own[0], &there));
		there.ipv4 = bits == 32 ? own[0].ipv4 : own[0].ipv4 ^ UINT32_C(1) << (31U - bits);
		assert_true(peal_route_is_near(&route, &own[0], &there));
	}
	for (uint32_t bits = 1; bits <= 128; bits++) {
		for (uint32_t flip = 0; flip < 128; flip++) {
			route.prefix_size = (uint8_t)bits;
			there = own[1];
			if (flip < 64) {
				there.ipv6_head ^= UINT64_C(1) << (63U - flip);
			} else if (flip < 96) {
				there.ipv6_middle ^= UINT32_C(1) << (95U - flip);
			} else {
				there.ipv4 ^= UINT32_C(1) << (127U - flip);
			}
			assert_int_equal(peal_route_is_near(&route, &own[1], &there), flip >= bits);
		}
	}
}

static void
init_without_port(void *argument)
{
	struct peal_address address = own[0];

	address.port = 0;
	peal_headers_init(argument, &address, 0);
}

static void
init_with_a_tag_too_large(void *argument)
{
	peal_headers_init(argument, &own[0], 4095);
}

static void
test_headers__need_a_whole_address(void **state)
{
	(void)state;
	assert_true(peal_test_dies(init_without_port, &mine));
	assert_true(peal_test_dies(init_with_a_tag_too_large, &mine));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers__are_taken_by_whom_they_are_for),
		cmocka_unit_test(test_headers__of_one_shape_refuse_all_others),
		cmocka_unit_test(test_headers__cut_short_are_refused_and_not_read_beyond),
		cmocka_unit_test(test_headers__name_what_is_wrong_with_ipv6),
		cmocka_unit_test(test_headers__let_a_group_ask_and_nothing_else),
		cmocka_unit_test(test_headers__have_a_checksum_over_ipv6_that_anybody_can_check),
		cmocka_unit_test(test_route__tells_near_from_far),
		cmocka_unit_test(test_headers__need_a_whole_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
