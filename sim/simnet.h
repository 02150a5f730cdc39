/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The false network: Ethernet frames from port to port, with everything that networks do to them.
 *
 * One ordered pair of ports is a link. A frame passes, in this order: the link's MTU, the sender's
 * egress, the link's cut, the link's loss, the receiver's ingress; it may then be doubled, and each
 * copy has a delay of its own, so frames overtake each other. A port may have a rate, behind which
 * frames queue. A frame to a broadcast address goes down every link of the sender; in a large
 * network the switch passes an ARP request only to the port that has the address, as switches do
 * that suppress ARP. A port that is down, or whose receive queue is full, loses what arrives. All
 * links are alike but for those that somebody changed.
 *
 * Frames live in chunks that are never given back before fini; a free list lends them, so a run
 * does not allocate per packet. Chance comes from one generator in the order of sending.
 */
#ifndef PEAL_SIM_SIMNET_H
#define PEAL_SIM_SIMNET_H

#include "base/limits.h"
#include "base/prng.h"
#include "sim/simtime.h"

#include <stdbool.h>
#include <stdint.h>

/* Room of a frame, unless the network is told a larger MTU. */
#define PEAL_SIMNET_FRAME_SIZE_MAX 1344U
/* Frames that a port keeps for its core, as a NIC queue does; a power of two. */
#define PEAL_SIMNET_QUEUE_MAX 1024U
/* Frames alive at once; past it a sender gets no buffers. */
#define PEAL_SIMNET_FRAMES_MAX 2097152U
/* Ports from which on ARP requests are suppressed. */
#define PEAL_SIMNET_QUIET_PORTS 65U

_Static_assert(PEAL_SIMNET_FRAME_SIZE_MAX >= PEAL_PACKET_SIZE_MAX, "every frame fits");

struct peal_simframe {
	uint32_t index; /* place in the pool */
	uint32_t size;
	uint32_t next_free; /* index + 1 of the next free frame; 0 = last */
	uint8_t bytes[];    /* [frame_size_max of the network] */
};

/* How one link treats frames now. */
struct peal_simlink {
	uint64_t delay_ns_min;
	uint64_t delay_ns_max; /* >= delay_ns_min */
	uint64_t spike_ns_max; /* added on top, uniform, to a frame that has a spike */
	uint32_t loss_ppm;
	uint32_t duplicate_ppm;
	uint32_t spike_ppm;
	uint16_t mtu; /* larger IP packets are lost without a word; 0 = none is too large */
	bool is_cut;
};

/* A link that differs from the others. */
struct peal_simnet_odd {
	uint32_t key; /* from << 16 | to */
	bool is_used;
	struct peal_simlink link;
};

/* The last link to a port, when it has a rate: frames queue in front of it, and too many are lost.
 */
struct peal_simnet_rate {
	uint64_t ps_per_byte;  /* picoseconds; 0 = no rate: 10 Gbit/s are 800 */
	uint64_t queue_ns_max; /* a frame that would wait longer is lost */
	uint64_t free_at_ns;
	/* What was seen. */
	uint64_t frames_count;
	uint64_t lost_count;
	uint64_t bytes;
	uint64_t waited_ns; /* of all */
	uint64_t waited_ns_max;
};

struct peal_simnet_port {
	bool is_up;
	struct peal_simnet_rate rate;
	uint32_t ingress_loss_ppm; /* 1 000 000 = hears nothing */
	uint32_t egress_loss_ppm;  /* 1 000 000 = is heard by nobody */
	uint32_t head;             /* frames taken */
	uint32_t tail;             /* frames queued */
	uint64_t received_bytes;   /* of UDP payload, of frames that were queued */
	uint32_t queue[PEAL_SIMNET_QUEUE_MAX];
};

/* Sees every frame that a port sends, before chance decides about it. */
typedef void (*peal_simnet_watch_fn)(
	void *state, uint16_t port, const uint8_t *bytes, uint32_t size);

struct peal_simnet {
	struct peal_simtime *time;
	struct peal_prng prng;
	uint16_t ports_count;
	struct peal_simnet_port *ports; /* [ports_count] */
	struct peal_simlink common;     /* every link that is not odd */
	uint32_t odds_count;
	uint32_t odds_capacity;       /* a power of two */
	struct peal_simnet_odd *odds; /* open addressing, [odds_capacity] */
	/* The port that has an IPv4 address, ports_count when nobody; NULL = ARP floods. */
	uint16_t (*find_ipv4)(uint32_t ipv4);
	peal_simnet_watch_fn watch; /* NULL = nobody */
	void *watch_state;
	/* Loses what it says yes to, of frames to one port; NULL = nothing. For tests that part
	 * networks by what is said. */
	bool (*lose)(void *state, uint16_t from, uint16_t to, const struct peal_simframe *frame);
	void *lose_state;
	/* Changes a frame on its way to one port; false: it is lost. NULL = nobody. Asked before
	 * the link is (sim/simfoul.h). */
	bool (*bend)(void *state, uint16_t from, uint16_t to, struct peal_simframe *frame);
	/* True: the port has no packets to lend now; NULL = never. */
	bool (*refuse)(void *state, uint16_t port);
	void *bend_state; /* of both */
	uint32_t frames_count;
	uint32_t first_free;     /* index + 1; 0 = none */
	uint16_t mtu;            /* of all ports; 0 = what every path carries */
	uint32_t frame_size_max; /* bytes of a frame, Ethernet header first */
	uint8_t *chunks[PEAL_SIMNET_FRAMES_MAX / 256U];
	uint64_t sent_count;
	uint64_t sent_bytes; /* of UDP payload */
	uint64_t lost_count; /* by cut, loss, isolation, a port that is down, a full queue */
};

void peal_simnet_init(struct peal_simnet *net, struct peal_simtime *time, uint16_t ports_count,
	const struct peal_simlink *link, uint64_t seed);
void peal_simnet_fini(struct peal_simnet *net);

/* Ports say that they carry IP packets of `mtu` bytes, [PEAL_MTU_MIN, PEAL_MTU_MAX]. Before the
 * first frame. */
void peal_simnet_set_mtu(struct peal_simnet *net, uint16_t mtu);

/* The station address of a port, and back; ports_count for an address of nobody. */
void peal_simnet_get_mac(uint16_t port, uint8_t mac_out[6]);
uint16_t peal_simnet_find_mac(const struct peal_simnet *net, const uint8_t mac[6]);

/* The link from one port to another. Asserts both ports. Good until the next call of change. */
const struct peal_simlink *peal_simnet_link(
	const struct peal_simnet *net, uint16_t from, uint16_t to);
/* The same, to be changed: from now on it is odd. Good until the next call. */
struct peal_simlink *peal_simnet_change(struct peal_simnet *net, uint16_t from, uint16_t to);
/* Calls `visit` for every odd link, which it may change. */
void peal_simnet_visit_odds(struct peal_simnet *net,
	void (*visit)(void *state, uint16_t from, uint16_t to, struct peal_simlink *link),
	void *state);

/* Brings a port up or down; what is queued at it is lost either way. */
void peal_simnet_set_up(struct peal_simnet *net, uint16_t port, bool is_up);

/* Lends a frame, or NULL when too many are alive. */
struct peal_simframe *peal_simnet_allocate(struct peal_simnet *net);
void peal_simnet_release(struct peal_simnet *net, struct peal_simframe *frame);
/* Sends `frame`, which is the network's from now on. */
void peal_simnet_send(struct peal_simnet *net, uint16_t port, struct peal_simframe *frame);
/* A FRAME event is due. Returns true when it now waits in the queue of `port`. */
bool peal_simnet_arrive(struct peal_simnet *net, uint16_t port, uint32_t frame_index);
/* Takes the oldest frame queued at `port`, or NULL. It is the caller's until released or sent. */
struct peal_simframe *peal_simnet_take(struct peal_simnet *net, uint16_t port);
bool peal_simnet_has_frames(const struct peal_simnet *net, uint16_t port);

#endif
