/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/txqueue.h"

#include "tests/lib/cmocka_all.h"
#include "tests/lib/fakecore.h"
#include "wire/messages.h"

/* The egress of node 0, used by hand, fills its txqueue; node 1 is the receiver. */
static struct peal_egress *
egress_of(struct peal_fakecores *cores)
{
	return &cores->nodes[0]->core.egress;
}

static const uint8_t text[40] = "forty bytes that are no liveness body.";

static void
test_txqueue__flushes_early_when_the_queue_is_full(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, "none");
	struct peal_fakeport *port = &cores->wire->ports[0];

	(void)state;
	for (uint32_t i = 0; i < PEAL_TX_QUEUE_MAX; i++) {
		peal_egress_send_slot(egress_of(cores), 1, PEAL_MESSAGE_VOTE, text, 40);
	}
	assert_int_equal(port->transmits_count, 0);
	peal_egress_send_slot(egress_of(cores), 1, PEAL_MESSAGE_VOTE, text, 40);
	assert_int_equal(port->transmits_count, 1);
	assert_int_equal(port->sent_count, PEAL_TX_QUEUE_MAX);
	peal_txqueue_flush(&egress_of(cores)->txqueue);
	assert_int_equal(port->sent_count, PEAL_TX_QUEUE_MAX + 1U);
	peal_txqueue_flush(&egress_of(cores)->txqueue); /* nothing left: the port is not bothered */
	assert_int_equal(port->transmits_count, 2);
	/* One call to the port for many packets. */
	assert_int_equal(port->allocations_count, PEAL_TX_QUEUE_MAX / PEAL_TX_STASH_MAX + 1U);
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakecores_destroy(cores);
}

static void
test_txqueue__counts_what_the_port_does_not_take(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, "none");
	struct peal_fakeport *port = &cores->wire->ports[0];

	(void)state;
	port->transmit_max = 3;
	for (uint32_t i = 0; i < 10; i++) {
		peal_egress_send_slot(egress_of(cores), 1, PEAL_MESSAGE_VOTE, text, 40);
	}
	peal_txqueue_flush(&egress_of(cores)->txqueue);
	assert_int_equal(port->sent_count, 3);
	assert_int_equal(peal_fakecores_counter(cores, 0, PEAL_COUNTER_TX_DROPPED), 7);
	assert_int_equal(peal_fakecores_counter(cores, 0, PEAL_COUNTER_TX_FRAMES), 10);
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakecores_destroy(cores);
}

static void
test_txqueue__takes_the_last_packets_and_then_says_no(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, "none");
	struct peal_fakeport *port = &cores->wire->ports[0];

	(void)state;
	port->allocate_max = PEAL_TX_STASH_MAX + 2U; /* one stash, then two single ones */
	for (uint32_t i = 0; i < PEAL_TX_STASH_MAX + 2U; i++) {
		assert_true(
			peal_egress_send_slot(egress_of(cores), 1, PEAL_MESSAGE_VOTE, text, 40));
	}
	uint64_t counter = egress_of(cores)->peers[1].counter;

	assert_false(peal_egress_send_slot(egress_of(cores), 1, PEAL_MESSAGE_VOTE, text, 40));
	assert_int_equal(peal_fakecores_counter(cores, 0, PEAL_COUNTER_TX_DROPPED), 1);
	assert_true(egress_of(cores)->peers[1].counter == counter);
	peal_txqueue_flush(&egress_of(cores)->txqueue);
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakecores_destroy(cores);
}

/* Bulk of so many bytes for the peer at slot 1. False: there is no place. */
static bool
send_bulk_of(struct peal_fakecores *cores, uint16_t size)
{
	struct peal_packet packet;
	uint8_t *body = peal_egress_begin(egress_of(cores), &packet);

	if (body == NULL) {
		return false;
	}
	memset(body, 0x55, size);
	peal_egress_end(egress_of(cores), &packet, 1, 0, PEAL_MESSAGE_CHANNEL, size);
	return true;
}

/* So little that all of a turn waits for its end. */
static bool
send_bulk(struct peal_fakecores *cores)
{
	return send_bulk_of(cores, 20);
}

static void
test_txqueue__bulk_leaves_last_and_has_its_places(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, "none");
	struct peal_fakeport *port = &cores->wire->ports[0];
	uint8_t body[PEAL_BODY_SIZE_MAX];

	(void)state;
	for (uint32_t i = 0; i < PEAL_TX_BULK_MAX; i++) {
		assert_true(send_bulk(cores));
	}
	assert_false(send_bulk(cores));
	/* The others have all of their places still. */
	for (uint32_t i = 0; i < PEAL_TX_RESERVED_MAX; i++) {
		peal_egress_send_slot(egress_of(cores), 1, PEAL_MESSAGE_VOTE, text, 40);
	}
	assert_int_equal(port->sent_count, 0);
	peal_txqueue_flush(&egress_of(cores)->txqueue);
	assert_int_equal(port->sent_count, PEAL_TX_QUEUE_MAX);
	assert_int_equal(peal_fakecores_open_last(cores, 0, body).kind, PEAL_MESSAGE_CHANNEL);
	assert_int_equal(peal_fakecores_counter(cores, 0, PEAL_COUNTER_TX_DROPPED), 0);
	assert_true(send_bulk(cores));
	peal_txqueue_fini(&egress_of(cores)->txqueue);
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakecores_destroy(cores);
}

static void
test_txqueue__bulk_makes_room_when_the_port_is_full(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, "none");
	struct peal_fakeport *port = &cores->wire->ports[0];
	uint32_t count = 0;

	(void)state;
	port->ring_max = 20;
	while (send_bulk(cores)) {
		count++;
	}
	assert_int_equal(count, PEAL_TX_BULK_MAX);
	peal_txqueue_flush(&egress_of(cores)->txqueue);
	assert_int_equal(port->sent_count, 20);
	/* Half of it, then a little more each turn, and from the beginning when all is well. */
	for (uint32_t bound = 10; bound < PEAL_TX_BULK_MAX; bound += PEAL_TX_BULK_STEP) {
		port->ring_max = 1000;
		port->ring_count = 0;
		for (count = 0; send_bulk(cores); count++) {
		}
		assert_int_equal(count, bound);
		peal_txqueue_flush(&egress_of(cores)->txqueue);
	}
	/* Never none at all. */
	port->ring_count = port->ring_max;
	assert_true(send_bulk(cores));
	peal_txqueue_flush(&egress_of(cores)->txqueue);
	port->ring_count = 0;
	assert_true(send_bulk(cores));
	assert_false(send_bulk(cores));
	peal_txqueue_flush(&egress_of(cores)->txqueue);
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakecores_destroy(cores);
}

/* Sends large bulk until the first of it has left; returns how many frames that were. */
static uint32_t
send_until_some_leave(struct peal_fakecores *cores)
{
	uint64_t sent_count = cores->wire->ports[0].sent_count;
	uint32_t count = 0;

	while (cores->wire->ports[0].sent_count == sent_count) {
		assert_true(send_bulk_of(cores, PEAL_BODY_SIZE_MAX));
		count++;
	}
	return count;
}

static void
test_txqueue__much_bulk_does_not_wait_for_the_end_of_the_turn(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, "none");
	struct peal_fakeport *port = &cores->wire->ports[0];
	uint8_t body[PEAL_BODY_SIZE_MAX];
	uint32_t count;

	(void)state;
	peal_egress_send_slot(egress_of(cores), 1, PEAL_MESSAGE_VOTE, text, 40);
	count = send_until_some_leave(cores);
	assert_int_equal(count, PEAL_TX_BULK_SIZE_MAX / port->last_size + 1U);
	/* Behind the other class, in one call each. */
	assert_int_equal(port->sent_count, count + 1U);
	assert_int_equal(port->transmits_count, 2);
	assert_int_equal(peal_fakecores_open_last(cores, 0, body).kind, PEAL_MESSAGE_CHANNEL);
	/* What has left keeps its places until the turn ends. */
	while (send_bulk_of(cores, PEAL_BODY_SIZE_MAX)) {
		count++;
	}
	assert_int_equal(count, PEAL_TX_BULK_MAX);
	peal_txqueue_flush(&egress_of(cores)->txqueue);
	assert_int_equal(port->sent_count, PEAL_TX_BULK_MAX + 1U);
	assert_true(send_bulk(cores));
	peal_txqueue_flush(&egress_of(cores)->txqueue);
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakecores_destroy(cores);
}

static void
test_txqueue__a_full_port_ends_the_turn_of_bulk(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, "none");
	struct peal_fakeport *port = &cores->wire->ports[0];
	uint32_t count;

	(void)state;
	port->ring_max = 1000;
	count = send_until_some_leave(cores);
	port->ring_max = port->ring_count + 3U;
	for (uint32_t i = 0; i < count; i++) {
		assert_true(send_bulk_of(cores, PEAL_BODY_SIZE_MAX));
	}
	assert_int_equal(port->sent_count, count + 3U);
	assert_int_equal(peal_fakecores_counter(cores, 0, PEAL_COUNTER_TX_DROPPED), count - 3U);
	assert_false(send_bulk(cores));
	peal_txqueue_flush(&egress_of(cores)->txqueue);
	/* Half of what the port took in all of the turn. */
	port->ring_max = 1000;
	for (uint32_t i = 0; i < (count + 3U) / 2U; i++) {
		assert_true(send_bulk(cores));
	}
	assert_false(send_bulk(cores));
	peal_txqueue_flush(&egress_of(cores)->txqueue);
	peal_fakeswitch_clear(cores->wire, 1);
	peal_fakecores_destroy(cores);
}

static void
test_txqueue__gives_everything_back_at_the_end(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, "none");

	(void)state;
	peal_egress_send_slot(egress_of(cores), 1, PEAL_MESSAGE_VOTE, text, 40);
	assert_int_equal(peal_fakeswitch_lent(cores->wire), PEAL_TX_STASH_MAX);
	peal_txqueue_fini(&egress_of(cores)->txqueue);
	assert_int_equal(peal_fakeswitch_lent(cores->wire), 0);
	peal_fakecores_destroy(cores);
}

/* Takes `count` packets, as if they had been received. */
static void
lend(struct peal_fakecores *cores, struct peal_packet *packets, uint32_t count)
{
	const struct peal_port *port = &egress_of(cores)->txqueue.port;

	assert_int_equal(port->ops->allocate(port->state, port->queue, packets, count), count);
	for (uint32_t i = 0; i < count; i++) {
		packets[i].size = 100;
		packets[i].room = port->packet_size_max;
	}
}

static void
test_txqueue__sends_next_in_what_was_received(void **state)
{
	struct peal_fakecores *cores = peal_fakecores_create_view(2, "none");
	struct peal_txqueue *txqueue = &egress_of(cores)->txqueue;
	struct peal_packet packets[PEAL_TX_STASH_MAX + 2U];
	struct peal_packet next;

	(void)state;
	assert_int_equal(txqueue->stash_count, 0);
	lend(cores, packets, 1);
	peal_txqueue_recycle(txqueue, packets, 1);
	assert_int_equal(txqueue->stash_count, 1);
	assert_true(peal_txqueue_allocate(txqueue, &next));
	assert_ptr_equal(next.data, packets[0].data);
	assert_int_equal(peal_fakeswitch_lent(cores->wire), 1);
	/* One without room for any frame goes back, and so does what does not fit the stash. */
	next.room = txqueue->port.packet_size_max - 1U;
	peal_txqueue_recycle(txqueue, &next, 1);
	assert_int_equal(txqueue->stash_count, 0);
	assert_int_equal(peal_fakeswitch_lent(cores->wire), 0);
	lend(cores, packets, PEAL_TX_STASH_MAX + 2U);
	peal_txqueue_recycle(txqueue, packets, PEAL_TX_STASH_MAX + 2U);
	assert_int_equal(txqueue->stash_count, PEAL_TX_STASH_MAX);
	assert_int_equal(peal_fakeswitch_lent(cores->wire), PEAL_TX_STASH_MAX);
	peal_txqueue_fini(txqueue);
	assert_int_equal(peal_fakeswitch_lent(cores->wire), 0);
	peal_fakecores_destroy(cores);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_txqueue__flushes_early_when_the_queue_is_full),
		cmocka_unit_test(test_txqueue__counts_what_the_port_does_not_take),
		cmocka_unit_test(test_txqueue__takes_the_last_packets_and_then_says_no),
		cmocka_unit_test(test_txqueue__bulk_leaves_last_and_has_its_places),
		cmocka_unit_test(test_txqueue__bulk_makes_room_when_the_port_is_full),
		cmocka_unit_test(test_txqueue__much_bulk_does_not_wait_for_the_end_of_the_turn),
		cmocka_unit_test(test_txqueue__a_full_port_ends_the_turn_of_bulk),
		cmocka_unit_test(test_txqueue__gives_everything_back_at_the_end),
		cmocka_unit_test(test_txqueue__sends_next_in_what_was_received),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
