/* SPDX-License-Identifier: BSD-3-Clause */
#include "abcast/abcast_private.h"

/* What both a question and an answer begin with. */
static struct peal_order_msg
begin(const struct peal_abcast *abcast, uint64_t now_ns)
{
	struct peal_order_msg message;

	peal_abcast_begin(abcast, PEAL_ORDER_ASK, &message);
	message.head.flags = PEAL_ORDER_FLAG_TIME;
	message.head.sent_at_ns = peal_abcast_clock_time(&abcast->clock, now_ns);
	return message;
}

static void
answer(struct peal_abcast *abcast, const struct peal_order_msg *question, uint64_t now_ns)
{
	struct peal_order_msg message = begin(abcast, now_ns);

	message.time = (struct peal_order_time){.asked_at_ns = question->time.asked_at_ns,
		.answered_at_ns = peal_abcast_clock_own(&abcast->clock, now_ns)};
	peal_abcast_emit(abcast, question->head.rank, &message);
}

static void
take_answer(struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns)
{
	uint64_t own_ns = peal_abcast_clock_own(&abcast->clock, now_ns);

	switch (peal_abcast_sync_answer(&abcast->sync, message->head.rank,
		message->time.asked_at_ns, message->time.answered_at_ns, own_ns)) {
	case PEAL_ABCAST_JUMPED:
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_CLOCK_JUMPS);
		peal_abcast_sync_hurry(&abcast->sync, now_ns + PEAL_ABCAST_ROUND_NS_MIN);
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_TIMES_HEARD);
		break;
	case PEAL_ABCAST_NOTED:
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_TIMES_HEARD);
		break;
	case PEAL_ABCAST_NO_LAP:
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_TIMES_LATE);
		break;
	case PEAL_ABCAST_TOO_FAR:
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_REFUSED_TIME);
		break;
	}
}

void
peal_abcast_on_time(
	struct peal_abcast *abcast, const struct peal_order_msg *message, uint64_t now_ns)
{
	const struct peal_order_time *time = &message->time;
	bool is_question = time->answered_at_ns == 0;
	uint64_t there_ns = is_question ? time->asked_at_ns : time->answered_at_ns;

	if (!peal_abcast_sync_tell(
		    &abcast->sync, message->head.rank, there_ns, message->head.sent_at_ns)) {
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_REFUSED_TIME);
		return;
	}
	if (is_question) {
		answer(abcast, message, now_ns);
	} else {
		take_answer(abcast, message, now_ns);
	}
}

/* Time that is far behind what was stamped goes there: whoever led this rank there led all. */
static void
raise(struct peal_abcast *abcast, uint64_t now_ns)
{
	struct peal_abcast_clock *clock = &abcast->clock;
	int64_t shift_ns = peal_abcast_sync_raise(
		clock->shift_ns, peal_abcast_clock_time(clock, now_ns), clock->stamp);

	if (shift_ns != clock->shift_ns) {
		clock->shift_ns = shift_ns;
		peal_abcast_note(abcast, PEAL_COUNTER_ORDER_CLOCK_RAISED);
	}
}

void
peal_abcast_run_time(struct peal_abcast *abcast, uint64_t now_ns)
{
	struct peal_abcast_clock *clock = &abcast->clock;

	if (now_ns >= abcast->sync.round_at_ns && abcast->ranks_count > 1U) {
		const struct peal_abcast_round round = {.active = abcast->active,
			.rank = abcast->config.rank,
			.shift_ns = clock->shift_ns,
			.own_ns = peal_abcast_clock_own(clock, now_ns),
			.now_ns = now_ns};

		clock->shift_ns = peal_abcast_sync_round(&abcast->sync, &round);
		raise(abcast, now_ns);
		for (uint8_t i = 0; i < abcast->ranks_count; i++) {
			struct peal_order_msg question = begin(abcast, now_ns);

			if (i == abcast->config.rank) {
				continue;
			}
			question.time.asked_at_ns = round.own_ns;
			peal_abcast_sync_ask(&abcast->sync, i, round.own_ns);
			peal_abcast_note(abcast, PEAL_COUNTER_ORDER_TIMES_ASKED);
			peal_abcast_emit(abcast, i, &question);
		}
	}
	peal_abcast_wake(abcast, abcast->sync.round_at_ns);
}
