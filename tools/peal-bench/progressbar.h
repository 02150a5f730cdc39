/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One line that grows on the terminal while something takes long. Main thread.
 */
#ifndef PEAL_PEAL_BENCH_PROGRESSBAR_H
#define PEAL_PEAL_BENCH_PROGRESSBAR_H

#include <stdbool.h>
#include <stdint.h>

struct peal_progressbar {
	bool is_shown;
	bool is_drawn;
};

/* Shows nothing unless the standard error is a terminal and `is_wanted`. */
void peal_progressbar_init(struct peal_progressbar *bar, bool is_wanted);
/* Draws it, `what` in a few words. `done` <= `total`; 0 of 0 = how long it takes is not known. */
void peal_progressbar_show(
	struct peal_progressbar *bar, const char *what, uint64_t done, uint64_t total);
/* Takes it from the terminal. */
void peal_progressbar_clear(const struct peal_progressbar *bar);

#endif
