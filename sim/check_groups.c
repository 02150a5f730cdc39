/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/check_groups.h"

#include "base/assert.h"
#include "base/hash.h"
#include "sim/simpattern.h"

#include <inttypes.h>
#include <string.h>

#define PATTERN_STEP 11U

/* Byte `at` of a message. */
static uint8_t
pattern(uint32_t session, uint64_t index, uint32_t at)
{
	return (uint8_t)(UINT64_C(197) * session + index * 23U + (uint64_t)PATTERN_STEP * at);
}

static uint64_t
now_of(const struct peal_check_groups *check)
{
	return *check->now_ns;
}

void
peal_check_groups_init(
	struct peal_check_groups *check, struct peal_report *report, const uint64_t *now_ns)
{
	memset(check, 0, sizeof(*check));
	check->report = report;
	check->now_ns = now_ns;
}

/* A run that is too long for this checker must not pass unseen. */
static void
report_too_many(struct peal_check_groups *check, const char *what)
{
	peal_report_violate(check->report, now_of(check),
		"groups: there are more %s than can be compared", what);
}

void
peal_check_groups_begin(
	struct peal_check_groups *check, struct peal_check_groups_seat *seat, uint32_t group)
{
	memset(seat, 0, sizeof(*seat));
	seat->group = group;
	if (check->sessions_count < PEAL_CHECK_GROUPS_SESSIONS - 1U) {
		seat->session = ++check->sessions_count;
		check->sessions[seat->session] = (struct peal_check_groups_session){.group = group};
	} else {
		report_too_many(check, "sessions");
	}
}

/* --- views --- */

static bool
is_equal(const struct peal_check_groups_name *a, const struct peal_check_groups_name *b)
{
	return a->epoch == b->epoch && a->n == b->n && a->cluster == b->cluster &&
	       a->group == b->group;
}

/* `a` is not later than `b`; both are of one group. */
static bool
is_before(const struct peal_check_groups_name *a, const struct peal_check_groups_name *b)
{
	return a->epoch < b->epoch || (a->epoch == b->epoch && a->n <= b->n);
}

/* The place of a view; NULL: there is no room. */
static struct peal_check_groups_view *
find_view(struct peal_check_groups *check, const struct peal_check_groups_name *name)
{
	uint64_t at = peal_hash_mix(name->epoch << 32 ^ (uint64_t)name->n << 8 ^ name->group ^
				    (uint64_t)name->cluster << 20);

	for (;; at++) {
		struct peal_check_groups_view *view = &check->views[at % PEAL_CHECK_GROUPS_VIEWS];

		if (view->name.epoch == 0) {
			if (check->views_count == PEAL_CHECK_GROUPS_VIEWS / 2U) {
				report_too_many(check, "views");
				return NULL;
			}
			check->views_count++;
			view->name = *name;
			return view;
		}
		if (is_equal(&view->name, name)) {
			return view;
		}
	}
}

static uint64_t
digest_of(const struct peal_check_groups_seat *seat)
{
	uint64_t digest = seat->members_count + 1U;

	for (uint32_t i = 0; i < seat->members_count; i++) {
		digest = peal_hash_mix(digest ^ seat->members[i].mid);
		digest = peal_hash_mix(digest ^ seat->members[i].client);
	}
	return digest;
}

static bool
has_member(const struct peal_check_groups_seat *seat, const struct peal_check_groups_member *member)
{
	for (uint32_t i = 0; i < seat->members_count; i++) {
		if (seat->members[i].mid == member->mid &&
			seat->members[i].client == member->client) {
			return true;
		}
	}
	return false;
}

void
peal_check_groups_on_view(struct peal_check_groups *check, struct peal_check_groups_seat *seat,
	const struct peal_check_groups_name *name, const struct peal_check_groups_member *self)
{
	struct peal_check_groups_view *view = find_view(check, name);
	uint64_t digest = digest_of(seat);

	if (!has_member(seat, self)) {
		peal_report_violate(check->report, now_of(check),
			"%" PRIu64 ".%u is not in its view (%" PRIu64 ", %u) of group %u",
			self->mid, self->client, name->epoch, name->n, name->group);
	}
	if (seat->is_member && is_before(name, &seat->name)) {
		peal_report_violate(check->report, now_of(check),
			"%" PRIu64 ".%u: view (%" PRIu64 ", %u) of group %u came after (%" PRIu64
			", %u)",
			self->mid, self->client, name->epoch, name->n, name->group,
			seat->name.epoch, seat->name.n);
	}
	if (view != NULL && view->digest != 0 && view->digest != digest) {
		peal_report_violate(check->report, now_of(check),
			"%" PRIu64 ".%u: view (%" PRIu64
			", %u) of group %u has others in it than elsewhere",
			self->mid, self->client, name->epoch, name->n, name->group);
	} else if (view != NULL) {
		view->digest = digest;
	}
	if (!seat->is_member) {
		seat->is_member = true;
		seat->joined = *name;
		check->sessions[seat->session].mid = self->mid;
		check->sessions[seat->session].client = self->client;
		check->sessions[seat->session].joined = *name;
	}
	seat->name = *name;
	if (seat->pending_count < PEAL_CHECK_GROUPS_PENDING) {
		seat->pending[seat->pending_count++] = *name;
	} else {
		report_too_many(check, "views of one client in an epoch");
	}
}

/* --- messages --- */

void
peal_check_groups_write(
	struct peal_check_groups *check, uint32_t session, uint8_t *bytes, uint32_t size)
{
	const struct peal_check_groups_head head = {
		.session = session, .size = size, .index = check->sessions[session].sent_count++};

	PEAL_ASSERT(size >= sizeof(head));
	memcpy(bytes, &head, sizeof(head));
	peal_simpattern_fill(bytes + sizeof(head), size - (uint32_t)sizeof(head),
		pattern(session, head.index, sizeof(head)), PATTERN_STEP);
}

/* False, and a violation: this message cannot be. */
static bool
is_genuine(struct peal_check_groups *check, const struct peal_check_groups_seat *seat,
	const struct peal_check_groups_member *from, const uint8_t *bytes, uint32_t size)
{
	struct peal_check_groups_head head = {.session = 0};
	const struct peal_check_groups_session *session;
	uint32_t rest_size = size - (uint32_t)sizeof(head);
	bool is_whole;

	if (size >= sizeof(head)) {
		memcpy(&head, bytes, sizeof(head));
	}
	session = &check->sessions[head.session < PEAL_CHECK_GROUPS_SESSIONS ? head.session : 0];
	if (head.session == 0 || head.session > check->sessions_count || head.size != size ||
		head.index >= session->sent_count || session->group != seat->group ||
		session->mid != from->mid || session->client != from->client) {
		peal_report_violate(check->report, now_of(check),
			"a message of %" PRIu64 ".%u to group %u was delivered and never sent",
			from->mid, from->client, seat->group);
		return false;
	}
	is_whole =
		peal_simpattern_check(bytes + sizeof(head), rest_size,
			pattern(head.session, head.index, sizeof(head)), PATTERN_STEP) == rest_size;
	if (!is_whole) {
		peal_report_violate(check->report, now_of(check),
			"message %" PRIu64 " of session %u is spoiled", head.index, head.session);
	}
	return is_whole;
}

void
peal_check_groups_on_message(struct peal_check_groups *check, struct peal_check_groups_seat *seat,
	const struct peal_check_groups_name *name, const struct peal_check_groups_member *from,
	const uint8_t *bytes, uint32_t size)
{
	struct peal_check_groups_head head;

	if (!is_genuine(check, seat, from, bytes, size)) {
		return;
	}
	memcpy(&head, bytes, sizeof(head));
	if (!seat->is_member || !is_before(&seat->joined, name) || !is_before(name, &seat->name)) {
		peal_report_violate(check->report, now_of(check),
			"session %u in view (%" PRIu64
			", %u) of group %u heard what was sent in (%" PRIu64 ", %u)",
			seat->session, seat->name.epoch, seat->name.n, seat->group, name->epoch,
			name->n);
	} else if (is_equal(name, &seat->name) && !has_member(seat, from)) {
		peal_report_violate(check->report, now_of(check),
			"%" PRIu64 ".%u spoke in a view of group %u that it is not in", from->mid,
			from->client, seat->group);
	}
	if (seat->next[head.session] == 0 && head.index > 0 &&
		is_before(&seat->joined, &check->sessions[head.session].joined)) {
		peal_report_violate(check->report, now_of(check),
			"session %u was there before session %u, and hears message %" PRIu64
			" first",
			seat->session, head.session, head.index);
	}
	if (seat->next[head.session] != 0 && seat->next[head.session] != head.index + 1U) {
		peal_report_violate(check->report, now_of(check),
			"session %u heard message %" PRIu64 " of session %u where %u is next",
			seat->session, head.index, head.session, seat->next[head.session] - 1U);
	}
	seat->next[head.session] = (uint32_t)head.index + 2U;
	/* What was sent before may have waited for so long that some here were not in it yet. */
	if (seat->is_whole && is_before(&seat->pending[0], name)) {
		seat->set += peal_hash_mix((uint64_t)head.session << 40 ^ head.index);
	}
	check->messages_count++;
}

bool
peal_check_groups_has_all(const struct peal_check_groups *check,
	const struct peal_check_groups_seat *seat, uint32_t session)
{
	return check->sessions[session].sent_count == 0 ||
	       seat->next[session] == check->sessions[session].sent_count + 1U;
}

/* --- what all see alike --- */

/* Who had `before` has `after` next. */
static void
link_views(struct peal_check_groups *check, const struct peal_check_groups_name *before,
	const struct peal_check_groups_name *after)
{
	struct peal_check_groups_view *view = find_view(check, before);

	if (view == NULL) {
		return;
	}
	if (view->next.epoch == 0) {
		view->next = *after;
		return;
	}
	check->links_count++;
	if (!is_equal(&view->next, after)) {
		peal_report_violate(check->report, now_of(check),
			"after (%" PRIu64 ", %u) of group %u came (%" PRIu64
			", %u), and elsewhere (%" PRIu64 ", %u)",
			before->epoch, before->n, before->group, after->epoch, after->n,
			view->next.epoch, view->next.n);
	}
}

static void
compare_sets(struct peal_check_groups *check, const struct peal_check_groups_passage *passage)
{
	for (uint32_t i = 0; i < check->passages_count; i++) {
		const struct peal_check_groups_passage *one = &check->passages[i];

		if (one->cluster == passage->cluster && one->group == passage->group &&
			one->from_epoch == passage->from_epoch &&
			one->to_epoch == passage->to_epoch) {
			if (one->set != passage->set) {
				peal_report_violate(check->report, now_of(check),
					"two members of group %u went from epoch %" PRIu64
					" to %" PRIu64 " and had not heard the same",
					one->group, one->from_epoch, one->to_epoch);
			}
			return;
		}
	}
	if (check->passages_count < PEAL_CHECK_GROUPS_PASSAGES) {
		check->passages[check->passages_count++] = *passage;
	} else {
		report_too_many(check, "passages");
	}
}

void
peal_check_groups_pass(struct peal_check_groups *check, struct peal_check_groups_seat *seat,
	uint64_t from_epoch, uint64_t to_epoch)
{
	const struct peal_check_groups_passage passage = {.cluster = seat->name.cluster,
		.group = seat->group,
		.from_epoch = from_epoch,
		.to_epoch = to_epoch,
		.set = seat->set};

	if (!seat->is_member) {
		return;
	}
	for (uint32_t i = 1; i < seat->pending_count; i++) {
		link_views(check, &seat->pending[i - 1U], &seat->pending[i]);
	}
	if (seat->is_whole && to_epoch != from_epoch) {
		compare_sets(check, &passage);
	}
	/* The next one that comes is linked with this. */
	seat->pending[0] = seat->name;
	seat->pending_count = 1;
	seat->is_whole = true;
	seat->set = 0;
}
