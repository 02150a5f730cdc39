/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A command of peal-bench as one value: what it is called, which options it takes, what its help
 * says, and what it does. A new command is a file that has one of these, and its name in the list
 * of peal_bench.c; parsing, help and refusals come from here.
 *
 * Everything is static and read-only. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_COMMAND_H
#define PEAL_PEAL_BENCH_COMMAND_H

#include "tools/peal-bench/benchargs.h"

#include <stddef.h>

enum peal_option_kind {
	PEAL_OPTION_SET = 0,    /* takes no value: a bool becomes true */
	PEAL_OPTION_CLEAR = 1,  /* takes no value: a bool becomes false */
	PEAL_OPTION_TEXT = 2,   /* a const char * */
	PEAL_OPTION_NUMBER = 3, /* an unsigned number of 16, 32 or 64 bits */
	PEAL_OPTION_OTHER = 4,  /* `read` knows */
};

struct peal_option {
	const char *name;     /* without its dashes */
	const char *value;    /* what the help calls its value; NULL = it takes none */
	const char *help;     /* one or two sentences, broken into lines where there is room */
	const char *excludes; /* another option that must not be said with it; NULL = none */
	const char *expected; /* "--name value: expected ..."; NULL of a number: its range */
	enum peal_option_kind kind;
	size_t offset; /* in struct peal_benchargs */
	size_t size;
	uint64_t min; /* of a number, as it is written */
	uint64_t max;
	uint64_t scale; /* what it is multiplied by; 0 = 1 */
	bool (*read)(struct peal_benchargs *args, const char *value);
};

/* The field of struct peal_benchargs that an option writes. */
#define PEAL_OPTION_FIELD(field)                                                                   \
	.offset = offsetof(struct peal_benchargs, field),                                          \
	.size = sizeof(((struct peal_benchargs *)NULL)->field)

#define PEAL_COMMAND_OPTIONS_MAX 32U

struct peal_command {
	const char *name;
	const char *usage;    /* what stands behind the name */
	const char *brief;    /* one line of the list of all commands */
	const char *about;    /* paragraphs; lines are broken as they are to be read */
	const char *notes;    /* the same, behind the options; NULL = none */
	const char *examples; /* lines that begin with two blanks */
	const struct peal_option *const *options; /* NULL last */
	uint32_t files_min;                       /* words behind the options */
	uint32_t files_max;
	const char *files;  /* what they are: "two result files" */
	bool is_figureless; /* there is nothing to have several runs of */
	int refusal_status; /* of a command line that is wrong; 0 = 2, as everywhere */
	/* What is not zero unless said otherwise; before any option is read. May be NULL. */
	void (*prepare)(struct peal_benchargs *args);
	/* Fills what was not said, and refuses what does not go together. May be NULL. */
	bool (*complete)(struct peal_benchargs *args, struct peal_sentence *error);
	/* Does it, and writes what was asked for. False with a sentence, empty when Ctrl-C came or
	 * a program has spoken for itself. */
	bool (*run)(const struct peal_benchargs *args, struct peal_sentence *error);
	/* In its place, of a command whose exit status is its answer. */
	int (*answer)(const struct peal_benchargs *args, struct peal_sentence *error);
};

/* What to do after parsing. */
enum peal_command_verdict {
	PEAL_COMMAND_GO = 0,
	PEAL_COMMAND_HELPED = 1,  /* the help was asked for and is printed */
	PEAL_COMMAND_REFUSED = 2, /* the sentence says what is wrong */
};

/* Reads what stands behind the name of the command: values[1] is the name. Strings of `values`
 * must outlive the result. */
enum peal_command_verdict peal_command_parse(const struct peal_command *command,
	struct peal_benchargs *args_out, int count, char **values, struct peal_sentence *error);

/* The help of one command. */
void peal_command_print_help(const struct peal_command *command, FILE *file);

/* True when the help is asked for anywhere on the line. */
bool peal_command_asks_for_help(int count, char **values);

#endif
