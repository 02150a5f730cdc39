/* SPDX-License-Identifier: BSD-3-Clause */
/* The ways of node A to the others of a group of five, whose answers a test loses as it likes. */
#include "dataplane/paths.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/fakecore.h"
#include "wire/messages.h"

#define A     0U
#define B     1U
#define COUNT 5U
#define ALL   0x1FU

#define MS      UINT64_C(1000000)
#define STEP_NS (MS / 10U)

static struct peal_fakecores *cores;
static struct peal_paths *paths;
static bool is_cut;    /* from A to B */
static uint32_t gone;  /* nodes that pass nothing on */
static uint32_t asked; /* nodes that a frame to be passed on was sent to */

static bool
filter(void *state, uint32_t from, uint32_t to, const uint8_t *data, uint32_t size)
{
	(void)state;
	(void)size;
	if (data[PEAL_UDP_OFFSET + 5U] == PEAL_FRAME_FLAG_RELAY && from == A) {
		asked |= 1U << to;
		return (gone >> to & 1U) == 0;
	}
	return !(is_cut && from == A && to == B);
}

static int
begin(void **state)
{
	(void)state;
	is_cut = false;
	gone = asked = 0;
	cores = peal_fakecores_create_view(COUNT, "none");
	cores->wire->filter = filter;
	paths = &cores->nodes[A]->core.paths;
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < COUNT; i++) {
		peal_fakeswitch_clear(cores->wire, i);
	}
	peal_fakecores_destroy(cores);
	return 0;
}

static uint64_t
counter(uint32_t index, enum peal_counter id)
{
	return peal_fakecores_counter(cores, index, id);
}

static void
run(uint64_t span_ns)
{
	peal_fakecores_run(cores, cores->now_ns + span_ns, STEP_NS);
}

static void
doubt(void)
{
	peal_egress_doubt(&cores->nodes[A]->core.egress, B);
}

/* A says something on a channel to B, which has none; twice, for one may be lost to a turn. */
static void
say(uint32_t from, uint32_t to)
{
	static const uint8_t body[44];

	assert_true(peal_egress_send_slot(&cores->nodes[from]->core.egress, (uint16_t)to,
		PEAL_MESSAGE_CHANNEL, body, sizeof(body)));
	run(STEP_NS);
}

static enum peal_path_state
state_of(uint32_t from, uint32_t to)
{
	return peal_paths_state(&cores->nodes[from]->core.paths, (uint16_t)to);
}

/* Until A asks others to pass frames to B on. */
static void
break_way(void)
{
	is_cut = true;
	doubt();
	run(PEAL_PATH_ECHOES_MAX * PEAL_PATH_ECHO_NS + MS);
	assert_int_equal(state_of(A, B), PEAL_PATH_TRYING);
}

static void
test_paths__a_doubt_that_is_answered_changes_nothing(void **state)
{
	(void)state;
	doubt();
	run(STEP_NS);
	assert_int_equal(counter(A, PEAL_COUNTER_PATH_ECHOES), 1);
	run(MS);
	assert_int_equal(state_of(A, B), PEAL_PATH_DIRECT);
	assert_true(peal_paths_deadline_at_ns(paths) == UINT64_MAX);
	/* And is not asked again for a while. */
	doubt();
	run(MS);
	assert_int_equal(counter(A, PEAL_COUNTER_PATH_DOUBTS), 1);
	run(PEAL_PATH_TRUST_NS);
	doubt();
	run(MS);
	assert_int_equal(counter(A, PEAL_COUNTER_PATH_DOUBTS), 2);
	assert_int_equal(counter(A, PEAL_COUNTER_PATHS_BROKEN), 0);
	assert_int_equal(counter(A, PEAL_COUNTER_ECHO_REPLIES_LATE), 0);
}

/* One of the echoes is answered. */
static void
test_paths__the_last_echo_is_as_good_as_the_first(void **state)
{
	(void)state;
	is_cut = true;
	doubt();
	run((PEAL_PATH_ECHOES_MAX - 1U) * PEAL_PATH_ECHO_NS - MS);
	is_cut = false;
	run(2U * MS);
	assert_int_equal(counter(A, PEAL_COUNTER_PATH_ECHOES), PEAL_PATH_ECHOES_MAX);
	assert_int_equal(state_of(A, B), PEAL_PATH_DIRECT);
	assert_int_equal(counter(A, PEAL_COUNTER_PATHS_BROKEN), 0);
}

static void
test_paths__goes_round_and_comes_back(void **state)
{
	const struct peal_plane *plane = &cores->nodes[A]->plane;

	(void)state;
	break_way();
	assert_int_equal(atomic_load(&plane->via[B]), 0); /* not proven */
	assert_int_equal(counter(B, PEAL_COUNTER_RELAY_HEARD), 0);
	say(A, B);
	run(MS);
	assert_int_equal(counter(A, PEAL_COUNTER_RELAY_ASKED), 1);
	assert_int_equal(counter(B, PEAL_COUNTER_RELAY_HEARD), 1);

	/* B heard it through another, looks for itself, and answers by the same way. */
	run(PEAL_PATH_ECHOES_MAX * PEAL_PATH_ECHO_NS + MS);
	assert_int_equal(state_of(B, A), PEAL_PATH_TRYING);
	assert_int_equal(
		cores->nodes[B]->core.paths.paths[A].via, cores->nodes[A]->core.paths.paths[B].via);
	say(B, A);
	run(MS);
	assert_int_equal(state_of(A, B), PEAL_PATH_INDIRECT);
	assert_int_equal(atomic_load(&plane->via[B]), paths->paths[B].via + 1U);
	say(A, B);
	run(MS);
	assert_int_equal(state_of(B, A), PEAL_PATH_INDIRECT);
	assert_int_equal(counter(A, PEAL_COUNTER_PATHS_INDIRECT), 1);

	/* It stays so, and comes back with the third answer in a row. */
	run(4U * PEAL_PATH_PROBE_NS);
	assert_int_equal(state_of(A, B), PEAL_PATH_INDIRECT);
	is_cut = false;
	run((PEAL_PATH_REPLIES_MIN - 1U) * PEAL_PATH_PROBE_NS);
	assert_int_equal(state_of(A, B), PEAL_PATH_INDIRECT);
	run(2U * PEAL_PATH_PROBE_NS);
	assert_int_equal(state_of(A, B), PEAL_PATH_DIRECT);
	assert_int_equal(state_of(B, A), PEAL_PATH_DIRECT);
	assert_int_equal(counter(A, PEAL_COUNTER_PATHS_DIRECT), 1);
	assert_int_equal(atomic_load(&plane->via[B]), 0);
	say(A, B);
	assert_int_equal(counter(A, PEAL_COUNTER_RELAY_ASKED), 2);
}

/* Only channels and broadcast. */
static void
test_paths__all_else_goes_directly(void **state)
{
	static const uint8_t body[PEAL_LIVENESS_BODY_SIZE];

	(void)state;
	break_way();
	asked = 0;
	(void)peal_egress_send_slot(&cores->nodes[A]->core.egress, B, PEAL_MESSAGE_VOTE, body, 16);
	(void)peal_egress_send_slot(&cores->nodes[A]->core.egress, B, PEAL_MESSAGE_PROBE, body, 16);
	run(MS);
	assert_int_equal(asked, 0);
	(void)peal_egress_send_slot(
		&cores->nodes[A]->core.egress, B, PEAL_MESSAGE_CAST_PULL, body, 16);
	run(MS);
	assert_int_equal(asked, 1U << paths->paths[B].via);
}

/* Who is tried in vain makes room for the next, until all had their turn. */
static void
test_paths__tries_one_after_the_other(void **state)
{
	uint32_t tried = 0;

	(void)state;
	gone = ALL;
	break_way();
	for (uint32_t i = 0; i < COUNT - 2U; i++) {
		uint32_t via = paths->paths[B].via;

		assert_int_equal(tried >> via & 1U, 0);
		assert_true(via != A && via != B);
		tried |= 1U << via;
		say(A, B);
		doubt();
		run(STEP_NS); /* too early */
		assert_int_equal(paths->paths[B].via, via);
		run(PEAL_PATH_TRY_NS);
		doubt();
		run(STEP_NS);
	}
	assert_int_equal(tried, ALL & ~3U);
	assert_int_equal(asked, tried);
	assert_int_equal(counter(A, PEAL_COUNTER_PATHS_CHANGED), COUNT - 2U);
}

/* Time passes without a turn, so that nobody hears an answer. Returns whom the way goes through. */
static uint16_t
break_unheard(uint32_t from, uint32_t to)
{
	struct peal_paths *mine = &cores->nodes[from]->core.paths;
	uint16_t via;

	peal_paths_doubt(mine, (uint16_t)to, cores->now_ns);
	for (uint32_t i = 0; i < PEAL_PATH_ECHOES_MAX; i++) {
		cores->now_ns += PEAL_PATH_ECHO_NS;
		(void)peal_paths_run(mine, cores->now_ns);
	}
	assert_int_equal(state_of(from, to), PEAL_PATH_TRYING);
	via = mine->paths[to].via;
	peal_paths_on_reply(mine, (uint16_t)to, &(struct peal_liveness_msg){0}, cores->now_ns);
	assert_int_equal(state_of(from, to), PEAL_PATH_DIRECT);
	return via;
}

/* Both ends begin with the same member, and pairs with different ones. */
static void
test_paths__both_ends_agree_on_the_order(void **state)
{
	uint32_t used = 0;

	(void)state;
	for (uint32_t from = 0; from < COUNT; from++) {
		for (uint32_t to = from + 1U; to < COUNT; to++) {
			uint16_t via = break_unheard(from, to);

			assert_int_equal(via, break_unheard(to, from));
			used |= 1U << via;
		}
	}
	assert_true((used & (used - 1U)) != 0);
}

static void
test_paths__two_members_have_nobody_between_them(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2U; i++) {
		peal_fakecores_install(cores, i, PEAL_FAKECORE_EPOCH + 1U, 0x3, 0x1C);
	}
	is_cut = true;
	doubt();
	run(PEAL_PATH_ECHOES_MAX * PEAL_PATH_ECHO_NS + MS);
	assert_int_equal(state_of(A, B), PEAL_PATH_DIRECT);
	assert_int_equal(counter(A, PEAL_COUNTER_PATHS_BROKEN), 0);
}

/* Who passes frames on leaves: the next takes its place in the new view; the peer leaves: nothing.
 */
static void
test_paths__views_come_and_go(void **state)
{
	uint32_t via;

	(void)state;
	break_way();
	via = paths->paths[B].via;
	peal_fakecores_install(cores, A, PEAL_FAKECORE_EPOCH + 1U, ALL & ~(1U << via), 1U << via);
	assert_int_equal(state_of(A, B), PEAL_PATH_TRYING);
	assert_int_not_equal(paths->paths[B].via, via);
	assert_int_equal(cores->nodes[A]->core.egress.peers[B].via, paths->paths[B].via);
	peal_fakecores_install(cores, A, PEAL_FAKECORE_EPOCH + 2U, ALL & ~(1U << via) & ~(1U << B),
		1U << via | 1U << B);
	assert_int_equal(state_of(A, B), PEAL_PATH_DIRECT);
	assert_int_equal(cores->nodes[A]->core.egress.peers[B].via, PEAL_PEERS_NONE);
	assert_true(peal_paths_deadline_at_ns(paths) == UINT64_MAX);
	doubt();
	run(MS);
	assert_int_equal(state_of(A, B), PEAL_PATH_DIRECT);
}

/* A way that breaks again soon after it came back has to prove itself for longer. */
static void
test_paths__a_flapping_way_is_trusted_less(void **state)
{
	uint32_t needed = 0;

	(void)state;
	for (uint32_t i = 0; i < 6U; i++) {
		break_way();
		assert_true(paths->paths[B].replies_needed >= needed);
		needed = paths->paths[B].replies_needed;
		paths->paths[B].state = PEAL_PATH_INDIRECT;
		is_cut = false;
		run((needed + 2U) * PEAL_PATH_PROBE_NS);
		assert_int_equal(state_of(A, B), PEAL_PATH_DIRECT);
		run(PEAL_PATH_PROBE_NS);
	}
	assert_int_equal(needed, PEAL_PATH_REPLIES_MAX);
	run(PEAL_PATH_FLAP_NS);
	break_way();
	assert_int_equal(paths->paths[B].replies_needed, PEAL_PATH_REPLIES_MIN);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_paths__a_doubt_that_is_answered_changes_nothing),
		TEST(test_paths__the_last_echo_is_as_good_as_the_first),
		TEST(test_paths__goes_round_and_comes_back),
		TEST(test_paths__all_else_goes_directly),
		TEST(test_paths__tries_one_after_the_other),
		TEST(test_paths__both_ends_agree_on_the_order),
		TEST(test_paths__two_members_have_nobody_between_them),
		TEST(test_paths__views_come_and_go),
		TEST(test_paths__a_flapping_way_is_trusted_less),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
