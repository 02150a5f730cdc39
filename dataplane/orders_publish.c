/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/museum.h"
#include "dataplane/orders_private.h"
#include "wire/order_data.h"

#include <string.h>

/* How long to wait for each lower rank to say what is next. */
#define TURN_NS UINT64_C(5000000)
/* When broadcast has no room. */
#define RETRY_NS UINT64_C(100000)
/* Nobody said for so long that he listens. */
#define AUDIENCE_NS UINT64_C(1000000000)
/* Publications of one turn. */
#define BURST_MAX 64U

/* --- what is kept --- */

static struct peal_orders_kept *
kept_at(struct peal_orders_publisher *publisher, uint64_t position)
{
	return &publisher->kept[position % PEAL_ORDERS_KEPT_MAX];
}

static void
drop_first(struct peal_orders_group *group)
{
	struct peal_orders_publisher *publisher = &group->publisher;

	peal_orders_pool_give(&group->orders->pool, kept_at(publisher, publisher->first)->place);
	publisher->first++;
}

void
peal_orders_keep_nothing(struct peal_orders_group *group)
{
	struct peal_orders_publisher *publisher = &group->publisher;

	while (publisher->first < publisher->next) {
		drop_first(group);
	}
	publisher->is_on = false;
	publisher->is_publishing = false;
}

/* What was published need not be kept. */
static void
trim(struct peal_orders_group *group)
{
	struct peal_orders_publisher *publisher = &group->publisher;

	while (publisher->first < publisher->next && publisher->first <= publisher->seen) {
		drop_first(group);
	}
}

void
peal_orders_keep_from(struct peal_orders_group *group, uint64_t position)
{
	struct peal_orders_publisher *publisher = &group->publisher;

	while (publisher->first < publisher->next) {
		drop_first(group);
		peal_orders_count(group->orders, PEAL_COUNTER_ORDER_UNPUBLISHED);
	}
	publisher->first = position + 1U;
	publisher->next = position + 1U;
	/* Others have what is lacking here, and say it; see find_due. */
	publisher->is_publishing = false;
	publisher->progress_at_ns = group->orders->now_ns;
}

void
peal_orders_keep(struct peal_orders_group *group, const struct peal_abcast_delivery *delivery)
{
	struct peal_orders_publisher *publisher = &group->publisher;
	uint32_t place;

	PEAL_ASSERT(delivery->position == publisher->next);
	if (!publisher->is_on || delivery->position <= publisher->seen) {
		PEAL_ASSERT(publisher->first == publisher->next);
		publisher->next++;
		publisher->first++;
		return;
	}
	if (publisher->next - publisher->first == PEAL_ORDERS_KEPT_MAX) {
		drop_first(group);
		peal_orders_count(group->orders, PEAL_COUNTER_ORDER_UNPUBLISHED);
	}
	if (publisher->first == publisher->next) {
		publisher->progress_at_ns = group->orders->now_ns;
	}
	place = peal_orders_pool_take(&group->orders->pool);
	PEAL_ASSERT(place != PEAL_ORDERS_POOL_NONE);
	memcpy(peal_orders_pool_bytes(&group->orders->pool, place), delivery->bytes,
		delivery->size);
	*kept_at(publisher, publisher->next) = (struct peal_orders_kept){.place = place,
		.member = (uint32_t)peal_order_member(delivery->member),
		.size = delivery->size,
		.rank = delivery->rank};
	publisher->next++;
}

/* --- what is heard --- */

/* Somebody listens: what is delivered from here on is published. */
static void
turn_on(struct peal_orders_group *group)
{
	struct peal_orders_publisher *publisher = &group->publisher;

	publisher->heard_view = group->orders->views_count;
	publisher->heard_at_ns = group->orders->now_ns;
	if (publisher->is_on) {
		return;
	}
	publisher->is_on = true;
	/* Others may have listened before: what was published, the others know. */
	publisher->is_anchored = false;
	publisher->seen = 0;
	publisher->said = 0;
	publisher->ahead_to = 0;
	publisher->progress_at_ns = group->orders->now_ns;
}

/* Nobody has listened for so long that nobody does. In each view all who do say so; but
 * views may follow each other faster than that. */
void
peal_orders_on_view(struct peal_orders_group *group)
{
	const struct peal_orders *orders = group->orders;
	const struct peal_orders_publisher *publisher = &group->publisher;

	if (publisher->is_on && orders->views_count - publisher->heard_view > 1U &&
		orders->now_ns - publisher->heard_at_ns > AUDIENCE_NS) {
		peal_orders_keep_nothing(group);
	}
}

/* Positions [from, to] were said to all. Returns true when what is next was among them. */
static bool
note_seen(struct peal_orders_publisher *publisher, uint64_t from, uint64_t to)
{
	if (!publisher->is_anchored) {
		/* Somebody goes on from where he knows of. */
		publisher->is_anchored = true;
		publisher->seen = to;
		return true;
	}
	if (to <= publisher->seen) {
		return false;
	}
	if (from <= publisher->seen + 1U) {
		publisher->seen = to;
		if (publisher->ahead_to > to && publisher->ahead_from <= to + 1U) {
			publisher->seen = publisher->ahead_to;
		}
		return true;
	}
	if (publisher->ahead_to <= publisher->seen) {
		publisher->ahead_from = from;
		publisher->ahead_to = to;
	} else if (from <= publisher->ahead_to + 1U && from >= publisher->ahead_from) {
		publisher->ahead_to = to > publisher->ahead_to ? to : publisher->ahead_to;
	} /* else it is said again, at worst */
	return false;
}

/* Ranks before this one whose holders are there. */
static uint32_t
find_turn(const struct peal_orders_group *group)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < group->abcast.config.rank; i++) {
		uint64_t mid = peal_order_member(group->holders[i]);

		count += peal_orders_is_member(group->orders, mid) ? 1U : 0U;
	}
	return count;
}

static bool
is_before(const struct peal_orders_group *group, uint64_t mid)
{
	for (uint32_t i = 0; i < group->abcast.config.rank; i++) {
		if (peal_order_member(group->holders[i]) == mid) {
			return true;
		}
	}
	return false;
}

void
peal_orders_heard(struct peal_orders_group *group, uint64_t origin,
	const struct peal_order_publication *publication)
{
	struct peal_orders_publisher *publisher = &group->publisher;

	if (publication->kind == PEAL_ORDER_PUBLICATION_SUBSCRIBE) {
		turn_on(group);
		return;
	}
	if (!publisher->is_on) {
		return;
	}
	if (note_seen(publisher, publication->from, publication->to)) {
		publisher->progress_at_ns = group->orders->now_ns;
		/* Whoever is before this rank says what is next: it is his to go on. */
		publisher->is_publishing = publisher->is_publishing && !is_before(group, origin);
		trim(group);
	}
}

/* --- what is said --- */

static bool
say(struct peal_orders_group *group, const struct peal_order_publication *publication)
{
	const struct peal_orders_user *user = &group->orders->config.user;
	uint8_t bytes[PEAL_ORDER_PUBLICATION_SIZE_MAX];
	uint32_t size = peal_order_publication_encode(publication, bytes);

	return user->cast != NULL && user->cast(user->state, bytes, size) == PEAL_CAST_OK;
}

/* What this rank lacks as well: nobody before it said it, for long enough. */
static bool
say_hole(struct peal_orders_group *group)
{
	struct peal_orders_publisher *publisher = &group->publisher;
	const struct peal_order_publication publication = {.group = group->config.id,
		.configuration = group->abcast.config.configuration,
		.from = publisher->said + 1U,
		.to = publisher->first - 1U,
		.kind = PEAL_ORDER_PUBLICATION_SKIPPED};

	if (!say(group, &publication)) {
		return false;
	}
	publisher->said = publication.to;
	return true;
}

static bool
say_next(struct peal_orders_group *group)
{
	struct peal_orders_publisher *publisher = &group->publisher;
	uint64_t position = publisher->said + 1U;
	const struct peal_orders_kept *kept = kept_at(publisher, position);
	const struct peal_order_publication publication = {.group = group->config.id,
		.configuration = group->abcast.config.configuration,
		.from = position,
		.to = position,
		.kind = PEAL_ORDER_PUBLICATION_FRAME,
		.rank = kept->rank,
		.member = kept->member,
		.bytes = peal_orders_pool_bytes(&group->orders->pool, kept->place),
		.size = kept->size};

	bool is_silent =
		PEAL_BUG(HANDOVER_UNPUBLISHED) &&
		peal_order_data_kind(publication.bytes, publication.size) == PEAL_ORDER_DATA_HOLDER;

	if (!is_silent && !say(group, &publication)) {
		return false;
	}
	peal_orders_count(group->orders, PEAL_COUNTER_ORDER_PUBLISHED);
	publisher->said = position;
	return true;
}

static uint64_t
find_due(const struct peal_orders_group *group)
{
	const struct peal_orders_publisher *publisher = &group->publisher;

	if (publisher->is_publishing) {
		return publisher->retry_at_ns;
	}
	/* Who lacks what is next lets all others say it first. */
	if (publisher->first > publisher->seen + 1U) {
		return publisher->progress_at_ns +
		       TURN_NS * (find_turn(group) + group->abcast.ranks_count);
	}
	return publisher->progress_at_ns + TURN_NS * find_turn(group);
}

static bool
has_more(const struct peal_orders_publisher *publisher)
{
	return publisher->is_on && publisher->first < publisher->next &&
	       (!publisher->is_publishing || publisher->said + 1U < publisher->next);
}

void
peal_orders_publish(struct peal_orders_group *group, uint64_t now_ns)
{
	struct peal_orders_publisher *publisher = &group->publisher;
	uint32_t burst = BURST_MAX;

	if (__builtin_expect(!has_more(publisher), 1) || now_ns < find_due(group)) {
		return;
	}
	if (!publisher->is_publishing) {
		publisher->is_publishing = true;
		publisher->said = publisher->seen;
	}
	publisher->said = publisher->said > publisher->seen ? publisher->said : publisher->seen;
	for (; burst > 0 && publisher->said + 1U < publisher->next; burst--) {
		if (!(publisher->said + 1U < publisher->first ? say_hole(group)
							      : say_next(group))) {
			publisher->retry_at_ns = now_ns + RETRY_NS;
			return;
		}
	}
	publisher->retry_at_ns = 0;
}

uint64_t
peal_orders_publish_at_ns(const struct peal_orders_group *group)
{
	return has_more(&group->publisher) ? find_due(group) : UINT64_MAX;
}
