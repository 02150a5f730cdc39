/* SPDX-License-Identifier: BSD-3-Clause */
/* Values of options, as both command lines of peal-bench read them. Pure. */
#ifndef PEAL_PEAL_BENCH_ARGTEXT_H
#define PEAL_PEAL_BENCH_ARGTEXT_H

#include "runtime/config.h"

#include <stdbool.h>
#include <stdint.h>

/* A decimal number in [min, max] and nothing else. */
bool peal_argtext_read_number(const char *text, uint64_t min, uint64_t max, uint64_t *value_out);

/* True when there is something before the ending, too. */
bool peal_argtext_has_ending(const char *path, const char *ending);

/* The sentence about a value that is none. Always false. */
bool peal_argtext_refuse(
	struct peal_sentence *error, const char *option, const char *value, const char *expected);

#endif
