/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/eal_files.h"

#include <dirent.h>
#include <rte_log.h>
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

/* True when somebody accepts connections on the socket. */
static bool
is_answered(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	bool answered = false;

	memcpy(address.sun_path, path, strlen(path) + 1U);
	if (fd >= 0) {
		answered = connect(fd, (const struct sockaddr *)(const void *)&address,
				   sizeof(address)) == 0;
		(void)close(fd);
	}
	return answered;
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
