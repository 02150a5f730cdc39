/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One answer to one command of runtime/admin.h: reads the node under the lock, fills a dictionary.
 *
 * Called on telemetry's threads, one at a time.
 */
#ifndef PEAL_RUNTIME_ANSWERS_H
#define PEAL_RUNTIME_ANSWERS_H

#include "runtime/runtime.h"

#include <rte_telemetry.h>

/* Entries of a page: each is one container, and all together stay below 16 KiB. */
#define PEAL_ANSWER_MEMBERS_MAX 16U
#define PEAL_ANSWER_EVENTS_MAX  48U
#define PEAL_ANSWER_CLIENTS_MAX 16U

struct peal_answer {
	struct peal_runtime *runtime;
	struct peal_runtime_node *node; /* whom the command names, or NULL */
	uint64_t numbers[4];            /* what follows the name */
	char *words;                    /* and what follows these, or NULL */
	struct rte_tel_data *data;      /* a dictionary, still empty */
};

void peal_answer_refuse(struct peal_answer *answer, const char *sentence);

void peal_answer_version(struct peal_answer *answer);
void peal_answer_view(struct peal_answer *answer);
void peal_answer_members(struct peal_answer *answer);
/* All metadata of the member whose number follows: too long for the page of members. */
void peal_answer_metadata(struct peal_answer *answer);
void peal_answer_events(struct peal_answer *answer);
void peal_answer_stats(struct peal_answer *answer);
void peal_answer_cores(struct peal_answer *answer);
/* The applications of the node, those that were cut off lately too. */
void peal_answer_clients(struct peal_answer *answer);
/* How the order groups of the view began. */
void peal_answer_ordergroups(struct peal_answer *answer);
/* A wish for one: id, generation, and words NAME=MEMBER. */
void peal_answer_ordergroup(struct peal_answer *answer);
/* A rank is given away: id, REPLACE, REMOVE or ADD as a number, rank, member. */
void peal_answer_handover(struct peal_answer *answer);
/* Process groups of all nodes, as this one knows them: members, a page. */
void peal_answer_processgroups(struct peal_answer *answer);
void peal_answer_leave(struct peal_answer *answer);
void peal_answer_ping(struct peal_answer *answer);
void peal_answer_pinged(struct peal_answer *answer);
void peal_answer_load(struct peal_answer *answer);
void peal_answer_hear(struct peal_answer *answer);
void peal_answer_loaded(struct peal_answer *answer);

#endif
