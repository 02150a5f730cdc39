/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kinds and families of frames, generated from wire/messages.def.
 */
#ifndef PEAL_WIRE_MESSAGES_H
#define PEAL_WIRE_MESSAGES_H

#include <stdbool.h>
#include <stdint.h>

enum peal_message {
#define PEAL_MESSAGE(name, number, handler) PEAL_MESSAGE_##name = (number),
#include "wire/messages.def"
#undef PEAL_MESSAGE
};

#define PEAL_FAMILY_JOIN     0U
#define PEAL_FAMILY_LIVENESS 1U
#define PEAL_FAMILY_FLOOD    2U
#define PEAL_FAMILY_VOTE     3U
#define PEAL_FAMILY_CHANNEL  4U
#define PEAL_FAMILY_CAST     5U
#define PEAL_FAMILY_ORDER    6U

static inline uint8_t
peal_message_family(uint8_t kind)
{
	return (uint8_t)(kind >> 4);
}

/* Private: which numbers are kinds. */
extern const bool peal_message_known[UINT8_MAX + 1];

/* True for a kind of the list. One load. */
static inline bool
peal_message_is_known(uint8_t kind)
{
	return peal_message_known[kind];
}

/* Lower-case name of a kind, "unknown" for others. Static. */
const char *peal_message_name(uint8_t kind);

#endif
