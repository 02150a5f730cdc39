/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/benchlib/median.h"

#include <stdlib.h>

static int
compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

double
peal_median_find(double *values, uint32_t count)
{
	if (count == 0) {
		return 0.0;
	}
	qsort(values, count, sizeof(values[0]), compare);
	return (values[(count - 1U) / 2U] + values[count / 2U]) / 2.0;
}
