/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Broadcast of one fake core with a user that writes down all it is told.
 */
#ifndef PEAL_TESTS_LIB_CRIER_H
#define PEAL_TESTS_LIB_CRIER_H

#include "base/messagelimits.h"
#include "dataplane/cast.h"
#include "tests/lib/bigcore.h"
#include "tests/lib/fakecore.h"

#define PEAL_CRIER_QUEUE_SIZE 16384U
#define PEAL_CRIER_TEXT_MAX   2097152U

struct peal_crier {
	struct peal_cast cast;
	uint32_t text_size; /* of all origins, in the order of delivery */
	uint32_t messages_count;
	uint32_t views_count;
	uint64_t last_view; /* epoch */
	uint32_t ended_count;
	uint64_t last_lost_count;
	uint32_t released_count;
	uint64_t dropped_count; /* given up behind a slow member */
	bool is_large;          /* views have the tags of a teststore */
	uint8_t text[PEAL_CRIER_TEXT_MAX];
	_Alignas(8) uint8_t queue[PEAL_CRIER_QUEUE_SIZE];
	uint8_t frames[PEAL_CAST_FRAMES_MAX * PEAL_BODY_SIZE_MAX];
};

/* One for each of the cores; those that are members flush from nothing. */
struct peal_crier *peal_criers_create(struct peal_fakecores *cores);
/* The same in a large view: starts a core for each of `count` members, by rank. */
struct peal_crier *peal_criers_create_large(
	struct peal_bigcores *cores, uint16_t first_rank, uint16_t count);
void peal_criers_destroy(struct peal_crier *criers);

/* Casts a text; asserts that it is accepted. */
void peal_crier_say(struct peal_crier *crier, const char *text);
/* True when what it heard is exactly `text`; forgets it. */
bool peal_crier_heard(struct peal_crier *crier, const char *text);

#endif
