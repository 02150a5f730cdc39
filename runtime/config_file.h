/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The YAML file of a node as it is written: keys, types and lengths by schema, no meaning yet.
 *
 * It also knows the line of each key and what is expected of it, so that whoever finds a value
 * wrong can say so in one sentence. Optional values are NULL when absent.
 */
#ifndef PEAL_RUNTIME_CONFIG_FILE_H
#define PEAL_RUNTIME_CONFIG_FILE_H

#include "dataplane/dpdk/sentence.h"

#include <stdbool.h>
#include <stdint.h>

/* Largest CPU number that is taken for one. */
#define PEAL_CONFIG_LCORE_MAX 1023U

/* One entry of `access`. */
struct peal_config_file_access {
	uint32_t *uid;
	uint32_t *gid;
	int *may; /* of PEAL_CLIENT_MAY_* */
	char **join;
	unsigned int join_count;
};

struct peal_config_file {
	char *cluster;
	char *name;
	char *address;
	char *gateway;
	char **seeds;
	unsigned int seeds_count;
	char *socket;
	uint32_t *users;
	unsigned int users_count;
	struct peal_config_file_access *access;
	unsigned int access_count;
	char *key;
	char *encryption;
	char *device;
	char *device_args;
	char *metadata;
	char *preset;
	char *detector;
	char *phi_threshold;
	uint32_t *silence_ms;
	uint32_t *hold_ms;
	uint32_t *prefix;
	uint32_t *vlan;
	uint32_t *expect;
	uint32_t *mtu;
	uint32_t *memory_mb;
	uint32_t *lcore;
	uint32_t *cores;
	uint32_t *rings;
	uint32_t *members_max;
	uint32_t *evict_ms;
	int *rejoin;     /* 0 or 1 */
	int idle;        /* 0 shared, 1 dedicated */
	int lanes;       /* 0 on, 1 off */
	int huge;        /* 0 auto, 1 yes, 2 no */
	int slow_member; /* as enum peal_cast_policy */
	/* Not part of the schema. */
	const char *path; /* as it was given; outlives the struct */
	char *text;
};

/* Reads a file. NULL with a sentence. Close it. */
struct peal_config_file *peal_config_file_open(const char *path, struct peal_sentence *error);
void peal_config_file_close(struct peal_config_file *file);

/* True when the key stands in the file, whatever its value. */
bool peal_config_file_has(const struct peal_config_file *file, const char *key);

/* Writes "FILE:LINE: KEY: sentence". Always returns false. */
bool peal_config_file_complain(const struct peal_config_file *file, const char *key,
	const char *sentence, struct peal_sentence *error);
/* The same with what is expected of the key as the sentence. */
bool peal_config_file_refuse(
	const struct peal_config_file *file, const char *key, struct peal_sentence *error);

#endif
