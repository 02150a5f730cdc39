/* SPDX-License-Identifier: BSD-3-Clause */
/* Order groups: how those of the view began and are, and the wish for another one. */
#include "dataplane/dpdk/tsc.h"
#include "runtime/answers.h"
#include "runtime/orderwish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE_STEPS_MAX 200U
#define PAGE_STEP_US   500U

/* What this node knows of its groups now: its core says. NULL: it did not, in time. */
static const struct peal_orders_page *
read_page(const struct peal_runtime_node *node)
{
	/* One that was asked for and given up may still be on its way. */
	if (peal_orders_has_page(node->orders)) {
		peal_orders_ask_page(node->orders);
	}
	for (uint32_t step = 0; step < PAGE_STEPS_MAX; step++) {
		if (peal_orders_has_page(node->orders)) {
			return &node->orders->page;
		}
		peal_bell_ring(&node->bell);
		(void)usleep(PAGE_STEP_US);
	}
	return NULL;
}

static const struct peal_orders_state *
find_state(const struct peal_orders_page *page, const struct peal_ordergroup *group)
{
	for (uint32_t i = 0; page != NULL && i < page->count; i++) {
		if (page->ids[i] == group->id && page->states[i].generation == group->generation) {
			return &page->states[i];
		}
	}
	return NULL;
}

/* A dictionary has no negative numbers of 64 bits. */
static void
add_clock(struct rte_tel_data *data, int64_t shift_ns)
{
	(void)rte_tel_data_add_dict_u64(
		data, "clock_behind_ns", shift_ns > 0 ? (uint64_t)shift_ns : 0);
	(void)rte_tel_data_add_dict_u64(
		data, "clock_ahead_ns", shift_ns < 0 ? (uint64_t)-shift_ns : 0);
}

/* How it is now, as far as this node knows. */
static void
add_state(struct rte_tel_data *data, const struct peal_orders_state *state)
{
	char name[24];

	(void)rte_tel_data_add_dict_string(data, "state", peal_orders_state_name(state));
	(void)rte_tel_data_add_dict_u64(data, "view", state->view.view);
	(void)rte_tel_data_add_dict_u64(data, "position", state->view.position >> 8);
	(void)rte_tel_data_add_dict_u64(data, "active", state->view.active);
	(void)rte_tel_data_add_dict_u64(data, "counted", state->view.counted);
	(void)rte_tel_data_add_dict_u64(data, "holders", state->view.ranks_count);
	(void)rte_tel_data_add_dict_u64(data, "present", state->present);
	(void)rte_tel_data_add_dict_u64(data, "given", state->given);
	if (state->is_rank) {
		(void)rte_tel_data_add_dict_u64(data, "own_rank", state->rank);
		(void)rte_tel_data_add_dict_u64(data, "waiting", state->waiting_count);
		(void)rte_tel_data_add_dict_string(
			data, "fault", peal_orders_fault_name(state->fault));
		add_clock(data, state->clock_shift_ns);
		(void)rte_tel_data_add_dict_u64(data, "clock_error_ns", state->clock_error_ns);
		(void)rte_tel_data_add_dict_u64(data, "clocks", state->clocks_count);
	}
	for (uint32_t i = 0; i < state->view.ranks_count; i++) {
		(void)snprintf(name, sizeof(name), "holder%u", i);
		(void)rte_tel_data_add_dict_u64(data, name, state->view.members[i]);
	}
}

static void
add_group(struct rte_tel_data *data, uint32_t place, const struct peal_ordergroup *group,
	const struct peal_orders_state *state)
{
	struct rte_tel_data *inner = rte_tel_data_alloc();
	char name[24];

	if (inner == NULL) {
		return;
	}
	(void)rte_tel_data_start_dict(inner);
	(void)rte_tel_data_add_dict_u64(inner, "id", group->id);
	(void)rte_tel_data_add_dict_u64(inner, "generation", group->generation);
	(void)rte_tel_data_add_dict_u64(inner, "ranks", group->ranks_count);
	for (uint32_t i = 0; i < group->ranks_count; i++) {
		(void)snprintf(name, sizeof(name), "name%u", i);
		(void)rte_tel_data_add_dict_string(inner, name, group->ranks[i].name);
		(void)snprintf(name, sizeof(name), "member%u", i);
		(void)rte_tel_data_add_dict_u64(inner, name, group->ranks[i].mid);
	}
	if (state != NULL) {
		add_state(inner, state);
	}
	(void)snprintf(name, sizeof(name), "%u", place);
	if (rte_tel_data_add_dict_container(data, name, inner, 0) != 0) {
		rte_tel_data_free(inner);
	}
}

void
peal_answer_ordergroups(struct peal_answer *answer)
{
	const struct peal_view *view = &answer->node->node->view;
	const struct peal_orders_page *page = read_page(answer->node);

	peal_runtime_lock(answer->runtime);
	(void)rte_tel_data_add_dict_u64(answer->data, "epoch", view->epoch);
	(void)rte_tel_data_add_dict_u64(answer->data, "count", view->ordergroups_count);
	for (uint32_t i = 0; i < view->ordergroups_count; i++) {
		add_group(answer->data, i, &view->ordergroups[i],
			find_state(page, &view->ordergroups[i]));
	}
	peal_runtime_unlock(answer->runtime, false);
}

/* One word NAME=MEMBER becomes the next rank. */
static bool
take_rank(struct peal_ordergroup *group, char *word)
{
	char *sign = strchr(word, '=');
	char *end = NULL;

	if (sign == NULL || sign[1] < '0' || sign[1] > '9' ||
		group->ranks_count == PEAL_ORDERGROUP_RANKS_MAX) {
		return false;
	}
	*sign = '\0';
	group->ranks[group->ranks_count].mid = strtoull(sign + 1, &end, 10);
	return *end == '\0' && peal_ordergroup_set_name(group, group->ranks_count++, word);
}

static bool
take_ranks(struct peal_ordergroup *group, char *words)
{
	while (words != NULL) {
		char *word = words;
		char *comma = strchr(word, ',');

		words = comma == NULL ? NULL : comma + 1;
		if (comma != NULL) {
			*comma = '\0';
		}
		if (!take_rank(group, word)) {
			return false;
		}
	}
	return true;
}

void
peal_answer_ordergroup(struct peal_answer *answer)
{
	struct peal_node *node = answer->node->node;
	struct peal_ordergroup group = {
		.id = (uint32_t)answer->numbers[0], .generation = (uint32_t)answer->numbers[1]};
	const char *given = "crowded";
	uint64_t now_ns = peal_tsc_now_ns();

	if (answer->numbers[0] > UINT32_MAX || answer->numbers[1] > UINT32_MAX ||
		!take_ranks(&group, answer->words) || !peal_ordergroup_is_valid(&group)) {
		peal_answer_refuse(answer,
			"an order group is an id from 1 and 1, 3, 5, 7 or 9 ranks NAME=MEMBER, "
			"each name and each member once; a name is 1 to 31 letters, digits, "
			"'.', '_' or '-', a member a number that 'members' lists");
		return;
	}
	peal_runtime_lock(answer->runtime);
	if (!peal_orderwish_is_crowded(&node->view, &group)) {
		given = peal_ordergroup_answer_name(peal_node_create_ordergroup(
			node, &group, now_ns < node->now_ns ? node->now_ns : now_ns));
	}
	(void)rte_tel_data_add_dict_string(answer->data, "answer", given);
	peal_runtime_unlock(answer->runtime, true);
}

/* The core takes the command, or refuses it. False: it did neither, in time. */
static bool
run_request(const struct peal_runtime_node *node)
{
	peal_orders_ask_request(&node->orders->request);
	for (uint32_t step = 0; step < PAGE_STEPS_MAX; step++) {
		if (peal_orders_has_answer(&node->orders->request)) {
			return true;
		}
		peal_bell_ring(&node->bell);
		(void)usleep(PAGE_STEP_US);
	}
	return false;
}

void
peal_answer_handover(struct peal_answer *answer)
{
	struct peal_orders *orders = answer->node->orders;
	struct peal_orders_request *request = &orders->request;

	if (answer->words != NULL || answer->numbers[0] > UINT32_MAX ||
		answer->numbers[1] > PEAL_ORDERS_ADD || answer->numbers[2] > UINT32_MAX ||
		answer->numbers[3] > UINT32_MAX) {
		peal_answer_refuse(answer,
			"a rank is given away by the id of its group, 0, 1 or 2 for replace, "
			"remove and add, the rank, and the number of a member");
		return;
	}
	if (!peal_orders_has_answer(&orders->request)) {
		peal_answer_refuse(answer, "a command waits for the core; try again");
		return;
	}
	request->group = (uint32_t)answer->numbers[0];
	request->what = (enum peal_orders_handover)answer->numbers[1];
	request->rank = (uint32_t)answer->numbers[2];
	request->mid = answer->numbers[3];
	if (!run_request(answer->node)) {
		peal_answer_refuse(answer,
			"the core did not take the command in time, and may still do it; 'group "
			"show' says who holds the rank");
		return;
	}
	(void)rte_tel_data_add_dict_string(
		answer->data, "answer", peal_orders_refusal_name(request->refusal));
}
