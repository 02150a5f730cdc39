/* SPDX-License-Identifier: BSD-3-Clause */
/* The middle of some figures. */
#ifndef PEAL_BENCHLIB_MEDIAN_H
#define PEAL_BENCHLIB_MEDIAN_H

#include <stdint.h>

/* Sorts the values. Of an even number it is between the two in the middle; 0 of none. */
double peal_median_find(double *values, uint32_t count);

#endif
