/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libpeal-node as an application sees it: what is refused and how, whose a core is, a whole life,
 * and the next one in the same process.
 *
 * DPDK is this program's: lcores 0 to 2 without CPUs of their own, and devices that go nowhere, so
 * a node is a group of one. tests/integ/embedded_test.py has one in a group with daemons.
 */
#include <peal/embed.h>
#include <peal/peal.h>

#include "tests/lib/childcase.h"
#include "tests/lib/cmocka_all.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE_MAX 128U
#define DEVICE        "device: net_null7\ndevice_args: \"no-rx=1\"\n"
/* A port that the process makes, and lends. */
#define LENT_DEVICE "net_null3"
#define LIVES       3U

static const char *scratch;
static char config_path[PATH_SIZE_MAX];
static char socket_path[PATH_SIZE_MAX];

/* Writes the configuration of a group of one, and `more` behind it. */
static void
write_config(const char *more)
{
	FILE *file = fopen(config_path, "we");

	assert_non_null(file);
	(void)fprintf(file,
		"cluster: integ\nname: n1\naddress: 10.77.0.1:7400\nencryption: none\nexpect: 1\n"
		"seeds: [10.77.0.1:7400]\nsocket: %s\n%s",
		socket_path, more);
	assert_int_equal(fclose(file), 0);
}

static struct peal_embed *
open_node(const char *more)
{
	const struct peal_embed_options options = {.config_path = config_path};
	struct peal_embed *node;

	write_config(more);
	node = peal_embed_open(&options);
	if (node == NULL) {
		(void)fprintf(stderr, "%s\n", peal_embed_error());
	}
	assert_non_null(node);
	return node;
}

static void
expect_refused(const struct peal_embed_options *options, const char *why)
{
	assert_null(peal_embed_open(options));
	if (strstr(peal_embed_error(), why) == NULL) {
		fail_msg("'%s' is not in '%s'", why, peal_embed_error());
	}
}

static void
expect_config_refused(const char *more, const char *why)
{
	const struct peal_embed_options options = {.config_path = config_path};

	write_config(more);
	expect_refused(&options, why);
}

/* Polls all cores until the node is in this state. */
static void
poll_until(struct peal_embed *node, enum peal_embed_state state)
{
	for (uint32_t looks = 0; peal_embed_state(node) != state; looks++) {
		for (uint32_t core = 0; core < peal_embed_cores_count(node); core++) {
			assert_true(peal_embed_poll(node, core) >= 0);
		}
		if (looks % 64U == 0) {
			peal_childcase_pause_ms(1);
		}
		assert_true(looks < 64U * 1000U * PEAL_CHILDCASE_WAIT_S);
	}
}

/* Asks for leave and polls until the core is nobody's. */
static void
leave(struct peal_embed *node)
{
	peal_embed_leave(node);
	for (uint32_t core = 0; core < peal_embed_cores_count(node); core++) {
		while (peal_embed_poll(node, core) >= 0) {
			peal_childcase_pause_ms(1);
		}
		assert_int_equal(peal_embed_poll(node, core), PEAL_EMBED_OVER);
	}
	assert_int_equal(peal_embed_state(node), PEAL_EMBED_LEFT);
}

static uint32_t
count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	uint32_t count = 0;

	assert_non_null(folder);
	while (readdir(folder) != NULL) {
		count++;
	}
	(void)closedir(folder);
	return count;
}

/* The door may have to wait for its processor longer than libpeal does. */
static struct peal *
attach(const struct peal_embed *node)
{
	enum peal_result result = PEAL_NO_DAEMON;
	struct peal *peal = NULL;

	for (uint32_t tries = 0; result == PEAL_NO_DAEMON && tries < PEAL_CHILDCASE_WAIT_S;
		tries++) {
		result = peal_attach(peal_embed_socket(node), "integ", &peal);
	}
	assert_int_equal(result, PEAL_OK);
	return peal;
}

/* --- refusals --- */

static void
test_embed__refuses_without_dpdk(void **state)
{
	(void)state;
	expect_config_refused(DEVICE, "call rte_eal_init first");
}

/* Lcores 0 to 2 wherever this program may run, which can be one CPU. */
static int
start_dpdk(void **state)
{
	static const char *const words[] = {"integ_embed", "--no-huge", "-m", "128", "--no-pci",
		"--no-shconf", "--iova-mode=va", "--no-telemetry", "--log-level=error"};
	static char texts[sizeof(words) / sizeof(words[0]) + 1U][64];
	static char *arguments[sizeof(words) / sizeof(words[0]) + 2U];
	int count = 0, cpu = 0;
	cpu_set_t cpus;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	while (!CPU_ISSET((size_t)cpu, &cpus)) {
		cpu++;
	}
	for (; (size_t)count < sizeof(words) / sizeof(words[0]); count++) {
		(void)snprintf(texts[count], sizeof(texts[0]), "%s", words[count]);
	}
	(void)snprintf(texts[count++], sizeof(texts[0]), "--lcores=0@%d,1@%d,2@%d", cpu, cpu, cpu);
	for (int i = 0; i < count; i++) {
		arguments[i] = texts[i];
	}
	return rte_eal_init(count, arguments) >= 0 ? 0 : -1;
}

static void
test_embed__refuses_keys_that_are_not_its_own(void **state)
{
	const struct peal_embed_options missing = {.config_path = "/nonexistent/n1.yaml"};
	const struct peal_embed_options none = {.config_path = NULL};

	(void)state;
	expect_refused(&none, "config_path");
	expect_refused(&missing, "/nonexistent/n1.yaml");
	expect_config_refused(DEVICE "memory_mb: 64\n", "memory_mb: is for peald");
	expect_config_refused(DEVICE "huge: auto\n", "huge: is for peald");
	expect_config_refused(DEVICE "lcore: 0\n", "lcore: is for peald");
	expect_config_refused(DEVICE "# memory_mb: 64\nlcore: 0\n", "lcore: is for peald");
	expect_config_refused("", "device is missing");
	expect_config_refused(DEVICE "colour: red\n", "colour: there is no such key");
}

static void
test_embed__refuses_devices_that_are_not_there(void **state)
{
	struct peal_embed_options options = {.config_path = config_path, .has_port = true};
	uint32_t descriptors_count = count_descriptors();

	(void)state;
	expect_config_refused("device: net_nonsense0\n", "net_nonsense0 could not be added");
	options.port_id = 31;
	write_config("");
	expect_refused(&options, "no port 31");
	assert_int_equal(count_descriptors(), descriptors_count);
}

static void
test_embed__refuses_lcores_that_are_not_there(void **state)
{
	const uint32_t lcore_ids[2] = {99, 1};
	struct peal_embed_options options = {
		.config_path = config_path, .lcores_count = 1, .lcore_ids = lcore_ids};

	(void)state;
	write_config(DEVICE);
	expect_refused(&options, "no lcore 99");
	options.lcores_count = 2;
	expect_refused(&options, "2 lcores were named for 1 cores");
	options.lcores_count = 1;
	options.lcore_ids = NULL;
	expect_refused(&options, "1 lcores were named");
}

static void
test_embed__refuses_a_second_node(void **state)
{
	const struct peal_embed_options options = {.config_path = config_path};
	struct peal_embed *node = open_node(DEVICE);

	(void)state;
	expect_refused(&options, "has a node already");
	assert_true(peal_embed_close(node));
	assert_true(peal_embed_close(NULL));
	node = open_node(DEVICE);
	assert_true(peal_embed_close(node));
}

/* --- whose a core is --- */

/* How DPDK starts and ends what lcores do a thread sanitizer does not see; what it sees is that
 * `polled` is written before, and `ended_count` after all that they do. */
static struct peal_embed *_Atomic polled;
static _Atomic uint32_t ended_count;
static int32_t answer;

static int
poll_once(void *argument)
{
	(void)argument;
	answer = peal_embed_poll(polled, 0);
	(void)atomic_fetch_add(&ended_count, 1U);
	return 0;
}

static int
poll_and_release(void *argument)
{
	(void)argument;
	answer = peal_embed_poll(polled, 0);
	peal_embed_release(polled, 0);
	(void)atomic_fetch_add(&ended_count, 1U);
	return 0;
}

static void *
poll_on_thread(void *argument)
{
	(void)poll_once(argument);
	return NULL;
}

static int32_t
ask_lcore(lcore_function_t function, uint32_t lcore_id)
{
	answer = INT32_MIN;
	ended_count = 0;
	atomic_store(&polled, atomic_load(&polled)); /* after it */
	assert_int_equal(rte_eal_remote_launch(function, NULL, lcore_id), 0);
	assert_int_equal(rte_eal_wait_lcore(lcore_id), 0);
	assert_int_equal(ended_count, 1);
	return answer;
}

static void
test_embed__a_core_has_one_owner(void **state)
{
	struct peal_embed *node = open_node(DEVICE);
	pthread_t thread;

	(void)state;
	polled = node;
	assert_int_equal(peal_embed_poll(node, 1), PEAL_EMBED_NO_CORE);
	assert_int_equal(pthread_create(&thread, NULL, poll_on_thread, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(answer, PEAL_EMBED_NO_LCORE);
	assert_true(ask_lcore(poll_once, 1) >= 0);
	assert_int_equal(peal_embed_poll(node, 0), PEAL_EMBED_OTHER_LCORE);
	assert_int_equal(ask_lcore(poll_and_release, 2), PEAL_EMBED_OTHER_LCORE);
	assert_int_equal(peal_embed_rest(node, 0), 0);
	peal_embed_release(node, 0); /* not its owner */
	assert_false(peal_embed_close(node));
	assert_non_null(strstr(peal_embed_error(), "lcore 1 still polls core 0"));
	assert_true(ask_lcore(poll_and_release, 1) >= 0);
	assert_true(peal_embed_poll(node, 0) >= 0);
	assert_int_equal(ask_lcore(poll_once, 1), PEAL_EMBED_OTHER_LCORE);
	assert_true(peal_embed_close(node));
}

static void
test_embed__named_lcores_alone_may_poll(void **state)
{
	const uint32_t lcore_ids[2] = {2, 0};
	const struct peal_embed_options options = {
		.config_path = config_path, .lcores_count = 2, .lcore_ids = lcore_ids};

	struct peal_embed *node;

	(void)state;
	write_config("device: net_null7\ndevice_args: \"no-rx=1\"\ncores: 2\n");
	polled = node = peal_embed_open(&options);
	if (node == NULL) {
		fail_msg("%s", peal_embed_error());
	}
	assert_int_equal(peal_embed_cores_count(node), 2);
	assert_int_equal(ask_lcore(poll_once, 1), PEAL_EMBED_OTHER_LCORE);
	assert_int_equal(peal_embed_poll(node, 0), PEAL_EMBED_OTHER_LCORE);
	assert_true(peal_embed_poll(node, 1) >= 0);
	assert_true(ask_lcore(poll_and_release, 2) >= 0);
	assert_true(peal_embed_close(node));
}

/* --- lives --- */

/* Attaches, says something to all, and hears it, all on the thread that polls the node. */
static struct peal *
talk(struct peal_embed *node)
{
	struct peal_event event = {.kind = 0};
	enum peal_result sent = PEAL_EMPTY;
	struct peal *peal;

	assert_string_equal(peal_embed_socket(node), socket_path);
	peal = attach(node);
	assert_int_equal(peal_hear(peal, true), PEAL_OK);
	for (uint32_t looks = 0; event.kind != PEAL_EVENT_CAST; looks++) {
		assert_true(peal_embed_poll(node, 0) >= 0);
		if (peal_poll(peal, &event) != PEAL_OK) {
			event.kind = 0;
		}
		if (sent != PEAL_OK && peal_view(peal)->epoch > 0) {
			sent = peal_send(peal, PEAL_ALL, "word", 4);
		}
		if (looks % 64U == 0) {
			peal_childcase_pause_ms(1);
		}
		assert_true(looks < 64U * 1000U * PEAL_CHILDCASE_WAIT_S);
	}
	assert_memory_equal(event.bytes, "word", 4);
	return peal;
}

/* One life from open to close. */
static void
live(const struct peal_embed_options *options)
{
	struct peal_embed *node = peal_embed_open(options);
	bool is_view_told = false;
	struct peal *peal;
	char line[128];

	if (node == NULL) {
		fail_msg("%s", peal_embed_error());
	}
	poll_until(node, PEAL_EMBED_MEMBER);
	peal = talk(node);
	while (peal_embed_news(node, line, sizeof(line))) {
		is_view_told |= strncmp(line, "view ", 5) == 0;
	}
	assert_true(is_view_told);
	leave(node);
	assert_true(peal_embed_close(node));
	assert_int_equal(peal_state(peal), PEAL_CLOSED);
	peal_detach(peal);
	assert_int_equal(access(socket_path, F_OK), -1);
}

static void
test_embed__lives_again_and_again(void **state)
{
	const struct peal_embed_options options = {.config_path = config_path};
	uint32_t descriptors_count = 0;

	(void)state;
	write_config(DEVICE);
	for (uint32_t life = 0; life < LIVES; life++) {
		uint16_t port_id;

		live(&options);
		assert_int_not_equal(rte_eth_dev_get_port_by_name("net_null7", &port_id), 0);
		/* The first one leaves what the process has once. */
		descriptors_count = life == 0 ? count_descriptors() : descriptors_count;
		assert_int_equal(count_descriptors(), descriptors_count);
	}
}

static void
test_embed__borrows_a_port_and_gives_it_back(void **state)
{
	struct peal_embed_options options = {.config_path = config_path, .has_port = true};
	struct rte_eth_conf wish = {0};

	(void)state;
	assert_int_equal(rte_eal_hotplug_add("vdev", LENT_DEVICE, "no-rx=1"), 0);
	assert_int_equal(rte_eth_dev_get_port_by_name(LENT_DEVICE, &options.port_id), 0);
	write_config("device: net_null7\n");
	expect_refused(&options, "device: the application lends");
	write_config("device_args: \"no-rx=1\"\n");
	expect_refused(&options, "device_args: the application lends");
	write_config("");
	live(&options);
	live(&options);
	/* It has been stopped, so it can be configured, and is there. */
	assert_true(rte_eth_dev_is_valid_port(options.port_id));
	assert_int_equal(rte_eth_dev_configure(options.port_id, 1, 1, &wish), 0);
	write_config("device: " LENT_DEVICE "\ndevice_args: \"no-rx=1\"\n");
	options.has_port = false;
	expect_refused(&options, "has a device " LENT_DEVICE " already");
	assert_int_equal(rte_eth_dev_close(options.port_id), 0);
	assert_int_equal(rte_eal_hotplug_remove("vdev", LENT_DEVICE), 0);
}

static void
test_embed__ends_without_leave_and_without_pollers(void **state)
{
	struct peal_embed *node = open_node(DEVICE);
	struct peal_event event;
	struct peal *peal;

	(void)state;
	poll_until(node, PEAL_EMBED_MEMBER);
	peal = talk(node);
	peal_embed_release(node, 0);
	assert_true(peal_embed_close(node));
	while (peal_poll(peal, &event) == PEAL_OK) {
		/* What came before the end is still there. */
	}
	assert_int_equal(peal_poll(peal, &event), PEAL_CLOSED);
	peal_detach(peal);
}

static int
poll_till_the_end(void *argument)
{
	const uint32_t *core = argument;
	struct peal_embed *node = polled;
	int32_t result;

	while ((result = peal_embed_poll(node, *core)) >= 0) {
		/* Three lcores may share one CPU. */
		(void)sched_yield();
	}
	(void)atomic_fetch_add(&ended_count, 1U);
	return result;
}

/* Waits for an event of this kind. */
static void
wait_for(struct peal *peal, uint32_t kind)
{
	struct peal_event event = {.kind = 0};

	while (event.kind != kind) {
		enum peal_result result = peal_poll(peal, &event);

		assert_true(result == PEAL_OK || result == PEAL_EMPTY);
		if (result == PEAL_EMPTY) {
			event.kind = 0;
			assert_int_equal(
				peal_wait(peal, PEAL_CHILDCASE_WAIT_S * UINT64_C(1000000000)),
				PEAL_OK);
		}
	}
}

/* Two cores on two lcores, and everything else on a thread that polls none. */
static void
test_embed__lcores_poll_side_by_side(void **state)
{
	static uint32_t cores[2] = {0, 1};
	struct peal *peal;

	(void)state;
	for (uint32_t life = 0; life < LIVES; life++) {
		struct peal_embed *node =
			open_node("device: net_null7\ndevice_args: \"no-rx=1\"\ncores: 2\n");

		ended_count = 0;
		polled = node;
		for (uint32_t i = 0; i < 2U; i++) {
			assert_int_equal(
				rte_eal_remote_launch(poll_till_the_end, &cores[i], i + 1U), 0);
		}
		peal = attach(node);
		assert_int_equal(peal_hear(peal, true), PEAL_OK);
		wait_for(peal, PEAL_EVENT_VIEW);
		assert_int_equal(peal_send(peal, PEAL_ALL, "word", 4), PEAL_OK);
		wait_for(peal, PEAL_EVENT_CAST);
		peal_embed_leave(node);
		peal_embed_leave(node);
		for (uint32_t i = 0; i < 2U; i++) {
			assert_int_equal(rte_eal_wait_lcore(i + 1U), PEAL_EMBED_OVER);
		}
		assert_int_equal(ended_count, 2);
		assert_int_equal(peal_embed_state(node), PEAL_EMBED_LEFT);
		assert_true(peal_embed_close(node));
		peal_detach(peal);
	}
}

/* --- resting --- */

static void
test_embed__a_rest_ends_when_somebody_comes(void **state)
{
	struct peal_embed *node = open_node(DEVICE);
	struct pollfd input = {.fd = peal_embed_fd(node, 0), .events = POLLIN};
	struct peal *peal;
	uint64_t rest_ns = 0;

	(void)state;
	assert_true(input.fd >= 0);
	assert_int_equal(peal_embed_fd(node, 1), -1);
	assert_int_equal(peal_embed_rest(node, 0), 0); /* nobody's */
	poll_until(node, PEAL_EMBED_MEMBER);
	for (uint32_t looks = 0; rest_ns == 0; looks++) {
		assert_true(peal_embed_poll(node, 0) >= 0);
		rest_ns = peal_embed_rest(node, 0);
		assert_true(looks < 1000U * 1000U);
	}
	assert_true(rest_ns <= 100000000U);
	/* The door gives the core a client, and rings. */
	peal = attach(node);
	assert_int_equal(poll(&input, 1, PEAL_CHILDCASE_WAIT_S * 1000), 1);
	assert_true(peal_embed_poll(node, 0) >= 0);
	peal_detach(peal);
	assert_true(peal_embed_close(node));
}

static void
test_embed__a_dedicated_core_never_rests(void **state)
{
	struct peal_embed *node = open_node(DEVICE "idle: dedicated\n");

	(void)state;
	assert_int_equal(peal_embed_fd(node, 0), -1);
	poll_until(node, PEAL_EMBED_MEMBER);
	assert_int_equal(peal_embed_rest(node, 0), 0);
	leave(node);
	assert_true(peal_embed_close(node));
}

/* --- the process is the application's --- */

/* The mask of blocked signals of the thread of this name; 0: there is none. */
static unsigned long long
find_blocked(const char *name)
{
	DIR *folder = opendir("/proc/self/task");
	const struct dirent *entry;
	unsigned long long found = 0;

	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL) {
		char path[300], line[128];
		bool is_it = false;
		FILE *file;

		(void)snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
		file = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
		while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
			is_it = is_it || (strncmp(line, "Name:", 5) == 0 && strstr(line, name));
			if (is_it && strncmp(line, "SigBlk:", 7) == 0) {
				found = strtoull(line + 7, NULL, 16);
			}
		}
		if (file != NULL) {
			(void)fclose(file);
		}
	}
	(void)closedir(folder);
	return found;
}

static void
test_embed__signals_stay_the_applications(void **state)
{
	const unsigned long long wanted = 1ULL << (SIGINT - 1) | 1ULL << (SIGTERM - 1);
	struct sigaction before, after;
	struct peal_embed *node;
	sigset_t mask;

	(void)state;
	assert_int_equal(sigaction(SIGINT, NULL, &before), 0);
	node = open_node(DEVICE);
	assert_true((find_blocked("peal-control") & wanted) == wanted);
	assert_true((find_blocked("peal-door") & wanted) == wanted);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
	assert_false(sigismember(&mask, SIGINT));
	assert_int_equal(sigaction(SIGINT, NULL, &after), 0);
	assert_true(after.sa_handler == before.sa_handler);
	assert_true(peal_embed_close(node));
	assert_int_equal(find_blocked("peal-control"), 0);
	assert_int_equal(find_blocked("peal-door"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_embed__refuses_without_dpdk),
		cmocka_unit_test_setup(test_embed__refuses_keys_that_are_not_its_own, start_dpdk),
		cmocka_unit_test(test_embed__refuses_devices_that_are_not_there),
		cmocka_unit_test(test_embed__refuses_lcores_that_are_not_there),
		cmocka_unit_test(test_embed__refuses_a_second_node),
		cmocka_unit_test(test_embed__a_core_has_one_owner),
		cmocka_unit_test(test_embed__named_lcores_alone_may_poll),
		cmocka_unit_test(test_embed__lives_again_and_again),
		cmocka_unit_test(test_embed__borrows_a_port_and_gives_it_back),
		cmocka_unit_test(test_embed__ends_without_leave_and_without_pollers),
		cmocka_unit_test(test_embed__lcores_poll_side_by_side),
		cmocka_unit_test(test_embed__a_rest_ends_when_somebody_comes),
		cmocka_unit_test(test_embed__a_dedicated_core_never_rests),
		cmocka_unit_test(test_embed__signals_stay_the_applications),
	};
	int failed;

	scratch = peal_childcase_open_scratch();
	if (scratch == NULL) {
		return 1;
	}
	(void)snprintf(config_path, sizeof(config_path), "%s/n1.yaml", scratch);
	(void)snprintf(socket_path, sizeof(socket_path), "%s/n1.sock", scratch);
	failed = cmocka_run_group_tests_name("embed", tests, NULL, NULL);
	(void)unlink(config_path);
	return failed + (peal_childcase_close_scratch("rte") ? 0 : 1);
}
