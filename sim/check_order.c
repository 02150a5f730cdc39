/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/check_order.h"

#include "base/assert.h"
#include "base/hash.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 4096U

void
peal_check_order_init(struct peal_check_order *check, struct peal_report *report)
{
	memset(check, 0, sizeof(*check));
	check->report = report;
	check->capacity = CAPACITY_FIRST;
	check->history = calloc(check->capacity, sizeof(check->history[0]));
	PEAL_ASSERT(check->history != NULL);
}

void
peal_check_order_fini(struct peal_check_order *check)
{
	free(check->history);
}

static uint64_t
hash_rest(const uint8_t *bytes, uint16_t size)
{
	return peal_hash64(bytes + sizeof(struct peal_check_order_words),
		size - sizeof(struct peal_check_order_words), size);
}

void
peal_check_order_write(struct peal_check_order *check, uint64_t member, uint64_t seen,
	uint8_t *bytes, uint16_t size)
{
	struct peal_check_order_words words = {
		.member = member, .number = ++check->said[member], .seen = seen};

	PEAL_ASSERT(size >= sizeof(words));
	for (uint16_t i = sizeof(words); i < size; i++) {
		bytes[i] = (uint8_t)(i * UINT64_C(7) + words.number);
	}
	words.check = hash_rest(bytes, size);
	memcpy(bytes, &words, sizeof(words));
}

static void
add_to_history(
	struct peal_check_order *check, uint64_t now_ns, const struct peal_check_order_entry *entry)
{
	const struct peal_check_order_words *words = &entry->words;

	if (check->count == check->capacity) {
		check->capacity *= 2U;
		check->history =
			realloc(check->history, check->capacity * sizeof(check->history[0]));
		PEAL_ASSERT(check->history != NULL);
	}
	if (check->count > 0) {
		const struct peal_check_order_entry *before = &check->history[check->count - 1U];

		if (before->view == entry->view &&
			(before->stamp > entry->stamp ||
				(before->stamp == entry->stamp && before->rank >= entry->rank))) {
			peal_report_violate(check->report, now_ns,
				"order: position %" PRIu64
				" of view %u is earlier than the one before",
				check->count + 1U, entry->view);
		}
	}
	if (words->number <= check->last[words->member]) {
		peal_report_violate(check->report, now_ns,
			"order: message %" PRIu64 " of %" PRIu64 " was delivered twice or too late",
			words->number, words->member);
	}
	if (words->seen > check->count) {
		peal_report_violate(check->report, now_ns,
			"order: message %" PRIu64 " of %" PRIu64 " is before what it answers",
			words->number, words->member);
	}
	check->last[words->member] = words->number;
	check->delivered[words->member]++;
	check->history[check->count++] = *entry;
}

void
peal_check_order_deliver(struct peal_check_order *check, uint64_t member, uint64_t now_ns,
	const struct peal_abcast_delivery *delivery)
{
	struct peal_check_order_entry entry = {
		.stamp = delivery->stamp, .view = delivery->view, .rank = delivery->rank};

	PEAL_ASSERT(member < PEAL_CHECK_ORDER_MEMBERS_MAX);
	PEAL_ASSERT(delivery->size >= sizeof(entry.words));
	memcpy(&entry.words, delivery->bytes, sizeof(entry.words));
	if (entry.words.check != hash_rest(delivery->bytes, delivery->size) ||
		entry.words.member != delivery->member ||
		entry.words.member >= PEAL_CHECK_ORDER_MEMBERS_MAX ||
		entry.words.number > check->said[entry.words.member]) {
		peal_report_violate(check->report, now_ns,
			"order: %" PRIu64 " delivered what was never said", member);
		return;
	}
	if (delivery->position != check->next[member] || delivery->position > check->count + 1U) {
		peal_report_violate(check->report, now_ns,
			"order: %" PRIu64 " left out positions before %" PRIu64, member,
			delivery->position);
		return;
	}
	check->next[member]++;
	if (delivery->position == check->count + 1U) {
		add_to_history(check, now_ns, &entry);
	} else if (memcmp(&check->history[delivery->position - 1U].words, &entry.words,
			   sizeof(entry.words)) != 0) {
		peal_report_violate(check->report, now_ns,
			"order: at position %" PRIu64 " %" PRIu64 " has message %" PRIu64
			" of %" PRIu64 ", others have %" PRIu64 " of %" PRIu64,
			delivery->position, member, entry.words.number, entry.words.member,
			check->history[delivery->position - 1U].words.number,
			check->history[delivery->position - 1U].words.member);
	}
}

void
peal_check_order_view(struct peal_check_order *check, uint64_t member, uint64_t now_ns,
	const struct peal_abcast_news *news)
{
	struct peal_check_order_view *view =
		&check->views[news->view % PEAL_CHECK_ORDER_MEMBERS_MAX];

	PEAL_ASSERT(news->view < PEAL_CHECK_ORDER_MEMBERS_MAX);
	if (!view->is_known) {
		view->is_known = true;
		view->active = news->active;
		view->position = news->position;
		memcpy(view->members, news->members, sizeof(view->members));
		check->views_count++;
	} else if (view->active != news->active || view->position != news->position ||
		   memcmp(view->members, news->members, sizeof(view->members)) != 0) {
		peal_report_violate(check->report, now_ns,
			"order: view %u of %" PRIu64 " begins otherwise than at others", news->view,
			member);
	}
	if (check->next[member] != 0 && check->next[member] != news->position + 1U) {
		peal_report_violate(check->report, now_ns,
			"order: %" PRIu64 " went on to view %u without all of the last", member,
			news->view);
	}
	check->doubtful[member] += news->doubtful_count;
	check->next[member] = news->position + 1U;
}

void
peal_check_order_skip(struct peal_check_order *check, uint64_t member, uint64_t now_ns,
	uint64_t from, uint64_t to)
{
	if (from != check->next[member] || to < from || to > check->count) {
		peal_report_violate(check->report, now_ns,
			"order: %" PRIu64 " skips positions %" PRIu64 " to %" PRIu64 " of %" PRIu64
			", which cannot be",
			member, from, to, check->count);
	}
	check->next[member] = to + 1U;
}

static void
decide(struct peal_check_order *check, uint64_t now_ns, uint64_t key, uint64_t value,
	const char *what)
{
	struct peal_check_order_decision *decision =
		&check->decisions[peal_hash_mix(key) % PEAL_CHECK_ORDER_DECISIONS_MAX];

	if (decision->key == key && decision->value != value) {
		peal_report_violate(check->report, now_ns, "order: two decisions of one %s", what);
	}
	decision->key = key;
	decision->value = value;
}

/* Who missed seals learns the last one only, so the next must promise what those before did. */
static void
compare_seals(struct peal_check_order *check, uint64_t now_ns, const struct peal_order_msg *message)
{
	struct peal_check_order_seal *before = &check->seals[message->seal.lane];
	struct peal_check_order_seal seal = {.view = message->head.view,
		.generation = message->seal.generation,
		.until = message->seal.until};

	if (seal.view == before->view &&
		((seal.generation > before->generation && seal.until < before->until) ||
			(seal.generation < before->generation && seal.until > before->until))) {
		peal_report_violate(check->report, now_ns,
			"order: a seal of lane %u says less than the one before",
			message->seal.lane);
	}
	if (seal.view > before->view ||
		(seal.view == before->view && seal.generation > before->generation)) {
		*before = seal;
	}
}

/* What is stored in a view was sent in it, by who owns the lane. */
static void
compare_acks(struct peal_check_order *check, uint64_t now_ns, const struct peal_order_msg *message)
{
	struct peal_check_order_view *view =
		&check->views[message->head.view % PEAL_CHECK_ORDER_MEMBERS_MAX];
	const struct peal_order_data *data = &message->data;
	uint8_t rank = message->head.rank;

	if (message->kind == PEAL_ORDER_DATA && data->flags == 0 && data->lane == rank &&
		data->seq + data->more > view->sent[rank]) {
		view->sent[rank] = data->seq + data->more;
	}
	for (uint32_t i = 0; i < message->head.rows_count; i++) {
		if (message->acks[i].have > view->sent[i]) {
			peal_report_violate(check->report, now_ns,
				"order: frame %" PRIu64
				" of lane %u is acknowledged by rank %u in view %u, in "
				"which %" PRIu64 " were sent",
				message->acks[i].have, i, rank, message->head.view, view->sent[i]);
		}
	}
}

void
peal_check_order_frame(struct peal_check_order *check, uint64_t now_ns, uint8_t kind,
	const uint8_t *body, uint32_t size)
{
	struct peal_order_msg message;

	bool has_acks = kind == PEAL_ORDER_DATA || kind == PEAL_ORDER_TICK;

	if (kind != PEAL_ORDER_SEAL_DECIDED && kind != PEAL_ORDER_VIEW_INSTALL && !has_acks) {
		return;
	}
	if (!peal_order_msg_decode(kind, body, size, &message)) {
		peal_report_violate(check->report, now_ns, "order: a rank sent what is no frame");
		return;
	}
	if (has_acks) {
		compare_acks(check, now_ns, &message);
	} else if (kind == PEAL_ORDER_SEAL_DECIDED) {
		/* A decision that was learnt with a view says nothing of time. */
		decide(check, now_ns,
			UINT64_C(1) << 63 | (uint64_t)message.head.view << 24 |
				(uint64_t)message.seal.lane << 16 | message.seal.generation,
			message.seal.last, "seal");
		compare_seals(check, now_ns, &message);
	} else {
		decide(check, now_ns, UINT64_C(1) << 62 | message.head.view,
			peal_hash64(body + PEAL_ORDER_HEAD_SIZE, size - PEAL_ORDER_HEAD_SIZE, 0),
			"view");
	}
}

void
peal_check_order_end(struct peal_check_order *check, uint64_t member, uint64_t now_ns)
{
	if (check->next[member] != check->count + 1U) {
		peal_report_violate(check->report, now_ns,
			"order: %" PRIu64 " lacks what others delivered: it is at %" PRIu64
			" of %" PRIu64,
			member, check->next[member] - 1U, check->count);
	}
	if (check->delivered[member] + check->doubtful[member] < check->said[member]) {
		peal_report_violate(check->report, now_ns,
			"order: of %" PRIu64 " messages of %" PRIu64 " only %" PRIu64
			" were delivered",
			check->said[member], member, check->delivered[member]);
	}
}
