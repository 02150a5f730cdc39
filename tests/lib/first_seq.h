/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The epoch of a stream that begins at a place of the test's choice, so that it can wrap soon.
 */
#ifndef PEAL_TESTS_LIB_FIRST_SEQ_H
#define PEAL_TESTS_LIB_FIRST_SEQ_H

#include "wire/channel_msg.h"

/* peal_channel_first_seq() of what is returned is `seq`, which is not 0. */
static inline uint64_t
peal_epoch_from_first_seq(uint32_t seq)
{
	const uint64_t factor = UINT64_C(0x9E3779B97F4A7C15);
	uint64_t inverse = factor;

	/* Newton: every step doubles the bits that are right, from three. */
	for (uint32_t i = 0; i < 5; i++) {
		inverse *= 2U - factor * inverse;
	}
	PEAL_ASSERT(peal_channel_first_seq(((uint64_t)seq << 32) * inverse) == seq);
	return ((uint64_t)seq << 32) * inverse;
}

#endif
