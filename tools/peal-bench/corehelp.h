/* SPDX-License-Identifier: BSD-3-Clause */
/* The help of the commands of coreargs.h. Static texts. */
#ifndef PEAL_PEAL_BENCH_COREHELP_H
#define PEAL_PEAL_BENCH_COREHELP_H

#include "tools/peal-bench/coreargs.h"

const char *peal_corehelp_of(enum peal_coreargs_command command);

#endif
