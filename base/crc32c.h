/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CRC-32C (Castagnoli, reflected 0x82F63B78): finds damage, not malice.
 *
 * Start with crc = 0; the CRC of two spans in a row is the CRC of the second started with that of
 * the first. Pure functions, any thread.
 */
#ifndef PEAL_BASE_CRC32C_H
#define PEAL_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* By the processor's instruction where the build has it. About 3 cycles for 8 bytes. */
uint32_t peal_crc32c(uint32_t crc, const void *data, size_t size);
/* The same of what it copies meanwhile, from `from` to `to`, which do not overlap: one pass. */
uint32_t peal_crc32c_copy(uint32_t crc, void *to, const void *from, size_t size);
/* As peal_crc32c, bit by bit: the plain twin that tests hold against it. */
uint32_t peal_crc32c_portable(uint32_t crc, const void *data, size_t size);

#endif
