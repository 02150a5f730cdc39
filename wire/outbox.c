/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/outbox.h"

#include "base/assert.h"

#include <stddef.h>

static bool
is_kind_known(uint8_t kind)
{
	return kind >= PEAL_EFFECT_SEND_ALL && kind <= PEAL_EFFECT_WANT;
}

void
peal_outbox_reset(struct peal_outbox *outbox)
{
	outbox->count = 0;
	outbox->used = 0;
}

struct peal_writer
peal_outbox_open(struct peal_outbox *outbox, const struct peal_effect *effect, uint32_t capacity)
{
	PEAL_ASSERT(is_kind_known(effect->kind));
	PEAL_ASSERT(outbox->count < PEAL_OUTBOX_EFFECTS_MAX);
	PEAL_ASSERT(outbox->used <= PEAL_OUTBOX_BYTES_MAX);
	PEAL_ASSERT(capacity <= PEAL_OUTBOX_BYTES_MAX - outbox->used);

	struct peal_effect *opened = &outbox->effects[outbox->count];
	*opened = *effect;
	opened->body_offset = outbox->used;
	opened->body_size = 0;
	return peal_writer_init(&outbox->bytes[outbox->used], capacity);
}

void
peal_outbox_commit(struct peal_outbox *outbox, const struct peal_writer *writer)
{
	PEAL_ASSERT(writer->is_ok);
	PEAL_ASSERT(outbox->count < PEAL_OUTBOX_EFFECTS_MAX);
	/* Another effect was opened or added in between when the cursor is not of the open one. */
	PEAL_ASSERT(writer->bytes == &outbox->bytes[outbox->used]);
	PEAL_ASSERT(writer->offset <= PEAL_OUTBOX_BYTES_MAX - outbox->used);

	outbox->effects[outbox->count].body_size = (uint32_t)writer->offset;
	outbox->used += (uint32_t)writer->offset;
	outbox->count++;
}

void
peal_outbox_add(struct peal_outbox *outbox, const struct peal_effect *effect)
{
	struct peal_writer writer = peal_outbox_open(outbox, effect, 0);

	peal_outbox_commit(outbox, &writer);
}

const uint8_t *
peal_outbox_body(const struct peal_outbox *outbox, uint32_t index)
{
	PEAL_ASSERT(index < outbox->count);
	const struct peal_effect *effect = &outbox->effects[index];

	PEAL_ASSERT(effect->body_offset <= outbox->used);
	PEAL_ASSERT(effect->body_size <= outbox->used - effect->body_offset);
	return &outbox->bytes[effect->body_offset];
}
