/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/childcase.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static char scratch[PEAL_CHILDCASE_PATH_SIZE_MAX] = "/tmp/peal-integ-XXXXXX";

pid_t
peal_childcase_fork(void)
{
	pid_t parent = getpid();
	pid_t child;

	(void)fflush(NULL);
	child = fork();
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0UL, 0UL, 0UL);
		if (getppid() != parent) {
			_exit(1);
		}
	}
	return child;
}

int
peal_childcase_run(void (*action)(void))
{
	pid_t child = peal_childcase_fork();
	int status = -1;

	if (child == 0) {
		action();
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		return -1;
	}
	return status;
}

bool
peal_childcase_is_good(void (*action)(void))
{
	int status = peal_childcase_run(action);

	return status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool
peal_childcase_aborts(void (*action)(void))
{
	int status = peal_childcase_run(action);

	return status != -1 && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

void
peal_childcase_pause_ms(long ms)
{
	struct timespec limit = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	(void)nanosleep(&limit, NULL);
}

const char *
peal_childcase_open_scratch(void)
{
	char path[PEAL_CHILDCASE_PATH_SIZE_MAX + 8U];
	FILE *key;

	if (mkdtemp(scratch) == NULL || setenv("RUNTIME_DIRECTORY", scratch, 1) != 0) {
		return NULL;
	}
	(void)snprintf(path, sizeof(path), "%s/key", scratch);
	(void)umask(077);
	key = fopen(path, "we");
	if (key == NULL) {
		return NULL;
	}
	(void)fputs("0123456789abcdef0123456789abcdef", key);
	return fclose(key) == 0 ? scratch : NULL;
}

bool
peal_childcase_close_scratch(const char *prefix)
{
	char path[4U * PEAL_CHILDCASE_PATH_SIZE_MAX];

	(void)snprintf(path, sizeof(path), "%s/key", scratch);
	(void)unlink(path);
	if (prefix != NULL) {
		(void)snprintf(path, sizeof(path), "%s/dpdk/%s/dpdk_telemetry.v2", scratch, prefix);
		(void)unlink(path);
		(void)snprintf(path, sizeof(path), "%s/dpdk/%s", scratch, prefix);
		(void)rmdir(path);
		(void)snprintf(path, sizeof(path), "%s/dpdk", scratch);
		(void)rmdir(path);
	}
	return rmdir(scratch) == 0;
}

int
peal_childcase_make_scratch(void **state)
{
	(void)state;
	return peal_childcase_open_scratch() != NULL ? 0 : -1;
}

const char *
peal_childcase_scratch(void)
{
	return scratch;
}

int
peal_childcase_remove_scratch(void **state)
{
	(void)state;
	return peal_childcase_close_scratch(NULL) ? 0 : -1;
}
