/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/coreguard.h"

#include <linux/prctl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Older headers do not name them. */
#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH  59
#define PR_SYS_DISPATCH_OFF           0
#define PR_SYS_DISPATCH_ON            1
#define SYSCALL_DISPATCH_FILTER_ALLOW 0
#define SYSCALL_DISPATCH_FILTER_BLOCK 1
#endif

static _Thread_local volatile char selector = SYSCALL_DISPATCH_FILTER_ALLOW;
static _Thread_local bool is_guarded;

static void
die(const char *sentence)
{
	ssize_t written;

	is_guarded = false;
	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	written = write(STDERR_FILENO, sentence, strlen(sentence));
	(void)written;
	abort();
}

static void
on_syscall(int signal_number, siginfo_t *info, void *context)
{
	char sentence[] = "a guarded thread made syscall 000\n";
	int number;

	(void)signal_number;
	(void)context;
	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	number = info->si_syscall;
	sentence[sizeof(sentence) - 5U] = (char)('0' + number / 100 % 10);
	sentence[sizeof(sentence) - 4U] = (char)('0' + number / 10 % 10);
	sentence[sizeof(sentence) - 3U] = (char)('0' + number % 10);
	die(sentence);
}

static bool
switch_dispatch(bool is_on)
{
	return prctl(PR_SET_SYSCALL_USER_DISPATCH, is_on ? PR_SYS_DISPATCH_ON : PR_SYS_DISPATCH_OFF,
		       0UL, 0UL, is_on ? &selector : NULL) == 0;
}

bool
peal_coreguard_can_trap(void)
{
	return switch_dispatch(true) && switch_dispatch(false);
}

void
peal_coreguard_enter(void *unused)
{
	struct sigaction action = {.sa_sigaction = on_syscall, .sa_flags = SA_SIGINFO};

	(void)unused;
	(void)sigaction(SIGSYS, &action, NULL);
	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	is_guarded = true;
	if (switch_dispatch(true)) {
		selector = SYSCALL_DISPATCH_FILTER_BLOCK;
	}
}

void
peal_coreguard_leave(void *unused)
{
	(void)unused;
	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	(void)switch_dispatch(false);
	is_guarded = false;
}

void
peal_coreguard_check_heap(void)
{
	if (is_guarded) {
		die("a guarded thread asked for memory, or gave some back\n");
	}
}
