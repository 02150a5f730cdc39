/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line of peal-bench as one checked value. Main thread, before anything is started.
 */
#ifndef PEAL_PEAL_BENCH_BENCHARGS_H
#define PEAL_PEAL_BENCH_BENCHARGS_H

#include "runtime/config.h"

#include <stdbool.h>
#include <stdint.h>

enum peal_benchargs_command {
	PEAL_BENCHARGS_RTT = 0,
	PEAL_BENCHARGS_RAW = 1,
	PEAL_BENCHARGS_RATIO = 2,
	PEAL_BENCHARGS_SCALE = 3,
	PEAL_BENCHARGS_MESSAGE = 4,
	PEAL_BENCHARGS_THROUGHPUT = 5,
};

enum peal_benchargs_link {
	PEAL_BENCHARGS_RING = 0,
	PEAL_BENCHARGS_AF_PACKET = 1,
	PEAL_BENCHARGS_MEMIF = 2,
	PEAL_BENCHARGS_VHOST = 3,
};

/* The side that asks and the side that answers, wherever something is kept of both. */
#define PEAL_BENCHARGS_SIDES_COUNT 2U
#define PEAL_BENCHARGS_PAIRS_MAX   100U
/* Bytes of a message that is measured. */
#define PEAL_BENCHARGS_SIZE_MIN   8U
#define PEAL_BENCHARGS_SIZE_MAX   65536U
#define PEAL_BENCHARGS_ROUNDS_MAX 100U
/* Times that scale kills. */
#define PEAL_BENCHARGS_KILLS_MAX 8U

struct peal_benchargs {
	enum peal_benchargs_command command;
	enum peal_benchargs_link link;
	uint64_t count;           /* echoes */
	uint64_t interval_ns;     /* from one intended departure to the next */
	enum peal_idle_role idle; /* of both poll loops */
	int cpus[PEAL_BENCHARGS_SIDES_COUNT];
	bool is_sealed;
	const char *key_path;  /* NULL = a key drawn for this run */
	uint32_t size;         /* message and throughput, [PEAL_BENCHARGS_SIZE_MIN, ..._MAX] */
	uint16_t mtu;          /* of the link, all but rtt; 0 = what it has by itself */
	bool is_alone;         /* throughput: each message in a frame of its own */
	uint32_t rounds_count; /* throughput, [1, PEAL_BENCHARGS_ROUNDS_MAX] */
	/* ratio: what is divided by raw, RTT or MESSAGE */
	enum peal_benchargs_command dividend;
	uint32_t pairs_count;  /* ratio only, [5, PEAL_BENCHARGS_PAIRS_MAX] */
	const char *json_path; /* NULL = none; "-" = standard output, then text goes to stderr */
	const char *hdr_path;  /* NULL = none */
	const char *plot_path; /* NULL = none; ends in .svg or .png */
	bool is_anyway;        /* all but scale: a figure even of a machine that was not its own */
	bool is_quiet;
	/* scale only */
	uint32_t nodes_count; /* [2, PEAL_RUNTIME_NODES_MAX] */
	const char *preset;   /* NULL = the one that suits each part */
	uint64_t rest_s;      /* 0 = none */
	uint32_t kills_count;
	uint32_t kills[PEAL_BENCHARGS_KILLS_MAX]; /* nodes to stop at once, each time */
	const char *kills_text;                   /* the same as it was written */
};

/* What to do after parsing. */
enum peal_benchargs_verdict {
	PEAL_BENCHARGS_GO = 0,
	PEAL_BENCHARGS_HELPED = 1,  /* the help was asked for and is printed */
	PEAL_BENCHARGS_REFUSED = 2, /* the sentence says what is wrong */
};

/* Reads the command line. Strings of `values` must outlive the result. */
enum peal_benchargs_verdict peal_benchargs_parse(
	struct peal_benchargs *args_out, int count, char **values, struct peal_sentence *error);

/* "rtt", "raw", "ratio", "scale", "message", "throughput"; "ring", "af_packet", "memif", "vhost";
 * "spin", "shared". Static. */
const char *peal_benchargs_command_name(enum peal_benchargs_command command);
const char *peal_benchargs_link_name(enum peal_benchargs_link link);
const char *peal_benchargs_idle_name(enum peal_idle_role idle);

/* True when each side is a process of its own. */
bool peal_benchargs_is_split(enum peal_benchargs_link link);

#endif
