/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/pathmtu.h"

#include "base/messagelimits.h"
#include "base/museum.h"
#include "wire/messages.h"
#include "wire/path_msg.h"

#include <string.h>

/* An Ethernet packet of the usual size; what IPv4 or IPv6 and UDP take is the same as of the
 * smallest. */
#define ETHERNET_MTU 1500U

void
peal_pathmtu_init(struct peal_pathmtu *paths, const struct peal_pathmtu_config *config)
{
	PEAL_ASSERT(config->buffer_size >= PEAL_BODY_SIZE_MAX);
	memset(paths, 0, sizeof(*paths));
	paths->egress = config->egress;
	paths->counters = config->counters;
	paths->changed = config->changed;
	paths->state = config->state;
	paths->buffer_size = config->buffer_size;
	paths->body_sizes[0] = PEAL_BODY_SIZE_MAX;
	paths->rungs_count = 1;
	peal_deadlines_init(&paths->due_at, PEAL_SLOTS_MAX);
}

/* The sizes follow from the own link, which never changes. */
static void
find_rungs(struct peal_pathmtu *paths)
{
	const uint16_t largest = paths->egress->body_size_max;
	const uint32_t headers_size =
		(paths->egress->headers.is_ipv6 ? 48U : 28U) + PEAL_HEADER_SIZE + PEAL_TRAILER_SIZE;
	const uint16_t ethernet = (uint16_t)(ETHERNET_MTU - headers_size);

	paths->rungs_count = 1;
	if (ethernet < largest) {
		paths->body_sizes[paths->rungs_count++] = ethernet;
	}
	if (largest > PEAL_BODY_SIZE_MAX) {
		paths->body_sizes[paths->rungs_count++] = largest;
	}
}

static void
set_rung(struct peal_pathmtu *paths, uint16_t slot, uint8_t rung)
{
	struct peal_pathmtu_peer *peer = &paths->peers[slot];
	bool is_wider = rung > peer->rung;

	if (rung == peer->rung) {
		return;
	}
	peal_counter_add(paths->counters,
		is_wider ? PEAL_COUNTER_PATHS_WIDENED : PEAL_COUNTER_PATHS_NARROWED, 1);
	peer->rung = rung;
	paths->changed(paths->state, slot);
}

static void
begin_round(struct peal_pathmtu *paths, uint16_t slot)
{
	struct peal_pathmtu_peer *peer = &paths->peers[slot];

	peer->round = ++paths->next_round;
	peer->tries_count = 0;
	peer->answered = 0;
	peer->is_trying = true;
	peer->pause_ns = peer->first_pause_ns;
	peal_deadlines_set(&paths->due_at, slot, 0);
}

void
peal_pathmtu_switch(struct peal_pathmtu *paths, const struct peal_peers *peers)
{
	find_rungs(paths);
	for (uint16_t slot = 0; slot < PEAL_SLOTS_MAX; slot++) {
		struct peal_pathmtu_peer *peer = &paths->peers[slot];
		uint64_t mid = peers->peers[slot].mid;

		if (peer->mid != mid || !peal_peers_is_member(peers, slot, mid)) {
			*peer = (struct peal_pathmtu_peer){
				.mid = mid, .first_pause_ns = PEAL_PATHMTU_PAUSE_NS};
			peal_deadlines_set(&paths->due_at, slot, UINT64_MAX);
		} else if (peer->is_wanted) {
			begin_round(paths, slot);
		}
	}
}

void
peal_pathmtu_want(struct peal_pathmtu *paths, uint16_t slot)
{
	struct peal_pathmtu_peer *peer = &paths->peers[slot];

	PEAL_DASSERT(peer->mid != 0);
	if (!peer->is_wanted && paths->rungs_count > 1) {
		peer->is_wanted = true;
		begin_round(paths, slot);
	}
}

void
peal_pathmtu_suspect(struct peal_pathmtu *paths, uint16_t slot)
{
	const struct peal_pathmtu_peer *peer = &paths->peers[slot];

	if (peer->is_wanted && peer->rung > 0 && !peer->is_trying && !PEAL_BUG(BLACK_HOLE_UNSEEN)) {
		peal_counter_add(paths->counters, PEAL_COUNTER_PATHS_SUSPECTED, 1);
		begin_round(paths, slot);
	}
}

void
peal_pathmtu_restart(struct peal_pathmtu *paths, uint16_t slot)
{
	if (paths->peers[slot].is_wanted) {
		set_rung(paths, slot, 0);
		begin_round(paths, slot);
	}
}

/* Rung of the highest bit, of at least one. */
static uint8_t
highest(uint8_t bits)
{
	return (uint8_t)(31U - (uint32_t)__builtin_clz(bits));
}

/* All is known that will be in this round. */
static void
end_round(struct peal_pathmtu *paths, uint16_t slot, uint64_t now_ns)
{
	struct peal_pathmtu_peer *peer = &paths->peers[slot];
	uint64_t next_at_ns = UINT64_MAX;

	peer->is_trying = false;
	if (peer->answered == 0) {
		peer->first_pause_ns *= 2U;
		if (peer->first_pause_ns > PEAL_PATHMTU_PAUSE_NS_MAX) {
			peer->first_pause_ns = PEAL_PATHMTU_PAUSE_NS_MAX;
		}
		peal_deadlines_set(&paths->due_at, slot, now_ns + PEAL_PATHMTU_AGAIN_NS);
		return;
	}
	set_rung(paths, slot, highest(peer->answered));
	if (peer->rung + 1U < paths->rungs_count) {
		next_at_ns = now_ns + PEAL_PATHMTU_RAISE_NS;
	}
	peal_deadlines_set(&paths->due_at, slot, next_at_ns);
}

/* False: no packet, or no place, in this turn. */
static bool
send_probe(struct peal_pathmtu *paths, uint16_t slot, uint16_t size)
{
	const struct peal_path_msg message = {.round = paths->peers[slot].round, .size = size};
	struct peal_packet packet;
	uint8_t *body = peal_egress_begin(paths->egress, &packet);

	if (body == NULL) {
		return false;
	}
	peal_path_msg_encode(&message, body);
	memset(body + PEAL_PATH_MSG_SIZE, 0, size - PEAL_PATH_MSG_SIZE);
	peal_egress_end(paths->egress, &packet, slot, 0, PEAL_MESSAGE_PATH_PROBE, size);
	peal_counter_add(paths->counters, PEAL_COUNTER_PATH_PROBES_SENT, 1);
	return true;
}

/* A try, or the end of the round. Returns frames sent. */
static uint32_t
step(struct peal_pathmtu *paths, uint16_t slot, uint64_t now_ns)
{
	struct peal_pathmtu_peer *peer = &paths->peers[slot];
	uint32_t sent_count = 0;

	if (!peer->is_trying) {
		begin_round(paths, slot);
	}
	if (peer->tries_count == PEAL_PATHMTU_TRIES_MAX) {
		end_round(paths, slot, now_ns);
		return 0;
	}
	for (uint8_t rung = 0; rung < paths->rungs_count; rung++) {
		if ((peer->answered >> rung & 1U) == 0) {
			sent_count += send_probe(paths, slot, paths->body_sizes[rung]);
		}
	}
	peer->tries_count++;
	peal_deadlines_set(&paths->due_at, slot, now_ns + peer->pause_ns);
	peer->pause_ns *= 2U;
	return sent_count;
}

uint32_t
peal_pathmtu_run_due(struct peal_pathmtu *paths, uint64_t now_ns)
{
	uint64_t due[PEAL_RESIDENTS_WORDS] = {0};
	uint32_t sent_count = 0;

	_Static_assert(PEAL_SLOTS_MAX <= PEAL_RESIDENTS_MAX, "every slot has a deadline");
	peal_deadlines_collect(&paths->due_at, now_ns, due);
	for (uint32_t word = 0; word < PEAL_RESIDENTS_WORDS; word++) {
		while (due[word] != 0 && sent_count < PEAL_PATHMTU_BURST) {
			uint32_t slot = word * 64U + (uint32_t)__builtin_ctzll(due[word]);

			due[word] &= due[word] - 1U;
			sent_count += step(paths, (uint16_t)slot, now_ns);
		}
	}
	return sent_count;
}

static void
on_probe(struct peal_pathmtu *paths, const struct peal_opened *opened,
	const struct peal_path_msg *message)
{
	struct peal_packet packet;
	uint8_t *body;

	if (message->size > paths->buffer_size) {
		return;
	}
	body = peal_egress_begin(paths->egress, &packet);
	if (body != NULL) {
		peal_path_msg_encode(message, body);
		peal_egress_end(paths->egress, &packet, opened->slot, opened->shard,
			PEAL_MESSAGE_PATH_ANSWER, PEAL_PATH_MSG_SIZE);
		peal_counter_add(paths->counters, PEAL_COUNTER_PATH_PROBES_ANSWERED, 1);
	}
}

static void
on_answer(struct peal_pathmtu *paths, const struct peal_opened *opened,
	const struct peal_path_msg *message, uint64_t now_ns)
{
	struct peal_pathmtu_peer *peer = &paths->peers[opened->slot];

	if (peer->mid != opened->mid || !peer->is_trying || message->round != peer->round) {
		return;
	}
	for (uint8_t rung = 0; rung < paths->rungs_count; rung++) {
		if (paths->body_sizes[rung] == message->size) {
			peer->answered |= (uint8_t)(1U << rung);
			peer->first_pause_ns = PEAL_PATHMTU_PAUSE_NS;
			if (rung > peer->rung) {
				set_rung(paths, opened->slot, rung);
			}
			if (rung + 1U == paths->rungs_count) {
				end_round(paths, opened->slot, now_ns);
			}
			return;
		}
	}
}

void
peal_pathmtu_on_frame(struct peal_pathmtu *paths, const struct peal_opened *opened, uint64_t now_ns)
{
	struct peal_path_msg message;
	bool is_probe = opened->kind == PEAL_MESSAGE_PATH_PROBE;

	if (!peal_path_msg_decode(opened->body, opened->body_size, is_probe, &message)) {
		peal_counter_add(paths->counters, PEAL_COUNTER_REFUSED_BODY, 1);
	} else if (is_probe) {
		on_probe(paths, opened, &message);
	} else {
		on_answer(paths, opened, &message, now_ns);
	}
}
