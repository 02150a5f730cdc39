/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The body of a probe of a path, or of its answer, by the first byte. What is accepted and written
 * anew is the same.
 */
#include "base/assert.h"
#include "wire/path_msg.h"

#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct peal_path_msg message;
	uint8_t again[PEAL_PATH_MSG_SIZE];

	if (size < 1 || size > 1U + PEAL_LARGE_BODY_SIZE_MAX ||
		!peal_path_msg_decode(
			data + 1, (uint32_t)size - 1U, (data[0] & 1U) != 0, &message)) {
		return 0;
	}
	PEAL_ASSERT(message.size >= PEAL_PATH_MSG_SIZE);
	PEAL_ASSERT(message.size <= PEAL_LARGE_BODY_SIZE_MAX);
	peal_path_msg_encode(&message, again);
	PEAL_ASSERT(memcmp(again, data + 1, sizeof(again)) == 0);
	return 0;
}
