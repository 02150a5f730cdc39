/* SPDX-License-Identifier: BSD-3-Clause */
#include "membership/judgement.h"

_Static_assert(PEAL_RINGS_MAX < 32U, "a mask of all observers can be computed by shifting");
_Static_assert(PEAL_RINGS_MAX <= UINT8_MAX, "a count of reports fits eight bits");

/* What is struck out as members become doubtful. */
struct tally {
	uint32_t doubted[PEAL_MEMBERS_MAX]; /* per subject, bits of its doubtful observers */
	uint32_t made[PEAL_MEMBERS_MAX];    /* per observer, accusations of not-doubtful subjects */
	struct peal_bitset doubtful;
};

static uint32_t
count_bits(uint32_t mask)
{
	return (uint32_t)__builtin_popcount(mask);
}

/* Explicit reports about `rank` by observers that are not doubtful. */
static uint32_t
credible_mask(const struct peal_evidence *evidence, const struct tally *tally, uint32_t rank)
{
	return evidence->masks[rank] & ~tally->doubted[rank];
}

static void
count_accusations(const struct peal_evidence *evidence, struct tally *tally)
{
	for (uint32_t rank = 0; rank < evidence->topology->members_count; rank++) {
		PEAL_ASSERT(evidence->masks[rank] >> evidence->thresholds.observers_count == 0);

		for (uint32_t bits = evidence->masks[rank]; bits != 0; bits &= bits - 1U) {
			uint32_t k = (uint32_t)__builtin_ctz(bits);

			tally->made[evidence->topology->observers[rank][k]]++;
		}
	}
}

/*
 * The member that is to be doubted next, or PEAL_RANK_NONE.
 *
 * With f < N / 2 members faulty and everybody observing everybody a healthy member is never found:
 * its accusers are at most f of N - 1, not more than half, and striking out faulty observers takes
 * as much from the one as from the other. On rings chance gives some healthy members a majority of
 * faulty observers. Therefore the worst comes first: its word no longer counts when the next is
 * asked.
 */
static uint32_t
find_worst(const struct peal_evidence *evidence, const struct tally *tally)
{
	uint32_t worst = PEAL_RANK_NONE;
	uint32_t worst_score = 0;

	PEAL_ASSERT(evidence->thresholds.observers_count >= 1);

	for (uint32_t rank = 0; rank < evidence->topology->members_count; rank++) {
		uint32_t accusers = credible_mask(evidence, tally, rank);
		uint32_t observers_count =
			evidence->thresholds.observers_count - count_bits(tally->doubted[rank]);

		if (2U * count_bits(accusers) <= observers_count ||
			peal_bitset_has(&tally->doubtful, rank)) {
			continue;
		}

		uint32_t score = 2U * (count_bits(accusers) + tally->made[rank]);

		/* When two halves accuse each other, doubt the one that could not go on alone. */
		if (evidence->tie_rank != PEAL_RANK_NONE &&
			(accusers & peal_rings_mask(
					    evidence->topology, evidence->tie_rank, rank)) != 0) {
			score++;
		}
		PEAL_ASSERT(score >= 2);
		if (score >= worst_score) {
			worst = rank;
			worst_score = score;
		}
	}
	return worst;
}

/* Strikes out what the member at `rank` says, and what is said about it. */
static void
doubt(const struct peal_evidence *evidence, struct tally *tally, uint32_t rank)
{
	PEAL_ASSERT(!peal_bitset_has(&tally->doubtful, rank));
	peal_bitset_add(&tally->doubtful, rank);

	for (uint32_t bits = evidence->masks[rank]; bits != 0; bits &= bits - 1U) {
		uint32_t accuser = evidence->topology->observers[rank][__builtin_ctz(bits)];

		PEAL_ASSERT(tally->made[accuser] > 0);
		tally->made[accuser]--;
	}
	for (uint32_t i = 0; i < PEAL_BITSET_WORDS; i++) {
		for (uint64_t bits = evidence->topology->subjects[rank].words[i]; bits != 0;
			bits &= bits - 1U) {
			uint32_t subject = 64U * i + (uint32_t)__builtin_ctzll(bits);

			tally->doubted[subject] |=
				peal_rings_mask(evidence->topology, rank, subject);
		}
	}
}

/* Finds the doubtful members. At most members_count rounds: each but the last adds one. */
static void
judge_observers(const struct peal_evidence *evidence, struct tally *tally)
{
	for (uint32_t round = 0; round < evidence->topology->members_count; round++) {
		uint32_t worst = find_worst(evidence, tally);

		if (worst == PEAL_RANK_NONE) {
			break;
		}
		doubt(evidence, tally, worst);
	}
	PEAL_ASSERT(peal_bitset_is_within(&tally->doubtful, evidence->topology->members_count));
}

/* Places each subject above H, between the marks, or in the noise. */
static void
judge_subjects(const struct peal_evidence *evidence, const struct tally *tally,
	struct peal_judgement *judgement)
{
	struct peal_thresholds thresholds = evidence->thresholds;

	PEAL_ASSERT(thresholds.l >= 1);
	PEAL_ASSERT(thresholds.l <= thresholds.h);

	for (uint32_t rank = 0; rank < evidence->topology->members_count; rank++) {
		uint32_t explicit_mask = evidence->masks[rank];
		uint32_t credible_count = count_bits(credible_mask(evidence, tally, rank));
		uint32_t effective = credible_count;

		if (credible_count >= 1 && peal_bitset_has(&tally->doubtful, rank)) {
			/*
			 * paper: RAPID 4.2, the missing report of an observer that is suspected
			 * itself is taken as given. The paper asks only that both are unstable;
			 * then two members that accuse everybody make everybody unstable, and all
			 * fall. Here both must be doubtful, which takes a majority.
			 */
			effective = count_bits(explicit_mask | tally->doubted[rank]);
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
		} else if (explicit_mask != 0 && !peal_bitset_has(&tally->doubtful, rank)) {
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
		if (peal_bitset_has(questioned, evidence->topology->observers[rank][k])) {
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
	if (!could_go_on(evidence, &judgement->suspects)) {
		/* The truth may still be on its way; and without it nothing could be decided. */
		judgement->stable = (struct peal_bitset){0};
		return;
	}

	for (uint32_t rank = 0; rank < evidence->topology->members_count; rank++) {
		/*
		 * Many crashed at once: they observe each other and say nothing, which holds them
		 * below a majority. But everybody else agrees, and everybody else is most of the
		 * group.
		 */
		if (peal_bitset_has(&judgement->unstable, rank) &&
			is_unanimous(evidence, &questioned, rank)) {
			peal_bitset_remove(&judgement->unstable, rank);
			peal_bitset_add(&judgement->stable, rank);
		}
	}
}

/* Who stays when everybody would go: the most senior whom nobody accuses, else the most senior. */
static uint32_t
find_keeper(const struct peal_evidence *evidence, const struct peal_bitset *accused)
{
	uint32_t keeper = PEAL_RANK_NONE;

	for (uint32_t rank = 0; rank < evidence->topology->members_count; rank++) {
		/* An old incarnation cannot stay: a joiner holds its address. */
		if (peal_bitset_has(&evidence->replaced, rank)) {
			continue;
		}
		if (!peal_bitset_has(accused, rank)) {
			return rank;
		}
		if (keeper == PEAL_RANK_NONE) {
			keeper = rank;
		}
	}
	PEAL_ASSERT(keeper != PEAL_RANK_NONE);
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

	*evidence = (struct peal_evidence){
		.topology = topology,
		.thresholds = peal_view_thresholds(view->members_count, view->rings_count),
		.tie_rank = peal_view_find_mid(view, view->tie_mid),
	};
	PEAL_ASSERT(evidence->thresholds.observers_count == topology->observers_count);
}

void
peal_judgement_compute(const struct peal_evidence *evidence, struct peal_judgement *judgement_out)
{
	struct tally tally = {0};

	*judgement_out = (struct peal_judgement){0};

	/* A single member is observed by nobody. */
	if (evidence->thresholds.observers_count > 0) {
		count_accusations(evidence, &tally);
		judge_observers(evidence, &tally);
		judgement_out->doubtful = tally.doubtful;
		judge_subjects(evidence, &tally, judgement_out);
		judge_group(evidence, judgement_out);
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
