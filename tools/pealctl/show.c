/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/pealctl/show.h"

#include "base/counters.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECOND_NS INT64_C(1000000000)

uint64_t
peal_show_number(const json_t *answer, const char *name)
{
	json_int_t number = json_integer_value(json_object_get(answer, name));

	return number < 0 ? 0 : (uint64_t)number;
}

const char *
peal_show_text(const json_t *answer, const char *name)
{
	const char *text = json_string_value(json_object_get(answer, name));

	return text == NULL || text[0] == '\0' ? "-" : text;
}

void
peal_show_view(json_t *view)
{
	uint64_t epoch = peal_show_number(view, "epoch");

	(void)printf("node      %s of cluster %s, %s\n", peal_show_text(view, "node"),
		peal_show_text(view, "cluster"), peal_show_text(view, "address"));
	(void)printf("state     %s", peal_show_text(view, "state"));
	if (json_object_get(view, "rejoin_in_ms") != NULL) {
		(void)printf(": it held broadcasts back, and joins again in %" PRIu64 " ms",
			peal_show_number(view, "rejoin_in_ms"));
	}
	(void)puts("");
	if (epoch == 0) {
		(void)puts("view      none yet");
		return;
	}
	(void)printf("view      %" PRIu64 " with %" PRIu64 " members\n", epoch,
		peal_show_number(view, "members"));
	(void)printf("member    %" PRIu64 ", rank %" PRIu64 "; the senior is %" PRIu64 "\n",
		peal_show_number(view, "member"), peal_show_number(view, "rank"),
		peal_show_number(view, "senior"));
	(void)printf(
		"quorum    %s\n", peal_show_number(view, "quorum") != 0
					  ? "yes"
					  : "no: too few members are heard to decide anything");
	(void)printf("hash      %s\n", peal_show_text(view, "hash"));
	(void)printf("cluster   %s, preset %s, detector %s, %" PRIu64 " rings\n",
		peal_show_text(view, "cluster_id"), peal_show_text(view, "preset"),
		peal_show_text(view, "detector"), peal_show_number(view, "rings"));
	(void)printf("slow      %s", peal_show_text(view, "slow_member"));
	if (json_object_get(view, "evict_ms") != NULL) {
		(void)printf(", after %" PRIu64 " ms", peal_show_number(view, "evict_ms"));
	}
	(void)puts("");
}

static void
print_heard(const json_t *member)
{
	if (json_object_get(member, "heard_ms_ago") == NULL) {
		(void)printf(" %9s", "-");
		return;
	}
	(void)printf(" %6" PRIu64 " ms", peal_show_number(member, "heard_ms_ago"));
}

/* What goes through directly, and who passes on what does not. */
static void
print_reach(const json_t *member)
{
	char text[32];

	if (json_object_get(member, "via") == NULL) {
		(void)printf("  %-12s", peal_show_text(member, "reach"));
		return;
	}
	(void)snprintf(text, sizeof(text), "via %" PRIu64, peal_show_number(member, "via"));
	(void)printf("  %-12s", text);
}

void
peal_show_members(const json_t *members, const json_t *departed, uint64_t now_ns)
{
	const json_t *entry;
	size_t i;

	(void)printf("%4s %6s  %-21s %-9s %9s  %-12s  %s\n", "rank", "member", "address", "state",
		"heard", "reach", "metadata");
	json_array_foreach(members, i, entry)
	{
		(void)printf("%4" PRIu64 " %6" PRIu64 "  %-21s %-9s",
			peal_show_number(entry, "rank"), peal_show_number(entry, "member"),
			peal_show_text(entry, "address"), peal_show_text(entry, "state"));
		print_heard(entry);
		print_reach(entry);
		(void)printf("  %s\n", peal_show_text(entry, "metadata"));
	}
	json_array_foreach(departed, i, entry)
	{
		uint64_t at_ns = peal_show_number(entry, "at_ns");

		(void)printf("%4s %6" PRIu64 "  %-21s %-9s before view %" PRIu64 ", %" PRIu64
			     " s ago\n",
			"gone", peal_show_number(entry, "member"), peal_show_text(entry, "address"),
			peal_show_text(entry, "event"), peal_show_number(entry, "epoch"),
			now_ns < at_ns ? 0 : (now_ns - at_ns) / (uint64_t)SECOND_NS);
	}
}

void
peal_show_event(const json_t *event)
{
	struct timespec monotonic, wall;
	struct tm parts;
	int64_t wall_ns;
	time_t seconds;
	char text[32];

	/* Events carry CLOCK_MONOTONIC of this host; people compare wall clocks. */
	(void)clock_gettime(CLOCK_MONOTONIC, &monotonic);
	(void)clock_gettime(CLOCK_REALTIME, &wall);
	wall_ns = ((int64_t)wall.tv_sec - (int64_t)monotonic.tv_sec) * SECOND_NS +
		  ((int64_t)wall.tv_nsec - (int64_t)monotonic.tv_nsec) +
		  (int64_t)peal_show_number(event, "at_ns");
	seconds = (time_t)(wall_ns / SECOND_NS);
	(void)localtime_r(&seconds, &parts);
	(void)strftime(text, sizeof(text), "%H:%M:%S", &parts);
	(void)printf("%s.%06d %s\n", text, (int)(wall_ns / 1000 % 1000000),
		peal_show_text(event, "text"));
}

void
peal_show_stats(json_t *stats)
{
	const char *name;
	const json_t *value;
	uint32_t zeros_count = 0;

	json_object_foreach(stats, name, value)
	{
		enum peal_counter id;
		bool is_known = peal_counter_find(name, &id);

		if (json_integer_value(value) == 0) {
			zeros_count++;
			continue;
		}
		(void)printf("%-24s %16" JSON_INTEGER_FORMAT "  %-9s %s\n", name,
			json_integer_value(value), is_known ? peal_counter_unit(id) : "",
			is_known ? peal_counter_help(id) : "Counted by the device.");
	}
	(void)printf("%" PRIu32 " more counters are zero\n", zeros_count);
}

static double
percent(const json_t *core, const char *name, uint64_t total_ns)
{
	return total_ns == 0 ? 0.0
			     : 100.0 * (double)peal_show_number(core, name) / (double)total_ns;
}

/* A number that may be missing. */
static const char *
show_or_dash(const json_t *core, const char *name, char out[24])
{
	(void)snprintf(out, 24, "-");
	if (json_object_get(core, name) != NULL) {
		(void)snprintf(out, 24, "%" PRIu64, peal_show_number(core, name));
	}
	return out;
}

/* Who polls what, and whether packets come where they belong. */
static void
show_steering(const json_t *cores)
{
	const json_t *core;
	size_t i;

	(void)printf("\n%5s %5s %5s %-6s %-8s %12s %12s %12s %8s %10s %s\n", "shard", "lcore",
		"queue", "rung", "steering", "received", "moved away", "moved here", "dropped",
		"busy turn", "NUMA lcore/device/packets");
	json_array_foreach(cores, i, core)
	{
		uint64_t turns_count = peal_show_number(core, "turns_busy");
		char device[24], packets[24];

		(void)printf("%5" PRIu64 " %5" PRIu64 " %5" PRIu64 " %-6s %-8s %12" PRIu64
			     " %12" PRIu64 " %12" PRIu64 " %8" PRIu64 " %7.2f us %" PRIu64
			     "/%s/%s\n",
			peal_show_number(core, "shard"), peal_show_number(core, "lcore"),
			peal_show_number(core, "queue"), peal_show_text(core, "rung"),
			peal_show_text(core, "steering"), peal_show_number(core, "rx_frames"),
			peal_show_number(core, "resteered_away"),
			peal_show_number(core, "resteered_here"),
			peal_show_number(core, "resteer_dropped"),
			turns_count == 0 ? 0.0
					 : (double)peal_show_number(core, "busy_ns") /
						   (double)turns_count / 1000.0,
			peal_show_number(core, "numa_lcore"),
			show_or_dash(core, "numa_device", device),
			show_or_dash(core, "numa_packets", packets));
	}
}

void
peal_show_cores(const json_t *cores)
{
	const json_t *core;
	size_t i;

	(void)printf("%5s %4s %-9s %-9s %14s %7s %7s %7s %7s %12s\n", "lcore", "cpu", "idle",
		"wake", "turns", "busy", "pause", "yield", "sleep", "longest turn");
	json_array_foreach(cores, i, core)
	{
		uint64_t total_ns = peal_show_number(core, "busy_ns") +
				    peal_show_number(core, "idle_pause_ns") +
				    peal_show_number(core, "idle_yield_ns") +
				    peal_show_number(core, "idle_wait_ns");
		char cpu[24] = "any";

		if (json_object_get(core, "cpu") != NULL) {
			(void)snprintf(cpu, sizeof(cpu), "%" PRIu64, peal_show_number(core, "cpu"));
		}
		(void)printf("%5" PRIu64 " %4s %-9s %-9s %14" PRIu64
			     " %5.1f %% %5.1f %% %5.1f %% %5.1f %% %9.1f us\n",
			peal_show_number(core, "lcore"), cpu, peal_show_text(core, "idle"),
			peal_show_text(core, "wake"), peal_show_number(core, "turns"),
			percent(core, "busy_ns", total_ns),
			percent(core, "idle_pause_ns", total_ns),
			percent(core, "idle_yield_ns", total_ns),
			percent(core, "idle_wait_ns", total_ns),
			(double)peal_show_number(core, "longest_turn_ns") / 1000.0);
	}
	show_steering(cores);
}

/* One line of percentiles in microseconds. */
static void
show_percentiles(const json_t *answer, bool has_min)
{
	static const struct {
		const char *name;
		const char *label;
	} shown[] = {
		{"min_ns", "min"},
		{"p50_ns", "p50"},
		{"p90_ns", "p90"},
		{"p99_ns", "p99"},
		{"p99_9_ns", "p99.9"},
		{"max_ns", "max"},
	};

	for (size_t i = has_min ? 0 : 1; i < sizeof(shown) / sizeof(shown[0]); i++) {
		(void)printf("%s %.2f  ", shown[i].label,
			(double)peal_show_number(answer, shown[i].name) / 1000.0);
	}
	(void)puts("us");
}

void
peal_show_ping(const json_t *ping, const json_t *member)
{
	(void)printf("%" PRIu64 " round trips to member %" PRIu64 " (%s): %" PRIu64
		     " answered, %" PRIu64 " lost%s\n",
		peal_show_number(ping, "sent"), peal_show_number(member, "member"),
		peal_show_text(member, "address"), peal_show_number(ping, "received"),
		peal_show_number(ping, "lost"),
		peal_show_number(ping, "cut_short") != 0 ? ", cut short" : "");
	if (peal_show_number(ping, "received") > 0) {
		show_percentiles(ping, true);
	}
}

void
peal_show_load(const json_t *load, const json_t *member)
{
	uint64_t accepted = peal_show_number(load, "accepted");
	uint64_t in_doubt = peal_show_number(load, "in_doubt");
	uint64_t size = peal_show_number(load, "size");
	double seconds = (double)peal_show_number(load, "duration_ns") / 1e9;
	char receiver[96] = "all";

	if (member != NULL) {
		(void)snprintf(receiver, sizeof(receiver), "member %" PRIu64 " (%s)",
			peal_show_number(member, "member"), peal_show_text(member, "address"));
	}
	(void)printf("%" PRIu64 " messages of %" PRIu64 " bytes to %s: %" PRIu64
		     " arrived, %" PRIu64 " in doubt%s\n",
		accepted, size, receiver, accepted - in_doubt, in_doubt,
		peal_show_number(load, "cut_short") != 0 ? ", cut short" : "");
	if (seconds > 0) {
		(void)printf("%.3f s  %.0f messages/s  %.1f MB/s\n", seconds,
			(double)accepted / seconds, (double)(accepted * size) / seconds / 1e6);
	}
}

void
peal_show_heard(json_t *heard)
{
	const char *name;
	json_t *entry;
	bool is_any = false;

	json_object_foreach(heard, name, entry)
	{
		if (!json_is_object(entry)) {
			continue;
		}
		if (!is_any) {
			(void)printf("%8s %-9s %12s %9s %7s %16s\n", "member", "by", "messages",
				"missing", "wrong", "longest pause");
		}
		is_any = true;
		(void)printf("%8" PRIu64 " %-9s %12" PRIu64 " %9" PRIu64 " %7" PRIu64
			     " %13.3f ms\n",
			peal_show_number(entry, "member"), peal_show_text(entry, "by"),
			peal_show_number(entry, "messages"), peal_show_number(entry, "missing"),
			peal_show_number(entry, "wrong"),
			(double)peal_show_number(entry, "longest_pause_ns") / 1e6);
	}
	if (!is_any) {
		(void)puts("nothing was heard yet; pealctl load on another node sends something");
		return;
	}
	(void)printf("one way, where both have one clock: ");
	show_percentiles(heard, false);
}
