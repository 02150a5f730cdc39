/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/check_word.h"

#include "dataplane/goodstanding.h"

/* The process that is this member and does not know that it is none any more; or NULL. */
static const struct peal_simnode *
find_unaware(struct peal_simnode *const nodes[], uint16_t count, const struct peal_view *parent,
	const struct peal_member *member)
{
	for (uint16_t i = 0; i < count; i++) {
		const struct peal_simnode *simnode = nodes[i];

		if (simnode->is_up && simnode->node.state == PEAL_NODE_MEMBER &&
			simnode->core.peers->self_mid == member->mid &&
			simnode->core.peers->epoch == parent->epoch &&
			peal_uuid_equals(simnode->node.self.uuid, member->uuid)) {
			return simnode;
		}
	}
	return NULL;
}

/* Until when its applications may be told that all is well, by its own clock; what clients.c does.
 */
static uint64_t
word_until_ns(const struct peal_simnode *simnode)
{
	const struct peal_timing *timing = simnode->node.config.timing;
	uint64_t standing = atomic_load_explicit(&simnode->plane.standing, memory_order_relaxed);
	uint64_t alive_at_ns =
		atomic_load_explicit(&simnode->plane.control_alive_at_ns, memory_order_relaxed);
	uint64_t heard_at_ns = peal_goodstanding_heard_at_ns(simnode->core.peers, &simnode->plane);

	if (standing == 0 || heard_at_ns == 0) {
		return 0;
	}
	if (heard_at_ns == UINT64_MAX) {
		return UINT64_MAX;
	}
	heard_at_ns += timing->probe_interval_ns * PEAL_GOODSTANDING_PERCENT / 100U;
	return heard_at_ns < alive_at_ns + timing->stuck_ns ? heard_at_ns
							    : alive_at_ns + timing->stuck_ns;
}

void
peal_check_word_on_view(struct peal_simnode *const nodes[], uint16_t count,
	const struct peal_view *parent, const struct peal_view *view, struct peal_report *report)
{
	for (uint16_t rank = 0; rank < parent->members_count; rank++) {
		const struct peal_member *member = &parent->members[rank];
		const struct peal_simnode *simnode;
		uint64_t until_ns, own_now_ns;

		if (peal_view_find_mid(view, member->mid) != PEAL_RANK_NONE) {
			continue;
		}
		simnode = find_unaware(nodes, count, parent, member);
		if (simnode == NULL || (simnode->core.config.cast != NULL &&
					       peal_cast_is_slow(simnode->core.config.cast))) {
			continue;
		}
		until_ns = word_until_ns(simnode);
		own_now_ns = simnode->config.time->now_ns + simnode->clock_offset_ns;
		report->words_count++;
		if (until_ns > own_now_ns) {
			report->words_late_count++;
		} else if (until_ns != 0 &&
			   (report->word_margin_ns == 0 ||
				   own_now_ns - until_ns < report->word_margin_ns)) {
			report->word_margin_ns = own_now_ns - until_ns + 1U;
		}
	}
}
