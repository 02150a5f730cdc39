/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/refusal.h"

#include <stdarg.h>
#include <stdio.h>

static bool is_noted;

bool
peal_refusal_set(struct peal_sentence *error, const char *format, ...)
{
	char text[sizeof(error->text)];
	va_list values;

	is_noted = true;
	va_start(values, format);
	(void)vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	return peal_sentence_set(error, "no figure: %s", text);
}

void
peal_refusal_note(void)
{
	is_noted = true;
}

void
peal_refusal_forget(void)
{
	is_noted = false;
}

bool
peal_refusal_is_noted(void)
{
	return is_noted;
}

bool
peal_refusal_check_machine(const struct peal_machine_bill *bill, const int cpus[2],
	bool is_spinning, struct peal_sentence *error)
{
	double steal_percent = bill->elapsed_ns == 0 ? 0.0
						     : 100.0 * (double)bill->steal_ns /
							       (2.0 * (double)bill->elapsed_ns);

	if (steal_percent > PEAL_REFUSAL_STEAL_PERCENT_MAX) {
		return peal_refusal_set(
			error, "the hypervisor took %.1f %% of the two CPUs", steal_percent);
	}
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT && is_spinning; i++) {
		if (bill->shares[i] >= 0.0 && bill->shares[i] < PEAL_REFUSAL_SHARE_MIN) {
			return peal_refusal_set(error,
				"the loop on CPU %d had it for only %.0f %% of the time; something "
				"else runs there",
				cpus[i], 100.0 * bill->shares[i]);
		}
	}
	return true;
}
