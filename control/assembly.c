/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/assembly.h"

#include "base/assert.h"

#include <string.h>

/* Longest time between two requests, in D. */
#define ASK_FLOODS_MAX 8U

void
peal_assembly_init(struct peal_assembly *assembly, const struct peal_timing *timing,
	struct peal_counters *counters, struct peal_bodies bodies)
{
	assembly->timing = timing;
	assembly->counters = counters;
	assembly->bodies = bodies;
}

static void
free_place(struct peal_assembly *assembly, struct peal_assembly_place *place)
{
	peal_gather_close(&place->gather, &assembly->bodies);
	memset(place, 0, sizeof(*place));
}

void
peal_assembly_clear(struct peal_assembly *assembly)
{
	for (uint32_t i = 0; i < PEAL_ASSEMBLIES_MAX; i++) {
		free_place(assembly, &assembly->places[i]);
	}
}

static struct peal_assembly_place *
find(struct peal_assembly *assembly, struct peal_hash128 digest)
{
	for (uint32_t i = 0; i < PEAL_ASSEMBLIES_MAX; i++) {
		struct peal_assembly_place *place = &assembly->places[i];

		if (place->is_used && peal_hash128_equals(place->digest, digest)) {
			return place;
		}
	}
	return NULL;
}

/* A free place; or, for what is wanted, the place of something that is not. */
static struct peal_assembly_place *
take_place(struct peal_assembly *assembly, struct peal_hash128 digest, bool is_wanted)
{
	struct peal_assembly_place *place = NULL;

	for (uint32_t i = 0; i < PEAL_ASSEMBLIES_MAX; i++) {
		struct peal_assembly_place *other = &assembly->places[i];

		if (!other->is_used) {
			place = other;
			break;
		}
		if (is_wanted && !other->is_wanted) {
			place = other;
		}
	}
	if (place == NULL) {
		return NULL;
	}
	free_place(assembly, place);
	place->is_used = true;
	place->digest = digest;
	place->route = PEAL_BODY_ROUTE_PULL;
	return place;
}

static void
restart_asking(
	const struct peal_assembly *assembly, struct peal_assembly_place *place, uint64_t now_ns)
{
	place->asks_count = 0;
	place->ask_ns = assembly->timing->flood_ns;
	place->ask_at_ns = now_ns + place->ask_ns;
}

bool
peal_assembly_want(struct peal_assembly *assembly, struct peal_hash128 digest, uint32_t size,
	bool is_snapshot, uint64_t source_mid, uint64_t now_ns)
{
	struct peal_assembly_place *place = find(assembly, digest);

	PEAL_ASSERT(size <= PEAL_BODY_BYTES_MAX);
	if (place == NULL) {
		place = take_place(assembly, digest, true);
	}
	if (place == NULL) {
		return false;
	}
	if (!place->is_wanted) {
		restart_asking(assembly, place, now_ns);
	}
	place->is_wanted = true;
	place->is_snapshot = is_snapshot;
	if (place->source_mid == 0) {
		place->source_mid = source_mid;
	}
	if (size > 0 && place->gather.size == 0) {
		(void)peal_gather_open(&place->gather, &assembly->bodies, digest, size);
	}
	return true;
}

void
peal_assembly_forget(struct peal_assembly *assembly, struct peal_hash128 digest)
{
	struct peal_assembly_place *place = find(assembly, digest);

	if (place != NULL) {
		free_place(assembly, place);
	}
}

bool
peal_assembly_has(const struct peal_assembly *assembly, struct peal_hash128 digest)
{
	for (uint32_t i = 0; i < PEAL_ASSEMBLIES_MAX; i++) {
		if (assembly->places[i].is_used &&
			peal_hash128_equals(assembly->places[i].digest, digest)) {
			return true;
		}
	}
	return false;
}

/* All chunks are here: a body, if they are what the digest says. */
static const struct peal_body *
finish(struct peal_assembly *assembly, struct peal_assembly_place *place, uint64_t now_ns)
{
	const struct peal_bodies *bodies = &assembly->bodies;
	const struct peal_body *body = bodies->keep_bytes(
		bodies->state, place->gather.bytes, place->gather.size, !place->is_snapshot);

	if (body != NULL && peal_hash128_equals(body->digest, place->digest)) {
		free_place(assembly, place);
		peal_counter_add(assembly->counters, PEAL_COUNTER_BODIES_ASSEMBLED, 1);
		return body;
	}
	/* Not what was announced, or there is no room: from the beginning, if it is needed. */
	peal_counter_add(assembly->counters, PEAL_COUNTER_BODIES_SPOILED, 1);
	if (body != NULL) {
		bodies->release(bodies->state, body);
	}
	peal_gather_close(&place->gather, bodies);
	if (!place->is_wanted) {
		free_place(assembly, place);
		return NULL;
	}
	restart_asking(assembly, place, now_ns);
	return NULL;
}

const struct peal_body *
peal_assembly_on_chunk(struct peal_assembly *assembly, const struct peal_body_msg *message,
	uint64_t mid, uint64_t now_ns, uint8_t *route_out)
{
	struct peal_assembly_place *place = find(assembly, message->digest);

	if (place == NULL) {
		/* An answer to a pull that is settled is not to begin it once more. */
		place = message->route == PEAL_BODY_ROUTE_PULL
				? NULL
				: take_place(assembly, message->digest, false);
	}
	if (place == NULL) {
		return NULL;
	}
	if (place->gather.size != message->total_size) {
		/* Of two sizes the first is believed until its digest proves wrong. */
		if (place->gather.size != 0 || !peal_gather_open(&place->gather, &assembly->bodies,
						       message->digest, message->total_size)) {
			return NULL;
		}
	}
	if (!peal_gather_add(&place->gather, message->chunk, message->bytes, message->size)) {
		return NULL;
	}
	place->source_mid = mid;
	place->route = message->route;
	restart_asking(assembly, place, now_ns);
	if (!peal_gather_is_complete(&place->gather)) {
		return NULL;
	}
	*route_out = place->route;
	return finish(assembly, place, now_ns);
}

bool
peal_assembly_take_ask(
	struct peal_assembly *assembly, uint64_t now_ns, struct peal_assembly_ask *ask_out)
{
	for (uint32_t i = 0; i < PEAL_ASSEMBLIES_MAX; i++) {
		struct peal_assembly_place *place = &assembly->places[i];

		if (!place->is_wanted || now_ns < place->ask_at_ns) {
			continue;
		}
		memset(ask_out, 0, sizeof(*ask_out));
		ask_out->pull.digest = place->digest;
		ask_out->is_snapshot = place->is_snapshot;
		ask_out->source_mid = place->source_mid;
		ask_out->asks_count = place->asks_count++;
		/* Without a size, or with nothing here yet: everything. */
		if (place->gather.size > 0 &&
			place->gather.missing_count < peal_body_chunks_count(place->gather.size)) {
			peal_gather_missing(&place->gather, &ask_out->pull.first,
				ask_out->pull.missing, PEAL_PULL_CHUNKS_MAX / 64U);
		}
		place->ask_at_ns = now_ns + place->ask_ns;
		/* Somebody has it, and without it this node decides nothing: the cap is low. */
		if (place->ask_ns < ASK_FLOODS_MAX * assembly->timing->flood_ns) {
			place->ask_ns *= 2U;
		}
		return true;
	}
	return false;
}

uint64_t
peal_assembly_deadline_at_ns(const struct peal_assembly *assembly)
{
	uint64_t deadline_at_ns = UINT64_MAX;

	for (uint32_t i = 0; i < PEAL_ASSEMBLIES_MAX; i++) {
		const struct peal_assembly_place *place = &assembly->places[i];

		if (place->is_wanted && place->ask_at_ns < deadline_at_ns) {
			deadline_at_ns = place->ask_at_ns;
		}
	}
	return deadline_at_ns;
}
