/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/joiner.h"

#include "base/assert.h"
#include "wire/messages.h"

#include <string.h>

#define SILENT_RETRIES_MAX 3U

static void
send_request(struct peal_joiner *joiner, const struct peal_address *to, bool is_candidate,
	struct peal_outbox *out)
{
	struct peal_effect effect = {.kind = PEAL_EFFECT_SEND_ADDRESS,
		.message = PEAL_MESSAGE_JOIN_REQUEST,
		.address = *to};
	struct peal_join_request request = joiner->config.request;
	struct peal_writer writer;

	request.is_candidate = is_candidate;
	memcpy(request.cookie, joiner->cookie, sizeof(request.cookie));
	writer = peal_outbox_open(out, &effect, PEAL_BODY_SIZE_MAX);
	peal_join_request_encode(&request, &writer);
	peal_outbox_commit(out, &writer);
}

/* Full jitter: uniform in [backoff / 2, backoff], so that a storm of joiners spreads. */
static void
arm_retry(struct peal_joiner *joiner, uint64_t now_ns)
{
	uint64_t half_ns = joiner->backoff_ns / 2U;

	joiner->retry_at_ns = now_ns + half_ns + peal_prng_below(&joiner->prng, half_ns + 1U);
	joiner->backoff_ns *= 2U;
	/* Nobody answers yet: a cold start, whose grants live for half a T_boot. Keep asking. */
	if (!joiner->has_introducer && joiner->backoff_ns > joiner->config.timing->boot_ns / 2U) {
		joiner->backoff_ns = joiner->config.timing->boot_ns / 2U;
	}
	if (joiner->backoff_ns > PEAL_JOINER_RETRY_NS_MAX) {
		joiner->backoff_ns = PEAL_JOINER_RETRY_NS_MAX;
	}
}

static void
forget_introducer(struct peal_joiner *joiner)
{
	joiner->has_introducer = false;
	joiner->silent_count = 0;
	memset(joiner->cookie, 0, sizeof(joiner->cookie));
}

void
peal_joiner_init(struct peal_joiner *joiner, const struct peal_joiner_config *config, uint64_t seed,
	uint64_t now_ns)
{
	PEAL_ASSERT(config->seeds_count >= 1 && config->seeds_count <= PEAL_SEEDS_MAX);
	PEAL_ASSERT(!peal_uuid_is_none(config->request.member.uuid));

	memset(joiner, 0, sizeof(*joiner));
	joiner->config = *config;
	peal_prng_init(&joiner->prng, seed);
	joiner->backoff_ns = config->timing->join_retry_ns_min;
	joiner->retry_at_ns = now_ns;
}

static void
take_introducer(struct peal_joiner *joiner, const struct peal_address *from)
{
	joiner->has_introducer = true;
	joiner->introducer = *from;
	joiner->silent_count = 0;
	joiner->backoff_ns = joiner->config.timing->join_retry_ns_min;
}

enum peal_joiner_verdict
peal_joiner_on_answer(struct peal_joiner *joiner, const struct peal_address *from,
	const struct peal_join_answer *answer, uint64_t now_ns, struct peal_outbox *out)
{
	bool from_introducer =
		joiner->has_introducer && peal_address_equals(&joiner->introducer, from);

	if (answer->status == PEAL_JOIN_HERE) {
		if (!joiner->has_introducer) {
			take_introducer(joiner, from);
			send_request(joiner, from, false, out);
			arm_retry(joiner, now_ns);
		}
		return PEAL_JOINER_WAIT;
	}
	if (answer->status != PEAL_JOIN_CREATE_OK &&
		!peal_uuid_equals(answer->candidate, joiner->config.request.member.uuid)) {
		return PEAL_JOINER_WAIT; /* meant for an earlier incarnation at this address */
	}

	switch ((enum peal_join_status)answer->status) {
	case PEAL_JOIN_CHALLENGE:
		if (joiner->has_introducer && !from_introducer) {
			return PEAL_JOINER_WAIT; /* one is enough */
		}
		take_introducer(joiner, from);
		memcpy(joiner->cookie, answer->cookie, sizeof(joiner->cookie));
		send_request(joiner, from, false, out);
		arm_retry(joiner, now_ns);
		return PEAL_JOINER_WAIT;
	case PEAL_JOIN_PENDING:
	case PEAL_JOIN_REPLACING:
	case PEAL_JOIN_BUSY:
	case PEAL_JOIN_ALREADY_MEMBER:
		if (from_introducer) {
			joiner->silent_count = 0;
			joiner->backoff_ns = joiner->config.timing->join_retry_ns_min;
			joiner->retry_at_ns = now_ns + answer->retry_ms * UINT64_C(1000000);
		}
		return PEAL_JOINER_WAIT;
	case PEAL_JOIN_NOT_MEMBER:
		if (from_introducer) {
			forget_introducer(joiner);
			arm_retry(joiner, now_ns);
		}
		return PEAL_JOINER_WAIT;
	case PEAL_JOIN_UUID_USED:
		return from_introducer ? PEAL_JOINER_NEW_UUID : PEAL_JOINER_WAIT;
	case PEAL_JOIN_PARAMETER_MISMATCH:
		return PEAL_JOINER_REFUSED;
	case PEAL_JOIN_NO_CLUSTER:
	case PEAL_JOIN_CREATE_OK:
	case PEAL_JOIN_HERE:
	default:
		return PEAL_JOINER_WAIT;
	}
}

bool
peal_joiner_on_install(struct peal_joiner *joiner, const struct peal_install_msg *message,
	struct peal_view *view_out)
{
	uint32_t chunk_index = message->offset / PEAL_INSTALL_CHUNK_SIZE_MAX;
	uint32_t chunks_count = (message->total_size + PEAL_INSTALL_CHUNK_SIZE_MAX - 1U) /
				PEAL_INSTALL_CHUNK_SIZE_MAX;

	_Static_assert(PEAL_JOINER_CHUNKS_MAX <= 31U, "chunks are counted in one word");
	PEAL_ASSERT(message->total_size <= PEAL_VIEW_ENCODED_SIZE_MAX);
	PEAL_ASSERT(message->offset + message->chunk_size <= message->total_size);

	if (!peal_uuid_equals(message->joiner, joiner->config.request.member.uuid)) {
		return false;
	}
	if (message->total_size != joiner->snapshot_size ||
		!peal_hash128_equals(message->view_hash, joiner->snapshot_hash)) {
		/* A newer view replaces a half-received one. */
		joiner->snapshot_size = message->total_size;
		joiner->snapshot_hash = message->view_hash;
		joiner->chunks = 0;
	}
	memcpy(joiner->snapshot + message->offset, message->chunk, message->chunk_size);
	joiner->chunks |= 1U << chunk_index;
	if (joiner->chunks != (1U << chunks_count) - 1U) {
		return false;
	}

	joiner->chunks = 0;
	if (!peal_view_decode(joiner->snapshot, joiner->snapshot_size, view_out)) {
		return false;
	}
	return peal_view_find_uuid(view_out, joiner->config.request.member.uuid) != PEAL_RANK_NONE;
}

static bool
is_seed(const struct peal_joiner *joiner, const struct peal_address *address)
{
	for (uint32_t i = 0; i < joiner->config.seeds_count; i++) {
		if (peal_address_equals(&joiner->config.seeds[i], address)) {
			return true;
		}
	}
	return false;
}

void
peal_joiner_on_asker(struct peal_joiner *joiner, const struct peal_address *from)
{
	if (is_seed(joiner, from)) {
		return; /* asked anyway */
	}
	for (uint32_t i = 0; i < joiner->askers_count; i++) {
		if (peal_address_equals(&joiner->askers[i], from)) {
			joiner->askers[i] = *from;
			return;
		}
	}
	if (joiner->askers_count < PEAL_SEEDS_MAX) {
		joiner->askers[joiner->askers_count++] = *from;
	}
}

static void
ask_everybody(struct peal_joiner *joiner, bool is_candidate, struct peal_outbox *out)
{
	for (uint32_t i = 0; i < joiner->config.seeds_count; i++) {
		const struct peal_address *seed = &joiner->config.seeds[i];

		if (!peal_address_equals(seed, &joiner->config.request.member.address)) {
			send_request(joiner, seed, is_candidate, out);
		}
	}
	for (uint32_t i = 0; is_candidate && i < joiner->askers_count; i++) {
		send_request(joiner, &joiner->askers[i], is_candidate, out);
	}
}

void
peal_joiner_on_tick(
	struct peal_joiner *joiner, bool is_candidate, uint64_t now_ns, struct peal_outbox *out)
{
	if (now_ns < joiner->retry_at_ns) {
		return;
	}
	if (joiner->has_introducer && joiner->silent_count++ >= SILENT_RETRIES_MAX) {
		forget_introducer(joiner);
	}
	if (joiner->has_introducer) {
		send_request(joiner, &joiner->introducer, false, out);
	} else {
		ask_everybody(joiner, is_candidate, out);
	}
	arm_retry(joiner, now_ns);
}

uint64_t
peal_joiner_deadline_at_ns(const struct peal_joiner *joiner)
{
	return joiner->retry_at_ns;
}
