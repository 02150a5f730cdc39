/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/simfoul.h"

#include "base/assert.h"
#include "base/hash.h"
#include "dataplane/headers.h"
#include "wire/frame.h"

#include <stdlib.h>
#include <string.h>

#define PPM             UINT64_C(1000000)
#define LOSS_PPM_MAX    300000U
#define MICROSECOND_NS  UINT64_C(1000)
#define ONE_IN_REMEMBER 4U
/* In the header of a frame. */
#define KIND_PLACE    3U
#define MEMBERS_PLACE 12U /* src and dst */
#define EPOCH_PLACE   20U /* epoch and counter */

/* What stands behind the headers, over IPv4 or IPv6; NULL: less than an empty frame. */
static uint8_t *
find_payload(struct peal_simframe *frame, uint32_t *size_out)
{
	const uint8_t *payload = peal_headers_payload(frame->bytes, frame->size, size_out);

	return payload == NULL || *size_out < PEAL_HEADER_SIZE + PEAL_TRAILER_SIZE
		       ? NULL
		       : frame->bytes + (payload - frame->bytes);
}

static bool
happens(struct peal_simfoul *foul, uint32_t ppm)
{
	return ppm > 0 && peal_prng_below(&foul->prng, PPM) < ppm;
}

/* A fault that some hands do not have. */
static uint32_t
deal(struct peal_simfoul *foul, uint32_t ppm_max)
{
	return peal_prng_ratio(&foul->prng, 1, 3)
		       ? 0
		       : (uint32_t)peal_prng_below(&foul->prng, ppm_max + 1U);
}

/* Loss is another one for each direction of each pair, and half of them lose nothing. */
static uint32_t
loss_of(const struct peal_simfoul *foul, uint16_t from, uint16_t to)
{
	uint64_t draw = peal_hash_mix(foul->pair_seed + ((uint64_t)from << 16 | to));

	return (draw & 1U) != 0 ? 0 : (uint32_t)((draw >> 1) % (foul->loss_ppm_max + 1U));
}

/* One of the places for a link, by chance: the oldest ones stay longest. */
static struct peal_simfoul_frame *
draw_place(struct peal_simfoul *foul, uint16_t from, uint16_t to)
{
	uint64_t link = (uint64_t)from * foul->net->ports_count + to;

	return &foul->frames[link * PEAL_SIMFOUL_FRAMES_MAX +
			     peal_prng_below(&foul->prng, PEAL_SIMFOUL_FRAMES_MAX)];
}

/* Puts an old frame of the same link in the place of `frame`. False: there is none. */
static bool
recall(struct peal_simfoul *foul, uint16_t from, uint16_t to, struct peal_simframe *frame)
{
	const struct peal_simfoul_frame *old = draw_place(foul, from, to);
	uint32_t size;
	uint8_t *payload = find_payload(frame, &size);
	uint8_t header[PEAL_HEADER_SIZE];
	uint8_t nonce[PEAL_AEAD_NONCE_SIZE];
	uint32_t body_size;

	if (old->size == 0) {
		return false;
	}
	memcpy(header, payload, sizeof(header));
	frame->size = old->size;
	memcpy(frame->bytes, old->bytes, old->size);
	foul->replayed_count++;
	payload = find_payload(frame, &size);
	PEAL_ASSERT(payload != NULL);
	if (memcmp(payload + MEMBERS_PLACE, header + MEMBERS_PLACE, 8) != 0) {
		return true; /* one of them is another process by now */
	}
	body_size = size - PEAL_HEADER_SIZE - PEAL_TRAILER_SIZE;
	memcpy(payload + EPOCH_PLACE, header + EPOCH_PLACE, 12);
	peal_frame_nonce(payload, nonce);
	peal_aead_none.seal(NULL, NULL, nonce, payload, PEAL_HEADER_SIZE,
		payload + PEAL_HEADER_SIZE, body_size, payload + PEAL_HEADER_SIZE + body_size);
	return true;
}

/* The hook: what becomes of a frame. */
static bool
bend(void *state, uint16_t from, uint16_t to, struct peal_simframe *frame)
{
	struct peal_simfoul *foul = state;
	uint64_t now_ns = foul->net->time->now_ns;
	uint32_t size;
	uint8_t *payload = find_payload(frame, &size);

	if (!foul->is_on || payload == NULL || payload[KIND_PLACE] != PEAL_MESSAGE_CHANNEL) {
		return true;
	}
	if (foul->replay_ppm > 0 && frame->size <= PEAL_SIMNET_FRAME_SIZE_MAX &&
		peal_prng_ratio(&foul->prng, 1, ONE_IN_REMEMBER)) {
		struct peal_simfoul_frame *place = draw_place(foul, from, to);

		place->size = frame->size;
		memcpy(place->bytes, frame->bytes, frame->size);
	}
	if (happens(foul, foul->burst_ppm)) {
		foul->mute_until_ns[from] =
			now_ns + peal_prng_below(&foul->prng, foul->burst_ns_max + 1U);
	}
	if (now_ns < foul->mute_until_ns[from] || happens(foul, loss_of(foul, from, to))) {
		return happens(foul, foul->replay_ppm) && recall(foul, from, to, frame);
	}
	if (happens(foul, foul->spoil_ppm)) {
		uint32_t at = (uint32_t)peal_prng_below(&foul->prng, size);

		payload[at] ^= (uint8_t)(1U + peal_prng_below(&foul->prng, 255));
		foul->spoiled_count++;
	}
	return true;
}

/* The hook: whether a port has packets now. */
static bool
refuse(void *state, uint16_t port)
{
	struct peal_simfoul *foul = state;
	uint64_t now_ns = foul->net->time->now_ns;

	if (foul->is_on && happens(foul, foul->refuse_ppm)) {
		foul->refuse_until_ns[port] =
			now_ns + peal_prng_below(&foul->prng, foul->refuse_ns_max + 1U);
	}
	return now_ns < foul->refuse_until_ns[port];
}

struct peal_simfoul *
peal_simfoul_create(struct peal_simnet *net, uint64_t seed)
{
	struct peal_simfoul *foul = calloc(1, sizeof(*foul));

	PEAL_ASSERT(foul != NULL);
	foul->net = net;
	peal_prng_init(&foul->prng, seed);
	foul->mute_until_ns = calloc(net->ports_count, sizeof(foul->mute_until_ns[0]));
	foul->refuse_until_ns = calloc(net->ports_count, sizeof(foul->refuse_until_ns[0]));
	foul->frames = calloc((size_t)net->ports_count * net->ports_count * PEAL_SIMFOUL_FRAMES_MAX,
		sizeof(foul->frames[0]));
	PEAL_ASSERT(foul->frames != NULL);
	PEAL_ASSERT(foul->mute_until_ns != NULL);
	PEAL_ASSERT(foul->refuse_until_ns != NULL);
	foul->pair_seed = peal_prng_next(&foul->prng);
	foul->loss_ppm_max = deal(foul, LOSS_PPM_MAX);
	foul->burst_ppm = deal(foul, 2000);
	foul->burst_ns_max = 2000U * MICROSECOND_NS;
	foul->spoil_ppm = deal(foul, 20000);
	foul->replay_ppm = deal(foul, 500000);
	foul->refuse_ppm = deal(foul, 2000);
	foul->refuse_ns_max = 200U * MICROSECOND_NS;
	net->bend = bend;
	net->refuse = refuse;
	net->bend_state = foul;
	return foul;
}

void
peal_simfoul_destroy(struct peal_simfoul *foul)
{
	foul->net->bend = NULL;
	foul->net->refuse = NULL;
	free(foul->frames);
	free(foul->mute_until_ns);
	free(foul->refuse_until_ns);
	free(foul);
}

void
peal_simfoul_switch(struct peal_simfoul *foul, bool is_on)
{
	foul->is_on = is_on;
}
