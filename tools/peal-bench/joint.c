/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/joint.h"

#include "base/assert.h"
#include "dataplane/dpdk/mbufpool.h"
#include "tools/peal-bench/vethpair.h"

#include <stdio.h>

/* Small rings of buffers suit caches; no queueing discipline of the kernel in between. */
#define AF_PACKET_ARGS "framesz=%u,blocksz=%u,framecnt=512,qdisc_bypass=1"
/* An abstract socket leaves nothing on disk. The side that brings the memory need not copy. */
#define MEMIF_ARGS "socket=peal-bench-%d,bsize=2048,rsize=%u"
/* The form of the queues that costs fewest cache lines an exchange. */
#define VIRTIO_ARGS "path=%s,queue_size=%u,packed_vq=1,in_order=1,mrg_rxbuf=0"
/*
 * Packets that a ring holds, as a power of two. All of a ring is written in turn, so of large
 * packets there are as many as stay in a second cache of 2 MB, which is still two windows of a
 * channel.
 */
#define ETHERNET_MTU    1500U
#define RING_BITS       10U
#define RING_LARGE_BITS 7U

const char *
peal_joint_device(enum peal_benchargs_link link, uint32_t side)
{
	static const char *const af_packet[] = {"net_af_packet0", "net_af_packet1"};

	PEAL_ASSERT(side < PEAL_BENCHARGS_SIDES_COUNT);
	switch (link) {
	case PEAL_BENCHARGS_AF_PACKET:
		return af_packet[side];
	case PEAL_BENCHARGS_MEMIF:
		return "net_memif0";
	case PEAL_BENCHARGS_VHOST:
		return side == 0 ? "net_virtio_user0" : "net_vhost0";
	case PEAL_BENCHARGS_RING:
	default:
		return NULL;
	}
}

void
peal_joint_device_args(enum peal_benchargs_link link, uint32_t side, const char *path, pid_t pid,
	uint16_t mtu, char text_out[PEAL_JOINT_TEXT_SIZE_MAX])
{
	static const char *const interfaces[] = {PEAL_VETHPAIR_NAME_0, PEAL_VETHPAIR_NAME_1};
	const uint32_t frame_size =
		peal_mbufpool_frame_size(mtu > 0 ? mtu : (uint16_t)PEAL_MTU_MIN);
	/* A block is whole pages. */
	const uint32_t ring_bits = mtu > ETHERNET_MTU ? RING_LARGE_BITS : RING_BITS;
	const uint32_t block_size = frame_size % 4096U == 2048U ? 2U * frame_size : 4U * frame_size;
	int size = 0;

	PEAL_ASSERT(side < PEAL_BENCHARGS_SIDES_COUNT);
	text_out[0] = '\0';
	switch (link) {
	case PEAL_BENCHARGS_AF_PACKET:
		size = snprintf(text_out, PEAL_JOINT_TEXT_SIZE_MAX, "iface=%s," AF_PACKET_ARGS,
			interfaces[side], frame_size, block_size);
		break;
	case PEAL_BENCHARGS_MEMIF:
		size = snprintf(text_out, PEAL_JOINT_TEXT_SIZE_MAX, "role=%s," MEMIF_ARGS "%s",
			side == 0 ? "client" : "server", (int)pid, ring_bits,
			side == 0 ? ",zero-copy=yes" : "");
		break;
	case PEAL_BENCHARGS_VHOST:
		size = side == 0 ? snprintf(text_out, PEAL_JOINT_TEXT_SIZE_MAX, VIRTIO_ARGS, path,
					   1U << ring_bits)
				 : snprintf(text_out, PEAL_JOINT_TEXT_SIZE_MAX, "iface=%s,queues=1",
					   path);
		break;
	case PEAL_BENCHARGS_RING:
	default:
		break;
	}
	PEAL_ASSERT(size >= 0 && (uint32_t)size < PEAL_JOINT_TEXT_SIZE_MAX);
}
