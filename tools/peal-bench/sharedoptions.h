/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Options that more than one command takes, and what they have to be checked for. Static,
 * read-only; the functions on the main thread.
 */
#ifndef PEAL_PEAL_BENCH_SHAREDOPTIONS_H
#define PEAL_PEAL_BENCH_SHAREDOPTIONS_H

#include "tools/peal-bench/command.h"

extern const struct peal_option peal_option_link;     /* any link */
extern const struct peal_option peal_option_count;    /* round trips, or messages */
extern const struct peal_option peal_option_interval; /* from one departure to the next */
extern const struct peal_option peal_option_rate;     /* the same, as departures a second */
extern const struct peal_option peal_option_idle;
extern const struct peal_option peal_option_cpu_pair; /* --cores A,B */
extern const struct peal_option peal_option_cpu_list; /* --cores 0,2-5 */
extern const struct peal_option peal_option_key;
extern const struct peal_option peal_option_none;   /* not sealed */
extern const struct peal_option peal_option_size;   /* of a message */
extern const struct peal_option peal_option_mtu;    /* of the link */
extern const struct peal_option peal_option_rates;  /* --rounds, of a quarter of a second */
extern const struct peal_option peal_option_nodes;  /* in one process */
extern const struct peal_option peal_option_preset; /* of detection */
extern const struct peal_option peal_option_anyway;
extern const struct peal_option peal_option_to;     /* another machine */
extern const struct peal_option peal_option_device; /* there and here */
extern const struct peal_option peal_option_device_args;
extern const struct peal_option peal_option_json;
extern const struct peal_option peal_option_plot;
extern const struct peal_option peal_option_hdr;
extern const struct peal_option peal_option_percentiles; /* another name of --hdr */
extern const struct peal_option peal_option_quiet;

/* Of --plot: a file that ends in .svg or .png. */
bool peal_sharedoptions_read_plot(struct peal_benchargs *args, const char *value);

/* What every command over a link says of them, behind its options. */
extern const char peal_sharedoptions_links[];
extern const char peal_sharedoptions_near_links[];

/* --link was said. */
bool peal_sharedoptions_check_link(const struct peal_benchargs *args, struct peal_sentence *error);

/* Another machine, when --to was said; before check_link. */
bool peal_sharedoptions_take_far(struct peal_benchargs *args, struct peal_sentence *error);

/* Two CPUs: those that were said, or the first two that this process may use. Loops that spin need
 * one each. */
bool peal_sharedoptions_complete_pair(struct peal_benchargs *args, struct peal_sentence *error);

/* As many as were said, or all, up to `max`; `min` at least. */
bool peal_sharedoptions_complete_list(
	struct peal_benchargs *args, uint32_t min, uint32_t max, struct peal_sentence *error);

/* Count and interval of a fixed schedule, as they suit the idling. */
void peal_sharedoptions_complete_schedule(struct peal_benchargs *args);

#endif
