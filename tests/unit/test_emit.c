/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/node_private.h"
#include "tests/lib/netscene.h"
#include "wire/flood_msg.h"
#include "wire/messages.h"

static void
add_leave(struct peal_node *node)
{
	struct peal_effect effect = {.kind = PEAL_EFFECT_SEND_ALL, .message = PEAL_MESSAGE_LEAVE};
	struct peal_writer writer = peal_outbox_open(&node->outbox, &effect, 32);

	peal_write_u64(&writer, 1);
	peal_outbox_commit(&node->outbox, &writer);
}

static void
test_emit__floods_begin_with_the_view_and_the_origin(void **state)
{
	struct peal_fakenet *net = form(3);
	struct peal_node *node = &net->nodes[0]->node;
	struct peal_fakeplane *fake = &net->nodes[0]->fake;
	const struct peal_record *record = &fake->down[fake->down_head];
	struct peal_flood_prefix prefix;
	struct peal_reader reader;

	(void)state;
	assert_int_equal(fake->down_count, 0);
	add_leave(node);
	peal_emit_outbox(node);
	assert_int_equal(fake->down_count, 1);
	assert_int_equal(record->kind, PEAL_RECORD_SEND);
	assert_int_equal(record->target, PEAL_TARGET_ALL);
	assert_int_equal(record->body_size, PEAL_FLOOD_PREFIX_SIZE + 8U);
	reader = peal_reader_init(fake->down_buffers[record->buffer], record->body_size);
	assert_true(peal_flood_prefix_decode(&reader, &prefix));
	assert_int_equal(prefix.origin, node->self.mid);
	assert_int_equal(prefix.view_tag, peal_view_tag(&node->view));
	peal_fakenet_destroy(net);
}

static void
test_emit__without_a_buffer_it_drops_and_counts(void **state)
{
	struct peal_fakenet *net = form(3);
	struct peal_node *node = &net->nodes[0]->node;

	(void)state;
	for (uint32_t i = 0; i < PEAL_PLANE_BUFFERS_MAX + 5U; i++) {
		add_leave(node);
		peal_emit_outbox(node);
	}
	assert_int_equal(node->down_free_count, 0);
	assert_int_equal(peal_counter_get(&node->counters, PEAL_COUNTER_PLANE_DOWN_DROPPED), 5);
	peal_fakenet_destroy(net);
}

static void
test_emit__a_silent_core_is_not_flooded_with_reports(void **state)
{
	struct peal_fakenet *net = form(3);
	struct peal_node *node = &net->nodes[0]->node;
	struct peal_effect effect = {.kind = PEAL_EFFECT_REPORT, .rank = 1};

	(void)state;
	for (uint32_t i = 0; i < PEAL_REPORTS_MAX + 9U; i++) {
		peal_outbox_add(&node->outbox, &effect);
		peal_emit_outbox(node);
	}
	assert_int_equal(net->nodes[0]->fake.down_count, PEAL_REPORTS_MAX);
	peal_fakenet_destroy(net);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_emit__floods_begin_with_the_view_and_the_origin),
		cmocka_unit_test(test_emit__without_a_buffer_it_drops_and_counts),
		cmocka_unit_test(test_emit__a_silent_core_is_not_flooded_with_reports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
