/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/progressbar.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define WIDTH 30U

void
peal_progressbar_init(struct peal_progressbar *bar, bool is_wanted)
{
	*bar = (struct peal_progressbar){.is_shown = is_wanted && isatty(STDERR_FILENO) == 1};
}

void
peal_progressbar_show(struct peal_progressbar *bar, const char *what, uint64_t done, uint64_t total)
{
	char cells[WIDTH + 1U];
	uint64_t filled = total == 0 ? 0 : done * WIDTH / total;

	if (!bar->is_shown) {
		return;
	}
	for (uint64_t i = 0; i < WIDTH; i++) {
		cells[i] = i < filled ? '#' : '.';
	}
	cells[WIDTH] = '\0';
	if (total == 0) {
		fprintf(stderr, "\r\033[K%s ...", what);
	} else {
		fprintf(stderr, "\r\033[K[%s] %s, %" PRIu64 " of %" PRIu64, cells, what, done,
			total);
	}
	bar->is_drawn = true;
}

void
peal_progressbar_clear(const struct peal_progressbar *bar)
{
	if (bar->is_drawn) {
		fprintf(stderr, "\r\033[K");
	}
}
