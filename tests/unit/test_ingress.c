/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/ingress.h"

#include "dataplane/link.h"
#include "tests/lib/cmocka_all.h"
#include "tests/lib/dies.h"
#include "tests/lib/fakecore.h"
#include "wire/messages.h"

/* Node 0 listens, node 1 sends, node 2 is there to be confused with. */
#define ME    0U
#define PEER  1U
#define OTHER 2U

#define JOIN_INTERVAL_NS     (UINT64_C(1000000000) / PEAL_JOIN_FRAMES_PER_SECOND_MAX)
#define STRANGER_INTERVAL_NS (UINT64_C(1000000000) / PEAL_STRANGERS_PER_SECOND_MAX)

/* Every story is told twice: with the checksum, and with the best AEAD of this machine. */
static char none[] = "none";
static const uint8_t probe_body[PEAL_LIVENESS_BODY_SIZE] = {0x07, 0x00, 0xED, 0x5E};

struct frame {
	uint8_t bytes[PEAL_FAKEPORT_FRAME_SIZE_MAX];
	uint32_t size;
};

/* A good probe of PEER, which a test then spoils. */
static struct frame
make_probe(struct peal_fakecores *cores)
{
	struct peal_header header = peal_fakecores_header(cores, PEER, ME, PEAL_MESSAGE_PROBE);
	struct frame frame;

	frame.size = peal_fakecores_seal(
		cores, PEER, ME, &header, probe_body, sizeof(probe_body), frame.bytes);
	return frame;
}

static struct frame
make_join(struct peal_fakecores *cores)
{
	struct peal_header header =
		peal_fakecores_header(cores, PEER, ME, PEAL_MESSAGE_JOIN_REQUEST);
	struct frame frame;

	frame.size = peal_fakecores_seal(cores, PEER, ME, &header, "join me", 7, frame.bytes);
	return frame;
}

/* Node ME takes the frame; returns how the counter moved. Asserts that nothing was answered. */
static uint64_t
take(struct peal_fakecores *cores, const struct frame *frame, enum peal_counter id)
{
	uint64_t before = peal_fakecores_counter(cores, ME, id);
	uint64_t sent_before = cores->wire->ports[ME].sent_count;

	peal_fakeswitch_inject(cores->wire, ME, frame->bytes, frame->size);
	peal_fakecores_turn(cores, ME);
	assert_int_equal(cores->wire->ports[ME].sent_count, sent_before);
	return peal_fakecores_counter(cores, ME, id) - before;
}

/* The frame is refused by `id`, exactly once, and nothing else happens. */
static void
assert_refused(struct peal_fakecores *cores, const struct frame *frame, enum peal_counter id)
{
	uint64_t digest = peal_fakecores_digest(cores, ME);
	uint64_t total_before = 0;
	uint64_t total = 0;

	for (uint32_t i = 0; i < PEAL_COUNTERS_COUNT; i++) {
		total_before += cores->nodes[ME]->core.counters.values[i];
	}
	assert_int_equal(take(cores, frame, id), 1);
	assert_true(peal_fakecores_digest(cores, ME) == digest);
	for (uint32_t i = 0; i < PEAL_COUNTERS_COUNT; i++) {
		total += cores->nodes[ME]->core.counters.values[i];
	}
	/* One frame received, its bytes, one refusal. */
	assert_int_equal(total - total_before, 2U + frame->size);
}

/* The frame is taken and answered. */
static void
assert_taken(struct peal_fakecores *cores, const struct frame *frame)
{
	uint64_t acks = peal_fakecores_counter(cores, ME, PEAL_COUNTER_ACKS_SENT);

	peal_fakeswitch_inject(cores->wire, ME, frame->bytes, frame->size);
	peal_fakecores_turn(cores, ME);
	assert_int_equal(peal_fakecores_counter(cores, ME, PEAL_COUNTER_ACKS_SENT), acks + 1U);
}

static void
set_payload_size(struct frame *frame, uint32_t size)
{
	frame->size = PEAL_UDP_OFFSET + size;
	peal_link_store16(frame->bytes + PEAL_UDP_LENGTH_OFFSET, (uint16_t)(size + 8U));
	peal_link_store16(frame->bytes + PEAL_IPV4_LENGTH_OFFSET, (uint16_t)(size + 28U));
	peal_link_seal_ipv4(frame->bytes + PEAL_IPV4_OFFSET);
}

static void
test_ingress__refuses_what_is_not_a_frame(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, *state);
	struct frame good = make_probe(cores);
	struct frame frame = good;

	set_payload_size(&frame, 47);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_SIZE);
	set_payload_size(&frame, 0);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_SIZE);
	frame = good;
	set_payload_size(&frame, 63); /* one byte short of what it names */
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_SIZE);
	set_payload_size(&frame, 65);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_SIZE);
	set_payload_size(&frame, PEAL_PAYLOAD_SIZE_MAX + 1U);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_SIZE);
	frame = good;
	frame.bytes[PEAL_UDP_OFFSET] ^= 1U;
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_MAGIC);
	frame = good;
	frame.bytes[PEAL_UDP_OFFSET + 2U] = 2;
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_VERSION);
	frame = good;
	frame.bytes[PEAL_UDP_OFFSET + 3U] = 0x1F;
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_KIND);
	frame = good;
	frame.bytes[PEAL_UDP_OFFSET + 5U] = 0x10;
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_FLAGS);
	assert_taken(cores, &good);
	peal_fakecores_destroy(cores);
}

/* Seals whatever header it is given, so that only that field is wrong. */
static struct frame
seal_probe(struct peal_fakecores *cores, struct peal_header header)
{
	struct frame frame;

	frame.size = peal_fakecores_seal(
		cores, PEER, ME, &header, probe_body, sizeof(probe_body), frame.bytes);
	return frame;
}

static void
test_ingress__refuses_a_sealed_frame_that_is_not_for_this_node(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, *state);
	struct peal_header good = peal_fakecores_header(cores, PEER, ME, PEAL_MESSAGE_PROBE);
	struct peal_header header = good;
	struct frame frame;

	header.cluster++;
	frame = seal_probe(cores, header);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_CLUSTER);
	header = good;
	header.key_id ^= 1U;
	frame = seal_probe(cores, header);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_KEY);
	header = good;
	header.dst = (uint32_t)cores->nodes[OTHER]->mid; /* sent to OTHER, redirected to ME */
	frame = seal_probe(cores, header);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_DESTINATION);
	header = good;
	header.flags = PEAL_FRAME_FLAG_GROUP;
	frame = seal_probe(cores, header);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_DESTINATION);
	header = good;
	header.src = 77;
	frame = seal_probe(cores, header);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_SOURCE);
	header = good;
	header.src = (uint32_t)cores->nodes[ME]->mid; /* it does not talk to itself */
	frame = seal_probe(cores, header);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_SOURCE);
	header = good;
	header.src = (uint32_t)cores->nodes[OTHER]->mid; /* sealed under another's key */
	frame = seal_probe(cores, header);
	if (cores->aead.key_id != 0) {
		assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_TAG);
	}
	frame = seal_probe(cores, good);
	assert_taken(cores, &frame);
	peal_fakecores_destroy(cores);
}

static void
test_ingress__refuses_epochs_that_are_of_no_use(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, *state);
	struct peal_header header = peal_fakecores_header(cores, PEER, ME, PEAL_MESSAGE_VOTE);
	struct peal_header probe = peal_fakecores_header(cores, PEER, ME, PEAL_MESSAGE_PROBE);
	struct frame frame;

	header.epoch = PEAL_FAKECORE_EPOCH + 2U;
	frame = seal_probe(cores, header);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_EPOCH);
	header.epoch = PEAL_FAKECORE_EPOCH + 0x7FFFFFFFU;
	frame = seal_probe(cores, header);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_EPOCH);
	/* Epochs count from 1: before that there was nobody. */
	probe.epoch = 0;
	frame = seal_probe(cores, probe);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_EPOCH);
	probe.epoch = UINT32_MAX - 5U;
	frame = seal_probe(cores, probe);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_EPOCH);
	peal_fakecores_destroy(cores);
}

/* A view in which the peer has three shards. */
static void
install_shards(struct peal_fakecores *cores)
{
	struct peal_peers *peers = peal_fakecores_make_view(cores, ME, PEAL_FAKECORE_EPOCH, 7, 0);

	peers->peers[PEER].shards_count = 3;
	peal_fakecores_push_view(cores, ME, peers);
	peal_fakecores_turn(cores, ME);
	peal_fakecores_drain(cores, ME, PEAL_RECORD_VIEW_DONE);
}

static void
test_ingress__each_shard_of_a_peer_has_a_window(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, *state);
	struct peal_header header = peal_fakecores_header(cores, PEER, ME, PEAL_MESSAGE_PROBE);
	struct frame frame;

	install_shards(cores);
	for (uint8_t shard = 0; shard < 3; shard++) {
		header.counter = peal_frame_counter(shard, 0, 1000);
		frame = seal_probe(cores, header);
		assert_taken(cores, &frame);
		assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_REPLAY);
		header.counter = peal_frame_counter(shard, 0, 1001U - PEAL_REPLAY_WINDOW_MAX);
		frame = seal_probe(cores, header);
		assert_taken(cores, &frame);
		header.counter = peal_frame_counter(shard, 0, 0);
		frame = seal_probe(cores, header);
		assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_REPLAY);
	}
	/* A shard that the peer has not; one that this node has not. */
	header.counter = peal_frame_counter(3, 0, 2000);
	frame = seal_probe(cores, header);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_REPLAY);
	header.counter = peal_frame_counter(1, 1, 2000);
	frame = seal_probe(cores, header);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_REPLAY);
	/* Without a true tag no window begins. */
	header.counter = peal_frame_counter(2, 0, 9000);
	frame = seal_probe(cores, header);
	frame.bytes[frame.size - 1U] ^= 1U;
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_TAG);
	header.counter = peal_frame_counter(2, 0, 1002);
	frame = seal_probe(cores, header);
	assert_taken(cores, &frame);
	peal_fakecores_destroy(cores);
}

/* Over every link: the port is the last but two of the fields in front of the payload. */
static void
check_owners(const char *profile)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, profile);
	struct peal_ingress *ingress = &cores->nodes[ME]->core.ingress;
	struct frame frame = make_probe(cores);
	struct peal_packet packet = {.data = frame.bytes, .size = frame.size};
	uint8_t *port = frame.bytes + ingress->headers_size - 6U;
	struct peal_opened opened;

	ingress->shards_count = 3;
	for (uint16_t i = 1; i < 3; i++) {
		peal_link_store16(port, (uint16_t)(PEAL_FAKECORE_PORT + i));
		assert_int_equal(peal_ingress_take(ingress, &packet, cores->now_ns, &opened),
			PEAL_ARRIVAL_ELSEWHERE);
		assert_int_equal(opened.shard, i);
		assert_int_equal(opened.slot, PEAL_PEERS_NONE);
	}
	peal_link_store16(port, PEAL_FAKECORE_PORT + 3U);
	assert_int_equal(
		peal_ingress_take(ingress, &packet, cores->now_ns, &opened), PEAL_ARRIVAL_REFUSED);
	peal_link_store16(port, PEAL_FAKECORE_PORT - 1U);
	assert_int_equal(
		peal_ingress_take(ingress, &packet, cores->now_ns, &opened), PEAL_ARRIVAL_REFUSED);
	assert_true(peal_fakecores_counter(cores, ME, PEAL_COUNTER_RX_NOT_MINE) == 2);
	peal_link_store16(port, PEAL_FAKECORE_PORT);
	assert_int_equal(
		peal_ingress_take(ingress, &packet, cores->now_ns, &opened), PEAL_ARRIVAL_LIVENESS);
	peal_fakecores_destroy(cores);
}

static void
test_ingress__says_whose_the_packets_of_other_shards_are(void **state)
{
	for (uint32_t shape = 0; shape < 4; shape++) {
		const struct peal_fakecores_link link = {
			.is_ipv6 = (shape & 1U) != 0, .vlan = (shape & 2U) != 0 ? 100 : 0};

		peal_fakecores_set_link(&link);
		check_owners(*state);
	}
	peal_fakecores_set_link(&(const struct peal_fakecores_link){.vlan = 0});
}

static void
test_ingress__refuses_what_it_has_seen(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, *state);
	struct frame frame = make_probe(cores);
	struct peal_header header = peal_fakecores_header(cores, PEER, ME, PEAL_MESSAGE_PROBE);

	assert_taken(cores, &frame);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_REPLAY);
	header.counter = 0;
	frame = seal_probe(cores, header);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_REPLAY);
	/* The peer has one shard, and so has this node: the bits that name others are zero. */
	header.counter = (UINT64_C(1) << PEAL_FRAME_COUNTER_BITS) + 9U;
	frame = seal_probe(cores, header);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_REPLAY);
	header.counter = 1000;
	frame = seal_probe(cores, header);
	assert_taken(cores, &frame);
	header.counter = 1000U - PEAL_REPLAY_WINDOW_MAX;
	frame = seal_probe(cores, header);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_REPLAY);
	header.counter = 1001U - PEAL_REPLAY_WINDOW_MAX;
	frame = seal_probe(cores, header);
	assert_taken(cores, &frame);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_REPLAY);
	/* A refused tag does not move the window: the true frame of that number is still welcome.
	 */
	header.counter = 5000;
	frame = seal_probe(cores, header);
	frame.bytes[frame.size - 1U] ^= 1U;
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_TAG);
	frame.bytes[frame.size - 1U] ^= 1U;
	assert_taken(cores, &frame);
	peal_fakecores_destroy(cores);
}

/* Bytes that no check covers: where it came from, how it was routed, and the checksum nobody needs.
 */
static bool
is_covered(uint32_t offset)
{
	return !(offset >= PEAL_LINK_SRC_OFFSET && offset < PEAL_LINK_TYPE_OFFSET) &&
	       !(offset >= PEAL_UDP_SRC_OFFSET && offset < PEAL_UDP_DST_OFFSET) &&
	       !(offset >= PEAL_UDP_CHECKSUM_OFFSET && offset < PEAL_UDP_OFFSET);
}

static void
test_ingress__finds_every_flipped_byte(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, *state);
	struct frame good = make_probe(cores);
	uint64_t digest = peal_fakecores_digest(cores, ME);

	for (uint32_t offset = 0; offset < good.size; offset++) {
		for (uint32_t bit = 0; bit < 8; bit++) {
			struct frame frame = good;
			uint64_t refused = 0;

			if (!is_covered(offset)) {
				continue;
			}
			frame.bytes[offset] ^= (uint8_t)(1U << bit);
			for (uint32_t id = 0; id < PEAL_COUNTERS_COUNT; id++) {
				refused +=
					id == PEAL_COUNTER_RX_FRAMES || id == PEAL_COUNTER_RX_BYTES
						? 0
						: cores->nodes[ME]->core.counters.values[id];
			}
			take(cores, &frame, PEAL_COUNTER_RX_FRAMES);
			for (uint32_t id = 0; id < PEAL_COUNTERS_COUNT; id++) {
				refused -=
					id == PEAL_COUNTER_RX_FRAMES || id == PEAL_COUNTER_RX_BYTES
						? 0
						: cores->nodes[ME]->core.counters.values[id];
			}
			assert_int_equal(refused, UINT64_MAX);
			assert_true(peal_fakecores_digest(cores, ME) == digest);
		}
	}
	assert_taken(cores, &good);
	peal_fakecores_destroy(cores);
}

static void
test_ingress__finds_every_cut_and_every_damaged_tag(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, *state);
	struct frame good = make_probe(cores);
	uint64_t digest = peal_fakecores_digest(cores, ME);

	/* The packet ends early, whatever its headers say. */
	for (uint32_t size = 0; size < good.size; size++) {
		struct frame frame = good;

		frame.size = size;
		take(cores, &frame, PEAL_COUNTER_RX_FRAMES);
		assert_true(peal_fakecores_digest(cores, ME) == digest);
	}
	for (uint32_t offset = PEAL_UDP_OFFSET + PEAL_HEADER_SIZE; offset < good.size; offset++) {
		struct frame frame = good;

		frame.bytes[offset] ^= 0x80U;
		assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_TAG);
	}
	/* Padding behind the IP packet is nobody's business. */
	good.size += 6;
	assert_taken(cores, &good);
	peal_fakecores_destroy(cores);
}

static void
reseal_ipv4(struct frame *frame)
{
	peal_link_seal_ipv4(frame->bytes + PEAL_IPV4_OFFSET);
}

static void
test_ingress__names_what_is_wrong_below_udp(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, *state);
	struct frame good = make_probe(cores);
	struct frame frame = good;

	peal_link_store16(frame.bytes + PEAL_LINK_TYPE_OFFSET, 0x86DD);
	assert_refused(cores, &frame, PEAL_COUNTER_RX_NOT_IP);
	frame.size = 5;
	assert_refused(cores, &frame, PEAL_COUNTER_RX_NOT_IP);
	frame = good;
	frame.size = PEAL_IPV4_OFFSET + 19U;
	assert_refused(cores, &frame, PEAL_COUNTER_RX_BAD_IP);
	frame = good;
	frame.bytes[5] = 3; /* OTHER's station */
	assert_refused(cores, &frame, PEAL_COUNTER_RX_NOT_MINE);
	frame = good;
	frame.bytes[PEAL_IPV4_DST_OFFSET + 3U]++;
	reseal_ipv4(&frame);
	assert_refused(cores, &frame, PEAL_COUNTER_RX_NOT_MINE);
	frame = good;
	frame.bytes[PEAL_UDP_DST_OFFSET + 1U]++;
	assert_refused(cores, &frame, PEAL_COUNTER_RX_NOT_MINE);
	frame = good;
	frame.bytes[PEAL_IPV4_PROTOCOL_OFFSET] = 6;
	reseal_ipv4(&frame);
	assert_refused(cores, &frame, PEAL_COUNTER_RX_NOT_MINE);
	frame = good;
	frame.bytes[PEAL_IPV4_OFFSET] = 0x46; /* options */
	reseal_ipv4(&frame);
	assert_refused(cores, &frame, PEAL_COUNTER_RX_BAD_IP);
	frame = good;
	frame.bytes[PEAL_IPV4_CHECKSUM_OFFSET]++;
	assert_refused(cores, &frame, PEAL_COUNTER_RX_BAD_IP);
	frame = good;
	peal_link_store16(frame.bytes + PEAL_IPV4_FRAGMENT_OFFSET, 0x2000); /* more fragments */
	reseal_ipv4(&frame);
	assert_refused(cores, &frame, PEAL_COUNTER_RX_BAD_IP);
	peal_link_store16(frame.bytes + PEAL_IPV4_FRAGMENT_OFFSET, 185); /* a later one */
	reseal_ipv4(&frame);
	assert_refused(cores, &frame, PEAL_COUNTER_RX_BAD_IP);
	frame = good;
	peal_link_store16(frame.bytes + PEAL_IPV4_LENGTH_OFFSET, 19);
	reseal_ipv4(&frame);
	assert_refused(cores, &frame, PEAL_COUNTER_RX_BAD_IP);
	peal_link_store16(frame.bytes + PEAL_IPV4_LENGTH_OFFSET, 27);
	reseal_ipv4(&frame);
	assert_refused(cores, &frame, PEAL_COUNTER_RX_BAD_IP);
	frame = good;
	peal_link_store16(frame.bytes + PEAL_UDP_LENGTH_OFFSET, 71); /* IP says 72 */
	assert_refused(cores, &frame, PEAL_COUNTER_RX_BAD_IP);
	frame = good;
	frame.size--; /* IP says more than there is */
	assert_refused(cores, &frame, PEAL_COUNTER_RX_BAD_IP);
	/* Don't-fragment, service and identification may be anything. */
	frame = good;
	peal_link_store16(frame.bytes + PEAL_IPV4_FRAGMENT_OFFSET, PEAL_IPV4_DONT_FRAGMENT);
	frame.bytes[PEAL_IPV4_OFFSET + 1U] = 0xB8;
	frame.bytes[PEAL_IPV4_OFFSET + 4U] = 0x77;
	reseal_ipv4(&frame);
	assert_taken(cores, &frame);
	peal_fakecores_destroy(cores);
}

static void
test_ingress__opens_family_0_at_a_limited_rate(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create(2, *state);
	struct peal_record record;
	struct frame frame = make_join(cores);

	frame.bytes[PEAL_UDP_OFFSET + 8U] ^= 1U;
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_CLUSTER);
	frame = make_join(cores);
	frame.bytes[PEAL_UDP_OFFSET + 4U] ^= 1U;
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_KEY);
	frame = make_join(cores);
	frame.bytes[PEAL_UDP_OFFSET + 5U] = PEAL_FRAME_FLAG_GROUP;
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_DESTINATION);
	/* Garbage uses up the rate: that is what it is there for. */
	for (uint32_t i = 0; i < PEAL_JOIN_FRAMES_BURST_MAX; i++) {
		frame = make_join(cores);
		frame.bytes[frame.size - 9U] ^= 4U;
		assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_TAG);
	}
	frame = make_join(cores);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_RATE);
	cores->now_ns += JOIN_INTERVAL_NS - 1U;
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_RATE);
	cores->now_ns += 1;
	assert_int_equal(take(cores, &frame, PEAL_COUNTER_REFUSED_RATE), 0);
	assert_true(peal_fakecores_find(cores, ME, PEAL_RECORD_FRAME, &record));
	assert_int_equal(record.message, PEAL_MESSAGE_JOIN_REQUEST);
	assert_int_equal(record.slot, PEAL_SLOT_NONE);
	assert_int_equal(record.mid, 0);
	assert_int_equal(record.body_size, 7);
	assert_memory_equal(cores->nodes[ME]->up_buffers[record.buffer], "join me", 7);
	assert_true(record.address.ipv4 == peal_fakecores_address(PEER).ipv4);
	assert_int_equal(record.address.port, PEAL_FAKECORE_PORT);
	assert_memory_equal(record.address.mac, peal_fakecores_address(PEER).mac, 6);
	/* No window: the same again is for control to recognise. */
	cores->now_ns += JOIN_INTERVAL_NS;
	assert_int_equal(take(cores, &frame, PEAL_COUNTER_REFUSED_REPLAY), 0);
	assert_true(peal_fakecores_find(cores, ME, PEAL_RECORD_FRAME, &record));
	peal_fakecores_destroy(cores);
}

static void
test_ingress__a_node_that_is_no_member_knows_nobody(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create(2, *state);
	struct frame frame = make_probe(cores);

	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_CLUSTER);
	/* Not even when the frame guesses the fold of no cluster. */
	struct peal_header header = peal_fakecores_header(cores, PEER, ME, PEAL_MESSAGE_PROBE);

	header.cluster = 0;
	header.dst = 0;
	header.epoch = 0;
	frame = seal_probe(cores, header);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_CLUSTER);
	peal_fakecores_destroy(cores);
}

static void
test_ingress__keeps_windows_across_views_but_not_across_incarnations(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, *state);
	struct frame frame = make_probe(cores);

	assert_taken(cores, &frame);
	peal_fakecores_install(cores, ME, PEAL_FAKECORE_EPOCH + 1U, 0x7, 0);
	assert_int_equal(take(cores, &frame, PEAL_COUNTER_REFUSED_REPLAY), 1);
	peal_fakecores_install(cores, ME, PEAL_FAKECORE_EPOCH + 2U, 0x5, 0x2); /* PEER departed */
	assert_int_equal(take(cores, &frame, PEAL_COUNTER_REFUSED_REPLAY), 1);
	/* This node came again under another number: the streams to it begin anew. */
	cores->nodes[ME]->mid = 50;
	peal_fakecores_install(cores, ME, PEAL_FAKECORE_EPOCH, 0x7, 0);
	struct peal_header header = peal_fakecores_header(cores, PEER, ME, PEAL_MESSAGE_PROBE);

	header.counter = 1;
	frame = seal_probe(cores, header);
	assert_taken(cores, &frame);
	/* PEER came again, in the same slot. */
	cores->nodes[PEER]->mid = 51;
	peal_fakecores_install(cores, ME, PEAL_FAKECORE_EPOCH, 0x7, 0);
	header.src = 51;
	frame = seal_probe(cores, header);
	assert_taken(cores, &frame);
	peal_fakecores_destroy(cores);
}

/* A frame whose sender is a number of the view without a slot; it need not be sealed by anybody. */
static struct frame
make_stranger(struct peal_fakecores *cores, uint32_t src)
{
	struct peal_header header = peal_fakecores_header(cores, PEER, ME, PEAL_MESSAGE_PROBE);
	struct frame frame;

	header.src = src;
	frame = seal_probe(cores, header);
	frame.bytes[frame.size - 1U] ^= 1U;
	return frame;
}

static void
test_ingress__tells_of_strangers_at_a_limited_rate(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, *state);
	struct peal_peers *peers = peal_fakecores_make_view(cores, ME, PEAL_FAKECORE_EPOCH, 0x3, 0);
	struct peal_record record;
	struct frame frame;

	peers->next_mid = 100;
	peal_fakecores_push_view(cores, ME, peers);
	peal_fakecores_turn(cores, ME);
	peal_fakecores_drain(cores, ME, PEAL_RECORD_VIEW_DONE);
	/* Above the last number, nobody, and this node itself are no strangers. */
	frame = make_stranger(cores, 100);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_SOURCE);
	frame = make_stranger(cores, 0);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_SOURCE);
	frame = make_stranger(cores, ME + 1U);
	assert_refused(cores, &frame, PEAL_COUNTER_REFUSED_SOURCE);
	for (uint32_t i = 0; i < 2U * PEAL_STRANGERS_BURST_MAX; i++) {
		frame = make_stranger(cores, 50U + i);
		assert_int_equal(take(cores, &frame, PEAL_COUNTER_REFUSED_SOURCE), 1);
	}
	for (uint32_t i = 0; i < PEAL_STRANGERS_BURST_MAX; i++) {
		assert_true(peal_fakecores_pop(cores, ME, &record));
		assert_int_equal(record.kind, PEAL_RECORD_STRANGER);
		assert_int_equal(record.mid, 50U + i);
		assert_int_equal(record.slot, PEAL_SLOT_NONE);
	}
	assert_false(peal_fakecores_pop(cores, ME, &record));
	assert_int_equal(peal_fakecores_counter(cores, ME, PEAL_COUNTER_STRANGERS_HEARD),
		PEAL_STRANGERS_BURST_MAX);
	cores->now_ns += STRANGER_INTERVAL_NS - 1U;
	take(cores, &frame, PEAL_COUNTER_REFUSED_SOURCE);
	assert_false(peal_fakecores_pop(cores, ME, &record));
	cores->now_ns += 1;
	take(cores, &frame, PEAL_COUNTER_REFUSED_SOURCE);
	assert_true(peal_fakecores_pop(cores, ME, &record));
	peal_fakecores_destroy(cores);
}

/* Another table of the same view, with a guest in it. */
static void
test_ingress__knows_a_guest_in_the_same_view(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(3, *state);
	struct peal_header header = peal_fakecores_header(cores, OTHER, ME, PEAL_MESSAGE_PROBE);
	struct frame frame = make_probe(cores);
	struct frame guest;

	guest.size = peal_fakecores_seal(
		cores, OTHER, ME, &header, probe_body, sizeof(probe_body), guest.bytes);
	peal_fakecores_install(cores, ME, PEAL_FAKECORE_EPOCH, 0x3, 0);
	assert_taken(cores, &frame);
	assert_int_equal(take(cores, &guest, PEAL_COUNTER_REFUSED_SOURCE), 1);
	peal_fakecores_install(cores, ME, PEAL_FAKECORE_EPOCH, 0x7, 0);
	assert_taken(cores, &guest);
	assert_int_equal(take(cores, &frame, PEAL_COUNTER_REFUSED_REPLAY), 1);
	peal_fakecores_destroy(cores);
}

struct args {
	struct peal_ingress ingress;
	struct peal_peers peers;
};

static void
switch_without_key(void *argument)
{
	struct args *args = argument;

	peal_ingress_switch(&args->ingress, &args->peers);
}

static void
test_ingress__a_peer_without_key_is_a_bug(void **state)
{
	static struct args args;

	(void)state;
	args.peers.peers[4].mid = 4;
	assert_true(peal_test_dies(switch_without_key, &args));
}

#define TESTS(profile)                                                                             \
	cmocka_unit_test_prestate(test_ingress__refuses_what_is_not_a_frame, profile),             \
		cmocka_unit_test_prestate(                                                         \
			test_ingress__refuses_a_sealed_frame_that_is_not_for_this_node, profile),  \
		cmocka_unit_test_prestate(                                                         \
			test_ingress__refuses_epochs_that_are_of_no_use, profile),                 \
		cmocka_unit_test_prestate(test_ingress__refuses_what_it_has_seen, profile),        \
		cmocka_unit_test_prestate(                                                         \
			test_ingress__each_shard_of_a_peer_has_a_window, profile),                 \
		cmocka_unit_test_prestate(                                                         \
			test_ingress__says_whose_the_packets_of_other_shards_are, profile),        \
		cmocka_unit_test_prestate(test_ingress__finds_every_flipped_byte, profile),        \
		cmocka_unit_test_prestate(                                                         \
			test_ingress__finds_every_cut_and_every_damaged_tag, profile),             \
		cmocka_unit_test_prestate(test_ingress__names_what_is_wrong_below_udp, profile),   \
		cmocka_unit_test_prestate(                                                         \
			test_ingress__opens_family_0_at_a_limited_rate, profile),                  \
		cmocka_unit_test_prestate(                                                         \
			test_ingress__a_node_that_is_no_member_knows_nobody, profile),             \
		cmocka_unit_test_prestate(                                                         \
			test_ingress__keeps_windows_across_views_but_not_across_incarnations,      \
			profile),                                                                  \
		cmocka_unit_test_prestate(                                                         \
			test_ingress__tells_of_strangers_at_a_limited_rate, profile),              \
		cmocka_unit_test_prestate(test_ingress__knows_a_guest_in_the_same_view, profile)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TESTS(none),
		TESTS(NULL),
		cmocka_unit_test(test_ingress__a_peer_without_key_is_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
