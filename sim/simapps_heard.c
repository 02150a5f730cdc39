/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients that send to all members, and hear what is sent so.
 */
#include "base/assert.h"
#include "sim/simapps.h"

#include <string.h>

#define CASTS_MAX 3U

/* False: it may not, or there is no room. */
static bool
cast(struct peal_simapps *apps, struct peal_simapp *app, uint32_t size)
{
	uint8_t bytes[PEAL_SIMAPPS_MESSAGE_SIZE];
	uint64_t epoch;

	if (app->state != PEAL_SIMAPP_HERE || app->seat.session == 0 ||
		peal_region_read_lease(&apps->page, &epoch) == 0 ||
		peal_shmring_claim(&app->writer, size) == NULL) {
		return false;
	}
	peal_check_heard_write(apps->heard, app->seat.session, bytes, size);
	peal_simapps_say(app, PEAL_CLIENT_CAST, 0, bytes, size);
	apps->heard->report->messages_count++;
	return true;
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
		app->last_epoch = 0;
		peal_check_heard_begin(apps->heard, &app->seat);
		peal_simapps_say(app, PEAL_CLIENT_HEAR, 0, NULL, 0);
	} else if (choice < 2) {
		peal_simapps_part(apps, app);
	} else {
		for (uint64_t i = 0; i <= peal_prng_below(&apps->prng, CASTS_MAX); i++) {
			(void)cast(
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

/* --- at the end --- */

/* Who comes with a view, or comes back, has heard nothing that was said before it; and what was
 * said in a view may have been lost with it. So a word counts for one view. */
static bool
has_said_last(const struct peal_simapp *app)
{
	return app->seat.epoch != 0 && app->last_epoch == app->seat.epoch;
}

void
peal_simapps_cast_last(struct peal_simapps *apps, struct peal_simapp *app)
{
	if (app->seat.epoch != 0 && !has_said_last(app) &&
		cast(apps, app, PEAL_SIMAPPS_LAST_SIZE)) {
		app->last_epoch = app->seat.epoch;
	}
}

/* The `at`-th client of all nodes; NULL: it is not there. */
static const struct peal_simapp *
find_app(const struct peal_simapps *apps, uint32_t at)
{
	const struct peal_simapps *node = &apps[at / PEAL_SIMAPPS_CLIENTS_MAX];
	const struct peal_simapp *app = &node->apps[at % PEAL_SIMAPPS_CLIENTS_MAX];

	return node->is_up && app->state == PEAL_SIMAPP_HERE ? app : NULL;
}

/* Of all who are there: the first client that did not say its last word, or whose last word a
 * client did not hear; the number of places when there is none. */
static uint32_t
find_unsaid(const struct peal_simapps *apps, uint32_t count)
{
	uint32_t at = 0;

	while (at < count * PEAL_SIMAPPS_CLIENTS_MAX &&
		(find_app(apps, at) == NULL || has_said_last(find_app(apps, at)))) {
		at++;
	}
	return at;
}

static uint32_t
find_unheard(const struct peal_simapps *apps, uint32_t count, const struct peal_simapp *app)
{
	uint32_t at = 0;

	while (at < count * PEAL_SIMAPPS_CLIENTS_MAX &&
		(find_app(apps, at) == NULL || peal_check_heard_has_all(apps->heard, &app->seat,
						       find_app(apps, at)->seat.session))) {
		at++;
	}
	return at;
}

bool
peal_simapps_have_heard_all(struct peal_simapps *apps, uint32_t count)
{
	const uint32_t none = count * PEAL_SIMAPPS_CLIENTS_MAX;
	bool have_all = find_unsaid(apps, count) == none;

	for (uint32_t at = 0; at < none && have_all; at++) {
		const struct peal_simapp *app = find_app(apps, at);

		have_all = app == NULL || find_unheard(apps, count, app) == none;
	}
	return have_all;
}

void
peal_simapps_check_heard(const struct peal_simapps *apps, uint32_t count)
{
	const uint32_t none = count * PEAL_SIMAPPS_CLIENTS_MAX;
	uint32_t unsaid = find_unsaid(apps, count), unheard = none, at = 0;

	if (unsaid < none) {
		peal_simapps_violate(&apps[unsaid / PEAL_SIMAPPS_CLIENTS_MAX],
			"a client could not say its last word");
	}
	for (; at < none && unheard == none; at++) {
		const struct peal_simapp *app = find_app(apps, at);

		unheard = app == NULL ? none : find_unheard(apps, count, app);
	}
	if (unheard < none) {
		peal_report_violate(apps->heard->report, *apps->heard->now_ns,
			"a client of n%u did not hear what one of n%u said last",
			(at - 1U) / PEAL_SIMAPPS_CLIENTS_MAX, unheard / PEAL_SIMAPPS_CLIENTS_MAX);
	}
}
