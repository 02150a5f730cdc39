/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a running process answers: commands of DPDK's telemetry socket, which pealctl asks.
 *
 *     /peal/version                        version, process id, names of the nodes
 *     /peal/view,NODE                      state, epoch, hash, members, quorum
 *     /peal/members,NODE,FROM              members from rank FROM on, a page of them
 *     /peal/events,NODE,AFTER              events with a number above AFTER, a page of them
 *     /peal/stats,NODE                     every counter of core and control, and of the device;
 *                                          beyond 255 in the entry "more", a dictionary
 *     /peal/cores,NODE                     the poll loop of the node: where its time went
 *     /peal/clients,NODE,FROM              applications from place FROM on, a page of them
 *     /peal/ordergroups,NODE               order groups as they began: id, generation, ranks
 *     /peal/ordergroup,NODE,ID,GENERATION,NAME=MEMBER,...
 *                                          a wish for one; "waits" and then "exists", or why not
 *     /peal/leave,NODE                     starts a graceful leave
 *     /peal/ping,NODE,MEMBER,COUNT,US      starts a run of round trips to a member number
 *     /peal/pinged,NODE                    how that run ended, or that it goes on
 *     /peal/load,NODE,MEMBER,SIZE,COUNT,US starts a run of messages to a member, or to all (0)
 *     /peal/hear,NODE                      asks what this node heard of such runs of others
 *     /peal/loaded,NODE                    how either ended, or that it goes on
 *
 * An answer is a dictionary. It fits what the socket carries (16 KiB, 256 entries, one level
 * inside), so lists come in pages: `next` is where the following page begins. A refusal is
 * {"error": sentence}. Commands run on telemetry's threads and hold the runtime's lock while they
 * read.
 */
#ifndef PEAL_RUNTIME_ADMIN_H
#define PEAL_RUNTIME_ADMIN_H

#include "dataplane/dpdk/sentence.h"

#include <stdbool.h>

struct peal_runtime;

/* Registers the commands. One runtime at a time. False with a sentence. */
bool peal_admin_open(struct peal_runtime *runtime, struct peal_sentence *error);
/* From now on commands are refused; what is under way has ended. Harmless when not open. */
void peal_admin_close(void);

#endif
