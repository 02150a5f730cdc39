/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What each --link is to DPDK: devices, their arguments, and how many processes it takes.
 *
 *     ring       one process, no device: the two sides share memory anyway
 *     af_packet  one process, two devices on the two ends of a veth pair
 *     memif      two processes; the answering one listens, the asking one brings the memory
 *     vhost      two processes: net_vhost answers, net_virtio_user asks and brings the memory
 *
 * Pure but for the names of sockets, which carry the number of the process that asks. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_JOINT_H
#define PEAL_PEAL_BENCH_JOINT_H

#include "tools/peal-bench/benchargs.h"

#include <sys/types.h>

#define PEAL_JOINT_TEXT_SIZE_MAX 192U

/* Name in DPDK of the device of a side; NULL on a ring. Static. */
const char *peal_joint_device(enum peal_benchargs_link link, uint32_t side);

/*
 * Arguments of that device, without the comma in front.
 *
 * @param path  of a socket in a directory of this run; used by vhost only
 * @param pid   of the asking process: names what must not collide
 * @param mtu   of the link, or 0 for an Ethernet as it is
 */
void peal_joint_device_args(enum peal_benchargs_link link, uint32_t side, const char *path,
	pid_t pid, uint16_t mtu, char text_out[PEAL_JOINT_TEXT_SIZE_MAX]);

#endif
