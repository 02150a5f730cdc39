/* SPDX-License-Identifier: BSD-3-Clause */
#include "embed/embedding.h"

#include <rte_lcore.h>

/* For so long cores are still turned when their node has ended: its last messages leave, and
 * members that have not heard yet are answered. */
#define LINGER_NS UINT64_C(100000000)

_Static_assert(PEAL_EMBED_NOBODY == LCORE_ID_ANY, "who is no lcore owns nothing");

static bool
is_owner(const struct peal_embed_core *core)
{
	uint32_t self = rte_lcore_id();

	return self != LCORE_ID_ANY &&
	       atomic_load_explicit(&core->owner, memory_order_relaxed) == self;
}

/* Makes this lcore the owner. 0, or why it cannot be. */
static int32_t
claim(struct peal_embed_core *core)
{
	uint32_t self = rte_lcore_id(), nobody = PEAL_EMBED_NOBODY;

	if (atomic_load_explicit(&core->is_over, memory_order_acquire)) {
		return PEAL_EMBED_OVER;
	}
	if (self == LCORE_ID_ANY) {
		return PEAL_EMBED_NO_LCORE;
	}
	if ((core->wanted != PEAL_EMBED_NOBODY && core->wanted != self) ||
		!atomic_compare_exchange_strong_explicit(
			&core->owner, &nobody, self, memory_order_acquire, memory_order_relaxed)) {
		return PEAL_EMBED_OTHER_LCORE;
	}
	return 0;
}

/* After a turn: true when that was the last one. */
static bool
is_last(const struct peal_embed *node, struct peal_embed_core *core)
{
	if (!peal_embed_has_ended(node)) {
		return false;
	}
	if (core->ended_at_ns == 0) {
		core->ended_at_ns = core->lcore->polled_at_ns;
	}
	return core->lcore->polled_at_ns - core->ended_at_ns >= LINGER_NS;
}

int32_t
peal_embed_poll(struct peal_embed *node, uint32_t index)
{
	struct peal_embed_core *core;
	uint32_t work;

	if (index >= node->cores_count) {
		return PEAL_EMBED_NO_CORE;
	}
	core = &node->cores[index];
	if (__builtin_expect(!is_owner(core), 0)) {
		int32_t refusal = claim(core);

		if (refusal != 0) {
			return refusal;
		}
	}
	work = peal_lcore_poll(core->lcore);
	if (__builtin_expect(is_last(node, core), 0)) {
		atomic_store_explicit(&core->is_over, true, memory_order_relaxed);
		peal_embed_release(node, index);
		return PEAL_EMBED_OVER;
	}
	return (int32_t)work;
}

uint64_t
peal_embed_rest(struct peal_embed *node, uint32_t index)
{
	if (index >= node->cores_count || !is_owner(&node->cores[index])) {
		return 0;
	}
	return peal_lcore_rest(node->cores[index].lcore);
}

int
peal_embed_fd(const struct peal_embed *node, uint32_t index)
{
	return index < node->cores_count ? node->cores[index].fd : -1;
}

void
peal_embed_release(struct peal_embed *node, uint32_t index)
{
	if (index < node->cores_count && is_owner(&node->cores[index])) {
		atomic_store_explicit(
			&node->cores[index].owner, PEAL_EMBED_NOBODY, memory_order_release);
	}
}
