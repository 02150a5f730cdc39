/* SPDX-License-Identifier: BSD-3-Clause */
/* Node A sends, node R between them passes on, node B receives, node C is there to be confused
 * with. */
#include "dataplane/relay.h"

#include "dataplane/link.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/fakecore.h"
#include "wire/messages.h"

#define A       0U
#define R       1U
#define B       2U
#define C       3U
#define OUT     4U /* not in the view */
#define COUNT   5U
#define MEMBERS 0xFU

#define INTERVAL_NS (UINT64_C(1000000000) / PEAL_RELAY_FRAMES_PER_SECOND_MAX)

static char none[] = "none";
static struct peal_fakecores *cores;
static const uint8_t body[200] = {1, 2, 3};

struct frame {
	uint8_t bytes[PEAL_FAKEPORT_FRAME_SIZE_MAX];
	uint32_t size;
};

static int
begin(void **state)
{
	cores = peal_fakecores_create(COUNT, *state);
	for (uint32_t i = 0; i < COUNT; i++) {
		peal_fakecores_install(cores, i, PEAL_FAKECORE_EPOCH, MEMBERS, 0);
	}
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

static struct peal_header
make_header(uint8_t kind)
{
	struct peal_header header = peal_fakecores_header(cores, A, B, kind);

	header.flags = PEAL_FRAME_FLAG_RELAY;
	return header;
}

/* A frame of A under this header, to the address of R. */
static struct frame
seal(struct peal_header header)
{
	struct frame frame;

	frame.size = peal_fakecores_seal(cores, A, R, &header, body, sizeof(body), frame.bytes);
	return frame;
}

static uint64_t
counter(uint32_t index, enum peal_counter id)
{
	return peal_fakecores_counter(cores, index, id);
}

static void
inject(uint32_t to, const struct frame *frame)
{
	peal_fakeswitch_inject(cores->wire, to, frame->bytes, frame->size);
}

/* R refuses it by `id`, once, sends nothing, and nothing else is counted. */
static void
assert_refused(const struct frame *frame, enum peal_counter id)
{
	const struct peal_counters *counters = &cores->nodes[R]->core.counters;
	uint64_t digest = peal_fakecores_digest(cores, R);
	uint64_t sent_count = cores->wire->ports[R].sent_count;
	uint64_t before = counter(R, id);
	uint64_t total = 0;

	for (uint32_t i = 0; i < PEAL_COUNTERS_COUNT; i++) {
		total -= counters->values[i];
	}
	inject(R, frame);
	peal_fakecores_turn(cores, R);
	for (uint32_t i = 0; i < PEAL_COUNTERS_COUNT; i++) {
		total += counters->values[i];
	}
	assert_int_equal(counter(R, id), before + 1U);
	assert_int_equal(total, 2U + frame->size); /* one frame, its bytes, one refusal */
	assert_int_equal(cores->wire->ports[R].sent_count, sent_count);
	assert_true(peal_fakecores_digest(cores, R) == digest);
}

static void
test_relay__passes_a_frame_on_as_it_is(void **state)
{
	struct frame frame = seal(make_header(PEAL_MESSAGE_CHANNEL));
	const struct peal_fakeport *port = &cores->wire->ports[R];

	(void)state;
	inject(R, &frame);
	peal_fakecores_turn(cores, R);
	assert_int_equal(counter(R, PEAL_COUNTER_RELAY_PASSED), 1);
	assert_int_equal(port->last_size, frame.size);
	assert_memory_equal(port->last + PEAL_UDP_OFFSET, frame.bytes + PEAL_UDP_OFFSET,
		frame.size - PEAL_UDP_OFFSET);
	assert_true(peal_link_load32(port->last + PEAL_IPV4_SRC_OFFSET) ==
		    peal_fakecores_address(R).ipv4);
	assert_true(peal_link_load32(port->last + PEAL_IPV4_DST_OFFSET) ==
		    peal_fakecores_address(B).ipv4);

	/* There it is A's frame: opened, and told from a direct one. B has no channels. */
	peal_fakecores_turn(cores, B);
	assert_int_equal(counter(B, PEAL_COUNTER_RELAY_HEARD), 1);
	assert_int_equal(counter(B, PEAL_COUNTER_CHANNEL_REFUSED_UNKNOWN), 1);
	assert_int_equal(atomic_load(&cores->nodes[B]->plane.heard_at_ns[A]), 0);

	/* A window it has, so that a copy comes to nothing; and at R A was not heard either. */
	inject(R, &frame);
	peal_fakecores_turn(cores, R);
	peal_fakecores_turn(cores, B);
	assert_int_equal(counter(B, PEAL_COUNTER_REFUSED_REPLAY), 1);
	assert_int_equal(counter(B, PEAL_COUNTER_RELAY_HEARD), 1);
	assert_int_equal(atomic_load(&cores->nodes[R]->plane.heard_at_ns[A]), 0);
}

/* One that the link of A carries and that of R does not. */
static void
test_relay__drops_what_its_link_does_not_carry(void **state)
{
	static const uint8_t wide[PEAL_BODY_SIZE_MAX + 500U] = {1, 2, 3};
	struct peal_header header = make_header(PEAL_MESSAGE_CHANNEL);
	struct frame frame;

	(void)state;
	frame.size = peal_fakecores_seal(cores, A, R, &header, wide, sizeof(wide), frame.bytes);
	inject(R, &frame);
	peal_fakecores_turn(cores, R);
	assert_int_equal(counter(R, PEAL_COUNTER_RELAY_DROPPED), 1);
	assert_int_equal(cores->wire->ports[R].sent_count, 0);
}

static void
test_relay__passes_broadcasts_on(void **state)
{
	struct frame frame = seal(make_header(PEAL_MESSAGE_CAST_PULL));

	(void)state;
	inject(R, &frame);
	peal_fakecores_turn(cores, R);
	assert_int_equal(counter(R, PEAL_COUNTER_RELAY_PASSED), 1);
}

static void
test_relay__refuses_all_other_kinds(void **state)
{
	static const uint8_t kinds[] = {PEAL_MESSAGE_PROBE, PEAL_MESSAGE_ACK, PEAL_MESSAGE_ECHO,
		PEAL_MESSAGE_ECHO_REPLY, PEAL_MESSAGE_ALERT, PEAL_MESSAGE_VOTE, PEAL_MESSAGE_DECIDE,
		PEAL_MESSAGE_BODY};

	(void)state;
	for (uint32_t i = 0; i < sizeof(kinds); i++) {
		struct peal_header header = make_header(kinds[i]);
		struct frame frame = seal(header);

		assert_refused(&frame, PEAL_COUNTER_RELAY_REFUSED_KIND);
		/* Nor does anybody take such a thing as passed on. */
		header.dst = (uint32_t)cores->nodes[R]->mid;
		frame = seal(header);
		assert_refused(&frame, PEAL_COUNTER_RELAY_REFUSED_KIND);
	}
}

static void
test_relay__refuses_who_is_no_other_member(void **state)
{
	struct peal_header good = make_header(PEAL_MESSAGE_CHANNEL);
	struct peal_header header = good;
	struct frame frame;

	(void)state;
	header.dst = (uint32_t)cores->nodes[OUT]->mid;
	frame = seal(header);
	assert_refused(&frame, PEAL_COUNTER_RELAY_REFUSED_MEMBER);
	header = good;
	header.src = (uint32_t)cores->nodes[OUT]->mid;
	frame = seal(header);
	assert_refused(&frame, PEAL_COUNTER_RELAY_REFUSED_MEMBER);
	header = good;
	header.src = (uint32_t)cores->nodes[R]->mid; /* its own comes back */
	frame = seal(header);
	assert_refused(&frame, PEAL_COUNTER_RELAY_REFUSED_MEMBER);
	header = good;
	header.counter |= UINT64_C(1) << PEAL_FRAME_COUNTER_BITS; /* B has one core */
	frame = seal(header);
	assert_refused(&frame, PEAL_COUNTER_RELAY_REFUSED_MEMBER);
	header = good;
	header.dst = header.src;
	frame = seal(header);
	assert_refused(&frame, PEAL_COUNTER_RELAY_REFUSED_SELF);
}

static void
test_relay__refuses_a_member_that_left(void **state)
{
	struct frame frame;

	(void)state;
	peal_fakecores_install(cores, R, PEAL_FAKECORE_EPOCH + 1U, 0x3, 0xC);
	frame = seal(make_header(PEAL_MESSAGE_CHANNEL));
	assert_refused(&frame, PEAL_COUNTER_RELAY_REFUSED_MEMBER);
}

static void
test_relay__refuses_another_view(void **state)
{
	struct peal_header header = make_header(PEAL_MESSAGE_CHANNEL);
	struct frame frame;

	(void)state;
	header.epoch++;
	frame = seal(header);
	assert_refused(&frame, PEAL_COUNTER_RELAY_REFUSED_EPOCH);
	header.epoch -= 2U;
	frame = seal(header);
	assert_refused(&frame, PEAL_COUNTER_RELAY_REFUSED_EPOCH);
}

/* A frame that somebody else passed on, and so every loop. */
static void
test_relay__refuses_a_second_hop(void **state)
{
	struct peal_header header = make_header(PEAL_MESSAGE_CHANNEL);
	struct frame frame = seal(header);

	(void)state;
	peal_link_store32(frame.bytes + PEAL_IPV4_SRC_OFFSET, peal_fakecores_address(C).ipv4);
	peal_link_seal_ipv4(frame.bytes + PEAL_IPV4_OFFSET);
	assert_refused(&frame, PEAL_COUNTER_RELAY_REFUSED_HOP);
}

static void
test_relay__refuses_what_its_sender_did_not_seal(void **state)
{
	struct frame frame = seal(make_header(PEAL_MESSAGE_CHANNEL));

	(void)state;
	frame.bytes[PEAL_UDP_OFFSET + PEAL_HEADER_SIZE + 7U] ^= 1U;
	assert_refused(&frame, PEAL_COUNTER_RELAY_REFUSED_TAG);
}

static void
test_relay__bounds_what_it_passes_on(void **state)
{
	struct frame frame = seal(make_header(PEAL_MESSAGE_CHANNEL));

	(void)state;
	for (uint32_t i = 0; i < PEAL_RELAY_FRAMES_BURST_MAX; i++) {
		inject(R, &frame);
		peal_fakecores_turn(cores, R);
	}
	assert_int_equal(counter(R, PEAL_COUNTER_RELAY_PASSED), PEAL_RELAY_FRAMES_BURST_MAX);
	assert_refused(&frame, PEAL_COUNTER_RELAY_REFUSED_RATE);
	cores->now_ns += INTERVAL_NS;
	inject(R, &frame);
	peal_fakecores_turn(cores, R);
	assert_int_equal(counter(R, PEAL_COUNTER_RELAY_PASSED), PEAL_RELAY_FRAMES_BURST_MAX + 1U);
	assert_refused(&frame, PEAL_COUNTER_RELAY_REFUSED_RATE);
}

/* What finds no place among bulk is dropped, counted, and given back. */
static void
test_relay__drops_without_room(void **state)
{
	struct frame frame = seal(make_header(PEAL_MESSAGE_CHANNEL));

	(void)state;
	cores->nodes[R]->core.egress.txqueue.bulk_room = 1;
	inject(R, &frame);
	inject(R, &frame);
	peal_fakecores_turn(cores, R);
	assert_int_equal(counter(R, PEAL_COUNTER_RELAY_PASSED), 1);
	assert_int_equal(counter(R, PEAL_COUNTER_RELAY_DROPPED), 1);
}

#define BOTH(test)                                                                                 \
	cmocka_unit_test_prestate_setup_teardown(test, begin, finish, NULL),                       \
		cmocka_unit_test_prestate_setup_teardown(test, begin, finish, none)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_relay__passes_a_frame_on_as_it_is),
		BOTH(test_relay__drops_what_its_link_does_not_carry),
		BOTH(test_relay__passes_broadcasts_on),
		BOTH(test_relay__refuses_all_other_kinds),
		BOTH(test_relay__refuses_who_is_no_other_member),
		BOTH(test_relay__refuses_a_member_that_left),
		BOTH(test_relay__refuses_another_view),
		BOTH(test_relay__refuses_a_second_hop),
		BOTH(test_relay__refuses_what_its_sender_did_not_seal),
		BOTH(test_relay__bounds_what_it_passes_on),
		BOTH(test_relay__drops_without_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
