/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/config_file.h"

#include "base/assert.h"
#include "base/limits.h"
#include "dataplane/cast.h"
#include "dataplane/clientrights.h"
#include "runtime/config.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A configuration is a page of text; more is some other file. */
#define TEXT_SIZE_MAX    (64L * 1024L)
#define MESSAGE_SIZE_MAX 256U

static const cyaml_strval_t idle_words[] = {{"shared", 0}, {"dedicated", 1}};
/* A boolean of the parser would take any word for true. */
static const cyaml_strval_t rejoin_words[] = {{"true", 1}, {"false", 0}, {"yes", 1}, {"no", 0}};
static const cyaml_strval_t slow_member_words[] = {
	{"block", PEAL_CAST_BLOCK}, {"drop", PEAL_CAST_DROP_BEHIND}, {"evict", PEAL_CAST_EVICT}};
static const cyaml_strval_t lanes_words[] = {{"on", 0}, {"off", 1}};
static const cyaml_strval_t huge_words[] = {{"auto", 0}, {"yes", 1}, {"no", 2}};

const char *
peal_config_slow_member_name(enum peal_cast_policy policy)
{
	PEAL_ASSERT((size_t)policy < CYAML_ARRAY_LEN(slow_member_words));
	return slow_member_words[policy].str;
}

static const cyaml_schema_value_t seed_schema = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 63)};

static const cyaml_schema_value_t user_schema = {CYAML_VALUE_UINT(CYAML_FLAG_DEFAULT, uint32_t)};
static const cyaml_schema_value_t pattern_schema = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, PEAL_PROCGROUP_NAME_SIZE_MAX)};
static const cyaml_strval_t may_words[] = {{"channels", PEAL_CLIENT_MAY_CHANNELS},
	{"broadcast", PEAL_CLIENT_MAY_BROADCAST}, {"services", PEAL_CLIENT_MAY_SERVICES},
	{"groups", PEAL_CLIENT_MAY_GROUPS}, {"orders", PEAL_CLIENT_MAY_ORDERS}};

#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(key, flags, size_max)                                                                 \
	CYAML_FIELD_STRING_PTR(#key, flags, struct peal_config_file, key, 1, size_max)
#define NUMBER(key) CYAML_FIELD_UINT_PTR(#key, OPTIONAL, struct peal_config_file, key)
#define WORD(key)                                                                                  \
	CYAML_FIELD_ENUM(#key, CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct peal_config_file,   \
		key, key##_words, CYAML_ARRAY_LEN(key##_words))

static const cyaml_schema_field_t access_fields[] = {
	CYAML_FIELD_UINT_PTR("uid", OPTIONAL, struct peal_config_file_access, uid),
	CYAML_FIELD_UINT_PTR("gid", OPTIONAL, struct peal_config_file_access, gid),
	CYAML_FIELD_FLAGS_PTR("may", OPTIONAL | CYAML_FLAG_STRICT, struct peal_config_file_access,
		may, may_words, CYAML_ARRAY_LEN(may_words)),
	CYAML_FIELD_SEQUENCE("join", OPTIONAL, struct peal_config_file_access, join,
		&pattern_schema, 1, PEAL_CLIENTRIGHTS_PATTERNS_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t access_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct peal_config_file_access, access_fields)};

static const cyaml_schema_field_t fields[] = {
	TEXT(cluster, CYAML_FLAG_POINTER, PEAL_NAME_SIZE_MAX),
	TEXT(name, CYAML_FLAG_POINTER, PEAL_NAME_SIZE_MAX),
	TEXT(address, CYAML_FLAG_POINTER, 63),
	TEXT(gateway, OPTIONAL, 63),
	CYAML_FIELD_SEQUENCE("seeds", CYAML_FLAG_POINTER, struct peal_config_file, seeds,
		&seed_schema, 1, PEAL_SEEDS_MAX),
	TEXT(socket, OPTIONAL, PEAL_CONFIG_SOCKET_SIZE_MAX),
	CYAML_FIELD_SEQUENCE("users", OPTIONAL, struct peal_config_file, users, &user_schema, 1,
		PEAL_CONFIG_ACCESS_MAX),
	CYAML_FIELD_SEQUENCE("access", OPTIONAL, struct peal_config_file, access, &access_schema, 1,
		PEAL_CONFIG_ACCESS_MAX),
	TEXT(key, OPTIONAL, PEAL_CONFIG_PATH_SIZE_MAX),
	TEXT(encryption, OPTIONAL, 63),
	TEXT(device, OPTIONAL, PEAL_CONFIG_DEVICE_SIZE_MAX),
	TEXT(device_args, OPTIONAL, PEAL_CONFIG_DEVICE_ARGS_SIZE_MAX),
	TEXT(metadata, OPTIONAL, PEAL_METADATA_SIZE_MAX),
	TEXT(preset, OPTIONAL, 63),
	TEXT(detector, OPTIONAL, 63),
	TEXT(phi_threshold, OPTIONAL, 63),
	NUMBER(silence_ms),
	NUMBER(hold_ms),
	NUMBER(prefix),
	NUMBER(vlan),
	NUMBER(expect),
	NUMBER(mtu),
	NUMBER(memory_mb),
	NUMBER(lcore),
	NUMBER(cores),
	NUMBER(rings),
	NUMBER(members_max),
	NUMBER(evict_ms),
	CYAML_FIELD_ENUM_PTR("rejoin", OPTIONAL | CYAML_FLAG_STRICT, struct peal_config_file,
		rejoin, rejoin_words, CYAML_ARRAY_LEN(rejoin_words)),
	WORD(idle),
	WORD(lanes),
	WORD(huge),
	WORD(slow_member),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct peal_config_file, fields)};

/* What a reader of the sentence should write. */
static const struct {
	const char *key;
	const char *expected;
} expectations[] = {
	{"cluster", "expected the name of the group, 1 to 31 letters, digits or any of . _ -"},
	{"name", "expected the name of this node, 1 to 31 letters, digits or any of . _ -"},
	{"address", "expected an IP address and a port up to 65472, such as 10.77.0.1:7400 or "
		    "\"[fd00::1]:7400\""},
	{"prefix",
		"expected the bits of the address that its segment shares, 1 to 32, or to 128 with "
		"IPv6; and a gateway"},
	{"gateway",
		"expected the IP address of a router inside the own prefix, such as 10.77.0.254; "
		"and a prefix"},
	{"vlan", "expected the VLAN that this node's frames are tagged with, 1 to 4094"},
	{"seeds", "expected a list of 1 to 16 addresses, such as [10.77.0.1:7400, 10.77.0.2:7400]"},
	{"key", "expected the path of the group's key file, or 'encryption: none' in its place"},
	{"encryption", "expected 'none', and then no key; or a key, and then no encryption"},
	{"device", "expected a device of DPDK, such as net_af_packet0, or a PCI address; what "
		   "follows a comma goes to device_args"},
	{"device_args",
		"expected key=value pairs of at most 255 characters, such as \"iface=eth1\""},
	{"socket", "expected the path of a socket of at most 107 characters, such as "
		   "/run/peal/n1.sock"},
	{"users", "expected a list of 1 to 32 user ids, such as [0, 1000], and a socket"},
	{"access", "expected a list of 1 to 32 entries such as {gid: 100, may: [channels, groups], "
		   "join: [desk-*]}, each with a uid or a gid, and a socket"},
	{"hold_ms", "expected 10 to 60000, and a socket"},
	{"metadata", "expected a text of at most 4096 bytes"},
	{"preset", "expected dpdk-fast, dpdk, cloud or paper"},
	{"detector", "expected window, phi or silence"},
	{"phi_threshold",
		"expected a number from 1 to 16 with at most one decimal, such as 8 or 8.5"},
	{"silence_ms", "expected 2 to 10 probe intervals of the preset, such as 225 for dpdk"},
	{"expect", "expected the number of nodes that start together, 1 to 63"},
	{"mtu", "expected bytes of the largest IP packet of the link, 1280 to 9000"},
	{"memory_mb", "expected MiB for DPDK, 8 to 65536"},
	{"lcore", "expected the number of a CPU that this process may use, 0 to 1023"},
	{"cores", "expected the number of data cores, 1 to 16"},
	{"rings", "expected the number of observers of a member, 3 to 16"},
	{"members_max", "expected the number of members that there is room for, 64 to 10000"},
	{"rejoin", "expected true or false"},
	{"slow_member", "expected block, drop or evict"},
	{"evict_ms", "expected milliseconds from 10 to 60000, such as 1000"},
	{"idle", "expected shared or dedicated"},
	{"lanes", "expected on or off"},
	{"huge", "expected auto, yes or no"},
};

#define EXPECTATIONS_COUNT (sizeof(expectations) / sizeof(expectations[0]))

/* The quote that ends what the one at `at` begins, on the same line; NULL when there is none. */
static const char *
find_closing_quote(const char *at)
{
	const char quote = *at;

	for (at++; *at != '\0' && *at != '\n'; at++) {
		bool is_escape = quote == '"' ? *at == '\\' : *at == quote && at[1] == quote;

		if (is_escape && at[1] != '\0' && at[1] != '\n') {
			at++;
		} else if (*at == quote) {
			return at;
		}
	}
	return NULL;
}

static bool
stands_behind(const char *text, const char *at, const char *any)
{
	return at == text || strchr(any, at[-1]) != NULL;
}

/* The line on which `key` stands as a key for the time `nth`, from 1 on, or 0. What stands in
 * comments and in quoted values is none. */
static unsigned int
find_line_of(const char *text, const char *key, unsigned int nth)
{
	unsigned int line = 1;
	size_t size = strlen(key);

	for (const char *at = text; *at != '\0'; at++) {
		const char *word = at, *end = at + size, *closing = NULL;

		if (*at == '#' && stands_behind(text, at, "\n \t\r")) {
			at += strcspn(at, "\n") - 1U;
			continue;
		}
		if ((*at == '"' || *at == '\'') && stands_behind(text, at, "\n \t{[,:")) {
			closing = find_closing_quote(at);
		}
		if (closing != NULL) {
			word = at + 1;
			end = (size_t)(closing - word) == size ? closing + 1 : NULL;
			at = closing;
		} else if (!stands_behind(text, at, "\n \t{,")) {
			end = NULL;
		}
		if (end != NULL && strncmp(word, key, size) == 0 &&
			end[strspn(end, " \t")] == ':' && --nth == 0) {
			return line;
		}
		line += *at == '\n' ? 1U : 0U;
	}
	return 0;
}

static unsigned int
find_line(const char *text, const char *key)
{
	return find_line_of(text, key, 1);
}

/* The line at which a second document begins, or 0. The parser would pass over all of it. */
static unsigned int
find_second_document(const char *text)
{
	unsigned int line = 1, marked = 0;
	bool has_content = false;

	for (const char *at = text; *at != '\0'; line++) {
		bool is_marker = (strncmp(at, "---", 3) == 0 || strncmp(at, "...", 3) == 0) &&
				 strchr(" \t\r\n", at[3]) != NULL;
		size_t blank = is_marker ? 3U + strspn(at + 3, " \t\r") : strspn(at, " \t\r");
		bool is_empty =
			at[blank] == '\n' || at[blank] == '\0' || at[blank] == '#' || *at == '%';

		if (is_marker && has_content && marked == 0) {
			marked = line;
		}
		if (!is_empty && marked != 0) {
			return marked;
		}
		has_content = has_content || !is_empty;
		at += strcspn(at, "\n");
		at += *at == '\n' ? 1 : 0;
	}
	return 0;
}

bool
peal_config_file_has(const struct peal_config_file *file, const char *key)
{
	return find_line(file->text, key) > 0;
}

bool
peal_config_file_complain(const struct peal_config_file *file, const char *key,
	const char *sentence, struct peal_sentence *error)
{
	unsigned int line = find_line(file->text, key);

	if (line == 0) {
		return peal_sentence_set(error, "%s: %s is missing: %s", file->path, key, sentence);
	}
	return peal_sentence_set(error, "%s:%u: %s: %s", file->path, line, key, sentence);
}

bool
peal_config_file_refuse(
	const struct peal_config_file *file, const char *key, struct peal_sentence *error)
{
	const char *expected = "has a value that does not fit";

	for (size_t i = 0; i < EXPECTATIONS_COUNT; i++) {
		if (strcmp(expectations[i].key, key) == 0) {
			expected = expectations[i].expected;
		}
	}
	return peal_config_file_complain(file, key, expected, error);
}

static bool
refuse_unknown(const struct peal_config_file *file, const char *key, struct peal_sentence *error)
{
	char keys[320] = "";
	size_t used = 0;

	for (size_t i = 0; i < EXPECTATIONS_COUNT && used < sizeof(keys); i++) {
		used += (size_t)snprintf(keys + used, sizeof(keys) - used, "%s%s",
			i == 0 ? "" : ", ", expectations[i].key);
	}
	return peal_sentence_set(error, "%s:%u: %s: there is no such key; the keys are %s",
		file->path, find_line(file->text, key), key, keys);
}

/* What the parser said, one message a line. */
struct parser_log {
	char first[MESSAGE_SIZE_MAX];   /* the complaint */
	char mapping[MESSAGE_SIZE_MAX]; /* where: the outermost key */
};

__attribute__((format(printf, 3, 0))) static void
note_message(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
	struct parser_log *log = context;
	char message[MESSAGE_SIZE_MAX];

	(void)level;
	(void)vsnprintf(message, sizeof(message), format, arguments);
	message[strcspn(message, "\n")] = '\0';
	if (log->first[0] == '\0') {
		memcpy(log->first, message, sizeof(message));
	}
	if (strstr(message, "in mapping field '") != NULL) {
		memcpy(log->mapping, message, sizeof(message));
	}
}

/* Cuts the word after `before` out of `message`, up to any of `ends`. False when it is not there.
 */
static bool
cut_word(const char *message, const char *before, const char *ends, char word_out[64])
{
	const char *at = strstr(message, before);

	if (at == NULL) {
		return false;
	}
	at += strlen(before);
	(void)snprintf(word_out, 64, "%.*s", (int)strcspn(at, ends), at);
	return word_out[0] != '\0';
}

/* Turns what the parser said into the sentence. */
static bool
explain(const struct peal_config_file *file, const struct parser_log *log, cyaml_err_t result,
	struct peal_sentence *error)
{
	char word[64];
	const char *complaint = log->first;

	/* Inside an entry of a list: what one looks like says it all. */
	if (result != CYAML_ERR_LIBYAML_PARSER && cut_word(log->mapping, "field '", "'", word) &&
		strcmp(word, "access") == 0) {
		return peal_config_file_refuse(file, word, error);
	}
	if (cut_word(log->first, "Unexpected key: ", "", word)) {
		return refuse_unknown(file, word, error);
	}
	if (cut_word(log->first, "Missing required mapping field: ", "", word)) {
		return peal_config_file_refuse(file, word, error);
	}
	if (cut_word(log->first, "Mapping field already seen: ", "", word)) {
		return peal_sentence_set(error,
			"%s:%u: %s: stands here a second time; leave one of the two out",
			file->path, find_line_of(file->text, word, 2), word);
	}
	if (result != CYAML_ERR_LIBYAML_PARSER && cut_word(log->mapping, "field '", "'", word)) {
		return peal_config_file_refuse(file, word, error);
	}
	if (strncmp(complaint, "Load: ", 6) == 0) {
		complaint += 6;
	}
	return peal_sentence_set(error,
		"%s: this is not YAML with one key: value pair a line (%s); compare it with the "
		"example in peald --help",
		file->path, complaint[0] != '\0' ? complaint : cyaml_strerror(result));
}

static char *
read_text(const char *path, struct peal_sentence *error)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size;

	if (file == NULL) {
		(void)peal_sentence_set(error,
			"the configuration %s cannot be read (%s); name it by --config", path,
			strerror(errno));
		return NULL;
	}
	text = malloc((size_t)TEXT_SIZE_MAX + 1U);
	size = text == NULL ? 0 : fread(text, 1, (size_t)TEXT_SIZE_MAX + 1U, file);
	if (text == NULL || ferror(file) != 0 || size > (size_t)TEXT_SIZE_MAX || size == 0) {
		(void)peal_sentence_set(error,
			"%s is not a configuration: expected a file of 1 byte to 64 KiB; compare "
			"it "
			"with the example in peald --help",
			path);
		free(text);
		text = NULL;
	} else {
		text[size] = '\0';
	}
	if (text != NULL && strlen(text) != size) {
		(void)peal_sentence_set(error,
			"%s is not a configuration: expected text, and there is a byte of 0 in it",
			path);
		free(text);
		text = NULL;
	}
	(void)fclose(file);
	return text;
}

static const cyaml_config_t parser_defaults = {
	.log_fn = note_message,
	.mem_fn = cyaml_mem,
	.log_level = CYAML_LOG_WARNING,
	.flags = CYAML_CFG_NO_ALIAS,
};

struct peal_config_file *
peal_config_file_open(const char *path, struct peal_sentence *error)
{
	struct parser_log log = {0};
	cyaml_config_t parser = parser_defaults;
	struct peal_config_file failed = {.path = path};
	cyaml_data_t *data = NULL;
	struct peal_config_file *file;
	cyaml_err_t result;

	failed.text = read_text(path, error);
	if (failed.text == NULL) {
		return NULL;
	}
	if (find_second_document(failed.text) > 0) {
		(void)peal_sentence_set(error, "%s:%u: a second document begins here; expected one",
			path, find_second_document(failed.text));
		free(failed.text);
		return NULL;
	}
	parser.log_ctx = &log;
	result = cyaml_load_data(
		(const uint8_t *)failed.text, strlen(failed.text), &parser, &schema, &data, NULL);
	file = data;
	if (result == CYAML_OK && file != NULL) {
		file->path = path;
		file->text = failed.text;
		return file;
	}
	if (result == CYAML_OK) {
		(void)peal_config_file_refuse(&failed, "cluster", error);
	} else {
		(void)explain(&failed, &log, result, error);
	}
	free(failed.text);
	return NULL;
}

void
peal_config_file_close(struct peal_config_file *file)
{
	free(file->text);
	(void)cyaml_free(&parser_defaults, &schema, file, 0);
}
