/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/command.h"

#include "base/assert.h"
#include "tools/peal-bench/argtext.h"
#include "tools/peal-bench/manyruns.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#define FIRST_ID      256
#define HELP_INDENT   25U
#define HELP_LINE_MAX 98U
#define TEXT_SIZE_MAX 96U

static bool
refuse(const struct peal_option *option, const char *value, struct peal_sentence *error)
{
	char name[TEXT_SIZE_MAX], range[TEXT_SIZE_MAX];

	(void)snprintf(name, sizeof(name), "--%s", option->name);
	if (option->expected != NULL) {
		return peal_argtext_refuse(error, name, value, option->expected);
	}
	(void)snprintf(range, sizeof(range), "a number from %" PRIu64 " to %" PRIu64, option->min,
		option->max);
	return peal_argtext_refuse(error, name, value, range);
}

static void
store_number(void *field, size_t size, uint64_t number)
{
	const uint16_t half = (uint16_t)number;
	const uint32_t word = (uint32_t)number;

	PEAL_ASSERT(size == sizeof(half) || size == sizeof(word) || size == sizeof(number));
	memcpy(field,
		size == sizeof(half)   ? (const void *)&half
		: size == sizeof(word) ? (const void *)&word
				       : (const void *)&number,
		size);
}

static bool
take(const struct peal_option *option, struct peal_benchargs *args, const char *value,
	struct peal_sentence *error)
{
	void *field = (uint8_t *)args + option->offset;
	const bool flag = option->kind == PEAL_OPTION_SET;
	uint64_t number;

	switch (option->kind) {
	case PEAL_OPTION_SET:
	case PEAL_OPTION_CLEAR:
		memcpy(field, &flag, sizeof(flag));
		return true;
	case PEAL_OPTION_TEXT:
		memcpy(field, &value, sizeof(value));
		return true;
	case PEAL_OPTION_NUMBER:
		if (!peal_argtext_read_number(value, option->min, option->max, &number)) {
			return refuse(option, value, error);
		}
		store_number(
			field, option->size, number * (option->scale == 0 ? 1U : option->scale));
		return true;
	case PEAL_OPTION_OTHER:
	default:
		return option->read(args, value) || refuse(option, value, error);
	}
}

/* --- the command line --- */

/* The options of the command, and the one that all commands with figures have. NULL: no more. */
static const struct peal_option *
find_option(const struct peal_command *command, uint32_t index)
{
	uint32_t count = 0;

	while (count < index && command->options[count] != NULL) {
		count++;
	}
	if (command->options[count] != NULL) {
		return command->options[count];
	}
	return count == index && command->run != NULL && command->files_max == 0 &&
			       !command->is_figureless
		       ? &peal_manyruns_option
		       : NULL;
}

static void
list_options(
	const struct peal_command *command, struct option list_out[PEAL_COMMAND_OPTIONS_MAX + 1U])
{
	const struct peal_option *option;
	uint32_t count = 0;

	for (; (option = find_option(command, count)) != NULL; count++) {
		PEAL_ASSERT(count < PEAL_COMMAND_OPTIONS_MAX);
		list_out[count] = (struct option){.name = option->name,
			.has_arg = option->value != NULL ? required_argument : no_argument,
			.val = FIRST_ID + (int)count};
	}
	list_out[count] = (struct option){0};
}

/* Two options of one command that say the same thing in different words. */
static bool
check_excluded(const struct peal_command *command, const bool *is_said, struct peal_sentence *error)
{
	const struct peal_option *option, *other;

	for (uint32_t i = 0; (option = find_option(command, i)) != NULL; i++) {
		if (!is_said[i] || option->excludes == NULL) {
			continue;
		}
		for (uint32_t j = 0; (other = find_option(command, j)) != NULL; j++) {
			if (is_said[j] && strcmp(other->name, option->excludes) == 0) {
				return peal_sentence_set(error, "--%s and --%s exclude each other",
					other->name, option->name);
			}
		}
	}
	return true;
}

static bool
read_options(const struct peal_command *command, struct peal_benchargs *args, int count,
	char **values, struct peal_sentence *error)
{
	struct option list[PEAL_COMMAND_OPTIONS_MAX + 1U];
	bool is_said[PEAL_COMMAND_OPTIONS_MAX] = {false};
	int id;

	list_options(command, list);
	opterr = 0;
	while ((id = getopt_long(count - 1, values + 1, ":", list, NULL)) != -1) {
		const char *word = values[optind];

		if (id == ':') {
			return peal_sentence_set(error, "option %s needs a value", word);
		}
		if (id == '?') {
			return peal_sentence_set(
				error, "option %s is none of %s", word, command->name);
		}
		if (!take(find_option(command, (uint32_t)(id - FIRST_ID)), args, optarg, error)) {
			return false;
		}
		is_said[id - FIRST_ID] = true;
	}
	return check_excluded(command, is_said, error);
}

/* What stands behind the options. */
static bool
take_files(const struct peal_command *command, struct peal_benchargs *args, int count,
	char **values, struct peal_sentence *error)
{
	PEAL_ASSERT(command->files_max <= PEAL_BENCHARGS_FILES_MAX);
	if (count > 0 && command->files_max == 0) {
		return peal_sentence_set(error, "%s: expected nothing more", values[0]);
	}
	if (count < (int)command->files_min || count > (int)command->files_max) {
		return peal_sentence_set(error, "%s: expected %s", command->name, command->files);
	}
	for (int i = 0; i < count; i++) {
		args->files[args->files_count++] = values[i];
	}
	return true;
}

enum peal_command_verdict
peal_command_parse(const struct peal_command *command, struct peal_benchargs *args_out, int count,
	char **values, struct peal_sentence *error)
{
	*args_out = (struct peal_benchargs){
		.command = command->name,
		.link = PEAL_BENCHARGS_LINK_NONE,
		.is_sealed = true,
		.idle = PEAL_IDLE_DEDICATED,
	};
	if (peal_command_asks_for_help(count, values)) {
		peal_command_print_help(command, stdout);
		return PEAL_COMMAND_HELPED;
	}
	if (command->prepare != NULL) {
		command->prepare(args_out);
	}
	if (!read_options(command, args_out, count, values, error) ||
		!take_files(command, args_out, count - 1 - optind, values + 1 + optind, error) ||
		(command->complete != NULL && !command->complete(args_out, error)) ||
		!peal_manyruns_check(args_out, error)) {
		return PEAL_COMMAND_REFUSED;
	}
	return PEAL_COMMAND_GO;
}

/* --- the help --- */

bool
peal_command_asks_for_help(int count, char **values)
{
	for (int i = 1; i < count; i++) {
		if (strcmp(values[i], "--help") == 0 || strcmp(values[i], "-h") == 0) {
			return true;
		}
	}
	return false;
}

/* Words, broken into lines that all begin at one column. */
static void
print_indented(const char *text, size_t column, FILE *file)
{
	while (*text != '\0') {
		size_t size = strcspn(text, " ");

		if (column > HELP_INDENT && column + 1U + size > HELP_LINE_MAX) {
			fprintf(file, "\n%*s", (int)HELP_INDENT, "");
			column = HELP_INDENT;
		} else if (column > HELP_INDENT) {
			fputc(' ', file);
			column++;
		}
		fprintf(file, "%.*s", (int)size, text);
		column += size;
		text += size;
		text += strspn(text, " ");
	}
	fputc('\n', file);
}

static void
print_option(const char *name, const char *value, const char *help, FILE *file)
{
	int size = fprintf(
		file, "  --%s%s%s", name, value == NULL ? "" : " ", value == NULL ? "" : value);

	if (size + 1 > (int)HELP_INDENT) {
		fprintf(file, "\n");
		size = 0;
	}
	fprintf(file, "%*s", (int)HELP_INDENT - size, "");
	print_indented(help, HELP_INDENT, file);
}

void
peal_command_print_help(const struct peal_command *command, FILE *file)
{
	const struct peal_option *option;

	fprintf(file, "usage: peal-bench %s %s\n\n%s\n", command->name, command->usage,
		command->about);
	for (uint32_t i = 0; (option = find_option(command, i)) != NULL; i++) {
		print_option(option->name, option->value, option->help, file);
	}
	fprintf(file, "  -h, --help             this text\n");
	if (command->notes != NULL) {
		fprintf(file, "\n%s", command->notes);
	}
	fprintf(file, "\nexamples:\n%s", command->examples);
}
