/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/soup_private.h"
#include "wire/messages.h"

#include <string.h>

/* Bodies. */

const struct peal_body *
peal_soup_body(struct peal_soup *soup, const struct peal_proposal *value)
{
	struct peal_hash128 digest = peal_proposal_digest(value);
	const struct peal_body *body;

	for (uint32_t i = 0; i < soup->bodies_count; i++) {
		if (peal_hash128_equals(soup->bodies[i]->digest, digest)) {
			return soup->bodies[i];
		}
	}
	PEAL_ASSERT(soup->bodies_count < PEAL_SOUP_BODIES_MAX);
	body = soup->store.keep_proposal(soup->store.state, value);
	PEAL_ASSERT(body != NULL);
	soup->bodies[soup->bodies_count++] = body;
	return body;
}

void
peal_soup_end_bodies(struct peal_soup *soup)
{
	for (uint16_t rank = 0; rank < soup->view.members_count; rank++) {
		peal_values_clear(&soup->nodes[rank].consensus.values);
	}
	while (soup->bodies_count > 0) {
		soup->store.release(soup->store.state, soup->bodies[--soup->bodies_count]);
	}
	PEAL_ASSERT(peal_bodystore_count(soup->bodystore) == 0);
}

static const struct peal_body *
keep_proposal(void *state, const struct peal_proposal *proposal)
{
	struct peal_soup *soup = ((struct peal_soup_node *)state)->soup;

	if (!soup->is_healed && peal_soup_percent(soup, soup->full_percent)) {
		soup->result.refused_count++;
		return NULL;
	}
	return soup->store.keep_proposal(soup->store.state, proposal);
}

static void
retain(void *state, const struct peal_body *body)
{
	struct peal_soup *soup = ((struct peal_soup_node *)state)->soup;

	soup->store.retain(soup->store.state, body);
}

static void
release(void *state, const struct peal_body *body)
{
	struct peal_soup *soup = ((struct peal_soup_node *)state)->soup;

	soup->store.release(soup->store.state, body);
}

struct peal_bodies
peal_soup_shelf(struct peal_soup_node *node)
{
	return (struct peal_bodies){.state = node,
		.keep_proposal = keep_proposal,
		.retain = retain,
		.release = release};
}

void
peal_soup_want(struct peal_soup *soup, uint16_t rank, struct peal_hash128 digest)
{
	struct peal_soup_mail mail = {.from = rank, .form = PEAL_SOUP_WANT, .digest = digest};

	soup->result.wants_count++;
	for (uint16_t to = 0; to < soup->view.members_count; to++) {
		mail.to = to;
		peal_soup_carry(soup, &mail);
	}
}

void
peal_soup_answer_want(struct peal_soup *soup, const struct peal_soup_mail *mail)
{
	struct peal_soup_mail answer = {
		.from = mail->to, .to = mail->from, .form = PEAL_SOUP_BODY, .digest = mail->digest};

	answer.value = peal_values_find(&soup->nodes[mail->to].consensus.values, mail->digest);
	if (answer.value != NULL) {
		peal_soup_carry(soup, &answer);
	}
}

/* Votes as sets. */

void
peal_soup_read_key(const uint8_t *bytes, struct peal_ballot_msg *message_out)
{
	struct peal_vote_key key;

	memset(message_out, 0, sizeof(*message_out));
	message_out->kind = PEAL_MESSAGE_VOTE;
	memcpy(&key, bytes, sizeof(key));
	if (key.kind == PEAL_VOTE_PROMISE) {
		message_out->kind = PEAL_MESSAGE_P1B;
	} else if (key.kind == PEAL_VOTE_ACCEPT) {
		message_out->kind = PEAL_MESSAGE_P2B;
	} else {
		PEAL_ASSERT(key.kind == PEAL_VOTE_FAST);
	}
	message_out->ballot = key.ballot;
	message_out->vrnd = key.vrnd;
	message_out->digest = key.digest;
}

struct peal_vote_key
peal_soup_key(const struct peal_soup_mail *mail)
{
	struct peal_vote_key key = {.kind = PEAL_VOTE_FAST,
		.ballot = mail->ballot,
		.vrnd = mail->vrnd,
		.digest = mail->digest};

	if (mail->message == PEAL_MESSAGE_P1B) {
		key.kind = PEAL_VOTE_PROMISE;
	} else if (mail->message == PEAL_MESSAGE_P2B) {
		key.kind = PEAL_VOTE_ACCEPT;
	}
	return key;
}

/* What `node` merged under a key, empty if that is new. When there is no room the lowest classic
 * ballot goes; NULL: this one is not higher. */
static struct peal_soup_votes *
find_votes(struct peal_soup_node *node, const struct peal_vote_key *key)
{
	struct peal_soup_votes *lowest = &node->keys[0];

	for (uint32_t i = 0; i < node->keys_count; i++) {
		if (peal_vote_key_equals(&node->keys[i].key, key)) {
			return &node->keys[i];
		}
		if (node->keys[i].key.kind != PEAL_VOTE_FAST &&
			(lowest->key.kind == PEAL_VOTE_FAST ||
				peal_ballot_compare(node->keys[i].key.ballot, lowest->key.ballot) <
					0)) {
			lowest = &node->keys[i];
		}
	}
	if (node->keys_count < PEAL_SOUP_KEYS_MAX) {
		lowest = &node->keys[node->keys_count++];
	} else if (peal_ballot_compare(key->ballot, lowest->key.ballot) <= 0) {
		return NULL;
	}
	*lowest = (struct peal_soup_votes){.key = *key};
	return lowest;
}

/* Tells some of the others; all of them when the faults are over. */
static void
pass_on(struct peal_soup *soup, uint16_t from, const struct peal_soup_mail *said, uint64_t ranks)
{
	struct peal_soup_mail mail = *said;

	mail.from = from;
	mail.form = PEAL_SOUP_VOTES;
	mail.value = NULL;
	mail.ranks = ranks;
	for (uint16_t to = 0; to < soup->view.members_count; to++) {
		if (soup->is_healed || peal_soup_percent(soup, soup->gossip_percent)) {
			mail.to = to;
			peal_soup_carry(soup, &mail);
		}
	}
}

void
peal_soup_gather(struct peal_soup *soup, uint16_t rank, const struct peal_ballot_msg *message)
{
	struct peal_soup_mail mail = {.message = message->kind,
		.ballot = message->ballot,
		.vrnd = message->vrnd,
		.digest = message->digest};
	struct peal_vote_key key = peal_soup_key(&mail);
	struct peal_soup_votes *votes = find_votes(&soup->nodes[rank], &key);

	if (votes != NULL) {
		votes->ranks |= UINT64_C(1) << rank;
		pass_on(soup, rank, &mail, votes->ranks);
	}
}

struct peal_bitset
peal_soup_merge(struct peal_soup *soup, const struct peal_soup_mail *mail)
{
	struct peal_vote_key key = peal_soup_key(mail);
	struct peal_soup_votes *votes = find_votes(&soup->nodes[mail->to], &key);
	uint64_t before;
	uint64_t heard;

	if (votes == NULL) {
		return (struct peal_bitset){{mail->ranks}};
	}
	before = votes->ranks;
	votes->ranks |= mail->ranks;
	/* Control hears of all that is known, of what came, or of a part. */
	heard = peal_soup_percent(soup, 50) ? votes->ranks : mail->ranks;
	if (!soup->is_healed && peal_soup_percent(soup, 20)) {
		heard &= peal_prng_next(&soup->prng);
	}
	if (votes->ranks != before) {
		pass_on(soup, mail->to, mail, votes->ranks);
	}
	return (struct peal_bitset){{heard}};
}
