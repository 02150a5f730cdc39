/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/pairmember.h"

#include "wire/crypto/aead_open.h"

#include <string.h>

#define CHANNEL_NUMBER 1U
#define FIRST_IPV4     0x0A4D0001U /* 10.77.0.1 */
#define UDP_PORT       7400U
/* Above every stall that a shared machine is known for: nobody is to be found dead here. */
#define GRACE_NS   UINT64_C(3600000000000)
#define RTO_NS_MAX UINT64_C(10000000)

static bool
accepts(void *state, uint64_t mid, uint16_t number)
{
	(void)state;
	(void)mid;
	return number == CHANNEL_NUMBER;
}

static void
opened(void *state, uint16_t channel, uint64_t mid, uint16_t number)
{
	struct peal_pairmember *member = state;

	(void)mid;
	(void)number;
	member->channel = channel;
}

static void
deliver(void *state, uint16_t channel, const struct peal_delivery *delivery)
{
	struct peal_pairmember *member = state;

	(void)channel;
	member->user.deliver(member->user.state, member, delivery);
}

static void
ended(void *state, uint16_t channel, enum peal_channel_reason reason, uint64_t lost_count)
{
	struct peal_pairmember *member = state;

	(void)channel;
	(void)reason;
	(void)lost_count;
	member->channel = PEAL_CHANNEL_NONE;
	member->is_ended = true;
}

static void
give_back(void *state, uint16_t channel, uint64_t token)
{
	struct peal_pairmember *member = state;

	(void)channel;
	if (member->user.release != NULL) {
		member->user.release(member->user.state, token);
	}
}

static struct peal_address
find_address(const struct peal_pairmember_config *config, uint32_t side)
{
	struct peal_address address = {.ipv4 = FIRST_IPV4 + side, .port = UDP_PORT};

	memcpy(address.mac, config->macs[side], sizeof(address.mac));
	return address;
}

static bool
start(struct peal_pairmember *member, const struct peal_pairmember_config *config, uint64_t now_ns)
{
	const struct peal_address addresses[PEAL_BENCHARGS_SIDES_COUNT] = {
		find_address(config, 0), find_address(config, 1)};
	const struct peal_aead_key *const keys[PEAL_BENCHARGS_SIDES_COUNT] = {
		&member->keys[0], &member->keys[1]};
	const struct peal_fixedmember_config fixed = {
		.self = (uint16_t)config->side,
		.members_count = PEAL_BENCHARGS_SIDES_COUNT,
		.port = config->port,
		.addresses = addresses,
		.timing = &member->timing,
		.aead = member->aead,
		.pre_key = &member->keys[0],
		.keys = keys,
		.is_coalescing = config->is_coalescing,
		.queue_size = PEAL_PAIRMEMBER_QUEUE_SIZE,
		.rto_ns_max = RTO_NS_MAX,
		.now_ns = now_ns,
		.grace_ns = GRACE_NS,
		.user = {.accepts = accepts,
			.opened = opened,
			.deliver = deliver,
			.ended = ended,
			.release = give_back,
			.state = member},
	};

	return peal_fixedmember_init(&member->fixed, &fixed);
}

bool
peal_pairmember_init(struct peal_pairmember *member, const struct peal_pairmember_config *config,
	uint64_t now_ns, struct peal_sentence *error)
{
	bool is_known = peal_timing_find("dpdk", &member->timing);

	PEAL_ASSERT(is_known);
	PEAL_ASSERT(config->side < PEAL_BENCHARGS_SIDES_COUNT);
	member->channel = PEAL_CHANNEL_NONE;
	member->user = config->user;
	if (!peal_aead_open(config->is_sealed ? NULL : "none", &member->aead)) {
		return peal_sentence_set(error, "there is no AEAD on this machine");
	}
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		member->aead.expand(member->aead.state, config->raw_keys[i], &member->keys[i]);
	}
	return start(member, config, now_ns) || peal_sentence_set(error, "there is no memory left");
}

void
peal_pairmember_fini(struct peal_pairmember *member)
{
	peal_fixedmember_fini(&member->fixed);
	peal_aead_close(&member->aead);
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		peal_aead_wipe(&member->keys[i]);
	}
}

void
peal_pairmember_open_channel(struct peal_pairmember *member)
{
	enum peal_channel_result result = peal_channels_open(&member->fixed.channels,
		PEAL_BENCHARGS_SIDES_COUNT, CHANNEL_NUMBER, &member->channel);

	PEAL_ASSERT(result == PEAL_CHANNEL_OK);
}
