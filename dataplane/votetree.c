/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/votetree.h"

#include "base/museum.h"
#include "membership/trees.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

#include <string.h>

/* A level of a tree waits for its children for this part of D. */
#define LEVEL_DIVISOR 25U

/* Repeats from which on the whole bitmap is exchanged with neighbours. */
#define ESCAPE_REPEATS_COUNT 2U
/* Repeats of INSTALLED from which on only the parent in tree 0 gets it. */
#define CALM_REPEATS_COUNT 4U
/* Repeats at one pace: as many rounds as the escape takes to reach everybody. */
#define HASTY_REPEATS_COUNT 8U

/* How much a key matters when there are too many: the class, then what orders keys of one class. */
#define CLASS_SHIFT      60U
#define CLASS_SUPERSEDED 0U /* a classic ballot below the highest: by ballot */
#define CLASS_FAST       1U /* a fast value of others: by votes */
#define CLASS_CURRENT    2U /* the highest classic ballot: by votes */
#define CLASS_OWN        3U /* what this node said, and who installed the view */

_Static_assert(PEAL_TREE_ARITY_MAX < 64U, "children that were heard are one word");

/* A part of a bitmap: places [first, end). */
struct span {
	uint32_t first;
	uint32_t end;
};

void
peal_votetree_init(struct peal_votetree *votetree, const struct peal_timing *timing,
	struct peal_egress *egress, struct peal_uplink *uplink, struct peal_counters *counters)
{
	/* Tallies are written when they begin. */
	votetree->timing = timing;
	votetree->egress = egress;
	votetree->uplink = uplink;
	votetree->counters = counters;
	votetree->peers = NULL;
	votetree->next_at_ns = UINT64_MAX;
	votetree->tallies_count = 0;
}

void
peal_votetree_switch(struct peal_votetree *votetree, const struct peal_peers *peers)
{
	/* Places mean something in one view only. */
	if (!peal_peers_is_same_view(votetree->peers, peers)) {
		votetree->next_at_ns = UINT64_MAX;
		votetree->tallies_count = 0;
	}
	votetree->peers = peers;
}

static bool
is_classic(const struct peal_vote_key *key)
{
	return key->kind == PEAL_VOTE_PROMISE || key->kind == PEAL_VOTE_ACCEPT;
}

/* Bitmaps. */

/* Byte i holds places 8 i .. 8 i + 7, on the wire and in a set alike: both are little-endian. */
static const uint8_t *
bytes_of(const struct peal_bitset *bits)
{
	return (const uint8_t *)bits->words;
}

static uint32_t
count_span(const struct peal_bitset *bits, struct span span)
{
	uint32_t count = 0;

	for (uint32_t word = span.first / 64U; word * 64U < span.end; word++) {
		uint64_t some = bits->words[word];

		if (word * 64U < span.first) {
			some &= ~UINT64_C(0) << (span.first % 64U);
		}
		if (word * 64U + 64U > span.end) {
			some &= ~UINT64_C(0) >> (word * 64U + 64U - span.end);
		}
		count += (uint32_t)__builtin_popcountll(some);
	}
	return count;
}

/* Shrinks a span to the set bits in it. Empty when there are none: first = end. */
static struct span
trim(const struct peal_bitset *bits, struct span span)
{
	uint32_t first = peal_bitset_next(bits, span.first);

	if (first >= span.end) {
		return (struct span){span.end, span.end};
	}
	while (!peal_bitset_has(bits, span.end - 1U)) {
		span.end--;
	}
	return (struct span){first, span.end};
}

static struct span
run_of(const struct peal_peers *peers, uint32_t tree)
{
	uint32_t first = peers->trees[tree].first;

	return (struct span){first, first + peers->trees[tree].count};
}

/* Keys. */

static struct peal_votetree_tally *
find_tally(struct peal_votetree *votetree, const struct peal_vote_key *key)
{
	for (uint32_t i = 0; i < votetree->tallies_count; i++) {
		if (peal_vote_key_equals(&votetree->tallies[i].key, key)) {
			return &votetree->tallies[i];
		}
	}
	return NULL;
}

/* How much a key with `count` bits matters while `highest` is the highest classic ballot. */
static uint64_t
weigh(const struct peal_vote_key *key, uint32_t count, bool has_own, struct peal_ballot highest)
{
	if (is_classic(key) && peal_ballot_compare(key->ballot, highest) < 0) {
		return ((uint64_t)CLASS_SUPERSEDED << CLASS_SHIFT) |
		       ((uint64_t)key->ballot.round << 16) | key->ballot.index;
	}
	if (has_own || key->kind == PEAL_VOTE_INSTALLED) {
		return (uint64_t)CLASS_OWN << CLASS_SHIFT;
	}
	return ((uint64_t)(is_classic(key) ? CLASS_CURRENT : CLASS_FAST) << CLASS_SHIFT) | count;
}

/* A tally that matters less than a new key, or NULL. */
static struct peal_votetree_tally *
find_victim(struct peal_votetree *votetree, const struct peal_vote_key *key, uint32_t count,
	bool is_own)
{
	struct peal_ballot highest = {0};
	struct peal_votetree_tally *victim = NULL;
	uint64_t victim_weight = 0;

	if (is_classic(key)) {
		highest = key->ballot;
	}
	for (uint32_t i = 0; i < votetree->tallies_count; i++) {
		const struct peal_vote_key *other = &votetree->tallies[i].key;

		if (is_classic(other) && peal_ballot_compare(other->ballot, highest) > 0) {
			highest = other->ballot;
		}
	}
	victim_weight = weigh(key, count, is_own, highest);
	for (uint32_t i = 0; i < votetree->tallies_count; i++) {
		struct peal_votetree_tally *tally = &votetree->tallies[i];
		uint64_t weight = weigh(&tally->key, tally->count, tally->has_own, highest);

		if (weight < victim_weight) {
			victim = tally;
			victim_weight = weight;
		}
	}
	return victim;
}

/* The tally of a key that is new, or NULL: others matter more. */
static struct peal_votetree_tally *
begin_tally(struct peal_votetree *votetree, const struct peal_vote_key *key, uint32_t count,
	bool is_own, uint64_t now_ns)
{
	struct peal_votetree_tally *tally = NULL;

	if (votetree->tallies_count < PEAL_TALLIES_MAX) {
		tally = &votetree->tallies[votetree->tallies_count++];
	} else {
		peal_counter_add(votetree->counters, PEAL_COUNTER_VOTE_KEYS_DROPPED, 1);
		tally = find_victim(votetree, key, count, is_own);
		if (tally == NULL) {
			return NULL;
		}
	}
	memset(tally, 0, sizeof(*tally));
	tally->key = *key;
	tally->began_at_ns = now_ns;
	tally->tell_at_ns = UINT64_MAX;
	tally->repeat_ns = votetree->timing->flood_ns;
	tally->repeat_at_ns = now_ns + tally->repeat_ns;
	for (uint32_t tree = 0; tree < PEAL_TREES_MAX; tree++) {
		tally->branches[tree].send_at_ns = UINT64_MAX;
	}
	return tally;
}

/* What is due when. */

static void
plan(struct peal_votetree *votetree)
{
	uint64_t next_at_ns = UINT64_MAX;

	for (uint32_t i = 0; i < votetree->tallies_count; i++) {
		const struct peal_votetree_tally *tally = &votetree->tallies[i];

		next_at_ns = tally->tell_at_ns < next_at_ns ? tally->tell_at_ns : next_at_ns;
		next_at_ns = tally->repeat_at_ns < next_at_ns ? tally->repeat_at_ns : next_at_ns;
		for (uint32_t tree = 0; tree < PEAL_TREES_MAX; tree++) {
			uint64_t send_at_ns = tally->branches[tree].send_at_ns;

			next_at_ns = send_at_ns < next_at_ns ? send_at_ns : next_at_ns;
		}
	}
	votetree->next_at_ns = next_at_ns;
}

/* The run of a tree may have grown, or all of it be known. */
static void
plan_branch(struct peal_votetree *votetree, struct peal_votetree_tally *tally, uint32_t tree,
	uint64_t now_ns)
{
	const struct peal_peers_tree *place = &votetree->peers->trees[tree];
	struct peal_votetree_branch *branch = &tally->branches[tree];
	uint32_t count = count_span(&tally->bits, run_of(votetree->peers, tree));
	uint64_t level_ns = votetree->timing->flood_ns / LEVEL_DIVISOR;
	uint64_t send_at_ns = UINT64_MAX;

	if (place->ancestors_count == 0) {
		return;
	}
	if (branch->is_sent) {
		send_at_ns = count > branch->count ? now_ns + level_ns : UINT64_MAX;
	} else if (tally->has_own && branch->heard == (UINT64_C(1) << place->children_count) - 1U) {
		send_at_ns = now_ns;
	} else if (count > branch->count) {
		send_at_ns = now_ns + (level_ns << place->height);
	}
	branch->count = count;
	if (send_at_ns < branch->send_at_ns) {
		branch->send_at_ns = send_at_ns;
	}
}

/* Members under a key, or under all keys that tell of promises of its ballot. */
static uint32_t
count_together(const struct peal_votetree *votetree, const struct peal_votetree_tally *tally)
{
	struct peal_bitset all = tally->bits;

	if (tally->key.kind != PEAL_VOTE_PROMISE) {
		return tally->count;
	}
	for (uint32_t i = 0; i < votetree->tallies_count; i++) {
		const struct peal_votetree_tally *other = &votetree->tallies[i];

		if (other->key.kind == PEAL_VOTE_PROMISE &&
			peal_ballot_compare(other->key.ballot, tally->key.ballot) == 0) {
			peal_bitset_merge(&all, &other->bits);
		}
	}
	return peal_bitset_count(&all);
}

static void
plan_tell(struct peal_votetree_tally *tally, uint64_t now_ns)
{
	uint64_t tell_at_ns = tally->told_at_ns + PEAL_TALLY_NS;

	if (tally->count == tally->told_count || tally->tell_at_ns != UINT64_MAX) {
		return;
	}
	tally->tell_at_ns = tally->told_at_ns == 0 || tell_at_ns < now_ns ? now_ns : tell_at_ns;
}

/* Tells control of a key, and of those that count with it, when half of the members stand there. */
static void
plan_tells(struct peal_votetree *votetree, const struct peal_votetree_tally *grown, uint64_t now_ns)
{
	if (2U * count_together(votetree, grown) < votetree->peers->members_count) {
		return;
	}
	for (uint32_t i = 0; i < votetree->tallies_count; i++) {
		struct peal_votetree_tally *tally = &votetree->tallies[i];

		if (tally == grown ||
			(grown->key.kind == PEAL_VOTE_PROMISE &&
				tally->key.kind == PEAL_VOTE_PROMISE &&
				peal_ballot_compare(tally->key.ballot, grown->key.ballot) == 0)) {
			plan_tell(tally, now_ns);
		}
	}
}

/* Adds the bits of `heard`, of which there is one at least, to the tally of `key`. Returns it, or
 * NULL. */
static struct peal_votetree_tally *
add_bits(struct peal_votetree *votetree, const struct peal_vote_key *key,
	const struct peal_bitset *heard, bool is_own, uint64_t now_ns)
{
	struct peal_votetree_tally *tally = find_tally(votetree, key);

	if (tally == NULL) {
		tally = begin_tally(votetree, key, peal_bitset_count(heard), is_own, now_ns);
	}
	if (tally == NULL) {
		return NULL;
	}
	tally->has_own = tally->has_own || is_own;
	if (PEAL_BUG(BITMAP_REPLACED)) {
		tally->bits = *heard;
	}
	peal_bitset_merge(&tally->bits, heard);

	uint32_t count = peal_bitset_count(&tally->bits);

	if (count > tally->count) {
		tally->count = count;
		plan_tells(votetree, tally, now_ns);
	}
	return tally;
}

/* The bits of a message as a set. False: some stand at places that the view does not have. */
static bool
read_bits(const struct peal_votetree *votetree, const struct peal_vote_msg *message,
	struct peal_bitset *bits_out)
{
	uint8_t *bytes = (uint8_t *)bits_out->words;

	memset(bits_out, 0, sizeof(*bits_out));
	memcpy(bytes + message->first / 8U, message->bitmap, (message->count + 7U) / 8U);
	return peal_bitset_is_within(bits_out, votetree->peers->members_count);
}

void
peal_votetree_vote(
	struct peal_votetree *votetree, const uint8_t *body, uint32_t size, uint64_t now_ns)
{
	struct peal_reader reader = peal_reader_init(body, size);
	struct peal_votetree_tally *tally = NULL;
	struct peal_vote_msg message;
	struct peal_bitset bits;

	if (!votetree->peers->is_large) {
		peal_counter_add(votetree->counters, PEAL_COUNTER_SENDS_STALE, 1);
		return;
	}
	bool is_valid =
		peal_vote_msg_decode(&reader, &message) && read_bits(votetree, &message, &bits);

	PEAL_ASSERT(is_valid);
	tally = add_bits(votetree, &message.key, &bits, true, now_ns);
	for (uint32_t tree = 0; tally != NULL && tree < PEAL_TREES_MAX; tree++) {
		plan_branch(votetree, tally, tree, now_ns);
	}
	plan(votetree);
}

static bool
is_key_of_view(const struct peal_peers *peers, const struct peal_vote_key *key)
{
	if (key->kind == PEAL_VOTE_INSTALLED) {
		return peal_hash128_equals(key->digest, peers->view->hash);
	}
	return !is_classic(key) || key->ballot.index < peers->members_count;
}

/* Marks a child as heard in the trees in which it is one. */
static void
note_child(struct peal_votetree *votetree, struct peal_votetree_tally *tally, uint16_t slot)
{
	for (uint32_t tree = 0; tree < PEAL_TREES_MAX; tree++) {
		const struct peal_peers_tree *place = &votetree->peers->trees[tree];

		for (uint32_t i = 0; i < place->children_count; i++) {
			if (place->children[i] == slot) {
				tally->branches[tree].heard |= UINT64_C(1) << i;
			}
		}
	}
}

void
peal_votetree_on_vote(
	struct peal_votetree *votetree, const struct peal_opened *opened, uint64_t now_ns)
{
	const struct peal_peers *peers = votetree->peers;
	struct peal_reader reader = peal_reader_init(opened->body, opened->body_size);
	struct peal_votetree_tally *tally = NULL;
	struct peal_flood_prefix prefix;
	struct peal_vote_msg message;
	struct peal_bitset bits;
	bool is_private = false;

	PEAL_DASSERT(peers->is_large);
	PEAL_DASSERT(opened->epoch == peers->epoch);
	if (!peal_flood_prefix_decode(&reader, &prefix) || prefix.view_tag != peers->view_tag ||
		!peal_vote_msg_decode(&reader, &message) || !is_key_of_view(peers, &message.key) ||
		!read_bits(votetree, &message, &bits)) {
		peal_counter_add(votetree->counters, PEAL_COUNTER_REFUSED_BODY, 1);
		return;
	}
	is_private = prefix.origin_seq == 0;
	if (is_private && (prefix.hop != 0 || prefix.origin != (uint32_t)opened->mid)) {
		peal_counter_add(votetree->counters, PEAL_COUNTER_REFUSED_BODY, 1);
		return;
	}
	peal_counter_add(votetree->counters, PEAL_COUNTER_VOTE_FRAMES_HEARD, 1);
	tally = add_bits(votetree, &message.key, &bits, false, now_ns);
	if (tally == NULL) {
		return;
	}
	if (is_private) {
		note_child(votetree, tally, opened->slot);
	}
	for (uint32_t tree = 0; tree < PEAL_TREES_MAX; tree++) {
		plan_branch(votetree, tally, tree, now_ns);
	}
	plan(votetree);
}

/* Sending. */

/* One frame with places [span.first, span.end), of which `span.first` is a multiple of 8. */
static uint16_t
write_frame(const struct peal_votetree *votetree, const struct peal_votetree_tally *tally,
	struct span span, uint8_t body[PEAL_BODY_SIZE_MAX])
{
	const struct peal_peers *peers = votetree->peers;
	struct peal_writer writer = peal_writer_init(body, PEAL_BODY_SIZE_MAX);
	uint32_t count = span.end - span.first;
	uint8_t bitmap[PEAL_VOTE_PLACES_MAX / 8U];
	const struct peal_vote_msg message = {.key = tally->key,
		.first = (uint16_t)span.first,
		.count = (uint16_t)count,
		.bitmap = bitmap};

	PEAL_ASSERT(span.first % 8U == 0);
	PEAL_ASSERT(count >= 1);
	PEAL_ASSERT(count <= PEAL_VOTE_PLACES_MAX);
	memcpy(bitmap, bytes_of(&tally->bits) + span.first / 8U, (count + 7U) / 8U);
	if (count % 8U != 0) {
		bitmap[count / 8U] &= (uint8_t)((1U << (count % 8U)) - 1U);
	}
	peal_flood_prefix_encode(&(struct peal_flood_prefix){.view_tag = peers->view_tag,
					 .origin = (uint32_t)peers->self_mid},
		&writer);
	peal_vote_msg_encode(&message, &writer);
	PEAL_ASSERT(writer.is_ok);
	return (uint16_t)writer.offset;
}

/* Sends what is known of a span to some slots, in as many frames as it takes. */
static void
send_span(struct peal_votetree *votetree, const struct peal_votetree_tally *tally, struct span span,
	const uint16_t *slots, uint32_t slots_count)
{
	uint8_t body[PEAL_BODY_SIZE_MAX];
	uint32_t sent_count = 0;

	for (span = trim(&tally->bits, span); span.first < span.end;) {
		uint32_t first = span.first / 8U * 8U;
		struct span part = {first, span.end};
		uint16_t size = 0;

		if (part.end > first + PEAL_VOTE_PLACES_MAX) {
			part.end = first + PEAL_VOTE_PLACES_MAX;
		}
		size = write_frame(votetree, tally, part, body);
		for (uint32_t i = 0; i < slots_count; i++) {
			sent_count += peal_egress_send_slot(votetree->egress, slots[i],
					      PEAL_MESSAGE_VOTE_UP, body, size)
					      ? 1U
					      : 0U;
		}
		span = trim(&tally->bits, (struct span){part.end, span.end});
	}
	peal_counter_add(votetree->counters, PEAL_COUNTER_VOTE_FRAMES_SENT, sent_count);
}

/* Sends what is known of the own run in a tree to the next `ancestors_count` above, if there are.
 */
static void
send_up(struct peal_votetree *votetree, struct peal_votetree_tally *tally, uint32_t tree,
	uint32_t ancestors_count)
{
	const struct peal_peers_tree *place = &votetree->peers->trees[tree];
	struct peal_votetree_branch *branch = &tally->branches[tree];

	if (ancestors_count > place->ancestors_count) {
		ancestors_count = place->ancestors_count;
	}
	branch->is_sent = true;
	branch->send_at_ns = UINT64_MAX;
	send_span(
		votetree, tally, run_of(votetree->peers, tree), place->ancestors, ancestors_count);
}

/* Sends everything to subjects, and to observers that are none. */
static void
send_around(struct peal_votetree *votetree, const struct peal_votetree_tally *tally)
{
	const struct peal_peers *peers = votetree->peers;
	struct span all = {0, peers->members_count};
	uint16_t others[PEAL_RINGS_MAX];
	uint32_t others_count = 0;

	for (uint32_t i = 0; i < peers->observers_slots_count; i++) {
		uint16_t slot = peers->observers_slots[i];

		if (!peers->peers[slot].is_subject) {
			others[others_count++] = slot;
		}
	}
	send_span(votetree, tally, all, peers->subjects, peers->subjects_count);
	send_span(votetree, tally, all, others, others_count);
}

static void
repeat(struct peal_votetree *votetree, struct peal_votetree_tally *tally, uint64_t now_ns)
{
	bool is_installed = tally->key.kind == PEAL_VOTE_INSTALLED;

	if (is_installed && now_ns - tally->began_at_ns >= votetree->timing->install_ns) {
		tally->repeat_at_ns = UINT64_MAX;
		return;
	}
	tally->repeats_count++;
	/* INSTALLED is in no hurry. */
	if (is_installed || tally->repeats_count > HASTY_REPEATS_COUNT) {
		tally->repeat_ns = peal_timing_next_repeat_ns(votetree->timing, tally->repeat_ns);
	}
	tally->repeat_at_ns = now_ns + tally->repeat_ns;
	if (is_installed && tally->repeats_count > CALM_REPEATS_COUNT) {
		send_up(votetree, tally, 0, 1);
		return;
	}
	for (uint32_t tree = 0; tree < PEAL_TREES_MAX; tree++) {
		send_up(votetree, tally, tree, 2);
	}
	if (tally->repeats_count >= ESCAPE_REPEATS_COUNT && !is_installed &&
		!PEAL_BUG(NO_WAY_AROUND_TREES)) {
		send_around(votetree, tally);
	}
}

/* Tells control; without room it is told later. */
static void
tell(struct peal_votetree *votetree, struct peal_votetree_tally *tally, uint64_t now_ns)
{
	const struct peal_peers *peers = votetree->peers;
	struct peal_bitset ranks = {{0}};

	PEAL_BITSET_FOR_EACH (place, &tally->bits) {
		peal_bitset_add(&ranks, peal_trees_rank(peers->topology, peers->view, place));
	}
	if (!peal_uplink_tally(votetree->uplink, &tally->key, &ranks, peers->epoch)) {
		tally->tell_at_ns = now_ns + PEAL_TALLY_NS;
		return;
	}
	tally->told_count = tally->count;
	tally->told_at_ns = now_ns;
	tally->tell_at_ns = UINT64_MAX;
}

void
peal_votetree_run_due(struct peal_votetree *votetree, uint64_t now_ns)
{
	for (uint32_t i = 0; i < votetree->tallies_count; i++) {
		struct peal_votetree_tally *tally = &votetree->tallies[i];

		if (tally->tell_at_ns <= now_ns) {
			tell(votetree, tally, now_ns);
		}
		if (tally->repeat_at_ns <= now_ns) {
			repeat(votetree, tally, now_ns);
		}
		for (uint32_t tree = 0; tree < PEAL_TREES_MAX; tree++) {
			if (tally->branches[tree].send_at_ns <= now_ns) {
				send_up(votetree, tally, tree, 1);
			}
		}
	}
	plan(votetree);
}
