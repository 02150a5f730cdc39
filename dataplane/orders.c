/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/orders.h"

#include "dataplane/orders_private.h"

#include <string.h>

/* The table before the first one: no node, no peers. */
static const struct peal_peers no_peers;

void
peal_orders_init(struct peal_orders *orders, const struct peal_orders_config *config)
{
	PEAL_ASSERT(config->name != NULL);
	orders->config = *config;
	orders->peers = &no_peers;
	orders->cluster = 0;
	orders->self_mid = 0;
	orders->groups_count = 0;
	orders->sent_count = 0;
	orders->views_count = 0;
	orders->now_ns = 0;
	orders->subscriptions_count = 0;
	orders->early_count = 0;
	orders->asked_at_ns = 0;
	memset(orders->subscriptions, 0, sizeof(orders->subscriptions));
	memset(orders->early, 0, sizeof(orders->early));
	atomic_init(&orders->page.is_asked, false);
	atomic_init(&orders->request.is_asked, false);
	orders->page.count = 0;
	peal_orders_pool_init(&orders->pool, config->frame_bytes, PEAL_ORDERS_FRAMES_MAX);
	for (uint32_t i = 0; i < PEAL_ORDERS_MAX; i++) {
		orders->groups[i].is_used = false;
	}
}

enum peal_orders_result
peal_orders_send(struct peal_orders *orders, uint32_t group, const uint8_t *bytes, uint32_t size)
{
	struct peal_orders_group *found = peal_orders_find_group(orders, group);

	if (found == NULL) {
		return orders->peers->members_count == 0 ||
				       peal_view_find_ordergroup(orders->peers->view, group) == NULL
			       ? PEAL_ORDERS_NO_GROUP
			       : PEAL_ORDERS_NOT_RANK;
	}
	if (peal_orders_is_relieved(found)) {
		return PEAL_ORDERS_NOT_RANK;
	}
	if (found->is_ended || found->abcast.state == PEAL_ABCAST_STOPPED) {
		return PEAL_ORDERS_ENDED;
	}
	if (size == 0 || size > PEAL_ORDERS_MESSAGE_SIZE_MAX) {
		return PEAL_ORDERS_TOO_BIG;
	}
	if (peal_abcast_is_given(&found->abcast, found->abcast.config.rank)) {
		return PEAL_ORDERS_FULL; /* it ends in a moment */
	}
	if (!peal_sendqueue_copy(&found->queue, bytes, size)) {
		return PEAL_ORDERS_FULL;
	}
	found->said_count++;
	peal_orders_count(orders, PEAL_COUNTER_ORDER_MESSAGES_SENT);
	return PEAL_ORDERS_OK;
}

static bool
is_waiting(const struct peal_orders_group *group)
{
	const struct peal_abcast *abcast = &group->abcast;

	return abcast->state != PEAL_ABCAST_RUNNING ||
	       (abcast->blocked_seq != 0 &&
		       abcast->turn_at_ns - abcast->blocked_at_ns > abcast->timing.suspect_ns);
}

/* Members that are gone never come back as who they were, and who came in their place has
 * forgotten. */
static void
read_holders(const struct peal_orders_group *group, struct peal_orders_state *state_out)
{
	const struct peal_abcast *abcast = &group->abcast;

	for (uint32_t i = 0; i < abcast->ranks_count; i++) {
		uint64_t mid = peal_order_member(abcast->members[i]);
		uint16_t bit = (uint16_t)(1U << i);

		state_out->present |=
			mid != 0 && peal_orders_is_member(group->orders, mid) ? bit : 0;
		state_out->given |= mid != 0 && peal_order_term(abcast->members[i]) > 0 ? bit : 0;
	}
	state_out->is_lost = abcast->view > 0 && abcast->state != PEAL_ABCAST_OUT &&
			     2 * __builtin_popcount(abcast->counted & state_out->present) <=
				     __builtin_popcount(abcast->counted);
}

/* True when a member that the table names has the rank that this node, by its name, waits for. */
static bool
is_claimed(const struct peal_orders_group *group)
{
	uint64_t mid = group->config.ranks[group->abcast.config.rank].mid;

	return group->abcast.state == PEAL_ABCAST_OUT &&
	       peal_order_term(group->abcast.config.member) == 0 &&
	       mid != group->orders->self_mid && peal_orders_is_member(group->orders, mid);
}

/* True when the table names this node. */
static bool
is_named(const struct peal_orders *orders, const struct peal_ordergroup *config)
{
	for (uint32_t i = 0; i < config->ranks_count; i++) {
		if (config->ranks[i].mid == orders->self_mid) {
			return true;
		}
	}
	return false;
}

/* How far the ranks are known to agree what time it is. */
static void
read_clocks(const struct peal_abcast *abcast, struct peal_orders_state *state_out)
{
	const struct peal_abcast_sync *sync = &abcast->sync;

	state_out->clock_shift_ns = abcast->clock.shift_ns;
	for (uint32_t i = 0; i < abcast->ranks_count; i++) {
		uint64_t error_ns = sync->estimates[i].error_ns;

		if ((sync->known >> i & 1U) != 0) {
			state_out->clocks_count++;
			state_out->clock_error_ns = error_ns > state_out->clock_error_ns
							    ? error_ns
							    : state_out->clock_error_ns;
		}
	}
}

bool
peal_orders_find(
	const struct peal_orders *orders, uint32_t group, struct peal_orders_state *state_out)
{
	const struct peal_ordergroup *config =
		orders->peers->members_count == 0
			? NULL
			: peal_view_find_ordergroup(orders->peers->view, group);

	*state_out = (struct peal_orders_state){0};
	if (config == NULL) {
		return false;
	}
	state_out->generation = config->generation;
	state_out->is_crowded = is_named(orders, config);
	state_out->view.ranks_count = config->ranks_count;
	state_out->view.counted = (uint16_t)((1U << config->ranks_count) - 1U);
	for (uint32_t i = 0; i < PEAL_ORDERS_MAX; i++) {
		const struct peal_orders_group *here = &orders->groups[i];

		if (!here->is_used || here->config.id != group) {
			continue;
		}
		state_out->is_crowded = false;
		if (peal_orders_is_relieved(here)) {
			continue;
		}
		state_out->is_rank = true;
		state_out->rank = here->abcast.config.rank;
		state_out->status = here->abcast.state;
		state_out->fault = here->abcast.fault;
		state_out->is_waiting = is_waiting(here);
		state_out->is_claimed = is_claimed(here);
		read_holders(here, state_out);
		state_out->waiting_count = here->said_count - here->done_count;
		read_clocks(&here->abcast, state_out);
		state_out->view.view = here->abcast.view;
		state_out->view.active = here->abcast.active;
		state_out->view.counted = here->abcast.counted;
		state_out->view.ranks_count = here->abcast.ranks_count;
		state_out->view.position = PEAL_ORDERS_LAST_OF(peal_abcast_position(&here->abcast));
		memcpy(state_out->view.members, here->members, sizeof(here->members));
	}
	return true;
}

const char *
peal_orders_state_name(const struct peal_orders_state *state)
{
	if (state->is_crowded) {
		return "takes no rank here, because the node has four of other groups";
	}
	if (!state->is_rank) {
		return "no rank here";
	}
	if (state->status == PEAL_ABCAST_STOPPED) {
		return "stopped";
	}
	if (state->is_claimed) {
		return "waits, because the rank of this node's name is another member's";
	}
	if (state->is_lost) {
		return "lost its majority";
	}
	if (state->status == PEAL_ABCAST_OUT) {
		return "waits to be taken in";
	}
	if (state->status == PEAL_ABCAST_WEDGED) {
		return "between views";
	}
	return state->is_waiting ? "waits for a majority" : "running";
}

const char *
peal_orders_fault_name(enum peal_abcast_fault fault)
{
	static const char *const names[] = {
		[PEAL_ABCAST_FAULT_NONE] = "none",
		[PEAL_ABCAST_FAULT_ORDER] = "a frame came too late for its place",
		[PEAL_ABCAST_FAULT_SEAL] = "a seal takes back what was delivered",
		[PEAL_ABCAST_FAULT_CUT] = "a view takes back what was delivered",
		[PEAL_ABCAST_FAULT_DECISION] = "one thing was decided twice",
		[PEAL_ABCAST_FAULT_DIGEST] = "another rank delivered something else",
		[PEAL_ABCAST_FAULT_REPLACED] = "the rank is another member's",
	};

	return names[fault];
}

/* Own frames that may leave in this turn: a body of `room` bytes holds some of them, and takes a
 * place of bulk for each other rank. */
static uint32_t
find_burst(const struct peal_orders_group *group, uint16_t room)
{
	uint32_t shared_count = room / PEAL_BODY_SIZE_MAX;
	const struct peal_txqueue *txqueue = &group->orders->config.egress->txqueue;
	uint32_t others_count = group->abcast.ranks_count - 1U;
	uint32_t places = txqueue->bulk_count < txqueue->bulk_room
				  ? txqueue->bulk_room - txqueue->bulk_count
				  : 0;

	if (others_count == 0 || places / others_count * shared_count > PEAL_ORDER_BURST) {
		return PEAL_ORDER_BURST;
	}
	/* A port that was short leaves one place: a frame to the others goes all the same, or none
	 * ever would, and the places would never become more. What has none is lost, and pulled. */
	return (places / others_count > 0 || places == 0 ? places / others_count : 1U) *
	       shared_count;
}

static void
run_group(struct peal_orders_group *group, uint64_t now_ns)
{
	struct peal_abcast *abcast = &group->abcast;
	bool is_wide = group->orders->config.paths != NULL &&
		       group->orders->config.egress->body_size_max > PEAL_BODY_SIZE_MAX;

	abcast->burst = find_burst(group, is_wide && group->orders->peers->members_count > 0
						  ? peal_orders_measure_paths(group)
						  : (uint16_t)PEAL_BODY_SIZE_MAX);
	peal_orders_cut(group);
	peal_abcast_run(abcast, now_ns);
	peal_orders_run_handover(group, now_ns);
	peal_orders_publish(group, now_ns);
	if (abcast->state == PEAL_ABCAST_STOPPED) {
		peal_orders_end(group, abcast->fault);
	}
}

static __attribute__((noinline)) void
fill_page(struct peal_orders *orders)
{
	struct peal_orders_page *page = &orders->page;
	const struct peal_view *view = orders->peers->view;

	page->count = orders->peers->members_count == 0 ? 0 : view->ordergroups_count;
	for (uint32_t i = 0; i < page->count; i++) {
		page->ids[i] = view->ordergroups[i].id;
		(void)peal_orders_find(orders, page->ids[i], &page->states[i]);
	}
	atomic_store_explicit(&page->is_asked, false, memory_order_release);
}

static __attribute__((noinline)) void
answer_request(struct peal_orders *orders)
{
	struct peal_orders_request *request = &orders->request;

	request->refusal = peal_orders_hand_over(
		orders, request->group, request->what, request->rank, request->mid);
	atomic_store_explicit(&request->is_asked, false, memory_order_release);
}

uint32_t
peal_orders_run(struct peal_orders *orders, uint64_t now_ns)
{
	if (__builtin_expect(!peal_orders_has_answer(&orders->request), 0)) {
		answer_request(orders);
	}
	if (__builtin_expect(!peal_orders_has_page(orders), 0)) {
		fill_page(orders);
	}
	if (__builtin_expect((orders->groups_count | orders->subscriptions_count) == 0, 1)) {
		return 0;
	}
	orders->sent_count = 0;
	orders->now_ns = now_ns;
	peal_orders_ask(orders, now_ns);
	for (uint32_t i = 0; i < PEAL_ORDERS_MAX; i++) {
		struct peal_orders_group *group = &orders->groups[i];

		if (group->is_used && !group->is_ended) {
			run_group(group, now_ns);
		}
	}
	return orders->sent_count;
}

/* What the machine wants, and when it would take a frame that can be cut now. */
static uint64_t
find_deadline(const struct peal_orders_group *group)
{
	const struct peal_abcast *abcast = &group->abcast;
	uint64_t publish_at_ns = peal_orders_publish_at_ns(group);
	uint64_t deadline_at_ns = peal_abcast_deadline_at_ns(abcast);

	if (abcast->state == PEAL_ABCAST_STOPPED) {
		return 0;
	}
	if (abcast->state == PEAL_ABCAST_RUNNING && abcast->queue.count == 0 &&
		group->queue.tail < group->queue.head && !peal_orders_is_braked(group)) {
		uint64_t gather_until_ns = peal_abcast_gather_until_ns(abcast);

		deadline_at_ns =
			gather_until_ns < deadline_at_ns ? gather_until_ns : deadline_at_ns;
	}
	return publish_at_ns < deadline_at_ns ? publish_at_ns : deadline_at_ns;
}

uint64_t
peal_orders_deadline_at_ns(const struct peal_orders *orders)
{
	uint64_t deadline_at_ns = UINT64_MAX;

	if (__builtin_expect((orders->groups_count | orders->subscriptions_count) == 0, 1)) {
		return UINT64_MAX;
	}
	for (uint32_t i = 0; i < PEAL_ORDERGROUPS_MAX; i++) {
		if (orders->subscriptions[i].group != 0 && orders->subscriptions[i].is_asking &&
			!peal_orders_is_served(orders, orders->subscriptions[i].group)) {
			deadline_at_ns = orders->asked_at_ns;
		}
	}
	for (uint32_t i = 0; i < PEAL_ORDERS_MAX; i++) {
		const struct peal_orders_group *group = &orders->groups[i];

		if (group->is_used && !group->is_ended) {
			uint64_t at_ns = find_deadline(group);

			deadline_at_ns = at_ns < deadline_at_ns ? at_ns : deadline_at_ns;
		}
	}
	return deadline_at_ns;
}
