/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What people are told of groups: the core copies a piece of the table when it is asked to.
 */
#include "dataplane/procgroups_private.h"

/* Rows of a group from the one after `skipped` members on. */
static void
add_rows(const struct peal_procgroups *groups, const struct peal_procgroup *group, uint32_t skipped,
	struct peal_procgroups_page *page)
{
	uint16_t at = group->first;

	for (uint32_t i = 0; i < skipped && at != PEAL_PROCGROUP_NONE; i++) {
		at = groups->table.members[at].next;
	}
	while (at != PEAL_PROCGROUP_NONE && page->rows_count < PEAL_PROCGROUPS_ROWS_MAX) {
		const struct peal_procgroup_member *member = &groups->table.members[at];

		page->rows[page->rows_count++] = (struct peal_procgroups_row){.name = group->name,
			.number = group->number,
			.stamp = group->stamp,
			.members_count = group->members_count,
			.order = group->order,
			.mid = member->mid,
			.client = member->client};
		at = member->next;
		skipped++;
	}
	if (at != PEAL_PROCGROUP_NONE) {
		page->next =
			(page->next / PEAL_PROCGROUPS_ROW_STRIDE) * PEAL_PROCGROUPS_ROW_STRIDE +
			skipped;
	} else {
		page->next =
			(page->next / PEAL_PROCGROUPS_ROW_STRIDE + 1U) * PEAL_PROCGROUPS_ROW_STRIDE;
	}
}

void
peal_procgroups_fill_page(struct peal_procgroups *groups)
{
	struct peal_procgroups_page *page = &groups->page;

	page->rows_count = 0;
	page->groups_count = groups->table.groups_count;
	page->members_count = groups->table.members_count;
	page->next = page->from;
	while (page->next / PEAL_PROCGROUPS_ROW_STRIDE < PEAL_PROCGROUPS_MAX &&
		page->rows_count < PEAL_PROCGROUPS_ROWS_MAX) {
		const struct peal_procgroup *group =
			&groups->table.groups[page->next / PEAL_PROCGROUPS_ROW_STRIDE];
		uint32_t skipped = (uint32_t)(page->next % PEAL_PROCGROUPS_ROW_STRIDE);

		if (group->number == 0) {
			page->next = (page->next / PEAL_PROCGROUPS_ROW_STRIDE + 1U) *
				     PEAL_PROCGROUPS_ROW_STRIDE;
		} else {
			add_rows(groups, group, skipped, page);
		}
	}
	if (page->next / PEAL_PROCGROUPS_ROW_STRIDE >= PEAL_PROCGROUPS_MAX) {
		page->next = 0;
	}
	atomic_store_explicit(&page->is_asked, false, memory_order_release);
}

void
peal_procgroups_ask_page(struct peal_procgroups *groups, uint64_t from)
{
	groups->page.from = from;
	atomic_store_explicit(&groups->page.is_asked, true, memory_order_release);
}
