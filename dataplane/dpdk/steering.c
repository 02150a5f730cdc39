/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/dpdk/steering.h"

#include "base/limits.h"
#include "dataplane/toeplitz.h"

#include <rte_ethdev.h>
#include <rte_flow.h>
#include <string.h>

/* One rule: UDP to this port goes into this queue. NULL: the device does not take it. */
static struct rte_flow *
add_rule(uint16_t port_id, uint16_t queue, uint16_t udp_port)
{
	const struct rte_flow_attr attributes = {.ingress = 1};
	struct rte_flow_item_udp udp = {.hdr = {.dst_port = rte_cpu_to_be_16(udp_port)}};
	struct rte_flow_item_udp udp_mask = {.hdr = {.dst_port = UINT16_MAX}};
	struct rte_flow_action_queue action = {.index = queue};
	const struct rte_flow_item pattern[] = {
		{.type = RTE_FLOW_ITEM_TYPE_ETH},
		{.type = RTE_FLOW_ITEM_TYPE_IPV4},
		{.type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &udp, .mask = &udp_mask},
		{.type = RTE_FLOW_ITEM_TYPE_END},
	};
	const struct rte_flow_action actions[] = {
		{.type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &action},
		{.type = RTE_FLOW_ACTION_TYPE_END},
	};
	struct rte_flow_error error = {0};

	if (rte_flow_validate(port_id, &attributes, pattern, actions, &error) != 0) {
		return NULL;
	}
	return rte_flow_create(port_id, &attributes, pattern, actions, &error);
}

/* All rules, or none. */
static bool
add_rules(uint16_t port_id, uint16_t queues_count, uint16_t base_port)
{
	struct rte_flow *rules[PEAL_SHARDS_MAX];
	struct rte_flow_error error = {0};

	for (uint16_t queue = 0; queue < queues_count; queue++) {
		rules[queue] = add_rule(port_id, queue, (uint16_t)(base_port + queue));
		if (rules[queue] == NULL) {
			for (uint16_t i = 0; i < queue; i++) {
				(void)rte_flow_destroy(port_id, rules[i], &error);
			}
			return false;
		}
	}
	return true;
}

/* The common key, and a table that goes round. */
static bool
set_hash(uint16_t port_id, uint16_t queues_count)
{
	struct rte_eth_rss_reta_entry64 table[PEAL_TOEPLITZ_ENTRIES_MAX / RTE_ETH_RETA_GROUP_SIZE];
	uint8_t key[PEAL_TOEPLITZ_KEY_SIZE];
	struct rte_eth_rss_conf wish = {.rss_key = key, .rss_key_len = sizeof(key)};
	struct rte_eth_dev_info info;

	if (rte_eth_dev_info_get(port_id, &info) != 0 ||
		info.reta_size < PEAL_TOEPLITZ_ENTRIES_MIN ||
		info.reta_size > PEAL_TOEPLITZ_ENTRIES_MAX ||
		(info.reta_size & (info.reta_size - 1U)) != 0 ||
		info.hash_key_size != sizeof(key) ||
		(info.flow_type_rss_offloads & RTE_ETH_RSS_NONFRAG_IPV4_UDP) == 0) {
		return false;
	}
	memcpy(key, peal_toeplitz_key, sizeof(key));
	wish.rss_hf = RTE_ETH_RSS_NONFRAG_IPV4_UDP;
	memset(table, 0, sizeof(table));
	for (uint32_t i = 0; i < info.reta_size; i++) {
		struct rte_eth_rss_reta_entry64 *group = &table[i / RTE_ETH_RETA_GROUP_SIZE];

		group->mask = UINT64_MAX;
		group->reta[i % RTE_ETH_RETA_GROUP_SIZE] = (uint16_t)(i % queues_count);
	}
	return rte_eth_dev_rss_hash_update(port_id, &wish) == 0 &&
	       rte_eth_dev_rss_reta_update(port_id, table, info.reta_size) == 0;
}

enum peal_steering_rung
peal_steering_set_up(uint16_t port_id, uint16_t queues_count, uint16_t base_port)
{
	if (queues_count <= 1) {
		return PEAL_STEERING_NONE;
	}
	if (add_rules(port_id, queues_count, base_port)) {
		return PEAL_STEERING_FLOW;
	}
	return set_hash(port_id, queues_count) ? PEAL_STEERING_HASH : PEAL_STEERING_MOVE;
}

const char *
peal_steering_name(enum peal_steering_rung rung)
{
	switch (rung) {
	case PEAL_STEERING_NONE:
		return "none";
	case PEAL_STEERING_FLOW:
		return "flow";
	case PEAL_STEERING_HASH:
		return "hash";
	case PEAL_STEERING_MOVE:
		return "move";
	}
	return "none";
}
