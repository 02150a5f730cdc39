/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/pealctl/pages.h"

#include "tools/pealctl/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Pages of one list; more would be a fault of the daemon. */
#define PAGES_MAX 256U

void
peal_pages_take_entries(json_t *answer, uint64_t first, json_t *list)
{
	for (uint64_t i = first;; i++) {
		char name[24];
		json_t *entry;

		(void)snprintf(name, sizeof(name), "%" PRIu64, i);
		entry = json_object_get(answer, name);
		if (entry == NULL) {
			return;
		}
		(void)json_array_append(list, entry);
	}
}

json_t *
peal_pages_read_members(struct peal_telemetry *telemetry, uint64_t *epoch_out)
{
	json_t *list = json_array();
	uint64_t from = 0, members = 1, epoch = 0;

	for (uint32_t page = 0; page < PAGES_MAX && from < members; page++) {
		char parameters[24];
		json_t *answer;

		(void)snprintf(parameters, sizeof(parameters), "%" PRIu64, from);
		answer = peal_telemetry_ask(telemetry, "members", parameters);
		if (answer == NULL) {
			json_decref(list);
			return NULL;
		}
		if (from > 0 && peal_show_number(answer, "epoch") != epoch) {
			/* The view changed between two pages: begin again. */
			(void)json_array_clear(list);
			from = 0;
			json_decref(answer);
			continue;
		}
		epoch = peal_show_number(answer, "epoch");
		members = peal_show_number(answer, "members");
		peal_pages_take_entries(answer, from, list);
		from = peal_show_number(answer, "next");
		json_decref(answer);
	}
	*epoch_out = epoch;
	return list;
}

json_t *
peal_pages_read_events(struct peal_telemetry *telemetry, uint64_t after)
{
	char parameters[24];

	(void)snprintf(parameters, sizeof(parameters), "%" PRIu64, after);
	return peal_telemetry_ask(telemetry, "events", parameters);
}

static bool
is_departure(const char *event)
{
	return strcmp(event, "left") == 0 || strcmp(event, "crashed") == 0 ||
	       strcmp(event, "replaced") == 0;
}

json_t *
peal_pages_read_departed(struct peal_telemetry *telemetry, uint64_t *now_ns_out)
{
	json_t *list = json_array();
	uint64_t after = 0, last = 1;

	for (uint32_t page = 0; page < PAGES_MAX && after < last; page++) {
		json_t *answer = peal_pages_read_events(telemetry, after), *events = json_array(),
		       *event;
		size_t i;

		if (answer == NULL) {
			json_decref(list);
			json_decref(events);
			return NULL;
		}
		peal_pages_take_entries(answer, 0, events);
		json_array_foreach(events, i, event)
		{
			if (is_departure(peal_show_text(event, "event"))) {
				(void)json_array_append(list, event);
			}
		}
		after = peal_show_number(answer, "next");
		last = peal_show_number(answer, "last");
		*now_ns_out = peal_show_number(answer, "now_ns");
		json_decref(events);
		json_decref(answer);
	}
	return list;
}

const json_t *
peal_pages_find_member(const json_t *members, const char *word)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(members, i, entry)
	{
		char number[24];

		(void)snprintf(
			number, sizeof(number), "%" PRIu64, peal_show_number(entry, "member"));
		if (strcmp(number, word) == 0 ||
			strcmp(peal_show_text(entry, "address"), word) == 0) {
			return entry;
		}
	}
	return NULL;
}
