/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The messages of agreement that a node sends, written from the state of its parts.
 *
 * A message that names a value carries it if it is small, so the value must be in `values`
 * (asserted). In a large group votes and promises leave as PEAL_EFFECT_VOTE: who counts them has or
 * asks for the value. Each function adds one effect to the outbox. Pure. Thread: control.
 */
#ifndef PEAL_CONTROL_BALLOTS_H
#define PEAL_CONTROL_BALLOTS_H

#include "control/acceptor.h"
#include "control/coordinator.h"
#include "control/values.h"
#include "wire/outbox.h"

/* What the acceptor accepted last, to all or up the trees: VOTE of the fast round, P2B of a classic
 * one. */
void peal_ballots_send_accepted(const struct peal_acceptor *acceptor,
	const struct peal_values *values, bool is_large, struct peal_outbox *out);
/* P1B of the last promise, to its coordinator or up the trees. */
void peal_ballots_send_promise(const struct peal_acceptor *acceptor,
	const struct peal_values *values, bool is_large, struct peal_outbox *out);
/* NACK with the last promise, to the member at `rank`. */
void peal_ballots_send_nack(
	const struct peal_acceptor *acceptor, uint16_t rank, struct peal_outbox *out);
/* P1A or P2A of the running round, to all. */
void peal_ballots_send_round(const struct peal_coordinator *coordinator,
	const struct peal_values *values, struct peal_outbox *out);
/* PEAL_EFFECT_WANT for a value that is not here. */
void peal_ballots_send_want(struct peal_hash128 digest, struct peal_outbox *out);

#endif
