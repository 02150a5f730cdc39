/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/channel_msg.h"

static const char *const reason_names[PEAL_CHANNEL_REASONS_COUNT] = {
	[PEAL_CHANNEL_REASON_NONE] = "none",
	[PEAL_CHANNEL_REASON_CLOSED] = "closed",
	[PEAL_CHANNEL_REASON_UNKNOWN] = "unknown",
	[PEAL_CHANNEL_REASON_FULL] = "full",
	[PEAL_CHANNEL_REASON_STALE] = "stale",
	[PEAL_CHANNEL_REASON_PROTOCOL] = "protocol",
	[PEAL_CHANNEL_REASON_SLOW] = "slow",
	[PEAL_CHANNEL_REASON_REMOVED] = "removed",
};

const char *
peal_channel_reason_name(uint8_t reason)
{
	return reason < PEAL_CHANNEL_REASONS_COUNT ? reason_names[reason] : "unknown reason";
}
