/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ALERT: what observers report about subjects of one view. Body after the flood prefix:
 * flags u8 | count u8 | 2 x 0, then per subject: rank u16 | reason u8 | 0 | ring mask u32.
 */
#ifndef PEAL_WIRE_ALERT_MSG_H
#define PEAL_WIRE_ALERT_MSG_H

#include "base/limits.h"
#include "wire/cursor.h"

#include <stdbool.h>
#include <stdint.h>

/* Masks merged from several observers, passed on by a member (mask exchange). Without it every bit
 * must be an edge whose observer is the sender itself. */
#define PEAL_ALERT_FLAG_MERGED 0x01U

enum peal_alert_reason {
	PEAL_ALERT_SILENT = 1, /* no echo of probes */
	PEAL_ALERT_STUCK = 2,  /* answers, but its control plane does not move */
	PEAL_ALERT_ECHO = 3,   /* reinforcement of an unstable subject */
	PEAL_ALERT_LAG = 4,    /* answers, but stays in an old epoch */
	PEAL_ALERT_SLOW = 5,   /* answers, but holds broadcasts of all back, as it says itself */
};

struct peal_alert_entry {
	uint16_t rank;
	uint8_t reason; /* enum peal_alert_reason */
	uint32_t mask;  /* bit k: observer k of the subject; never 0 */
};

struct peal_alert_msg {
	uint8_t flags;
	uint8_t count; /* [1, PEAL_ALERT_ENTRIES_MAX] */
	struct peal_alert_entry entries[PEAL_ALERT_ENTRIES_MAX];
};

/* "silent", "stuck", "echo", "lag", "slow"; "unknown" for any other number. Static. */
const char *peal_alert_reason_name(uint8_t reason);
void peal_alert_msg_encode(const struct peal_alert_msg *message, struct peal_writer *writer);
/* False: truncated or longer, count 0 or too large, unknown flag or reason, mask 0, a rank twice.
 */
bool peal_alert_msg_decode(struct peal_reader *reader, struct peal_alert_msg *message_out);

#endif
