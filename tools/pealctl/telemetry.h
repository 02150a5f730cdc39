/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection to a running daemon: finds its telemetry socket, asks, and takes the answer apart.
 *
 * Sockets are <root>/dpdk/<process>/dpdk_telemetry.v2, where root is RUNTIME_DIRECTORY, or else
 * each of /var/run, XDG_RUNTIME_DIR and /tmp. Other programs on DPDK have such sockets too; they
 * are passed over.
 */
#ifndef PEAL_PEALCTL_TELEMETRY_H
#define PEAL_PEALCTL_TELEMETRY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEAL_TELEMETRY_ERROR_SIZE_MAX 512U
#define PEAL_TELEMETRY_NODE_SIZE_MAX  64U

struct peal_telemetry {
	int fd; /* -1 = not connected */
	char node[PEAL_TELEMETRY_NODE_SIZE_MAX];
	char error[PEAL_TELEMETRY_ERROR_SIZE_MAX]; /* why the last call failed, for people */
	bool is_gone; /* the last call failed because the daemon has ended */
};

/*
 * Connects to the daemon that runs the node `name`, or with NULL to the only node that answers
 * here.
 * @return false with a sentence in `error`
 */
bool peal_telemetry_open(struct peal_telemetry *telemetry, const char *name);
void peal_telemetry_close(struct peal_telemetry *telemetry);

/*
 * Asks "/peal/<command>", with the node and `parameters` behind it unless `parameters` is NULL.
 * @return the dictionary of the answer, to be freed by json_decref; NULL with a sentence in `error`
 */
json_t *peal_telemetry_ask(
	struct peal_telemetry *telemetry, const char *command, const char *parameters);

#endif
