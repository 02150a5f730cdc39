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

enum peal_clients_wish_answer
peal_orderwish_ask(void *state, const struct peal_ordergroup *group)
{
	struct peal_orderwish *wish = state;
	struct peal_node *node = wish->node->node;
	enum peal_ordergroup_answer answer;
	uint64_t now_ns = peal_tsc_now_ns();

	peal_runtime_lock(wish->runtime);
	answer = peal_node_create_ordergroup(
		node, group, now_ns < node->now_ns ? node->now_ns : now_ns);
	peal_runtime_unlock(wish->runtime, true);
	return translate(answer);
}
