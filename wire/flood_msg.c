/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/flood_msg.h"

#include "base/assert.h"

/* hop and its padding are one 32-bit word on the wire. */
#define HOP_MASK 0xFFU

void
peal_flood_prefix_encode(const struct peal_flood_prefix *prefix, struct peal_writer *writer)
{
	PEAL_ASSERT(prefix->origin != 0);

	peal_write_u32(writer, prefix->view_tag);
	peal_write_u32(writer, prefix->origin);
	peal_write_u32(writer, prefix->origin_seq);
	peal_write_u32(writer, prefix->hop);
}

bool
peal_flood_prefix_decode(struct peal_reader *reader, struct peal_flood_prefix *prefix_out)
{
	prefix_out->view_tag = peal_read_u32(reader);
	prefix_out->origin = peal_read_u32(reader);
	prefix_out->origin_seq = peal_read_u32(reader);
	uint32_t hop = peal_read_u32(reader);

	prefix_out->hop = (uint8_t)(hop & HOP_MASK);
	return reader->is_ok && hop <= HOP_MASK && prefix_out->origin != 0;
}
