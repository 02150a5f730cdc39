/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/dpdk/sentence.h"

#include <stdarg.h>
#include <stdio.h>

bool
peal_sentence_set(struct peal_sentence *sentence, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(sentence->text, sizeof(sentence->text), format, arguments);
	va_end(arguments);
	return false;
}
