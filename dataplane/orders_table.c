/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/orders_private.h"

#include "base/hash.h"

#include <stddef.h>
#include <string.h>

/* --- who holds a rank --- */

/* Membership says of each rank whether its holder is there. */
static void
tell_suspects(struct peal_orders_group *group)
{
	for (uint8_t i = 0; i < group->abcast.ranks_count; i++) {
		bool is_there =
			peal_orders_is_member(group->orders, peal_order_member(group->holders[i]));
		bool is_suspected = (group->abcast.suspects >> i & 1U) != 0;

		if (is_there == is_suspected) {
			peal_abcast_suspect(&group->abcast, i, !is_there);
		}
	}
}

static void
hold(struct peal_orders_group *group, uint8_t rank, uint64_t mid)
{
	if (mid <= group->holders[rank]) {
		return;
	}
	group->holders[rank] = mid;
	peal_abcast_learn(&group->abcast, rank, mid);
	tell_suspects(group);
}

void
peal_orders_believe(struct peal_orders_group *group, uint8_t rank, uint64_t mid)
{
	if (rank < group->abcast.ranks_count && mid > group->holders[rank] &&
		rank != group->abcast.config.rank &&
		!peal_orders_is_member(group->orders, peal_order_member(group->holders[rank])) &&
		peal_orders_is_member(group->orders, mid)) {
		hold(group, rank, mid);
	}
}

void
peal_orders_view(void *state, const struct peal_abcast_news *news)
{
	struct peal_orders_group *group = state;
	const struct peal_orders_user *user = &group->orders->config.user;
	struct peal_orders_view view = {.view = news->view,
		.active = news->active,
		.counted = news->counted,
		.ranks_count = news->ranks_count,
		.position = PEAL_ORDERS_LAST_OF(news->position),
		.doubtful_count = peal_orders_doubt(group, news->doubtful_count)};

	for (uint8_t i = 0; i < news->ranks_count; i++) {
		view.members[i] = peal_order_member(news->members[i]);
		hold(group, i, news->members[i]);
		group->members[i] = view.members[i];
	}
	group->lane_delivered = 0;
	if (!group->has_view) {
		group->has_view = true;
		peal_orders_keep_from(group, news->position);
		peal_orders_hand_on(group, news->position);
	}
	user->view(user->state, group->config.id, &view);
}

/* --- groups that begin and end --- */

void
peal_orders_end(struct peal_orders_group *group, enum peal_abcast_fault fault)
{
	struct peal_orders *orders = group->orders;
	const struct peal_orders_user *user = &orders->config.user;
	uint64_t lost_count = group->said_count - group->done_count;

	PEAL_ASSERT(group->is_used && !group->is_ended);
	peal_orders_listen_again(group);
	peal_abcast_fini(&group->abcast);
	peal_orders_keep_nothing(group);
	group->is_ended = true;
	group->done_count = group->said_count;
	peal_counter_add(orders->config.counters, PEAL_COUNTER_ORDER_MESSAGES_DOUBTFUL, lost_count);
	user->ended(user->state, group->config.id, fault, lost_count);
}

/* The rank of this node in a group: it is named, or its name is. False: none. */
static bool
find_rank(const struct peal_orders *orders, const struct peal_ordergroup *config, uint8_t *rank_out,
	bool *is_founder_out)
{
	bool is_found = false;

	for (uint8_t i = 0; i < config->ranks_count; i++) {
		bool is_named = strcmp(config->ranks[i].name, orders->config.name) == 0;

		*is_founder_out = config->ranks[i].mid == orders->self_mid;
		if (*is_founder_out || (is_named && config->ranks[i].mid < orders->self_mid)) {
			*rank_out = i;
			is_found = true;
		}
		if (*is_founder_out) {
			return true;
		}
	}
	*is_founder_out = false;
	return is_found;
}

static void
stopped(void *state, enum peal_abcast_fault fault)
{
	(void)state; /* looked at when the machine has returned */
	(void)fault;
}

static void
init_machine(struct peal_orders_group *group, uint8_t rank, uint64_t holder)
{
	const struct peal_orders *orders = group->orders;
	const struct peal_abcast_config config = {.user = {.transmit = peal_orders_transmit,
							  .keep = peal_orders_copy,
							  .release = peal_orders_release,
							  .doubt = peal_orders_doubt_path,
							  .deliver = peal_orders_deliver,
							  .view = peal_orders_view,
							  .skipped = peal_orders_skipped,
							  .stopped = stopped,
							  .state = group},
		.counters = orders->config.counters,
		.timing = orders->config.timing,
		.group = group->config.id,
		.configuration = (uint32_t)peal_ordergroup_hash(&group->config).low,
		.ranks_count = group->config.ranks_count,
		.rank = rank,
		.member = holder,
		.seed = peal_hash_mix(orders->config.seed ^ orders->self_mid ^ group->config.id)};

	peal_abcast_init(&group->abcast, &config);
	/* Of a member that has a rank once more, nobody mixes the parts of both times. */
	group->cut_number = (uint32_t)peal_hash_mix(holder);
	peal_abcast_set_offset(&group->abcast, orders->config.clock_offset_ns);
}

void
peal_orders_begin(struct peal_orders *orders, const struct peal_ordergroup *config, uint8_t rank,
	uint64_t holder, bool is_founder, uint64_t now_ns)
{
	struct peal_orders_group *group = NULL;
	uint64_t members[PEAL_ORDER_RANKS_MAX] = {0};

	for (uint32_t i = 0; i < PEAL_ORDERS_MAX && group == NULL; i++) {
		group = orders->groups[i].is_used ? NULL : &orders->groups[i];
	}
	if (group == NULL) {
		peal_orders_count(orders, PEAL_COUNTER_ORDER_TOO_MANY);
		return;
	}
	memset(group, 0, offsetof(struct peal_orders_group, abcast));
	group->orders = orders;
	group->is_used = true;
	group->config = *config;
	orders->groups_count++;
	peal_sendqueue_init(&group->queue, group->queue_bytes, sizeof(group->queue_bytes));
	init_machine(group, rank, holder);
	for (uint8_t i = 0; i < config->ranks_count; i++) {
		members[i] = config->ranks[i].mid;
		group->holders[i] = members[i];
		peal_abcast_learn(&group->abcast, i, members[i]);
	}
	group->holders[rank] = holder;
	tell_suspects(group);
	if (is_founder) {
		peal_abcast_found(&group->abcast, members, now_ns);
	}
}

/* Groups of another generation, or of a life that is over, end. */
static void
end_groups(struct peal_orders *orders, bool is_same_self)
{
	for (uint32_t i = 0; i < PEAL_ORDERS_MAX; i++) {
		struct peal_orders_group *group = &orders->groups[i];
		const struct peal_ordergroup *config;

		if (!group->is_used) {
			continue;
		}
		config = is_same_self
				 ? peal_view_find_ordergroup(orders->peers->view, group->config.id)
				 : NULL;
		if (config != NULL && config->generation == group->config.generation) {
			continue;
		}
		if (!group->is_ended) {
			peal_orders_end(group, PEAL_ABCAST_FAULT_REPLACED);
		}
		group->is_used = false;
		orders->groups_count--;
	}
}

void
peal_orders_switch(struct peal_orders *orders, const struct peal_peers *peers, uint64_t now_ns)
{
	bool is_same_self = peers->members_count > 0 && orders->cluster == peers->cluster &&
			    orders->self_mid == peers->self_mid;

	orders->peers = peers;
	orders->cluster = peers->cluster;
	orders->self_mid = peers->self_mid;
	end_groups(orders, is_same_self);
	peal_orders_switch_subscriptions(orders, is_same_self);
	if (peers->members_count == 0) {
		return;
	}
	for (uint32_t i = 0; i < peers->view->ordergroups_count; i++) {
		const struct peal_ordergroup *config = &peers->view->ordergroups[i];
		bool is_founder;
		uint8_t rank;

		if (peal_orders_find_group(orders, config->id) == NULL &&
			find_rank(orders, config, &rank, &is_founder)) {
			peal_orders_begin(
				orders, config, rank, orders->self_mid, is_founder, now_ns);
		}
	}
	for (uint32_t i = 0; i < PEAL_ORDERS_MAX; i++) {
		if (orders->groups[i].is_used && !orders->groups[i].is_ended) {
			tell_suspects(&orders->groups[i]);
		}
	}
}
