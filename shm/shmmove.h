/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records of one ring that go into another as they are, many at a time.
 *
 * Who stands between two clients reads from the ring of the one and writes into that of the other
 * (shm/shmring.h). Records that follow each other and are of one kind and tag need not be borrowed,
 * looked up, claimed and committed one by one: here they are copied with their heads changed, and
 * nothing else is done for each. It is the plain case and nothing more. Whatever is not plain, the
 * end of either ring, a record that cannot be, one that is too large or for which there is no room,
 * ends the run and is left where it is, for borrow and claim to judge.
 *
 * A head is copied once and checked before it is used, as borrow does; what the writer of the first
 * ring changes meanwhile are bytes that nobody here decides by.
 *
 * Pure; fields of neither ring are touched but by these functions. Cost: some twenty cycles a
 * record, and the copy.
 */
#ifndef PEAL_SHM_SHMMOVE_H
#define PEAL_SHM_SHMMOVE_H

#include "shm/shmring.h"

/* Which records go, as what, and how much of them. */
struct peal_shmmove {
	uint16_t from_kind;
	uint16_t from_tag;
	uint16_t to_kind; /* not SKIP */
	uint16_t to_tag;
	uint32_t size_max;  /* of a record */
	uint32_t count_max; /* of all */
	uint64_t span_max;  /* the same: bytes of a ring, their heads and padding among them */
};

/* What went. */
struct peal_shmmoved {
	uint32_t count;
	uint64_t size; /* bytes of the records */
	uint64_t span; /* bytes of a ring */
};

/*
 * Moves what there is. What was moved is borrowed from `reader` and committed to `writer`: release
 * and publish are the caller's. Of neither ring is there an open claim.
 */
struct peal_shmmoved peal_shmmove_run(struct peal_shmring_reader *reader,
	struct peal_shmring_writer *writer, const struct peal_shmmove *what);

#endif
