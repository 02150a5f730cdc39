/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of JSON that results of several commands have alike. Main thread. */
#ifndef PEAL_PEAL_BENCH_RESULTJSON_H
#define PEAL_PEAL_BENCH_RESULTJSON_H

#include "base/histogram.h"
#include "tools/peal-bench/machine.h"

#include <jansson.h>

/* NAMEp50_ns, NAMEp90_ns, NAMEp99_ns, NAMEp999_ns, NAMEmin_ns, NAMEmax_ns of nanoseconds. */
void peal_resultjson_put_spread(
	json_t *to, const char *name, const struct peal_histogram *histogram);

/* Median, smallest and largest of values that are sorted here: KEY, KEY_min, KEY_max. Returns the
 * median; 0 of none. */
double peal_resultjson_put_values(json_t *to, const char *key, double *values, uint32_t count);

/* cpu_shares, steal_ns, elapsed_ns, host. */
void peal_resultjson_put_machine(json_t *to, const struct peal_machine_bill *bill);

#endif
