/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Marked points: places where a client may be killed and leave something half done.
 *
 * In the library they are nothing. With PEAL_MARKED, which only tests/integ/dying_client.c has,
 * each is a call of its `peal_mark`, which ends the process at one of them.
 */
#ifndef PEAL_CLIENT_MARK_H
#define PEAL_CLIENT_MARK_H

#ifdef PEAL_MARKED
/* `name`: static, for people. */
void peal_mark(const char *name);
#define PEAL_MARK(name) peal_mark(name)
#else
#define PEAL_MARK(name) ((void)0)
#endif

#endif
