/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scripts: written and read they are the same, played they are the run again, and shrunk they keep
 * what a failure needs. The failure is one that a script can hold: three of five crash, and then
 * all are asked to agree.
 */
#include "sim/shrink.h"
#include "tests/sim/simrun.h"

#include <stdio.h>
#include <string.h>

#define TEXT_SIZE 4096U
#define PLAYS_MAX 500U

static const char head[] = "nodes 5 preset dpdk seed 7\n";

/* Reads a script from text. False: `line_out` is the line that is wrong. */
static bool
read_text(const char *text, struct peal_script *script, uint32_t *line_out)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	bool is_read;

	assert_non_null(file);
	peal_script_init(script);
	is_read = peal_script_read(script, file, line_out);
	(void)fclose(file);
	return is_read;
}

static void
write_text(const struct peal_script *script, char text[TEXT_SIZE])
{
	FILE *file = fmemopen(text, TEXT_SIZE, "w");

	assert_non_null(file);
	peal_script_write(script, file);
	assert_true(ftell(file) < (long)TEXT_SIZE);
	(void)fclose(file);
}

static void
test_script__is_the_same_after_writing_and_reading(void **state)
{
	static const char all[] = "nodes 5 preset cloud seed 18446744073709551615 profile paper "
				  "detector phi seeds 1 ipv6 1 talk 1\n"
				  "0.000000000 start 0\n"
				  "0.000000001 start 4\n"
				  "1.500000000 crash 4\n"
				  "1.500000000 leave 3\n"
				  "1.500000000 pause 2\n"
				  "2.000000000 resume 2\n"
				  "2.000000000 stick 1\n"
				  "2.000000000 unstick 1\n"
				  "2.000000000 cut 0 4\n"
				  "2.000000000 mend 0 4\n"
				  "3.000000000 ingress 2 800000\n"
				  "3.000000000 egress 2 1000000\n"
				  "3.250000000 weather 10000 20000 30000 20000000\n"
				  "4.000000000 heal\n"
				  "4.000000000 agree\n"
				  "4.062000000 quiet 1000000000\n";
	char text[TEXT_SIZE];
	struct peal_script script;
	uint32_t line;

	(void)state;
	assert_true(read_text(all, &script, &line));
	assert_int_equal(script.count, 16);
	assert_int_equal(script.detector, PEAL_DETECTOR_PHI);
	assert_string_equal(script.profile, "paper");
	assert_true(script.has_one_seed);
	assert_true(script.is_ipv6);
	assert_true(script.has_talk);
	write_text(&script, text);
	assert_string_equal(text, all);
	peal_script_fini(&script);
}

static void
test_script__may_hold_remarks_and_empty_lines(void **state)
{
	struct peal_script script;
	uint32_t line;

	(void)state;
	assert_true(read_text("# why\n\nnodes 2 preset dpdk seed 1\n# now\n0.000000000 start 1\n",
		&script, &line));
	assert_int_equal(script.count, 1);
	assert_int_equal(script.actions[0].values[0], 1);
	peal_script_fini(&script);
}

static void
test_script__a_line_that_is_none_is_refused_and_named(void **state)
{
	static const struct {
		const char *text;
		uint32_t line;
	} wrong[] = {
		{"# nothing else\n", 2},
		{"0.000000000 start 0\n", 1},
		{"nodes 0 preset dpdk seed 1\n", 1},
		{"nodes 10001 preset dpdk seed 1\n", 1},
		{"nodes 5 preset soon seed 1\n", 1},
		{"nodes 5 preset dpdk seed 1 profile slow\n", 1},
		{"nodes 5 preset dpdk seed 1 detector phi\n", 1},
		{"nodes 5 preset dpdk seed 1 seeds 6\n", 1},
		{"nodes 5 preset dpdk seed 1 talk 2\n", 1},
		{"nodes 5 preset dpdk seed 1 ipv6 4\n", 1},
		{"nodes 5 preset dpdk seed\n", 1},
		{"nodes 5 seed 1\n", 1},
		{"nodes 5 preset dpdk seed 7\n0.000000000 start 5\n", 2},
		{"nodes 5 preset dpdk seed 7\n0.000000000 start\n", 2},
		{"nodes 5 preset dpdk seed 7\n0.000000000 start 0 1\n", 2},
		{"nodes 5 preset dpdk seed 7\n0.000000000 start -1\n", 2},
		{"nodes 5 preset dpdk seed 7\n0.000000000 cut 0 5\n", 2},
		{"nodes 5 preset dpdk seed 7\n0.000000000 ingress 0 1000001\n", 2},
		{"nodes 5 preset dpdk seed 7\n0.000000000 explode 0\n", 2},
		{"nodes 5 preset dpdk seed 7\n0.000000000\n", 2},
		{"nodes 5 preset dpdk seed 7\n0.5 start 0\n", 2},
		{"nodes 5 preset dpdk seed 7\n1 start 0\n", 2},
		{"nodes 5 preset dpdk seed 7\n\n2.000000000 start 0\n# back\n1.000000000 crash 0\n",
			5},
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct peal_script script;
		uint32_t line;

		assert_false(read_text(wrong[i].text, &script, &line));
		assert_int_equal(line, wrong[i].line);
		peal_script_fini(&script);
	}
}

static void
test_script__an_action_that_a_failure_may_need_is_kept(void **state)
{
	struct peal_script script;
	uint32_t line;

	(void)state;
	assert_true(read_text("nodes 2 preset dpdk seed 1\n"
			      "0.000000000 start 0\n" /* 0 */
			      "0.000000000 start 1\n" /* 1 */
			      "1.000000000 crash 1\n" /* 2: may go, and then so may 3 */
			      "2.000000000 start 1\n" /* 3 */
			      "2.100000000 start 1\n" /* 4: does nothing */
			      "3.000000000 cut 0 1\n" /* 5 */
			      "4.000000000 heal\n"    /* 6 */
			      "4.000000000 agree\n"   /* 7 */
			      "5.000000000 quiet 1000000000\n",
		&script, &line));
	for (uint32_t i = 0; i < script.count; i++) {
		assert_int_equal(
			peal_script_is_optional(&script, i), i == 2U || i == 4U || i == 5U);
	}
	peal_script_fini(&script);
}

/* What is recorded from a run, played, is that run: same events, frames, views, digest. */
static void
play_record(const char *name, struct peal_scenario_options options)
{
	struct peal_report *played = malloc(sizeof(*played));
	struct peal_script script;
	struct peal_script again;
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	uint32_t line;

	assert_non_null(played);
	assert_non_null(file);
	peal_script_init(&script);
	options.record = &script;
	assert_true(simrun_with(name, &options));
	peal_script_write(&script, file);
	(void)fclose(file);
	assert_true(read_text(text, &again, &line));
	assert_true(peal_shrink_play(&again, NULL, played));
	assert_int_equal(played->virtual_ns, simrun_report.virtual_ns);
	assert_int_equal(played->events_count, simrun_report.events_count);
	assert_int_equal(played->frames_count, simrun_report.frames_count);
	assert_int_equal(played->views_count, simrun_report.views_count);
	assert_int_equal(played->digest, simrun_report.digest);
	peal_script_fini(&script);
	peal_script_fini(&again);
	free(text);
	free(played);
}

static void
test_script__a_record_that_is_played_is_the_run_again(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		play_record("swarm", (struct peal_scenario_options){.seed = seed});
	}
	play_record("swarm", (struct peal_scenario_options){
				     .seed = 3, .preset = "cloud", .detector = PEAL_DETECTOR_PHI});
	play_record("swarm", (struct peal_scenario_options){.seed = 1, .nodes_count = 66});
	play_record("swarm", (struct peal_scenario_options){.seed = 2, .is_ipv6 = true});
	play_record("crash",
		(struct peal_scenario_options){.seed = 4, .nodes_count = 100, .profile = "paper"});
}

static const char too_many[] = "0.000000000 start 0\n"
			       "0.000000000 start 1\n"
			       "0.000000000 start 2\n"
			       "0.000000000 start 3\n"
			       "0.000000000 start 4\n"
			       "0.000000000 agree\n"
			       "2.000000000 cut 0 1\n"
			       "2.010000000 pause 4\n"
			       "2.020000000 weather 1000 0 0 0\n"
			       "2.100000000 resume 4\n"
			       "2.200000000 mend 0 1\n"
			       "2.300000000 crash 0\n"
			       "2.320000000 start 0\n"
			       "4.000000000 egress 3 500000\n"
			       "4.010000000 egress 3 0\n"
			       "6.000000000 crash 1\n"
			       "6.000000000 cut 3 4\n"
			       "6.000000000 crash 2\n"
			       "6.000000000 stick 4\n"
			       "6.000000000 crash 3\n"
			       "6.010000000 heal\n"
			       "6.010000000 agree\n";

static uint32_t progress_count;

static void
count_progress(uint32_t plays, uint32_t actions)
{
	(void)plays;
	(void)actions;
	progress_count++;
}

static void
test_script__shrinks_to_what_the_failure_needs(void **state)
{
	char text[TEXT_SIZE];
	struct peal_script script;
	uint32_t line;

	(void)state;
	(void)snprintf(text, sizeof(text), "%s%s", head, too_many);
	assert_true(read_text(text, &script, &line));
	progress_count = 0;
	assert_true(peal_shrink_reduce(&script, PLAYS_MAX, count_progress));
	assert_true(progress_count > 0);
	write_text(&script, text);
	assert_string_equal(text, "nodes 5 preset dpdk seed 7\n"
				  "0.000000000 start 0\n"
				  "0.000000000 start 1\n"
				  "0.000000000 start 2\n"
				  "0.000000000 start 3\n"
				  "0.000000000 start 4\n"
				  "0.000000000 agree\n"
				  "6.000000000 crash 1\n"
				  "6.000000000 crash 2\n"
				  "6.000000000 crash 3\n"
				  "6.010000000 heal\n"
				  "6.010000000 agree\n");
	peal_script_fini(&script);
}

static void
test_script__one_that_does_not_fail_is_left_alone(void **state)
{
	struct peal_script script;
	uint32_t line;

	(void)state;
	assert_true(read_text("nodes 3 preset dpdk seed 1\n"
			      "0.000000000 start 0\n"
			      "0.000000000 start 1\n"
			      "0.000000000 start 2\n"
			      "0.000000000 agree\n"
			      "3.000000000 cut 0 1\n"
			      "3.100000000 heal\n"
			      "3.100000000 agree\n",
		&script, &line));
	assert_false(peal_shrink_reduce(&script, PLAYS_MAX, NULL));
	assert_int_equal(script.count, 7);
	peal_script_fini(&script);
}

/* A hand that breaks a node is no action: the record of such a run holds nothing to shrink. */
static void
test_script__what_is_not_recorded_is_not_claimed(void **state)
{
	struct peal_scenario_options options = {.nodes_count = 5, .seed = 2};
	struct peal_script script;

	(void)state;
	peal_script_init(&script);
	assert_false(
		peal_shrink_run(peal_scenario_find("canary"), &options, PLAYS_MAX, NULL, &script));
	assert_true(script.count > 0);
	peal_script_fini(&script);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_script__is_the_same_after_writing_and_reading),
		cmocka_unit_test(test_script__may_hold_remarks_and_empty_lines),
		cmocka_unit_test(test_script__a_line_that_is_none_is_refused_and_named),
		cmocka_unit_test(test_script__an_action_that_a_failure_may_need_is_kept),
		cmocka_unit_test(test_script__a_record_that_is_played_is_the_run_again),
		cmocka_unit_test(test_script__shrinks_to_what_the_failure_needs),
		cmocka_unit_test(test_script__one_that_does_not_fail_is_left_alone),
		cmocka_unit_test(test_script__what_is_not_recorded_is_not_claimed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
