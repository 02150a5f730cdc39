/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/admin.h"

#include "runtime/answers.h"
#include "runtime/runtime.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PARAMS_SIZE_MAX 512U

typedef void (*answer_fn)(struct peal_answer *answer);

struct command {
	const char *name;
	const char *help;
	bool needs_node;
	uint32_t numbers_count; /* after the node's name */
	answer_fn answer;
};

static const struct command commands[] = {
	{"/peal/version", "Version, process id and nodes. No parameters.", false, 0,
		peal_answer_version},
	{"/peal/view", "The view of a node. Parameters: NODE", true, 0, peal_answer_view},
	{"/peal/members", "Members, a page. Parameters: NODE,FROM", true, 1, peal_answer_members},
	{"/peal/metadata", "All metadata of a member. Parameters: NODE,MEMBER", true, 1,
		peal_answer_metadata},
	{"/peal/events", "Events, a page. Parameters: NODE,AFTER", true, 1, peal_answer_events},
	{"/peal/stats", "All counters. Parameters: NODE", true, 0, peal_answer_stats},
	{"/peal/cores", "Where the time of the poll loop went. Parameters: NODE", true, 0,
		peal_answer_cores},
	{"/peal/clients", "Applications, a page. Parameters: NODE,FROM", true, 1,
		peal_answer_clients},
	{"/peal/ordergroups", "Order groups as they began. Parameters: NODE", true, 0,
		peal_answer_ordergroups},
	{"/peal/ordergroup",
		"Has an order group created. Parameters: NODE,ID,GENERATION,NAME=MEMBER,...", true,
		2, peal_answer_ordergroup},
	{"/peal/handover",
		"Gives a rank of an order group away. Parameters: NODE,ID,WHAT,RANK,MEMBER", true,
		4, peal_answer_handover},
	{"/peal/processgroups", "Process groups, a page. Parameters: NODE,FROM", true, 1,
		peal_answer_processgroups},
	{"/peal/leave", "Starts a graceful leave. Parameters: NODE", true, 0, peal_answer_leave},
	{"/peal/ping", "Starts a run of round trips. Parameters: NODE,MEMBER,COUNT,INTERVAL_US",
		true, 3, peal_answer_ping},
	{"/peal/pinged", "How the run of round trips ended. Parameters: NODE", true, 0,
		peal_answer_pinged},
	{"/peal/load", "Starts a run of messages. Parameters: NODE,MEMBER,SIZE,COUNT,INTERVAL_US",
		true, 4, peal_answer_load},
	{"/peal/hear", "Asks what was heard of messages. Parameters: NODE", true, 0,
		peal_answer_hear},
	{"/peal/loaded", "How that ended. Parameters: NODE", true, 0, peal_answer_loaded},
};

#define COMMANDS_COUNT (sizeof(commands) / sizeof(commands[0]))

/* Telemetry gives its callbacks no argument, so the process's runtime stands here. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static struct peal_runtime *open_runtime;
static bool is_registered;

/* Takes the next word of a list; NULL at the end. */
static char *
take_word(char **rest)
{
	char *word = *rest;

	if (word != NULL) {
		char *comma = strchr(word, ',');

		*rest = comma == NULL ? NULL : comma + 1;
		if (comma != NULL) {
			*comma = '\0';
		}
	}
	return word;
}

static bool
read_number(const char *word, uint64_t *number_out)
{
	char *end;

	if (word == NULL || word[0] < '0' || word[0] > '9') {
		return false;
	}
	*number_out = strtoull(word, &end, 10);
	return *end == '\0';
}

/* Reads NODE,NUMBER,... False after a refusal was written. */
static bool
read_parameters(const struct command *command, char *params, struct peal_answer *answer)
{
	const char *name;

	if (!command->needs_node) {
		return true;
	}
	name = take_word(&params);
	answer->node = name == NULL ? NULL : peal_runtime_find(answer->runtime, name);
	if (answer->node == NULL) {
		peal_answer_refuse(answer, "there is no such node in this process");
		return false;
	}
	for (uint32_t i = 0; i < command->numbers_count; i++) {
		if (!read_number(take_word(&params), &answer->numbers[i])) {
			peal_answer_refuse(answer, command->help);
			return false;
		}
	}
	answer->words = params;
	return true;
}

static int
on_command(const char *name, const char *params, struct rte_tel_data *data)
{
	struct peal_answer answer = {.data = data};
	char words[PARAMS_SIZE_MAX] = "";

	(void)rte_tel_data_start_dict(data);
	if (params != NULL && strlen(params) >= sizeof(words)) {
		peal_answer_refuse(&answer, "the parameters are too long");
		return 0;
	}
	if (params != NULL) {
		memcpy(words, params, strlen(params) + 1U);
	}
	(void)pthread_mutex_lock(&gate);
	answer.runtime = open_runtime;
	if (open_runtime == NULL) {
		peal_answer_refuse(&answer, "the process is starting or stopping");
	}
	for (size_t i = 0; open_runtime != NULL && i < COMMANDS_COUNT; i++) {
		if (strcmp(commands[i].name, name) == 0 &&
			read_parameters(&commands[i], words, &answer)) {
			commands[i].answer(&answer);
		}
	}
	(void)pthread_mutex_unlock(&gate);
	return 0;
}

bool
peal_admin_open(struct peal_runtime *runtime, struct peal_sentence *error)
{
	for (size_t i = 0; !is_registered && i < COMMANDS_COUNT; i++) {
		if (rte_telemetry_register_cmd(commands[i].name, on_command, commands[i].help) !=
			0) {
			return peal_sentence_set(error,
				"the command %s could not be added to DPDK's telemetry; leave "
				"--no-telemetry out",
				commands[i].name);
		}
	}
	is_registered = true;
	(void)pthread_mutex_lock(&gate);
	open_runtime = runtime;
	(void)pthread_mutex_unlock(&gate);
	return true;
}

void
peal_admin_close(void)
{
	(void)pthread_mutex_lock(&gate);
	open_runtime = NULL;
	(void)pthread_mutex_unlock(&gate);
}
