/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/orderscene.h"

#include "base/assert.h"

#include <string.h>

struct peal_orderscene scene;

static const uint8_t said[PEAL_ORDERSCENE_SIZE] = "message";

static void
transmit(void *state, uint8_t rank, uint8_t kind, const uint8_t *form, uint16_t form_size,
	const uint8_t *bytes, uint16_t size)
{
	uint8_t body[PEAL_BODY_SIZE_MAX];
	struct peal_orderscene_sent *sent =
		&scene.sent[scene.sent_count % PEAL_ORDERSCENE_SENT_MAX];

	(void)state;
	PEAL_ASSERT((uint32_t)form_size + size <= sizeof(body));
	memcpy(body, form, form_size);
	if (size > 0) {
		memcpy(body + form_size, bytes, size);
	}
	PEAL_ASSERT(peal_order_msg_decode(kind, body, form_size + (uint32_t)size, &sent->message));
	sent->rank = rank;
	scene.sent_count++;
}

static const uint8_t *
keep(void *state, const uint8_t *bytes, uint16_t size, uint64_t *token_out)
{
	(void)state;
	(void)size;
	scene.kept_count++;
	*token_out = 1;
	return bytes;
}

static void
release(void *state, uint64_t token)
{
	(void)state;
	(void)token;
	PEAL_ASSERT(scene.kept_count > 0);
	scene.kept_count--;
}

static void
deliver(void *state, const struct peal_abcast_delivery *delivery)
{
	(void)state;
	PEAL_ASSERT(scene.delivered_count < PEAL_ORDERSCENE_DELIVERED_MAX);
	scene.delivered[scene.delivered_count++] = *delivery;
}

static void
view(void *state, const struct peal_abcast_news *news)
{
	(void)state;
	scene.views_count++;
	scene.news = *news;
}

static void
skipped(void *state, uint64_t from, uint64_t to)
{
	(void)state;
	scene.skipped_from = from;
	scene.skipped_to = to;
}

static void
stopped(void *state, enum peal_abcast_fault fault)
{
	(void)state;
	scene.fault = fault;
}

static void
doubt(void *state, uint8_t rank)
{
	(void)state;
	scene.doubted_rank = rank;
}

void
peal_orderscene_begin(uint8_t ranks_count, uint8_t rank)
{
	uint64_t members[PEAL_ORDER_RANKS_MAX] = {0};
	struct peal_abcast_config config = {.counters = &scene.counters,
		.group = 5,
		.configuration = 77,
		.ranks_count = ranks_count,
		.rank = rank,
		.member = PEAL_ORDERSCENE_MEMBER + (uint64_t)rank,
		.user = {transmit, keep, release, deliver, view, skipped, stopped, doubt, NULL}};

	memset(&scene, 0, sizeof(scene));
	scene.doubted_rank = ranks_count;
	scene.now_ns = 1000000000U;
	peal_abcast_init(&scene.abcast, &config);
	for (uint8_t i = 0; i < ranks_count; i++) {
		members[i] = PEAL_ORDERSCENE_MEMBER + (uint64_t)i;
	}
	peal_abcast_found(&scene.abcast, members, scene.now_ns);
	peal_abcast_run(&scene.abcast, scene.now_ns);
	peal_orderscene_forget();
}

void
peal_orderscene_end(void)
{
	peal_abcast_fini(&scene.abcast);
	PEAL_ASSERT(scene.kept_count == 0);
}

int
peal_orderscene_set_up(void **state)
{
	(void)state;
	peal_orderscene_begin(3, 0);
	return 0;
}

int
peal_orderscene_tear_down(void **state)
{
	(void)state;
	peal_orderscene_end();
	return 0;
}

struct peal_order_msg
peal_orderscene_make(enum peal_order_kind kind, uint8_t rank)
{
	struct peal_order_msg message;
	bool has_acks = kind == PEAL_ORDER_DATA || kind == PEAL_ORDER_TICK;

	memset(&message, 0, sizeof(message));
	message.kind = (uint8_t)kind;
	message.head = (struct peal_order_head){.group = 5,
		.configuration = 77,
		.view = scene.abcast.view,
		.rank = rank,
		.rows_count = has_acks ? scene.abcast.config.ranks_count : 0};
	for (uint32_t i = 0; i < PEAL_ORDER_RANKS_MAX; i++) {
		message.acks[i].room = PEAL_ORDER_WINDOW;
		message.acks[i].generation = scene.abcast.lanes[i].generation;
	}
	return message;
}

bool
peal_orderscene_hear_from(const struct peal_order_msg *message, uint64_t member)
{
	uint8_t *body = scene.bodies[scene.bodies_count++ % PEAL_ORDERSCENE_BODIES_MAX];
	uint16_t size = peal_order_msg_encode(message, body);
	struct peal_abcast_frame frame = {.member = member, .body = body, .kind = message->kind};

	if (message->kind == PEAL_ORDER_DATA) {
		memcpy(body + size, said, sizeof(said));
		size = (uint16_t)(size + sizeof(said));
	}
	frame.body_size = size;
	return peal_abcast_on_frame(&scene.abcast, &frame, scene.now_ns);
}

bool
peal_orderscene_hear(const struct peal_order_msg *message)
{
	return peal_orderscene_hear_from(message, scene.abcast.members[message->head.rank]);
}

bool
peal_orderscene_data(uint8_t rank, uint64_t seq, uint64_t stamp)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_DATA, rank);
	uint16_t generation = scene.abcast.lanes[rank].generation;

	message.data = (struct peal_order_data){.seq = seq,
		.stamp = stamp,
		.lane = rank,
		.generation = generation,
		.lane_generation = generation};
	message.acks[rank].have = seq;
	return peal_orderscene_hear(&message);
}

void
peal_orderscene_tick(uint8_t rank, uint8_t lane, uint64_t have, uint64_t promise, uint64_t last)
{
	struct peal_order_msg message = peal_orderscene_make(PEAL_ORDER_TICK, rank);

	message.tick = (struct peal_order_tick){.promise = promise,
		.last = last,
		.has_promise = true,
		.generation = scene.abcast.lanes[rank].generation};
	message.acks[rank].have = last;
	message.acks[lane].have = have;
	(void)peal_orderscene_hear(&message);
}

enum peal_abcast_result
peal_orderscene_send(void)
{
	enum peal_abcast_result result =
		peal_abcast_send(&scene.abcast, 2, said, PEAL_ORDERSCENE_SIZE);

	scene.kept_count += result == PEAL_ABCAST_OK ? 1U : 0U;
	return result;
}

void
peal_orderscene_run(uint64_t span_ns)
{
	scene.now_ns += span_ns;
	peal_abcast_run(&scene.abcast, scene.now_ns);
}

void
peal_orderscene_forget(void)
{
	scene.sent_count = 0;
}

const struct peal_order_msg *
peal_orderscene_last(enum peal_order_kind kind)
{
	PEAL_ASSERT(scene.sent_count <= PEAL_ORDERSCENE_SENT_MAX);
	for (uint32_t i = scene.sent_count; i > 0; i--) {
		if (scene.sent[i - 1U].message.kind == kind) {
			return &scene.sent[i - 1U].message;
		}
	}
	return NULL;
}

uint32_t
peal_orderscene_count(enum peal_order_kind kind)
{
	uint32_t count = 0;

	PEAL_ASSERT(scene.sent_count <= PEAL_ORDERSCENE_SENT_MAX);
	for (uint32_t i = 0; i < scene.sent_count; i++) {
		count += scene.sent[i].message.kind == kind ? 1U : 0U;
	}
	return count;
}

uint64_t
peal_orderscene_counter(enum peal_counter id)
{
	return peal_counter_get(&scene.counters, id);
}
