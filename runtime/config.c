/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/config.h"

#include "dataplane/link.h"
#include "runtime/config_file.h"
#include "wire/crypto/keyring.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_LETTERS   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
#define PRESET_DEFAULT "dpdk"
/* How long the group may wait for one application. */
#define HOLD_MS_MIN 10U
#define HOLD_MS_MAX 60000U
#define NS_PER_MS   UINT64_C(1000000)

void
peal_config_default(struct peal_config *config)
{
	*config = (struct peal_config){
		.idle = PEAL_IDLE_SHARED,
		.memory_mb = PEAL_CONFIG_MEMORY_MB_DEFAULT,
		.huge = PEAL_CONFIG_HUGE_AUTO,
		.lcore = -1,
		.cores_count = 1,
		.rejoin = true,
		.rings = PEAL_RINGS_DEFAULT,
		.members_max = PEAL_CONFIG_MEMBERS_MAX_DEFAULT,
		.slow_member = PEAL_CAST_BLOCK,
		.evict_ms = PEAL_CONFIG_EVICT_MS_DEFAULT,
	};
	(void)peal_timing_find(PRESET_DEFAULT, &config->timing);
}

bool
peal_config_parse_ip(const char *text, struct peal_address *address_out)
{
	struct in_addr ipv4;
	uint8_t ipv6[sizeof(struct in6_addr)];

	*address_out = (struct peal_address){.port = 0};
	if (inet_pton(AF_INET, text, &ipv4) == 1) {
		address_out->ipv4 = ntohl(ipv4.s_addr);
		return address_out->ipv4 >> 24 != 0 && address_out->ipv4 >> 28 < 0xEU;
	}
	if (inet_pton(AF_INET6, text, ipv6) != 1) {
		return false;
	}
	*address_out = peal_link_load_ipv6(ipv6);
	return peal_address_is_ipv6(address_out) && peal_address_is_usable(address_out);
}

bool
peal_config_parse_address(const char *text, struct peal_address *address_out)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2];
	bool is_bracketed = text[0] == '[';
	size_t size = colon == NULL ? 0 : (size_t)(colon - text);
	unsigned long port;
	char *end;

	if (size < 2U || size >= sizeof(host) || colon[1] < '0' || colon[1] > '9') {
		return false;
	}
	/* The brackets tell the colons of an IPv6 address from that of the port. */
	if (is_bracketed && text[size - 1U] != ']') {
		return false;
	}
	memcpy(host, text, size);
	host[is_bracketed ? size - 1U : size] = '\0';
	if (!peal_config_parse_ip(is_bracketed ? host + 1 : host, address_out) ||
		peal_address_is_ipv6(address_out) != is_bracketed) {
		return false;
	}
	port = strtoul(colon + 1, &end, 10);
	address_out->port = (uint16_t)port;
	return *end == '\0' && port >= 1 && port <= PEAL_CONFIG_PORT_MAX;
}

static bool
is_name(const char *text)
{
	return text[0] != '.' && strspn(text, NAME_LETTERS) == strlen(text);
}

static bool
take_names(struct peal_config *config, const struct peal_config_file *file,
	struct peal_sentence *error)
{
	if (!is_name(file->cluster)) {
		return peal_config_file_refuse(file, "cluster", error);
	}
	if (!is_name(file->name)) {
		return peal_config_file_refuse(file, "name", error);
	}
	(void)snprintf(config->cluster, sizeof(config->cluster), "%s", file->cluster);
	(void)snprintf(config->name, sizeof(config->name), "%s", file->name);
	if (!peal_config_parse_address(file->address, &config->address)) {
		return peal_config_file_refuse(file, "address", error);
	}
	for (unsigned int i = 0; i < file->seeds_count; i++) {
		if (!peal_config_parse_address(file->seeds[i], &config->seeds[i])) {
			return peal_config_file_refuse(file, "seeds", error);
		}
		if (peal_address_is_ipv6(&config->seeds[i]) !=
			peal_address_is_ipv6(&config->address)) {
			return peal_config_file_complain(file, "seeds",
				"expected addresses of the same form as 'address': all IPv4 or all "
				"IPv6",
				error);
		}
	}
	config->seeds_count = (uint8_t)file->seeds_count;
	if (file->metadata != NULL) {
		config->metadata_size = (uint16_t)strlen(file->metadata);
		memcpy(config->metadata, file->metadata, config->metadata_size);
	}
	return true;
}

/* Prefix and gateway go together, and the gateway is a neighbour; a VLAN goes with anything. */
static bool
take_link(struct peal_config *config, const struct peal_config_file *file,
	struct peal_sentence *error)
{
	struct peal_route *route = &config->route;
	uint32_t bits = peal_address_is_ipv6(&config->address) ? 128U : 32U;

	if (file->vlan != NULL) {
		if (*file->vlan < 1 || *file->vlan > PEAL_CONFIG_VLAN_MAX) {
			return peal_config_file_refuse(file, "vlan", error);
		}
		config->vlan = (uint16_t)*file->vlan;
	}
	if (file->prefix == NULL && file->gateway == NULL) {
		return true;
	}
	if (file->prefix == NULL || *file->prefix < 1 || *file->prefix > bits) {
		return peal_config_file_refuse(file, "prefix", error);
	}
	route->prefix_size = (uint8_t)*file->prefix;
	if (file->gateway == NULL || !peal_config_parse_ip(file->gateway, &route->gateway) ||
		peal_address_is_ipv6(&route->gateway) != peal_address_is_ipv6(&config->address) ||
		peal_address_is_same_host(&route->gateway, &config->address) ||
		!peal_route_is_near(route, &config->address, &route->gateway)) {
		return peal_config_file_refuse(file, "gateway", error);
	}
	return true;
}

/* Encryption is left out only by saying so. The key is read here once, so that it is known to be
 * good. */
static bool
take_key(struct peal_config *config, const struct peal_config_file *file,
	struct peal_sentence *error)
{
	struct peal_keyring keyring;
	char text[PEAL_KEYRING_ERROR_SIZE_MAX];

	if (file->encryption != NULL && strcmp(file->encryption, "none") != 0) {
		return peal_config_file_refuse(file, "encryption", error);
	}
	if ((file->key == NULL) == (file->encryption == NULL)) {
		return peal_config_file_refuse(
			file, file->key == NULL ? "key" : "encryption", error);
	}
	config->is_encrypted = file->key != NULL;
	if (file->key != NULL) {
		(void)snprintf(config->key, sizeof(config->key), "%s", file->key);
		if (!peal_keyring_open(&keyring, file->key, text, sizeof(text))) {
			return peal_config_file_complain(file, "key", text, error);
		}
		peal_keyring_close(&keyring);
	}
	return true;
}

/* Reads "8" or "8.5" as tenths. */
static bool
parse_tenths(const char *text, uint32_t *tenths_out)
{
	size_t digits_count = strspn(text, "0123456789");
	const char *point = text + digits_count;
	bool has_decimal = *point == '.';

	if (digits_count < 1 || digits_count > 3 ||
		(has_decimal && (point[1] < '0' || point[1] > '9')) ||
		point[has_decimal ? 2 : 0] != '\0') {
		return false;
	}
	*tenths_out = (uint32_t)strtoul(text, NULL, 10) * 10U +
		      (has_decimal ? (uint32_t)(point[1] - '0') : 0U);
	return true;
}

/* A figure of a detector that is not chosen is a mistake: somebody thinks that it is. */
static bool
take_detector(struct peal_config *config, const struct peal_config_file *file,
	struct peal_sentence *error)
{
	struct peal_timing *timing = &config->timing;
	enum peal_detector detector = PEAL_DETECTOR_WINDOW;
	uint32_t tenths;

	if (file->detector != NULL && !peal_detector_find(file->detector, &detector)) {
		return peal_config_file_refuse(file, "detector", error);
	}
	if (!peal_timing_set_detector(timing, detector)) {
		return peal_config_file_complain(file, "detector",
			"phi needs probes that are at least 100 ms apart, which this preset's are "
			"not; "
			"take preset cloud or paper, or detector window or silence",
			error);
	}
	if (file->phi_threshold != NULL) {
		if (detector != PEAL_DETECTOR_PHI) {
			return peal_config_file_complain(file, "phi_threshold",
				"belongs to 'detector: phi'; choose that, or leave this out",
				error);
		}
		if (!parse_tenths(file->phi_threshold, &tenths) ||
			!peal_timing_set_phi(timing, tenths)) {
			return peal_config_file_refuse(file, "phi_threshold", error);
		}
	}
	if (file->silence_ms != NULL) {
		if (detector != PEAL_DETECTOR_SILENCE) {
			return peal_config_file_complain(file, "silence_ms",
				"belongs to 'detector: silence'; choose that, or leave this out",
				error);
		}
		if (!peal_timing_set_silence(timing, *file->silence_ms * NS_PER_MS)) {
			return peal_config_file_refuse(file, "silence_ms", error);
		}
	}
	return true;
}

static bool
take_group(struct peal_config *config, const struct peal_config_file *file,
	struct peal_sentence *error)
{
	if (file->preset != NULL && !peal_timing_find(file->preset, &config->timing)) {
		return peal_config_file_refuse(file, "preset", error);
	}
	if (!take_detector(config, file, error)) {
		return false;
	}
	config->expect = config->seeds_count;
	if (file->expect != NULL) {
		if (*file->expect < 1 || *file->expect > (int64_t)PEAL_EXPECT_MAX) {
			return peal_config_file_refuse(file, "expect", error);
		}
		config->expect = (uint8_t)*file->expect;
	}
	if (file->rings != NULL) {
		if (*file->rings < PEAL_CONFIG_RINGS_MIN || *file->rings > PEAL_RINGS_MAX) {
			return peal_config_file_refuse(file, "rings", error);
		}
		config->rings = (uint8_t)*file->rings;
	}
	if (file->members_max != NULL) {
		if (*file->members_max < PEAL_CONFIG_MEMBERS_MAX_MIN ||
			*file->members_max > PEAL_CONFIG_MEMBERS_MAX_MAX) {
			return peal_config_file_refuse(file, "members_max", error);
		}
		config->members_max = (uint16_t)*file->members_max;
	}
	if (file->rejoin != NULL) {
		config->rejoin = *file->rejoin != 0;
	}
	return true;
}

static bool
take_slow_member(struct peal_config *config, const struct peal_config_file *file,
	struct peal_sentence *error)
{
	config->slow_member = (enum peal_cast_policy)file->slow_member;
	if (file->evict_ms == NULL) {
		return true;
	}
	if (config->slow_member != PEAL_CAST_EVICT) {
		return peal_config_file_complain(
			file, "evict_ms", "belongs to 'slow_member: evict'", error);
	}
	if (*file->evict_ms < PEAL_CONFIG_EVICT_MS_MIN ||
		*file->evict_ms > PEAL_CONFIG_EVICT_MS_MAX) {
		return peal_config_file_refuse(file, "evict_ms", error);
	}
	config->evict_ms = *file->evict_ms;
	return true;
}

/* One who may attach. False: there is something in it that cannot be. */
static bool
take_entry(struct peal_config_access *access, const struct peal_config_file_access *entry)
{
	if ((entry->uid == NULL) == (entry->gid == NULL)) {
		return false;
	}
	access->is_user = entry->uid != NULL;
	access->id = access->is_user ? *entry->uid : *entry->gid;
	access->rights.acts = entry->may != NULL ? (uint32_t)*entry->may : PEAL_CLIENT_MAY_ALL;
	for (unsigned int i = 0; i < entry->join_count; i++) {
		/* Names of groups for who may be in none: somebody thinks that it may. */
		if ((access->rights.acts & PEAL_CLIENT_MAY_GROUPS) == 0 ||
			!peal_clientrights_add(&access->rights, entry->join[i])) {
			return false;
		}
	}
	return true;
}

static bool
take_access(struct peal_config *config, const struct peal_config_file *file,
	struct peal_sentence *error)
{
	const char *key = file->access != NULL ? "access" : "users";

	if (file->users == NULL && file->access == NULL) {
		return true;
	}
	if (file->users != NULL && file->access != NULL) {
		return peal_config_file_complain(
			file, "users", "stands beside 'access'; leave one of the two out", error);
	}
	if (file->socket == NULL) {
		return peal_config_file_refuse(file, key, error);
	}
	for (unsigned int i = 0; file->users != NULL && i < file->users_count; i++) {
		config->access[config->access_count++] = (struct peal_config_access){
			.is_user = true, .id = file->users[i], .rights = peal_clientrights_all};
	}
	for (unsigned int i = 0; file->access != NULL && i < file->access_count; i++) {
		if (!take_entry(&config->access[config->access_count++], &file->access[i])) {
			return peal_config_file_refuse(file, key, error);
		}
	}
	return true;
}

/* `port` != NULL: an application lends that one, and the file is about none. */
static bool
take_device(struct peal_config *config, const struct peal_config_file *file, const char *port,
	struct peal_sentence *error)
{
	if (port != NULL) {
		for (uint32_t i = 0; i < 2U; i++) {
			const char *key = i == 0 ? "device" : "device_args";

			if (peal_config_file_has(file, key)) {
				return peal_config_file_complain(file, key,
					"the application lends the node a port of its own; leave "
					"this out",
					error);
			}
		}
		(void)snprintf(config->device, sizeof(config->device), "%s", port);
		return strlen(port) < sizeof(config->device) ||
		       peal_sentence_set(error, "port: its name %s is too long", port);
	}
	if (file->device == NULL || strpbrk(file->device, ", ") != NULL) {
		return peal_config_file_refuse(file, "device", error);
	}
	(void)snprintf(config->device, sizeof(config->device), "%s", file->device);
	if (file->device_args != NULL) {
		(void)snprintf(
			config->device_args, sizeof(config->device_args), "%s", file->device_args);
	}
	return true;
}

static bool
take_machine(struct peal_config *config, const struct peal_config_file *file,
	struct peal_sentence *error)
{
	if (file->socket != NULL) {
		(void)snprintf(config->socket, sizeof(config->socket), "%s", file->socket);
	}
	if (!take_access(config, file, error)) {
		return false;
	}
	if (file->hold_ms != NULL) {
		if (file->socket == NULL || *file->hold_ms < HOLD_MS_MIN ||
			*file->hold_ms > HOLD_MS_MAX) {
			return peal_config_file_refuse(file, "hold_ms", error);
		}
		config->hold_ns = *file->hold_ms * NS_PER_MS;
	}
	config->has_lanes = file->lanes == 0;
	config->idle = file->idle == 0 ? PEAL_IDLE_SHARED : PEAL_IDLE_DEDICATED;
	config->huge = (enum peal_config_huge)file->huge;
	if (file->mtu != NULL) {
		if (*file->mtu < PEAL_MTU_MIN || *file->mtu > PEAL_MTU_MAX) {
			return peal_config_file_refuse(file, "mtu", error);
		}
		config->mtu = (uint16_t)*file->mtu;
	}
	if (file->memory_mb != NULL) {
		if (*file->memory_mb < PEAL_CONFIG_MEMORY_MB_MIN ||
			*file->memory_mb > PEAL_CONFIG_MEMORY_MB_MAX) {
			return peal_config_file_refuse(file, "memory_mb", error);
		}
		config->memory_mb = *file->memory_mb;
	}
	if (file->lcore != NULL) {
		if (*file->lcore > PEAL_CONFIG_LCORE_MAX) {
			return peal_config_file_refuse(file, "lcore", error);
		}
		config->lcore = (int)*file->lcore;
	}
	if (file->cores != NULL) {
		if (*file->cores < 1 || *file->cores > PEAL_CONFIG_CORES_MAX) {
			return peal_config_file_refuse(file, "cores", error);
		}
		config->cores_count = (uint8_t)*file->cores;
	}
	return true;
}

/* What somebody else has decided: a value that is not followed would mislead who wrote it. */
static bool
refuse_host_keys(const struct peal_config_file *file, struct peal_sentence *error)
{
	static const char *const keys[] = {"memory_mb", "huge", "lcore"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (peal_config_file_has(file, keys[i])) {
			return peal_config_file_complain(file, keys[i],
				"is for peald; in an application DPDK's memory and lcores are the "
				"application's. Leave this out",
				error);
		}
	}
	return true;
}

static bool
load(struct peal_config *config, const char *path, const char *port, bool is_embedded,
	struct peal_sentence *error)
{
	struct peal_config_file *file = peal_config_file_open(path, error);
	bool is_good;

	if (file == NULL) {
		return false;
	}
	peal_config_default(config);
	is_good = take_names(config, file, error) && take_link(config, file, error) &&
		  take_key(config, file, error) && take_group(config, file, error) &&
		  take_slow_member(config, file, error) && take_device(config, file, port, error) &&
		  take_machine(config, file, error) &&
		  (!is_embedded || refuse_host_keys(file, error));
	peal_config_file_close(file);
	return is_good;
}

bool
peal_config_load(struct peal_config *config, const char *path, struct peal_sentence *error)
{
	return load(config, path, NULL, false, error);
}

bool
peal_config_load_embedded(
	struct peal_config *config, const char *path, const char *port, struct peal_sentence *error)
{
	return load(config, path, port, true, error);
}
