/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/check_heard.h"

#include "base/assert.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 3, 4))) static void
violate(const struct peal_check_heard *check, const struct peal_check_heard_seat *seat,
	const char *format, ...)
{
	char text[160];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	peal_report_violate(check->report, *check->now_ns,
		"client of session %u at member %" PRIu64 " in view %" PRIu64 ": %s", seat->session,
		seat->self_mid, seat->epoch, text);
}

static uint64_t
mix(uint64_t value)
{
	value = (value ^ value >> 31) * UINT64_C(0x9E3779B97F4A7C15);
	value = (value ^ value >> 29) * UINT64_C(0xBF58476D1CE4E5B9);
	return value ^ value >> 32;
}

void
peal_check_heard_begin(struct peal_check_heard *check, struct peal_check_heard_seat *seat)
{
	memset(seat, 0, sizeof(*seat));
	if (check->sessions_count + 1U < PEAL_CHECK_HEARD_SESSIONS) {
		seat->session = ++check->sessions_count;
	} else {
		violate(check, seat, "comes when there are more sessions than can be compared");
	}
}

static uint8_t
byte_at(uint32_t session, uint32_t number, uint32_t at)
{
	return (uint8_t)(mix((uint64_t)session << 32 | number) >> (at % 8U * 8U));
}

void
peal_check_heard_write(
	struct peal_check_heard *check, uint32_t session, uint8_t *bytes, uint32_t size)
{
	uint32_t head[4] = {session, ++check->sessions[session].said_count, size, 0};

	PEAL_ASSERT(size >= PEAL_CHECK_HEARD_SIZE_MIN);
	memcpy(bytes, head, sizeof(head));
	for (uint32_t at = sizeof(head); at < size; at++) {
		bytes[at] = byte_at(head[0], head[1], at);
	}
}

void
peal_check_heard_on_lost(struct peal_check_heard *check, const struct peal_check_heard_seat *seat)
{
	check->sessions[seat->session].lost_count = check->sessions[seat->session].said_count;
}

/* --- views --- */

static void
pass(struct peal_check_heard *check, const struct peal_check_heard_seat *seat, uint64_t cluster,
	uint64_t next_epoch, uint64_t members_digest)
{
	const struct peal_check_heard_pass own = {.cluster = cluster,
		.epoch = seat->epoch,
		.next_epoch = next_epoch,
		.members_digest = members_digest,
		.digest = seat->digest,
		.count = seat->count};

	for (uint32_t i = 0; i < check->passes_count; i++) {
		const struct peal_check_heard_pass *other = &check->passes[i];

		if (other->cluster != cluster || other->epoch != own.epoch ||
			other->next_epoch != next_epoch) {
			continue;
		}
		check->compared_count++;
		if (other->members_digest != members_digest) {
			violate(check, seat, "view %" PRIu64 " has other members than elsewhere",
				next_epoch);
		} else if (other->digest != own.digest || other->count != own.count) {
			violate(check, seat,
				"went on to %" PRIu64 " and heard %" PRIu64 ", others %" PRIu64,
				next_epoch, own.count, other->count);
		}
		return;
	}
	if (check->passes_count < PEAL_CHECK_HEARD_PASSES) {
		check->passes[check->passes_count++] = own;
	} else {
		violate(check, seat, "passes into more views than can be compared");
	}
}

void
peal_check_heard_on_view(struct peal_check_heard *check, struct peal_check_heard_seat *seat,
	uint64_t cluster, const struct peal_shmring_record *record)
{
	struct peal_client_view piece;
	struct peal_client_member member;
	uint32_t count;
	uint64_t digest = 0;

	memcpy(&piece, record->bytes, sizeof(piece));
	count = (record->size - (uint32_t)sizeof(piece)) / (uint32_t)sizeof(member);
	PEAL_ASSERT(piece.members_count <= PEAL_CHECK_HEARD_MEMBERS);
	for (uint32_t i = 0; i < count; i++) {
		memcpy(&member, record->bytes + sizeof(piece) + i * sizeof(member), sizeof(member));
		seat->members[piece.first + i] = member.mid;
	}
	seat->is_coming = piece.first + count < piece.members_count;
	if (seat->is_coming) {
		return;
	}
	for (uint32_t i = 0; i < piece.members_count; i++) {
		digest += mix(seat->members[i]);
	}
	if (seat->self_mid != piece.self_mid) {
		/* Another life of the node: it may have missed anything, and the next is no
		 * successor. */
		memset(seat->heard, 0, sizeof(seat->heard));
	} else if (seat->epoch != 0 && piece.epoch <= seat->epoch) {
		violate(check, seat, "view %" PRIu64 " comes after it", piece.epoch);
	} else if (seat->is_from_begin) {
		pass(check, seat, cluster, piece.epoch, digest);
	}
	seat->is_from_begin = seat->epoch != 0 && piece.epoch != 0;
	seat->epoch = piece.epoch;
	seat->self_mid = piece.self_mid;
	seat->members_count = piece.members_count;
	seat->digest = 0;
	seat->count = 0;
}

/* --- messages --- */

static bool
is_member(const struct peal_check_heard_seat *seat, uint64_t mid)
{
	bool is_found = false;

	for (uint32_t i = 0; i < seat->members_count && !is_found; i++) {
		is_found = seat->members[i] == mid;
	}
	return is_found;
}

void
peal_check_heard_on_message(struct peal_check_heard *check, struct peal_check_heard_seat *seat,
	uint64_t mid, const uint8_t *bytes, uint32_t size)
{
	uint32_t head[4];
	uint32_t *last;

	check->heard_count++;
	if (seat->epoch == 0 || seat->is_coming || !is_member(seat, mid)) {
		violate(check, seat, "heard member %" PRIu64 " that it was not shown", mid);
		return;
	}
	if (size < sizeof(head)) {
		violate(check, seat, "heard %u bytes that nobody sent", size);
		return;
	}
	memcpy(head, bytes, sizeof(head));
	if (head[0] > check->sessions_count || head[2] != size ||
		head[1] > check->sessions[head[0]].said_count) {
		violate(check, seat, "heard what nobody sent");
		return;
	}
	for (uint32_t at = sizeof(head); at < size; at++) {
		if (bytes[at] != byte_at(head[0], head[1], at)) {
			violate(check, seat, "heard something else than was sent");
			return;
		}
	}
	last = &seat->heard[head[0]];
	if (head[1] <= *last || (*last != 0 && head[1] != *last + 1U &&
					head[1] - 1U > check->sessions[head[0]].lost_count)) {
		violate(check, seat, "heard message %u of session %u after %u", head[1], head[0],
			*last);
	}
	*last = head[1];
	seat->digest += mix((uint64_t)head[0] << 32 | head[1]);
	seat->count++;
}

bool
peal_check_heard_has_all(const struct peal_check_heard *check,
	const struct peal_check_heard_seat *seat, uint32_t session)
{
	return seat->heard[session] == check->sessions[session].said_count;
}
