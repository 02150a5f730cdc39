/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/pealctl/ordergroups.h"

#include "base/limits.h"
#include "tools/pealctl/rankwish.h"
#include "tools/pealctl/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POLL_INTERVAL_NS 20000000L
#define POLLS_MAX        500U /* ten seconds: cuts that come first, and detections */

/* What the daemon answers to a wish, in words. */
static const struct {
	const char *answer;
	const char *sentence;
} sentences[] = {
	{"taken", "there is another one with this id; 'group recreate' takes its place"},
	{"wrong generation", "there is none with this id yet, or another one came first"},
	{"no member", "one of the ranks is no member of the view; 'members' lists them"},
	{"full", "the view has 16 order groups, and no more may be; 'group recreate' takes the "
		 "place of one"},
	{"crowded", "one of the members was named by four other order groups, and takes no more "
		    "ranks; name another one"},
	{"invalid", "the daemon takes it for no order group"},
	{"busy", "this node has another wish that waits; try again, or ask another node"},
	{"outside", "this node is no member of a group now"},
};

static enum peal_ordergroups_end
fail(struct peal_telemetry *telemetry, enum peal_ordergroups_end end, const char *sentence)
{
	(void)snprintf(telemetry->error, sizeof(telemetry->error), "%s", sentence);
	return end;
}

static void
print_group(const json_t *group)
{
	uint64_t count = peal_show_number(group, "ranks");
	char name[32];

	(void)printf("%10" PRIu64 " %10" PRIu64 " ", peal_show_number(group, "id"),
		peal_show_number(group, "generation"));
	for (uint64_t i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), "name%" PRIu64, i);
		(void)printf(" %s=", peal_show_text(group, name));
		(void)snprintf(name, sizeof(name), "member%" PRIu64, i);
		(void)printf("%" PRIu64, peal_show_number(group, name));
	}
	(void)putchar('\n');
}

/* How far the clock of the node is from the time that the ranks share. */
static void
print_clock(const json_t *group)
{
	uint64_t behind_ns = peal_show_number(group, "clock_behind_ns");
	uint64_t ahead_ns = peal_show_number(group, "clock_ahead_ns");

	if (peal_show_number(group, "clocks") == 0) {
		return;
	}
	(void)printf("%21s  clock %.1f us %s the time of the group, to within %.1f us of %" PRIu64
		     " others\n",
		"", (double)(behind_ns + ahead_ns) / 1e3, ahead_ns > 0 ? "ahead of" : "behind",
		(double)peal_show_number(group, "clock_error_ns") / 1e3,
		peal_show_number(group, "clocks"));
}

/* Ranks whose holder is a member no more, and what brings them back. */
static void
print_gone(const json_t *group)
{
	uint64_t present = peal_show_number(group, "present");
	uint64_t given = peal_show_number(group, "given");
	uint64_t count = peal_show_number(group, "holders");

	for (uint64_t i = 0; i < count && peal_show_number(group, "view") > 0; i++) {
		char name[32];
		uint64_t holder;

		(void)snprintf(name, sizeof(name), "holder%" PRIu64, i);
		holder = peal_show_number(group, name);
		if (holder == 0 || (present >> i & 1U) != 0) {
			continue;
		}
		(void)snprintf(name, sizeof(name), "name%" PRIu64, i);
		if ((given >> i & 1U) != 0) {
			(void)printf("%21s  rank %" PRIu64 ": member %" PRIu64
				     " is gone, and had it by command: 'group replace %" PRIu64
				     " %" PRIu64 " MEMBER' gives it again\n",
				"", i, holder, peal_show_number(group, "id"), i);
		} else {
			(void)printf("%21s  rank %" PRIu64 ": member %" PRIu64
				     " is gone; a node that is called %s gets it when it joins\n",
				"", i, holder, peal_show_text(group, name));
		}
	}
}

/* How it is now at the node that was asked: ranks that may send have a star. */
static void
print_state(const json_t *group)
{
	uint64_t active = peal_show_number(group, "active");
	uint64_t count = peal_show_number(group, "holders");
	int counted = __builtin_popcountll(peal_show_number(group, "counted"));
	const char *fault = peal_show_text(group, "fault");
	char name[32];

	if (json_object_get(group, "state") == NULL) {
		return; /* the core did not say */
	}
	(void)printf("%21s  %s", "", peal_show_text(group, "state"));
	if (peal_show_number(group, "view") > 0) {
		(void)printf(": view %" PRIu64 ", position %" PRIu64 ", held by",
			peal_show_number(group, "view"), peal_show_number(group, "position"));
		for (uint64_t i = 0; i < count; i++) {
			(void)snprintf(name, sizeof(name), "holder%" PRIu64, i);
			(void)printf(" %" PRIu64 "%s", peal_show_number(group, name),
				(active >> i & 1U) != 0 ? "*" : "");
		}
		(void)printf(", majority %d of %d", counted / 2 + 1, counted);
	}
	if (json_object_get(group, "own_rank") != NULL) {
		(void)printf("; own rank %" PRIu64 ", %" PRIu64 " messages wait",
			peal_show_number(group, "own_rank"), peal_show_number(group, "waiting"));
		if (strcmp(fault, "none") != 0) {
			(void)printf("; %s", fault);
		}
	}
	(void)putchar('\n');
	if (strcmp(peal_show_text(group, "state"), "lost its majority") == 0) {
		(void)printf("%21s  for good, because members that held its ranks are gone: 'group "
			     "recreate %" PRIu64 " NAME=MEMBER ...' begins it anew\n",
			"", peal_show_number(group, "id"));
	} else {
		print_gone(group);
	}
	print_clock(group);
}

static const json_t *
group_at(const json_t *answer, uint64_t place)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "%" PRIu64, place);
	return json_object_get(answer, name);
}

static enum peal_ordergroups_end
show(struct peal_telemetry *telemetry, bool is_json)
{
	json_t *answer = peal_telemetry_ask(telemetry, "ordergroups", "");

	if (answer == NULL) {
		return PEAL_ORDERGROUPS_FAILED;
	}
	if (is_json) {
		(void)json_dumpf(answer, stdout, JSON_COMPACT);
		(void)putchar('\n');
	} else if (peal_show_number(answer, "count") == 0) {
		(void)puts("no order groups");
	} else {
		(void)printf("%10s %10s  %s\n", "id", "generation", "ranks as they began");
		for (uint64_t i = 0; i < peal_show_number(answer, "count"); i++) {
			print_group(group_at(answer, i));
			print_state(group_at(answer, i));
		}
	}
	json_decref(answer);
	return PEAL_ORDERGROUPS_DONE;
}

/* The generation of the group with this id, 0 = there is none. False with a sentence. */
static bool
read_generation(struct peal_telemetry *telemetry, uint64_t id, uint64_t *generation_out)
{
	json_t *answer = peal_telemetry_ask(telemetry, "ordergroups", "");

	*generation_out = 0;
	if (answer == NULL) {
		return false;
	}
	for (uint64_t i = 0; i < peal_show_number(answer, "count"); i++) {
		if (peal_show_number(group_at(answer, i), "id") == id) {
			*generation_out = peal_show_number(group_at(answer, i), "generation");
		}
	}
	json_decref(answer);
	return true;
}

static enum peal_ordergroups_end
refuse(struct peal_telemetry *telemetry, const char *answer)
{
	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
		if (strcmp(sentences[i].answer, answer) == 0) {
			return fail(telemetry, PEAL_ORDERGROUPS_FAILED, sentences[i].sentence);
		}
	}
	return fail(telemetry, PEAL_ORDERGROUPS_FAILED,
		"the order group was not created within ten seconds; it may still come");
}

/* Asks again and again: the same wish waits, is there, or has become impossible. */
static enum peal_ordergroups_end
create(struct peal_telemetry *telemetry, bool is_json, const char *parameters)
{
	const struct timespec pause = {.tv_nsec = POLL_INTERVAL_NS};
	char last[32] = "waits";

	for (uint32_t i = 0; i < POLLS_MAX && strcmp(last, "waits") == 0; i++) {
		json_t *answer = peal_telemetry_ask(telemetry, "ordergroup", parameters);

		if (answer == NULL) {
			return PEAL_ORDERGROUPS_FAILED;
		}
		(void)snprintf(last, sizeof(last), "%s", peal_show_text(answer, "answer"));
		json_decref(answer);
		if (strcmp(last, "waits") == 0) {
			(void)nanosleep(&pause, NULL);
		}
	}
	return strcmp(last, "exists") == 0 ? show(telemetry, is_json) : refuse(telemetry, last);
}

static enum peal_ordergroups_end
run_create(struct peal_telemetry *telemetry, bool is_json, int words_count, char **words)
{
	char parameters[PEAL_ORDERGROUP_RANKS_MAX * (PEAL_NAME_SIZE_MAX + 24U) + 48U];
	uint64_t generation = 0;
	uint64_t id;
	int used;
	char *end;

	if (words_count == 1 && strcmp(words[0], "show") == 0) {
		return show(telemetry, is_json);
	}
	if (words_count < 3 ||
		(strcmp(words[0], "create") != 0 && strcmp(words[0], "recreate") != 0)) {
		return fail(telemetry, PEAL_ORDERGROUPS_MISUSED,
			"group takes show, create or recreate ID NAME=MEMBER ..., replace or add "
			"ID "
			"RANK MEMBER, or remove ID RANK");
	}
	id = strtoull(words[1], &end, 10);
	if (words[1][0] < '0' || words[1][0] > '9' || *end != '\0' || id == 0) {
		return fail(telemetry, PEAL_ORDERGROUPS_MISUSED,
			"the id of an order group is a number");
	}
	if (strcmp(words[0], "recreate") == 0 && !read_generation(telemetry, id, &generation)) {
		return PEAL_ORDERGROUPS_FAILED;
	}
	used = snprintf(
		parameters, sizeof(parameters), "%" PRIu64 ",%" PRIu64, id, generation + 1U);
	for (int i = 2; i < words_count; i++) {
		size_t room = sizeof(parameters) - (size_t)used;
		int added = snprintf(parameters + used, room, ",%s", words[i]);

		if (strchr(words[i], ',') != NULL || added < 0 || (size_t)added >= room) {
			return fail(telemetry, PEAL_ORDERGROUPS_MISUSED,
				"ranks are NAME=MEMBER, 9 of them at most, with spaces between "
				"them");
		}
		used += added;
	}
	return create(telemetry, is_json, parameters);
}

enum peal_ordergroups_end
peal_ordergroups_run(struct peal_telemetry *telemetry, bool is_json, int words_count, char **words)
{
	enum peal_ordergroups_end end;

	if (peal_rankwish_is_one(words_count, words)) {
		end = peal_rankwish_run(telemetry, words_count, words);
		return end == PEAL_ORDERGROUPS_DONE ? show(telemetry, is_json) : end;
	}
	return run_create(telemetry, is_json, words_count, words);
}
