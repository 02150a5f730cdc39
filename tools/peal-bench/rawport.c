/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/rawport.h"

#include "dataplane/dpdk/mbufpool.h"
#include "tools/peal-bench/ctrlc.h"

#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <string.h>

/* As in Peal's own ports. */
#define DESCRIPTORS_COUNT    512U
#define RING_FRAMES_COUNT    1024U
#define RING_PACKETS_COUNT   2047U
#define DEVICE_PACKETS_COUNT 4095U
#define POOL_CACHE_COUNT     128U
#define FRAME_OVERHEAD       ((uint32_t)(RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN))
/* The two drivers shake hands in some milliseconds, each on a thread of its own. */
#define LINK_POLL_NS   UINT64_C(2000000)
#define LINK_POLLS_MAX 5000U

/* Returns 0, or what the driver says. */
static int
configure(uint16_t port_id, const struct rte_eth_dev_info *info, uint16_t mtu)
{
	struct rte_eth_conf wish = {0};
	int result;

	if ((info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) != 0) {
		wish.txmode.offloads = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	}
	/* Of a kernel's interface it is the kernel's. */
	if (info->if_index == 0 && mtu + FRAME_OVERHEAD <= info->max_rx_pktlen) {
		wish.rxmode.mtu = mtu;
	}
	wish.intr_conf.rxq = 1;
	result = rte_eth_dev_configure(port_id, 1, 1, &wish);
	if (result != 0) {
		wish.intr_conf.rxq = 0;
		result = rte_eth_dev_configure(port_id, 1, 1, &wish);
	}
	return result;
}

static bool
start(struct peal_rawport *port, enum peal_benchargs_link link, uint16_t mtu,
	struct peal_sentence *error)
{
	unsigned int socket = (unsigned int)SOCKET_ID_ANY;
	uint16_t rx_count = DESCRIPTORS_COUNT, tx_count = DESCRIPTORS_COUNT;
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;
	int result;

	result = rte_eth_dev_info_get(port->port_id, &info);
	if (result == 0) {
		result = configure(port->port_id, &info, mtu);
	}
	if (result == 0) {
		result = rte_eth_dev_adjust_nb_rx_tx_desc(port->port_id, &rx_count, &tx_count);
	}
	if (result == 0) {
		result = rte_eth_rx_queue_setup(
			port->port_id, 0, rx_count, socket, NULL, port->pool);
	}
	if (result == 0) {
		result = rte_eth_tx_queue_setup(
			port->port_id, 0, tx_count, socket, &info.default_txconf);
	}
	if (result == 0) {
		result = rte_eth_macaddr_get(port->port_id, &mac);
	}
	if (result == 0) {
		result = rte_eth_dev_start(port->port_id);
	}
	if (result != 0) {
		return peal_sentence_set(error, "a port of %s could not be started (%s)",
			peal_benchargs_link_name(link), rte_strerror(-result));
	}
	memcpy(port->mac, mac.addr_bytes, sizeof(port->mac));
	port->is_started = true;
	return true;
}

static struct rte_mempool *
make_pool(const char *name, unsigned int count, uint16_t mtu)
{
	uint16_t room = (uint16_t)(RTE_PKTMBUF_HEADROOM + peal_mbufpool_frame_size(mtu));

	return rte_pktmbuf_pool_create(name, count, POOL_CACHE_COUNT, 0, room, SOCKET_ID_ANY);
}

/* What one port sends is what the other one receives. */
static bool
make_ring_ports(struct peal_rawport ports[PEAL_BENCHARGS_SIDES_COUNT], uint16_t mtu)
{
	const unsigned int flags = RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ;
	struct rte_ring *there =
		rte_ring_create("raw_there", RING_FRAMES_COUNT, SOCKET_ID_ANY, flags);
	struct rte_ring *back =
		rte_ring_create("raw_back", RING_FRAMES_COUNT, SOCKET_ID_ANY, flags);
	int asking, answering;

	ports[0].pool = make_pool("raw_pool", RING_PACKETS_COUNT, mtu);
	ports[1].pool = ports[0].pool;
	if (there == NULL || back == NULL || ports[0].pool == NULL) {
		return false;
	}
	asking = rte_eth_from_rings("raw_asking", &back, 1, &there, 1, 0);
	answering = rte_eth_from_rings("raw_answering", &there, 1, &back, 1, 0);
	if (asking < 0 || answering < 0) {
		return false;
	}
	ports[0].port_id = (uint16_t)asking;
	ports[1].port_id = (uint16_t)answering;
	return true;
}

static bool
find_device(struct peal_rawport *port, const struct peal_stage *stage, uint32_t side, uint16_t mtu)
{
	static const char *const names[] = {"raw_pool0", "raw_pool1"};
	const char *device = stage->link == PEAL_BENCHARGS_FAR
				     ? stage->eal.device
				     : peal_joint_device(stage->link, side);

	port->pool = make_pool(names[side], DEVICE_PACKETS_COUNT, mtu);
	return port->pool != NULL && rte_eth_dev_get_port_by_name(device, &port->port_id) == 0;
}

bool
peal_rawport_open(struct peal_rawport ports_out[PEAL_BENCHARGS_SIDES_COUNT],
	struct peal_stage *stage, uint16_t mtu, struct peal_sentence *error)
{
	bool is_made = true;

	memset(ports_out, 0, PEAL_BENCHARGS_SIDES_COUNT * sizeof(ports_out[0]));
	if (stage->link == PEAL_BENCHARGS_RING) {
		is_made = make_ring_ports(ports_out, mtu);
	}
	for (uint32_t i = stage->first_side; i < stage->sides_end && is_made; i++) {
		is_made = stage->link == PEAL_BENCHARGS_RING ||
			  find_device(&ports_out[i], stage, i, mtu);
	}
	if (!is_made) {
		return peal_sentence_set(error, "the ports of %s could not be made (%s)",
			peal_benchargs_link_name(stage->link), rte_strerror(rte_errno));
	}
	for (uint32_t i = stage->first_side; i < stage->sides_end; i++) {
		if (!start(&ports_out[i], stage->link, mtu, error)) {
			return false;
		}
	}
	return true;
}

static bool
is_up(uint16_t port_id)
{
	struct rte_eth_link link = {0};

	return rte_eth_link_get_nowait(port_id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

bool
peal_rawport_join(struct peal_stage *stage, const uint16_t *port_ids, struct peal_sentence *error)
{
	uint32_t polls_count = 0;

	if (!peal_benchargs_is_split(stage->link)) {
		return true;
	}
	peal_stage_reach(stage, PEAL_STAGE_OPEN);
	for (uint32_t i = stage->first_side; i < stage->sides_end; i++) {
		uint16_t port_id = port_ids[i - stage->first_side];
		struct rte_ether_addr mac;

		while (!is_up(port_id)) {
			if (peal_ctrlc_has_come() || peal_stage_is_broken(stage, error)) {
				return false;
			}
			if (polls_count++ > LINK_POLLS_MAX) {
				return peal_sentence_set(error, "the link of %s does not come up",
					peal_benchargs_link_name(stage->link));
			}
			peal_ctrlc_sleep(LINK_POLL_NS);
		}
		if (rte_eth_macaddr_get(port_id, &mac) != 0) {
			return peal_sentence_set(error, "a port has no address");
		}
		memcpy(stage->shared->macs[i], mac.addr_bytes, sizeof(mac.addr_bytes));
	}
	peal_stage_reach(stage, PEAL_STAGE_JOINED);
	return peal_stage_await(stage, PEAL_STAGE_JOINED, error);
}

void
peal_rawport_close(struct peal_rawport ports[PEAL_BENCHARGS_SIDES_COUNT])
{
	for (uint32_t i = 0; i < PEAL_BENCHARGS_SIDES_COUNT; i++) {
		if (ports[i].is_started) {
			(void)rte_eth_dev_stop(ports[i].port_id);
			(void)rte_eth_dev_close(ports[i].port_id);
		}
	}
	if (ports[1].pool != ports[0].pool) {
		rte_mempool_free(ports[1].pool);
	}
	rte_mempool_free(ports[0].pool);
}
