/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/node.h"

#include "base/assert.h"
#include "control/node_private.h"
#include "membership/ring.h"

#include <stdatomic.h>
#include <string.h>

#define STEP_RECORDS_MAX PEAL_PLANE_RECORDS_MAX
#define POP_COUNT        32U
/* Join requests that one step looks at: each costs a keyed digest or two. */
#define STEP_REQUESTS_MAX 256U

static const char *const state_names[] = {
	[PEAL_NODE_JOINING] = "joining",
	[PEAL_NODE_MEMBER] = "member",
	[PEAL_NODE_LEAVING] = "leaving",
	[PEAL_NODE_LEFT] = "left",
	[PEAL_NODE_KICKED] = "kicked",
	[PEAL_NODE_REFUSED] = "refused",
};

const char *
peal_node_state_name(enum peal_node_state state)
{
	PEAL_ASSERT(state <= PEAL_NODE_REFUSED);
	return state_names[state];
}

struct peal_parameters
peal_node_parameters(const struct peal_node_config *config)
{
	struct peal_thresholds thresholds =
		peal_view_thresholds(PEAL_MEMBERS_MAX, config->rings_count);
	struct peal_parameters parameters = {0};

	parameters.values[PEAL_PARAMETER_RINGS] = config->rings_count;
	parameters.values[PEAL_PARAMETER_HIGH] = thresholds.h;
	parameters.values[PEAL_PARAMETER_LOW] = thresholds.l;
	parameters.values[PEAL_PARAMETER_WINDOW] = config->timing->probe_window_count;
	parameters.values[PEAL_PARAMETER_FAILED] = config->timing->probe_failed_count;
	parameters.values[PEAL_PARAMETER_MEMBERS_MAX] = config->groups.members_max;
	parameters.values[PEAL_PARAMETER_INTERVAL_US] =
		(uint32_t)(config->timing->probe_interval_ns / UINT64_C(1000));
	parameters.values[PEAL_PARAMETER_RING_CHECK] = peal_ring_check();
	return parameters;
}

void
peal_node_init(struct peal_node *node, const struct peal_node_config *config,
	struct peal_plane *plane, uint64_t now_ns)
{
	PEAL_ASSERT(config->seeds_count >= 1 && config->seeds_count <= PEAL_SEEDS_MAX);
	PEAL_ASSERT(config->rings_count >= 3 && config->rings_count <= PEAL_RINGS_MAX);
	PEAL_ASSERT(config->metadata_size <= PEAL_METADATA_SIZE_MAX);
	PEAL_ASSERT(config->expect >= 1);
	PEAL_ASSERT(node->plane == NULL && node->group == NULL);

	node->config = *config;
	node->plane = plane;
	for (const struct peal_plane *one = plane; one != NULL; one = one->next) {
		PEAL_ASSERT(node->shards_count < PEAL_SHARDS_MAX);
		node->shards_count++;
	}
	node->now_ns = now_ns;
	peal_prng_init_full(&node->prng, config->seed);
	peal_eventlog_init(&node->events);
	peal_history_init(&node->history, config->bodies);
	peal_install_init(
		&node->install, config->crypto.derive, config->crypto.state, config->groups);
	peal_cut_init(&node->cut, config->timing, config->bodies);
	peal_assembly_init(&node->assembly, config->timing, &node->counters, config->bodies);
	peal_shelf_init(&node->shelf, config->bodies);
	peal_streampool_init(&node->streampool, config->bodies);
	peal_outbox_reset(&node->outbox);
	for (uint16_t i = 0; i < PEAL_PLANE_BUFFERS_MAX; i++) {
		node->down_free[i] = i;
	}
	node->down_free_count = PEAL_PLANE_BUFFERS_MAX;
	peal_on_start(node);
}

void
peal_node_fini(struct peal_node *node)
{
	peal_node_release_view(node);
	peal_joiner_end(&node->joiner);
	peal_streampool_clear(&node->streampool);
	peal_install_fini(&node->install);
	node->plane = NULL;
	node->shards_count = 0;
}

static void
return_up_buffer(struct peal_node *node, uint16_t buffer)
{
	struct peal_record record = {.kind = PEAL_RECORD_FRAME_DONE, .buffer = buffer};

	PEAL_ASSERT(node->plane->down.push(node->plane->down.state, &record, 1) == 1);
}

/* A table is read no longer when every shard has switched to a later one. */
static void
on_view_done(struct peal_node *node, const struct peal_record *record)
{
	uint32_t done_by_all = UINT32_MAX;

	PEAL_ASSERT(record->shard < node->shards_count);
	PEAL_ASSERT(record->generation >= node->views_done[record->shard]);
	node->views_done[record->shard] = record->generation;
	for (uint32_t i = 0; i < node->shards_count; i++) {
		done_by_all = node->views_done[i] < done_by_all ? node->views_done[i] : done_by_all;
	}
	if (done_by_all == node->install.acknowledged) {
		return; /* some shard is not so far yet */
	}
	peal_install_on_view_done(&node->install, done_by_all);
	if (node->install.is_pending) {
		peal_emit_view(node);
	}
}

static void
on_record(struct peal_node *node, const struct peal_record *record)
{
	switch ((enum peal_record_kind)record->kind) {
	case PEAL_RECORD_FRAME:
		peal_on_frame(node, record, node->plane->up_buffers[record->buffer]);
		return_up_buffer(node, record->buffer);
		break;
	case PEAL_RECORD_TALLY:
		peal_on_tally(node, record, node->plane->up_buffers[record->buffer]);
		return_up_buffer(node, record->buffer);
		break;
	case PEAL_RECORD_SEND_DONE:
		PEAL_ASSERT(node->down_free_count < PEAL_PLANE_BUFFERS_MAX);
		node->down_free[node->down_free_count++] = record->buffer;
		break;
	case PEAL_RECORD_STREAM_DONE:
		peal_streampool_give(&node->streampool, record->stream);
		break;
	case PEAL_RECORD_VIEW_DONE:
		on_view_done(node, record);
		break;
	case PEAL_RECORD_ALERT:
		peal_on_alert(node, record);
		break;
	case PEAL_RECORD_BEHIND:
		peal_on_behind(node, record);
		break;
	case PEAL_RECORD_AHEAD:
		peal_on_ahead(node, record);
		break;
	case PEAL_RECORD_STRANGER:
		peal_on_stranger(node, record->mid);
		break;
	case PEAL_RECORD_PING_DONE:
		node->ping_done = record->ping;
		node->ping = NULL;
		break;
	case PEAL_RECORD_LOAD_DONE:
		node->load_done = record->load;
		node->load = NULL;
		break;
	case PEAL_RECORD_VIEW:
	case PEAL_RECORD_SEND:
	case PEAL_RECORD_FRAME_DONE:
	case PEAL_RECORD_REPORT:
	case PEAL_RECORD_PING:
	case PEAL_RECORD_STREAM:
	case PEAL_RECORD_LOAD:
	default:
		PEAL_ASSERT(!"a record that only control sends");
	}
}

/* What the cores of the other shards say: that they have switched. Returns the records handled. */
static uint32_t
hear_shards(struct peal_node *node)
{
	struct peal_record records[PEAL_INSTALL_TABLES];
	uint32_t handled_count = 0;

	for (const struct peal_plane *plane = node->plane->next; plane != NULL;
		plane = plane->next) {
		uint32_t count = plane->up.pop(plane->up.state, records, PEAL_INSTALL_TABLES);

		for (uint32_t i = 0; i < count; i++) {
			PEAL_ASSERT(records[i].kind == PEAL_RECORD_VIEW_DONE);
			on_view_done(node, &records[i]);
		}
		handled_count += count;
	}
	return handled_count;
}

/* True when the others may be about to remove this node: it is reported, or the half that it does
 * not hear may be the larger one. */
static bool
is_doubted(const struct peal_node *node)
{
	struct peal_bitset absent;
	struct peal_quorum quorum;

	if (!peal_node_is_active(node)) {
		return false;
	}
	absent = peal_bitset_union(&node->cut.stable, &node->cut.suspects);
	if (peal_bitset_is_empty(&absent)) {
		return false;
	}
	quorum = peal_quorum_of(&node->view);
	const struct peal_bitset present = peal_quorum_others(&quorum, &absent);

	return peal_bitset_has(&absent, node->self_rank) ||
	       !peal_quorum_classic_ok(&quorum, &present);
}

uint32_t
peal_node_step(struct peal_node *node, uint64_t now_ns)
{
	struct peal_record records[POP_COUNT];
	uint32_t handled_count = 0;
	uint32_t count = 0;

	PEAL_ASSERT(now_ns >= node->now_ns);
	node->now_ns = now_ns;
	node->requests_left = STEP_REQUESTS_MAX;
	atomic_store_explicit(&node->plane->control_alive_at_ns, now_ns, memory_order_relaxed);

	do {
		count = node->plane->up.pop(node->plane->up.state, records, POP_COUNT);
		for (uint32_t i = 0; i < count; i++) {
			on_record(node, &records[i]);
		}
		if (count > 0) {
			node->reports_count = 0;
		}
		handled_count += count;
	} while (count == POP_COUNT && handled_count < STEP_RECORDS_MAX);
	handled_count += hear_shards(node);
	node->hint_mid = 0;
	peal_on_tick(node);
	atomic_store_explicit(&node->plane->standing,
		peal_node_is_active(node) && node->has_quorum ? node->view.epoch : 0,
		memory_order_relaxed);
	atomic_store_explicit(&node->plane->doubted, is_doubted(node) ? node->view.epoch : 0,
		memory_order_relaxed);
	return handled_count;
}

uint64_t
peal_node_deadline_at_ns(const struct peal_node *node)
{
	uint64_t deadline_at_ns = UINT64_MAX;

	if (node->state == PEAL_NODE_JOINING) {
		deadline_at_ns = peal_joiner_deadline_at_ns(&node->joiner);
		if (peal_formation_deadline_at_ns(&node->formation) > node->now_ns) {
			deadline_at_ns = peal_node_earlier(
				deadline_at_ns, peal_formation_deadline_at_ns(&node->formation));
		}
		return deadline_at_ns;
	}
	if (node->state == PEAL_NODE_KICKED) {
		return peal_rejoin_deadline_at_ns(&node->rejoin);
	}
	if (!peal_node_is_active(node) || node->is_out) {
		return peal_on_leave_deadline_at_ns(node);
	}
	deadline_at_ns = peal_consensus_deadline_at_ns(&node->consensus);
	deadline_at_ns = peal_node_earlier(deadline_at_ns, peal_cut_deadline_at_ns(&node->cut));
	deadline_at_ns =
		peal_node_earlier(deadline_at_ns, peal_admission_deadline_at_ns(&node->admission));
	deadline_at_ns =
		peal_node_earlier(deadline_at_ns, peal_assembly_deadline_at_ns(&node->assembly));
	deadline_at_ns =
		peal_node_earlier(deadline_at_ns, peal_promises_deadline_at_ns(&node->promises));
	deadline_at_ns =
		peal_node_earlier(deadline_at_ns, peal_guests_deadline_at_ns(&node->guests));
	deadline_at_ns = peal_node_earlier(deadline_at_ns, peal_on_sync_deadline_at_ns(node));
	deadline_at_ns = peal_node_earlier(deadline_at_ns, peal_on_leave_deadline_at_ns(node));
	deadline_at_ns = peal_node_earlier(deadline_at_ns, peal_on_ordergroup_deadline_at_ns(node));
	deadline_at_ns = peal_node_earlier(deadline_at_ns, node->call_at_ns);
	deadline_at_ns = peal_node_earlier(deadline_at_ns, node->propose_at_ns);
	if (node->is_decision_waiting) {
		deadline_at_ns = peal_node_earlier(deadline_at_ns, node->decision_at_ns);
	}
	if (node->view.members_count > 1) {
		deadline_at_ns = peal_node_earlier(deadline_at_ns, node->quorum_check_at_ns);
	}
	return deadline_at_ns;
}

bool
peal_node_ping(struct peal_node *node, uint64_t mid, struct peal_ping_run *run)
{
	struct peal_record record = {.kind = PEAL_RECORD_PING, .mid = mid, .ping = run};

	if (!peal_node_is_active(node) || node->ping != NULL || mid == node->self.mid ||
		peal_view_find_mid(&node->view, mid) == PEAL_RANK_NONE) {
		return false;
	}
	record.slot = peal_install_find(&node->install, mid);
	if (record.slot == PEAL_RANK_NONE) {
		peal_node_add_guest(node, mid);
		node->ping_mid = mid;
	} else if (node->plane->down.push(node->plane->down.state, &record, 1) != 1) {
		return false;
	}
	node->ping = run;
	return true;
}

struct peal_ping_run *
peal_node_take_ping(struct peal_node *node)
{
	struct peal_ping_run *run = node->ping_done;

	node->ping_done = NULL;
	return run;
}

bool
peal_node_load(struct peal_node *node, uint64_t mid, struct peal_load_run *run)
{
	const struct peal_record record = {.kind = PEAL_RECORD_LOAD, .mid = mid, .load = run};

	if (!peal_node_is_active(node) || node->load != NULL || mid == node->self.mid ||
		(mid != 0 && peal_install_find(&node->install, mid) == PEAL_RANK_NONE) ||
		node->plane->down.push(node->plane->down.state, &record, 1) != 1) {
		return false;
	}
	node->load = run;
	return true;
}

struct peal_load_run *
peal_node_take_load(struct peal_node *node)
{
	struct peal_load_run *run = node->load_done;

	node->load_done = NULL;
	return run;
}

void
peal_node_check(const struct peal_node *node)
{
	PEAL_ASSERT(node->down_free_count <= PEAL_PLANE_BUFFERS_MAX);
	if (!peal_node_is_active(node)) {
		return;
	}
	PEAL_ASSERT(node->group != NULL && node->view.members == node->group->view.members);
	PEAL_ASSERT(node->self_rank < node->view.members_count);
	PEAL_ASSERT(peal_uuid_equals(node->view.members[node->self_rank].uuid, node->self.uuid));
	PEAL_ASSERT(node->is_large == (node->view.members_count > PEAL_DIRECT_MAX));
	/* What costs a pass over all members is for small groups, where it finds as much. */
	if (!node->is_large) {
		peal_view_check(&node->view);
	}
	peal_cut_check(&node->cut);
	peal_consensus_check(&node->consensus);
}
