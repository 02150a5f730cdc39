/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What this node promised and accepted in one epoch. Volatile: a restarted process is another
 * member.
 *
 * promised (0,0): the fast round is open; a vote is made only while nothing is promised and nothing
 * accepted. paper: FASTPAXOS 3.1, phase 2b; the guard on the fast vote is the one the published
 * Rapid lacks.
 */
#ifndef PEAL_CONTROL_ACCEPTOR_H
#define PEAL_CONTROL_ACCEPTOR_H

#include "wire/ballot_msg.h"

struct peal_acceptor {
	struct peal_ballot promised; /* highest promise or classic acceptance; (0,0) = none */
	struct peal_ballot vrnd;     /* ballot of the accepted value; (0,0) = none */
	struct peal_hash128 vdigest;
	/* What P1B(promised) said, so that a repeated P1A gets the same answer. Valid if has_p1b.
	 */
	bool has_p1b;
	struct peal_ballot p1b_vrnd;
	struct peal_hash128 p1b_vdigest;
};

enum peal_acceptor_answer {
	PEAL_ACCEPTOR_SILENT = 0, /* say nothing */
	PEAL_ACCEPTOR_P1B = 1,    /* send P1B(promised, p1b_vrnd, p1b_vdigest) */
	PEAL_ACCEPTOR_P2B = 2,    /* send P2B(vrnd, vdigest) */
	PEAL_ACCEPTOR_NACK = 3,   /* send NACK(promised) */
	PEAL_ACCEPTOR_CONFLICT =
		4, /* another digest at a ballot accepted before: a violation, report it */
};

void peal_acceptor_init(struct peal_acceptor *acceptor);
/* True: may and did vote for `digest` in the fast round. False: nothing changed. */
bool peal_acceptor_vote(struct peal_acceptor *acceptor, struct peal_hash128 digest);
enum peal_acceptor_answer peal_acceptor_on_p1a(
	struct peal_acceptor *acceptor, struct peal_ballot ballot);
enum peal_acceptor_answer peal_acceptor_on_p2a(
	struct peal_acceptor *acceptor, struct peal_ballot ballot, struct peal_hash128 digest);
void peal_acceptor_check(const struct peal_acceptor *acceptor);

#endif
