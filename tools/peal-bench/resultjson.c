/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/resultjson.h"

#include "tools/benchlib/median.h"
#include "tools/peal-bench/outcome.h"

#include <rte_version.h>

#define KEY_SIZE_MAX 64U

void
peal_resultjson_put_spread(json_t *to, const char *name, const struct peal_histogram *histogram)
{
	static const struct {
		const char *name;
		double percentile;
	} rows[] = {{"p50", 50.0}, {"p90", 90.0}, {"p99", 99.0}, {"p999", 99.9}};
	char key[KEY_SIZE_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)snprintf(key, sizeof(key), "%s%s_ns", name, rows[i].name);
		json_object_set_new(to, key,
			json_integer((json_int_t)peal_histogram_percentile(
				histogram, rows[i].percentile)));
	}
	(void)snprintf(key, sizeof(key), "%smin_ns", name);
	json_object_set_new(to, key, json_integer((json_int_t)peal_histogram_min(histogram)));
	(void)snprintf(key, sizeof(key), "%smax_ns", name);
	json_object_set_new(to, key, json_integer((json_int_t)peal_histogram_max(histogram)));
}

double
peal_resultjson_put_values(json_t *to, const char *key, double *values, uint32_t count)
{
	char name[KEY_SIZE_MAX];
	double median;

	if (count == 0) {
		return 0.0;
	}
	median = peal_median_find(values, count);
	json_object_set_new(to, key, json_real(median));
	(void)snprintf(name, sizeof(name), "%s_min", key);
	json_object_set_new(to, name, json_real(values[0]));
	(void)snprintf(name, sizeof(name), "%s_max", key);
	json_object_set_new(to, name, json_real(values[count - 1U]));
	return median;
}

void
peal_resultjson_put_machine(json_t *to, const struct peal_machine_bill *bill)
{
	json_t *shares = json_array();

	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		json_array_append_new(
			shares, bill->shares[i] >= 0.0 ? json_real(bill->shares[i]) : json_null());
	}
	json_object_set_new(to, "cpu_shares", shares);
	json_object_set_new(to, "steal_ns", json_integer((json_int_t)bill->steal_ns));
	json_object_set_new(to, "elapsed_ns", json_integer((json_int_t)bill->elapsed_ns));
	json_object_set_new(to, "host", peal_outcome_host_to_json(rte_version()));
}
