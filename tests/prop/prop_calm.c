/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a calm client gets beside hostile ones: turns are counted, not time, so the result is the
 * same on any machine. Two calm clients talk over a channel and by broadcast, alone at first, and
 * then beside one that casts as much as it can and reads nothing, one that writes noise over its
 * memory and comes again whenever it was cut off, and one that opens and resets channels without
 * end.
 *
 * Prints one line of JSON.
 */
#include "base/prng.h"
#include "tests/lib/clientscene.h"

#define WARM_TURNS    500U
#define COUNTED_TURNS 2500U
#define STEP_NS       (10U * US)
#define MESSAGE_SIZE  1000U
#define EVERY_TURNS   10U /* a message to one and one to all: 200 MB a second */
#define NUMBER        5U
#define NOISE_WORDS   16U
/* Of what it gets alone. */
#define SHARE_PERCENT_MIN 90U

enum { NEAR, FAR, LOUD, NOISY };

static uint8_t bytes[60000];
static struct peal_prng prng;
static uint64_t cut_count;

static bool
try_say(struct visitor *visitor, enum peal_client_up kind, uint16_t tag, uint32_t size)
{
	uint8_t *room = peal_shmring_claim(&visitor->writer, size);

	if (room == NULL) {
		return false;
	}
	memcpy(room, bytes, size);
	peal_shmring_commit(&visitor->writer, (uint16_t)kind, tag, size);
	(void)peal_shmring_publish(&visitor->writer);
	return true;
}

/* A message to one, with credit for it. */
static void
say_with_credit(struct visitor *visitor, uint32_t place)
{
	static uint64_t sent;
	uint64_t released = atomic_load(&visitor->down->released[place]);
	uint64_t span = peal_shmring_span(MESSAGE_SIZE);

	if (sent + span - released <= PEAL_CLIENT_QUEUE_SIZE &&
		try_say(visitor, PEAL_CLIENT_SEND, PEAL_CLIENT_TAG(place, 1), MESSAGE_SIZE)) {
		sent += span;
	}
}

/* Another life in the same place. */
static void
come_again(uint32_t index)
{
	struct visitor *visitor = &visitors[index];

	cut_count++;
	while (!peal_clients_is_over(visitor->clients, visitor->place)) {
		(void)peal_fakecores_turn(cores, 0);
	}
	peal_clients_free(visitor->clients, visitor->place);
	free(visitor->up);
	free(visitor->down);
	(void)scene_attach(index, 0);
}

static void
make_noise(struct visitor *noisy)
{
	uint8_t *ring = (uint8_t *)noisy->up + PEAL_REGION_RING_OFFSET;
	uint64_t at = atomic_load(&noisy->down->up_head);

	for (uint32_t i = 0; i < NOISE_WORDS; i++) {
		uint64_t header = (peal_prng_next(&prng) & 31U) |
				  (peal_prng_below(&prng, 12) << 32) |
				  (peal_prng_below(&prng, 3) << 48);

		memcpy(ring + ((at + UINT64_C(8) * i) & (PEAL_CLIENT_UP_SIZE - 1U)), &header,
			sizeof(header));
	}
	atomic_store(&noisy->up->up_tail, at + 8U * peal_prng_below(&prng, NOISE_WORDS + 1U));
}

/* A turn of those who mean harm. */
static void
do_harm(uint32_t turn)
{
	struct visitor *loud = &visitors[LOUD];
	struct visitor *noisy = &visitors[NOISY];
	const struct peal_client_open open = {.mid = 2, .number = 77};

	if (scene_end_of(loud) != PEAL_CLIENT_END_NONE) {
		come_again(LOUD);
		scene_say(loud, PEAL_CLIENT_HEAR, 0, NULL, 0);
	}
	while (turn % 2U == 0 && try_say(loud, PEAL_CLIENT_CAST, 0, sizeof(bytes))) {
	}
	memcpy(bytes, &open, sizeof(open));
	for (uint16_t i = 0; i < 64U && turn % 2U == 1U; i++) {
		(void)(try_say(loud, PEAL_CLIENT_OPEN, PEAL_CLIENT_TAG(i, turn), sizeof(open)) &&
			try_say(loud, PEAL_CLIENT_RESET, PEAL_CLIENT_TAG(i, turn), 0));
	}
	if (scene_end_of(noisy) != PEAL_CLIENT_END_NONE) {
		come_again(NOISY);
	}
	make_noise(noisy);
}

/* Bytes that the calm pair got in so many turns. */
static uint64_t
run_calm(bool is_harmed, uint32_t turns_count)
{
	const struct peal_client *at_far =
		&visitors[FAR].clients->room->clients[visitors[FAR].place];
	uint64_t before_size = atomic_load(&at_far->tally.delivered_size), size;
	struct peal_shmring_record record;

	for (uint32_t turn = 0; turn < turns_count; turn++) {
		if (turn % EVERY_TURNS == 0) {
			say_with_credit(&visitors[NEAR], 1);
			(void)try_say(&visitors[NEAR], PEAL_CLIENT_CAST, 0, MESSAGE_SIZE);
		}
		if (is_harmed) {
			do_harm(turn);
		}
		scene_run(STEP_NS);
		while (peal_shmring_borrow(&visitors[FAR].reader, &record)) {
			/* What others cast is not of the calm one. */
			if ((record.kind == PEAL_CLIENT_HEARD_PART) ||
				(record.kind == PEAL_CLIENT_HEARD &&
					record.size != MESSAGE_SIZE + 8U)) {
				before_size +=
					record.size - (record.kind == PEAL_CLIENT_HEARD ? 8U : 16U);
			}
		}
		(void)peal_shmring_release(&visitors[FAR].reader);
		assert_int_equal(scene_end_of(&visitors[NEAR]), PEAL_CLIENT_END_NONE);
		assert_int_equal(scene_end_of(&visitors[FAR]), PEAL_CLIENT_END_NONE);
	}
	size = atomic_load(&at_far->tally.delivered_size);
	return size - before_size;
}

static void
prop_calm__gets_the_same_beside_hostile_clients(void **state)
{
	uint64_t alone_size, beside_size, records_before, records, opened;

	(void)state;
	peal_prng_init(&prng, 7);
	(void)scene_attach(NEAR, 0);
	(void)scene_attach(FAR, 1);
	scene_listen(&visitors[FAR], NUMBER);
	scene_say(&visitors[FAR], PEAL_CLIENT_HEAR, 0, NULL, 0);
	scene_run(100U * US);
	scene_open(&visitors[NEAR], PEAL_CLIENT_TAG(1, 1), 2, NUMBER);
	(void)run_calm(false, WARM_TURNS);
	alone_size = run_calm(false, COUNTED_TURNS);
	(void)scene_attach(LOUD, 0);
	scene_say(&visitors[LOUD], PEAL_CLIENT_HEAR, 0, NULL, 0);
	(void)scene_attach(NOISY, 0);
	(void)run_calm(true, WARM_TURNS);
	records_before = scene_counter(0, PEAL_COUNTER_CLIENT_RECORDS_UP);
	opened = scene_counter(0, PEAL_COUNTER_CHANNELS_OPENED);
	beside_size = run_calm(true, COUNTED_TURNS);
	records = scene_counter(0, PEAL_COUNTER_CLIENT_RECORDS_UP) - records_before;
	opened = scene_counter(0, PEAL_COUNTER_CHANNELS_OPENED) - opened;
	print_message("# {\"turns\": %u, \"alone_bytes\": %llu, \"beside_bytes\": %llu, "
		      "\"cut_off\": %llu, \"opened\": %llu, \"records_a_turn\": %.2f}\n",
		COUNTED_TURNS, (unsigned long long)alone_size, (unsigned long long)beside_size,
		(unsigned long long)cut_count, (unsigned long long)opened,
		(double)records / COUNTED_TURNS);
	assert_true(cut_count > 100);
	/* It did open and reset as much as it could; what it has at once, it has again each time
	 * that it comes again. */
	assert_true(opened > 1000);
	assert_true(alone_size >= COUNTED_TURNS / EVERY_TURNS * 2U * MESSAGE_SIZE * 9U / 10U);
	assert_true(beside_size * 100U >= alone_size * SHARE_PERCENT_MIN);
	/* What a turn costs is bounded by who is there. */
	assert_true(records <= (uint64_t)COUNTED_TURNS * 3U * PEAL_CLIENT_RECORDS_BURST_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			prop_calm__gets_the_same_beside_hostile_clients, scene_begin, scene_finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
