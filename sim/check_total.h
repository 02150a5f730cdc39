/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What must be true of process groups in total order, seen from the clients of all nodes.
 *
 * A client is told *events* of a group: views and messages. All members are told one sequence, of
 * which each is told what stands between its first view and its end. So whatever came next to an
 * event at one of them comes next to it at all, and whatever came before it came before it at all;
 * both are noted here, for each event. That the order is causal follows: who says something has
 * been told of what came before, and is told of its own message later, in the same sequence.
 *
 * What a client was told in an epoch of the nodes is compared when its node goes on to the next
 * one, or at the end of a run: a node that is removed may have had its own idea of the end. What
 * cannot be compared because it is too much is a violation: nothing passes unseen.
 */
#ifndef PEAL_SIM_CHECK_TOTAL_H
#define PEAL_SIM_CHECK_TOTAL_H

#include "sim/report.h"

#include <stdbool.h>
#include <stdint.h>

#define PEAL_CHECK_TOTAL_EVENTS  524288U /* of a run; a power of two */
#define PEAL_CHECK_TOTAL_PENDING 65536U

/* An event, and its neighbours; 0 = nobody knows yet. */
struct peal_check_total_event {
	uint64_t id; /* 0 = the place is free */
	uint64_t before;
	uint64_t after;
};

/* What all share. */
struct peal_check_total {
	struct peal_report *report;
	const uint64_t *now_ns; /* virtual */
	uint32_t events_count;
	uint64_t links_count; /* pairs compared with what others had */
	struct peal_check_total_event events[PEAL_CHECK_TOTAL_EVENTS];
};

/* A client in a group, from its joining on: what was not compared yet, behind the last that was. */
struct peal_check_total_seat {
	bool is_overrun; /* it was told of more than there is room for */
	uint32_t pending_count;
	uint64_t pending[PEAL_CHECK_TOTAL_PENDING];
};

/* Names of events: a view of a group of a cluster; a message of a session of check_groups.h. */
uint64_t peal_check_total_view(uint32_t cluster, uint32_t group, uint64_t epoch, uint32_t n);
uint64_t peal_check_total_message(uint32_t session, uint64_t index);

/* A client joins anew, and has been told nothing. */
void peal_check_total_begin(struct peal_check_total_seat *seat);
/* It is told of an event. */
void peal_check_total_on_event(struct peal_check_total_seat *seat, uint64_t id);
/* What it was told so far counts. */
void peal_check_total_pass(struct peal_check_total *check, struct peal_check_total_seat *seat);

#endif
