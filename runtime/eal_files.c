/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/eal_files.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <rte_log.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_NAME       "/dpdk_telemetry.v2"
#define HUGE_FOLDER       "/sys/kernel/mm/hugepages"
#define KEPT_LOG_SIZE_MAX 240U
/* What the kernel takes for the path of a socket, with its terminating zero. */
#define SOCKET_PATH_SIZE_MAX sizeof(((struct sockaddr_un *)NULL)->sun_path)

/* <root>/dpdk, <root>/dpdk/<prefix>, and the socket in it; empty = nothing to clear. */
static char dpdk_folder[SOCKET_PATH_SIZE_MAX];
static char prefix_folder[SOCKET_PATH_SIZE_MAX];
static char socket_path[SOCKET_PATH_SIZE_MAX];

static char kept_log[KEPT_LOG_SIZE_MAX];
static bool passes_log;

static bool
is_writable(const char *folder)
{
	char dpdk[PATH_MAX];

	(void)snprintf(dpdk, sizeof(dpdk), "%s/dpdk", folder);
	/* EAL makes the folder when it is missing. */
	return access(dpdk, F_OK) == 0 ? access(dpdk, W_OK | X_OK) == 0
				       : access(folder, W_OK | X_OK) == 0;
}

/* The same choice as EAL's; inside a user namespace root may not write where root usually does. */
static const char *
choose_root(void)
{
	const char *given = getenv("RUNTIME_DIRECTORY");
	const char *user = getenv("XDG_RUNTIME_DIR");

	if (given != NULL && given[0] != '\0') {
		return given;
	}
	if (getuid() == 0 && is_writable("/var/run")) {
		return "/var/run";
	}
	if (user != NULL && user[0] != '\0' && is_writable(user)) {
		return user;
	}
	return "/tmp";
}

/* True when somebody accepts connections on the socket, of whichever of the two types. */
static bool
is_answered_as(const char *path, int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool answered = false;

	memcpy(address.sun_path, path, strlen(path) + 1U);
	if (fd >= 0) {
		answered = connect(fd, (const struct sockaddr *)(const void *)&address,
				   sizeof(address)) == 0 ||
			   errno == EAGAIN;
		(void)close(fd);
	}
	return answered;
}

static bool
is_answered(const char *path)
{
	return is_answered_as(path, SOCK_SEQPACKET);
}

void
peal_eal_files_find_folder(char path_out[PEAL_EAL_FILES_PATH_SIZE_MAX])
{
	int size = snprintf(path_out, PEAL_EAL_FILES_PATH_SIZE_MAX, "%s/dpdk", choose_root());

	if (size < 0 || size >= (int)PEAL_EAL_FILES_PATH_SIZE_MAX) {
		path_out[0] = '\0';
	}
}

/* The process that a name of the form STEM<number> or STEM<number>-... speaks of; 0 = of none. */
static pid_t
find_process(const char *name, const char *stem)
{
	char *end = NULL;
	long number;

	if (strncmp(name, stem, strlen(stem)) != 0) {
		return 0;
	}
	name += strlen(stem);
	number = *name < '1' || *name > '9' ? 0 : strtol(name, &end, 10);
	return number < 1 || number > INT_MAX || (*end != '\0' && *end != '-') ? 0 : (pid_t)number;
}

uint32_t
peal_eal_files_sweep(const char *folder, const char *stem, const char *socket_name)
{
	DIR *entries = folder[0] == '\0' ? NULL : opendir(folder);
	const struct dirent *entry;
	uint32_t count = 0;

	while (entries != NULL && (entry = readdir(entries)) != NULL) {
		pid_t pid = find_process(entry->d_name, stem);
		char path[PATH_MAX];
		int size = snprintf(
			path, sizeof(path), "%s/%s/%s", folder, entry->d_name, socket_name);

		if (pid == 0 || kill(pid, 0) == 0 || errno != ESRCH || size < 0 ||
			size >= (int)SOCKET_PATH_SIZE_MAX || is_answered(path) ||
			is_answered_as(path, SOCK_STREAM)) {
			continue;
		}
		(void)unlink(path);
		path[size - (int)strlen(socket_name) - 1] = '\0';
		/* Fails when there is more in it. */
		count += rmdir(path) == 0;
	}
	if (entries != NULL) {
		(void)closedir(entries);
	}
	return count;
}

bool
peal_eal_files_claim(const char *prefix, struct peal_sentence *error)
{
	const char *root = choose_root();
	size_t size = strlen(root) + strlen("/dpdk/") + strlen(prefix) + strlen(SOCKET_NAME);
	char path[SOCKET_PATH_SIZE_MAX];

	if (size >= sizeof(path)) {
		return peal_sentence_set(error,
			"the path %s/dpdk/%s" SOCKET_NAME " is too long for a socket; set "
			"RUNTIME_DIRECTORY to a shorter one",
			root, prefix);
	}
	(void)snprintf(path, sizeof(path), "%s/dpdk/%s" SOCKET_NAME, root, prefix);
	if (is_answered(path)) {
		return peal_sentence_set(error,
			"name: a process named %s runs already (%s answers); stop it or choose "
			"another name",
			prefix, path);
	}
	if (setenv("RUNTIME_DIRECTORY", root, 1) != 0) {
		return peal_sentence_set(error, "there is no memory for the environment");
	}
	(void)snprintf(dpdk_folder, sizeof(dpdk_folder), "%s/dpdk", root);
	(void)snprintf(prefix_folder, sizeof(prefix_folder), "%s/dpdk/%s", root, prefix);
	memcpy(socket_path, path, sizeof(path));
	return true;
}

void
peal_eal_files_clear(void)
{
	if (prefix_folder[0] != '\0') {
		(void)unlink(socket_path);
		(void)rmdir(prefix_folder);
		(void)rmdir(dpdk_folder);
	}
}

static uint64_t
read_number(const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned long long number = 0;

	if (file == NULL) {
		return 0;
	}
	if (fscanf(file, "%llu", &number) != 1) {
		number = 0;
	}
	(void)fclose(file);
	return number;
}

uint32_t
peal_eal_files_huge_free_mb(void)
{
	DIR *folder = opendir(HUGE_FOLDER);
	const struct dirent *entry;
	uint64_t free_kb = 0;

	if (folder == NULL) {
		return 0;
	}
	while ((entry = readdir(folder)) != NULL) {
		char path[PATH_MAX];
		unsigned long size_kb;

		if (sscanf(entry->d_name, "hugepages-%lukB", &size_kb) != 1) {
			continue;
		}
		(void)snprintf(
			path, sizeof(path), "%s/%s/free_hugepages", HUGE_FOLDER, entry->d_name);
		free_kb += read_number(path) * size_kb;
	}
	(void)closedir(folder);
	return free_kb / 1024U > UINT32_MAX ? UINT32_MAX : (uint32_t)(free_kb / 1024U);
}

/* Appends a message to what was kept back, as one line, while there is room. */
static void
keep_log(const char *bytes, size_t size)
{
	const char *end = memchr(bytes, '\n', size);
	size_t used = strlen(kept_log);

	(void)snprintf(kept_log + used, sizeof(kept_log) - used, "%s%.*s", used == 0 ? "" : "; ",
		(int)(end == NULL ? size : (size_t)(end - bytes)), bytes);
}

/* One message of DPDK, with its end of line. Threads may come at once; a torn line is harmless. */
static ssize_t
take_log(void *cookie, const char *bytes, size_t size)
{
	static const char chatter[] = "TELEMETRY:";

	(void)cookie;
	if (passes_log) {
		(void)fwrite(bytes, 1, size, stderr);
	} else if (size < sizeof(chatter) || memcmp(bytes, chatter, sizeof(chatter) - 1U) != 0) {
		keep_log(bytes, size);
	}
	return (ssize_t)size;
}

void
peal_eal_files_catch_log(void)
{
	const cookie_io_functions_t functions = {.write = take_log};
	FILE *stream = fopencookie(NULL, "w", functions);

	if (stream != NULL) {
		(void)setvbuf(stream, NULL, _IOLBF, 0);
		(void)rte_openlog_stream(stream);
	}
}

const char *
peal_eal_files_kept_log(void)
{
	return kept_log;
}

void
peal_eal_files_pass_log(void)
{
	passes_log = true;
}
