/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/groupfuzz.h"

#include "base/assert.h"

void
peal_groupfuzz_switch(struct peal_groupfuzz_view *view, struct peal_procgroups *node, uint64_t self)
{
	view->peers.epoch = PEAL_GROUPFUZZ_EPOCH;
	view->peers.self_mid = self;
	view->peers.members_count = PEAL_GROUPFUZZ_MEMBERS;
	view->peers.view = &view->view;
	view->view.members = view->members;
	for (uint32_t i = 0; i < PEAL_GROUPFUZZ_MEMBERS; i++) {
		view->members[i].mid = i + 1U;
	}
	peal_procgroups_switch(node, &view->peers);
	peal_procgroups_on_view(node, PEAL_GROUPFUZZ_EPOCH);
}

void
peal_groupfuzz_count(uint32_t *known, const struct peal_procgroups_news *news)
{
	*known = news->is_first ? 0 : *known;
	for (uint32_t i = 0; i < news->changes_count; i++) {
		*known += news->changes[i].what == 0 ? 1U : UINT32_MAX;
	}
	PEAL_ASSERT(*known == news->members_count);
}

bool
peal_groupfuzz_next(struct peal_groupfuzz_pairs *pairs)
{
	uint32_t length;

	if (pairs->size < 2U) {
		return false;
	}
	pairs->what = pairs->data[0];
	length = pairs->data[1];
	pairs->bytes = pairs->data + 2;
	pairs->size -= 2;
	pairs->length = length < pairs->size ? length : (uint32_t)pairs->size;
	pairs->data = pairs->bytes + pairs->length;
	pairs->size -= pairs->length;
	return true;
}

void
peal_groupfuzz_give(
	const struct peal_groupfuzz_pairs *pairs, uint32_t head_size, peal_groupfuzz_give_fn give)
{
	uint64_t mid = (pairs->what & 7U) + 1U;
	uint32_t first = head_size + 1U;

	if ((pairs->what & 8U) != 0 && pairs->length > head_size + 2U) {
		give(mid, pairs->bytes, 0, first, pairs->length);
		give(mid, pairs->bytes, first, pairs->length - first, pairs->length);
	} else {
		give(mid, pairs->bytes, 0, pairs->length, pairs->length);
	}
}
