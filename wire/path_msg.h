/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bodies of PATH_PROBE and PATH_ANSWER: round u32 | size u16 | 2 x 0.
 *
 * `size` is that of the whole body of the PROBE, which is padded to it with anything; the ANSWER
 * repeats both fields and is 8 bytes. `round` is the sender's own, so that it knows what is old.
 */
#ifndef PEAL_WIRE_PATH_MSG_H
#define PEAL_WIRE_PATH_MSG_H

#include "base/limits.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define PEAL_PATH_MSG_SIZE 8U /* without padding */

struct peal_path_msg {
	uint32_t round;
	uint16_t size;
};

/* Writes the 8 bytes; padding is the caller's. */
static inline void
peal_path_msg_encode(const struct peal_path_msg *message, uint8_t body[PEAL_PATH_MSG_SIZE])
{
	memcpy(body, &message->round, 4);
	memcpy(body + 4, &message->size, 2);
	memset(body + 6, 0, 2);
}

/*
 * Reads the 8 bytes. False: too short, reserved bytes, a size that no frame has, or, of a PROBE,
 * another than its own; `message_out` is then unspecified.
 *
 * @param body_size  of the whole frame; of an ANSWER 8
 */
static inline bool
peal_path_msg_decode(
	const uint8_t *body, uint32_t body_size, bool is_probe, struct peal_path_msg *message_out)
{
	uint16_t reserved;

	if (body_size < PEAL_PATH_MSG_SIZE) {
		return false;
	}
	memcpy(&message_out->round, body, 4);
	memcpy(&message_out->size, body + 4, 2);
	memcpy(&reserved, body + 6, 2);
	return reserved == 0 && message_out->size >= PEAL_PATH_MSG_SIZE &&
	       message_out->size <= PEAL_LARGE_BODY_SIZE_MAX &&
	       body_size == (is_probe ? message_out->size : PEAL_PATH_MSG_SIZE);
}

#endif
