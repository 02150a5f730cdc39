/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The picture of a run: the size of every node's view over time, drawn by gnuplot.
 */
#ifndef PEAL_PEAL_SIM_PICTURE_H
#define PEAL_PEAL_SIM_PICTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct peal_picture_words {
	const char *title;
	/* What happened to the group, and how long before the last install; NULL = nothing did. */
	const char *event;
	uint64_t event_before_end_ns;
};

/*
 * Draws the installs of a run as `directory`/sizes.svg and sizes.png: a point for each half
 * millisecond in which nodes installed a view of one size, and a line of text for each size.
 * @param sizes  lines "ns node members", read from the beginning
 * @return false: a sentence was printed that says what is missing
 */
bool peal_picture_draw(FILE *sizes, const char *directory, const struct peal_picture_words *words);

#endif
