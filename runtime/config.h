/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration of one node: a YAML file, checked as a whole before anything is started.
 *
 *     cluster: orders                 # required: name of the group, 1 to 31 of a-z A-Z 0-9 . _ -
 *     name: n1                        # required: name of this node on this host, the same letters
 *     address: 10.77.0.1:7400         # required: IP and UDP port that Peal itself will own; IPv6
 *                                     # as "[fd00::1]:7400", and then the seeds too
 *     prefix: 24                      # bits of the address that its own segment shares, and
 *     gateway: 10.77.0.254            # the router to all others; default: all are on the segment
 *     vlan: 100                       # 802.1Q tag of all frames, 1 to 4094; default: none
 *     seeds: [10.77.0.1:7400]         # required: 1 to 16 nodes to ask for the group
 *     key: /etc/peal/orders.key       # the group's secret; or, in its place, `encryption: none`
 *     device: net_af_packet0          # required: a virtual device of DPDK, or a PCI address
 *     device_args: "iface=peal1"
 *     expect: 3                       # nodes of a cold start; default: the number of seeds
 *     preset: dpdk                    # dpdk-fast, dpdk, cloud or paper; the same on all nodes
 *     detector: window                # window, phi or silence; this node's own affair
 *     phi_threshold: 8                # phi only: 1 to 16, in tenths
 *     silence_ms: 225                 # silence only: 2 to 10 probe intervals of the preset
 *     metadata: "rack 7"              # up to 4096 bytes that the others see
 *     idle: shared                    # shared: sleeps when idle; dedicated: one CPU polls for ever
 *     lcore: 3                        # CPU of the data core; default: see peal_config.lcore
 *     cores: 1                        # data cores, 1 to 16: one is for the group, all for channels
 *     mtu: 9000                       # bytes of the largest IP packet, 1280 to 9000; default: what
 *                                     # the device has. Only what peers prove is used
 *     socket: /run/peal/n1.sock       # where applications attach; default: none may
 *     users: [1000]                   # user ids that may; default: root, and the daemon's own
 *     access:                         # in place of users; the first entry that fits counts
 *       - {gid: 100, may: [channels, broadcast, services, groups, orders], join: [a*]}
 *                                     # uid or gid of the process; what it may, default: all; names
 *                                     # of process groups that it may join, default: any
 *     hold_ms: 1000                   # they may have who broadcasts wait for them, as long as they
 *                                     # read something within this; 10 to 60000; default: none may
 *     lanes: on                       # two applications of this node may talk past the core, in
 *                                     # memory that is theirs alone: on or off
 *     memory_mb: 64                   # given to DPDK
 *     huge: auto                      # huge pages: auto, yes or no
 *     rejoin: true                    # join again after the group removed this node
 *     rings: 10                       # observers of each member; the same on all nodes
 *     members_max: 1024               # members that there is room for; the same on all nodes
 *     slow_member: block              # what broadcasts do behind a slow member: block, drop (own
 *                                     # messages that did not leave), evict (the same on all nodes)
 *     evict_ms: 1000                  # evict only: for how long it is slow; 10 to 60000
 *
 * A file that is wrong changes nothing and gives one sentence with file, line, key, and what was
 * expected.
 */
#ifndef PEAL_RUNTIME_CONFIG_H
#define PEAL_RUNTIME_CONFIG_H

#include "base/limits.h"
#include "base/timing.h"
#include "dataplane/cast.h"
#include "dataplane/clientrights.h"
#include "dataplane/dpdk/idle.h"
#include "dataplane/dpdk/sentence.h"
#include "dataplane/route.h"
#include "wire/ident.h"

#include <stdbool.h>
#include <stdint.h>

#define PEAL_CONFIG_PATH_SIZE_MAX        255U
#define PEAL_CONFIG_DEVICE_SIZE_MAX      63U
#define PEAL_CONFIG_DEVICE_ARGS_SIZE_MAX 255U
#define PEAL_CONFIG_SOCKET_SIZE_MAX      107U /* the kernel's */
#define PEAL_CONFIG_ACCESS_MAX           32U
#define PEAL_CONFIG_MEMORY_MB_MIN        8U
#define PEAL_CONFIG_MEMORY_MB_MAX        65536U
#define PEAL_CONFIG_MEMORY_MB_DEFAULT    64U
/* Data cores of a node. */
#define PEAL_CONFIG_CORES_MAX 16U
/* UDP port of shard 0; the last shard's must exist too. */
#define PEAL_CONFIG_PORT_MAX (65535U - PEAL_SHARDS_MAX + 1U)
#define PEAL_CONFIG_VLAN_MAX 4094U
/* Fewer rings than this cannot tell a broken observer from a broken subject. */
#define PEAL_CONFIG_RINGS_MIN 3U
/* Members that a node has room for: from a small group, which costs nothing, to the largest. */
#define PEAL_CONFIG_MEMBERS_MAX_MIN     PEAL_DIRECT_MAX
#define PEAL_CONFIG_MEMBERS_MAX_MAX     10000U
#define PEAL_CONFIG_MEMBERS_MAX_DEFAULT 1024U
/* How long a member is slow before it is evicted: less is a stall of the machine, more is given up
 * by people. */
#define PEAL_CONFIG_EVICT_MS_MIN     10U
#define PEAL_CONFIG_EVICT_MS_MAX     60000U
#define PEAL_CONFIG_EVICT_MS_DEFAULT 1000U

enum peal_config_huge {
	PEAL_CONFIG_HUGE_AUTO = 0, /* when enough huge pages are free */
	PEAL_CONFIG_HUGE_YES = 1,
	PEAL_CONFIG_HUGE_NO = 2,
};

/* Who may attach, and what it may do. */
struct peal_config_access {
	bool is_user; /* `id` is of a user; else of a group that the process is in */
	uint32_t id;
	struct peal_clientrights rights;
};

struct peal_config {
	char cluster[PEAL_NAME_SIZE_MAX + 1U];
	char name[PEAL_NAME_SIZE_MAX + 1U];
	struct peal_address address; /* mac unknown */
	struct peal_route route;     /* prefix_size 0: no gateway */
	uint16_t vlan;               /* [0, PEAL_CONFIG_VLAN_MAX]; 0 = none */
	bool is_encrypted;
	char key[PEAL_CONFIG_PATH_SIZE_MAX + 1U]; /* path, when is_encrypted */
	uint8_t expect;                           /* [1, PEAL_EXPECT_MAX] */
	struct peal_timing timing;
	uint8_t seeds_count; /* [1, PEAL_SEEDS_MAX] */
	struct peal_address seeds[PEAL_SEEDS_MAX];
	uint16_t metadata_size;
	uint8_t metadata[PEAL_METADATA_SIZE_MAX];
	enum peal_idle_role idle;
	char device[PEAL_CONFIG_DEVICE_SIZE_MAX + 1U];
	char device_args[PEAL_CONFIG_DEVICE_ARGS_SIZE_MAX + 1U]; /* may be empty */
	uint16_t mtu; /* [PEAL_MTU_MIN, PEAL_MTU_MAX]; 0 = what the device has */
	char socket[PEAL_CONFIG_SOCKET_SIZE_MAX + 1U]; /* empty: no application attaches */
	uint32_t access_count; /* 0: root, and who runs the daemon, may anything */
	struct peal_config_access access[PEAL_CONFIG_ACCESS_MAX]; /* the first that fits counts */
	uint64_t hold_ns;                                         /* 0: none may hold others back */
	bool has_lanes; /* two applications of this node may talk past the core */
	uint32_t memory_mb;
	enum peal_config_huge huge;
	/*
	 * CPU of the data core, or -1: a dedicated core takes the last CPU this process may use. A
	 * shared one is left to the scheduler, which can move it away from a CPU that others keep
	 * busy.
	 */
	int lcore;
	/* Data cores, [1, PEAL_EAL_LCORES_MAX]; core i runs on CPU lcore + i, or on the i-th last.
	 */
	uint8_t cores_count;
	bool rejoin;
	uint8_t rings; /* [PEAL_CONFIG_RINGS_MIN, PEAL_RINGS_MAX] */
	/* [PEAL_CONFIG_MEMBERS_MAX_MIN, PEAL_CONFIG_MEMBERS_MAX_MAX] */
	uint16_t members_max;
	enum peal_cast_policy slow_member; /* of broadcast */
	/* EVICT: [PEAL_CONFIG_EVICT_MS_MIN, PEAL_CONFIG_EVICT_MS_MAX] */
	uint32_t evict_ms;
};

/* Reads and checks a file. False with a sentence; `config_out` is then unspecified. */
bool peal_config_load(
	struct peal_config *config_out, const char *path, struct peal_sentence *error);

/*
 * The same for a node inside an application that has started DPDK itself. Keys about the memory and
 * the lcores of DPDK are refused; and where the application lends `port`, the name of a port of its
 * own, keys about the device.
 */
bool peal_config_load_embedded(struct peal_config *config_out, const char *path, const char *port,
	struct peal_sentence *error);

/* Defaults for nodes that are configured by a program; name, cluster, address and seeds are
 * missing. */
void peal_config_default(struct peal_config *config_out);

/* As the file has it: "block", "drop" or "evict". Static. */
const char *peal_config_slow_member_name(enum peal_cast_policy policy);

/* Reads "10.0.0.1:7400" or "[fd00::1]:7400". False unless it is a unicast address and a port up to
 * PEAL_CONFIG_PORT_MAX. */
bool peal_config_parse_address(const char *text, struct peal_address *address_out);
/* Reads "10.0.0.1" or "fd00::1". The same for the address; port 0. */
bool peal_config_parse_ip(const char *text, struct peal_address *address_out);

#endif
