/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/dpdk/port_dpdk.h"

#include "base/limits.h"
#include "dataplane/dpdk/mbufpool.h"

#include <net/if.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define DESCRIPTORS_COUNT 512U
/* Packets up to here are needed; more is welcome. */
#define MTU_NEEDED PEAL_MTU_MIN
/* What DPDK counts besides: Ethernet, two tags, and the checksum behind. */
#define FRAME_OVERHEAD   26U
#define FETCHED_SIZE_MAX 256U
#define CHUNK_COUNT      64U

_Static_assert(PEAL_BURST_MAX <= CHUNK_COUNT, "a burst is one call of the driver");
_Static_assert(PEAL_PACKET_SIZE_MAX <= PEAL_MBUFPOOL_FRAME_SIZE_MAX, "a frame fits a buffer");

/* A buffer like those that allocate lends: nobody else looks at it, and it belongs to the pool. A
 * driver may hand out others, which are as large as what came in them. */
static inline uint32_t
find_room(const struct peal_port_dpdk *port, const struct rte_mbuf *mbuf)
{
	if (!RTE_MBUF_DIRECT(mbuf) || rte_mbuf_refcnt_read(mbuf) != 1 || mbuf->pool != port->pool) {
		return 0;
	}
	return (uint32_t)mbuf->buf_len - mbuf->data_off;
}

static uint32_t
receive(void *state, uint16_t queue, struct peal_packet *packets, uint32_t capacity)
{
	struct peal_port_dpdk *port = state;
	struct rte_mbuf *mbufs[CHUNK_COUNT];
	uint32_t wanted = capacity < CHUNK_COUNT ? capacity : CHUNK_COUNT;
	uint16_t count = rte_eth_rx_burst(port->port_id, queue, mbufs, (uint16_t)wanted);
	uint32_t kept = 0;

	for (uint16_t i = 0; i < count; i++) {
		const uint8_t *data = rte_pktmbuf_mtod(mbufs[i], uint8_t *);
		uint32_t size = rte_pktmbuf_data_len(mbufs[i]);

		/* Drivers that do not copy leave them where the other side wrote. */
		for (uint32_t at = 0; at < FETCHED_SIZE_MAX && at < size;
			at += RTE_CACHE_LINE_SIZE) {
			rte_prefetch0(data + at);
		}
	}
	for (uint16_t i = 0; i < count; i++) {
		if (mbufs[i]->nb_segs != 1) {
			rte_pktmbuf_free(mbufs[i]);
			port->chained_counts[queue]++;
			continue;
		}
		packets[kept++] = (struct peal_packet){
			.data = rte_pktmbuf_mtod(mbufs[i], uint8_t *),
			.size = rte_pktmbuf_data_len(mbufs[i]),
			.room = find_room(port, mbufs[i]),
			.handle = mbufs[i],
		};
	}
	return kept;
}

static uint32_t
allocate(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	struct peal_port_dpdk *port = state;
	struct rte_mbuf *mbufs[CHUNK_COUNT];

	(void)queue;
	for (uint32_t done = 0; done < count;) {
		uint32_t chunk = count - done < CHUNK_COUNT ? count - done : CHUNK_COUNT;

		if (rte_pktmbuf_alloc_bulk(port->pool, mbufs, chunk) != 0) {
			for (uint32_t i = 0; i < done; i++) {
				rte_pktmbuf_free(packets[i].handle);
			}
			return 0;
		}
		for (uint32_t i = 0; i < chunk; i++) {
			packets[done + i] = (struct peal_packet){
				.data = rte_pktmbuf_mtod(mbufs[i], uint8_t *),
				.size = 0,
				.handle = mbufs[i],
			};
		}
		done += chunk;
	}
	return count;
}

static void
release(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	(void)state;
	(void)queue;
	for (uint32_t i = 0; i < count; i++) {
		rte_pktmbuf_free(packets[i].handle);
	}
}

static uint32_t
transmit(void *state, uint16_t queue, struct peal_packet *packets, uint32_t count)
{
	const struct peal_port_dpdk *port = state;
	struct rte_mbuf *mbufs[CHUNK_COUNT];
	uint32_t sent_total = 0;

	for (uint32_t done = 0; done < count;) {
		uint32_t chunk = count - done < CHUNK_COUNT ? count - done : CHUNK_COUNT;
		uint16_t sent;

		for (uint32_t i = 0; i < chunk; i++) {
			mbufs[i] = packets[done + i].handle;
			mbufs[i]->data_len = (uint16_t)packets[done + i].size;
			mbufs[i]->pkt_len = packets[done + i].size;
		}
		sent = rte_eth_tx_burst(port->port_id, queue, mbufs, (uint16_t)chunk);
		if (sent < chunk) {
			rte_pktmbuf_free_bulk(mbufs + sent, chunk - sent);
		}
		sent_total += sent;
		done += chunk;
	}
	return sent_total;
}

static const struct peal_port_ops operations = {
	.receive = receive,
	.allocate = allocate,
	.transmit = transmit,
	.release = release,
};

/* A device that does not know RX interrupts may accept the wish or refuse it; both are fine. */
static int
configure(struct peal_port_dpdk *port, const struct rte_eth_dev_info *info, uint16_t mtu)
{
	struct rte_eth_conf wish = {0};
	int result;

	/* That of a kernel interface is the kernel's, and some drivers know none, though they carry
	 * it: what passes is proven by probes. 0 = the driver's own. */
	if (port->if_index == 0 && mtu + FRAME_OVERHEAD <= info->max_rx_pktlen) {
		wish.rxmode.mtu = mtu;
	}

	if ((info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) != 0) {
		wish.txmode.offloads = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	}
	if (port->queues_count > 1 && (info->flow_type_rss_offloads & RTE_ETH_RSS_UDP) != 0) {
		wish.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		wish.rx_adv_conf.rss_conf.rss_hf =
			info->flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP);
	}
	wish.intr_conf.rxq = 1;
	result =
		rte_eth_dev_configure(port->port_id, port->queues_count, port->queues_count, &wish);
	port->has_rx_interrupt = result == 0;
	if (result != 0) {
		wish.intr_conf.rxq = 0;
		result = rte_eth_dev_configure(
			port->port_id, port->queues_count, port->queues_count, &wish);
	}
	return result;
}

static bool
set_up_queues(struct peal_port_dpdk *port, const struct rte_eth_dev_info *info, const char *device,
	struct peal_sentence *error)
{
	unsigned int socket =
		port->numa_node < 0 ? (unsigned int)SOCKET_ID_ANY : (unsigned int)port->numa_node;
	struct rte_eth_txconf tx = info->default_txconf;
	int result;

	port->rx_descriptors_count = DESCRIPTORS_COUNT;
	port->tx_descriptors_count = DESCRIPTORS_COUNT;
	result = rte_eth_dev_adjust_nb_rx_tx_desc(
		port->port_id, &port->rx_descriptors_count, &port->tx_descriptors_count);
	tx.offloads = 0;
	for (uint16_t queue = 0; result == 0 && queue < port->queues_count; queue++) {
		result = rte_eth_rx_queue_setup(
			port->port_id, queue, port->rx_descriptors_count, socket, NULL, port->pool);
		if (result == 0) {
			result = rte_eth_tx_queue_setup(
				port->port_id, queue, port->tx_descriptors_count, socket, &tx);
		}
	}
	if (result != 0) {
		return peal_sentence_set(error,
			"the queues of device %s could not be set up (%s); look at its device_args",
			device, rte_strerror(-result));
	}
	return true;
}

static bool
read_mac(struct peal_port_dpdk *port)
{
	struct rte_ether_addr mac;

	if (rte_eth_macaddr_get(port->port_id, &mac) != 0) {
		return false;
	}
	memcpy(port->mac, mac.addr_bytes, sizeof(port->mac));
	return true;
}

/* What the link carries now: a kernel interface is asked itself, for its driver does not know. */
static uint16_t
read_mtu(const struct peal_port_dpdk *port)
{
	struct ifreq request = {0};
	uint16_t mtu = RTE_ETHER_MTU;

	if (port->if_index != 0 && if_indextoname(port->if_index, request.ifr_name) != NULL) {
		int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		bool is_read = file >= 0 && ioctl(file, SIOCGIFMTU, &request) == 0;

		if (file >= 0) {
			(void)close(file);
		}
		if (is_read) {
			return request.ifr_mtu < UINT16_MAX ? (uint16_t)request.ifr_mtu
							    : (uint16_t)UINT16_MAX;
		}
	}
	(void)rte_eth_dev_get_mtu(port->port_id, &mtu);
	return mtu;
}

/* Decides what the port carries: what was wished, if that can be, or what there is. */
static bool
find_mtu(struct peal_port_dpdk *port, const struct peal_port_dpdk_config *config,
	const struct rte_eth_dev_info *info, struct peal_sentence *error)
{
	uint16_t mtu = read_mtu(port);
	uint16_t mtu_max = port->if_index != 0 ? mtu : info->max_mtu;

	if (config->mtu == 0 && mtu < MTU_NEEDED) {
		return peal_sentence_set(error,
			"device %s carries packets of %u bytes and Peal needs %u; raise its MTU",
			config->device, mtu, (unsigned int)MTU_NEEDED);
	}
	if (config->mtu > mtu_max) {
		return peal_sentence_set(error,
			"device %s carries packets of at most %u bytes and mtu asks for %u; lower "
			"mtu, or raise that of the interface below",
			config->device, mtu_max, config->mtu);
	}
	mtu = config->mtu > 0 ? config->mtu : mtu;
	port->mtu = mtu < PEAL_MTU_MAX ? mtu : (uint16_t)PEAL_MTU_MAX;
	port->frame_size = peal_mbufpool_frame_size(port->mtu);
	return true;
}

static bool
find_device(struct peal_port_dpdk *port, const char *device, struct rte_eth_dev_info *info,
	struct peal_sentence *error)
{
	if (rte_eth_dev_get_port_by_name(device, &port->port_id) != 0) {
		return peal_sentence_set(error,
			"there is no device %s, or its driver refused it; look at device and "
			"device_args, and that the interface exists and this user may open it",
			device);
	}
	if (rte_eth_dev_info_get(port->port_id, info) != 0 || !read_mac(port)) {
		return peal_sentence_set(
			error, "device %s does not answer; is the interface still there?", device);
	}
	port->numa_node = rte_eth_dev_socket_id(port->port_id);
	port->if_index = info->if_index;
	return true;
}

/* The buffers of a port. Those that a lent one held when it was given back are still its. */
static bool
make_pool(struct peal_port_dpdk *port, const struct peal_port_dpdk_config *config,
	struct peal_sentence *error)
{
	char name[RTE_MEMPOOL_NAMESIZE];

	(void)snprintf(
		name, sizeof(name), config->is_lent ? "peal_lent%u" : "peal_port%u", port->port_id);
	port->pool = rte_mempool_lookup(name);
	if (port->pool != NULL && rte_mempool_full(port->pool)) {
		rte_mempool_free(port->pool);
		port->pool = NULL;
	}
	if (port->pool == NULL) {
		port->pool = peal_mbufpool_create(
			name, config->packets_count, port->frame_size, port->numa_node, error);
		return port->pool != NULL;
	}
	if (port->pool->size < config->packets_count ||
		rte_pktmbuf_data_room_size(port->pool) < RTE_PKTMBUF_HEADROOM + port->frame_size) {
		port->pool = NULL;
		return peal_sentence_set(error,
			"device %s still holds buffers of when it was lent before, and these are "
			"fewer or smaller; keep cores and mtu as they were",
			config->device);
	}
	return true;
}

/* A lent port keeps what it holds. */
static void
give_pool(struct peal_port_dpdk *port)
{
	if (!port->is_lent || (port->pool != NULL && rte_mempool_full(port->pool))) {
		rte_mempool_free(port->pool);
	}
	port->pool = NULL;
}

bool
peal_port_dpdk_open(struct peal_port_dpdk *port, const struct peal_port_dpdk_config *config,
	struct peal_sentence *error)
{
	struct rte_eth_dev_info info = {0};
	int result;

	*port = (struct peal_port_dpdk){
		.queues_count = config->queues_count == 0 ? (uint16_t)1 : config->queues_count,
		.is_lent = config->is_lent};
	if (!find_device(port, config->device, &info, error) ||
		!find_mtu(port, config, &info, error)) {
		return false;
	}
	if (port->queues_count > PEAL_PORT_DPDK_QUEUES_MAX ||
		port->queues_count > info.max_rx_queues ||
		port->queues_count > info.max_tx_queues) {
		return peal_sentence_set(error,
			"device %s has %u receive and %u transmit queues, and each data core needs "
			"one; lower cores",
			config->device, info.max_rx_queues, info.max_tx_queues);
	}
	if (!make_pool(port, config, error)) {
		return false;
	}
	result = configure(port, &info, config->mtu);
	if (result == -EBUSY) {
		return peal_sentence_set(error,
			"device %s has been started by somebody else in this process; stop it "
			"first",
			config->device);
	}
	if (result != 0) {
		return peal_sentence_set(error,
			"device %s could not be configured with %u queues (%s); look at cores and "
			"device_args",
			config->device, port->queues_count, rte_strerror(-result));
	}
	if (!set_up_queues(port, &info, config->device, error)) {
		return false;
	}
	result = rte_eth_dev_start(port->port_id);
	if (result != 0) {
		return peal_sentence_set(error,
			"device %s could not be started (%s); is the interface up, and is its peer "
			"there?",
			config->device, rte_strerror(-result));
	}
	port->is_started = true;
	port->rung = peal_steering_set_up(port->port_id, port->queues_count, config->base_port);
	/* A device without an address of its own, such as virtio_user, draws one when it is
	 * configured.
	 */
	return read_mac(port) ||
	       peal_sentence_set(error, "device %s has no address", config->device);
}

void
peal_port_dpdk_join(struct peal_port_dpdk *port, const uint8_t mac[6])
{
	struct rte_ether_addr group;

	memcpy(group.addr_bytes, mac, sizeof(group.addr_bytes));
	if (rte_eth_dev_set_mc_addr_list(port->port_id, &group, 1) != 0) {
		(void)rte_eth_allmulticast_enable(port->port_id);
	}
}

void
peal_port_dpdk_close(struct peal_port_dpdk *port)
{
	if (port->is_started) {
		(void)rte_eth_dev_stop(port->port_id);
		if (!port->is_lent) {
			(void)rte_eth_dev_close(port->port_id);
		}
		port->is_started = false;
	}
	give_pool(port);
}

struct peal_port
peal_port_dpdk_port(struct peal_port_dpdk *port, uint16_t queue)
{
	struct peal_port out = {
		.ops = &operations,
		.state = port,
		.queue = queue,
		.packet_size_max = port->frame_size,
		.mtu = port->mtu,
	};

	memcpy(out.mac, port->mac, sizeof(out.mac));
	return out;
}

bool
peal_port_dpdk_stats(const struct peal_port_dpdk *port, struct peal_port_dpdk_stats *stats_out)
{
	struct rte_eth_stats stats;

	if (!port->is_started || rte_eth_stats_get(port->port_id, &stats) != 0) {
		return false;
	}
	*stats_out = (struct peal_port_dpdk_stats){
		.missed = stats.imissed,
		.no_buffer = stats.rx_nombuf,
		.rx_errors = stats.ierrors,
		.tx_errors = stats.oerrors,
	};
	return true;
}
