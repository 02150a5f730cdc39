/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Nodes that want to join: a table by uuid and by address, and the queues that they wait in.
 *
 * One entry an address. An entry stands in at most one queue of each chain, so that "who is due" is
 * always the head of a queue and nothing passes over ten thousand entries. All operations are O(1)
 * but for `clear`. Zeroed memory is an empty table; memory not needed yet is not touched. Plain
 * struct, fields private but for the entries. Thread: control.
 */
#ifndef PEAL_MEMBERSHIP_APPLICANTS_H
#define PEAL_MEMBERSHIP_APPLICANTS_H

#include "base/limits.h"
#include "wire/member.h"

#define PEAL_APPLICANTS_BUCKETS 16384U
#define PEAL_APPLICANT_NONE     UINT16_MAX

/* The queues of one chain exclude each other. */
enum peal_applicants_chain {
	PEAL_CHAIN_FORWARD = 0, /* introduced here: to be passed on to a sequencer */
	PEAL_CHAIN_ASKED = 1,   /* introduced here: by last request */
	PEAL_CHAIN_VOUCHED = 2, /* in the sequencer's window: by last forward */
	PEAL_CHAIN_PROBE = 3,   /* in the sequencer's window: is it still there? */
	PEAL_CHAINS_COUNT = 4,
};

enum peal_applicants_queue {
	PEAL_QUEUE_NONE = 0,
	/* PEAL_CHAIN_FORWARD */
	PEAL_QUEUE_FRESH,     /* at once */
	PEAL_QUEUE_FORWARDED, /* again, by forward_at_ns */
	PEAL_QUEUE_PATIENT,   /* the same, of those that replace somebody */
	/* PEAL_CHAIN_ASKED */
	PEAL_QUEUE_ASKED,
	/* PEAL_CHAIN_VOUCHED */
	PEAL_QUEUE_VOUCHED,
	/* PEAL_CHAIN_PROBE */
	PEAL_QUEUE_WAITING,  /* not asked yet */
	PEAL_QUEUE_PROBED,   /* asked once, by probed_at_ns */
	PEAL_QUEUE_REPROBED, /* asked twice, by probed_at_ns */
	PEAL_QUEUE_MUTE,     /* did not answer, or must not be asked yet */
	PEAL_QUEUE_READY,    /* answered */
	PEAL_QUEUES_COUNT,
};

struct peal_applicant {
	struct peal_member member; /* mid 0; without metadata until the sequencer has all of it */
	struct peal_metadata_tag tag;
	bool is_introduced; /* asked this member */
	bool is_item;       /* in the sequencer's window */
	bool is_answered;   /* item: answered the sequencer's last JOIN_PROBE, with all metadata */
	uint16_t replaces;  /* item: rank of the holder of its address, or PEAL_RANK_NONE */
	uint32_t attempts_count;      /* introduced: forwards in this epoch */
	struct peal_address reply_to; /* introduced: link source of its last request */
	uint64_t asked_at_ns;         /* introduced: last request */
	uint64_t forward_at_ns;       /* introduced: next forward */
	uint64_t arrived_at_ns;       /* item: first of this uuid */
	uint64_t vouched_at_ns;       /* item: last, by any introducer */
	uint64_t probed_at_ns;        /* item: last JOIN_PROBE; answered: the answer */
	uint64_t told_at_ns;          /* item: last UNREACHABLE; 0 = none */
	uint16_t luggage; /* item: room for its metadata + 1 (membership/luggage.h); 0 = none yet */
	uint8_t missing;  /* item with room: bit i = chunk i is not here */
	struct {
		uint16_t next; /* index + 1; 0 = none */
		uint16_t before;
		uint8_t queue;      /* enum peal_applicants_queue */
	} links[PEAL_CHAINS_COUNT]; /* private, as the rest */
	uint16_t next_by_uuid;
	uint16_t next_by_address;
};

struct peal_applicants {
	uint32_t count;
	uint16_t touched_count; /* places that were ever used */
	uint16_t free;          /* index + 1 of a place that is free again */
	struct {
		uint16_t first;
		uint16_t last;
		uint16_t count;
	} queues[PEAL_QUEUES_COUNT];
	uint16_t by_uuid[PEAL_APPLICANTS_BUCKETS];
	uint16_t by_address[PEAL_APPLICANTS_BUCKETS];
	struct peal_applicant places[PEAL_PENDING_JOINS_MAX];
};

/* Empties the table. O(places ever used). */
void peal_applicants_clear(struct peal_applicants *applicants);
/* Index of an entry, or PEAL_APPLICANT_NONE. */
uint16_t peal_applicants_find_uuid(const struct peal_applicants *applicants, struct peal_uuid uuid);
uint16_t peal_applicants_find_address(
	const struct peal_applicants *applicants, const struct peal_address *address);
/* A new entry in no queue, its metadata named only, or PEAL_APPLICANT_NONE when the table is full.
 * Asserts that neither uuid nor address is in it. */
uint16_t peal_applicants_add(struct peal_applicants *applicants, const struct peal_member *member,
	const struct peal_metadata_tag *tag);
/* Takes it out of everything. */
void peal_applicants_remove(struct peal_applicants *applicants, uint16_t index);
/* Appends an entry to `queue`, out of whichever queue of that chain it stood in. */
void peal_applicants_put(
	struct peal_applicants *applicants, uint16_t index, enum peal_applicants_queue queue);
/* Out of whichever queue of `chain` it stands in, if any. */
void peal_applicants_take_out(
	struct peal_applicants *applicants, uint16_t index, enum peal_applicants_chain chain);
/* Head of a queue, or PEAL_APPLICANT_NONE. */
uint16_t peal_applicants_first(
	const struct peal_applicants *applicants, enum peal_applicants_queue queue);
/* Sorts indices, [count], by the uuids of their entries. In place, O(count log count). */
void peal_applicants_sort(
	const struct peal_applicants *applicants, uint16_t *indices, uint32_t count);
/* The entry behind `index` in its queue of `chain`, or PEAL_APPLICANT_NONE. */
uint16_t peal_applicants_next(
	const struct peal_applicants *applicants, uint16_t index, enum peal_applicants_chain chain);

static inline uint32_t
peal_applicants_queue_count(
	const struct peal_applicants *applicants, enum peal_applicants_queue queue)
{
	return applicants->queues[queue].count;
}

/* Asserts that queues and buckets hold exactly the entries. O(entries); for tests. */
void peal_applicants_check(const struct peal_applicants *applicants);

#endif
