/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/outputfiles.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* 0, or why a file of this name could not be written. */
static int
find_obstacle(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];
	struct stat status;

	if (stat(path, &status) == 0) {
		return S_ISDIR(status.st_mode) ? EISDIR : access(path, W_OK) == 0 ? 0 : errno;
	}
	if (errno != ENOENT || path[0] == '\0') {
		return errno;
	}
	if (strlen(path) >= sizeof(folder)) {
		return ENAMETOOLONG;
	}
	(void)snprintf(folder, sizeof(folder), "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1,
		slash == NULL ? "." : path);
	return access(folder, W_OK | X_OK) == 0 ? 0 : errno;
}

bool
peal_outputfiles_check(const struct peal_benchargs *args, struct peal_sentence *error)
{
	const struct {
		const char *name;
		const char *path;
	} files[] = {{"json", args->json_path}, {"hdr", args->hdr_path}, {"plot", args->plot_path}};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		bool is_wanted = files[i].path != NULL && strcmp(files[i].path, "-") != 0;
		int obstacle = is_wanted ? find_obstacle(files[i].path) : 0;

		if (obstacle != 0) {
			return peal_sentence_set(error, "--%s: %s could not be written (%s)",
				files[i].name,
				files[i].path[0] == '\0' ? "a file without a name" : files[i].path,
				strerror(obstacle));
		}
	}
	return true;
}
