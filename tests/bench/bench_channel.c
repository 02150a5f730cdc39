/* SPDX-License-Identifier: BSD-3-Clause */
/* What a message over a channel costs two cores together; see tools/benchlib/channelcycles.h. */
#include "tools/benchlib/channelcycles.h"

int
main(int argc, char **argv)
{
	return peal_channelcycles_run(argc, argv);
}
