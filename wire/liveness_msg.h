/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Body of PROBE, ACK, ECHO and ECHO_REPLY: 16 bytes, so that the whole frame is a cache line and a
 * half.
 *
 * view_tag u32 | alert_digest u32 | seq u16 | echo_seq u16 | core_age_ms u16 | flags u8 | 0.
 * PROBE: seq = own probe number, echo_seq = last probe heard from the receiver. ACK: seq = own last
 * probe number, echo_seq = the probe that is answered. ECHO and ECHO_REPLY: view_tag and
 * alert_digest carry a 64-bit tag of the sender that comes back unchanged.
 */
#ifndef PEAL_WIRE_LIVENESS_MSG_H
#define PEAL_WIRE_LIVENESS_MSG_H

#include "base/assert.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define PEAL_LIVENESS_BODY_SIZE 16U

#define PEAL_LIVENESS_FLAG_NOT_MEMBER 0x01U /* the receiver is not in the sender's view */
#define PEAL_LIVENESS_FLAG_LEAVING    0x02U
#define PEAL_LIVENESS_FLAG_ECHO_VALID 0x04U /* echo_seq means something */
#define PEAL_LIVENESS_FLAG_SLOW       0x08U /* the sender holds broadcasts back */
#define PEAL_LIVENESS_FLAGS_ALL       0x0fU

struct peal_liveness_msg {
	uint32_t view_tag;
	uint32_t alert_digest;
	uint16_t seq;
	uint16_t echo_seq;
	uint16_t core_age_ms; /* age of the control plane's last step, saturating */
	uint8_t flags;
};

/* Both are inline: once for every probe and every answer. */
static inline void
peal_liveness_msg_encode(
	const struct peal_liveness_msg *message, uint8_t body[PEAL_LIVENESS_BODY_SIZE])
{
	PEAL_DASSERT((message->flags & ~PEAL_LIVENESS_FLAGS_ALL) == 0);

	uint64_t first = message->view_tag | ((uint64_t)message->alert_digest << 32);
	uint64_t second = message->seq | ((uint64_t)message->echo_seq << 16) |
			  ((uint64_t)message->core_age_ms << 32) | ((uint64_t)message->flags << 48);

	memcpy(body, &first, sizeof(first));
	memcpy(body + sizeof(first), &second, sizeof(second));
}

/* False: wrong size, unknown flag, padding not zero; `message_out` is then unspecified. */
static inline bool
peal_liveness_msg_decode(const uint8_t *body, uint32_t size, struct peal_liveness_msg *message_out)
{
	uint64_t first;
	uint64_t second;

	if (__builtin_expect(size != PEAL_LIVENESS_BODY_SIZE, 0)) {
		return false;
	}
	memcpy(&first, body, sizeof(first));
	memcpy(&second, body + sizeof(first), sizeof(second));
	message_out->view_tag = (uint32_t)first;
	message_out->alert_digest = (uint32_t)(first >> 32);
	message_out->seq = (uint16_t)second;
	message_out->echo_seq = (uint16_t)(second >> 16);
	message_out->core_age_ms = (uint16_t)(second >> 32);
	message_out->flags = (uint8_t)(second >> 48);
	/* Unknown flags and the padding behind them at once. */
	return ((second >> 48) & ~(uint64_t)PEAL_LIVENESS_FLAGS_ALL) == 0;
}

#endif
