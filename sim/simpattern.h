/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What simulated applications say: each byte is the one before it and a step more, modulo 256. So
 * every byte of a message tells where it stands, and millions of them are soon written and
 * compared.
 *
 * Stateless; any thread. O(size).
 */
#ifndef PEAL_SIM_SIMPATTERN_H
#define PEAL_SIM_SIMPATTERN_H

#include <stdint.h>

/* Writes `size` bytes, of which the first is `first`. */
void peal_simpattern_fill(uint8_t *bytes, uint32_t size, uint8_t first, uint8_t step);

/* @return the place of the first byte that is not as filled; `size` when there is none */
uint32_t peal_simpattern_check(const uint8_t *bytes, uint32_t size, uint8_t first, uint8_t step);

#endif
