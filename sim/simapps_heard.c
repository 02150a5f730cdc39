/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients that send to all members, and hear what is sent so.
 */
#include "base/assert.h"
#include "sim/simapps.h"

#include <string.h>

#define CASTS_MAX 3U

void
peal_simapps_cast(struct peal_simapps *apps, struct peal_simapp *app, uint32_t size)
{
	uint8_t bytes[PEAL_SIMAPPS_MESSAGE_SIZE];
	uint64_t epoch;

	if (app->state != PEAL_SIMAPP_HERE || app->seat.session == 0 ||
		peal_region_read_lease(&apps->page, &epoch) == 0 ||
		peal_shmring_claim(&app->writer, size) == NULL) {
		return;
	}
	peal_check_heard_write(apps->heard, app->seat.session, bytes, size);
	peal_simapps_say(app, PEAL_CLIENT_CAST, 0, bytes, size);
	apps->heard->report->messages_count++;
}

void
peal_simapps_act_heard(struct peal_simapps *apps, struct peal_simapp *app)
{
	uint64_t choice = peal_prng_below(&apps->prng, 32);

	if (app->state == PEAL_SIMAPP_GOING) {
		return;
	}
	if (app->state == PEAL_SIMAPP_NONE) {
		peal_simapps_attach(apps, app);
		memset(app->parts_of, 0, sizeof(app->parts_of));
		peal_check_heard_begin(apps->heard, &app->seat);
		peal_simapps_say(app, PEAL_CLIENT_HEAR, 0, NULL, 0);
	} else if (choice < 2) {
		peal_simapps_part(apps, app);
	} else {
		for (uint64_t i = 0; i <= peal_prng_below(&apps->prng, CASTS_MAX); i++) {
			peal_simapps_cast(
				apps, app, peal_simapps_draw_size(apps, PEAL_CHECK_HEARD_SIZE_MIN));
		}
	}
}

/* Where the parts of a member's message are put together; NULL: too many are under way. */
static struct peal_simapp_parts *
find_parts(struct peal_simapp *app, uint64_t mid, uint32_t *place_out)
{
	uint32_t spare = PEAL_DIRECT_MAX;

	for (uint32_t i = 0; i < PEAL_DIRECT_MAX; i++) {
		if (app->parts_of[i] == mid) {
			*place_out = i;
			return &app->parts[i];
		}
		spare = spare == PEAL_DIRECT_MAX && app->parts_of[i] == 0 ? i : spare;
	}
	*place_out = spare;
	return spare == PEAL_DIRECT_MAX ? NULL : &app->parts[spare];
}

static void
on_part(struct peal_simapps *apps, struct peal_simapp *app, uint64_t mid,
	const struct peal_shmring_record *record)
{
	const uint8_t *bytes = record->bytes + sizeof(mid);
	uint32_t size = record->size - (uint32_t)sizeof(mid), place;
	struct peal_simapp_parts *parts = find_parts(app, mid, &place);
	struct peal_client_part part;

	memcpy(&part, bytes, sizeof(part));
	bytes += sizeof(part);
	size -= (uint32_t)sizeof(part);
	if (parts == NULL) {
		peal_simapps_violate(apps, "parts of more messages come than there are lanes");
		return;
	}
	if (part.offset == 0) {
		parts->filled = 0;
		app->parts_of[place] = mid;
	}
	if (part.offset != parts->filled || part.offset + size > PEAL_SIMAPPS_MESSAGE_SIZE ||
		app->parts_of[place] != mid) {
		peal_simapps_violate(apps, "parts of a broadcast do not follow each other");
		return;
	}
	memcpy(parts->bytes + part.offset, bytes, size);
	parts->filled += size;
	if (parts->filled == part.message_size) {
		app->parts_of[place] = 0;
		peal_check_heard_on_message(
			apps->heard, &app->seat, mid, parts->bytes, part.message_size);
	}
}

void
peal_simapps_read_heard(struct peal_simapps *apps, struct peal_simapp *app)
{
	struct peal_shmring_record record;
	uint64_t mid = 0;

	while (peal_shmring_borrow(&app->reader, &record)) {
		if (record.kind == PEAL_CLIENT_VIEW) {
			peal_check_heard_on_view(
				apps->heard, &app->seat, apps->groups.cluster, &record);
			/* Who did not end a message begins it again, or is gone. */
			memset(app->parts_of, 0, sizeof(app->parts_of));
		} else if (record.kind == PEAL_CLIENT_CAST_LOST) {
			peal_check_heard_on_lost(apps->heard, &app->seat);
		} else if (record.kind == PEAL_CLIENT_HEARD) {
			memcpy(&mid, record.bytes, sizeof(mid));
			peal_check_heard_on_message(apps->heard, &app->seat, mid,
				record.bytes + sizeof(mid), record.size - (uint32_t)sizeof(mid));
		} else if (record.kind == PEAL_CLIENT_HEARD_PART) {
			memcpy(&mid, record.bytes, sizeof(mid));
			on_part(apps, app, mid, &record);
		}
		(void)peal_shmring_release(&app->reader);
	}
}

/* Whether a client has heard the last of all who are there. */
static bool
has_heard(struct peal_simapps *apps, uint32_t count, const struct peal_simapp *app)
{
	for (uint32_t i = 0; i < count * PEAL_SIMAPPS_CLIENTS_MAX; i++) {
		const struct peal_simapps *node = &apps[i / PEAL_SIMAPPS_CLIENTS_MAX];
		const struct peal_simapp *other = &node->apps[i % PEAL_SIMAPPS_CLIENTS_MAX];

		if (node->is_up && other->state == PEAL_SIMAPP_HERE && other->seat.session != 0 &&
			!peal_check_heard_has_all(node->heard, &app->seat, other->seat.session)) {
			return false;
		}
	}
	return true;
}

bool
peal_simapps_have_heard_all(struct peal_simapps *apps, uint32_t count)
{
	for (uint32_t i = 0; i < count * PEAL_SIMAPPS_CLIENTS_MAX; i++) {
		struct peal_simapps *node = &apps[i / PEAL_SIMAPPS_CLIENTS_MAX];
		const struct peal_simapp *app = &node->apps[i % PEAL_SIMAPPS_CLIENTS_MAX];

		if (node->is_up && app->state == PEAL_SIMAPP_HERE && !has_heard(apps, count, app)) {
			return false;
		}
	}
	return true;
}
