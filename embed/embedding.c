/* SPDX-License-Identifier: BSD-3-Clause */
#include "embed/embedding.h"

#include "base/assert.h"
#include "runtime/describe.h"
#include "runtime/memory.h"

#include <pthread.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

_Static_assert(PEAL_EMBED_CORES_MAX == PEAL_CONFIG_CORES_MAX, "a node may have all of them");
_Static_assert(PEAL_CONFIG_CORES_MAX <= PEAL_EAL_LCORES_MAX, "each core has an lcore of its own");

static _Thread_local struct peal_sentence last_error = {"nothing has failed yet"};
/* Telemetry, the clock and the table of memory are of the process. */
static _Atomic bool is_open;

const char *
peal_embed_error(void)
{
	return last_error.text;
}

/* The name of the port that is lent; NULL: none is. False with a sentence. */
static bool
find_port(const struct peal_embed_options *options, char name[RTE_ETH_NAME_MAX_LEN],
	const char **port_out, struct peal_sentence *error)
{
	*port_out = NULL;
	if (!options->has_port) {
		return true;
	}
	if (rte_eth_dev_get_name_by_port(options->port_id, name) != 0) {
		return peal_sentence_set(
			error, "port_id: DPDK has no port %u in this process", options->port_id);
	}
	*port_out = name;
	return true;
}

/* Whose each core is to be. */
static bool
take_lcores(struct peal_embed *node, const struct peal_embed_options *options,
	struct peal_runtime_config *config, struct peal_sentence *error)
{
	uint32_t count = options->lcores_count;

	if (count != 0 && (count != node->config.cores_count || options->lcore_ids == NULL)) {
		return peal_sentence_set(error,
			"lcores_count: %u lcores were named for %u cores; name one for each, or "
			"none",
			count, node->config.cores_count);
	}
	node->cores_count = node->config.cores_count;
	for (uint32_t i = 0; i < node->cores_count; i++) {
		uint32_t wanted = count > 0 ? options->lcore_ids[i] : PEAL_EMBED_NOBODY;

		if (count > 0 && rte_eal_lcore_role(wanted) == ROLE_OFF) {
			return peal_sentence_set(error,
				"lcore_ids: this process has no lcore %u; look at -l or --lcores "
				"of rte_eal_init",
				wanted);
		}
		node->cores[i].wanted = wanted;
		config->lcore_ids[i] = count > 0 ? wanted : rte_get_main_lcore();
		config->eal.cpus[i] = count > 0 ? rte_lcore_to_cpu_id((int)wanted) : -1;
	}
	return true;
}

/* The runtime with its one node, started. */
static bool
open_runtime(struct peal_embed *node, const struct peal_runtime_config *config,
	struct peal_sentence *error)
{
	const struct peal_runtime_node *own;

	node->runtime = peal_runtime_open(config, error);
	if (node->runtime == NULL ||
		peal_runtime_add(node->runtime, &node->config, 0, error) == UINT32_MAX ||
		!peal_runtime_start(node->runtime, error)) {
		return false;
	}
	own = peal_runtime_node(node->runtime, 0);
	node->entry = own->entry;
	node->rejoin = node->config.rejoin;
	for (uint32_t i = 0; i < node->cores_count; i++) {
		struct peal_embed_core *core = &node->cores[i];

		core->lcore = peal_runtime_lcore(node->runtime, i);
		if (config->idle == PEAL_IDLE_DEDICATED) {
			continue;
		}
		core->fd = peal_idle_open_set(&core->lcore->idle);
		if (core->fd < 0) {
			return peal_sentence_set(error,
				"a descriptor to wait for could not be made (%s); raise the limit "
				"of open files",
				strerror(errno));
		}
	}
	return true;
}

static void
give_back(struct peal_embed *node)
{
	peal_runtime_close(node->runtime);
	for (uint32_t i = 0; i < PEAL_EMBED_CORES_MAX; i++) {
		if (node->cores[i].fd >= 0) {
			(void)close(node->cores[i].fd);
		}
	}
	peal_memory_give(node);
}

static struct peal_embed *
open_node(const struct peal_embed_options *options, struct peal_sentence *error)
{
	struct peal_runtime_config config;
	char name[RTE_ETH_NAME_MAX_LEN];
	struct peal_embed *node;
	const char *port;

	if (options->config_path == NULL) {
		(void)peal_sentence_set(error, "config_path: name the configuration of the node");
		return NULL;
	}
	if (!peal_eal_adopt(error) || !find_port(options, name, &port, error)) {
		return NULL;
	}
	node = peal_memory_take("embedded node", sizeof(*node), -1, error);
	if (node == NULL) {
		return NULL;
	}
	for (uint32_t i = 0; i < PEAL_EMBED_CORES_MAX; i++) {
		node->cores[i].owner = PEAL_EMBED_NOBODY;
		node->cores[i].fd = -1;
	}
	if (peal_config_load_embedded(&node->config, options->config_path, port, error)) {
		config = peal_runtime_config_of(&node->config);
		config.is_embedded = true;
		config.is_port_lent = port != NULL;
		if (take_lcores(node, options, &config, error) &&
			open_runtime(node, &config, error)) {
			return node;
		}
	}
	give_back(node);
	return NULL;
}

struct peal_embed *
peal_embed_open(const struct peal_embed_options *options)
{
	struct peal_embed *node;
	sigset_t all, before;

	if (atomic_exchange(&is_open, true)) {
		(void)peal_sentence_set(
			&last_error, "this process has a node already; close that one first");
		return NULL;
	}
	/* Signals are the application's: threads that are started now take none. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &before);
	node = open_node(options, &last_error);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (node == NULL) {
		atomic_store(&is_open, false);
	}
	return node;
}

uint32_t
peal_embed_cores_count(const struct peal_embed *node)
{
	return node->cores_count;
}

const char *
peal_embed_socket(const struct peal_embed *node)
{
	return node->config.socket[0] != '\0' ? node->config.socket : NULL;
}

static enum peal_node_state
state_of(const struct peal_embed *node)
{
	return (enum peal_node_state)atomic_load_explicit(
		&node->entry->state, memory_order_acquire);
}

bool
peal_embed_has_ended(const struct peal_embed *node)
{
	enum peal_node_state state = state_of(node);

	return state == PEAL_NODE_LEFT || state == PEAL_NODE_REFUSED ||
	       (state == PEAL_NODE_KICKED && !node->rejoin);
}

enum peal_embed_state
peal_embed_state(const struct peal_embed *node)
{
	switch (state_of(node)) {
	case PEAL_NODE_JOINING:
		return PEAL_EMBED_JOINING;
	case PEAL_NODE_MEMBER:
		return PEAL_EMBED_MEMBER;
	case PEAL_NODE_LEAVING:
		return PEAL_EMBED_LEAVING;
	case PEAL_NODE_LEFT:
		return node->entry->node->ended_unconfirmed ? PEAL_EMBED_UNCONFIRMED
							    : PEAL_EMBED_LEFT;
	case PEAL_NODE_KICKED:
		return PEAL_EMBED_REMOVED;
	case PEAL_NODE_REFUSED:
		return PEAL_EMBED_REFUSED;
	}
	PEAL_ASSERT(!"every state has a name");
}

void
peal_embed_leave(struct peal_embed *node)
{
	peal_runtime_leave(node->runtime, 0);
}

bool
peal_embed_news(struct peal_embed *node, char *line, size_t size)
{
	const struct peal_node *own = peal_runtime_node(node->runtime, 0)->node;
	char text[PEAL_DESCRIBE_SIZE_MAX];
	struct peal_event event;
	uint32_t count;

	peal_runtime_lock(node->runtime);
	count = peal_eventlog_read(&own->events, node->news_after, &event, 1);
	peal_runtime_unlock(node->runtime, false);
	if (count == 0) {
		return false;
	}
	node->news_after = event.seq;
	peal_describe_event(&event, text);
	(void)snprintf(line, size, "%s", text);
	return true;
}

bool
peal_embed_close(struct peal_embed *node)
{
	uint32_t self = rte_lcore_id();

	for (uint32_t i = 0; node != NULL && i < node->cores_count; i++) {
		uint32_t owner = atomic_load_explicit(&node->cores[i].owner, memory_order_acquire);

		if (owner != PEAL_EMBED_NOBODY && owner != self) {
			return peal_sentence_set(&last_error,
				"lcore %u still polls core %u; end its loop, or have it call "
				"peal_embed_release",
				owner, i);
		}
	}
	if (node != NULL) {
		for (uint32_t i = 0; i < node->cores_count; i++) {
			atomic_store(&node->cores[i].is_over, true);
		}
		give_back(node);
		atomic_store(&is_open, false);
	}
	return true;
}
