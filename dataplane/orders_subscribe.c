/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/museum.h"
#include "dataplane/orders_private.h"

#include <string.h>

/* When broadcast has no room. */
#define RETRY_NS UINT64_C(100000)

struct peal_orders_subscription *
peal_orders_find_subscription(struct peal_orders *orders, uint32_t group)
{
	for (uint32_t i = 0; group != 0 && i < PEAL_ORDERGROUPS_MAX; i++) {
		if (orders->subscriptions[i].group == group) {
			return &orders->subscriptions[i];
		}
	}
	return NULL;
}

/* --- what is published, and is not said again --- */

/* NULL: the view has no such group. */
static struct peal_orders_published *
find_published(struct peal_orders *orders, uint32_t group)
{
	for (uint32_t i = 0; group != 0 && i < PEAL_ORDERGROUPS_MAX; i++) {
		if (orders->published[i].group == group) {
			return &orders->published[i];
		}
	}
	return NULL;
}

/* Returns how far the group was published before. */
static uint64_t
note_published(struct peal_orders *orders, const struct peal_order_publication *publication)
{
	struct peal_orders_published *published = find_published(orders, publication->group);
	uint64_t before;

	if (published == NULL || published->configuration != publication->configuration) {
		return 0;
	}
	before = published->to;
	published->to = publication->to > before ? publication->to : before;
	return before;
}

/* The groups of another view; who is another member has heard nothing yet. */
static void
switch_published(struct peal_orders *orders, bool is_same_self)
{
	struct peal_orders_published published[PEAL_ORDERGROUPS_MAX] = {0};
	const struct peal_view *view = orders->peers->view;
	uint32_t count = orders->peers->members_count == 0 ? 0 : view->ordergroups_count;

	for (uint32_t i = 0; i < count; i++) {
		const struct peal_ordergroup *config = &view->ordergroups[i];
		const struct peal_orders_published *before =
			is_same_self ? find_published(orders, config->id) : NULL;

		published[i].group = config->id;
		published[i].configuration = (uint32_t)peal_ordergroup_hash(config).low;
		if (before != NULL && before->configuration == published[i].configuration) {
			published[i].to = before->to;
		}
	}
	memcpy(orders->published, published, sizeof(published));
}

/* --- publications that came early --- */

static void
forget(struct peal_orders *orders, struct peal_orders_early *early)
{
	if (early->place != PEAL_ORDERS_POOL_NONE) {
		peal_orders_pool_give(&orders->pool, early->place);
	}
	early->group = 0;
	orders->early_count--;
}

static void
forget_all(struct peal_orders *orders, uint32_t group)
{
	for (uint32_t i = 0; orders->early_count > 0 && i < PEAL_ORDERS_EARLY_MAX; i++) {
		if (orders->early[i].group == group) {
			forget(orders, &orders->early[i]);
		}
	}
}

/* The one with the smallest position of a group, or NULL. */
static struct peal_orders_early *
find_first(struct peal_orders *orders, uint32_t group)
{
	struct peal_orders_early *found = NULL;

	for (uint32_t i = 0; orders->early_count > 0 && i < PEAL_ORDERS_EARLY_MAX; i++) {
		struct peal_orders_early *early = &orders->early[i];

		if (early->group == group && (found == NULL || early->from < found->from)) {
			found = early;
		}
	}
	return found;
}

/* --- what listens --- */

static void
skip(struct peal_orders *orders, struct peal_orders_subscription *subscription, uint64_t to)
{
	const struct peal_orders_user *user = &orders->config.user;
	uint64_t from = subscription->expected;

	subscription->expected = to + 1U;
	user->skipped(user->state, subscription->group, from << 8, PEAL_ORDERS_LAST_OF(to), 0);
}

/* What is next, and was not taken by the user's leave. */
static void
take(struct peal_orders *orders, struct peal_orders_subscription *subscription,
	const struct peal_order_publication *publication)
{
	const struct peal_orders_frame frame = {.group = subscription->group,
		.position = publication->from,
		.member = publication->member,
		.is_own = publication->member == orders->self_mid, /* when it held a rank */
		.bytes = publication->bytes,
		.size = publication->size};

	if (publication->kind == PEAL_ORDER_PUBLICATION_SKIPPED) {
		skip(orders, subscription, publication->to);
		return;
	}
	subscription->expected++;
	peal_orders_unpack(orders, &subscription->parts[publication->rank], &frame);
}

static struct peal_order_publication
restore(const struct peal_orders *orders, const struct peal_orders_early *early)
{
	bool is_frame = early->place != PEAL_ORDERS_POOL_NONE;

	return (struct peal_order_publication){.group = early->group,
		.from = early->from,
		.to = early->to,
		.kind = is_frame ? PEAL_ORDER_PUBLICATION_FRAME : PEAL_ORDER_PUBLICATION_SKIPPED,
		.rank = early->rank,
		.member = early->member,
		.bytes = is_frame ? peal_orders_pool_bytes(&orders->pool, early->place) : NULL,
		.size = early->size};
}

/* What came early and is next now. The user may end the subscription at each of them. */
static void
catch_up(struct peal_orders *orders, uint32_t group)
{
	struct peal_orders_early *early;

	while ((early = find_first(orders, group)) != NULL) {
		struct peal_orders_subscription *subscription =
			peal_orders_find_subscription(orders, group);
		struct peal_order_publication publication = restore(orders, early);

		if (subscription == NULL || early->from > subscription->expected) {
			return;
		}
		if (early->to >= subscription->expected) {
			take(orders, subscription, &publication);
		}
		/* The place is as it was, unless all of the group were given back. */
		if (early->group == group && early->from == publication.from) {
			forget(orders, early);
		}
	}
}

static void
put_early(struct peal_orders *orders, const struct peal_order_publication *publication)
{
	struct peal_orders_early *early = NULL;
	bool is_frame = publication->kind == PEAL_ORDER_PUBLICATION_FRAME;

	for (uint32_t i = 0; i < PEAL_ORDERS_EARLY_MAX; i++) {
		struct peal_orders_early *one = &orders->early[i];

		if (one->group == publication->group && one->from == publication->from) {
			peal_orders_count(orders, PEAL_COUNTER_ORDER_PUBLICATIONS_REPEATED);
			return;
		}
		early = one->group == 0 ? one : early;
	}
	PEAL_ASSERT(early != NULL);
	*early = (struct peal_orders_early){.group = publication->group,
		.place = is_frame ? peal_orders_pool_take(&orders->pool) : PEAL_ORDERS_POOL_NONE,
		.member = publication->member,
		.size = publication->size,
		.rank = publication->rank,
		.from = publication->from,
		.to = publication->to};
	if (is_frame) {
		PEAL_ASSERT(early->place != PEAL_ORDERS_POOL_NONE);
		memcpy(peal_orders_pool_bytes(&orders->pool, early->place), publication->bytes,
			publication->size);
	}
	orders->early_count++;
}

/* So much came early that what is missing will not be waited for. */
static void
give_gap_up(struct peal_orders *orders)
{
	for (uint32_t i = 0; i < PEAL_ORDERGROUPS_MAX; i++) {
		struct peal_orders_subscription *subscription = &orders->subscriptions[i];
		uint32_t group = subscription->group;
		const struct peal_orders_early *early =
			group != 0 ? find_first(orders, group) : NULL;

		if (early != NULL && early->from > subscription->expected) {
			skip(orders, subscription, early->from - 1U);
			catch_up(orders, group);
		}
	}
}

/* What is heard first, of what nobody said before, says where it begins; also when that is at the
 * first of all. False: there is nothing more to do. */
static bool
begin_behind(struct peal_orders *orders, struct peal_orders_subscription *subscription,
	const struct peal_order_publication *publication)
{
	bool is_frame = publication->kind == PEAL_ORDER_PUBLICATION_FRAME;

	subscription->has_begun = true;
	subscription->expected = 0;
	skip(orders, subscription, is_frame ? publication->from - 1U : publication->to);
	/* The user may have ended it. */
	return is_frame && peal_orders_find_subscription(orders, publication->group) != NULL;
}

/* What another rank says again was published up to `published_to`, and what is missing of that is
 * not said any more: who begins does so behind it. */
static void
listen(struct peal_orders *orders, const struct peal_order_publication *publication,
	uint64_t published_to)
{
	struct peal_orders_subscription *subscription =
		peal_orders_find_subscription(orders, publication->group);

	if (subscription == NULL || peal_orders_is_served(orders, publication->group) ||
		publication->kind == PEAL_ORDER_PUBLICATION_SUBSCRIBE) {
		return;
	}
	peal_orders_count(orders, PEAL_COUNTER_ORDER_PUBLICATIONS_HEARD);
	if (subscription->has_begun ? publication->to < subscription->expected
				    : publication->to <= published_to) {
		peal_orders_count(orders, PEAL_COUNTER_ORDER_PUBLICATIONS_REPEATED);
		return;
	}
	if (!subscription->has_begun && !begin_behind(orders, subscription, publication)) {
		return;
	}
	if (publication->from > subscription->expected) {
		put_early(orders, publication);
		if (orders->early_count == PEAL_ORDERS_EARLY_MAX) {
			give_gap_up(orders);
		}
		return;
	}
	take(orders, subscription, publication);
	catch_up(orders, publication->group);
}

/* From listening to being a rank: what came by broadcast is not delivered again, and a message
 * whose first parts came so goes on. */
void
peal_orders_hand_on(struct peal_orders_group *group, uint64_t position)
{
	struct peal_orders *orders = group->orders;
	struct peal_orders_subscription *subscription =
		peal_orders_find_subscription(orders, group->config.id);

	if (subscription == NULL || !subscription->has_begun) {
		return;
	}
	forget_all(orders, subscription->group);
	subscription->has_begun = false;
	memcpy(group->parts, subscription->parts, sizeof(group->parts));
	if (subscription->expected <= position) {
		skip(orders, subscription, position);
		return;
	}
	group->floor = PEAL_BUG(HANDOVER_HEARD_TWICE) ? 0 : subscription->expected - 1U;
}

/* And back: it goes on behind what was delivered here. */
void
peal_orders_listen_again(const struct peal_orders_group *group)
{
	struct peal_orders *orders = group->orders;
	struct peal_orders_subscription *subscription =
		peal_orders_find_subscription(orders, group->config.id);
	const struct peal_orders_published *published = find_published(orders, group->config.id);
	uint64_t position = peal_abcast_position(&group->abcast);

	if (subscription == NULL || !group->has_view) {
		return;
	}
	subscription->has_begun = true;
	subscription->is_asking = true;
	subscription->expected = (position > group->floor ? position : group->floor) + 1U +
				 (PEAL_BUG(HANDOVER_LISTENS_LATE) ? 1U : 0U);
	memcpy(subscription->parts, group->parts, sizeof(subscription->parts));
	/* What was published before it was delivered here is not said again. */
	if (published != NULL && published->to >= subscription->expected) {
		skip(orders, subscription, published->to);
	}
}

/* --- what is asked for --- */

enum peal_orders_result
peal_orders_subscribe(struct peal_orders *orders, uint32_t group)
{
	struct peal_orders_subscription *subscription =
		peal_orders_find_subscription(orders, group);
	const struct peal_ordergroup *config =
		orders->peers->members_count == 0
			? NULL
			: peal_view_find_ordergroup(orders->peers->view, group);

	if (config == NULL) {
		return PEAL_ORDERS_NO_GROUP;
	}
	if (subscription != NULL) {
		return PEAL_ORDERS_OK;
	}
	for (uint32_t i = 0; i < PEAL_ORDERGROUPS_MAX && subscription == NULL; i++) {
		subscription =
			orders->subscriptions[i].group == 0 ? &orders->subscriptions[i] : NULL;
	}
	PEAL_ASSERT(subscription != NULL); /* the view has no more groups than that */
	*subscription = (struct peal_orders_subscription){.group = group,
		.configuration = (uint32_t)peal_ordergroup_hash(config).low,
		.is_asking = true};
	orders->asked_at_ns = 0;
	orders->subscriptions_count++;
	return PEAL_ORDERS_OK;
}

void
peal_orders_unsubscribe(struct peal_orders *orders, uint32_t group)
{
	struct peal_orders_subscription *subscription =
		peal_orders_find_subscription(orders, group);

	if (subscription != NULL) {
		forget_all(orders, group);
		subscription->group = 0;
		orders->subscriptions_count--;
	}
}

/* A group that was created anew is another one; who is no member listens to nothing. */
void
peal_orders_switch_subscriptions(struct peal_orders *orders, bool is_same_self)
{
	const struct peal_orders_user *user = &orders->config.user;

	switch_published(orders, is_same_self);
	for (uint32_t i = 0; i < PEAL_ORDERGROUPS_MAX; i++) {
		uint32_t group = orders->subscriptions[i].group;
		const struct peal_ordergroup *config =
			group != 0 && is_same_self
				? peal_view_find_ordergroup(orders->peers->view, group)
				: NULL;

		if (group == 0 ||
			(config != NULL && (uint32_t)peal_ordergroup_hash(config).low ==
						   orders->subscriptions[i].configuration)) {
			continue;
		}
		peal_orders_unsubscribe(orders, group);
		user->ended(user->state, group, PEAL_ABCAST_FAULT_REPLACED, 0);
	}
}

void
peal_orders_ask(struct peal_orders *orders, uint64_t now_ns)
{
	const struct peal_orders_user *user = &orders->config.user;
	uint8_t bytes[PEAL_ORDER_PUBLICATION_HEAD_SIZE];

	for (uint32_t i = 0; i < PEAL_ORDERGROUPS_MAX; i++) {
		struct peal_orders_subscription *subscription = &orders->subscriptions[i];
		const struct peal_order_publication publication = {.group = subscription->group,
			.configuration = subscription->configuration,
			.kind = PEAL_ORDER_PUBLICATION_SUBSCRIBE};

		if (subscription->group == 0 || !subscription->is_asking ||
			peal_orders_is_served(orders, subscription->group) ||
			now_ns < orders->asked_at_ns) {
			continue;
		}
		subscription->is_asking =
			user->cast == NULL ||
			user->cast(user->state, bytes,
				peal_order_publication_encode(&publication, bytes)) != PEAL_CAST_OK;
		orders->asked_at_ns = subscription->is_asking ? now_ns + RETRY_NS : 0;
	}
}

/* --- from broadcast --- */

void
peal_orders_on_cast_view(struct peal_orders *orders)
{
	orders->views_count++;
	orders->asked_at_ns = 0;
	for (uint32_t i = 0; i < PEAL_ORDERGROUPS_MAX; i++) {
		/* Whoever came may be a rank, and knows of nobody who listens. */
		orders->subscriptions[i].is_asking = orders->subscriptions[i].group != 0;
	}
	for (uint32_t i = 0; i < PEAL_ORDERS_MAX; i++) {
		struct peal_orders_group *group = &orders->groups[i];

		if (group->is_used && !group->is_ended) {
			peal_orders_on_view(group);
		}
	}
}

bool
peal_orders_on_cast(
	struct peal_orders *orders, uint64_t origin, const struct peal_delivery *delivery)
{
	struct peal_order_publication publication;
	const struct peal_orders_subscription *subscription;
	struct peal_orders_group *group;
	uint32_t configuration;
	uint64_t published_to;

	if (delivery->offset != 0 ||
		!peal_order_publication_is_one(delivery->bytes, delivery->size)) {
		return false;
	}
	if (delivery->size != delivery->message_size ||
		!peal_order_publication_decode(delivery->bytes, delivery->size, &publication)) {
		peal_orders_count(orders, PEAL_COUNTER_ORDER_PUBLICATIONS_REFUSED);
		return true;
	}
	published_to = note_published(orders, &publication);
	group = peal_orders_find_group(orders, publication.group);
	subscription = peal_orders_find_subscription(orders, publication.group);
	if (group == NULL && subscription == NULL) {
		return true; /* nobody here has to do with it */
	}
	configuration =
		group != NULL ? group->abcast.config.configuration : subscription->configuration;
	if (configuration != publication.configuration) {
		peal_orders_count(orders, PEAL_COUNTER_ORDER_PUBLICATIONS_REFUSED);
		return true;
	}
	if (group != NULL && !group->is_ended) {
		peal_orders_heard(group, origin, &publication);
	}
	listen(orders, &publication, published_to);
	return true;
}
