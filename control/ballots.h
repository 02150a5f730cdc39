/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The messages of agreement that a node sends, written from the state of its parts.
 *
 * A message that names a value carries it, so the value must be in `values` (asserted). Each
 * function adds one effect to the outbox. Pure. Thread: control.
 */
#ifndef PEAL_CONTROL_BALLOTS_H
#define PEAL_CONTROL_BALLOTS_H

#include "control/acceptor.h"
#include "control/coordinator.h"
#include "control/values.h"
#include "wire/outbox.h"

/* What the acceptor accepted last, to all: VOTE of the fast round, P2B of a classic one. */
void peal_ballots_send_accepted(const struct peal_acceptor *acceptor,
	const struct peal_values *values, struct peal_outbox *out);
/* P1B of the last promise, to its coordinator. */
void peal_ballots_send_promise(const struct peal_acceptor *acceptor,
	const struct peal_values *values, struct peal_outbox *out);
/* NACK with the last promise, to the member at `rank`. */
void peal_ballots_send_nack(
	const struct peal_acceptor *acceptor, uint16_t rank, struct peal_outbox *out);
/* P1A or P2A of the running round, to all. */
void peal_ballots_send_round(const struct peal_coordinator *coordinator,
	const struct peal_values *values, struct peal_outbox *out);

#endif
