/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DPDK's environment layer: arguments, start, and an end that leaves nothing behind.
 *
 * The layer starts once in a process and owns the main thread's lcore 0, which runs nothing but
 * set-up; lcores 1 .. count poll. Other processes are never attached: no shared configuration, no
 * files but the telemetry socket in <runtime directory>/dpdk/<prefix>, which is removed again on
 * every exit but SIGKILL, and taken over by the next start after one. Messages of DPDK are kept
 * back; the last one explains a failure, and errors after the start are printed on stderr. With a
 * log level among the extra arguments everything is printed.
 *
 * An application that has started DPDK for itself keeps it: then only adopt is called.
 */
#ifndef PEAL_RUNTIME_EAL_H
#define PEAL_RUNTIME_EAL_H

#include "dataplane/dpdk/sentence.h"
#include "runtime/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lcores that poll, and extra arguments, of one process. */
#define PEAL_EAL_LCORES_MAX           16U
#define PEAL_EAL_EXTRA_MAX            64U
#define PEAL_EAL_DEVICE_ARGS_SIZE_MAX (PEAL_CONFIG_DEVICE_ARGS_SIZE_MAX + 97U)

struct peal_eal_config {
	const char *prefix;      /* names the runtime directory; one running process each */
	const char *device;      /* virtual device, PCI address, or NULL for none */
	const char *device_args; /* of the device, may be empty */
	uint32_t queues_count;   /* each way; a driver that must be told is told; 0 counts as 1 */
	uint16_t mtu;            /* 0 = what a kernel interface has; its driver is told */
	uint32_t memory_mb;
	enum peal_config_huge huge;
	uint32_t lcores_count;         /* [1, PEAL_EAL_LCORES_MAX] */
	int cpus[PEAL_EAL_LCORES_MAX]; /* of each lcore; -1 = any that the process may use */
	bool is_exclusive;    /* keep all other threads off those CPUs, if there are others */
	const char *advice;   /* what to look at when it does not start; NULL = peald's keys */
	uint32_t extra_count; /* [0, PEAL_EAL_EXTRA_MAX]: arguments added as they are */
	char *const *extra;
};

/* Starts it. False with a sentence; then nothing is left behind, and it cannot be tried again. */
bool peal_eal_start(const struct peal_eal_config *config, struct peal_sentence *error);

/*
 * In the place of start: the process has started DPDK itself, and will end it; stop does nothing
 * then. False with a sentence when it has not. Any number of times.
 */
bool peal_eal_adopt(struct peal_sentence *error);

/* What a driver is told of the device, as key=value,...: device_args, and what its queues and MTU
 * ask for besides. A text of PEAL_EAL_DEVICE_ARGS_SIZE_MAX bytes is never cut. */
void peal_eal_write_device_args(const struct peal_eal_config *config, char *text, size_t capacity);
/* True when `device` is a PCI address, not the name of a virtual device. */
bool peal_eal_is_pci(const char *device);

/* Ends it; every lcore has stopped. A second call does nothing. */
void peal_eal_stop(void);

/* Removes what is on disk; for exits that skip peal_eal_stop. Async-signal-safe. */
void peal_eal_clear_disk(void);

/* The highest CPU that this process may use. */
int peal_eal_last_cpu(void);
/* The highest but `index`; the lowest when there are not so many. */
int peal_eal_last_but(uint32_t index);
/* True when this process may use the CPU. */
bool peal_eal_has_cpu(int cpu);

/* True when the packets lie in huge pages. After start. */
bool peal_eal_is_huge(void);

/* "DPDK 22.11.11", the one that was found when the process began. Any time. */
const char *peal_eal_version(void);

#endif
