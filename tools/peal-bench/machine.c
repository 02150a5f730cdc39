/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define SECOND_NS     UINT64_C(1000000000)
#define LINE_SIZE_MAX 1024U
#define CLOCK_PATH    "/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define CPU_PATH      "/sys/devices/system/cpu"

/* Copies up to the end of the line. */
static void
copy_text(char out[PEAL_MACHINE_TEXT_SIZE_MAX], const char *from)
{
	size_t size = strcspn(from, "\n");

	size = size < PEAL_MACHINE_TEXT_SIZE_MAX ? size : PEAL_MACHINE_TEXT_SIZE_MAX - 1U;
	memcpy(out, from, size);
	out[size] = '\0';
}

static void
read_first_line(const char *path, char out[PEAL_MACHINE_TEXT_SIZE_MAX])
{
	FILE *file = fopen(path, "re");
	char line[LINE_SIZE_MAX];

	if (file == NULL) {
		return;
	}
	if (fgets(line, sizeof(line), file) != NULL) {
		copy_text(out, line);
	}
	(void)fclose(file);
}

/* A list of CPUs, which the kernel writes as an empty line, or "(null)", when there are none. */
static void
read_list(const char *path, char out[PEAL_MACHINE_TEXT_SIZE_MAX])
{
	copy_text(out, "none");
	read_first_line(path, out);
	if (out[0] == '\0' || strstr(out, "null") != NULL) {
		copy_text(out, "none");
	}
}

static void
read_cpu_model(char out[PEAL_MACHINE_TEXT_SIZE_MAX])
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[LINE_SIZE_MAX];
	bool is_found = false;

	if (file == NULL) {
		return;
	}
	while (!is_found && fgets(line, sizeof(line), file) != NULL) {
		const char *colon = strstr(line, ": ");

		is_found = strncmp(line, "model name", strlen("model name")) == 0 && colon != NULL;
		if (is_found) {
			copy_text(out, colon + 2);
		}
	}
	(void)fclose(file);
}

/* Words with blanks between them; what is too long for the text is cut. No byte that JSON would not
 * take. */
static void
read_command_line(char out[PEAL_MACHINE_LINE_SIZE_MAX])
{
	FILE *file = fopen("/proc/self/cmdline", "re");
	size_t size;

	(void)snprintf(out, PEAL_MACHINE_LINE_SIZE_MAX, "unknown");
	if (file == NULL) {
		return;
	}
	size = fread(out, 1, PEAL_MACHINE_LINE_SIZE_MAX - 1U, file);
	(void)fclose(file);
	for (size_t i = 0; i < size; i++) {
		if (out[i] < ' ' || out[i] > '~') {
			out[i] = (char)(out[i] == '\0' ? ' ' : '?');
		}
	}
	size -= size > 0 && out[size - 1U] == ' ';
	out[size] = '\0';
}

/* The size that the kernel gives unless asked for another, and how many of it are free. */
static void
read_huge_pages(char out[PEAL_MACHINE_TEXT_SIZE_MAX])
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long free_count = 0, size_kb = 0;
	char line[LINE_SIZE_MAX];

	copy_text(out, "unknown");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		(void)sscanf(line, "HugePages_Free: %lu", &free_count);
		(void)sscanf(line, "Hugepagesize: %lu", &size_kb);
	}
	if (file != NULL) {
		(void)fclose(file);
	}
	if (size_kb > 0) {
		(void)snprintf(
			out, PEAL_MACHINE_TEXT_SIZE_MAX, "%lu kB x %lu", size_kb, free_count);
	}
}

static void
read_time(char out[PEAL_MACHINE_TEXT_SIZE_MAX])
{
	time_t now = time(NULL);
	struct tm parts;

	copy_text(out, "unknown");
	if (gmtime_r(&now, &parts) != NULL) {
		(void)strftime(out, PEAL_MACHINE_TEXT_SIZE_MAX, "%Y-%m-%dT%H:%M:%SZ", &parts);
	}
}

void
peal_machine_describe(struct peal_machine *machine_out)
{
	struct utsname name;
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	copy_text(machine_out->cpu, "unknown");
	copy_text(machine_out->kernel, "unknown");
	copy_text(machine_out->clock, "unknown");
	copy_text(machine_out->governor, "unknown");
	copy_text(machine_out->siblings, "unknown");
	copy_text(machine_out->product, "unknown");
	machine_out->cpus_count = online < 1 ? 1U : (uint32_t)online;
	copy_text(machine_out->load, "unknown");
	read_first_line("/proc/loadavg", machine_out->load);
	read_huge_pages(machine_out->huge_free);
	read_time(machine_out->taken_at);
	read_command_line(machine_out->command_line);
	read_cpu_model(machine_out->cpu);
	read_first_line(CLOCK_PATH, machine_out->clock);
	read_list(CPU_PATH "/isolated", machine_out->isolated);
	read_list(CPU_PATH "/nohz_full", machine_out->tickless);
	read_first_line(CPU_PATH "/cpu0/cpufreq/scaling_governor", machine_out->governor);
	read_first_line(CPU_PATH "/cpu0/topology/thread_siblings_list", machine_out->siblings);
	read_first_line("/sys/class/dmi/id/product_name", machine_out->product);
	if (uname(&name) == 0) {
		copy_text(machine_out->kernel, name.release);
	}
}

static uint64_t
read_clock_ns(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now) != 0) {
		return 0;
	}
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* The eighth number of a line "cpu0 user nice system idle iowait irq softirq steal ...". */
static uint64_t
parse_steal(const char *line)
{
	unsigned long long ticks = 0;

	return sscanf(line, "%*s %*u %*u %*u %*u %*u %*u %*u %llu", &ticks) == 1 ? ticks : 0;
}

static uint64_t
read_steal_ns(const int cpus[PEAL_BENCHARGS_SIDES_COUNT])
{
	FILE *file = fopen("/proc/stat", "re");
	long ticks_per_second = sysconf(_SC_CLK_TCK);
	char line[LINE_SIZE_MAX];
	uint64_t ticks = 0;

	if (file == NULL) {
		return 0;
	}
	while (fgets(line, sizeof(line), file) != NULL && strncmp(line, "cpu", 3) == 0) {
		char *end;
		long cpu = strtol(line + 3, &end, 10);
		bool is_one = end != line + 3 && (cpu == cpus[0] || cpu == cpus[1]);

		ticks += is_one ? parse_steal(line) : 0;
	}
	(void)fclose(file);
	return ticks_per_second < 1 ? 0 : ticks * (SECOND_NS / (uint64_t)ticks_per_second);
}

void
peal_machine_read_use(struct peal_machine_use *use_out)
{
	FILE *file = fopen("/proc/stat", "re");
	unsigned long long user, nice, system, irq, softirq, steal;
	long ticks_per_second = sysconf(_SC_CLK_TCK);
	uint64_t tick_ns = ticks_per_second < 1 ? 0 : SECOND_NS / (uint64_t)ticks_per_second;

	*use_out = (struct peal_machine_use){0};
	if (file == NULL) {
		return;
	}
	if (fscanf(file, "cpu %llu %llu %llu %*u %*u %llu %llu %llu", &user, &nice, &system, &irq,
		    &softirq, &steal) == 6) {
		use_out->used_ns = (user + nice + system + irq + softirq) * tick_ns;
		use_out->steal_ns = steal * tick_ns;
	}
	(void)fclose(file);
}

void
peal_machine_begin(struct peal_machine_watch *watch, const int cpus[PEAL_BENCHARGS_SIDES_COUNT],
	const clockid_t clocks[PEAL_BENCHARGS_SIDES_COUNT])
{
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		watch->cpus[i] = cpus[i];
		watch->clocks[i] = clocks[i];
		watch->cpu_ns[i] = read_clock_ns(clocks[i]);
	}
	watch->steal_ns = read_steal_ns(cpus);
	watch->begin_at_ns = read_clock_ns(CLOCK_MONOTONIC);
}

void
peal_machine_end(const struct peal_machine_watch *watch, struct peal_machine_bill *bill_out)
{
	uint64_t elapsed_ns = read_clock_ns(CLOCK_MONOTONIC) - watch->begin_at_ns;

	bill_out->elapsed_ns = elapsed_ns;
	bill_out->steal_ns = read_steal_ns(watch->cpus) - watch->steal_ns;
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		uint64_t now_ns = read_clock_ns(watch->clocks[i]);
		bool is_known =
			now_ns >= watch->cpu_ns[i] && watch->cpu_ns[i] > 0 && elapsed_ns > 0;
		double share =
			is_known ? (double)(now_ns - watch->cpu_ns[i]) / (double)elapsed_ns : -1.0;

		bill_out->shares[i] = share > 1.0 ? 1.0 : share;
	}
}
