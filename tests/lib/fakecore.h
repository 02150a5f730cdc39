/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cores of several nodes on one switch in memory, with a hand that plays control.
 *
 * Node i has slot i everywhere, the address 10.0.0.(i + 1):4100, and member number i + 1 until a
 * test changes it. A view is a set of nodes, small; everybody observes everybody. Large views have
 * their own hand (tests/lib/bigcore.h). Time is virtual, one thread.
 */
#ifndef PEAL_TESTS_LIB_FAKECORE_H
#define PEAL_TESTS_LIB_FAKECORE_H

#include "dataplane/core.h"
#include "membership/rings.h"
#include "tests/lib/fakeport.h"
#include "wire/liveness_msg.h"

#define PEAL_FAKECORE_PORT         4100U
#define PEAL_FAKECORE_CLUSTER      0xC1C2C3C4U
#define PEAL_FAKECORE_CLUSTER_NAME 0xA1A2A3A4U
#define PEAL_FAKECORE_EPOCH        7U

struct peal_fakering {
	uint32_t first, count;
	uint32_t capacity; /* <= PEAL_PLANE_RECORDS_MAX */
	struct peal_record records[PEAL_PLANE_RECORDS_MAX];
};

/* One direction of a plane over a ring whose capacity is set. */
struct peal_plane_ring peal_fakering_plane(struct peal_fakering *ring);

/* What a table points into. */
struct peal_fakeview {
	struct peal_view view;
	struct peal_topology topology;
	struct peal_member members[PEAL_FAKEPORT_PORTS_MAX];
	uint16_t observers[PEAL_FAKEPORT_PORTS_MAX * PEAL_FAKEPORT_PORTS_MAX];
	uint16_t subjects[PEAL_FAKEPORT_PORTS_MAX * PEAL_FAKEPORT_PORTS_MAX];
	uint32_t subject_starts[PEAL_FAKEPORT_PORTS_MAX + 1U];
	uint16_t ring[PEAL_FAKEPORT_PORTS_MAX]; /* places are ranks */
};

struct peal_fakecore {
	struct peal_core core;
	struct peal_plane plane;
	struct peal_fakering down;
	struct peal_fakering up;
	struct peal_peers peers[2]; /* in turns, and so the views */
	struct peal_fakeview views[2];
	uint32_t generation;
	struct peal_aead_key key; /* seals what the node sends */
	uint64_t mid;
	bool is_running;
	uint8_t down_buffers[PEAL_PLANE_BUFFERS_MAX][PEAL_PLANE_BUFFER_SIZE];
	uint8_t up_buffers[PEAL_PLANE_BUFFERS_MAX][PEAL_PLANE_BUFFER_SIZE];
};

struct peal_fakecores {
	uint64_t now_ns;
	uint32_t count;
	struct peal_fakeswitch *wire;
	struct peal_aead aead;
	struct peal_aead_key pre_key;
	struct peal_timing timing;
	struct peal_fakecore *nodes[PEAL_FAKEPORT_PORTS_MAX];
};

/* What links the cores that are made from here on have; zero, as at first: plain IPv4. */
struct peal_fakecores_link {
	bool is_ipv6; /* fd00::1, fd00::2, ... in place of 10.0.0.1, ... */
	uint16_t vlan;
	struct peal_route route;
};

void peal_fakecores_set_link(const struct peal_fakecores_link *link);

/* Nodes that are no members yet, with the preset dpdk. `aead_name` as for peal_aead_open. */
struct peal_fakecores *peal_fakecores_create(uint32_t count, const char *aead_name);
/* The same, and all of them members of one view of epoch PEAL_FAKECORE_EPOCH, switched. */
struct peal_fakecores *peal_fakecores_create_view(uint32_t count, const char *aead_name);
void peal_fakecores_destroy(struct peal_fakecores *cores);

struct peal_address peal_fakecores_address(uint32_t index);
uint32_t peal_fakecores_view_tag(uint64_t epoch);

/*
 * Gives node `index` a table of `epoch`: the nodes in the bitmap `members`, and those in `departed`
 * as departed. The table is edited by the test before the VIEW record is pushed with `push_view`.
 */
struct peal_peers *peal_fakecores_make_view(struct peal_fakecores *cores, uint32_t index,
	uint64_t epoch, uint32_t members, uint32_t departed);
void peal_fakecores_push_view(
	struct peal_fakecores *cores, uint32_t index, struct peal_peers *peers);
/* Both, and one turn. */
void peal_fakecores_install(struct peal_fakecores *cores, uint32_t index, uint64_t epoch,
	uint32_t members, uint32_t departed);

/* One turn of a node now; of all that run; turns of all every `step_ns` until `until_ns`. */
uint32_t peal_fakecores_turn(struct peal_fakecores *cores, uint32_t index);
void peal_fakecores_turn_all(struct peal_fakecores *cores);
void peal_fakecores_run(struct peal_fakecores *cores, uint64_t until_ns, uint64_t step_ns);

void peal_fakecores_push(
	struct peal_fakecores *cores, uint32_t index, const struct peal_record *record);
/* Takes the oldest record from the up ring; false: there is none. */
bool peal_fakecores_pop(
	struct peal_fakecores *cores, uint32_t index, struct peal_record *record_out);
/* Takes records until one of `kind` comes; the others are lost, their buffers are given back. */
bool peal_fakecores_find(struct peal_fakecores *cores, uint32_t index, enum peal_record_kind kind,
	struct peal_record *record_out);
/* Empties the up ring, giving frame buffers back. Returns how many records of `kind` there were. */
uint32_t peal_fakecores_drain(
	struct peal_fakecores *cores, uint32_t index, enum peal_record_kind kind);
/* Puts a body into down buffer `buffer` and pushes the SEND record that is filled in but for it. */
void peal_fakecores_send(struct peal_fakecores *cores, uint32_t index, struct peal_record record,
	uint16_t buffer, const void *body, uint16_t size);

/* A counter of a node. */
uint64_t peal_fakecores_counter(
	const struct peal_fakecores *cores, uint32_t index, enum peal_counter id);
/* Hash of all that a frame could change, counters and the rate of family 0 aside. */
uint64_t peal_fakecores_digest(const struct peal_fakecores *cores, uint32_t index);

/* A header as node `from` would send it to node `to`, with the next counter of that stream. */
struct peal_header peal_fakecores_header(
	struct peal_fakecores *cores, uint32_t from, uint32_t to, uint8_t kind);
/*
 * Builds a whole packet from node `from` to node `to` around an arbitrary header and body, sealed
 * under `from`'s key (family 0: the common one). header->body_size is set. Returns its size.
 */
uint32_t peal_fakecores_seal(const struct peal_fakecores *cores, uint32_t from, uint32_t to,
	struct peal_header *header, const void *body, uint16_t body_size, uint8_t *packet_out);
/* Seals and injects at once. */
void peal_fakecores_inject(struct peal_fakecores *cores, uint32_t from, uint32_t to,
	struct peal_header *header, const void *body, uint16_t body_size);
/* The same for a liveness message whose view tag is that of the header's epoch. */
void peal_fakecores_inject_liveness(struct peal_fakecores *cores, uint32_t from, uint32_t to,
	uint8_t kind, uint64_t epoch, const struct peal_liveness_msg *message);
/* Opens what node `from` sent last to node `to`: body into `body_out`. Asserts that it is a good
 * frame. */
struct peal_header peal_fakecores_open_last(
	const struct peal_fakecores *cores, uint32_t from, uint8_t body_out[PEAL_BODY_SIZE_MAX]);

#endif
