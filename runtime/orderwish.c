/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/orderwish.h"

#include "base/assert.h"
#include "dataplane/dpdk/tsc.h"

static enum peal_clients_wish_answer
translate(enum peal_ordergroup_answer answer)
{
	static const enum peal_clients_wish_answer answers[] = {
		[PEAL_ORDERGROUP_WAITS] = PEAL_CLIENTS_WISH_WAITS,
		[PEAL_ORDERGROUP_EXISTS] = PEAL_CLIENTS_WISH_WAITS,
		[PEAL_ORDERGROUP_TAKEN] = PEAL_CLIENTS_WISH_TAKEN,
		[PEAL_ORDERGROUP_WRONG_GENERATION] = PEAL_CLIENTS_WISH_TAKEN,
		[PEAL_ORDERGROUP_NO_MEMBER] = PEAL_CLIENTS_WISH_NO_MEMBER,
		[PEAL_ORDERGROUP_FULL] = PEAL_CLIENTS_WISH_FULL,
		/* The core looks at the form first; what control takes for bad has no members. */
		[PEAL_ORDERGROUP_INVALID] = PEAL_CLIENTS_WISH_NO_MEMBER,
		[PEAL_ORDERGROUP_BUSY] = PEAL_CLIENTS_WISH_WAITS,
		[PEAL_ORDERGROUP_OUTSIDE] = PEAL_CLIENTS_WISH_OUTSIDE,
	};

	PEAL_ASSERT((size_t)answer < sizeof(answers) / sizeof(answers[0]));
	return answers[answer];
}

bool
peal_orderwish_is_crowded(const struct peal_view *view, const struct peal_ordergroup *group)
{
	const struct peal_ordergroup *before = peal_view_find_ordergroup(view, group->id);

	if (before != NULL && peal_ordergroup_equals(before, group)) {
		return false;
	}
	for (uint32_t i = 0; i < group->ranks_count; i++) {
		uint64_t mid = group->ranks[i].mid;
		uint32_t count = peal_view_count_ordergroups_of(view, mid);

		for (uint32_t k = 0; before != NULL && k < before->ranks_count; k++) {
			count -= before->ranks[k].mid == mid ? 1U : 0U;
		}
		if (count >= PEAL_ORDERGROUPS_OF_MEMBER_MAX) {
			return true;
		}
	}
	return false;
}

enum peal_clients_wish_answer
peal_orderwish_ask(void *state, const struct peal_ordergroup *group)
{
	struct peal_orderwish *wish = state;
	struct peal_node *node = wish->node->node;
	enum peal_ordergroup_answer answer;
	uint64_t now_ns = peal_tsc_now_ns();

	peal_runtime_lock(wish->runtime);
	if (peal_orderwish_is_crowded(&node->view, group)) {
		answer = PEAL_ORDERGROUP_FULL;
	} else {
		answer = peal_node_create_ordergroup(
			node, group, now_ns < node->now_ns ? node->now_ns : now_ns);
	}
	peal_runtime_unlock(wish->runtime, true);
	return translate(answer);
}
