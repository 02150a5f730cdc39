/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a change of view costs a node: figure S10.
 *
 * A group of 10 000 members, and cuts of it: one member removed, one joined, 500 joined and 500
 * removed; and one of 9 500 members that 500 join. Timed is what every member does when such a cut
 * is decided: to check it against the view, and to make the group that follows (members, sum, hash,
 * index, rings, observers, subjects). Every run has another cut, so nothing is found ready. Beside
 * it: the same from a snapshot, as a joiner does it. Memory was used before; caches hold what they
 * hold after the run before.
 *
 *     bench_view [--members N] [--runs N]     one line of JSON; status 1 above the limits
 *     bench_view --callgrind CASE             one case, ten runs, for counting instructions;
 *                                             CASE is removal, join, joins, both or snapshot
 *
 * All figures are medians over the runs, in milliseconds of the processor's time of this thread.
 */
#include "membership/groupstore.h"
#include "membership/nextview.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MANY           500U
#define MEMBERS_MIN    2500U
#define RUNS_MIN       11U
#define CALLGRIND_RUNS 10U
#define WARM_RUNS      3U
#define GROUPS_COUNT   5U
#define LIMIT_ONE_MS   1.0
#define LIMIT_MANY_MS  3.0
#define NS_PER_MS      1e6
#define FIRST_ADDRESS  0x0A000000U
#define JOINER_ADDRESS 0x0B000000U
#define PORT           4100U

struct bench_case {
	const char *name;
	uint32_t removals_count;
	uint32_t additions_count;
	bool is_snapshot;
	bool is_growing; /* members join a group that has room for them */
};

static const struct bench_case cases[] = {
	{.name = "removal", .removals_count = 1},
	{.name = "join", .additions_count = 1},
	{.name = "joins", .additions_count = MANY, .is_growing = true},
	{.name = "both", .removals_count = MANY, .additions_count = MANY},
	{.name = "snapshot", .is_snapshot = true},
};

#define CASES_COUNT (sizeof(cases) / sizeof(cases[0]))

struct bench {
	struct peal_groups groups;
	const struct peal_group *group;   /* the parent of cuts */
	const struct peal_group *smaller; /* the one that many join */
	uint64_t run;                     /* makes every cut another one */
	struct peal_member additions[MANY];
	uint8_t *snapshot;
	uint32_t snapshot_capacity;
};

static void *
allocate(size_t size)
{
	void *memory = aligned_alloc(64, (size + 63U) / 64U * 64U);

	PEAL_ASSERT(memory != NULL);
	memset(memory, 0, size);
	return memory;
}

static struct peal_member
make_member(uint32_t address, uint64_t uuid_high, uint64_t uuid_low)
{
	return (struct peal_member){.uuid = {.low = uuid_low, .high = uuid_high},
		.address = {.ipv4 = address,
			.port = PORT,
			.mac = {0x02, 0, (uint8_t)(address >> 24), (uint8_t)(address >> 16),
				(uint8_t)(address >> 8), (uint8_t)address}},
		.shards_count = 1};
}

/* A snapshot of `members_count` members that no run had before. */
static uint32_t
encode_snapshot(struct bench *bench, uint16_t members_count)
{
	struct peal_member *members = allocate(members_count * sizeof(*members));
	struct peal_view view = {.cluster = {.low = 1, .high = 1},
		.epoch = 2U + bench->run++,
		.next_mid = members_count + 1U,
		.tie_mid = 1,
		.parent_hash = {.low = 1, .high = 1},
		.rings_count = PEAL_RINGS_DEFAULT,
		.members_count = members_count,
		.members = members};
	uint32_t size;

	for (uint32_t rank = 0; rank < members_count; rank++) {
		members[rank] = make_member(FIRST_ADDRESS + rank + 1U, peal_hash_mix(rank + 1U), 1);
		members[rank].mid = rank + 1U;
	}
	view.members_sum = peal_view_sum_members(&view);
	view.hash = peal_view_hash(&view);
	size = peal_view_encode(&view, bench->snapshot, bench->snapshot_capacity);
	free(members);
	return size;
}

static const struct peal_group *
make_group(struct bench *bench, uint16_t members_count)
{
	uint32_t size = encode_snapshot(bench, members_count);
	const struct peal_group *group =
		bench->groups.decode(bench->groups.state, bench->snapshot, size);

	PEAL_ASSERT(group != NULL);
	return group;
}

static void
set_up(struct bench *bench, uint16_t members_count)
{
	uint32_t members_max = members_count + 1U;

	bench->groups = peal_groupstore_groups(
		peal_groupstore_init(allocate(peal_groupstore_footprint(members_max, GROUPS_COUNT)),
			members_max, GROUPS_COUNT));
	bench->snapshot_capacity = PEAL_VIEW_ENCODED_SIZE_MAX(members_count);
	bench->snapshot = allocate(bench->snapshot_capacity);
	bench->group = make_group(bench, members_count);
	bench->smaller = make_group(bench, (uint16_t)(members_count - MANY));
}

/* A cut of a group as the case wants it, and different from all before. */
static void
make_cut(struct bench *bench, const struct bench_case *chosen, const struct peal_view *view,
	struct peal_proposal *cut_out)
{
	uint64_t run = ++bench->run;

	*cut_out = (struct peal_proposal){.parent_epoch = view->epoch,
		.parent_hash = view->hash,
		.additions_count = (uint16_t)chosen->additions_count,
		.additions = bench->additions};
	while (peal_bitset_count(&cut_out->removals) < chosen->removals_count) {
		run = peal_hash_mix(run);
		peal_bitset_add(&cut_out->removals, (uint32_t)(run % view->members_count));
	}
	for (uint32_t i = 0; i < chosen->additions_count; i++) {
		bench->additions[i] =
			make_member(JOINER_ADDRESS + i + 1U, i + 1U, peal_hash_mix(bench->run));
	}
}

static uint64_t
read_clock(void)
{
	struct timespec now;
	int result = clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);

	PEAL_ASSERT(result == 0);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* Returns nanoseconds. */
static uint64_t
run_case(struct bench *bench, const struct bench_case *chosen)
{
	const struct peal_groups *groups = &bench->groups;
	const struct peal_group *parent = chosen->is_growing ? bench->smaller : bench->group;
	const struct peal_group *made;
	struct peal_hash128 digest = {0};
	struct peal_proposal cut = {0};
	uint32_t size = 0;
	uint64_t before;
	uint64_t after;

	if (chosen->is_snapshot) {
		size = encode_snapshot(bench, parent->view.members_count);
	} else {
		make_cut(bench, chosen, &parent->view, &cut);
		digest = peal_proposal_digest(&cut);
	}
	before = read_clock();
	if (chosen->is_snapshot) {
		made = groups->decode(groups->state, bench->snapshot, size);
	} else {
		enum peal_invalid invalid = peal_nextview_validate(&parent->view, &cut);

		PEAL_ASSERT(invalid == PEAL_VALID);
		made = groups->next(groups->state, parent, &cut, digest);
	}
	after = read_clock();
	PEAL_ASSERT(made != NULL);
	PEAL_ASSERT(made->users_count == 1);
	groups->release(groups->state, made);
	return after - before;
}

static int
compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a;
	uint64_t right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static int
measure(struct bench *bench, uint32_t runs_count)
{
	uint64_t *samples[CASES_COUNT];
	double medians[CASES_COUNT];

	for (uint32_t i = 0; i < CASES_COUNT; i++) {
		samples[i] = allocate(runs_count * sizeof(*samples[i]));
	}
	/* In turns, so that a change of the processor's clock touches all of them alike. */
	for (uint32_t run = 0; run < runs_count; run++) {
		for (uint32_t i = 0; i < CASES_COUNT; i++) {
			samples[i][run] = run_case(bench, &cases[i]);
		}
	}
	for (uint32_t i = 0; i < CASES_COUNT; i++) {
		qsort(samples[i], runs_count, sizeof(*samples[i]), compare);
		uint64_t median_ns = samples[i][runs_count / 2U];

		medians[i] = (double)median_ns / NS_PER_MS;
		free(samples[i]);
	}
	(void)printf("{\"bench\":\"view\",\"members\":%u,\"rings\":%u,\"runs\":%u,"
		     "\"one_removal_ms\":%.3f,\"one_join_ms\":%.3f,\"joins_500_ms\":%.3f,"
		     "\"joins_500_removals_500_ms\":%.3f,\"snapshot_ms\":%.3f,"
		     "\"limit_one_ms\":%.1f,\"limit_500_ms\":%.1f}\n",
		bench->group->view.members_count, bench->group->view.rings_count, runs_count,
		medians[0], medians[1], medians[2], medians[3], medians[4], LIMIT_ONE_MS,
		LIMIT_MANY_MS);
	return medians[0] <= LIMIT_ONE_MS && medians[1] <= LIMIT_ONE_MS &&
			       medians[2] <= LIMIT_MANY_MS && medians[3] <= LIMIT_MANY_MS
		       ? 0
		       : 1;
}

static const struct bench_case *
find_case(const char *name)
{
	for (uint32_t i = 0; i < CASES_COUNT; i++) {
		if (strcmp(cases[i].name, name) == 0) {
			return &cases[i];
		}
	}
	(void)fprintf(stderr, "bench_view: there is no case %s\n", name);
	exit(2);
}

int
main(int argc, char **argv)
{
	static struct bench bench;
	unsigned long members_count = 10000;
	unsigned long runs_count = 101;
	const struct bench_case *chosen = NULL;
	void *store;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--callgrind") == 0 && i + 1 < argc) {
			chosen = find_case(argv[++i]);
		} else if (strcmp(argv[i], "--members") == 0 && i + 1 < argc) {
			members_count = strtoul(argv[++i], NULL, 10);
		} else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc) {
			runs_count = strtoul(argv[++i], NULL, 10);
		} else {
			(void)fprintf(stderr, "usage: bench_view [--members N] [--runs N] "
					      "[--callgrind CASE]\n");
			return 2;
		}
	}
	if (members_count < MEMBERS_MIN || members_count >= PEAL_MEMBERS_MAX ||
		runs_count < RUNS_MIN || runs_count > UINT16_MAX) {
		(void)fprintf(stderr, "bench_view: members %u .. %u, runs %u .. %u\n", MEMBERS_MIN,
			PEAL_MEMBERS_MAX - 1U, RUNS_MIN, UINT16_MAX);
		return 2;
	}
	set_up(&bench, (uint16_t)members_count);
	store = bench.groups.state;
	if (chosen == NULL) {
		for (uint32_t run = 0; run < WARM_RUNS; run++) {
			for (uint32_t i = 0; i < CASES_COUNT; i++) {
				(void)run_case(&bench, &cases[i]);
			}
		}
	}
	for (uint32_t run = 0; chosen != NULL && run < CALLGRIND_RUNS; run++) {
		(void)run_case(&bench, chosen);
	}

	int result = chosen == NULL ? measure(&bench, (uint32_t)runs_count) : 0;

	free(bench.snapshot);
	free(store);
	return result;
}
