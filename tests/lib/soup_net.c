/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/soup_private.h"
#include "wire/messages.h"

#include <string.h>

uint64_t
peal_soup_below(struct peal_soup *soup, uint64_t bound)
{
	return peal_prng_below(&soup->prng, bound);
}

bool
peal_soup_percent(struct peal_soup *soup, uint32_t chance)
{
	return peal_soup_below(soup, 100) < chance;
}

/* Mail: a heap by (time, number). */

static bool
is_earlier(const struct peal_soup *soup, uint16_t a, uint16_t b)
{
	const struct peal_soup_mail *left = &soup->mail[a];
	const struct peal_soup_mail *right = &soup->mail[b];

	return left->at_ns != right->at_ns ? left->at_ns < right->at_ns
					   : left->number < right->number;
}

void
peal_soup_push(struct peal_soup *soup, const struct peal_soup_mail *mail)
{
	uint32_t place = soup->mail_count;
	uint16_t index;

	if (soup->free_count == 0) {
		PEAL_ASSERT(!soup->is_healed);
		return;
	}
	index = soup->free[--soup->free_count];
	soup->mail[index] = *mail;
	soup->mail[index].number = soup->mail_number++;
	soup->heap[soup->mail_count++] = index;
	while (place > 0 && is_earlier(soup, soup->heap[place], soup->heap[(place - 1U) / 2U])) {
		uint32_t parent = (place - 1U) / 2U;

		soup->heap[place] = soup->heap[parent];
		soup->heap[parent] = index;
		place = parent;
	}
}

void
peal_soup_pop(struct peal_soup *soup, struct peal_soup_mail *mail_out)
{
	uint16_t index = soup->heap[0];
	uint32_t place = 0;

	*mail_out = soup->mail[index];
	soup->free[soup->free_count++] = index;
	index = soup->heap[--soup->mail_count];
	for (;;) {
		uint32_t child = 2U * place + 1U;

		if (child >= soup->mail_count) {
			break;
		}
		if (child + 1U < soup->mail_count &&
			is_earlier(soup, soup->heap[child + 1U], soup->heap[child])) {
			child++;
		}
		if (!is_earlier(soup, soup->heap[child], index)) {
			break;
		}
		soup->heap[place] = soup->heap[child];
		place = child;
	}
	soup->heap[place] = index;
}

static uint64_t
draw_travel_ns(struct peal_soup *soup)
{
	uint64_t flood_ns = soup->timing.flood_ns;

	if (soup->is_healed) {
		return 1U + peal_soup_below(soup, flood_ns);
	}
	return peal_soup_percent(soup, soup->late_percent) ? peal_soup_below(soup, 40U * flood_ns)
							   : 1U + peal_soup_below(soup, flood_ns);
}

void
peal_soup_carry(struct peal_soup *soup, struct peal_soup_mail *mail)
{
	uint32_t copies = 1;

	if (mail->to == mail->from || soup->now_ns >= soup->nodes[mail->to].crash_at_ns) {
		return;
	}
	if (!soup->is_healed) {
		if (peal_soup_percent(soup, soup->loss_percent) ||
			soup->now_ns < soup->cut_until_ns[mail->from][mail->to]) {
			return;
		}
		copies += peal_soup_percent(soup, soup->double_percent) ? 1U : 0U;
	}
	while (copies-- > 0) {
		mail->at_ns = soup->now_ns + draw_travel_ns(soup);
		peal_soup_push(soup, mail);
	}
}

void
peal_soup_carry_to(
	struct peal_soup *soup, uint16_t from, uint16_t to, const struct peal_ballot_msg *message)
{
	struct peal_soup_mail mail = {.from = from,
		.to = to,
		.form = PEAL_SOUP_MESSAGE,
		.message = message->kind,
		.ballot = message->ballot,
		.vrnd = message->vrnd,
		.digest = message->digest};

	/* A large value is named; here any may be. */
	if (message->has_proposal && !peal_soup_percent(soup, soup->name_percent)) {
		mail.value = peal_soup_body(soup, &message->proposal);
	}
	if (to != PEAL_RANK_NONE) {
		peal_soup_carry(soup, &mail);
		return;
	}
	for (uint16_t rank = 0; rank < soup->view.members_count; rank++) {
		mail.to = rank;
		peal_soup_carry(soup, &mail);
	}
}

void
peal_soup_say(
	struct peal_soup *soup, uint16_t from, uint16_t to, const struct peal_ballot_msg *message)
{
	peal_judge_on_sent(&soup->judge, from, message);
	if (soup->is_large &&
		(message->kind == PEAL_MESSAGE_VOTE || message->kind == PEAL_MESSAGE_P1B ||
			message->kind == PEAL_MESSAGE_P2B)) {
		peal_soup_gather(soup, from, message);
	} else {
		peal_soup_carry_to(soup, from, to, message);
	}
}

void
peal_soup_open(const struct peal_soup_mail *mail, struct peal_ballot_msg *message_out)
{
	message_out->kind = mail->message;
	message_out->ballot = mail->ballot;
	message_out->vrnd = mail->vrnd;
	message_out->digest = mail->digest;
	message_out->result_hash = (struct peal_hash128){.low = 0, .high = 0};
	memset(&message_out->left, 0, sizeof(message_out->left));
	message_out->has_proposal = mail->value != NULL;
	if (mail->value != NULL) {
		message_out->proposal = mail->value->proposal;
	}
}
