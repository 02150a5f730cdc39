/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/program.h"

#include "tools/peal-bench/ctrlc.h"
#include "tools/peal-bench/refusal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Programs of the administrator, which a user's PATH may lack. */
#define SYSTEM_PATH        "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
#define PATH_TEXT_SIZE_MAX 4096U
#define STATUS_NOT_FOUND   127
#define OWN_NAME           "peal-bench: "

/* Descriptors of a run, -1 = none. */
struct files {
	int input;
	int output;
	int errors;
};

static bool
search(const char *folders, const char *name)
{
	char path[PATH_TEXT_SIZE_MAX];

	while (folders != NULL && *folders != '\0') {
		size_t size = strcspn(folders, ":");
		int used = snprintf(path, sizeof(path), "%.*s/%s", (int)size, folders, name);

		if (used > 0 && (size_t)used < sizeof(path) && access(path, X_OK) == 0) {
			return true;
		}
		folders += size;
		folders += *folders == ':' ? 1U : 0U;
	}
	return false;
}

bool
peal_program_exists(const char *name)
{
	return search(getenv("PATH"), name) || search(SYSTEM_PATH, name);
}

/* In the child: everything up to exec. */
static void
become(const struct peal_program *program, const struct files *files)
{
	union {
		const char *const *read_only;
		char **words;
	} list = {.read_only = program->words}; /* exec does not write to them */
	const char *path = getenv("PATH");
	char longer[PATH_TEXT_SIZE_MAX];

	(void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM, 0UL, 0UL, 0UL);
	if (dup2(files->input, STDIN_FILENO) < 0 || dup2(files->output, STDOUT_FILENO) < 0 ||
		(files->errors >= 0 && dup2(files->errors, STDERR_FILENO) < 0)) {
		_exit(STATUS_NOT_FOUND);
	}
	(void)snprintf(longer, sizeof(longer), "%s:%s", path == NULL ? "" : path, SYSTEM_PATH);
	(void)setenv("PATH", longer, 1);
	(void)execvp(list.words[0], list.words);
	_exit(STATUS_NOT_FOUND);
}

/* Waits for the end; passes Ctrl-C on. Returns the status of waitpid. */
static int
wait_for(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
		if (peal_ctrlc_has_come()) {
			(void)kill(pid, SIGTERM);
		}
	}
	return status;
}

/* The whole file as text, to be freed; NULL without memory. */
static char *
read_all(int fd)
{
	struct stat status;
	char *text;
	size_t size = 0, used = 0;

	if (fstat(fd, &status) == 0 && status.st_size > 0) {
		size = (size_t)status.st_size;
	}
	text = malloc(size + 1U);
	while (text != NULL && used < size) {
		ssize_t more = pread(fd, text + used, size - used, (off_t)used);

		if (more <= 0) {
			break;
		}
		used += (size_t)more;
	}
	if (text != NULL) {
		text[used] = '\0';
	}
	return text;
}

static bool
explain(const struct peal_program *program, int status, int errors, struct peal_sentence *error)
{
	const char *name = program->name, *said;
	char *text;

	error->text[0] = '\0';
	if (peal_ctrlc_has_come()) {
		return false;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NOT_FOUND) {
		return peal_sentence_set(error, "the program %s could not be started", name);
	}
	if (WIFSIGNALED(status)) {
		return peal_sentence_set(error, "%s was ended by signal %d (%s)", name,
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	}
	if (program->keeps_stderr) {
		return false;
	}
	text = read_all(errors);
	said = text == NULL ? "" : text;
	if (strcmp(program->words[0], PEAL_PROGRAM_SELF) == 0 &&
		WEXITSTATUS(status) == PEAL_REFUSAL_STATUS) {
		peal_refusal_note();
	}
	/* Some begin with an empty line. One of us names itself, too. */
	said += strspn(said, " \t\r\n");
	said += strncmp(said, OWN_NAME, strlen(OWN_NAME)) == 0 ? strlen(OWN_NAME) : 0U;
	(void)peal_sentence_set(error, "%s failed: %.*s", name, (int)strcspn(said, "\n"), said);
	free(text);
	return false;
}

static void
close_files(const struct files *files)
{
	const int fds[] = {files->input, files->output, files->errors};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (fds[i] >= 0) {
			(void)close(fds[i]);
		}
	}
}

static bool
open_files(const struct peal_program *program, struct files *files)
{
	size_t size = program->input == NULL ? 0 : strlen(program->input);

	files->input = memfd_create("input", MFD_CLOEXEC);
	files->output = memfd_create("output", MFD_CLOEXEC);
	files->errors = program->keeps_stderr ? -1 : memfd_create("errors", MFD_CLOEXEC);
	return files->input >= 0 && files->output >= 0 &&
	       (files->errors >= 0 || program->keeps_stderr) &&
	       (size == 0 || write(files->input, program->input, size) == (ssize_t)size) &&
	       lseek(files->input, 0, SEEK_SET) == 0;
}

bool
peal_program_run(const struct peal_program *program, char **output_out, struct peal_sentence *error)
{
	struct files files;
	bool is_good = false;
	pid_t pid = -1;
	int status;

	if (open_files(program, &files)) {
		pid = fork();
	}
	if (pid == 0) {
		become(program, &files);
	}
	if (pid < 0) {
		(void)peal_sentence_set(error, "the program %s could not be started (%s)",
			program->name, strerror(errno));
		close_files(&files);
		return false;
	}
	status = wait_for(pid);
	is_good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (!is_good) {
		(void)explain(program, status, files.errors, error);
	} else if (output_out != NULL) {
		*output_out = read_all(files.output);
		is_good =
			*output_out != NULL || peal_sentence_set(error, "there is no memory left");
	}
	close_files(&files);
	return is_good;
}
