/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Compile-time bounds of process groups, each with its reason; see base/limits.h. All nodes must
 * have the same: who may join is computed by each of them.
 */
#ifndef PEAL_BASE_GROUPLIMITS_H
#define PEAL_BASE_GROUPLIMITS_H

#include "base/clientlimits.h"

/* Groups that exist at one time, and members in all of them together: each node knows them all. */
#define PEAL_PROCGROUPS_MAX         256U
#define PEAL_PROCGROUPS_MEMBERS_MAX 8192U

/* A name: bytes from 0x21 to 0x7e, so that every terminal and every text format can show it. */
#define PEAL_PROCGROUP_NAME_SIZE_MAX 63U

/* Groups that one client may be in, and those of all clients of a node that are there, or gone and
 * not yet known to all as gone. */
#define PEAL_CLIENT_GROUPS_MAX    32U
#define PEAL_PROCGROUPS_SEATS_MAX 1024U

/* Requests of one node that the elder has not stamped: it keeps them for all nodes of a view. */
#define PEAL_PROCGROUPS_REQUESTS_MAX 32U
#define PEAL_PROCGROUPS_WAITING_MAX  (PEAL_DIRECT_MAX * PEAL_PROCGROUPS_REQUESTS_MAX)

/* Messages of groups that wait for a view of their group which is on its way. Who needs more loses
 * its seats, and is told. */
#define PEAL_PROCGROUPS_HELD_SIZE (UINT32_C(1) << 19)

/* Order groups that the process groups of one node's clients are ordered by, at one time. For each
 * of them there is room for a message of each rank that comes in parts. */
#define PEAL_PROCGROUPS_STREAMS_MAX 4U

/* Changes of groups in total order whose places have not come, of one node: as many as the members
 * that all groups together lose with half of the nodes. Who needs more loses its seats. */
#define PEAL_PROCGROUPS_PENDING_MAX 4096U

_Static_assert(PEAL_PROCGROUPS_MEMBERS_MAX * 16U + 64U <= PEAL_CLIENT_DOWN_SIZE / 4U,
	"the largest view of a group is one record");

#endif
