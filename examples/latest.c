/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Latest values: what is true now at each member, for whoever asks whenever it asks.
 *
 *     latest SOCKET NUMBER TEXT     sets the value of a number of this member; ends when it is out
 *     latest SOCKET                 prints values as they are, and as they change
 */
#include <inttypes.h>
#include <peal/peal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
is_own(struct peal *peal, const struct peal_event *event, uint16_t number, const char *text)
{
	return event->kind == PEAL_EVENT_VALUE && event->member == peal_view(peal)->self &&
	       event->number == number && event->size == strlen(text) &&
	       memcmp(event->bytes, text, event->size) == 0;
}

static void
show(const struct peal_event *event)
{
	if (event->kind == PEAL_EVENT_VALUE) {
		printf("%" PRIu64 ".%u = %.*s\n", event->member, (unsigned)event->number,
			(int)event->size, (const char *)event->bytes);
	} else if (event->kind == PEAL_EVENT_GONE) {
		printf("%" PRIu64 " is gone, and its values\n", event->member);
	}
}

int
main(int argc, char **argv)
{
	const char *text = argc > 3 ? argv[3] : NULL;
	uint16_t number = (uint16_t)(text != NULL ? strtoul(argv[2], NULL, 10) : 0);
	struct peal *peal;
	struct peal_event event;
	enum peal_result result = peal_attach(argc > 1 ? argv[1] : NULL, "latest", &peal);
	bool is_done = false;

	if (result != PEAL_OK) {
		(void)fprintf(stderr, "latest: %s\n", peal_attach_error());
		return EXIT_FAILURE;
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	result = peal_hear(peal, true);
	if (text != NULL) {
		result = peal_set(peal, number, text, (uint32_t)strlen(text));
	}
	while (result == PEAL_OK && !is_done) {
		result = peal_poll(peal, &event);
		if (result == PEAL_EMPTY) {
			result = peal_wait(peal, PEAL_FOREVER);
		} else if (result == PEAL_OK && text == NULL) {
			show(&event);
		} else if (result == PEAL_OK) {
			is_done = is_own(peal, &event, number, text);
		}
	}
	if (!is_done) {
		printf("%s\n", peal_result_name(result));
	}
	peal_detach(peal);
	return is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}
