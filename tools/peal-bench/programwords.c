/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/peal-bench/programwords.h"

#include "base/assert.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void
peal_programwords_add(struct peal_programwords *words, const char *word)
{
	PEAL_ASSERT(words->count < PEAL_PROGRAMWORDS_MAX);
	words->list[words->count++] = word;
	words->list[words->count] = NULL;
}

void
peal_programwords_add_text(
	struct peal_programwords *words, const char *option, const char *format, ...)
{
	char *text;
	va_list values;

	peal_programwords_add(words, option);
	PEAL_ASSERT(words->count < PEAL_PROGRAMWORDS_MAX);
	text = words->texts[words->count];
	va_start(values, format);
	(void)vsnprintf(text, PEAL_PROGRAMWORDS_TEXT_SIZE, format, values);
	va_end(values);
	peal_programwords_add(words, text);
}

void
peal_programwords_add_number(struct peal_programwords *words, const char *option, uint64_t number)
{
	peal_programwords_add_text(words, option, "%" PRIu64, number);
}
