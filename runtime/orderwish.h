/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between the door and control: an application wishes for an order group.
 *
 * The same that an operator may ask for (pealctl group create); asking again for what waits or is
 * there changes nothing, so whoever wishes asks until the view has it.
 */
#ifndef PEAL_RUNTIME_ORDERWISH_H
#define PEAL_RUNTIME_ORDERWISH_H

#include "dataplane/clients.h"
#include "runtime/runtime.h"

struct peal_orderwish {
	struct peal_runtime *runtime;
	struct peal_runtime_node *node;
};

/* `state`: a struct peal_orderwish. Any thread, without the lock of the runtime, which it takes. */
enum peal_clients_wish_answer peal_orderwish_ask(void *state, const struct peal_ordergroup *group);

/* True when the group is not in the view, and a member that it names was named by as many others as
 * it takes ranks of: it would be no rank. Pure. */
bool peal_orderwish_is_crowded(const struct peal_view *view, const struct peal_ordergroup *group);

#endif
