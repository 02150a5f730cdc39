/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that is shared with a client: made, sealed and mapped by the daemon.
 *
 * No side can change its size, so nobody who touches what was mapped is ended for that. A region
 * that only the daemon writes cannot be mapped for writing by anybody who gets the descriptor
 * (F_SEAL_FUTURE_WRITE, Linux 5.1). All pages are there from the beginning, and stay: a hole cannot
 * be made in memory that is sealed so, and that of the client is, once the client has mapped it.
 */
#ifndef PEAL_RUNTIME_CLIENTMEM_H
#define PEAL_RUNTIME_CLIENTMEM_H

#include <stdbool.h>
#include <stddef.h>

struct peal_clientmem {
	void *memory; /* NULL = none */
	size_t size;
	int fd; /* to be sent; -1 = none, or closed */
};

/* Who writes: the daemon, which reads too, or the client, and then the daemon only reads. */
enum peal_clientmem_writer { PEAL_CLIENTMEM_DAEMON, PEAL_CLIENTMEM_CLIENT };

/* All zero bytes. False: errno says why, and nothing is left behind. */
bool peal_clientmem_open(
	struct peal_clientmem *region, size_t size, enum peal_clientmem_writer writer);
/* The client has mapped its region: from here on nobody maps it for writing, and nobody can take
 * pages out of it, which would make the core wait where it reads them. False: the client has seen
 * to it that this cannot be. Cost: a look at each page. */
bool peal_clientmem_settle(struct peal_clientmem *region);
/* The descriptor was sent. */
void peal_clientmem_close_fd(struct peal_clientmem *region);
void peal_clientmem_close(struct peal_clientmem *region);

#endif
