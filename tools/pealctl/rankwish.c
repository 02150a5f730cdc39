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

#define VERBS_COUNT (sizeof(verbs) / sizeof(verbs[0]))
#define REMOVE      1U
#define ADD         2U
/* Where `add` names no rank: one that stands empty, or else the next one. */
#define ANY_RANK UINT64_MAX

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
	{"one rank", "the only rank of a group cannot be given away, because nobody else has what "
		     "it has; 'group add' two others first"},
	{"no such rank", "the group has fewer ranks, counted from 0; 'group add' opens the next "
			 "one, up to five in a group that began with one, three or five, and nine "
			 "in others"},
	{"empty", "nobody holds that rank: 'group add' gives it to a member"},
	{"held", "that rank is held: 'group replace' gives it to another member"},
	{"no member", "the number is of no member of the view; 'members' lists them"},
	{"holds one", "that member holds a rank of this group, and a member holds one at most"},
	{"under way", "another rank of the group is given to a member that is not in yet; wait, or "
		      "give that rank to somebody else or remove it first"},
	{"too few", "without that rank there would be no majority to go on, or one rank alone; "
		    "bring back or replace who is missing, or 'group add' another, first"},
	{"busy", "the group is between two views, or has no majority, as 'group show' says; try "
		 "again"},
	{"too large", "ranks are given away in views of 64 members at most"},
	{"crowded", "that member was named by four other order groups, and takes no more ranks; "
		    "name another one"},
};

static enum peal_ordergroups_end
fail(struct peal_telemetry *telemetry, enum peal_ordergroups_end end, const char *sentence)
{
	(void)snprintf(telemetry->error, sizeof(telemetry->error), "%s", sentence);
	return end;
}

/* Which of the verbs it is; VERBS_COUNT: none. */
static uint64_t
find_verb(int words_count, char **words)
{
	uint64_t what = 0;

	while (what < VERBS_COUNT && (words_count == 0 || strcmp(words[0], verbs[what]) != 0)) {
		what++;
	}
	return what;
}

bool
peal_rankwish_is_one(int words_count, char **words)
{
	return find_verb(words_count, words) < VERBS_COUNT;
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

	*wish_out = (struct wish){.what = find_verb(words_count, words)};
	wanted = wish_out->what == REMOVE ? 3 : 4;
	if (wish_out->what == ADD && words_count == 3) {
		wish_out->rank = ANY_RANK;
		return read_number(words[1], &wish_out->id) && wish_out->id != 0 &&
		       read_number(words[2], &wish_out->member) && wish_out->member != 0;
	}
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

/* The first rank that stands empty as the node sees it, or else the one behind the last. */
static uint64_t
find_rank(struct peal_telemetry *telemetry, uint64_t id)
{
	json_t *answer = peal_telemetry_ask(telemetry, "ordergroups", "");
	const json_t *group = find_group(answer, id);
	uint64_t count = group == NULL ? 0 : peal_show_number(group, "holders");
	uint64_t rank = 0;
	bool is_empty = false;

	while (rank < count && !is_empty) {
		char name[32];

		(void)snprintf(name, sizeof(name), "holder%" PRIu64, rank);
		is_empty = peal_show_number(group, name) == 0;
		rank += is_empty ? 0 : 1U;
	}
	json_decref(answer);
	return rank;
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
			"group replace and add take ID RANK MEMBER, add ID MEMBER too, and remove "
			"ID RANK: numbers, ranks from 0");
	}
	if (wish.rank == ANY_RANK) {
		wish.rank = find_rank(telemetry, wish.id);
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
