/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why a step of the set-up failed, in one sentence for people: what is wrong and what to do.
 *
 * The step that meets the fault writes the sentence and returns false; whoever called it returns
 * false as well and adds nothing. The program prints it once and exits with 1. A value; any thread.
 */
#ifndef PEAL_DPDK_SENTENCE_H
#define PEAL_DPDK_SENTENCE_H

#include <stdbool.h>

/* Longest sentence with its terminating zero; a longer one is cut. */
#define PEAL_SENTENCE_SIZE_MAX 640U

struct peal_sentence {
	char text[PEAL_SENTENCE_SIZE_MAX];
};

/* Writes the sentence. Always returns false, so that a step can end with it. */
bool peal_sentence_set(struct peal_sentence *sentence, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
