/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/dpdk/tsc.h"
#include "runtime/answers.h"
#include "runtime/clientdoor.h"
#include "runtime/describe.h"

#include <stdio.h>
#include <string.h>

static void
add_number(struct rte_tel_data *data, const char *name, uint64_t number)
{
	(void)rte_tel_data_add_dict_u64(data, name, number);
}

/* A name as its client gave it: what would end a string of JSON is shown as a dot, too. */
static void
describe_name(const char *name, char out[PEAL_DESCRIBE_SIZE_MAX])
{
	peal_describe_bytes((const uint8_t *)name, strlen(name), out);
	for (char *c = out; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\') {
			*c = '.';
		}
	}
}

static void
add_client(struct rte_tel_data *data, uint32_t index, const struct peal_clientlist_entry *entry)
{
	struct rte_tel_data *inner = rte_tel_data_alloc();
	bool is_gone = entry->state == PEAL_CLIENTLIST_CUT_OFF;
	char text[PEAL_DESCRIBE_SIZE_MAX];

	if (inner == NULL) {
		return;
	}
	(void)rte_tel_data_start_dict(inner);
	describe_name(entry->name, text);
	(void)rte_tel_data_add_dict_string(inner, "name", text);
	add_number(inner, "pid", (uint64_t)entry->pid);
	add_number(inner, "user", entry->user);
	(void)rte_tel_data_add_dict_string(
		inner, "state", peal_clientlist_state_name(entry->state));
	if (is_gone) {
		(void)rte_tel_data_add_dict_string(
			inner, "reason", peal_clientlist_end_name(entry->end));
		add_number(inner, "times", entry->times_count);
	}
	add_number(inner, "at_ns", entry->at_ns);
	add_number(inner, "channels", entry->channels_count);
	add_number(inner, "lanes", entry->lanes_count);
	add_number(inner, "sent", entry->sent_count);
	add_number(inner, "sent_bytes", entry->sent_size);
	add_number(inner, "delivered", entry->delivered_count);
	add_number(inner, "delivered_bytes", entry->delivered_size);
	add_number(inner, "up_waiting_bytes", entry->up_size);
	add_number(inner, "down_waiting_bytes", entry->down_size);
	(void)snprintf(text, sizeof(text), "%u", index);
	if (rte_tel_data_add_dict_container(data, text, inner, 0) != 0) {
		rte_tel_data_free(inner);
	}
}

static void
add_row(struct rte_tel_data *data, uint32_t index, const struct peal_procgroups_row *row)
{
	struct rte_tel_data *inner = rte_tel_data_alloc();
	char text[PEAL_PROCGROUP_NAME_SIZE_MAX + 1U];

	if (inner == NULL) {
		return;
	}
	(void)rte_tel_data_start_dict(inner);
	memcpy(text, row->name.bytes, row->name.size);
	text[row->name.size] = '\0';
	/* Telemetry does not quote. */
	for (char *c = text; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\') {
			*c = '.';
		}
	}
	(void)rte_tel_data_add_dict_string(inner, "name", text);
	add_number(inner, "number", row->number);
	add_number(inner, "epoch", row->stamp.epoch);
	add_number(inner, "n", row->stamp.n);
	add_number(inner, "members", row->members_count);
	add_number(inner, "order", row->order);
	add_number(inner, "member", row->mid);
	add_number(inner, "client", row->client);
	(void)snprintf(text, sizeof(text), "%u", index);
	if (rte_tel_data_add_dict_container(data, text, inner, 0) != 0) {
		rte_tel_data_free(inner);
	}
}

void
peal_answer_processgroups(struct peal_answer *answer)
{
	const struct peal_procgroups_page *page;

	if (answer->node->door == NULL) {
		peal_answer_refuse(answer, "no application can attach: the node's configuration "
					   "has no socket");
		return;
	}
	page = peal_clientdoor_read_groups(answer->node->door, answer->numbers[0]);
	if (page == NULL) {
		peal_answer_refuse(answer, "the core did not answer in time");
		return;
	}
	add_number(answer->data, "groups", page->groups_count);
	add_number(answer->data, "members", page->members_count);
	add_number(answer->data, "next", page->next);
	for (uint32_t i = 0; i < page->rows_count; i++) {
		add_row(answer->data, i, &page->rows[i]);
	}
}

/* Those who wanted to attach, by why they may not. */
static const char *const refusals[PEAL_CLIENT_STATUSES] = {
	[PEAL_CLIENT_FORBIDDEN] = "refused_forbidden",
	[PEAL_CLIENT_VERSION] = "refused_version",
	[PEAL_CLIENT_CROWDED] = "refused_crowded",
	[PEAL_CLIENT_MALFORMED] = "refused_malformed",
	[PEAL_CLIENT_NO_MEMORY] = "refused_no_memory",
};

void
peal_answer_clients(struct peal_answer *answer)
{
	struct peal_clientlist_entry entries[PEAL_ANSWER_CLIENTS_MAX];
	struct peal_clientdoor *door = answer->node->door;
	uint32_t count, next = 0;

	if (door == NULL) {
		peal_answer_refuse(answer, "no application can attach: the node's configuration "
					   "has no socket");
		return;
	}
	count = peal_clientdoor_list(
		door, answer->numbers[0], entries, PEAL_ANSWER_CLIENTS_MAX, &next);
	add_number(answer->data, "now_ns", peal_tsc_now_ns());
	add_number(answer->data, "up_bytes", PEAL_CLIENT_UP_SIZE);
	add_number(answer->data, "down_bytes", PEAL_CLIENT_DOWN_SIZE);
	add_number(answer->data, "next", next);
	for (uint32_t i = PEAL_CLIENT_WELCOMED + 1U; i < PEAL_CLIENT_STATUSES; i++) {
		add_number(answer->data, refusals[i],
			peal_clientdoor_refused_count(door, (enum peal_client_status)i));
	}
	for (uint32_t i = 0; i < count; i++) {
		add_client(answer->data, i, &entries[i]);
	}
}
