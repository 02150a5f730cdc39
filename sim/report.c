/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/report.h"

#include "base/assert.h"
#include "base/hash.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
peal_report_init(struct peal_report *report)
{
	memset(report, 0, sizeof(*report));
}

void
peal_report_violate(struct peal_report *report, uint64_t now_ns, const char *format, ...)
{
	char *text;
	int size;
	va_list arguments;

	report->violations_count++;
	if (report->violations_count > PEAL_REPORT_VIOLATIONS_MAX) {
		return;
	}
	text = report->violations[report->violations_count - 1U];
	size = snprintf(text, PEAL_REPORT_VIOLATION_SIZE_MAX,
		"%" PRIu64 ".%06" PRIu64 " s: ", now_ns / 1000000000U, now_ns / 1000U % 1000000U);
	PEAL_ASSERT(size > 0 && size < (int)PEAL_REPORT_VIOLATION_SIZE_MAX);
	va_start(arguments, format);
	(void)vsnprintf(
		text + size, PEAL_REPORT_VIOLATION_SIZE_MAX - (size_t)size, format, arguments);
	va_end(arguments);
}

void
peal_report_add_counters(struct peal_report *report, const struct peal_counters *counters)
{
	for (uint32_t id = 0; id < PEAL_COUNTERS_COUNT; id++) {
		report->counters[id] += peal_counter_get(counters, (enum peal_counter)id);
	}
}

void
peal_report_add_sample(struct peal_report *report, const struct peal_report_sample *sample)
{
	if (report->samples_count < PEAL_REPORT_SAMPLES_MAX) {
		report->samples[report->samples_count++] = *sample;
	}
}

static struct peal_report_figure *
find_figure(const struct peal_report *report, const char *name)
{
	for (uint32_t i = 0; i < report->figures_count; i++) {
		if (strcmp(report->figures[i].name, name) == 0) {
			return (struct peal_report_figure *)(uintptr_t)&report->figures[i];
		}
	}
	return NULL;
}

void
peal_report_note(struct peal_report *report, const char *name, uint64_t value)
{
	struct peal_report_figure *figure = find_figure(report, name);

	if (figure == NULL) {
		PEAL_ASSERT(report->figures_count < PEAL_REPORT_FIGURES_MAX);
		figure = &report->figures[report->figures_count++];
		*figure = (struct peal_report_figure){.name = name};
	}
	figure->value = value > figure->value ? value : figure->value;
}

uint64_t
peal_report_figure(const struct peal_report *report, const char *name)
{
	const struct peal_report_figure *figure = find_figure(report, name);

	return figure == NULL ? 0 : figure->value;
}

void
peal_report_merge(struct peal_report *report, const struct peal_report *part)
{
	report->virtual_ns += part->virtual_ns;
	report->events_count += part->events_count;
	report->frames_count += part->frames_count;
	report->digest = peal_hash_mix(report->digest ^ part->digest);
	report->views_count += part->views_count;
	for (uint32_t size = 0; size <= PEAL_MEMBERS_MAX; size++) {
		report->sizes_seen[size] = report->sizes_seen[size] || part->sizes_seen[size];
	}
	report->removed_count += part->removed_count;
	report->healthy_removed_count += part->healthy_removed_count;
	report->starved_count += part->starved_count;
	report->words_count += part->words_count;
	report->words_late_count += part->words_late_count;
	if (part->word_margin_ns != 0 &&
		(report->word_margin_ns == 0 || part->word_margin_ns < report->word_margin_ns)) {
		report->word_margin_ns = part->word_margin_ns;
	}
	report->messages_count += part->messages_count;
	report->fan_out.cast_messages += part->fan_out.cast_messages;
	report->fan_out.cast_frames += part->fan_out.cast_frames;
	report->fan_out.unicast_messages += part->fan_out.unicast_messages;
	report->fan_out.unicast_frames += part->fan_out.unicast_frames;
	report->fan_out.clean_deliveries += part->fan_out.clean_deliveries;
	report->fan_out.lossy_deliveries += part->fan_out.lossy_deliveries;
	if (part->converge_ns > report->converge_ns) {
		report->converge_ns = part->converge_ns;
	}
	for (uint32_t id = 0; id < PEAL_COUNTERS_COUNT; id++) {
		report->counters[id] += part->counters[id];
	}
	report->agreed_ns += part->agreed_ns;
	report->steps_count += part->steps_count;
	report->bytes += part->bytes;
	for (uint32_t i = 0; i < part->samples_count; i++) {
		peal_report_add_sample(report, &part->samples[i]);
	}
	for (uint32_t i = 0; i < part->figures_count; i++) {
		peal_report_note(report, part->figures[i].name, part->figures[i].value);
	}
	for (uint32_t i = 0; i < part->violations_count; i++) {
		if (i < PEAL_REPORT_VIOLATIONS_MAX &&
			report->violations_count < PEAL_REPORT_VIOLATIONS_MAX) {
			memcpy(report->violations[report->violations_count], part->violations[i],
				PEAL_REPORT_VIOLATION_SIZE_MAX);
		}
		report->violations_count++;
	}
}

static int
compare_values(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left;
	uint64_t b = *(const uint64_t *)right;

	return a < b ? -1 : (a > b ? 1 : 0);
}

struct peal_report_spread
peal_report_spread(uint64_t *values, uint32_t count)
{
	if (count == 0) {
		return (struct peal_report_spread){0};
	}
	qsort(values, count, sizeof(values[0]), compare_values);
	/* The smallest value that so many of the others do not exceed. */
	return (struct peal_report_spread){
		.p50_ns = values[(count - 1U) / 2U],
		.p99_ns = values[((uint64_t)count * 99U + 99U) / 100U - 1U],
		.max_ns = values[count - 1U],
	};
}
