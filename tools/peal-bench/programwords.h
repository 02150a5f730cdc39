/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line of another program, word by word. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_PROGRAMWORDS_H
#define PEAL_PEAL_BENCH_PROGRAMWORDS_H

#include <stdint.h>

#define PEAL_PROGRAMWORDS_MAX       24U
#define PEAL_PROGRAMWORDS_TEXT_SIZE 32U

/* Zeroed: no words. Stays where it is, for the list points into it. */
struct peal_programwords {
	uint32_t count;
	const char *list[PEAL_PROGRAMWORDS_MAX + 1U]; /* NULL last */
	char texts[PEAL_PROGRAMWORDS_MAX][PEAL_PROGRAMWORDS_TEXT_SIZE];
};

/* `word` outlives the words. Dies beyond PEAL_PROGRAMWORDS_MAX. */
void peal_programwords_add(struct peal_programwords *words, const char *word);
/* An option and its value, which is a number, or a text of at most PEAL_PROGRAMWORDS_TEXT_SIZE - 1
 * bytes by a format. */
void peal_programwords_add_number(
	struct peal_programwords *words, const char *option, uint64_t number);
void peal_programwords_add_text(struct peal_programwords *words, const char *option,
	const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
