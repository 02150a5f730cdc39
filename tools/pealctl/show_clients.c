/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/pealctl/show.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#define SECOND_NS UINT64_C(1000000000)

/* What the daemon calls a reason, in words. */
static const char *
explain(const char *reason)
{
	if (strcmp(reason, "slow") == 0) {
		return "evicted: it did not read what it was sent";
	}
	return strcmp(reason, "violation") == 0 ? "evicted: it said what cannot be" : reason;
}

static uint64_t
percent(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 0 : (part * 100U + whole - 1U) / whole;
}

static void
show_one(const json_t *clients, const json_t *entry)
{
	const struct passwd *user = getpwuid((uid_t)peal_show_number(entry, "user"));
	const char *state = peal_show_text(entry, "state");
	uint64_t now_ns = peal_show_number(clients, "now_ns");
	uint64_t at_ns = peal_show_number(entry, "at_ns");
	char number[24];

	(void)snprintf(number, sizeof(number), "%" PRIu64, peal_show_number(entry, "user"));
	(void)printf("%8" PRIu64 " %-10s %-16s %-8s %6" PRIu64 " s %4" PRIu64 " %5" PRIu64
		     " %10" PRIu64 " %13" PRIu64 " %10" PRIu64 " %13" PRIu64 " %4" PRIu64
		     " %4" PRIu64,
		peal_show_number(entry, "pid"), user != NULL ? user->pw_name : number,
		peal_show_text(entry, "name"), state,
		now_ns < at_ns ? 0 : (now_ns - at_ns) / SECOND_NS,
		peal_show_number(entry, "channels"), peal_show_number(entry, "lanes"),
		peal_show_number(entry, "sent"), peal_show_number(entry, "sent_bytes"),
		peal_show_number(entry, "delivered"), peal_show_number(entry, "delivered_bytes"),
		percent(peal_show_number(entry, "up_waiting_bytes"),
			peal_show_number(clients, "up_bytes")),
		percent(peal_show_number(entry, "down_waiting_bytes"),
			peal_show_number(clients, "down_bytes")));
	if (json_object_get(entry, "reason") != NULL) {
		(void)printf("  %s, %" PRIu64 " times", explain(peal_show_text(entry, "reason")),
			peal_show_number(entry, "times"));
	}
	(void)putchar('\n');
}

/* Who wanted to attach and could not, if anybody. */
static void
show_refused(const json_t *clients)
{
	static const struct {
		const char *key, *text;
	} reasons[] = {
		{"refused_forbidden", "may not, by the configuration"},
		{"refused_version", "speak another version"},
		{"refused_crowded", "found no room"},
		{"refused_malformed", "are no clients"},
		{"refused_no_memory", "found no memory"},
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		uint64_t count = peal_show_number(clients, reasons[i].key);

		if (count > 0) {
			(void)printf("refused %" PRIu64 " that %s\n", count, reasons[i].text);
		}
	}
}

void
peal_show_clients(const json_t *clients)
{
	const json_t *list = json_object_get(clients, "clients"), *entry;
	size_t i;

	show_refused(clients);
	if (json_array_size(list) == 0) {
		(void)puts("no application is attached, and none was evicted");
		return;
	}
	(void)printf("%8s %-10s %-16s %-8s %8s %4s %5s %10s %13s %10s %13s %4s %4s\n", "pid",
		"user", "name", "state", "for", "chan", "lanes", "sent", "bytes", "delivered",
		"bytes", "up%", "dn%");
	json_array_foreach(list, i, entry)
	{
		show_one(clients, entry);
	}
}

void
peal_show_processgroups(const json_t *groups)
{
	const json_t *list = json_object_get(groups, "groups"), *group, *member;
	size_t i, at;

	if (json_array_size(list) == 0) {
		(void)puts("there is no process group");
		return;
	}
	json_array_foreach(list, i, group)
	{
		const json_t *members = json_object_get(group, "members");

		(void)printf("%s, view (%" PRIu64 ", %" PRIu64 "), ", peal_show_text(group, "name"),
			peal_show_number(group, "epoch"), peal_show_number(group, "n"));
		if (peal_show_number(group, "order") != 0) {
			(void)printf("in total order by group %" PRIu64 ", ",
				peal_show_number(group, "order"));
		}
		(void)printf("%zu members:", json_array_size(members));
		json_array_foreach(members, at, member)
		{
			(void)printf(" %" PRIu64 ".%" PRIu64, peal_show_number(member, "member"),
				peal_show_number(member, "client"));
		}
		(void)putchar('\n');
	}
}
