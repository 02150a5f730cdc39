/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Members that are in different epochs: who is behind gets the cut that it lacks, or a snapshot.
 *
 * timers: sync - D after a peer was heard that is ahead, at once when it is further ahead than a
 * cut that may be on its way; then at 2 D, 4 D ... as long as that lasts. paper: RAPID 9 of the
 * project's notes, anti-entropy: recovery is the rule, leaving the exception.
 */
#include "base/assert.h"
#include "base/museum.h"
#include "control/node_private.h"
#include "wire/body_msg.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

/* So many D after a view was decided everybody should have the cut; before, nobody needs a
 * snapshot. */
#define CUT_FLOODS 4U

/* Behind for this part of T_install is worth an event. */
#define BEHIND_PART 4U

/* The cut that ended an epoch, to one who is still in it. */
static void
send_cut(struct peal_node *node, const struct peal_history_entry *entry, uint64_t mid)
{
	struct peal_effect effect = {
		.kind = PEAL_EFFECT_SEND_MID, .message = PEAL_MESSAGE_DECIDE, .mid = mid};
	struct peal_writer writer = peal_outbox_open(&node->outbox, &effect, entry->size);

	peal_write_bytes(&writer, entry->bytes, entry->size);
	peal_outbox_commit(&node->outbox, &writer);
	peal_emit_outbox(node);
}

/* No chain of cuts leads from there to here: the view itself, to be asked for by its digest. */
static void
send_snapshot(struct peal_node *node, uint64_t mid)
{
	struct peal_effect effect = {
		.kind = PEAL_EFFECT_SEND_MID, .message = PEAL_MESSAGE_SNAPSHOT, .mid = mid};
	const struct peal_body *snapshot = peal_node_snapshot(node);
	struct peal_snapshot_msg message = {.epoch = node->view.epoch, .hash = node->view.hash};
	struct peal_writer writer;

	if (snapshot == NULL) {
		return; /* it asks again */
	}
	message.digest = snapshot->digest;
	message.size = snapshot->size;
	writer = peal_outbox_open(
		&node->outbox, &effect, PEAL_BODY_SIZE_MAX - PEAL_FLOOD_PREFIX_SIZE);
	peal_snapshot_msg_encode(&message, &writer);
	peal_outbox_commit(&node->outbox, &writer);
	peal_counter_add(&node->counters, PEAL_COUNTER_SNAPSHOTS_SENT, 1);
	peal_emit_outbox(node);
}

static bool
is_cut_overdue(const struct peal_node *node, uint64_t since_ns)
{
	return node->now_ns >= since_ns + CUT_FLOODS * node->config.timing->flood_ns;
}

static void
help(struct peal_node *node, uint64_t mid, uint64_t epoch)
{
	const struct peal_history_entry *entry = peal_history_find(&node->history, epoch);

	if (epoch < node->first_epoch || PEAL_BUG(BEHIND_IGNORED)) {
		return; /* in that epoch nobody knows this node */
	}
	if (entry != NULL && peal_history_is_whole(entry)) {
		send_cut(node, entry, mid);
	} else if (epoch + 1U < node->view.epoch || is_cut_overdue(node, node->view_at_ns)) {
		send_snapshot(node, mid);
	}
}

void
peal_on_behind(struct peal_node *node, const struct peal_record *record)
{
	if (!peal_node_is_active(node) || node->is_out || record->epoch == 0 ||
		record->epoch >= node->view.epoch) {
		return;
	}
	help(node, record->mid, record->epoch);
}

void
peal_on_sync(struct peal_node *node, uint64_t mid, struct peal_reader *reader)
{
	struct peal_sync_msg message;

	if (!peal_sync_msg_decode(reader, &message)) {
		peal_on_refused(node);
		return;
	}
	if (message.epoch < node->view.epoch) {
		help(node, mid, message.epoch);
	}
}

void
peal_on_ahead(struct peal_node *node, const struct peal_record *record)
{
	uint64_t install_ns = node->config.timing->install_ns;
	uint64_t now_ns = node->now_ns;

	/* What was ahead when the core said so may not be ahead any more. */
	if (!peal_node_is_active(node) || record->epoch < node->view.epoch ||
		(record->epoch == node->view.epoch && record->reason != PEAL_AHEAD_NOT_MEMBER)) {
		return;
	}
	if (node->is_out && record->epoch > node->view.epoch) {
		peal_on_out(node); /* the rest has the next view: this node is free */
		return;
	}
	if (record->mid != 0) {
		node->ahead_mid = record->mid;
	}
	if (now_ns - node->ahead_heard_at_ns >= install_ns) {
		node->ahead_since_ns = 0; /* that was another time */
	}
	node->ahead_heard_at_ns = now_ns;
	/*
	 * The peer answers what this node sends with what it lacks. When that does not help for
	 * T_install, the group is lost: out, and in again under a new identity.
	 */
	if (node->ahead_since_ns == 0) {
		node->ahead_since_ns = now_ns;
		node->is_behind_told = false;
		node->sync_ns = node->config.timing->flood_ns;
		node->sync_at_ns =
			record->epoch > node->view.epoch + 1U ? now_ns : now_ns + node->sync_ns;
	} else if (now_ns - node->ahead_since_ns >= install_ns) {
		peal_on_removed(node, PEAL_KICKED_LAG);
	} else if (now_ns - node->ahead_since_ns >= install_ns / BEHIND_PART &&
		   !node->is_behind_told) {
		node->is_behind_told = true;
		peal_emit_event(node, PEAL_EVENT_BEHIND, record->mid, record->epoch, NULL);
	}
}

void
peal_on_snapshot(struct peal_node *node, uint64_t mid, struct peal_reader *reader)
{
	struct peal_snapshot_msg message;

	if (!peal_snapshot_msg_decode(reader, &message)) {
		peal_on_refused(node);
		return;
	}
	if (message.epoch <= node->view.epoch ||
		(message.epoch == node->view.epoch + 1U &&
			(node->ahead_since_ns == 0 ||
				!is_cut_overdue(node, node->ahead_since_ns))) ||
		(node->catchup.epoch != 0 &&
			peal_assembly_has(&node->assembly, node->catchup.digest))) {
		return;
	}
	if (peal_assembly_want(&node->assembly, message.digest, message.size, true, mid,
		    node->now_ns - node->config.timing->flood_ns)) {
		node->catchup = (struct peal_catchup){
			.epoch = message.epoch, .hash = message.hash, .digest = message.digest};
	}
}

void
peal_on_caught_up(struct peal_node *node, const struct peal_body *body)
{
	const struct peal_groups *groups = &node->config.groups;
	const struct peal_catchup catchup = node->catchup;
	const struct peal_group *group = NULL;

	if (catchup.epoch <= node->view.epoch ||
		!peal_hash128_equals(catchup.digest, body->digest)) {
		return; /* settled meanwhile */
	}
	group = groups->decode(groups->state, body->bytes, body->size);
	if (group == NULL || group->view.epoch != catchup.epoch ||
		!peal_hash128_equals(group->view.hash, catchup.hash) ||
		!peal_uuid_equals(group->view.cluster, node->view.cluster)) {
		peal_counter_add(&node->counters, PEAL_COUNTER_BODIES_SPOILED, 1);
		if (group != NULL) {
			groups->release(groups->state, group);
		}
		return;
	}
	if (peal_view_find_uuid(&group->view, node->self.uuid) == PEAL_RANK_NONE) {
		groups->release(groups->state, group);
		peal_on_removed(node, PEAL_KICKED_REMOVED);
		return;
	}
	peal_on_later_view(node, group);
}

void
peal_on_sync_tick(struct peal_node *node)
{
	struct peal_effect effect = {
		.kind = PEAL_EFFECT_SEND_MID, .message = PEAL_MESSAGE_SYNC, .mid = node->ahead_mid};
	struct peal_sync_msg message = {.epoch = node->view.epoch, .hash = node->view.hash};
	struct peal_writer writer;

	if (node->now_ns < peal_on_sync_deadline_at_ns(node)) {
		return;
	}
	if (node->now_ns - node->ahead_heard_at_ns >= node->config.timing->install_ns) {
		node->ahead_since_ns = 0; /* who was ahead is gone, or was wrong */
		return;
	}
	node->sync_at_ns = node->now_ns + node->sync_ns;
	node->sync_ns = peal_timing_next_repeat_ns(node->config.timing, node->sync_ns);
	if (node->ahead_mid == 0) {
		return;
	}
	writer = peal_outbox_open(
		&node->outbox, &effect, PEAL_BODY_SIZE_MAX - PEAL_FLOOD_PREFIX_SIZE);
	peal_sync_msg_encode(&message, &writer);
	peal_outbox_commit(&node->outbox, &writer);
	peal_counter_add(&node->counters, PEAL_COUNTER_SYNCS_SENT, 1);
	peal_emit_outbox(node);
}

uint64_t
peal_on_sync_deadline_at_ns(const struct peal_node *node)
{
	return node->ahead_since_ns == 0 ? UINT64_MAX : node->sync_at_ns;
}
