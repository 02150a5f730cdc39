/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/describe.h"

#include "base/timing.h"
#include "control/node.h"
#include "dataplane/link.h"
#include "wire/alert_msg.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

#define SIZE PEAL_DESCRIBE_SIZE_MAX

void
peal_describe_address(const struct peal_address *address, char out[SIZE])
{
	uint32_t ip = address->ipv4;

	if (peal_address_is_ipv6(address)) {
		char text[INET6_ADDRSTRLEN];
		uint8_t bytes[sizeof(struct in6_addr)];

		peal_link_store_ipv6(bytes, address);
		(void)inet_ntop(AF_INET6, bytes, text, sizeof(text));
		(void)snprintf(out, SIZE, "[%s]:%u", text, address->port);
		return;
	}
	(void)snprintf(out, SIZE, "%u.%u.%u.%u:%u", ip >> 24, ip >> 16 & 255U, ip >> 8 & 255U,
		ip & 255U, address->port);
}

void
peal_describe_mac(const uint8_t mac[6], char out[SIZE])
{
	(void)snprintf(out, SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		mac[4], mac[5]);
}

void
peal_describe_uuid(struct peal_uuid uuid, char out[SIZE])
{
	(void)snprintf(out, SIZE, "%016" PRIx64 "%016" PRIx64, uuid.high, uuid.low);
}

void
peal_describe_hash(struct peal_hash128 hash, char out[SIZE])
{
	(void)snprintf(out, SIZE, "%016" PRIx64 "%016" PRIx64, hash.high, hash.low);
}

void
peal_describe_bytes(const uint8_t *bytes, size_t size, char out[SIZE])
{
	size_t used = 0;

	for (; used < size && used < SIZE - 1U; used++) {
		uint8_t byte = bytes[used];

		out[used] = '.';
		if (byte >= 0x20 && byte < 0x7F) {
			out[used] = (char)byte;
		}
	}
	out[used] = '\0';
}

void
peal_describe_hex(const uint8_t *bytes, size_t size, char out[SIZE])
{
	static const char digits[] = "0123456789abcdef";
	size_t used = 0;

	for (size_t i = 0; i < size && used + 2U < SIZE; i++) {
		out[used++] = digits[bytes[i] >> 4];
		out[used++] = digits[bytes[i] & 15U];
	}
	out[used] = '\0';
}

/* What happened to a member, for the events that are about one. */
static const char *
find_fate(enum peal_event_kind kind)
{
	switch (kind) {
	case PEAL_EVENT_JOINED:
		return "joined";
	case PEAL_EVENT_LEFT:
		return "left";
	case PEAL_EVENT_CRASHED:
		return "crashed";
	case PEAL_EVENT_REPLACED:
		return "was replaced by a new incarnation";
	case PEAL_EVENT_ACCUSED:
		return "is accused by an observer";
	case PEAL_EVENT_DETECTED:
		return "is accused by enough observers to be removed";
	case PEAL_EVENT_STARTED:
	case PEAL_EVENT_VIEW:
	case PEAL_EVENT_PROPOSED:
	case PEAL_EVENT_NO_QUORUM:
	case PEAL_EVENT_QUORUM:
	case PEAL_EVENT_KICKED:
	case PEAL_EVENT_LEAVING:
	case PEAL_EVENT_REFUSED:
	case PEAL_EVENT_UNANSWERED:
	case PEAL_EVENT_UNREACHABLE:
	case PEAL_EVENT_BEHIND:
	case PEAL_EVENT_METADATA_FULL:
	case PEAL_EVENT_ORDERGROUP:
	case PEAL_EVENT_ORDERGROUP_REFUSED:
	case PEAL_EVENT_WAITING:
		break;
	}
	return NULL;
}

/* The preset with this probe interval, or NULL. */
static const char *
find_preset(uint64_t interval_us)
{
	static const char *const presets[] = {"dpdk-fast", "dpdk", "cloud", "paper"};
	struct peal_timing timing;

	for (uint32_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		if (peal_timing_find(presets[i], &timing) &&
			timing.probe_interval_ns == interval_us * UINT64_C(1000)) {
			return presets[i];
		}
	}
	return NULL;
}

/* What the group expected, and what to do about it. */
static void
describe_refusal(const struct peal_event *event, char out[SIZE])
{
	const char *preset = find_preset(event->value);
	const char *name = event->parameter < PEAL_PARAMETERS_COUNT
				   ? peal_parameter_name((enum peal_parameter)event->parameter)
				   : "something";

	if (event->parameter == PEAL_PARAMETER_RINGS ||
		event->parameter == PEAL_PARAMETER_MEMBERS_MAX) {
		(void)snprintf(out, SIZE,
			"refused: %s is %" PRIu32 " here and %" PRIu64
			" in the group; configure %s: %" PRIu64,
			name, event->own, event->value, name, event->value);
	} else if (event->parameter == PEAL_PARAMETER_INTERVAL_US && preset != NULL) {
		(void)snprintf(out, SIZE,
			"refused: probes are %" PRIu32 " us apart here and %" PRIu64
			" us in the group; configure preset: %s",
			event->own, event->value, preset);
	} else {
		(void)snprintf(out, SIZE,
			"refused: %s is %" PRIu32 " here and %" PRIu64
			" in the group; install the version of Peal that it runs",
			name, event->own, event->value);
	}
}

/* Why an observer accuses a member, as a part of a sentence. */
static const char *
find_reason(uint64_t reason)
{
	static const char *const reasons[] = {
		[PEAL_ALERT_SILENT] = "no answer",
		[PEAL_ALERT_STUCK] = "stuck, its control plane stands still",
		[PEAL_ALERT_ECHO] = "others accuse it",
		[PEAL_ALERT_LAG] = "lag, it stays in an old view",
		[PEAL_ALERT_SLOW] = "slow, it holds broadcasts back",
	};

	return reason >= PEAL_ALERT_SILENT && reason <= PEAL_ALERT_SLOW ? reasons[reason]
									: "unknown";
}

static const char *
find_kicked(uint64_t why)
{
	static const char *const reasons[] = {
		[PEAL_KICKED_REMOVED] = "the group removed this node",
		[PEAL_KICKED_LAG] = "the group went on and this node could not follow: it is out",
		[PEAL_KICKED_VIEW_DEAD] =
			"this view can never decide again, its members restarted: it is over",
		[PEAL_KICKED_NO_QUORUM] =
			"without a quorum here, while a group lives elsewhere: this view is over",
		[PEAL_KICKED_SLOW] =
			"the group removed this node: it held the broadcasts of all back",
	};

	return why >= PEAL_KICKED_REMOVED && why <= PEAL_KICKED_SLOW ? reasons[why] : reasons[1];
}

static void
describe_ordergroup(const struct peal_event *event, char out[SIZE])
{
	uint32_t id = (uint32_t)event->value;

	if (event->kind == PEAL_EVENT_ORDERGROUP) {
		(void)snprintf(out, SIZE, "order group %" PRIu32 " is there, generation %" PRIu64,
			id, event->value >> 32);
		return;
	}
	(void)snprintf(out, SIZE, "order group %" PRIu32 " cannot be created: %s", id,
		peal_ordergroup_answer_name((enum peal_ordergroup_answer)(event->value >> 32)));
}

static void
describe_own(const struct peal_event *event, char out[SIZE])
{
	char address[SIZE];

	switch ((enum peal_event_kind)event->kind) {
	case PEAL_EVENT_STARTED:
		(void)snprintf(out, SIZE, "joining");
		break;
	case PEAL_EVENT_VIEW:
		(void)snprintf(out, SIZE, "view %" PRIu64 ": %" PRIu64 " member%s", event->epoch,
			event->value, event->value == 1 ? "" : "s");
		break;
	case PEAL_EVENT_PROPOSED:
		(void)snprintf(out, SIZE,
			"proposed a cut that removes %" PRIu64 " of view %" PRIu64, event->value,
			event->epoch);
		break;
	case PEAL_EVENT_NO_QUORUM:
		(void)snprintf(out, SIZE, "too few members are heard: nothing can be decided");
		break;
	case PEAL_EVENT_QUORUM:
		(void)snprintf(out, SIZE, "enough members are heard again");
		break;
	case PEAL_EVENT_KICKED:
		(void)snprintf(out, SIZE, "%s", find_kicked(event->value));
		break;
	case PEAL_EVENT_BEHIND:
		(void)snprintf(out, SIZE,
			"behind: others are in view %" PRIu64
			", and what leads there does not arrive",
			event->value);
		break;
	case PEAL_EVENT_LEAVING:
		(void)snprintf(out, SIZE, "leaving");
		break;
	case PEAL_EVENT_REFUSED:
		describe_refusal(event, out);
		break;
	case PEAL_EVENT_UNREACHABLE:
		peal_describe_address(&event->address, address);
		(void)snprintf(out, SIZE,
			"%.24s does not reach this node, nor do %" PRIu64 " other of %" PRIu64
			" observers: check the links between them",
			address, (event->value >> 8) - 1U, event->value & 255U);
		break;
	case PEAL_EVENT_UNANSWERED:
		(void)snprintf(out, SIZE,
			"no seed answers: is one running, on this link, with this cluster name and "
			"key?");
		break;
	case PEAL_EVENT_METADATA_FULL:
		(void)snprintf(out, SIZE,
			"waiting: the view takes no more metadata; shorter metadata may fit");
		break;
	case PEAL_EVENT_ORDERGROUP:
	case PEAL_EVENT_ORDERGROUP_REFUSED:
		describe_ordergroup(event, out);
		break;
	case PEAL_EVENT_WAITING:
		(void)snprintf(out, SIZE,
			"waiting for %" PRIu64 " ms before joining again: it was too slow",
			event->value / UINT64_C(1000000));
		break;
	case PEAL_EVENT_JOINED:
	case PEAL_EVENT_LEFT:
	case PEAL_EVENT_CRASHED:
	case PEAL_EVENT_REPLACED:
	case PEAL_EVENT_ACCUSED:
	case PEAL_EVENT_DETECTED:
		break;
	}
}

void
peal_describe_event(const struct peal_event *event, char out[SIZE])
{
	const char *fate = find_fate((enum peal_event_kind)event->kind);
	char address[SIZE];

	out[0] = '\0';
	if (fate == NULL) {
		describe_own(event, out);
		return;
	}
	peal_describe_address(&event->address, address);
	if (event->kind == PEAL_EVENT_ACCUSED || event->kind == PEAL_EVENT_DETECTED) {
		(void)snprintf(out, SIZE, "member %" PRIu64 " (%.24s) %s: %s", event->mid, address,
			fate, find_reason(event->value));
		return;
	}
	(void)snprintf(out, SIZE, "member %" PRIu64 " (%.24s) %s", event->mid, address, fate);
}
