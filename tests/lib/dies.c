/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/dies.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* No core file, nothing on the terminal. */
static void
silence(void)
{
	const struct rlimit none = {0};
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)setrlimit(RLIMIT_CORE, &none);
	if (nowhere >= 0) {
		(void)dup2(nowhere, STDERR_FILENO);
	}
	(void)signal(SIGABRT, SIG_DFL);
}

bool
peal_test_dies(void (*action)(void *argument), void *argument)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		silence();
		action(argument);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		return false;
	}
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}
