/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames of an order group, one behind the other, against one rank of three.
 *
 * The input is pieces: u8 kind (low nibble; bit 4: from rank 2, not 1; bit 5: a turn of 50 us
 * before it; bit 6: and this rank says something in it; bit 7: it takes 1 ms), u8 size in units of
 * eight bytes, a body of that size; the last may be cut. A body that is accepted comes back
 * unchanged when it is encoded again; its group, configuration and rank are then taken to be the
 * right ones, so that the machine hears it. Whatever is said: what is delivered has positions
 * without gaps but those it was told of, nothing is kept at the end, and the fields of a lane are
 * in their order, and who may send counts. A rank that stops is replaced by a fresh one.
 */
#include "abcast/abcast.h"

#include "base/assert.h"

#include <stddef.h>
#include <string.h>

#define RANKS      3U
#define HEAD_SIZE  PEAL_ORDER_HEAD_SIZE
#define UNIT_SIZE  8U
#define TURN_NS    UINT64_C(50000)
#define LONG_NS    UINT64_C(1000000)
#define SAID       0x40U
#define LONG       0x80U
#define BODIES_MAX 4096U
#define RANK_PLACE 12U
#define GROUP      1U

static struct peal_abcast abcast;
static struct peal_counters counters;
static uint8_t bodies[BODIES_MAX][PEAL_BODY_SIZE_MAX];
static uint64_t now_ns;
static uint64_t position;
static uint32_t kept_count;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
transmit(void *state, uint8_t rank, uint8_t kind, const uint8_t *form, uint16_t form_size,
	const uint8_t *bytes, uint16_t size)
{
	struct peal_order_msg message;
	static uint8_t body[PEAL_BODY_SIZE_MAX];

	(void)state;
	PEAL_ASSERT(
		rank < peal_order_ranks_limit(RANKS) && (uint32_t)form_size + size <= sizeof(body));
	memcpy(body, form, form_size);
	if (size > 0) {
		memcpy(body + form_size, bytes, size);
	}
	/* What it says is itself in form. */
	PEAL_ASSERT(peal_order_msg_decode(kind, body, form_size + (uint32_t)size, &message));
}

static const uint8_t *
keep(void *state, const uint8_t *bytes, uint16_t size, uint64_t *token_out)
{
	(void)state;
	(void)size;
	kept_count++;
	*token_out = 1;
	return bytes;
}

static void
release(void *state, uint64_t token)
{
	(void)state;
	(void)token;
	PEAL_ASSERT(kept_count > 0);
	kept_count--;
}

static void
deliver(void *state, const struct peal_abcast_delivery *delivery)
{
	(void)state;
	PEAL_ASSERT(delivery->position == ++position);
	PEAL_ASSERT(delivery->size > 0);
}

static void
view(void *state, const struct peal_abcast_news *news)
{
	(void)state;
	position = news->position;
}

static void
skipped(void *state, uint64_t from, uint64_t to)
{
	(void)state;
	PEAL_ASSERT(from == position + 1U && to >= from);
	position = to;
}

static void
stopped(void *state, enum peal_abcast_fault fault)
{
	(void)state;
	PEAL_ASSERT(fault != PEAL_ABCAST_FAULT_NONE);
}

static void
doubt(void *state, uint8_t rank)
{
	(void)state;
	PEAL_ASSERT(rank < peal_order_ranks_limit(RANKS));
}

static void
start(void)
{
	const uint64_t members[PEAL_ORDER_RANKS_MAX] = {1, 2, 3};
	struct peal_abcast_config config = {.counters = &counters,
		.group = GROUP,
		.ranks_count = RANKS,
		.member = 1,
		.user = {transmit, keep, release, deliver, view, skipped, stopped, doubt, NULL}};

	kept_count = 0;
	position = 0;
	peal_abcast_init(&abcast, &config);
	peal_abcast_found(&abcast, members, now_ns);
}

static void
say(void)
{
	static const uint8_t said[UNIT_SIZE];

	if (peal_abcast_send(&abcast, 1, said, sizeof(said)) == PEAL_ABCAST_OK) {
		kept_count++;
	}
}

static void
check_lanes(void)
{
	PEAL_ASSERT(
		abcast.ranks_count >= RANKS && abcast.ranks_count <= peal_order_ranks_limit(RANKS));
	PEAL_ASSERT(abcast.active != 0 && (abcast.active & ~abcast.counted) == 0 &&
		    (abcast.counted & ~abcast.all) == 0);
	for (uint32_t i = 0; i < abcast.ranks_count; i++) {
		const struct peal_abcast_lane *lane = &abcast.lanes[i];

		PEAL_ASSERT(lane->delivered <= lane->have);
		PEAL_ASSERT(lane->low >= 1 && lane->low <= lane->have + 1U);
		PEAL_ASSERT(lane->have - lane->delivered <= PEAL_ORDER_WINDOW);
	}
}

static void
hear(uint8_t what, uint8_t *body, uint16_t size)
{
	uint8_t kind = (uint8_t)(PEAL_ORDER_DATA | (what & 0x0FU));
	uint8_t rank = (what & 0x10U) != 0 ? 2 : 1;
	struct peal_order_msg message;
	uint8_t again[PEAL_ORDER_FORM_SIZE_MAX];
	const uint32_t names[2] = {GROUP, 0};
	struct peal_abcast_frame frame = {
		.member = rank + UINT64_C(1), .body = body, .body_size = size, .kind = kind};

	if (peal_order_msg_decode(kind, body, size, &message)) {
		uint16_t form_size = peal_order_msg_encode(&message, again);

		PEAL_ASSERT(form_size <= size && memcmp(again, body, form_size) == 0);
	}
	if (size >= HEAD_SIZE) {
		memcpy(body, names, sizeof(names));
		body[RANK_PLACE] = rank;
	}
	(void)peal_abcast_on_frame(&abcast, &frame, now_ns);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t bodies_count = 0;

	now_ns = UINT64_C(1000000000);
	peal_counters_init(&counters);
	start();
	while (size >= 2U && bodies_count < BODIES_MAX) {
		size_t body_size = (size_t)data[1] * UNIT_SIZE;
		uint8_t what = data[0];
		uint8_t *body = bodies[bodies_count++];

		data += 2;
		size -= 2;
		body_size = body_size < size ? body_size : size;
		body_size = body_size < PEAL_BODY_SIZE_MAX ? body_size : PEAL_BODY_SIZE_MAX;
		memcpy(body, data, body_size);
		data += body_size;
		size -= body_size;
		if ((what & 0x20U) != 0) {
			now_ns += (what & LONG) != 0 ? LONG_NS : TURN_NS;
			if ((what & SAID) != 0) {
				say();
			}
			peal_abcast_run(&abcast, now_ns);
		}
		hear(what, body, (uint16_t)body_size);
		if (abcast.state == PEAL_ABCAST_STOPPED) {
			peal_abcast_fini(&abcast);
			PEAL_ASSERT(kept_count == 0);
			start();
		}
		check_lanes();
	}
	peal_abcast_run(&abcast, now_ns);
	peal_abcast_fini(&abcast);
	PEAL_ASSERT(kept_count == 0);
	return 0;
}
