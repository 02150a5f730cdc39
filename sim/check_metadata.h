/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks that every member's metadata in every view is what that process was configured with.
 *
 * Metadata of a simulated process follows from its node, its incarnation and the largest size that
 * the run allows: of every size, and some have none. It names node and incarnation, so whoever
 * reads it can write it again. Pure functions. Thread: any.
 */
#ifndef PEAL_SIM_CHECK_METADATA_H
#define PEAL_SIM_CHECK_METADATA_H

#include "sim/report.h"
#include "wire/view.h"

/*
 * The metadata of a process.
 * @param bytes_out  [PEAL_METADATA_SIZE_MAX]
 * @param size_max   [PEAL_CHECK_METADATA_SIZE_MIN, PEAL_METADATA_SIZE_MAX]
 * @return its size, 0 or [PEAL_CHECK_METADATA_SIZE_MIN, size_max]
 */
#define PEAL_CHECK_METADATA_SIZE_MIN 8U
uint16_t peal_check_metadata_fill(
	uint8_t *bytes_out, uint32_t size_max, uint16_t index, uint32_t incarnation);

/*
 * Notes a violation for the first member of `view` whose metadata is not of the node that has its
 * address, or of an incarnation that never was. `incarnations`, [nodes_count], tells how often each
 * node was started.
 */
void peal_check_metadata_on_view(const struct peal_view *view, uint32_t size_max,
	const uint32_t *incarnations, uint16_t nodes_count, uint64_t now_ns,
	struct peal_report *report);
/* The same for a node's own record, of its present incarnation. */
void peal_check_metadata_on_self(const struct peal_member *member, uint32_t size_max,
	uint16_t index, uint32_t incarnation, uint64_t now_ns, struct peal_report *report);

#endif
