/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cores of members of a large view, with the tables that control would publish.
 *
 * The group is peal_teststore_group: the member at rank r has number r + 1. Any of its members may
 * have a core; what is sent to the others is kept for the test to read, which may also speak for
 * them. Frames carry checksums instead of seals, so that a test can look into them. Probes and
 * their answers are lost unless asked for. Time is virtual, one thread.
 */
#ifndef PEAL_TESTS_LIB_BIGCORE_H
#define PEAL_TESTS_LIB_BIGCORE_H

#include "base/prng.h"
#include "control/install.h"
#include "dataplane/core.h"
#include "tests/lib/fakecore.h"
#include "tests/lib/teststore.h"
#include "wire/flood_msg.h"

/* A frame of families 1 and up, as it was sent; or of family 0, without numbers. */
struct peal_bigframe {
	uint64_t from; /* member numbers */
	uint64_t to;
	uint8_t kind;
	uint16_t body_size;
	uint8_t body[PEAL_BODY_SIZE_MAX];
};

struct peal_bigcores;

struct peal_bignode {
	struct peal_core core;
	struct peal_install install;
	struct peal_plane plane;
	struct peal_fakering down;
	struct peal_fakering up;
	struct peal_bigcores *owner;
	uint64_t mid;
	uint32_t waiting_first, waiting_count;
	struct peal_packet waiting[PEAL_FAKEPORT_FRAMES_MAX];
	uint32_t allocate_max; /* packets that the port still gives; UINT32_MAX = no end */
	uint8_t down_buffers[PEAL_PLANE_BUFFERS_MAX][PEAL_PLANE_BUFFER_SIZE];
	uint8_t up_buffers[PEAL_PLANE_BUFFERS_MAX][PEAL_PLANE_BUFFER_SIZE];
};

struct peal_bigcores {
	uint64_t now_ns;
	struct peal_timing timing;
	struct peal_teststore *store;
	const struct peal_group *group;               /* of the last install */
	struct peal_bignode *nodes[PEAL_MEMBERS_MAX]; /* by number - 1; NULL = no core */
	uint64_t counters[PEAL_MEMBERS_MAX]; /* of frames that a test sends, by number - 1 */
	/* What was sent to members without a core, and to addresses. */
	uint32_t sent_count, sent_first, sent_capacity;
	struct peal_bigframe *sent;
	bool has_liveness;     /* keep and carry frames of family 1 */
	uint64_t frames_count; /* carried, of the other families */
	/* False loses the frame. NULL = everything passes. */
	bool (*filter)(void *state, const struct peal_bigframe *frame);
	void *filter_state;
};

/* Frames that get lost by chance. */
struct peal_biglosses {
	struct peal_prng prng;
	uint32_t percent;
};

/* A group of `members_count` members, none of them with a core; preset dpdk. */
struct peal_bigcores *peal_bigcores_create(uint16_t members_count, uint64_t seed);
void peal_bigcores_destroy(struct peal_bigcores *cores);

/* A core for the member at `rank`, switched to the view. Returns it. */
struct peal_bignode *peal_bigcores_start(struct peal_bigcores *cores, uint16_t rank);
/* Switches a core to `group`, with guests, and acknowledges it. */
void peal_bigcores_install(struct peal_bigcores *cores, struct peal_bignode *node,
	const struct peal_group *group, const uint64_t *guests, uint32_t guests_count);

/* One turn of a core now; of all; turns of all every `step_ns` until `until_ns`. */
void peal_bigcores_turn(struct peal_bigcores *cores, struct peal_bignode *node);
void peal_bigcores_turn_all(struct peal_bigcores *cores);
void peal_bigcores_run(struct peal_bigcores *cores, uint64_t until_ns, uint64_t step_ns);

/* The member with number `from`, that has no core, sends a frame of this epoch to a core. */
void peal_bigcores_inject(struct peal_bigcores *cores, uint64_t from, struct peal_bignode *to,
	uint8_t kind, const uint8_t *body, uint16_t size);
/* Takes the oldest frame that was sent to a member without a core; false: there is none. */
bool peal_bigcores_take(struct peal_bigcores *cores, struct peal_bigframe *frame_out);
/* Takes all of them. Returns how many there were of `kind`. */
uint32_t peal_bigcores_drain_sent(struct peal_bigcores *cores, uint8_t kind);

void peal_bigcores_push(struct peal_bignode *node, const struct peal_record *record);
/* Takes the oldest record of `kind`; those before it are lost, their buffers given back. The body
 * of the one that is found stays readable until the next turn. */
bool peal_bigcores_find(
	struct peal_bignode *node, enum peal_record_kind kind, struct peal_record *record_out);
uint32_t peal_bigcores_drain(struct peal_bignode *node, enum peal_record_kind kind);
/* A SEND record whose message is `kind`, and its body: prefix, then `body`. */
void peal_bigcores_flood(struct peal_bigcores *cores, struct peal_bignode *node, uint8_t kind,
	uint32_t origin_seq, const uint8_t *body, uint16_t size);

/* Writes a prefix of the view, then `body`. Returns the size. */
uint16_t peal_bigcores_write(const struct peal_bigcores *cores, struct peal_flood_prefix prefix,
	const uint8_t *body, uint16_t size, uint8_t out[PEAL_BODY_SIZE_MAX]);
uint64_t peal_bigcores_counter(const struct peal_bignode *node, enum peal_counter id);
/* From now on that share of all frames is lost, by `seed`. `losses` outlives the cores' last turn.
 */
void peal_bigcores_lose(struct peal_bigcores *cores, struct peal_biglosses *losses,
	uint32_t percent, uint64_t seed);

#endif
