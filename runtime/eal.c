/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/eal.h"

#include "base/assert.h"
#include "base/limits.h"
#include "dataplane/dpdk/mbufpool.h"
#include "runtime/eal_files.h"

#include <net/if.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_malloc.h>
#include <rte_version.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ARGUMENTS_MAX     (16U + PEAL_EAL_EXTRA_MAX)
#define ARGUMENT_SIZE_MAX 512U

/* The list that EAL gets; it keeps pointers into it. */
struct arguments {
	uint32_t count;
	char *words[ARGUMENTS_MAX + 1U];
	char texts[16][ARGUMENT_SIZE_MAX];
};

static struct arguments arguments;
static bool is_huge;
static bool is_started;
static bool is_stopped;

static void __attribute__((format(printf, 1, 2))) add_argument(const char *format, ...)
{
	va_list values;
	char *text = arguments.texts[arguments.count];

	PEAL_ASSERT(arguments.count < 16U);
	va_start(values, format);
	(void)vsnprintf(text, ARGUMENT_SIZE_MAX, format, values);
	va_end(values);
	arguments.words[arguments.count++] = text;
}

bool
peal_eal_has_cpu(int cpu)
{
	cpu_set_t cpus;

	return cpu >= 0 && cpu < CPU_SETSIZE && sched_getaffinity(0, sizeof(cpus), &cpus) == 0 &&
	       CPU_ISSET((size_t)cpu, &cpus);
}

int
peal_eal_last_cpu(void)
{
	int last = 0;

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		last = peal_eal_has_cpu(cpu) ? cpu : last;
	}
	return last;
}

int
peal_eal_last_but(uint32_t index)
{
	int found = peal_eal_last_cpu();

	for (int cpu = found - 1; cpu >= 0 && index > 0; cpu--) {
		if (peal_eal_has_cpu(cpu)) {
			found = cpu;
			index--;
		}
	}
	return found;
}

bool
peal_eal_is_huge(void)
{
	return is_huge;
}

const char *
peal_eal_version(void)
{
	return rte_version();
}

/* Appends "(cpu,cpu,...)": all CPUs this process may use, but those that lcores have to themselves.
 */
static size_t
write_cpus(char *text, size_t capacity, const struct peal_eal_config *config, bool but_exclusive)
{
	cpu_set_t cpus;
	size_t used = 0;

	CPU_ZERO(&cpus);
	(void)sched_getaffinity(0, sizeof(cpus), &cpus);
	for (uint32_t i = 0; but_exclusive && i < config->lcores_count; i++) {
		if (config->cpus[i] >= 0 && CPU_COUNT(&cpus) > 1) {
			CPU_CLR((size_t)config->cpus[i], &cpus);
		}
	}
	for (size_t cpu = 0; cpu < CPU_SETSIZE && used < capacity; cpu++) {
		if (CPU_ISSET(cpu, &cpus)) {
			used += (size_t)snprintf(
				text + used, capacity - used, "%s%zu", used == 0 ? "(" : ",", cpu);
		}
	}
	used += used < capacity ? (size_t)snprintf(text + used, capacity - used, ")") : 0U;
	return used;
}

/* lcore 0 for the main thread beside the others; lcores 1 .. n where they were wished. */
static bool
add_lcores(const struct peal_eal_config *config, struct peal_sentence *error)
{
	char text[ARGUMENT_SIZE_MAX - 16U];
	size_t used = (size_t)snprintf(text, sizeof(text), "0@");

	used += write_cpus(text + used, sizeof(text) - used, config, config->is_exclusive);
	for (uint32_t i = 0; i < config->lcores_count && used < sizeof(text); i++) {
		int cpu = config->cpus[i];

		if (cpu >= 0 && !peal_eal_has_cpu(cpu)) {
			return peal_sentence_set(error,
				"lcore: this process may not use CPU %d; the last one it may use "
				"is %d",
				cpu, peal_eal_last_cpu());
		}
		used += (size_t)snprintf(text + used, sizeof(text) - used, ",%u@", i + 1U);
		if (used < sizeof(text) && cpu >= 0) {
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%d", cpu);
		} else if (used < sizeof(text)) {
			used += write_cpus(text + used, sizeof(text) - used, config, false);
		}
	}
	if (used >= sizeof(text)) {
		return peal_sentence_set(error,
			"this process may use too many CPUs to list them; start it under taskset "
			"with those it shall use");
	}
	add_argument("--lcores=%s", text);
	return true;
}

static bool
add_memory(const struct peal_eal_config *config, struct peal_sentence *error)
{
	uint32_t free_mb = peal_eal_files_huge_free_mb();

	is_huge = config->huge == PEAL_CONFIG_HUGE_YES ||
		  (config->huge == PEAL_CONFIG_HUGE_AUTO && free_mb >= config->memory_mb);
	if (is_huge && free_mb < config->memory_mb) {
		return peal_sentence_set(error,
			"huge: only %u MiB of huge pages are free and memory_mb asks for %u; set "
			"vm.nr_hugepages higher, or write huge: no",
			free_mb, config->memory_mb);
	}
	add_argument("-m");
	add_argument("%u", config->memory_mb);
	if (is_huge) {
		add_argument("--in-memory");
		add_argument("--single-file-segments");
	} else {
		add_argument("--no-huge");
		add_argument("--no-shconf");
	}
	return true;
}

static bool
is_pci_address(const char *device)
{
	unsigned int domain, bus, slot, function;
	int used = 0;

	return (sscanf(device, "%x:%x:%x.%x%n", &domain, &bus, &slot, &function, &used) == 4 ||
		       sscanf(device, "%x:%x.%x%n", &bus, &slot, &function, &used) == 3) &&
	       device[used] == '\0';
}

/* Queues of a socket are made when the device is. */
static bool
needs_pairs(const struct peal_eal_config *config)
{
	return config->queues_count > 1 && strncmp(config->device, "net_af_packet", 13) == 0 &&
	       strstr(config->device_args, "qpairs=") == NULL;
}

/* MTU of the interface of an af_packet device; 0 = not known, or another device. */
static uint16_t
find_mtu(const struct peal_eal_config *config)
{
	const char *name = strstr(config->device_args, "iface=");
	struct ifreq request = {0};
	int file;
	bool is_read;

	if (strncmp(config->device, "net_af_packet", 13) != 0 || name == NULL) {
		return 0;
	}
	if (config->mtu > 0) {
		return config->mtu;
	}
	name += strlen("iface=");
	(void)snprintf(
		request.ifr_name, sizeof(request.ifr_name), "%.*s", (int)strcspn(name, ","), name);
	file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	is_read = file >= 0 && ioctl(file, SIOCGIFMTU, &request) == 0;
	if (file >= 0) {
		(void)close(file);
	}
	if (!is_read || request.ifr_mtu < (int)PEAL_MTU_MIN) {
		return 0;
	}
	return request.ifr_mtu < (int)PEAL_MTU_MAX ? (uint16_t)request.ifr_mtu
						   : (uint16_t)PEAL_MTU_MAX;
}

/* The ring of a kernel interface has places for frames of its MTU; four make a block, which must
 * be whole pages. Nothing when the operator says how large, or the driver's own are enough. */
static void
write_frame_size(const struct peal_eal_config *config, char text[64])
{
	uint16_t mtu = find_mtu(config);
	uint32_t size = mtu > 0 ? peal_mbufpool_frame_size(mtu) : 0;

	text[0] = '\0';
	if (size > PEAL_MBUFPOOL_FRAME_SIZE_MAX &&
		strstr(config->device_args, "framesz=") == NULL) {
		(void)snprintf(text, 64, ",framesz=%u,blocksz=%u", size, 4U * size);
	}
}

bool
peal_eal_is_pci(const char *device)
{
	return is_pci_address(device);
}

void
peal_eal_write_device_args(const struct peal_eal_config *config, char *text, size_t capacity)
{
	char frame_size[64] = "", pairs[32] = "";

	if (!is_pci_address(config->device)) {
		write_frame_size(config, frame_size);
		if (needs_pairs(config)) {
			(void)snprintf(pairs, sizeof(pairs), ",qpairs=%u", config->queues_count);
		}
	}
	(void)snprintf(text, capacity, "%s%s%s", config->device_args, pairs, frame_size);
}

static void
add_device(const struct peal_eal_config *config)
{
	char args[PEAL_EAL_DEVICE_ARGS_SIZE_MAX] = "";
	const char *comma;

	if (config->device != NULL) {
		peal_eal_write_device_args(config, args, sizeof(args));
	}
	comma = args[0] != '\0' && args[0] != ',' ? "," : "";
	if (config->device != NULL && is_pci_address(config->device)) {
		add_argument("--allow=%s%s%s", config->device, comma, args);
		return;
	}
	/* Without real devices physical addresses are of no use, and need privileges. */
	add_argument("--no-pci");
	add_argument("--iova-mode=va");
	if (config->device != NULL) {
		add_argument("--vdev=%s%s%s", config->device, comma, args);
	}
}

static bool
has_log_level(const struct peal_eal_config *config)
{
	for (uint32_t i = 0; i < config->extra_count; i++) {
		if (strncmp(config->extra[i], "--log-level", 11) == 0) {
			return true;
		}
	}
	return false;
}

static bool
collect_arguments(const struct peal_eal_config *config, struct peal_sentence *error)
{
	arguments.count = 0;
	add_argument("peal");
	add_argument("--file-prefix=%s", config->prefix);
	if (!has_log_level(config)) {
		add_argument("--log-level=warning");
		peal_eal_files_catch_log();
	}
	if (!add_memory(config, error) || !add_lcores(config, error)) {
		return false;
	}
	add_device(config);
	for (uint32_t i = 0; i < config->extra_count; i++) {
		arguments.words[arguments.count++] = config->extra[i];
	}
	arguments.words[arguments.count] = NULL;
	return true;
}

bool
peal_eal_start(const struct peal_eal_config *config, struct peal_sentence *error)
{
	PEAL_ASSERT(!is_started);
	PEAL_ASSERT(config->lcores_count >= 1 && config->lcores_count <= PEAL_EAL_LCORES_MAX);
	if (config->extra_count > PEAL_EAL_EXTRA_MAX) {
		return peal_sentence_set(error,
			"more than %u arguments for EAL after --; leave some out",
			PEAL_EAL_EXTRA_MAX);
	}
	if (!peal_eal_files_claim(config->prefix, error) || !collect_arguments(config, error)) {
		return false;
	}
	if (rte_eal_init((int)arguments.count, arguments.words) < 0) {
		(void)peal_sentence_set(error, "DPDK did not start (%s: %s); look at %s",
			rte_strerror(rte_errno), peal_eal_files_kept_log(),
			config->advice != NULL
				? config->advice
				: "memory_mb, huge, device and the arguments after --");
		peal_eal_clear_disk();
		return false;
	}
	is_started = true;
	return true;
}

bool
peal_eal_adopt(struct peal_sentence *error)
{
	void *probe;

	PEAL_ASSERT(!is_started);
	/* It does not say so itself; but a start that failed leaves lcores without memory. */
	probe = rte_lcore_count() > 0 ? rte_malloc(NULL, RTE_CACHE_LINE_SIZE, 0) : NULL;
	if (probe == NULL) {
		return peal_sentence_set(error,
			"DPDK has not been started in this process, or has no memory; call "
			"rte_eal_init first, and look at what it returns");
	}
	rte_free(probe);
	if (rte_eal_process_type() != RTE_PROC_PRIMARY) {
		return peal_sentence_set(error,
			"this is a secondary process of DPDK, and a node takes a primary one; "
			"start it with --proc-type=primary");
	}
	is_huge = rte_eal_has_hugepages() != 0;
	return true;
}

void
peal_eal_stop(void)
{
	if (is_started && !is_stopped) {
		is_stopped = true;
		(void)rte_eal_cleanup();
		peal_eal_clear_disk();
	}
}

void
peal_eal_clear_disk(void)
{
	peal_eal_files_clear();
}
