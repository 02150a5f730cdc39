/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of broadcast share: seven criers of one view, and a hand that loses frames. With
 * seven, each origin sends to two, each of these to two more: node 0 to 1 and 2, 1 to 3 and 4, 2 to
 * 5 and 6; in the second tree 0 to 6 and 5, 6 to 4 and 3, 5 to 2 and 1.
 */
#ifndef PEAL_TESTS_LIB_CRYSCENE_H
#define PEAL_TESTS_LIB_CRYSCENE_H

#include "tests/lib/cmocka_all.h"
#include "tests/lib/crier.h"
#include "wire/frame.h"
#include "wire/messages.h"

#define CRY_COUNT 7U
#define CRY_ALL   0x7fU
#define US        UINT64_C(1000)

static struct peal_fakecores *cores;
static struct peal_crier *criers;

/* Which frames get lost: of these kinds (0 = any), from and to these nodes. */
static struct {
	uint8_t kind;
	uint32_t from, to; /* sets */
	uint32_t count;    /* that many; then none */
} losing;

static inline bool
cry_pass(void *state, uint32_t from, uint32_t to, const uint8_t *data, uint32_t size)
{
	uint8_t kind = size > PEAL_UDP_OFFSET + 3U ? data[PEAL_UDP_OFFSET + 3U] : 0;

	(void)state;
	if (losing.count > 0 && (losing.from >> from & 1U) != 0 && (losing.to >> to & 1U) != 0 &&
		(losing.kind == 0 || losing.kind == kind)) {
		losing.count--;
		return false;
	}
	return true;
}

/* From now on; kind 0 = any. */
static inline void
cry_lose(uint8_t kind, uint32_t from, uint32_t to, uint32_t count)
{
	losing.kind = kind;
	losing.from = from;
	losing.to = to;
	losing.count = count;
}

/* Turns of all, every 10 us. */
static inline void
cry_run(uint64_t span_ns)
{
	peal_fakecores_run(cores, cores->now_ns + span_ns, 10U * US);
}

static inline uint64_t
cry_counter(uint32_t index, enum peal_counter id)
{
	return peal_fakecores_counter(cores, index, id);
}

static inline uint64_t
cry_sum(enum peal_counter id)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < CRY_COUNT; i++) {
		sum += cry_counter(i, id);
	}
	return sum;
}

/* Installs a view at all in `members`. */
static inline void
cry_install(uint64_t epoch, uint32_t members)
{
	for (uint32_t i = 0; i < CRY_COUNT; i++) {
		if ((members >> i & 1U) != 0) {
			peal_fakecores_install(cores, i, epoch, members, 0);
		}
	}
}

static inline void
cry_assert_all_heard(uint32_t nodes, const char *text)
{
	for (uint32_t i = 0; i < CRY_COUNT; i++) {
		if ((nodes >> i & 1U) != 0) {
			assert_true(peal_crier_heard(&criers[i], text));
		}
	}
}

static inline int
cry_begin(void **state)
{
	(void)state;
	memset(&losing, 0, sizeof(losing));
	cores = peal_fakecores_create_view(CRY_COUNT, "none");
	cores->wire->filter = cry_pass;
	criers = peal_criers_create(cores);
	cry_run(100U * US); /* nobody has streams: all agree that there is nothing */
	return 0;
}

static inline int
cry_finish(void **state)
{
	(void)state;
	peal_fakecores_destroy(cores);
	peal_criers_destroy(criers);
	return 0;
}

#endif
