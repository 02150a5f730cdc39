/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Values of the protocol as people read them. Pure text; any thread.
 */
#ifndef PEAL_RUNTIME_DESCRIBE_H
#define PEAL_RUNTIME_DESCRIBE_H

#include "base/hash.h"
#include "control/eventlog.h"
#include "wire/ident.h"

#include <stddef.h>

/* Fits every text below, and what telemetry takes as one string. */
#define PEAL_DESCRIBE_SIZE_MAX 128U

/* "10.77.0.1:7400" or "[fd00::1]:7400" */
void peal_describe_address(const struct peal_address *address, char out[PEAL_DESCRIBE_SIZE_MAX]);
/* "02:70:65:61:6c:01" */
void peal_describe_mac(const uint8_t mac[6], char out[PEAL_DESCRIBE_SIZE_MAX]);
/* 32 hexadecimal digits. */
void peal_describe_uuid(struct peal_uuid uuid, char out[PEAL_DESCRIBE_SIZE_MAX]);
void peal_describe_hash(struct peal_hash128 hash, char out[PEAL_DESCRIBE_SIZE_MAX]);
/* Printable ASCII as it is, any other byte as a dot. */
void peal_describe_bytes(const uint8_t *bytes, size_t size, char out[PEAL_DESCRIBE_SIZE_MAX]);
/* Two hexadecimal digits each, of as many as fit: 63. */
void peal_describe_hex(const uint8_t *bytes, size_t size, char out[PEAL_DESCRIBE_SIZE_MAX]);
/* One event in a few words, e.g. "view 4: 3 members" or "member 2 (10.77.0.2:7400) crashed". */
void peal_describe_event(const struct peal_event *event, char out[PEAL_DESCRIBE_SIZE_MAX]);

#endif
