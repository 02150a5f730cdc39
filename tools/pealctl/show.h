/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Answers of a daemon as text for people. Each takes a dictionary as runtime/admin.h describes it.
 */
#ifndef PEAL_PEALCTL_SHOW_H
#define PEAL_PEALCTL_SHOW_H

#include <jansson.h>
#include <stdint.h>

/* An integer of a dictionary, 0 when it is not there. */
uint64_t peal_show_number(const json_t *answer, const char *name);
/* A text of a dictionary, "-" when it is not there. */
const char *peal_show_text(const json_t *answer, const char *name);

void peal_show_view(json_t *view);
/* `members` and `departed` are arrays of entries. */
void peal_show_members(const json_t *members, const json_t *departed, uint64_t now_ns);
/* One line; `now_ns` is the daemon's clock, which is the host's. */
void peal_show_event(const json_t *event);
void peal_show_stats(json_t *stats);
void peal_show_cores(const json_t *cores);
/* As peal_pages_read_clients gives it. */
void peal_show_clients(const json_t *clients);
/* As peal_pages_read_processgroups gives it. */
void peal_show_processgroups(const json_t *groups);
/* `member` is an entry of the member that was asked. */
void peal_show_ping(const json_t *ping, const json_t *member);

/* How a run of messages to `member` ended; NULL: to all. */
void peal_show_load(const json_t *load, const json_t *member);
/* What was heard of the runs of others. */
void peal_show_heard(json_t *heard);

#endif
