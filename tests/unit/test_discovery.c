/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/discovery.h"

#include "dataplane/link.h"
#include "tests/lib/cmocka_all.h"

#define HEADER 40U

/* A question for fd00:77::1 by fe80::1 (02:00:00:00:00:aa), put together by hand after RFC
 * 4861 4.3; its checksum was computed by another program. */
static const uint8_t drawn[PEAL_DISCOVERY_SIZE] = {0x60, 0, 0, 0, 0, 32, 58, 255, 0xFE, 0x80, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xFF, 0, 0, 1,
	135, 0, 0x7A, 0xF9, 0, 0, 0, 0, 0xFD, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1,
	0x02, 0, 0, 0, 0, 0xAA};

static uint8_t packet[128];
static struct peal_discovery message;

static const struct peal_address own = {.ipv6_head = UINT64_C(0xFD00007700000000), .ipv4 = 1};
static const struct peal_address other = {.ipv6_head = UINT64_C(0xFE80000000000000), .ipv4 = 1};

/* Sets the length and makes the checksum right again. */
static void
seal(uint32_t length)
{
	uint16_t sum = 0;

	peal_link_store16(packet + 4, (uint16_t)length);
	memcpy(packet + HEADER + 2, &sum, sizeof(sum));
	sum = (uint16_t)~peal_link_fold_ipv6(packet, PEAL_IPV6_NEXT_ICMP, length);
	memcpy(packet + HEADER + 2, &sum, sizeof(sum));
}

static enum peal_discovery_verdict
decode(void)
{
	return peal_discovery_decode(packet, HEADER + peal_link_load16(packet + 4), &message);
}

/* The drawn question with one byte replaced, sealed again. */
static enum peal_discovery_verdict
decode_changed(uint32_t offset, uint8_t value)
{
	memset(packet, 0, sizeof(packet));
	memcpy(packet, drawn, sizeof(drawn));
	packet[offset] = value;
	seal(32);
	return decode();
}

static void
test_discovery__reads_what_the_rfc_draws(void **state)
{
	(void)state;
	memcpy(packet, drawn, sizeof(drawn));
	assert_int_equal(decode(), PEAL_DISCOVERY_GOOD);
	assert_int_equal(message.kind, PEAL_DISCOVERY_SOLICITATION);
	assert_true(peal_address_is_same_host(&message.source, &other));
	assert_true(peal_address_is_same_host(&message.target, &own));
	assert_true(message.has_mac);
	assert_memory_equal(message.mac, "\x02\0\0\0\0\xAA", 6);
	assert_false(message.is_solicited);
}

static void
test_discovery__writes_what_it_reads(void **state)
{
	uint8_t mac[6];
	struct peal_discovery question = {.kind = PEAL_DISCOVERY_SOLICITATION,
		.has_mac = true,
		.mac = {2, 0, 0, 0, 0, 0xAA},
		.source = other,
		.to = peal_discovery_group(&own, mac),
		.target = own};

	(void)state;
	assert_memory_equal(mac, "\x33\x33\xFF\0\0\x01", 6);
	peal_discovery_encode(&question, packet);
	assert_memory_equal(packet, drawn, sizeof(drawn));

	question.kind = PEAL_DISCOVERY_ADVERTISEMENT;
	question.is_solicited = true;
	question.to = own;
	peal_discovery_encode(&question, packet);
	assert_int_equal(decode(), PEAL_DISCOVERY_GOOD);
	assert_int_equal(message.kind, question.kind);
	assert_true(message.is_solicited);
	assert_true(message.has_mac);
	assert_memory_equal(message.mac, question.mac, sizeof(message.mac));
	assert_memory_equal(&message.source, &question.source, sizeof(message.source));
	assert_memory_equal(&message.to, &question.to, sizeof(message.to));
	assert_memory_equal(&message.target, &question.target, sizeof(message.target));
	assert_int_equal(packet[44], 0x60); /* solicited, override */
	assert_int_equal(packet[64], 2);    /* the target's link address */
}

static void
test_discovery__refuses_each_thing_by_name(void **state)
{
	(void)state;
	assert_int_equal(decode_changed(7, 255), PEAL_DISCOVERY_GOOD);
	assert_int_equal(decode_changed(7, 254), PEAL_DISCOVERY_HOPS);
	assert_int_equal(decode_changed(7, 64), PEAL_DISCOVERY_HOPS);
	assert_int_equal(decode_changed(41, 1), PEAL_DISCOVERY_FORM);    /* code */
	assert_int_equal(decode_changed(48, 0xFF), PEAL_DISCOVERY_FORM); /* a group as target */
	assert_int_equal(decode_changed(8, 0xFF), PEAL_DISCOVERY_FORM);  /* a group as source */
	assert_int_equal(decode_changed(65, 0), PEAL_DISCOVERY_FORM);    /* an option of size 0 */
	assert_int_equal(decode_changed(65, 2), PEAL_DISCOVERY_FORM);    /* beyond the end */
	assert_int_equal(decode_changed(66, 3), PEAL_DISCOVERY_FORM);    /* a group as MAC */
	assert_int_equal(decode_changed(40, 134), PEAL_DISCOVERY_OTHER); /* router advertisement */
	assert_int_equal(decode_changed(64, 14), PEAL_DISCOVERY_GOOD);   /* an unknown option */
	assert_false(message.has_mac);

	memcpy(packet, drawn, sizeof(drawn));
	packet[43] ^= 1U;
	assert_int_equal(decode(), PEAL_DISCOVERY_CHECKSUM);
	for (uint32_t length = 0; length < 32; length++) {
		memcpy(packet, drawn, sizeof(drawn));
		seal(length);
		assert_int_equal(decode(), length == 0    ? PEAL_DISCOVERY_OTHER
					   : length == 24 ? PEAL_DISCOVERY_GOOD
							  : PEAL_DISCOVERY_FORM);
	}
}

static void
test_discovery__knows_the_rules_about_nobody(void **state)
{
	(void)state;
	/* Is the address free? Asked of the group, without a MAC. */
	memcpy(packet, drawn, sizeof(drawn));
	memset(packet + 8, 0, 16);
	seal(24);
	assert_int_equal(decode(), PEAL_DISCOVERY_GOOD);
	seal(32);
	assert_int_equal(decode(), PEAL_DISCOVERY_FORM);
	peal_link_store_ipv6(packet + 24, &own);
	seal(24);
	assert_int_equal(decode(), PEAL_DISCOVERY_FORM);

	/* Nobody answers from nowhere, nor tells a group that it was asked. */
	memcpy(packet, drawn, sizeof(drawn));
	packet[40] = PEAL_DISCOVERY_ADVERTISEMENT;
	seal(32);
	assert_int_equal(decode(), PEAL_DISCOVERY_GOOD);
	packet[44] = 0x40;
	seal(32);
	assert_int_equal(decode(), PEAL_DISCOVERY_FORM);
	packet[44] = 0;
	memset(packet + 8, 0, 16);
	seal(32);
	assert_int_equal(decode(), PEAL_DISCOVERY_FORM);
}

static void
test_discovery__knows_pings(void **state)
{
	(void)state;
	assert_int_equal(decode_changed(40, 128), PEAL_DISCOVERY_PING);
	packet[41] = 1;
	assert_int_equal(decode(), PEAL_DISCOVERY_OTHER);
	packet[41] = 0;
	seal(7);
	assert_int_equal(decode(), PEAL_DISCOVERY_OTHER);
	seal(8);
	assert_int_equal(decode(), PEAL_DISCOVERY_PING);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_discovery__reads_what_the_rfc_draws),
		cmocka_unit_test(test_discovery__writes_what_it_reads),
		cmocka_unit_test(test_discovery__refuses_each_thing_by_name),
		cmocka_unit_test(test_discovery__knows_the_rules_about_nobody),
		cmocka_unit_test(test_discovery__knows_pings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
