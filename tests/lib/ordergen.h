/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random messages of family 6, each in form.
 */
#ifndef PEAL_TESTS_LIB_ORDERGEN_H
#define PEAL_TESTS_LIB_ORDERGEN_H

#include "base/prng.h"
#include "wire/order_msg.h"

#include <string.h>

static inline uint64_t
peal_ordergen_count(struct peal_prng *prng)
{
	return peal_prng_below(prng, PEAL_ORDER_COUNT_MAX);
}

static inline void
peal_ordergen_seal(struct peal_prng *prng, struct peal_order_msg *message)
{
	struct peal_order_seal *seal = &message->seal;
	bool is_promise = message->kind == PEAL_ORDER_SEAL_PROMISE;

	seal->lane = (uint8_t)peal_prng_below(prng, PEAL_ORDER_RANKS_MAX);
	seal->generation = (uint16_t)peal_prng_below(prng, PEAL_ORDER_GENERATIONS_MAX + 1U);
	seal->ballot =
		message->kind == PEAL_ORDER_SEAL_DECIDED ? 0 : 1U + peal_ordergen_count(prng) / 2U;
	seal->have = is_promise ? peal_ordergen_count(prng) : 0;
	seal->accepted = is_promise && peal_prng_below(prng, 2) == 0 ? seal->ballot : 0;
	if (seal->accepted != 0 || message->kind == PEAL_ORDER_SEAL_ACCEPT ||
		message->kind == PEAL_ORDER_SEAL_DECIDED) {
		seal->last = peal_ordergen_count(prng);
		seal->until = peal_prng_below(prng, PEAL_ORDER_STAMP_MAX);
	}
}

static inline void
peal_ordergen_view(struct peal_prng *prng, struct peal_order_msg *message)
{
	struct peal_order_view *view = &message->view;
	uint8_t kind = message->kind;
	uint8_t ranks_count = (uint8_t)(1U + peal_prng_below(prng, PEAL_ORDER_RANKS_MAX));
	bool is_told = kind == PEAL_ORDER_VIEW_INSTALL || kind == PEAL_ORDER_VIEW_PLACE;

	view->ballot = is_told ? 0 : 1U + peal_ordergen_count(prng) / 2U;
	view->accepted =
		kind == PEAL_ORDER_VIEW_STATE && peal_prng_below(prng, 2) == 0 ? view->ballot : 0;
	view->has_value = is_told || kind == PEAL_ORDER_VIEW_ACCEPT || view->accepted != 0;
	view->position = is_told ? peal_ordergen_count(prng) : 0;
	view->digest = is_told ? peal_prng_next(prng) : 0;
	if (!view->has_value && kind != PEAL_ORDER_VIEW_STATE) {
		return;
	}
	message->head.rows_count = ranks_count;
	view->active = view->has_value
			       ? (uint16_t)(1U + peal_prng_below(prng, (1U << ranks_count) - 1U))
			       : 0;
	view->counted =
		view->has_value
			? (uint16_t)(view->active | peal_prng_below(prng, 1U << ranks_count))
			: 0;
	for (uint32_t i = 0; i < ranks_count && kind == PEAL_ORDER_VIEW_STATE; i++) {
		view->reports[i] = (struct peal_order_report){.have = peal_ordergen_count(prng),
			.stable = peal_ordergen_count(prng),
			.generation = (uint16_t)peal_prng_below(prng, PEAL_ORDER_GENERATIONS_MAX)};
		if (peal_prng_below(prng, 2) == 0) {
			view->reports[i].accepted = 1U + peal_ordergen_count(prng) / 2U;
			view->reports[i].last = peal_ordergen_count(prng);
		}
	}
	for (uint32_t i = 0; i < ranks_count && view->has_value; i++) {
		view->cuts[i] = (struct peal_order_cut){.last = peal_ordergen_count(prng),
			.member = 1U + peal_prng_below(prng, 1000),
			.generation = (uint16_t)peal_prng_below(prng, PEAL_ORDER_GENERATIONS_MAX)};
		view->cuts[i].stable = peal_prng_below(prng, view->cuts[i].last + 1U);
		if (kind == PEAL_ORDER_VIEW_INSTALL && peal_prng_below(prng, 2) == 0) {
			view->cuts[i].holder = peal_order_holder(
				1U + peal_prng_below(prng, PEAL_ORDER_TERM_MAX - 1U),
				peal_prng_below(prng, 1000));
		}
	}
}

/* Frames behind the first of a body. Their rows are valid until the next call. */
static inline void
peal_ordergen_more(struct peal_prng *prng, struct peal_order_data *data)
{
	static uint8_t rows[PEAL_ORDER_BATCH_MAX * PEAL_ORDER_ROW_SIZE];
	uint64_t stamp = data->stamp / 2U;

	data->stamp = stamp;
	data->more = (uint8_t)peal_prng_below(prng, PEAL_ORDER_BATCH_MAX);
	data->rows = rows;
	for (uint32_t i = 0; i < data->more; i++) {
		stamp += 1U + peal_prng_below(prng, 1000000);
		peal_order_row_write(rows + i * PEAL_ORDER_ROW_SIZE, stamp,
			(uint16_t)(1U + peal_prng_below(prng, 20)));
	}
}

static inline void
peal_ordergen_acked(struct peal_prng *prng, struct peal_order_msg *message)
{
	message->head.rows_count = (uint8_t)(1U + peal_prng_below(prng, PEAL_ORDER_RANKS_MAX));
	for (uint32_t i = 0; i < message->head.rows_count; i++) {
		message->acks[i] = (struct peal_order_ack){.have = peal_ordergen_count(prng),
			.room = (uint32_t)peal_prng_below(prng, PEAL_ORDER_WINDOW + 1U),
			.generation = (uint16_t)peal_prng_next(prng)};
	}
	if (message->kind == PEAL_ORDER_DATA) {
		message->data = (struct peal_order_data){.seq = 1U + peal_ordergen_count(prng) / 2U,
			.stamp = peal_prng_below(prng, PEAL_ORDER_STAMP_MAX),
			.lane_generation = (uint16_t)peal_prng_next(prng),
			.lane = (uint8_t)peal_prng_below(prng, PEAL_ORDER_RANKS_MAX),
			.flags = (uint8_t)peal_prng_below(prng, 4)};
		message->data.generation = (uint16_t)peal_prng_below(
			prng, message->data.lane_generation + UINT64_C(1));
		if (peal_prng_below(prng, 2) == 0) {
			peal_ordergen_more(prng, &message->data);
		}
		return;
	}
	message->tick.has_promise = peal_prng_below(prng, 2) == 0;
	if (message->tick.has_promise) {
		message->tick.promise = peal_prng_below(prng, PEAL_ORDER_STAMP_MAX);
		message->tick.last = peal_ordergen_count(prng);
	}
	message->tick.position = peal_ordergen_count(prng);
	message->tick.digest = message->tick.position != 0 ? peal_prng_next(prng) : 0;
	message->tick.generation = (uint16_t)peal_prng_next(prng);
}

/* A message of any kind; data is not among it. */
static inline void
peal_ordergen_msg(struct peal_prng *prng, struct peal_order_msg *message)
{
	memset(message, 0, sizeof(*message));
	message->kind = (uint8_t)(PEAL_ORDER_DATA + peal_prng_below(prng, 16));
	message->head = (struct peal_order_head){.group = (uint32_t)peal_prng_next(prng),
		.configuration = (uint32_t)peal_prng_next(prng),
		.view = (uint32_t)peal_prng_next(prng),
		.rank = (uint8_t)peal_prng_below(prng, PEAL_ORDER_RANKS_MAX),
		.flags = (uint8_t)peal_prng_below(prng, 2),
		.sent_at_ns = peal_prng_next(prng)};
	if (message->kind == PEAL_ORDER_DATA || message->kind == PEAL_ORDER_TICK) {
		peal_ordergen_acked(prng, message);
	} else if (message->kind == PEAL_ORDER_ASK) {
		if (!peal_order_is_time(message)) {
			message->asked_stamp = peal_prng_below(prng, PEAL_ORDER_STAMP_MAX);
			return;
		}
		message->head.sent_at_ns = 1U + peal_prng_below(prng, PEAL_ORDER_STAMP_MAX - 1U);
		message->time.asked_at_ns = 1U + peal_prng_below(prng, PEAL_ORDER_STAMP_MAX - 1U);
		message->time.answered_at_ns =
			peal_prng_below(prng, 2) * peal_prng_below(prng, PEAL_ORDER_STAMP_MAX);
	} else if (message->kind == PEAL_ORDER_PULL) {
		message->pull =
			(struct peal_order_pull){.from = 1U + peal_ordergen_count(prng) / 4U,
				.generation = (uint16_t)peal_prng_next(prng),
				.lane = (uint8_t)peal_prng_below(prng, PEAL_ORDER_RANKS_MAX),
				.what = (uint8_t)peal_prng_below(prng, 3)};
		message->pull.to = message->pull.from + peal_prng_below(prng, 1000);
	} else if (message->kind < PEAL_ORDER_VIEW_PREPARE) {
		peal_ordergen_seal(prng, message);
	} else if (message->kind < PEAL_ORDER_JOIN) {
		peal_ordergen_view(prng, message);
	}
}

#endif
