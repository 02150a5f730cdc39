/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/corehelp.h"

#include "base/assert.h"

#define LAST_OPTIONS                                                                               \
	"  --json FILE            the figures as JSON; - is the standard output, and the text "    \
	"then\n"                                                                                   \
	"                         goes to the standard error\n"                                    \
	"  --quiet                print nothing but errors\n"                                      \
	"  -h, --help             this text\n"

#define CORES_OPTION                                                                               \
	"  --cores LIST           CPUs like 0,2-5 (default: all that this process may use)\n"

static const char jitter[] =
	"usage: peal-bench jitter [--cores LIST] [--seconds S] [--threshold NS] [options]\n"
	"\n"
	"Spins on each of the CPUs and looks at nothing but the time stamp counter. Where two "
	"readings lie\n"
	"further apart than the threshold, the CPU was taken away: by an interrupt, another "
	"thread, the\n"
	"firmware or the hypervisor. Counts these gaps, sorts them by length, and tells which part "
	"of the\n"
	"time they took. A poll loop on that CPU has the same.\n"
	"\n" CORES_OPTION "  --seconds S            how long, 1 to 3600 (default: 5)\n"
	"  --threshold NS         the shortest gap that counts, 100 to 1000000000 (default: "
	"1000)\n" LAST_OPTIONS "\n"
	"examples:\n"
	"  peal-bench jitter\n"
	"  peal-bench jitter --cores 2,3 --seconds 60 --threshold 500\n"
	"  peal-bench jitter --cores 1 --json - --quiet | jq '.cores[0].stolen_share'\n";

static const char floor_text[] =
	"usage: peal-bench floor [--cores LIST] [options]\n"
	"\n"
	"Two threads on two CPUs write to one cache line in turn. Half of a round trip is what it "
	"takes to\n"
	"hand something over, and no two threads get below it. Every pair of the list is measured, "
	"one\n"
	"after the other: a matrix shows which CPUs share a cache or a socket.\n"
	"\n" CORES_OPTION "  --rounds N             the median of so many counts, 1 to 1000 "
	"(default: 3)\n" LAST_OPTIONS "\n"
	"There is no figure, and the exit status is 3, when two CPUs had too little time beside "
	"each other.\n"
	"\n"
	"examples:\n"
	"  peal-bench floor\n"
	"  peal-bench floor --cores 0,1,8,9 --rounds 9\n"
	"  peal-bench floor --cores 0-3 --json - --quiet | jq '.pairs'\n";

static const char shm[] =
	"usage: peal-bench shm [--size N] [--rounds N] [--cores A,B] [options]\n"
	"\n"
	"What an application pays to speak with a daemon on the same host: two processes, with the "
	"rings\n"
	"and bells of libpeal between them. Records are copied in and out and checked, as client "
	"and core\n"
	"do, and every one carries its number.\n"
	"\n"
	"  there and back  one record at a time, both spinning; in turns with DPDK's rte_ring\n"
	"  one way         records a second in batches of 32\n"
	"  in and out      cycles of a record in one thread: claim, fill, commit, publish, borrow, "
	"check,\n"
	"                  copy, release\n"
	"  doorbells       how many were rung while the other side polled, which should be none; "
	"and what\n"
	"                  waking a sleeper takes, in turns with an eventfd alone\n"
	"\n"
	"  --size N               bytes of a record, a multiple of 4 from 8 to 1024 (default: 64)\n"
	"  --rounds N             of 2000 round trips and 20 wakes each, 1 to 1000 (default: 100)\n"
	"  --cores A,B            CPUs of client and core (default: the first two that this "
	"process "
	"may\n"
	"                         use)\n"
	"  --anyway               show what was measured even when it is no figure\n" LAST_OPTIONS
	"\n"
	"There is no figure, and the exit status is 3, when a record was lost, the hypervisor took "
	"more than\n"
	"5 % of the two CPUs, or a loop had its CPU for less than 80 % of the time.\n"
	"\n"
	"examples:\n"
	"  peal-bench shm\n"
	"  peal-bench shm --size 1024 --cores 2,3\n"
	"  peal-bench shm --json - --quiet | jq '.ratio_p50, .records_per_s'\n";

static const char compare[] =
	"usage: peal-bench compare A.json B.json [--key NAME] [options]\n"
	"\n"
	"Tells whether B is faster or slower than A, or whether no difference can be told. A file "
	"holds what\n"
	"several runs wrote by --json, one after the other, at least four of them; each run is one "
	"value, and\n"
	"each pair of a ratio. Run A and B in turns, so that a slow hour is slow for both.\n"
	"\n"
	"Medians have intervals by order statistics; the quotient of both sides is that of Hodges "
	"and Lehmann,\n"
	"with an interval by the Mann-Whitney U. Ranks assume nothing of how times are "
	"distributed. Where the\n"
	"95 % interval of the quotient holds 1, there is no difference.\n"
	"\n"
	"  --key NAME             the figure (default: p50_ns; messages_per_s of throughput, ratio "
	"of\n"
	"                         ratio); more is better where the name has per_s in "
	"it\n" LAST_OPTIONS "\n"
	"Exit status: 0 faster, 1 slower, 2 no difference, 3 no verdict; a sentence says why.\n"
	"\n"
	"examples:\n"
	"  for i in 1 2 3 4 5; do\n"
	"    old/peal-bench rtt --link ring --quiet --json - >>a.json\n"
	"    new/peal-bench rtt --link ring --quiet --json - >>b.json\n"
	"  done\n"
	"  peal-bench compare a.json b.json\n"
	"  peal-bench compare a.json b.json --key p99_ns --json - --quiet\n";

static const char plot[] =
	"usage: peal-bench plot FILE.json... --svg FILE | --png FILE [--title TEXT]\n"
	"\n"
	"Percentile curves of up to eight runs in one picture, drawn by gnuplot. Takes what rtt, "
	"raw, message\n"
	"and shm wrote by --json.\n"
	"\n"
	"  --svg FILE             a picture that ends in .svg\n"
	"  --png FILE             a picture that ends in .png\n"
	"  --title TEXT           what stands above it (default: round trips)\n"
	"  -h, --help             this text\n"
	"\n"
	"examples:\n"
	"  peal-bench plot ring.json memif.json --svg links.svg\n"
	"  peal-bench plot before.json after.json --png change.png --title 'before and after'\n";

const char *
peal_corehelp_of(enum peal_coreargs_command command)
{
	static const char *const texts[] = {jitter, floor_text, shm, compare, plot};

	PEAL_ASSERT((uint32_t)command < sizeof(texts) / sizeof(texts[0]));
	return texts[command];
}
