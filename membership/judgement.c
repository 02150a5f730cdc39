/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/judgement.h"

#include "base/museum.h"

_Static_assert(PEAL_RINGS_MAX < 32U, "a mask of all observers can be computed by shifting");
_Static_assert(PEAL_RINGS_MAX <= UINT8_MAX, "a count of reports fits eight bits");

/* A key of the heap: the score above, the rank below. */
#define RANK_BITS 14U
_Static_assert(PEAL_MEMBERS_MAX <= 1U << RANK_BITS, "a rank fits its part of a key");
_Static_assert(2U * (PEAL_RINGS_MAX + PEAL_MEMBERS_MAX) + 1U < 1U << (32U - RANK_BITS),
	"and a score the rest");

/*
 * What is struck out as members become doubtful. Everything is about reported members, and stands
 * at their place among them, so that nothing costs more than what was reported.
 */
struct tally {
	uint32_t reported_count;
	uint16_t places[PEAL_BITSET_WORDS]; /* reported members before each word of the set */
	uint16_t ranks[PEAL_MEMBERS_MAX];   /* by place, ascending */
	uint32_t doubted[PEAL_MEMBERS_MAX]; /* bits of its doubtful observers */
	uint16_t made[PEAL_MEMBERS_MAX];    /* accusations by it, of not-doubtful subjects */
	uint32_t accusers_min;              /* who has so many is a candidate; 0 = more than half */
	bool is_queued[PEAL_MEMBERS_MAX];
	uint32_t keys_count;
	uint32_t keys[PEAL_MEMBERS_MAX]; /* of candidates: a heap, worst on top */
	struct peal_bitset tied;         /* accused by the holder of the tie unit */
	struct peal_bitset doubtful;
};

static uint32_t
count_bits(uint32_t mask)
{
	return (uint32_t)__builtin_popcount(mask);
}

/* Where a reported member stands in the tally. */
static uint32_t
place_of(const struct peal_evidence *evidence, const struct tally *tally, uint32_t rank)
{
	uint64_t before = (UINT64_C(1) << (rank % 64U)) - 1U;

	PEAL_DASSERT(peal_bitset_has(&evidence->reported, rank));
	return tally->places[rank / 64U] +
	       (uint32_t)__builtin_popcountll(evidence->reported.words[rank / 64U] & before);
}

/* Explicit reports about the member at a place by observers that are not doubtful. */
static uint32_t
credible_mask(const struct peal_evidence *evidence, const struct tally *tally, uint32_t place)
{
	return evidence->masks[tally->ranks[place]] & ~tally->doubted[place];
}

/* Gives each reported member its place, with nobody doubted. */
static void
list_reported(const struct peal_evidence *evidence, struct tally *tally)
{
	uint32_t count = 0;

	PEAL_ASSERT(peal_bitset_is_within(&evidence->reported, evidence->topology->members_count));

	for (uint32_t i = 0; i < PEAL_BITSET_WORDS; i++) {
		tally->places[i] = (uint16_t)count;
		for (uint64_t bits = evidence->reported.words[i]; bits != 0; bits &= bits - 1U) {
			uint32_t rank = 64U * i + (uint32_t)__builtin_ctzll(bits);

			PEAL_ASSERT(evidence->masks[rank] != 0);
			PEAL_ASSERT(
				evidence->masks[rank] >> evidence->thresholds.observers_count == 0);
			tally->ranks[count] = (uint16_t)rank;
			tally->doubted[count] = 0;
			tally->made[count] = 0;
			tally->is_queued[count] = false;
			count++;
		}
	}
	tally->reported_count = count;
	tally->accusers_min = 0;
	tally->keys_count = 0;
	tally->tied = (struct peal_bitset){0};
	tally->doubtful = (struct peal_bitset){0};
}

static void
count_accusations(const struct peal_evidence *evidence, struct tally *tally)
{
	for (uint32_t place = 0; place < tally->reported_count; place++) {
		uint32_t rank = tally->ranks[place];

		for (uint32_t bits = evidence->masks[rank]; bits != 0; bits &= bits - 1U) {
			uint32_t observer = peal_rings_observer(
				evidence->topology, rank, (uint32_t)__builtin_ctz(bits));

			if (peal_bitset_has(&evidence->reported, observer)) {
				tally->made[place_of(evidence, tally, observer)]++;
			}
			if (observer == evidence->tie_rank) {
				peal_bitset_add(&tally->tied, rank);
			}
		}
	}
}

/* Observers of the member at a place that are not doubtful. */
static uint32_t
count_observers(const struct peal_evidence *evidence, const struct tally *tally, uint32_t place)
{
	return evidence->thresholds.observers_count - count_bits(tally->doubted[place]);
}

/*
 * True when the member at a place may become doubtful: more than half of its observers that are not
 * doubtful accuse it.
 *
 * With f < N / 2 members faulty and everybody observing everybody a healthy member never may:
 * its accusers are at most f of N - 1, not more than half, and striking out faulty observers takes
 * as much from the one as from the other. On rings chance gives some healthy members a majority of
 * faulty observers. Therefore the worst comes first: its word no longer counts when the next is
 * asked.
 */
static bool
is_candidate(const struct peal_evidence *evidence, const struct tally *tally, uint32_t place)
{
	uint32_t accusers_count = count_bits(credible_mask(evidence, tally, place));

	if (tally->accusers_min > 0) {
		return accusers_count >= tally->accusers_min;
	}
	return 2U * accusers_count > count_observers(evidence, tally, place) &&
	       !PEAL_BUG(NOBODY_DOUBTED);
}

/* Orders candidates: the largest is the worst. It only falls while others become doubtful. */
static uint32_t
key_of(const struct peal_evidence *evidence, const struct tally *tally, uint32_t place)
{
	uint32_t rank = tally->ranks[place];
	uint32_t score =
		2U * (count_bits(credible_mask(evidence, tally, place)) + tally->made[place]);

	/* When two halves accuse each other, doubt the one that could not go on alone. */
	if (peal_bitset_has(&tally->tied, rank) &&
		!peal_bitset_has(&tally->doubtful, evidence->tie_rank)) {
		score++;
	}
	return score << RANK_BITS | rank;
}

static void
queue(const struct peal_evidence *evidence, struct tally *tally, uint32_t place)
{
	uint32_t key = key_of(evidence, tally, place);
	uint32_t index = tally->keys_count++;

	PEAL_ASSERT(!tally->is_queued[place]);
	PEAL_ASSERT(tally->keys_count <= tally->reported_count);
	tally->is_queued[place] = true;

	for (; index > 0 && tally->keys[(index - 1U) / 2U] < key; index = (index - 1U) / 2U) {
		tally->keys[index] = tally->keys[(index - 1U) / 2U];
	}
	tally->keys[index] = key;
}

/* Puts `key` in the place of the largest. */
static void
replace_top(struct tally *tally, uint32_t key)
{
	uint32_t index = 0;

	PEAL_ASSERT(tally->keys_count > 0);

	for (;;) {
		uint32_t child = 2U * index + 1U;

		if (child + 1U < tally->keys_count &&
			tally->keys[child + 1U] > tally->keys[child]) {
			child++;
		}
		if (child >= tally->keys_count || tally->keys[child] <= key) {
			break;
		}
		tally->keys[index] = tally->keys[child];
		index = child;
	}
	tally->keys[index] = key;
}

/* Strikes out what the member at a place says, and what is said about it. */
static void
doubt(const struct peal_evidence *evidence, struct tally *tally, uint32_t place)
{
	const struct peal_topology *topology = evidence->topology;
	uint32_t rank = tally->ranks[place];
	uint32_t count = 0;
	const uint16_t *subjects = peal_rings_subjects(topology, rank, &count);

	PEAL_ASSERT(!peal_bitset_has(&tally->doubtful, rank));
	peal_bitset_add(&tally->doubtful, rank);

	for (uint32_t bits = evidence->masks[rank]; bits != 0; bits &= bits - 1U) {
		uint32_t accuser =
			peal_rings_observer(topology, rank, (uint32_t)__builtin_ctz(bits));

		if (peal_bitset_has(&evidence->reported, accuser)) {
			uint32_t accuser_place = place_of(evidence, tally, accuser);

			PEAL_ASSERT(tally->made[accuser_place] > 0);
			tally->made[accuser_place]--;
		}
	}
	for (uint32_t i = 0; i < count; i++) {
		if (!peal_bitset_has(&evidence->reported, subjects[i])) {
			continue;
		}

		uint32_t subject_place = place_of(evidence, tally, subjects[i]);

		tally->doubted[subject_place] |= peal_rings_mask(topology, rank, subjects[i]);
		/* Who has fewer observers left may be accused by most of them now. */
		if (!tally->is_queued[subject_place] &&
			is_candidate(evidence, tally, subject_place)) {
			queue(evidence, tally, subject_place);
		}
	}
}

/* Doubts candidates, the worst first, until there are none. */
static void
doubt_candidates(const struct peal_evidence *evidence, struct tally *tally)
{
	PEAL_ASSERT(tally->keys_count == 0);

	for (uint32_t place = 0; place < tally->reported_count; place++) {
		if (!tally->is_queued[place] && is_candidate(evidence, tally, place)) {
			queue(evidence, tally, place);
		}
	}

	while (tally->keys_count > 0) {
		uint32_t key = tally->keys[0];
		uint32_t place = place_of(evidence, tally, key & ((1U << RANK_BITS) - 1U));
		uint32_t current_key = key_of(evidence, tally, place);
		bool is_still = is_candidate(evidence, tally, place);

		PEAL_ASSERT(current_key <= key);
		/* Keys are not brought up to date before they come to the top. */
		if (is_still && current_key < key) {
			replace_top(tally, current_key);
			continue;
		}
		tally->keys_count--;
		if (tally->keys_count > 0) {
			replace_top(tally, tally->keys[tally->keys_count]);
		}
		if (is_still) {
			/* Stays marked as queued: nobody is doubted twice. */
			doubt(evidence, tally, place);
		} else {
			tally->is_queued[place] = false;
		}
	}
	PEAL_ASSERT(peal_bitset_is_within(&tally->doubtful, evidence->topology->members_count));
}

/* What a member says of its subjects. */
struct word {
	uint32_t content_count; /* subjects that are not doubtful, and not accused */
	uint32_t accused_count; /* subjects that are not doubtful, but accused */
	uint32_t agreed_count;  /* doubtful subjects that it accuses */
};

static struct word
hear(const struct peal_evidence *evidence, const struct tally *tally, uint32_t rank)
{
	struct word word = {0};
	uint32_t count = 0;
	const uint16_t *subjects = peal_rings_subjects(evidence->topology, rank, &count);

	for (uint32_t i = 0; i < count; i++) {
		bool is_accused = peal_bitset_has(&evidence->reported, subjects[i]) &&
				  (peal_rings_mask(evidence->topology, rank, subjects[i]) &
					  evidence->masks[subjects[i]]) != 0;

		if (peal_bitset_has(&tally->doubtful, subjects[i])) {
			word.agreed_count += is_accused ? 1U : 0U;
		} else if (is_accused) {
			word.accused_count++;
		} else {
			word.content_count++;
		}
	}
	return word;
}

/*
 * True when the reports that the doubtful observers of a doubtful member owe count as given.
 *
 * paper: RAPID 4.2, the missing report of an observer that is suspected itself is taken as given.
 * The paper asks only that both are unstable; then two members that accuse everybody make everybody
 * unstable, and all fall. Here both must be doubtful, which takes a majority.
 * But who has lost most of its observers may have a majority against it by one or two broken links.
 * Then its own word tells: the deaf accuse everybody, the crashed say nothing, and who accuses
 * those that others accuse, and is content with the rest, is well.
 */
static bool
is_implied(const struct peal_evidence *evidence, const struct tally *tally, uint32_t place)
{
	uint32_t rank = tally->ranks[place];
	uint32_t credible_count = count_bits(credible_mask(evidence, tally, place));
	struct word word;

	if (credible_count == 0 || !peal_bitset_has(&tally->doubtful, rank) ||
		PEAL_BUG(NOTHING_IMPLIED)) {
		return false;
	}
	if (credible_count >= evidence->thresholds.l) {
		return true;
	}
	word = hear(evidence, tally, rank);
	if (word.accused_count >= word.content_count) {
		return true;
	}
	return word.agreed_count == 0 && credible_count == count_observers(evidence, tally, place);
}

/* Places each subject above H, between the marks, or in the noise. */
static void
judge_subjects(const struct peal_evidence *evidence, const struct tally *tally,
	struct peal_judgement *judgement)
{
	struct peal_thresholds thresholds = evidence->thresholds;

	PEAL_ASSERT(thresholds.l >= 1);
	PEAL_ASSERT(thresholds.l <= thresholds.h);

	for (uint32_t place = 0; place < tally->reported_count; place++) {
		uint32_t rank = tally->ranks[place];
		uint32_t explicit_mask = evidence->masks[rank];
		uint32_t credible_count = count_bits(credible_mask(evidence, tally, place));
		uint32_t effective = credible_count;

		if (is_implied(evidence, tally, place)) {
			effective = count_bits(explicit_mask | tally->doubted[place]);
		} else if (credible_count >= thresholds.l) {
			effective = count_bits(explicit_mask);
		}
		PEAL_ASSERT(effective <= thresholds.observers_count);
		judgement->effective[rank] = (uint8_t)effective;

		/* paper: RAPID 4.2, stable from H on, unstable from L on, noise below. */
		if (effective >= thresholds.h) {
			peal_bitset_add(&judgement->stable, rank);
		} else if (credible_count >= thresholds.l) {
			peal_bitset_add(&judgement->unstable, rank);
		} else {
			peal_bitset_add(&judgement->noise, rank);
		}
	}
}

/*
 * True when the members that are not suspects would hold a classic quorum. If not, the accusers are
 * the smaller half and probably the faulty one; and no acceptor would take the cut.
 */
static bool
could_go_on(const struct peal_evidence *evidence, const struct peal_bitset *suspects)
{
	uint32_t members_count = evidence->topology->members_count;
	/* Each member weighs 2, the holder of the tie unit 1 more. A holder outside is a witness.
	 */
	uint32_t weight = 2U * (members_count - peal_bitset_count(suspects));

	PEAL_ASSERT(peal_bitset_is_within(suspects, members_count));

	if (evidence->tie_rank == PEAL_RANK_NONE ||
		!peal_bitset_has(suspects, evidence->tie_rank)) {
		weight++;
	}
	return weight >= members_count + 1U;
}

/* True when at least L observers of `rank` are not in question and none of them is content with it.
 */
static bool
is_unanimous(
	const struct peal_evidence *evidence, const struct peal_bitset *questioned, uint32_t rank)
{
	uint32_t witnesses_count = 0;

	PEAL_ASSERT(peal_bitset_has(questioned, rank));

	for (uint32_t k = 0; k < evidence->thresholds.observers_count; k++) {
		if (peal_bitset_has(questioned, peal_rings_observer(evidence->topology, rank, k))) {
			continue;
		}
		if ((evidence->masks[rank] >> k & 1U) == 0) {
			return false;
		}
		witnesses_count++;
	}
	return witnesses_count >= evidence->thresholds.l;
}

/* The second look: at the group as a whole, where each subject alone does not tell enough. */
static void
judge_group(const struct peal_evidence *evidence, struct peal_judgement *judgement)
{
	struct peal_bitset questioned;

	for (uint32_t i = 0; i < PEAL_BITSET_WORDS; i++) {
		questioned.words[i] = judgement->doubtful.words[i] | judgement->stable.words[i] |
				      judgement->unstable.words[i];
		/* Who goes of its own will accepts the cut: it holds its part of the quorum. */
		judgement->suspects.words[i] = questioned.words[i] & ~evidence->leaving.words[i] &
					       ~evidence->replaced.words[i];
	}
	if (!could_go_on(evidence, &judgement->suspects) && !PEAL_BUG(MINORITY_CUTS)) {
		/* The truth may still be on its way; and without it nothing could be decided. */
		judgement->stable = (struct peal_bitset){0};
		return;
	}

	/*
	 * Many crashed at once: they observe each other and say nothing, which holds them below a
	 * majority. But everybody else agrees, and everybody else is most of the group.
	 */
	PEAL_BITSET_FOR_EACH (rank, &judgement->unstable) {
		if (is_unanimous(evidence, &questioned, rank)) {
			peal_bitset_remove(&judgement->unstable, rank);
			peal_bitset_add(&judgement->stable, rank);
		}
	}
}

/*
 * Whom to reinforce of those who are unstable: the worst, one by one, until without what they say
 * nobody has L accusers any more. Of two parts that cannot reach each other that is one part, and
 * of a member and those that wrongly accuse it, they.
 */
static void
blame(const struct peal_evidence *evidence, struct tally *tally, struct peal_judgement *judgement)
{
	if (peal_bitset_is_empty(&judgement->unstable)) {
		return;
	}
	tally->accusers_min = evidence->thresholds.l;
	doubt_candidates(evidence, tally);
	judgement->blamed = peal_bitset_intersection(&tally->doubtful, &judgement->unstable);
}

/* Who stays when everybody would go: the most senior whom nobody accuses, else the most senior. */
static uint32_t
find_keeper(const struct peal_evidence *evidence, const struct peal_bitset *accused)
{
	uint32_t members_count = evidence->topology->members_count;
	uint32_t keeper = 0;

	/* An old incarnation cannot stay: a joiner holds its address. */
	for (uint32_t rank = 0; rank < members_count; rank++) {
		if (!peal_bitset_has(&evidence->replaced, rank) &&
			!peal_bitset_has(accused, rank)) {
			return rank;
		}
	}
	while (keeper < members_count && peal_bitset_has(&evidence->replaced, keeper)) {
		keeper++;
	}
	PEAL_ASSERT(keeper < members_count);
	return keeper;
}

/* A leave equals the reports of all observers. */
static void
let_go(const struct peal_evidence *evidence, struct peal_judgement *judgement)
{
	struct peal_bitset accused = judgement->stable;

	for (uint32_t i = 0; i < PEAL_BITSET_WORDS; i++) {
		uint64_t going = evidence->leaving.words[i] | evidence->replaced.words[i];

		judgement->stable.words[i] |= going;
		judgement->unstable.words[i] &= ~going;
		judgement->noise.words[i] &= ~going;
		judgement->blamed.words[i] &= ~going;
	}
	/* A view without members has no successor: one stays for the next cut. */
	if (peal_bitset_count(&judgement->stable) == evidence->topology->members_count) {
		peal_bitset_remove(&judgement->stable, find_keeper(evidence, &accused));
	}
	PEAL_ASSERT(peal_bitset_count(&judgement->stable) < evidence->topology->members_count);
}

void
peal_judgement_init_evidence(struct peal_evidence *evidence, const struct peal_view *view,
	const struct peal_topology *topology)
{
	PEAL_ASSERT(view->members_count >= 1);
	PEAL_ASSERT(view->members_count == topology->members_count);

	/* What was never reported was never written. */
	PEAL_BITSET_FOR_EACH (rank, &evidence->reported) {
		evidence->masks[rank] = 0;
	}
	evidence->topology = topology;
	evidence->thresholds = peal_view_thresholds(view->members_count, view->rings_count);
	evidence->tie_rank = peal_view_find_mid(view, view->tie_mid);
	evidence->leaving = (struct peal_bitset){0};
	evidence->replaced = (struct peal_bitset){0};
	evidence->reported = (struct peal_bitset){0};
	PEAL_ASSERT(evidence->thresholds.observers_count == topology->observers_count);
}

void
peal_judgement_compute(const struct peal_evidence *evidence, struct peal_judgement *judgement_out)
{
	struct tally tally; /* most of it is never touched */

	judgement_out->stable = (struct peal_bitset){0};
	judgement_out->unstable = (struct peal_bitset){0};
	judgement_out->doubtful = (struct peal_bitset){0};
	judgement_out->suspects = (struct peal_bitset){0};
	judgement_out->noise = (struct peal_bitset){0};
	judgement_out->blamed = (struct peal_bitset){0};

	/* A single member is observed by nobody. */
	if (!peal_bitset_is_empty(&evidence->reported)) {
		list_reported(evidence, &tally);
		count_accusations(evidence, &tally);
		doubt_candidates(evidence, &tally);
		judgement_out->doubtful = tally.doubtful;
		judge_subjects(evidence, &tally, judgement_out);
		judge_group(evidence, judgement_out);
		blame(evidence, &tally, judgement_out);
	}
	let_go(evidence, judgement_out);
	PEAL_ASSERT(peal_judgement_is_sane(evidence, judgement_out));
}

bool
peal_judgement_is_sane(const struct peal_evidence *evidence, const struct peal_judgement *judgement)
{
	uint32_t members_count = evidence->topology->members_count;

	PEAL_ASSERT(members_count >= 1);
	PEAL_ASSERT(members_count <= PEAL_MEMBERS_MAX);

	for (uint32_t i = 0; i < PEAL_BITSET_WORDS; i++) {
		if ((judgement->stable.words[i] & judgement->unstable.words[i]) != 0) {
			return false;
		}
	}
	return peal_bitset_is_within(&judgement->stable, members_count) &&
	       peal_bitset_is_within(&judgement->unstable, members_count) &&
	       peal_bitset_is_within(&judgement->suspects, members_count) &&
	       peal_bitset_is_within(&judgement->noise, members_count);
}
