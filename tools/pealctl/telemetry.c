/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/pealctl/telemetry.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* What DPDK sends in one piece, and some more. */
#define ANSWER_SIZE_MAX   (32U * 1024U)
#define QUESTION_SIZE_MAX 256U
#define ANSWER_WAIT_S     5
#define ROOTS_MAX         3U
/* Nodes that are named when the user has to choose. */
#define NAMES_SIZE_MAX 256U

struct search {
	const char *name;           /* wanted, or NULL */
	uint32_t found_count;       /* nodes that fit */
	char names[NAMES_SIZE_MAX]; /* of all nodes that answer */
	struct peal_telemetry best;
};

static bool __attribute__((format(printf, 2, 3)))
fail(struct peal_telemetry *telemetry, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(telemetry->error, sizeof(telemetry->error), format, arguments);
	va_end(arguments);
	return false;
}

static size_t
list_roots(const char *roots[ROOTS_MAX])
{
	const char *given = getenv("RUNTIME_DIRECTORY");
	const char *user = getenv("XDG_RUNTIME_DIR");
	size_t count = 0;

	if (given != NULL && given[0] != '\0') {
		roots[0] = given;
		return 1;
	}
	roots[count++] = "/var/run";
	if (user != NULL && user[0] != '\0') {
		roots[count++] = user;
	}
	roots[count++] = "/tmp";
	return count;
}

/* Connects to the socket of one process and takes its greeting. */
static bool
connect_to(struct peal_telemetry *telemetry, const char *root, const char *process)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval wait = {.tv_sec = ANSWER_WAIT_S};
	char greeting[1024];
	int size = snprintf(address.sun_path, sizeof(address.sun_path),
		"%s/dpdk/%s/dpdk_telemetry.v2", root, process);

	if (size < 0 || (size_t)size >= sizeof(address.sun_path)) {
		return false;
	}
	telemetry->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (telemetry->fd < 0) {
		return false;
	}
	(void)setsockopt(telemetry->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connect(telemetry->fd, (const struct sockaddr *)(const void *)&address,
		    sizeof(address)) != 0 ||
		recv(telemetry->fd, greeting, sizeof(greeting), 0) <= 0) {
		peal_telemetry_close(telemetry);
		return false;
	}
	return true;
}

/* Sends a question and returns the answer's dictionary. */
static json_t *
exchange(struct peal_telemetry *telemetry, const char *command, const char *question)
{
	static char answer[ANSWER_SIZE_MAX];
	json_error_t error;
	json_t *root, *inner;
	ssize_t size;

	telemetry->is_gone = false;
	if (send(telemetry->fd, question, strlen(question), MSG_NOSIGNAL) < 0) {
		telemetry->is_gone = true;
		(void)fail(telemetry, "the daemon of node %s has ended", telemetry->node);
		return NULL;
	}
	size = recv(telemetry->fd, answer, sizeof(answer), 0);
	if (size <= 0) {
		telemetry->is_gone = size == 0 || errno != EAGAIN;
		(void)fail(telemetry,
			telemetry->is_gone
				? "the daemon of node %s has ended"
				: "the daemon of node %s does not answer; is it stopped?",
			telemetry->node);
		return NULL;
	}
	root = json_loadb(answer, (size_t)size, 0, &error);
	inner = json_object_get(root, command);
	if (!json_is_object(inner)) {
		json_decref(root);
		(void)fail(telemetry,
			"the process does not know %s; is it a peald of this version?", command);
		return NULL;
	}
	json_incref(inner);
	json_decref(root);
	return inner;
}

json_t *
peal_telemetry_ask(struct peal_telemetry *telemetry, const char *command, const char *parameters)
{
	char name[64], question[QUESTION_SIZE_MAX];
	json_t *answer;
	const char *refusal;

	(void)snprintf(name, sizeof(name), "/peal/%s", command);
	if (parameters == NULL) {
		(void)snprintf(question, sizeof(question), "%s", name);
	} else {
		(void)snprintf(question, sizeof(question), "%s,%s%s%s", name, telemetry->node,
			parameters[0] == '\0' ? "" : ",", parameters);
	}
	answer = exchange(telemetry, name, question);
	refusal = json_string_value(json_object_get(answer, "error"));
	if (refusal != NULL) {
		(void)fail(telemetry, "%s", refusal);
		json_decref(answer);
		return NULL;
	}
	return answer;
}

/* Notes the nodes of a process that answers; keeps the connection when one is wanted. */
static void
look_at(struct search *search, const char *root, const char *process)
{
	struct peal_telemetry telemetry = {.fd = -1};
	json_t *version, *entry;
	size_t i;
	bool is_kept = false;

	if (!connect_to(&telemetry, root, process)) {
		return;
	}
	version = peal_telemetry_ask(&telemetry, "version", NULL);
	json_array_foreach(json_object_get(version, "nodes"), i, entry)
	{
		const char *node = json_string_value(entry);
		size_t used = strlen(search->names);

		if (node == NULL) {
			continue;
		}
		(void)snprintf(search->names + used, sizeof(search->names) - used, "%s%s",
			used == 0 ? "" : ", ", node);
		if (search->name != NULL && strcmp(search->name, node) != 0) {
			continue;
		}
		if (search->found_count++ == 0) {
			(void)snprintf(telemetry.node, sizeof(telemetry.node), "%s", node);
			search->best = telemetry;
			is_kept = true;
		}
	}
	json_decref(version);
	if (!is_kept) {
		peal_telemetry_close(&telemetry);
	}
}

static void
look_everywhere(struct search *search)
{
	const char *roots[ROOTS_MAX];
	size_t count = list_roots(roots);

	for (size_t i = 0; i < count; i++) {
		char path[512];
		const struct dirent *entry;
		DIR *folder;

		(void)snprintf(path, sizeof(path), "%s/dpdk", roots[i]);
		folder = opendir(path);
		while (folder != NULL && (entry = readdir(folder)) != NULL) {
			if (entry->d_name[0] != '.') {
				look_at(search, roots[i], entry->d_name);
			}
		}
		if (folder != NULL) {
			(void)closedir(folder);
		}
	}
}

bool
peal_telemetry_open(struct peal_telemetry *telemetry, const char *name)
{
	struct search search = {.name = name, .best = {.fd = -1}};
	const char *roots[ROOTS_MAX];
	size_t count = list_roots(roots);

	*telemetry = (struct peal_telemetry){.fd = -1};
	/* A daemon's process is named like its node, so most often one look is enough. */
	for (size_t i = 0; name != NULL && i < count && search.found_count == 0; i++) {
		look_at(&search, roots[i], name);
	}
	if (search.found_count == 0) {
		search.names[0] = '\0';
		look_everywhere(&search);
	}
	*telemetry = search.best;
	if (search.found_count == 1) {
		return true;
	}
	peal_telemetry_close(telemetry);
	if (search.names[0] == '\0') {
		return fail(telemetry,
			"no peald answers here; start one, or set RUNTIME_DIRECTORY to the one it "
			"was started with");
	}
	if (name != NULL && search.found_count == 0) {
		return fail(telemetry, "there is no node %.64s here; these answer: %s", name,
			search.names);
	}
	return fail(telemetry, "several nodes answer, choose one by -n: %s", search.names);
}

void
peal_telemetry_close(struct peal_telemetry *telemetry)
{
	if (telemetry->fd >= 0) {
		(void)close(telemetry->fd);
		telemetry->fd = -1;
	}
}
