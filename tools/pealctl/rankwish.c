/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/pealctl/rankwish.h"

#include "base/limits.h"
#include "tools/pealctl/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POLL_INTERVAL_NS 20000000L
#define POLLS_MAX        500U /* ten seconds */

/* In the order of enum peal_orders_handover. */
static const char *const verbs[] = {"replace", "remove", "add"};

#define REMOVE 1U

struct wish {
	uint64_t id;
	uint64_t what;
	uint64_t rank;
	uint64_t member;
};

/* What the daemon answers to a command, in words. */
static const struct {
	const char *answer;
	const char *sentence;
} sentences[] = {
	{"no group", "the view has no order group of this id; 'group show' lists those it has"},
	{"no rank here", "this node holds no rank of the group: ask one that does, 'group show' "
			 "there says own rank"},
	{"one rank", "a group of one rank cannot give it away, because nobody else has what it "
		     "has; create a larger group"},
	{"no such rank", "the group has fewer ranks; they are counted from 0, and a group does not "
			 "grow"},
	{"empty", "nobody holds that rank: 'group add' gives it to a member"},
	{"held", "that rank is held: 'group replace' gives it to another member"},
	{"no member", "the number is of no member of the view; 'members' lists them"},
	{"holds one", "that member holds a rank of this group, and a member holds one at most"},
	{"under way", "another rank of the group is given to a member that is not in yet; wait, or "
		      "give that rank to somebody else or remove it first"},
	{"too few", "without that rank there would be no majority to go on; bring back or replace "
		    "who is missing first"},
	{"busy", "the group is between two views, or has no majority; try again"},
	{"too large", "ranks are given away in views of 64 members at most"},
};

static enum peal_ordergroups_end
fail(struct peal_telemetry *telemetry, enum peal_ordergroups_end end, const char *sentence)
{
	(void)snprintf(telemetry->error, sizeof(telemetry->error), "%s", sentence);
	return end;
}

bool
peal_rankwish_is_one(int words_count, char **words)
{
	for (size_t i = 0; words_count > 0 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(words[0], verbs[i]) == 0) {
			return true;
		}
	}
	return false;
}

static bool
read_number(const char *word, uint64_t *number_out)
{
	char *end;

	*number_out = strtoull(word, &end, 10);
	return word[0] >= '0' && word[0] <= '9' && *end == '\0' && *number_out <= UINT32_MAX;
}

static bool
read_wish(int words_count, char **words, struct wish *wish_out)
{
	int wanted;

	*wish_out = (struct wish){0};
	while (strcmp(words[0], verbs[wish_out->what]) != 0) {
		wish_out->what++;
	}
	wanted = wish_out->what == REMOVE ? 3 : 4;
	return words_count == wanted && read_number(words[1], &wish_out->id) && wish_out->id != 0 &&
	       read_number(words[2], &wish_out->rank) &&
	       (wish_out->what == REMOVE ||
		       (read_number(words[3], &wish_out->member) && wish_out->member != 0));
}

/* The group of this id in an answer, or NULL. */
static const json_t *
find_group(const json_t *answer, uint64_t id)
{
	for (uint64_t i = 0; i < peal_show_number(answer, "count"); i++) {
		char name[32];
		const json_t *group;

		(void)snprintf(name, sizeof(name), "%" PRIu64, i);
		group = json_object_get(answer, name);
		if (peal_show_number(group, "id") == id) {
			return group;
		}
	}
	return NULL;
}

/* True when the node that was asked has a view of the group in which it is done, or has given its
 * own rank away and sees no more of it. */
static bool
is_done(struct peal_telemetry *telemetry, const struct wish *wish)
{
	json_t *answer = peal_telemetry_ask(telemetry, "ordergroups", "");
	const json_t *group = find_group(answer, wish->id);
	bool is_so = false;
	char name[32];

	(void)snprintf(name, sizeof(name), "holder%" PRIu64, wish->rank);
	if (group != NULL && json_object_get(group, "state") != NULL) {
		bool is_active = (peal_show_number(group, "active") >> wish->rank & 1U) != 0;

		is_so = json_object_get(group, "own_rank") == NULL ||
			(peal_show_number(group, "view") > 0 &&
				peal_show_number(group, name) == wish->member &&
				is_active == (wish->what != REMOVE));
	}
	json_decref(answer);
	return is_so;
}

static enum peal_ordergroups_end
await(struct peal_telemetry *telemetry, const struct wish *wish)
{
	const struct timespec pause = {.tv_nsec = POLL_INTERVAL_NS};

	for (uint32_t i = 0; i < POLLS_MAX; i++) {
		if (is_done(telemetry, wish)) {
			return PEAL_ORDERGROUPS_DONE;
		}
		(void)nanosleep(&pause, NULL);
	}
	return fail(telemetry, PEAL_ORDERGROUPS_FAILED,
		"it was put in order, and is not done within ten seconds: another command came "
		"first, or the member does not take the rank; 'group show' says who holds it");
}

enum peal_ordergroups_end
peal_rankwish_run(struct peal_telemetry *telemetry, int words_count, char **words)
{
	const struct timespec pause = {.tv_nsec = POLL_INTERVAL_NS};
	char parameters[96];
	char last[32] = "busy";
	struct wish wish;

	if (!read_wish(words_count, words, &wish)) {
		return fail(telemetry, PEAL_ORDERGROUPS_MISUSED,
			"group replace and add take ID RANK MEMBER, and remove ID RANK: numbers, "
			"ranks from 0");
	}
	(void)snprintf(parameters, sizeof(parameters),
		"%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, wish.id, wish.what, wish.rank,
		wish.member);
	for (uint32_t i = 0; i < POLLS_MAX && strcmp(last, "busy") == 0; i++) {
		json_t *answer = peal_telemetry_ask(telemetry, "handover", parameters);

		if (answer == NULL) {
			return PEAL_ORDERGROUPS_FAILED;
		}
		(void)snprintf(last, sizeof(last), "%s", peal_show_text(answer, "answer"));
		json_decref(answer);
		if (strcmp(last, "busy") == 0) {
			(void)nanosleep(&pause, NULL);
		}
	}
	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
		if (strcmp(sentences[i].answer, last) == 0) {
			return fail(telemetry, PEAL_ORDERGROUPS_FAILED, sentences[i].sentence);
		}
	}
	return await(telemetry, &wish);
}
