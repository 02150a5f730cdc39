/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/parameters.h"

#include "base/assert.h"
#include "base/hash.h"
#include "wire/cursor.h"

/* Bytes of each on the wire; after FAILED stands one that is zero. */
static const uint8_t widths[PEAL_PARAMETERS_COUNT] = {1, 1, 1, 1, 1, 2, 4, 4};

static const char *const names[PEAL_PARAMETERS_COUNT] = {
	[PEAL_PARAMETER_RINGS] = "rings",
	[PEAL_PARAMETER_HIGH] = "high",
	[PEAL_PARAMETER_LOW] = "low",
	[PEAL_PARAMETER_WINDOW] = "window",
	[PEAL_PARAMETER_FAILED] = "failed",
	[PEAL_PARAMETER_MEMBERS_MAX] = "members_max",
	[PEAL_PARAMETER_INTERVAL_US] = "interval_us",
	[PEAL_PARAMETER_RING_CHECK] = "ring_check",
};

const char *
peal_parameter_name(enum peal_parameter parameter)
{
	PEAL_ASSERT(parameter < PEAL_PARAMETERS_COUNT);
	return names[parameter];
}

void
peal_parameters_encode(
	const struct peal_parameters *parameters, uint8_t bytes_out[PEAL_PARAMETERS_SIZE])
{
	struct peal_writer writer = peal_writer_init(bytes_out, PEAL_PARAMETERS_SIZE);

	for (uint32_t i = 0; i < PEAL_PARAMETERS_COUNT; i++) {
		uint32_t value = parameters->values[i];

		if (widths[i] == 1) {
			PEAL_ASSERT(value <= UINT8_MAX);
			peal_write_u8(&writer, (uint8_t)value);
		} else if (widths[i] == 2) {
			PEAL_ASSERT(value <= UINT16_MAX);
			peal_write_u16(&writer, (uint16_t)value);
		} else {
			peal_write_u32(&writer, value);
		}
		if (i == PEAL_PARAMETER_FAILED) {
			peal_write_u8(&writer, 0);
		}
	}
	PEAL_ASSERT(writer.is_ok && writer.offset == PEAL_PARAMETERS_SIZE);
}

bool
peal_parameters_decode(
	const uint8_t bytes[PEAL_PARAMETERS_SIZE], struct peal_parameters *parameters_out)
{
	struct peal_reader reader = peal_reader_init(bytes, PEAL_PARAMETERS_SIZE);
	uint8_t padding = 0;

	for (uint32_t i = 0; i < PEAL_PARAMETERS_COUNT; i++) {
		parameters_out->values[i] = widths[i] == 1   ? peal_read_u8(&reader)
					    : widths[i] == 2 ? peal_read_u16(&reader)
							     : peal_read_u32(&reader);
		if (i == PEAL_PARAMETER_FAILED) {
			padding = peal_read_u8(&reader);
		}
	}
	PEAL_ASSERT(reader.is_ok && reader.offset == PEAL_PARAMETERS_SIZE);
	return padding == 0;
}

uint64_t
peal_parameters_hash(const struct peal_parameters *parameters)
{
	return peal_hash64(parameters->values, sizeof(parameters->values), 1);
}
