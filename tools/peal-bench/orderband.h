/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ranks of an order group in a view that never changes, and what they are to do: what order and
 * infinite measure with. Cores, frames, AEAD and the order plane are those of production.
 *
 * All ranks are in this process, on a switch in memory and on one loop or several; or each is in a
 * process and a network namespace of its own (trio.h), over af_packet. Either way what they measure
 * is in memory that all see, and they are told what to do there, phase by phase. Times are those of
 * one time stamp counter.
 *
 * Main thread; ranks on their loops.
 */
#ifndef PEAL_PEAL_BENCH_ORDERBAND_H
#define PEAL_PEAL_BENCH_ORDERBAND_H

#include "base/histogram.h"
#include "base/orderlimits.h"
#include "tools/peal-bench/benchargs.h"
#include "tools/peal-bench/machine.h"

#include <stdatomic.h>

#define PEAL_ORDERBAND_SIZE_MIN  16U
#define PEAL_ORDERBAND_TEXT_SIZE 16U

/* How messages leave. */
enum peal_orderband_kind {
	PEAL_ORDERBAND_PACED = 0, /* on a fixed schedule; times count from the intended departure */
	PEAL_ORDERBAND_CLOSED = 1, /* when the one before is back */
	PEAL_ORDERBAND_FLOOD = 2,  /* as many as are accepted, for a time */
};

struct peal_orderband_phase {
	enum peal_orderband_kind kind;
	bool is_timed;         /* times are kept */
	uint8_t senders_count; /* the first ranks */
	uint64_t count;        /* of each sender; FLOOD: not looked at */
	uint64_t interval_ns;  /* of each sender, PACED */
	uint64_t duration_ns;  /* FLOOD */
};

/* What a rank says; written by its loop. */
struct peal_orderband_part {
	_Alignas(64) _Atomic uint64_t sent_count; /* accepted, in all phases */
	_Atomic uint64_t taken_count;             /* delivered here, of all senders */
	_Atomic uint64_t sent_phase;              /* the last one in which it has sent all */
	_Atomic uint64_t done_phase;              /* the last one of which it has all */
	_Atomic uint64_t waiting_count;           /* own ones that are not back */
	_Atomic uint64_t position;                /* delivered up to there */
	_Atomic uint64_t lost_count;              /* own ones of which nobody knows */
	_Atomic uint64_t skips_count;             /* times that it went on elsewhere */
	_Atomic uint64_t views_count;             /* of the group */
	_Atomic uint64_t busy_cycles;             /* of turns that found work */
	_Atomic uint64_t frames_count;            /* sent */
	_Atomic uint64_t path_mtu; /* packets that all paths from here are proven to carry */
	uint64_t next[PEAL_ORDER_RANKS_MAX]; /* number awaited of each sender */
	uint64_t began_at;                   /* the phase, in cycles */
	uint64_t done_at;                    /* it was all here, the same */
	uint64_t sum;                        /* of all messages, in this order */
	uint64_t wrong_count;                /* not the next one of its sender */
	struct peal_histogram own;           /* ns until it is delivered to who said it */
	struct peal_histogram others;        /* to this rank, of others */
	uint8_t mac[8];
};

struct peal_orderband_shared {
	struct peal_orderband_phase phase;
	_Alignas(64) _Atomic uint64_t phase_number; /* 0 = none yet */
	_Atomic bool is_enough;                     /* FLOOD */
	_Atomic bool is_stopping;
	uint8_t raw_key[16];
	uint64_t cycles_hz;
	char aead_name[PEAL_ORDERBAND_TEXT_SIZE]; /* empty = not sealed */
	struct peal_orderband_part parts[PEAL_ORDER_RANKS_MAX];
};

/* Opaque: ranks, loops, processes. */
struct peal_orderband;

/* What one phase came to. */
struct peal_orderband_result {
	uint64_t count; /* messages ordered */
	double seconds;
	double per_s;
	double cycles[PEAL_ORDER_RANKS_MAX]; /* of a message, of turns that found work */
	double frames[PEAL_ORDER_RANKS_MAX]; /* sent, of a message */
};

/*
 * The whole life of a group of args->nodes_count ranks over args->link, ring or af_packet;
 * `measure` on the main thread once they turn. Once in a process.
 * @return false with a sentence; empty when Ctrl-C came
 */
bool peal_orderband_run(const struct peal_benchargs *args,
	bool (*measure)(void *state, struct peal_orderband *band, struct peal_sentence *error),
	void *state, struct peal_sentence *error);

struct peal_orderband_shared *peal_orderband_shared(struct peal_orderband *band);
/* What the two loops' CPUs had, where all ranks are here; else false. */
bool peal_orderband_watch(struct peal_orderband *band, struct peal_machine_watch *watch);

/* One phase, until all ranks have all. `what` for the progress bar. */
bool peal_orderband_play(struct peal_orderband *band, const struct peal_orderband_phase *phase,
	const char *what, struct peal_orderband_result *result_out, struct peal_sentence *error);

/* Violations of one order so far: sums or counts that differ, messages that were not the next. A
 * rank that was too slow, and went on elsewhere, has another sum: it is not looked at. */
uint64_t peal_orderband_violations(struct peal_orderband *band);
/* Times that a rank was too slow, or a process was away for too long: what it missed is not here.
 */
uint64_t peal_orderband_skips(struct peal_orderband *band);

#endif
