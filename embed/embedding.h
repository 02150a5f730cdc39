/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A node in an application, as the files of libpeal-node know it: a runtime (runtime/runtime.h)
 * whose lcores are polled by somebody else, and who that is.
 *
 * `owner` of a core is the id of an lcore, which is unique to a thread, so one comparison tells on
 * each poll that nobody else is at it. It is taken with acquire and given with release, which
 * orders the turns of one owner before those of the next, and all of them before close.
 */
#ifndef PEAL_EMBED_EMBEDDING_H
#define PEAL_EMBED_EMBEDDING_H

#include "peal/embed.h"
#include "runtime/runtime.h"

#include <stdalign.h>
#include <stdatomic.h>

#define PEAL_EMBED_NOBODY UINT32_MAX

struct peal_embed_core {
	alignas(64) _Atomic uint32_t owner; /* id of an lcore, or PEAL_EMBED_NOBODY */
	_Atomic bool is_over;               /* nobody polls it any more */
	uint32_t wanted;                    /* the only lcore that may, or PEAL_EMBED_NOBODY */
	int fd;                             /* epoll of what ends a rest; -1 = it never rests */
	struct peal_lcore *lcore;
	uint64_t ended_at_ns; /* when its owner saw that the node had ended; 0 = it has not */
};

struct peal_embed {
	struct peal_embed_core cores[PEAL_EMBED_CORES_MAX];
	uint32_t cores_count;
	struct peal_control_entry *entry; /* of the node: its state */
	bool rejoin;
	struct peal_runtime *runtime;
	struct peal_config config;
	uint64_t news_after; /* number of the last event that was told */
};

/* True when nothing more will become of the node. Any thread. */
bool peal_embed_has_ended(const struct peal_embed *node);

#endif
