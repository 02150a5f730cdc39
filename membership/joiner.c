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
	/* Nobody answers yet: a cold start, whose grants are repeated for a quarter of T_boot only.
	 */
	if (!joiner->has_introducer && joiner->backoff_ns > joiner->config.timing->boot_ns / 8U) {
		joiner->backoff_ns = joiner->config.timing->boot_ns / 8U;
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

	PEAL_ASSERT(joiner->gather.size == 0);
	memset(joiner, 0, sizeof(*joiner));
	joiner->config = *config;
	peal_prng_init(&joiner->prng, seed);
	joiner->backoff_ns = config->timing->join_retry_ns_min;
	joiner->retry_at_ns = now_ns;
}

void
peal_joiner_end(struct peal_joiner *joiner)
{
	peal_joiner_drop(joiner);
}

static void
take_introducer(struct peal_joiner *joiner, const struct peal_address *from)
{
	joiner->has_introducer = true;
	joiner->introducer = *from;
	joiner->silent_count = 0;
	joiner->backoff_ns = joiner->config.timing->join_retry_ns_min;
}

/* Around what the introducer said: it knows how many ask. */
static void
wait_as_told(struct peal_joiner *joiner, uint32_t retry_ms, uint64_t now_ns)
{
	uint64_t retry_ns = retry_ms * UINT64_C(1000000);

	joiner->silent_count = 0;
	joiner->backoff_ns = joiner->config.timing->join_retry_ns_min;
	joiner->retry_at_ns =
		now_ns + retry_ns / 2U + peal_prng_below(&joiner->prng, retry_ns + 1U);
}

/* A pause that doubles each time, with jitter: not before `told_ns`. */
static void
back_off(struct peal_joiner *joiner, uint64_t told_ns, uint64_t now_ns)
{
	uint64_t pause_ns = 2U * joiner->busy_ns;

	pause_ns = pause_ns > told_ns ? pause_ns : told_ns;
	if (pause_ns < joiner->config.timing->join_retry_ns_min) {
		pause_ns = joiner->config.timing->join_retry_ns_min;
	}
	if (pause_ns > PEAL_JOINER_RETRY_NS_MAX) {
		pause_ns = PEAL_JOINER_RETRY_NS_MAX;
	}
	joiner->busy_ns = pause_ns;
	joiner->retry_at_ns =
		now_ns + pause_ns / 2U + peal_prng_below(&joiner->prng, pause_ns / 2U + 1U);
}

bool
peal_joiner_on_unreachable(
	struct peal_joiner *joiner, const struct peal_unreachable_msg *message, uint64_t now_ns)
{
	if (!peal_uuid_equals(message->joiner, joiner->config.request.member.uuid)) {
		return false;
	}
	joiner->silent_count = 0;
	back_off(joiner, 0, now_ns);
	return true;
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
	case PEAL_JOIN_METADATA_FULL:
	case PEAL_JOIN_ALREADY_MEMBER:
		if (from_introducer) {
			wait_as_told(joiner, answer->retry_ms, now_ns);
		}
		return PEAL_JOINER_WAIT;
	case PEAL_JOIN_BUSY:
		if (from_introducer) {
			forget_introducer(joiner); /* another one may have room */
			back_off(joiner, answer->retry_ms * UINT64_C(1000000), now_ns);
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

void
peal_joiner_drop(struct peal_joiner *joiner)
{
	peal_gather_close(&joiner->gather, &joiner->config.bodies);
}

/* True when the part belongs to what is being gathered now. */
static bool
take_up(struct peal_joiner *joiner, const struct peal_install_msg *message, uint64_t now_ns)
{
	struct peal_gather *gather = &joiner->gather;

	if (gather->size == message->total_size &&
		peal_hash128_equals(gather->name, message->view_hash)) {
		return true;
	}
	if (gather->size > 0 &&
		now_ns < joiner->heard_at_ns + 2U * joiner->config.timing->flood_ns) {
		return false;
	}
	return peal_gather_open(
		gather, &joiner->config.bodies, message->view_hash, message->total_size);
}

bool
peal_joiner_on_install(struct peal_joiner *joiner, const struct peal_install_msg *message,
	const struct peal_address *from, uint64_t now_ns)
{
	const struct peal_timing *timing = joiner->config.timing;

	PEAL_ASSERT(message->total_size >= 1 && message->total_size <= PEAL_BODY_BYTES_MAX);
	PEAL_ASSERT(message->offset + message->chunk_size <= message->total_size);

	if (!peal_uuid_equals(message->joiner, joiner->config.request.member.uuid) ||
		!take_up(joiner, message, now_ns) ||
		!peal_gather_add(&joiner->gather, message->offset / PEAL_INSTALL_CHUNK_SIZE_MAX,
			message->chunk, message->chunk_size)) {
		return false;
	}
	joiner->sender = *from;
	joiner->heard_at_ns = now_ns;
	joiner->pulls_count = 0;
	joiner->pull_ns = timing->flood_ns;
	joiner->pull_at_ns = now_ns + joiner->pull_ns;
	joiner->silent_count = 0;
	/* Whoever is being served does not ask again. */
	if (joiner->retry_at_ns < now_ns + 2U * timing->join_forward_ns) {
		joiner->retry_at_ns = now_ns + 2U * timing->join_forward_ns;
	}
	return peal_gather_is_complete(&joiner->gather);
}

static void
send_ready(
	const struct peal_join_ready *ready, const struct peal_address *to, struct peal_outbox *out)
{
	struct peal_effect effect = {.kind = PEAL_EFFECT_SEND_ADDRESS,
		.message = PEAL_MESSAGE_JOIN_READY,
		.address = *to};
	struct peal_writer writer = peal_outbox_open(out, &effect, PEAL_BODY_SIZE_MAX);

	peal_join_ready_encode(ready, &writer);
	peal_outbox_commit(out, &writer);
}

void
peal_joiner_on_probe(const struct peal_joiner *joiner, const struct peal_join_probe *probe,
	const struct peal_address *from, struct peal_outbox *out)
{
	const struct peal_member *member = &joiner->config.request.member;
	struct peal_join_ready ready = {.joiner = probe->joiner, .token = probe->token};
	bool is_sent = false;

	if (!peal_uuid_equals(probe->joiner, member->uuid)) {
		return; /* an earlier incarnation at this address */
	}
	for (uint32_t offset = 0; offset < member->metadata_size; offset += PEAL_CHUNK_SIZE_MAX) {
		uint32_t left = member->metadata_size - offset;

		if (((probe->missing >> (offset / PEAL_CHUNK_SIZE_MAX)) & 1U) == 0) {
			continue;
		}
		ready.offset = (uint16_t)offset;
		ready.chunk_size =
			(uint16_t)(left < PEAL_CHUNK_SIZE_MAX ? left : PEAL_CHUNK_SIZE_MAX);
		ready.chunk = member->metadata + offset;
		send_ready(&ready, from, out);
		is_sent = true;
	}
	if (!is_sent) {
		send_ready(&ready, from, out);
	}
}

/* Asks for the parts that are missing, until that is plainly in vain: who sent the last one and the
 * introducer in turn, for one of them may be gone. */
static void
pull(struct peal_joiner *joiner, uint64_t now_ns, struct peal_outbox *out)
{
	struct peal_effect effect = {.kind = PEAL_EFFECT_SEND_ADDRESS,
		.message = PEAL_MESSAGE_INSTALL_PULL,
		.address = joiner->sender};
	struct peal_install_pull message = {
		.joiner = joiner->config.request.member.uuid, .view_hash = joiner->gather.name};
	struct peal_writer writer;

	if (joiner->gather.size == 0 || now_ns < joiner->pull_at_ns) {
		return;
	}
	if (joiner->pulls_count == PEAL_JOINER_PULLS_MAX) {
		peal_joiner_drop(joiner);
		return;
	}
	if (joiner->pulls_count++ % 2U == 1U && joiner->has_introducer) {
		effect.address = joiner->introducer;
	}
	joiner->pull_ns = peal_timing_next_repeat_ns(joiner->config.timing, joiner->pull_ns);
	joiner->pull_at_ns = now_ns + joiner->pull_ns;
	peal_gather_missing(&joiner->gather, &message.first, message.missing,
		sizeof(message.missing) / sizeof(message.missing[0]));
	writer = peal_outbox_open(out, &effect, PEAL_BODY_SIZE_MAX);
	peal_install_pull_encode(&message, &writer);
	peal_outbox_commit(out, &writer);
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
	if (joiner->askers_count < 2U * PEAL_SEEDS_MAX) {
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
	pull(joiner, now_ns, out);
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
	if (joiner->gather.size > 0 && joiner->pull_at_ns < joiner->retry_at_ns) {
		return joiner->pull_at_ns;
	}
	return joiner->retry_at_ns;
}
