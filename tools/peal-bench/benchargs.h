/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What was asked for on the command line of peal-bench, as one checked value.
 *
 * All commands share it; which fields count is a matter of the options that a command takes
 * (command.h). Main thread, before anything is started; read-only afterwards.
 */
#ifndef PEAL_PEAL_BENCH_BENCHARGS_H
#define PEAL_PEAL_BENCH_BENCHARGS_H

#include "runtime/config.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum peal_benchargs_link {
	PEAL_BENCHARGS_RING = 0,
	PEAL_BENCHARGS_AF_PACKET = 1,
	PEAL_BENCHARGS_MEMIF = 2,
	PEAL_BENCHARGS_VHOST = 3,
	PEAL_BENCHARGS_FAR = 4,       /* another machine, over a device of each */
	PEAL_BENCHARGS_LINK_NONE = 5, /* not said */
};

#define PEAL_BENCHARGS_LINKS_COUNT 5U
/* The side that asks and the side that answers, wherever something is kept of both. */
#define PEAL_BENCHARGS_SIDES_COUNT 2U
#define PEAL_BENCHARGS_CPUS_MAX    64U
#define PEAL_BENCHARGS_PAIRS_MAX   100U
/* Bytes of a message that is measured. */
#define PEAL_BENCHARGS_SIZE_MIN 8U
#define PEAL_BENCHARGS_SIZE_MAX 65536U
/* Rounds of throughput, and of what measures CPUs. */
#define PEAL_BENCHARGS_ROUNDS_MAX 1000U
#define PEAL_BENCHARGS_RATES_MAX  100U /* rounds of a quarter of a second */
/* Times that scale kills. */
#define PEAL_BENCHARGS_KILLS_MAX 8U
/* Result files: two of compare, as many as a picture has lines of plot. */
#define PEAL_BENCHARGS_FILES_MAX 8U

struct peal_farline_hello;

struct peal_benchargs {
	const char *command;
	enum peal_benchargs_link link;
	uint64_t count;                    /* echoes, or messages */
	uint64_t interval_ns;              /* from one intended departure to the next */
	enum peal_idle_role idle;          /* of the poll loops */
	uint32_t cpus_count;               /* 0 = not said */
	int cpus[PEAL_BENCHARGS_CPUS_MAX]; /* this process may use them; of a pair, one each */
	bool is_sealed;
	const char *to;          /* far: where the other machine serves */
	const char *device;      /* far: of this machine */
	const char *device_args; /* of it; NULL = none */
	const char *listen;      /* serve: NULL = everywhere */
	bool is_once;            /* serve: one run and no more */
	int far_fd;              /* far: of the side that serves, the line; else 0 */
	const struct peal_farline_hello *far_hello; /* what came over it */
	const char *key_path;                       /* NULL = a key drawn for this run */
	uint32_t size;                              /* of a message or record */
	uint16_t mtu;                               /* of the link; 0 = what it has by itself */
	bool is_alone;                              /* each message in a frame of its own */
	bool is_echo;          /* cycles: the other end answers from within the delivery */
	bool is_lent;          /* cycles: messages are lent and not copied */
	uint32_t burst;        /* cycles: messages of a round */
	uint32_t idle_turns;   /* cycles: of both cores, between two rounds */
	const char *aead_name; /* cycles; NULL = the best there is */
	uint32_t rounds_count; /* [1, PEAL_BENCHARGS_ROUNDS_MAX] */
	const char *of;        /* ratio: what is divided by raw, "rtt" or "message" */
	uint32_t pairs_count;  /* ratio, [5, PEAL_BENCHARGS_PAIRS_MAX] */
	/* scale and others with many nodes */
	uint32_t nodes_count;   /* [2, PEAL_RUNTIME_NODES_MAX] */
	uint32_t senders_count; /* order; 0 = all */
	const char *preset;     /* NULL = the one that suits each part */
	uint64_t rest_s;        /* 0 = none */
	uint32_t kills_count;
	uint32_t kills[PEAL_BENCHARGS_KILLS_MAX]; /* nodes to stop at once, each time */
	const char *kills_text;                   /* the same as it was written */
	/* jitter */
	uint64_t duration_ns;
	uint64_t threshold_ns;
	/* compare and plot */
	uint32_t files_count;
	const char *files[PEAL_BENCHARGS_FILES_MAX];
	const char *figure; /* NULL = what suits the command */
	const char *title;  /* NULL = made of the results */
	/* what comes of it */
	const char *json_path; /* NULL = none; "-" = standard output, then text goes to stderr */
	const char *hdr_path;  /* NULL = none */
	const char *plot_path; /* NULL = none; ends in .svg or .png */
	uint32_t runs_count;   /* 0 = one, in this process */
	bool is_anyway;        /* a figure even of a machine that was not its own */
	bool is_quiet;
};

/* "ring", "af_packet", "memif", "vhost"; "spin", "shared". Static. */
const char *peal_benchargs_link_name(enum peal_benchargs_link link);
const char *peal_benchargs_idle_name(enum peal_idle_role idle);

/* True when each side is a process of its own. */
bool peal_benchargs_is_split(enum peal_benchargs_link link);

/* Where text for people goes; NULL = nowhere. */
FILE *peal_benchargs_text_file(const struct peal_benchargs *args);

#endif
