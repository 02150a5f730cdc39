/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Uuids that may never return: the newest PEAL_TOMBSTONES_MAX, found by hash. Zeroed memory is
 * empty. Plain struct, fields private. Thread: control. All operations O(1).
 */
#ifndef PEAL_MEMBERSHIP_TOMBSTONES_H
#define PEAL_MEMBERSHIP_TOMBSTONES_H

#include "base/limits.h"
#include "wire/ident.h"

struct peal_tombstones {
	uint32_t count; /* ever added; place = count mod capacity */
	struct {
		struct peal_uuid uuid;
		uint16_t next; /* index + 1 in its bucket; 0 = none */
	} places[PEAL_TOMBSTONES_MAX];
	uint16_t buckets[PEAL_TOMBSTONES_MAX];
};

/* The oldest gives way when there is no room. */
void peal_tombstones_add(struct peal_tombstones *tombstones, struct peal_uuid uuid);
bool peal_tombstones_has(const struct peal_tombstones *tombstones, struct peal_uuid uuid);

#endif
