/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks that nobody falls who did nothing wrong.
 *
 * A member is healthy when its process lives, did not ask to leave, had no fault of its own in its
 * life, and when it has bad edges with fewer than L members. Bad is an edge from an observer that
 * was faulty itself, and one over a broken link, in either direction, to or from a member that was
 * not faulty: a member of the smaller part of a partition may by chance be observed by its own part
 * only, and yet be cut off from those whom it observes. Where everybody observes everybody that is
 * the number of observers that had a reason to complain. Faults are remembered for the life of the
 * process, since a report once made is final. Loss on all links up to
 * PEAL_CHECK_HEALTHY_LOSS_PPM_MAX is weather, more is a fault of every link. A member that the
 * scenario protects must stay whatever the others suffer.
 */
#ifndef PEAL_SIM_CHECK_HEALTHY_H
#define PEAL_SIM_CHECK_HEALTHY_H

#include "membership/rings.h"
#include "sim/report.h"

/* 1 % each way: a window of ten probes with four failed ones is one in ten thousand. */
#define PEAL_CHECK_HEALTHY_LOSS_PPM_MAX 10000U

struct peal_check_life {
	struct peal_uuid uuid; /* newest identity; none = down */
	bool is_faulty;
	bool is_leaving;
	bool is_protected;
};

struct peal_check_healthy {
	struct peal_report *report;
	uint16_t nodes_count;
	struct peal_check_life *lives; /* [nodes_count] */
	/* Pairs whose link was broken once, either way, in the life of both: smaller << 16 |
	 * larger. */
	uint32_t links_count;
	uint32_t links_capacity;
	uint32_t *links; /* [links_count], ascending */
};

void peal_check_healthy_init(
	struct peal_check_healthy *check, uint16_t nodes_count, struct peal_report *report);
void peal_check_healthy_fini(struct peal_check_healthy *check);

/* A process starts: a clean life. */
void peal_check_healthy_on_start(struct peal_check_healthy *check, uint16_t index);
/* It ends. */
void peal_check_healthy_on_end(struct peal_check_healthy *check, uint16_t index);
/* It joins as `uuid`. */
void peal_check_healthy_on_identity(
	struct peal_check_healthy *check, uint16_t index, struct peal_uuid uuid);
void peal_check_healthy_on_leave(struct peal_check_healthy *check, uint16_t index);
/* Something was done to a process, or to the link between two. */
void peal_check_healthy_on_fault(struct peal_check_healthy *check, uint16_t index);
void peal_check_healthy_on_link_fault(struct peal_check_healthy *check, uint16_t a, uint16_t b);
/* Something was done to every link. */
void peal_check_healthy_on_weather(struct peal_check_healthy *check);
/* The scenario vouches for a node: it may not be removed in this life. */
void peal_check_healthy_protect(struct peal_check_healthy *check, uint16_t index);

/* `view` followed `parent` for the first time; `topology` is the parent's. */
void peal_check_healthy_on_view(struct peal_check_healthy *check, const struct peal_view *parent,
	const struct peal_topology *topology, const struct peal_view *view, uint64_t now_ns);

#endif
