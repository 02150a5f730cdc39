/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bounds-checked reader and writer of little-endian integers over a span of bytes.
 *
 * Both carry a flag instead of a result per call: after the first access beyond the end every later
 * read gives zero, every later write does nothing, and `is_ok` stays false. Check it once, at the
 * end.
 */
#ifndef PEAL_WIRE_CURSOR_H
#define PEAL_WIRE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct peal_reader {
	const uint8_t *bytes;
	size_t size;
	size_t offset;
	bool is_ok;
};

struct peal_writer {
	uint8_t *bytes;
	size_t capacity;
	size_t offset;
	bool is_ok;
};

static inline struct peal_reader
peal_reader_init(const uint8_t *bytes, size_t size)
{
	return (struct peal_reader){.bytes = bytes, .size = size, .offset = 0, .is_ok = true};
}

static inline struct peal_writer
peal_writer_init(uint8_t *bytes, size_t capacity)
{
	return (struct peal_writer){
		.bytes = bytes, .capacity = capacity, .offset = 0, .is_ok = true};
}

/* Copies `size` bytes out; zeroes `out` when they are not there. */
static inline void
peal_read_bytes(struct peal_reader *reader, void *out, size_t size)
{
	if (!reader->is_ok || reader->size - reader->offset < size) {
		reader->is_ok = false;
		memset(out, 0, size);
		return;
	}
	memcpy(out, reader->bytes + reader->offset, size);
	reader->offset += size;
}

static inline void
peal_write_bytes(struct peal_writer *writer, const void *bytes, size_t size)
{
	if (!writer->is_ok || writer->capacity - writer->offset < size) {
		writer->is_ok = false;
		return;
	}
	memcpy(writer->bytes + writer->offset, bytes, size);
	writer->offset += size;
}

/* True when nothing failed and nothing is left: the only good end of a decode. */
static inline bool
peal_reader_is_done(const struct peal_reader *reader)
{
	return reader->is_ok && reader->offset == reader->size;
}

#define PEAL_CURSOR_INTEGER(type, suffix)                                                          \
	static inline type peal_read_##suffix(struct peal_reader *reader)                          \
	{                                                                                          \
		type value;                                                                        \
                                                                                                   \
		peal_read_bytes(reader, &value, sizeof(value));                                    \
		return value;                                                                      \
	}                                                                                          \
	static inline void peal_write_##suffix(struct peal_writer *writer, type value)             \
	{                                                                                          \
		peal_write_bytes(writer, &value, sizeof(value));                                   \
	}

_Static_assert(
	__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the wire is little-endian, so is the host");

PEAL_CURSOR_INTEGER(uint8_t, u8)
PEAL_CURSOR_INTEGER(uint16_t, u16)
PEAL_CURSOR_INTEGER(uint32_t, u32)
PEAL_CURSOR_INTEGER(uint64_t, u64)

#undef PEAL_CURSOR_INTEGER

#endif
