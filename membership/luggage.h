/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What joiners bring: their metadata while it comes in pieces, and room for it.
 *
 * A run of pages for each joiner, so that many small ones fit as well as few large ones, and no
 * more together than one view may have. Zeroed memory is empty; memory not needed yet is not
 * touched. Plain struct, fields private; thread: control.
 */
#ifndef PEAL_MEMBERSHIP_LUGGAGE_H
#define PEAL_MEMBERSHIP_LUGGAGE_H

#include "membership/applicants.h"
#include "wire/join_msg.h"

#include <stdbool.h>
#include <stdint.h>

#define PEAL_LUGGAGE_PAGE_SIZE   32U
#define PEAL_LUGGAGE_PAGES_COUNT (PEAL_VIEW_METADATA_BYTES_MAX / PEAL_LUGGAGE_PAGE_SIZE)

/* "No room", or "has none". */
#define PEAL_LUGGAGE_NONE UINT16_MAX

struct peal_luggage {
	uint32_t used_count; /* pages */
	uint32_t next_page;  /* where the search for room begins */
	uint64_t used[PEAL_LUGGAGE_PAGES_COUNT / 64U];
	uint8_t bytes[PEAL_VIEW_METADATA_BYTES_MAX];
};

/* Room for `size` bytes, [1, PEAL_METADATA_SIZE_MAX]: its first page, or PEAL_LUGGAGE_NONE. Fails
 * at once when too few pages are free, else one pass over them at most. */
uint16_t peal_luggage_take(struct peal_luggage *luggage, uint16_t size);
/* Gives back what was taken for `size` bytes. */
void peal_luggage_give(struct peal_luggage *luggage, uint16_t first_page, uint16_t size);

/* What an answer brought. */
enum peal_luggage_arrival {
	PEAL_LUGGAGE_NOTHING, /* it was here, or asked for and not in the answer */
	PEAL_LUGGAGE_PART,    /* something new, but not all */
	PEAL_LUGGAGE_WHOLE,   /* all is here: member.metadata, until it is dropped */
	PEAL_LUGGAGE_SPOILED, /* not what was announced */
};

/* Room for the metadata that an entry announces, if it has none yet. False: there is none. */
bool peal_luggage_open(struct peal_luggage *luggage, struct peal_applicant *applicant);
/* An answer of an entry that has room. Nothing to bring is WHOLE. */
enum peal_luggage_arrival peal_luggage_add(struct peal_luggage *luggage,
	struct peal_applicant *applicant, const struct peal_join_ready *ready);
/* The metadata of an entry, or what is here of it, is not needed any more. Harmless without. */
void peal_luggage_drop(struct peal_luggage *luggage, struct peal_applicant *applicant);

/* Frames with which an entry answers when it is asked now. */
static inline uint32_t
peal_luggage_count_answers(const struct peal_applicant *applicant)
{
	return applicant->missing == 0 ? 1U : (uint32_t)__builtin_popcount(applicant->missing);
}

static inline uint8_t *
peal_luggage_bytes(struct peal_luggage *luggage, uint16_t first_page)
{
	return luggage->bytes + first_page * PEAL_LUGGAGE_PAGE_SIZE;
}

#endif
