/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Assertions that are always on.
 *
 * A violated invariant stops the process: a missing node is better than a wrong one. PEAL_ASSERT is
 * for protocol code and is compiled into every build. PEAL_DASSERT is for per-packet code and is on
 * in builds with -Dchecked=true only. PEAL_MAYBE states that a condition may be either way.
 */
#ifndef PEAL_BASE_ASSERT_H
#define PEAL_BASE_ASSERT_H

/*
 * Called once before the process aborts, e.g. to dump a trace. It must not return to protocol code
 * by longjmp. Set at start, before threads exist; NULL removes it.
 */
typedef void (*peal_assert_hook_fn)(const char *condition, const char *file, int line);
void peal_assert_set_hook(peal_assert_hook_fn hook);

/* Prints one line on stderr, calls the hook, aborts. */
_Noreturn void peal_assert_fail(const char *condition, const char *file, int line);

#define PEAL_ASSERT(condition)                                                                     \
	do {                                                                                       \
		if (__builtin_expect(!(condition), 0)) {                                           \
			peal_assert_fail(#condition, __FILE__, __LINE__);                          \
		}                                                                                  \
	} while (0)

#ifdef PEAL_CHECKED
#define PEAL_DASSERT(condition) PEAL_ASSERT(condition)
#else
#define PEAL_DASSERT(condition) ((void)sizeof(condition))
#endif

#define PEAL_MAYBE(condition) ((void)sizeof(condition))

#endif
