/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The version of the programs, the same as in meson.build. The wire format has its own
 * (wire/frame.h).
 */
#ifndef PEAL_BASE_VERSION_H
#define PEAL_BASE_VERSION_H

#define PEAL_VERSION "0.1.0"

#endif
