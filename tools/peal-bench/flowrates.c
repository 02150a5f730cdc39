/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/flowrates.h"

#include "tools/peal-bench/curve.h"
#include "tools/peal-bench/outcome.h"

#include <string.h>

#define PS_A_NS   UINT64_C(1000)
#define SECOND_NS 1e9

void
peal_flowrates_add(struct peal_flowrates *rates, uint64_t at_ns, uint64_t messages_count)
{
	bool is_later = rates->count == 0 || at_ns > rates->samples[rates->count - 1U].at_ns;

	if (is_later && rates->count < PEAL_FLOWRATES_SAMPLES_MAX) {
		rates->samples[rates->count].at_ns = at_ns;
		rates->samples[rates->count++].messages_count = messages_count;
	}
}

json_t *
peal_flowrates_to_json(const struct peal_flowrates *rates)
{
	json_t *windows = json_array();

	for (uint32_t i = 1; i < rates->count; i++) {
		uint64_t from_ns = rates->samples[i - 1U].at_ns - rates->samples[0].at_ns;
		uint64_t to_ns = rates->samples[i].at_ns - rates->samples[0].at_ns;
		uint64_t messages_count =
			rates->samples[i].messages_count - rates->samples[i - 1U].messages_count;

		json_array_append_new(windows,
			json_pack("[I, I, f]", (json_int_t)from_ns, (json_int_t)to_ns,
				(double)messages_count * SECOND_NS / (double)(to_ns - from_ns)));
	}
	return windows;
}

void
peal_flowrates_find_times(const struct peal_flowrates *rates, struct peal_histogram *histogram_out)
{
	peal_histogram_reset(histogram_out);
	for (uint32_t i = 1; i < rates->count; i++) {
		uint64_t window_ns = rates->samples[i].at_ns - rates->samples[i - 1U].at_ns;
		uint64_t messages_count =
			rates->samples[i].messages_count - rates->samples[i - 1U].messages_count;

		peal_histogram_record(histogram_out,
			window_ns * PS_A_NS / (messages_count == 0 ? 1U : messages_count));
	}
}

static bool
draw(const struct peal_flowrates *rates, const struct peal_benchargs *args,
	struct peal_sentence *error)
{
	json_t *windows = peal_flowrates_to_json(rates);
	char title[128];
	const struct peal_curve_rates picture = {
		.title = title,
		.lines_count = 1,
		.names = {peal_benchargs_link_name(args->link)},
		.rates = {windows},
	};
	bool is_drawn;

	(void)snprintf(title, sizeof(title), "Messages of %u bytes over %s", args->size,
		peal_benchargs_link_name(args->link));
	is_drawn = peal_curve_draw_rates(&picture, args->plot_path, error);
	json_decref(windows);
	return is_drawn;
}

bool
peal_flowrates_deliver(const struct peal_flowrates *rates, const struct peal_benchargs *args,
	struct peal_sentence *error)
{
	static struct peal_histogram histogram;

	peal_flowrates_find_times(rates, &histogram);
	return (args->hdr_path == NULL ||
		       peal_outcome_write_table(&histogram, args->hdr_path, error)) &&
	       (args->plot_path == NULL || draw(rates, args, error));
}
