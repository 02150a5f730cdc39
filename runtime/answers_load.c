/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/histogram.h"
#include "dataplane/load.h"
#include "runtime/answers.h"

#include <stdio.h>

#define COUNT_MAX       UINT64_C(1000000000)
#define INTERVAL_US_MAX UINT64_C(60000000)
#define NS_PER_US       UINT64_C(1000)
/* Senders in one answer: with their dictionaries they fit what telemetry carries. */
#define SENDERS_SHOWN_MAX 48U

static void
add_number(struct rte_tel_data *data, const char *name, uint64_t number)
{
	(void)rte_tel_data_add_dict_u64(data, name, number);
}

/* Hands the run to the core. False: another one is there, or the node refuses. */
static bool
start(struct peal_answer *answer, enum peal_load_kind kind, uint64_t mid)
{
	struct peal_runtime_node *resident = answer->node;
	bool is_started = false;

	peal_runtime_lock(answer->runtime);
	if (!resident->is_loading) {
		/* Nobody else uses the run: the core gave it back. */
		resident->load->kind = kind;
		if (kind != PEAL_LOAD_TELL) {
			resident->load->size = (uint32_t)answer->numbers[1];
			resident->load->count = answer->numbers[2];
			resident->load->interval_ns = answer->numbers[3] * NS_PER_US;
		}
		resident->entry->load_done = NULL;
		is_started = peal_node_load(resident->node, mid, resident->load);
		resident->is_loading = is_started;
	}
	peal_runtime_unlock(answer->runtime, true);
	if (is_started) {
		add_number(answer->data, "started", 1);
	}
	return is_started;
}

void
peal_answer_load(struct peal_answer *answer)
{
	uint64_t mid = answer->numbers[0], size = answer->numbers[1], count = answer->numbers[2];

	if (size < PEAL_LOAD_SIZE_MIN || size > PEAL_LOAD_SIZE_MAX || count < 1 ||
		count > COUNT_MAX || answer->numbers[3] > INTERVAL_US_MAX) {
		peal_answer_refuse(answer, "size is 32 to 65536 bytes, count 1 to 1000000000, the "
					   "interval at most 60000000 us");
	} else if (!start(answer, mid == 0 ? PEAL_LOAD_CAST : PEAL_LOAD_SEND, mid)) {
		peal_answer_refuse(answer, "the node is no member, there is no such other member "
					   "near it, or another run of messages goes on");
	}
}

void
peal_answer_hear(struct peal_answer *answer)
{
	if (!start(answer, PEAL_LOAD_TELL, 0)) {
		peal_answer_refuse(
			answer, "the node is no member, or another run of messages goes on");
	}
}

static void
add_heard(struct rte_tel_data *data, uint32_t place, const struct peal_load_heard *heard)
{
	struct rte_tel_data *inner = rte_tel_data_alloc();
	char name[16];

	if (inner == NULL) {
		return;
	}
	(void)rte_tel_data_start_dict(inner);
	add_number(inner, "member", heard->mid);
	(void)rte_tel_data_add_dict_string(inner, "by", heard->is_cast ? "broadcast" : "channel");
	add_number(inner, "messages", heard->messages_count);
	add_number(inner, "bytes", heard->bytes_count);
	add_number(inner, "missing", heard->missing_count);
	add_number(inner, "wrong", heard->wrong_count);
	add_number(inner, "longest_pause_ns", heard->pause_ns_max);
	(void)snprintf(name, sizeof(name), "%u", place);
	if (rte_tel_data_add_dict_container(data, name, inner, 0) != 0) {
		rte_tel_data_free(inner);
	}
}

static void
add_sent(struct rte_tel_data *data, const struct peal_load_run *run)
{
	add_number(data, "to_all", run->kind == PEAL_LOAD_CAST ? 1 : 0);
	add_number(data, "size", run->size);
	add_number(data, "accepted", run->accepted_count);
	add_number(data, "refused", run->refused_count);
	add_number(data, "in_doubt", run->doubtful_count);
	add_number(data, "cut_short", run->is_cut_short ? 1 : 0);
	add_number(data, "duration_ns", run->duration_ns);
}

static void
add_told(struct rte_tel_data *data, const struct peal_load_run *run)
{
	static const struct {
		const char *name;
		double percentile;
	} shown[] = {{"p50_ns", 50.0}, {"p90_ns", 90.0}, {"p99_ns", 99.0}, {"p99_9_ns", 99.9}};
	uint32_t count = run->heard_count;

	add_number(data, "delays", peal_histogram_count(&run->delays_ns));
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		add_number(data, shown[i].name,
			peal_histogram_percentile(&run->delays_ns, shown[i].percentile));
	}
	add_number(data, "max_ns", peal_histogram_max(&run->delays_ns));
	for (uint32_t i = 0; i < count && i < SENDERS_SHOWN_MAX; i++) {
		add_heard(data, i, &run->heard[i]);
	}
}

void
peal_answer_loaded(struct peal_answer *answer)
{
	struct peal_runtime_node *resident = answer->node;
	const struct peal_load_run *run;

	peal_runtime_lock(answer->runtime);
	run = resident->entry->load_done;
	resident->is_loading = resident->is_loading && run == NULL;
	add_number(answer->data, "running", resident->is_loading ? 1 : 0);
	if (run != NULL && run->kind == PEAL_LOAD_TELL) {
		add_told(answer->data, run);
	} else if (run != NULL) {
		add_sent(answer->data, run);
	}
	peal_runtime_unlock(answer->runtime, false);
}
