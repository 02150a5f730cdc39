/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What 'peal-bench cycles' runs: a program of its own, because the linker puts a clock between its
 * stages, which no other figure shall pay for.
 */
#include "tools/benchlib/channelcycles.h"

int
main(int argc, char **argv)
{
	return peal_channelcycles_run(argc, argv);
}
