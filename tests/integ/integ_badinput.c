/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A daemon that cannot start says why in one sentence, exits with 1, and leaves nothing behind.
 *
 * Runs the real peald, beside which this program was built, in a network namespace of its own with
 * one veth pair. Without the right to make one, the cases that need a device are skipped.
 */
#include "tests/lib/childcase.h"
#include "tests/lib/cmocka_all.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_SIZE_MAX 4096U
#define WAIT_MS         (PEAL_CHILDCASE_WAIT_S * 1000)
#define PATH_SIZE_MAX   256U

static const char *scratch;
static char peald[PATH_SIZE_MAX];
static bool has_link;

static const char good[] = "cluster: integ\n"
			   "name: n1\n"
			   "address: 10.77.0.1:7400\n"
			   "key: %s/key\n"
			   "expect: 1\n"
			   "seeds: [10.77.0.1:7400]\n"
			   "huge: no\n"
			   "device: net_af_packet0\n"
			   "device_args: \"iface=%s,framesz=2048,blocksz=4096,framecnt=512\"\n"
			   "memory_mb: %u\n";

struct daemon {
	pid_t pid;
	int out_fd;
	int error_fd;
};

struct outcome {
	int status; /* exit status, or -1 when it ended by a signal */
	char error[OUTPUT_SIZE_MAX];
};

/* Writes scratch/<name>.yaml: the good configuration, and `more` behind it. */
static void
write_config(const char *name, const char *iface, unsigned int memory_mb, const char *more)
{
	char path[PATH_SIZE_MAX];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s.yaml", scratch, name);
	file = fopen(path, "we");
	assert_non_null(file);
	(void)fprintf(file, good, scratch, iface, memory_mb);
	(void)fputs(more, file);
	assert_int_equal(fclose(file), 0);
}

/* Replaces the first `from` in scratch/<name>.yaml by `to`. */
static void
change_config(const char *name, const char *from, const char *to)
{
	char path[PATH_SIZE_MAX], text[2048], *at;
	size_t size;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s.yaml", scratch, name);
	file = fopen(path, "re");
	assert_non_null(file);
	size = fread(text, 1, sizeof(text) - 1U, file);
	text[size] = '\0';
	(void)fclose(file);
	at = strstr(text, from);
	assert_non_null(at);
	file = fopen(path, "we");
	assert_non_null(file);
	(void)fprintf(file, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	assert_int_equal(fclose(file), 0);
}

static struct daemon
start(const char *name)
{
	struct daemon daemon = {0};
	char path[PATH_SIZE_MAX];
	int out[2], error[2];

	(void)snprintf(path, sizeof(path), "%s/%s.yaml", scratch, name);
	assert_int_equal(pipe(out), 0);
	assert_int_equal(pipe(error), 0);
	daemon.pid = peal_childcase_fork();
	assert_true(daemon.pid >= 0);
	if (daemon.pid == 0) {
		(void)dup2(out[1], STDOUT_FILENO);
		(void)dup2(error[1], STDERR_FILENO);
		(void)close(out[0]);
		(void)close(error[0]);
		(void)execl(peald, peald, "--config", path, (char *)NULL);
		_exit(127);
	}
	(void)close(out[1]);
	(void)close(error[1]);
	daemon.out_fd = out[0];
	daemon.error_fd = error[0];
	return daemon;
}

/* Reads until the text has come, the file ends, or the time is over. */
static void
read_until(int fd, const char *awaited, char text[OUTPUT_SIZE_MAX])
{
	struct pollfd input = {.fd = fd, .events = POLLIN};
	size_t used = 0;

	text[0] = '\0';
	while (used < OUTPUT_SIZE_MAX - 1U && poll(&input, 1, WAIT_MS) > 0) {
		ssize_t size = read(fd, text + used, OUTPUT_SIZE_MAX - 1U - used);

		if (size <= 0) {
			return;
		}
		used += (size_t)size;
		text[used] = '\0';
		if (awaited != NULL && strstr(text, awaited) != NULL) {
			return;
		}
	}
}

static struct outcome
finish(struct daemon daemon)
{
	struct outcome outcome = {.status = -1};
	int status = 0;

	read_until(daemon.error_fd, NULL, outcome.error);
	assert_int_equal(waitpid(daemon.pid, &status, 0), daemon.pid);
	if (WIFEXITED(status)) {
		outcome.status = WEXITSTATUS(status);
	}
	(void)close(daemon.out_fd);
	(void)close(daemon.error_fd);
	return outcome;
}

static void
assert_nothing_left(void)
{
	char path[PATH_SIZE_MAX];

	(void)snprintf(path, sizeof(path), "%s/dpdk", scratch);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(errno, ENOENT);
}

/* Exit status 1 and one sentence that says `words`. */
static void
assert_sentence(const struct outcome *outcome, const char *words)
{
	size_t size = strlen(outcome->error);

	if (strstr(outcome->error, words) == NULL) {
		print_message("expected \"%s\" in: %s", words, outcome->error);
	}
	assert_non_null(strstr(outcome->error, words));
	assert_int_equal(outcome->status, 1);
	assert_int_equal(strncmp(outcome->error, "peald: ", 7), 0);
	assert_true(size > 0 && outcome->error[size - 1U] == '\n');
	assert_ptr_equal(strchr(outcome->error, '\n'), outcome->error + size - 1U);
}

static void
assert_refused(const char *name, const char *words)
{
	struct outcome outcome = finish(start(name));

	assert_sentence(&outcome, words);
	assert_nothing_left();
}

/* A configuration with more lines, the first of which is the eleventh. */
static void
write_lines(const char *lines)
{
	write_config("bad", "peal1", 64, lines);
}

/* A configuration with something else in place of its address, which is the third line. */
static void
write_address(const char *lines)
{
	write_config("bad", "peal1", 64, "");
	change_config("bad", "address: 10.77.0.1:7400", lines);
}

struct mistake {
	const char *lines;
	const char *words; /* of the sentence that refuses them */
};

static void
assert_all_refused(
	void (*write_bad)(const char *lines), const struct mistake *mistakes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		write_bad(mistakes[i].lines);
		assert_refused("bad", mistakes[i].words);
	}
}

#define ASSERT_ALL_REFUSED(write_bad, mistakes)                                                    \
	assert_all_refused(write_bad, mistakes, sizeof(mistakes) / sizeof((mistakes)[0]))

static void
test_badinput__names_the_line_of_an_unknown_key(void **state)
{
	(void)state;
	write_lines("colour: red\n");
	assert_refused("bad", "bad.yaml:11: colour: there is no such key");
}

static void
test_badinput__names_what_is_wrong_with_a_link(void **state)
{
	static const struct mistake mistakes[] = {
		{"address: '[fd00::1]:7400'", "seeds: expected addresses of the same form"},
		{"address: 10.77.0.1:7400\nvlan: 4095", "bad.yaml:4: vlan: expected"},
		{"address: 10.77.0.1:7400\nprefix: 24", "gateway is missing: expected"},
		{"address: 10.77.0.1:7400\ngateway: 10.77.0.254", "prefix is missing: expected"},
		{"address: 10.77.0.1:7400\ngateway: 10.77.0.254\nprefix: 33",
			"bad.yaml:5: prefix: expected"},
		{"address: 10.77.0.1:7400\ngateway: 10.77.1.254\nprefix: 24",
			"bad.yaml:4: gateway: expected"},
		{"address: 10.77.0.1:7400\ngateway: 10.77.0.1\nprefix: 24",
			"bad.yaml:4: gateway: expected"},
		{"address: 10.77.0.1:7400\ngateway: fd00::1\nprefix: 24",
			"bad.yaml:4: gateway: expected"},
	};

	(void)state;
	ASSERT_ALL_REFUSED(write_address, mistakes);
}

static void
test_badinput__names_the_line_of_a_bad_address(void **state)
{
	static const struct mistake mistakes[] = {
		{"address: 10.77.0.1", "bad.yaml:3: address: expected an IP address and a port"},
		{"address: 224.0.0.1:7400", "bad.yaml:3: address: expected"},
		/* The colons of the address and that of the port. */
		{"address: fd00::1:7400", "bad.yaml:3: address: expected"},
		{"address: '[10.77.0.1]:7400'", "bad.yaml:3: address: expected"},
		{"address: '[ff02::1]:7400'", "bad.yaml:3: address: expected"},
		{"address: '[::ffff:10.77.0.1]:7400'", "bad.yaml:3: address: expected"},
	};

	(void)state;
	ASSERT_ALL_REFUSED(write_address, mistakes);
}

static void
test_badinput__asks_for_a_value_in_range(void **state)
{
	static const struct mistake mistakes[] = {
		{"rings: 2\n", "bad.yaml:11: rings: expected"},
		{"members_max: 10001\n", "bad.yaml:11: members_max: expected"},
		{"members_max: 63\n", "bad.yaml:11: members_max: expected"},
		{"mtu: 1279\n", "bad.yaml:11: mtu: expected"},
		{"mtu: 9001\n", "bad.yaml:11: mtu: expected"},
		{"rejoin: perhaps\n", "bad.yaml:11: rejoin: expected true or false"},
		{"cores: 17\n", "bad.yaml:11: cores: expected"},
		{"cores: 0\n", "bad.yaml:11: cores: expected"},
		{"lcore: 1000\n", "lcore: this process may not use CPU 1000"},
	};
	char metadata[4200], text[4098] = "";

	(void)state;
	write_config("bad", "peal1", 7, "");
	assert_refused("bad", "bad.yaml:10: memory_mb: expected");
	ASSERT_ALL_REFUSED(write_lines, mistakes);
	memset(text, 'x', sizeof(text) - 1U);
	(void)snprintf(metadata, sizeof(metadata), "\nmetadata: %s\n", text);
	write_lines(metadata);
	assert_refused("bad", "bad.yaml:12: metadata: expected a text of at most 4096 bytes");
}

static void
test_badinput__wants_a_detector_that_fits(void **state)
{
	static const struct mistake mistakes[] = {
		{"detector: nose\n", "bad.yaml:11: detector: expected window, phi or silence"},
		{"detector: phi\n",
			"bad.yaml:11: detector: phi needs probes that are at least 100 ms"},
		{"preset: cloud\ndetector: phi\nphi_threshold: 17\n",
			"bad.yaml:13: phi_threshold: expected a number from 1 to 16"},
		{"preset: cloud\ndetector: phi\nphi_threshold: 8.55\n",
			"bad.yaml:13: phi_threshold: expected a number from 1 to 16"},
		{"phi_threshold: 8\n", "bad.yaml:11: phi_threshold: belongs to 'detector: phi'"},
		{"detector: silence\nsilence_ms: 99\n",
			"bad.yaml:12: silence_ms: expected 2 to 10 probe intervals"},
		{"detector: silence\nsilence_ms: 501\n",
			"bad.yaml:12: silence_ms: expected 2 to 10 probe intervals"},
		{"detector: window\nsilence_ms: 225\n",
			"bad.yaml:12: silence_ms: belongs to 'detector: silence'"},
	};

	(void)state;
	ASSERT_ALL_REFUSED(write_lines, mistakes);
}

static void
test_badinput__refuses_policies_that_are_none(void **state)
{
	static const struct mistake mistakes[] = {
		{"slow_member: wait\n", "bad.yaml:11: slow_member: expected block, drop or evict"},
		{"slow_member: evict\nevict_ms: 9\n",
			"bad.yaml:12: evict_ms: expected milliseconds from 10 to 60000"},
		{"slow_member: evict\nevict_ms: 60001\n",
			"bad.yaml:12: evict_ms: expected milliseconds from 10 to 60000"},
		{"slow_member: drop\nevict_ms: 100\n",
			"bad.yaml:12: evict_ms: belongs to 'slow_member: evict'"},
		{"evict_ms: 100\n", "bad.yaml:11: evict_ms: belongs to 'slow_member: evict'"},
	};

	(void)state;
	ASSERT_ALL_REFUSED(write_lines, mistakes);
}

/* A key is what the parser takes for one, not what looks like it. */
static void
test_badinput__finds_no_key_in_a_comment(void **state)
{
	static const struct mistake mistakes[] = {
		{"# rings: 3\nrings: 2\n", "bad.yaml:12: rings: expected"},
		{"mtu: 1500 # rings: 3\nrings: 2\n", "bad.yaml:12: rings: expected"},
		{"metadata: \"it's # rings: 3\"\nrings: 2\n", "bad.yaml:12: rings: expected"},
		{"metadata: 'it''s, rings: 3'\n'rings' : 2\n", "bad.yaml:12: rings: expected"},
		{"metadata: a#b, it's\n\"rings\": 2\n", "bad.yaml:12: rings: expected"},
		{"# detector: silence\nsilence_ms: 225\n",
			"bad.yaml:12: silence_ms: belongs to 'detector: silence'"},
	};

	(void)state;
	ASSERT_ALL_REFUSED(write_lines, mistakes);
	write_config("bad", "peal1", 64, "");
	change_config("bad", "name: n1\n", "# name: n1\n");
	assert_refused("bad", "bad.yaml: name is missing: expected");
}

/* What would be passed over is refused, by the line where it begins. */
static void
test_badinput__refuses_what_stands_twice(void **state)
{
	static const struct mistake mistakes[] = {
		{"name: n2\n", "bad.yaml:11: name: stands here a second time"},
		{"\nlcore: 0\n# lcore is\nlcore: 0\n",
			"bad.yaml:14: lcore: stands here a second time"},
		{"---\nname: n2\n", "bad.yaml:11: a second document begins here"},
		{"...\n# what is this?\n--- # another\nname: n2\n",
			"bad.yaml:11: a second document begins here"},
	};

	(void)state;
	ASSERT_ALL_REFUSED(write_lines, mistakes);
}

/* What may be cannot be narrower, or wider, by a mistake. */
static void
test_badinput__refuses_access_that_cannot_be(void **state)
{
	static const char *const entries[] = {
		"[]",
		"[{may: [groups]}]",
		"[{uid: 1, gid: 1}]",
		"[{uid: -1}]",
		"[{uid: root}]",
		"[{uid: 1, may: [everything]}]",
		"[{uid: 1, may: channels}]",
		"[{uid: 1, join: []}]",
		"[{uid: 1, join: [\"two words\"]}]",
		"[{uid: 1, may: [channels], join: [desk]}]",
		"[{uid: 1, colour: red}]",
		"[{uid: 1, uid: 2}]",
		"{uid: 1}",
	};
	char lines[256];

	(void)state;
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		(void)snprintf(lines, sizeof(lines), "socket: /run/none\naccess: %s\n", entries[i]);
		write_lines(lines);
		assert_refused("bad", "bad.yaml:12: access: expected a list of 1 to 32 entries");
	}
	write_lines("access: [{uid: 1}]\n");
	assert_refused("bad", "bad.yaml:11: access: expected a list of 1 to 32 entries");
	write_lines("socket: /run/none\naccess: [{uid: 1}]\nusers: [1]\n");
	assert_refused("bad", "bad.yaml:13: users: stands beside 'access'");
}

static void
test_badinput__asks_for_a_key_that_is_missing(void **state)
{
	(void)state;
	write_config("bad", "peal1", 64, "");
	change_config("bad", "name: n1\n", "");
	assert_refused("bad", "bad.yaml: name is missing: expected");
}

static void
test_badinput__wants_a_file(void **state)
{
	(void)state;
	assert_refused("absent", "absent.yaml cannot be read (No such file or directory)");
}

static void
test_badinput__wants_a_key_file(void **state)
{
	(void)state;
	write_config("bad", "peal1", 64, "");
	change_config("bad", "/key\n", "/no-key\n");
	assert_refused("bad", "bad.yaml:4: key: ");
}

static void
test_badinput__wants_a_port_that_exists(void **state)
{
	(void)state;
	write_config("bad", "nowhere0", 64, "");
	assert_refused("bad", "there is no device net_af_packet0");
}

static void
test_badinput__wants_an_interface_that_carries_the_mtu(void **state)
{
	(void)state;
	if (!has_link) {
		skip();
	}
	write_config("bad", "peal1", 64, "mtu: 9000\n");
	change_config("bad", "framesz=2048,blocksz=4096,", "");
	assert_refused("bad", "at most 1500 bytes and mtu asks for 9000");
}

static void
test_badinput__wants_enough_memory(void **state)
{
	(void)state;
	if (!has_link) {
		skip();
	}
	write_config("bad", "peal1", 16, "");
	change_config("bad", "framecnt=512", "framecnt=512,qpairs=1");
	change_config("bad", "memory_mb: 16", "memory_mb: 8");
	assert_refused("bad", "memory_mb");
}

/* Starts a good daemon and waits for its first view. */
static struct daemon
start_good(void)
{
	char text[OUTPUT_SIZE_MAX];
	struct daemon daemon = start("n1");

	read_until(daemon.out_fd, "view 1: 1 member", text);
	assert_non_null(strstr(text, "view 1: 1 member"));
	return daemon;
}

/* While n1 runs, n2 does not; and n1 ends well. */
static void
assert_second_is_refused(const char *words)
{
	struct daemon first = start_good();
	struct outcome outcome = finish(start("n2"));

	assert_sentence(&outcome, words);
	assert_int_equal(kill(first.pid, SIGTERM), 0);
	assert_int_equal(finish(first).status, 0);
	assert_nothing_left();
}

static void
test_badinput__one_port_has_one_daemon(void **state)
{
	(void)state;
	if (!has_link) {
		skip();
	}
	write_config("n1", "peal1", 64, "");
	write_config("n2", "peal1", 64, "");
	change_config("n2", "name: n1", "name: n2");
	assert_second_is_refused("interface peal1 is already used by another Peal process");
}

static void
test_badinput__one_name_has_one_daemon(void **state)
{
	(void)state;
	if (!has_link) {
		skip();
	}
	write_config("n1", "peal1", 64, "");
	write_config("n2", "peal2", 64, "");
	assert_second_is_refused("name: a process named n1 runs already");
}

static void
test_badinput__a_killed_daemon_blocks_nobody(void **state)
{
	struct daemon daemon;

	(void)state;
	if (!has_link) {
		skip();
	}
	write_config("n1", "peal1", 64, "");
	daemon = start_good();
	assert_int_equal(kill(daemon.pid, SIGKILL), 0);
	assert_int_equal(finish(daemon).status, -1);
	daemon = start_good();
	assert_int_equal(kill(daemon.pid, SIGINT), 0);
	assert_int_equal(finish(daemon).status, 0);
	assert_nothing_left();
}

/* A namespace of our own, as root or as anybody who may have a user namespace. */
static bool
make_link(void)
{
	char map[64];
	uid_t uid = getuid();
	int fd;

	if (unshare(uid == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) != 0) {
		return false;
	}
	fd = uid == 0 ? -1 : open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		ssize_t written;

		(void)snprintf(map, sizeof(map), "0 %u 1", uid);
		written = write(fd, map, strlen(map));
		(void)written;
		(void)close(fd);
	}
	return system("ip link add peal1 type veth peer name peal2 && ip link set peal1 up && "
		      "ip link set peal2 up") == 0;
}

static int
prepare(void **state)
{
	char path[PATH_SIZE_MAX], *slash;
	ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 32U);

	(void)state;
	scratch = peal_childcase_open_scratch();
	if (size <= 0 || scratch == NULL) {
		return -1;
	}
	path[size] = '\0';
	slash = strrchr(path, '/');
	*slash = '\0';
	(void)snprintf(peald, sizeof(peald), "%.200s/../tools/peald/peald", path);
	has_link = make_link();
	return access(peald, X_OK);
}

static int
clear(void **state)
{
	static const char *const names[] = {"bad.yaml", "n1.yaml", "n2.yaml"};
	char path[PATH_SIZE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", scratch, names[i]);
		(void)unlink(path);
	}
	return peal_childcase_close_scratch(NULL) ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_badinput__names_the_line_of_an_unknown_key),
		cmocka_unit_test(test_badinput__names_the_line_of_a_bad_address),
		cmocka_unit_test(test_badinput__names_what_is_wrong_with_a_link),
		cmocka_unit_test(test_badinput__asks_for_a_value_in_range),
		cmocka_unit_test(test_badinput__wants_a_detector_that_fits),
		cmocka_unit_test(test_badinput__refuses_policies_that_are_none),
		cmocka_unit_test(test_badinput__finds_no_key_in_a_comment),
		cmocka_unit_test(test_badinput__refuses_what_stands_twice),
		cmocka_unit_test(test_badinput__refuses_access_that_cannot_be),
		cmocka_unit_test(test_badinput__asks_for_a_key_that_is_missing),
		cmocka_unit_test(test_badinput__wants_a_file),
		cmocka_unit_test(test_badinput__wants_a_key_file),
		cmocka_unit_test(test_badinput__wants_a_port_that_exists),
		cmocka_unit_test(test_badinput__wants_an_interface_that_carries_the_mtu),
		cmocka_unit_test(test_badinput__wants_enough_memory),
		cmocka_unit_test(test_badinput__one_port_has_one_daemon),
		cmocka_unit_test(test_badinput__one_name_has_one_daemon),
		cmocka_unit_test(test_badinput__a_killed_daemon_blocks_nobody),
	};

	return cmocka_run_group_tests(tests, prepare, clear);
}
