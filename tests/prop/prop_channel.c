/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One stream over a bad network: whatever is lost, doubled and overtaken on the way, what was
 * accepted arrives once, in order and whole, loans come back once and in order, and the end comes
 * last. Also when the path takes larger frames, and smaller ones, while it lasts, and the sender
 * hears of that later.
 */
#include "base/prng.h"
#include "dataplane/channel_rx.h"
#include "dataplane/channel_tx.h"
#include "tests/lib/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#define FLIGHTS_MAX    4096U
#define QUEUE_CAPACITY 16384U
#define DATA_SIZE_MAX  1140U
#define PATHS_COUNT    3U
#define MESSAGE_MAX    200000U
#define BUFFERS_COUNT  100U
#define US             UINT64_C(1000)

/* A frame on the wire. */
struct letter {
	uint64_t at_ns; /* UINT64_MAX = free */
	bool is_answer;
	struct peal_channel_msg message;
	uint32_t size;
	uint8_t *data; /* [PEAL_CHANNEL_DATA_SIZE_MAX] */
};

static struct world {
	struct peal_prng prng;
	uint64_t now_ns;
	uint32_t loss_percent, double_percent;
	uint64_t delay_ns, jitter_ns;
	struct peal_channel_tx tx;
	struct peal_channel_rx rx;
	struct peal_framepool pool;
	uint64_t messages_count; /* to be sent */
	uint64_t accepted_count;
	uint64_t delivered_count; /* whole */
	uint64_t released_count;
	uint64_t lent_count;
	uint32_t part_size; /* of the message under way */
	bool is_ended;
	uint32_t letters_count; /* all places in use are below */
	struct letter letters[FLIGHTS_MAX];
	uint64_t queue_bytes[QUEUE_CAPACITY / 8U];
	uint32_t path_size;    /* data of the largest frame that passes now */
	bool has_paths;        /* it changes */
	uint64_t heard_at_ns;  /* when the sender hears of the last change */
	uint64_t pieces_count; /* sent */
} world;

static uint8_t frames[BUFFERS_COUNT * PEAL_LARGE_BODY_SIZE_MAX];
static uint8_t letters_bytes[FLIGHTS_MAX][PEAL_CHANNEL_DATA_SIZE_MAX];
static const uint32_t path_sizes[PATHS_COUNT] = {DATA_SIZE_MAX, 1380, PEAL_CHANNEL_DATA_SIZE_MAX};
static uint8_t content[MESSAGE_MAX + 256U];
static uint64_t seeds_count = 400;

/* Size and bytes of message `n` follow from its number: most are small, some large. */
static uint32_t
size_of(uint64_t n)
{
	uint64_t draw = (n + 1U) * UINT64_C(0x9E3779B97F4A7C15) >> 20;

	if (draw % 50U == 0) {
		return (uint32_t)(draw / 64U % MESSAGE_MAX);
	}
	return (uint32_t)(draw / 64U % (draw % 5U == 0 ? 3000U : 200U));
}

static bool
is_lent(uint64_t n)
{
	return size_of(n) > 2000;
}

static const uint8_t *
bytes_of(uint64_t n)
{
	return content + n % 251U;
}

static void
deliver(void *state, const struct peal_delivery *delivery)
{
	(void)state;
	assert_true(world.delivered_count < world.accepted_count);
	assert_int_equal(delivery->message_size, size_of(world.delivered_count));
	assert_int_equal(delivery->offset, world.part_size);
	assert_memory_equal(delivery->bytes, bytes_of(world.delivered_count) + delivery->offset,
		delivery->size);
	world.part_size += delivery->size;
	if (world.part_size == delivery->message_size) {
		world.part_size = 0;
		world.delivered_count++;
	}
}

static void
release(void *state, uint64_t token)
{
	(void)state;
	assert_true(is_lent(token));
	assert_true(token >= world.released_count);
	assert_true(token < world.delivered_count);
	world.released_count = token + 1U;
	world.lent_count--;
}

static void
post_once(const struct letter *letter)
{
	uint32_t place = 0;

	while (place < FLIGHTS_MAX && world.letters[place].at_ns != UINT64_MAX) {
		place++;
	}
	assert_true(place < FLIGHTS_MAX);
	world.letters[place] = *letter;
	world.letters[place].data = letters_bytes[place];
	memcpy(letters_bytes[place], letter->data, letter->size);
	world.letters[place].at_ns =
		world.now_ns + world.delay_ns + peal_prng_below(&world.prng, world.jitter_ns + 1U);
	world.letters_count = place >= world.letters_count ? place + 1U : world.letters_count;
}

static void
post(const struct letter *letter)
{
	if (letter->size > world.path_size) {
		return;
	}
	if (!peal_prng_ratio(&world.prng, world.loss_percent, 100)) {
		post_once(letter);
	}
	if (peal_prng_ratio(&world.prng, world.double_percent, 100)) {
		post_once(letter);
	}
}

static void
accept_more(void)
{
	while (world.accepted_count < world.messages_count) {
		uint64_t n = world.accepted_count;
		bool is_taken =
			is_lent(n)
				? peal_sendqueue_lend(&world.tx.queue, bytes_of(n), size_of(n), n)
				: peal_sendqueue_copy(&world.tx.queue, bytes_of(n), size_of(n));

		if (!is_taken) {
			return;
		}
		world.lent_count += is_lent(n);
		world.accepted_count++;
	}
	if (!world.is_ended) {
		world.is_ended = peal_sendqueue_end(&world.tx.queue);
	}
}

static void
send_all(void)
{
	accept_more();
	while (peal_channel_tx_is_ready(&world.tx)) {
		static uint8_t data[PEAL_CHANNEL_DATA_SIZE_MAX];
		struct letter letter = {.data = data};

		letter.size =
			peal_channel_tx_make(&world.tx, &letter.message, letter.data, world.now_ns);
		assert_true(letter.size <= world.tx.config.data_size_max);
		world.pieces_count += (letter.message.flags & PEAL_CHANNEL_FLAG_PIECE) != 0;
		post(&letter);
	}
}

/* Now and then the path is another, and some time later the sender hears of it. */
static void
change_path(void)
{
	if (!world.has_paths) {
		return;
	}
	if (world.heard_at_ns != 0 && world.now_ns >= world.heard_at_ns) {
		world.heard_at_ns = 0;
		peal_channel_tx_resize(&world.tx, world.path_size);
	}
	if (world.heard_at_ns == 0 && peal_prng_ratio(&world.prng, 1, 100)) {
		world.path_size = path_sizes[peal_prng_below(&world.prng, PATHS_COUNT)];
		world.heard_at_ns = world.now_ns + peal_prng_below(&world.prng, 5000U * US);
	}
}

static void
take(const struct letter *letter)
{
	const struct peal_channel_sink sink = {deliver, NULL};
	const struct peal_sendqueue_lender lender = {release, NULL};

	if (letter->is_answer) {
		assert_int_not_equal(
			peal_channel_tx_on_ack(&world.tx, &letter->message, &lender, world.now_ns),
			PEAL_CHANNEL_ACK_LIE);
		return;
	}
	if ((letter->message.flags & PEAL_CHANNEL_FLAG_DATA) != 0) {
		enum peal_channel_rx_outcome outcome =
			peal_channel_rx_on_data(&world.rx, &world.pool, &letter->message,
				letter->data, letter->size, &sink, world.now_ns);

		assert_int_not_equal(outcome, PEAL_CHANNEL_RX_PROTOCOL);
		assert_int_not_equal(outcome, PEAL_CHANNEL_RX_BEYOND);
		/* Now and then the application is slow. */
		if (!peal_prng_ratio(&world.prng, 1, 4)) {
			peal_channel_rx_grant(&world.rx, PEAL_CHANNEL_WINDOW);
		}
	} else {
		peal_channel_rx_grant(&world.rx, PEAL_CHANNEL_WINDOW);
	}
	uint8_t nothing = 0;
	struct letter answer = {.is_answer = true, .data = &nothing};

	peal_channel_rx_answer(&world.rx, &answer.message, world.now_ns);
	post(&answer);
}

/* To the next moment at which anything happens. False: nothing will. */
static bool
step(void)
{
	uint64_t next_at_ns = peal_channel_tx_deadline_at_ns(&world.tx);
	uint32_t place = FLIGHTS_MAX;

	for (uint32_t i = 0; i < world.letters_count; i++) {
		if (world.letters[i].at_ns < next_at_ns) {
			next_at_ns = world.letters[i].at_ns;
			place = i;
		}
	}
	if (next_at_ns == UINT64_MAX) {
		return false;
	}
	world.now_ns = next_at_ns > world.now_ns ? next_at_ns : world.now_ns;
	if (place < FLIGHTS_MAX) {
		take(&world.letters[place]);
		world.letters[place].at_ns = UINT64_MAX;
	} else {
		peal_channel_tx_on_timer(&world.tx, world.now_ns);
	}
	change_path();
	send_all();
	return true;
}

static void
begin(uint64_t seed, bool has_paths)
{
	struct peal_channel_tx_config config = {.queue_bytes = (uint8_t *)world.queue_bytes,
		.queue_capacity = QUEUE_CAPACITY,
		.data_size_max = DATA_SIZE_MAX,
		.rto_ns_min = 50U * US,
		.rto_ns_max = 100000U * US};

	memset(&world, 0, sizeof(world));
	peal_prng_init(&world.prng, seed);
	config.is_coalescing = peal_prng_ratio(&world.prng, 2, 3);
	world.now_ns = 1 + peal_prng_below(&world.prng, 1000000);
	world.loss_percent = (uint32_t)peal_prng_below(&world.prng, 31);
	world.double_percent = (uint32_t)peal_prng_below(&world.prng, 20);
	world.delay_ns = 1000U + peal_prng_below(&world.prng, 100U * US);
	world.jitter_ns = peal_prng_below(&world.prng, 2U * world.delay_ns);
	world.messages_count = 1U + peal_prng_below(&world.prng, 300);
	for (uint32_t i = 0; i < FLIGHTS_MAX; i++) {
		world.letters[i].at_ns = UINT64_MAX;
	}
	/* Any epoch: the first seq is anywhere, near its wrap as well. */
	uint64_t epoch = 1U + peal_prng_below(&world.prng, UINT64_MAX - 1U);

	peal_framepool_init(&world.pool, frames,
		has_paths ? PEAL_LARGE_BODY_SIZE_MAX : PEAL_BODY_SIZE_MAX,
		(uint16_t)peal_prng_below(&world.prng, BUFFERS_COUNT + 1U));
	world.has_paths = has_paths;
	world.path_size = has_paths ? PEAL_CHANNEL_DATA_SIZE_MAX : DATA_SIZE_MAX;
	if (has_paths) {
		config.data_size_max = PEAL_CHANNEL_DATA_SIZE_MAX;
		/* Who takes large frames has buffers for pieces. */
		world.pool.reserved_count = 1;
		if (world.pool.count == 0) {
			peal_framepool_init(&world.pool, frames, PEAL_LARGE_BODY_SIZE_MAX, 1);
		}
	}
	peal_channel_tx_open(&world.tx, &config, epoch, PEAL_CHANNEL_CREDIT_FIRST);
	peal_channel_rx_open(&world.rx, epoch, PEAL_CHANNEL_CREDIT_FIRST);
}

static uint64_t
run_seeds(bool has_paths)
{
	uint64_t pieces_count = 0;

	for (uint64_t seed = 1; seed <= seeds_count; seed++) {
		uint32_t steps_count = 0;

		begin(seed, has_paths);
		send_all();
		while (!(world.is_ended && peal_channel_tx_is_idle(&world.tx))) {
			if (!step() || ++steps_count > 2000000) {
				fail_msg("seed %lu: stuck after %u steps", seed, steps_count);
			}
		}
		assert_int_equal(world.delivered_count, world.messages_count);
		assert_int_equal(world.lent_count, 0);
		assert_true(world.rx.is_finished);
		assert_int_equal(world.pool.free_count, world.pool.count);
		pieces_count += world.pieces_count;
	}
	return pieces_count;
}

static void
test_channel__delivers_all_once_in_order(void **state)
{
	(void)state;
	assert_true(run_seeds(false) == 0);
}

static void
test_channel__and_so_over_paths_that_change(void **state)
{
	(void)state;
	assert_true(run_seeds(true) > 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_channel__delivers_all_once_in_order),
		cmocka_unit_test(test_channel__and_so_over_paths_that_change),
	};
	const char *seeds = getenv("PEAL_SEEDS");

	for (uint32_t i = 0; i < sizeof(content); i++) {
		content[i] = (uint8_t)(i * 131U >> 3);
	}
	if (argc > 1 || seeds != NULL) {
		seeds_count = strtoull(argc > 1 ? argv[1] : seeds, NULL, 10);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
