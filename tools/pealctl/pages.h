/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lists that a daemon gives out in pages, put together. See runtime/admin.h for the commands.
 */
#ifndef PEAL_PEALCTL_PAGES_H
#define PEAL_PEALCTL_PAGES_H

#include "tools/pealctl/telemetry.h"

#include <stdint.h>

/* Appends the entries "first", "first + 1", ... of an answer to `list`. */
void peal_pages_take_entries(json_t *answer, uint64_t first, json_t *list);

/* All members of one epoch as an array, to be freed. NULL with a sentence. */
json_t *peal_pages_read_members(struct peal_telemetry *telemetry, uint64_t *epoch_out);

/*
 * Completes what the members' entries say of metadata, where the page had no room for it:
 * "metadata" is the text if it is one (UTF-8 without control characters but line ends and tabs),
 * else "metadata_hex" has the bytes. False with a sentence. A member that left meanwhile stays as
 * it is.
 */
bool peal_pages_complete_metadata(struct peal_telemetry *telemetry, json_t *members);

/* The entry of a member by number or address, borrowed from `members`; NULL = none. */
const json_t *peal_pages_find_member(const json_t *members, const char *word);

/* The answer with a page of events above `after`, to be freed. NULL with a sentence. */
json_t *peal_pages_read_events(struct peal_telemetry *telemetry, uint64_t after);

/*
 * All applications of the node, those that were cut off lately last: a dictionary with "now_ns",
 * sizes of rings and an array "clients", to be freed. NULL with a sentence.
 */
json_t *peal_pages_read_clients(struct peal_telemetry *telemetry);

/*
 * All process groups that the node knows: a dictionary with an array "groups", each with "name",
 * "epoch", "n" and an array "members" in their order; to be freed. A group may have changed while
 * it was read: then its members are of two views. NULL with a sentence.
 */
json_t *peal_pages_read_processgroups(struct peal_telemetry *telemetry);

/*
 * Departures that the daemon's event log still knows, as an array, to be freed. NULL with a
 * sentence. `now_ns_out`: the daemon's clock.
 */
json_t *peal_pages_read_departed(struct peal_telemetry *telemetry, uint64_t *now_ns_out);
/* All counters in one object, to be freed; NULL when there is no answer. */
json_t *peal_pages_read_stats(struct peal_telemetry *telemetry);

#endif
