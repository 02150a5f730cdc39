/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/pealctl/pages.h"

#include "base/limits.h"
#include "tools/pealctl/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Pages of one list; more would be a fault of the daemon. */
#define PAGES_MAX 256U
/* Metadata in hexadecimal digits. */
#define HEX_SIZE_MAX ((size_t)2 * PEAL_METADATA_SIZE_MAX)

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
peal_pages_read_clients(struct peal_telemetry *telemetry)
{
	json_t *list = json_array(), *whole = json_object();
	uint64_t from = 0;

	for (uint32_t page = 0; page < PAGES_MAX && (page == 0 || from > 0); page++) {
		static const char *const kept[] = {"now_ns", "up_bytes", "down_bytes",
			"refused_forbidden", "refused_version", "refused_crowded",
			"refused_malformed", "refused_no_memory"};
		char parameters[24];
		json_t *answer;

		(void)snprintf(parameters, sizeof(parameters), "%" PRIu64, from);
		answer = peal_telemetry_ask(telemetry, "clients", parameters);
		if (answer == NULL) {
			json_decref(list);
			json_decref(whole);
			return NULL;
		}
		for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
			(void)json_object_set(whole, kept[i], json_object_get(answer, kept[i]));
		}
		peal_pages_take_entries(answer, 0, list);
		from = peal_show_number(answer, "next");
		json_decref(answer);
	}
	(void)json_object_set_new(whole, "clients", list);
	return whole;
}

/* The group of a row: the last one, or a new one. */
static json_t *
group_of_row(json_t *groups, const json_t *row)
{
	static const char *const kept[] = {"name", "epoch", "n", "order"};
	size_t count = json_array_size(groups);
	json_t *group = count > 0 ? json_array_get(groups, count - 1U) : NULL;

	if (group != NULL &&
		strcmp(peal_show_text(group, "name"), peal_show_text(row, "name")) == 0) {
		return group;
	}
	group = json_object();
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		(void)json_object_set(group, kept[i], json_object_get(row, kept[i]));
	}
	(void)json_object_set_new(group, "members", json_array());
	(void)json_array_append_new(groups, group);
	return group;
}

static void
add_rows(json_t *groups, json_t *answer)
{
	json_t *rows = json_array(), *row;
	size_t i;

	peal_pages_take_entries(answer, 0, rows);
	json_array_foreach(rows, i, row)
	{
		json_t *member = json_object();

		(void)json_object_set(member, "member", json_object_get(row, "member"));
		(void)json_object_set(member, "client", json_object_get(row, "client"));
		(void)json_array_append_new(
			json_object_get(group_of_row(groups, row), "members"), member);
	}
	json_decref(rows);
}

json_t *
peal_pages_read_processgroups(struct peal_telemetry *telemetry)
{
	json_t *groups = json_array(), *whole = json_object();
	uint64_t from = 0;

	for (uint32_t page = 0; page < PAGES_MAX && (page == 0 || from > 0); page++) {
		char parameters[24];
		json_t *answer;

		(void)snprintf(parameters, sizeof(parameters), "%" PRIu64, from);
		answer = peal_telemetry_ask(telemetry, "processgroups", parameters);
		if (answer == NULL) {
			json_decref(groups);
			json_decref(whole);
			return NULL;
		}
		add_rows(groups, answer);
		from = peal_show_number(answer, "next");
		json_decref(answer);
	}
	(void)json_object_set_new(whole, "groups", groups);
	return whole;
}

static uint8_t
value_of(char digit)
{
	return (uint8_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

/* Text is taken as it is; anything else stays in hexadecimal digits. */
static void
set_metadata(json_t *entry, const char *hex)
{
	char text[PEAL_METADATA_SIZE_MAX];
	size_t size = strlen(hex) / 2U;
	json_t *string;
	bool is_text = true;

	for (size_t i = 0; i < size; i++) {
		uint8_t byte = (uint8_t)(value_of(hex[2U * i]) << 4 | value_of(hex[2U * i + 1U]));

		is_text = is_text && byte != 0x7F && (byte >= 0x20 || byte == '\n' || byte == '\t');
		text[i] = (char)byte;
	}
	string = is_text ? json_stringn(text, size) : NULL; /* NULL: not UTF-8 */
	if (string != NULL) {
		(void)json_object_set_new(entry, "metadata", string);
	} else {
		(void)json_object_set_new(entry, "metadata_hex", json_string(hex));
	}
}

/* The pieces of an answer in one; false when they are not as many digits as it says. */
static bool
join_hex(const json_t *answer, char hex_out[HEX_SIZE_MAX + 1U])
{
	const json_t *pieces = json_object_get(answer, "hex"), *piece;
	uint64_t size = peal_show_number(answer, "size");
	size_t used = 0, i;

	json_array_foreach(pieces, i, piece)
	{
		const char *digits = json_is_string(piece) ? json_string_value(piece) : "";

		if (strspn(digits, "0123456789abcdef") != strlen(digits) ||
			used + strlen(digits) > HEX_SIZE_MAX) {
			return false;
		}
		memcpy(hex_out + used, digits, strlen(digits));
		used += strlen(digits);
	}
	hex_out[used] = '\0';
	return used == 2U * size;
}

bool
peal_pages_complete_metadata(struct peal_telemetry *telemetry, json_t *members)
{
	json_t *entry;
	size_t i;

	json_array_foreach(members, i, entry)
	{
		const char *shown = peal_show_text(entry, "metadata");
		char hex[HEX_SIZE_MAX + 1U] = "";
		char parameters[24];
		json_t *answer;

		/* A dot may stand for any byte. */
		if (strlen(shown) == peal_show_number(entry, "metadata_size") &&
			strchr(shown, '.') == NULL) {
			continue;
		}
		(void)snprintf(parameters, sizeof(parameters), "%" PRIu64,
			peal_show_number(entry, "member"));
		answer = peal_telemetry_ask(telemetry, "metadata", parameters);
		if (answer == NULL && telemetry->is_gone) {
			return false;
		}
		if (answer != NULL && join_hex(answer, hex)) {
			set_metadata(entry, hex);
		}
		json_decref(answer);
	}
	return true;
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

json_t *
peal_pages_read_stats(struct peal_telemetry *telemetry)
{
	json_t *answer = peal_telemetry_ask(telemetry, "stats", "");
	json_t *more = json_object_get(answer, "more");

	if (more != NULL) {
		(void)json_object_update(answer, more);
		(void)json_object_del(answer, "more");
	}
	return answer;
}
