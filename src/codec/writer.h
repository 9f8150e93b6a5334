/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_WRITER_H
#define DPI_CODEC_WRITER_H

#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"

/*
 * A buffer that is being written: its end kept at hand, so that a byte costs
 * a comparison. It ends at most limit bytes behind where it began; at the
 * first write that does not fit, `failed` says why, and all later ones fail.
 */
typedef struct dpi_writer {
	dpi_buf *buf;
	uint8_t *p;
	uint8_t *end;
	size_t start; /* size of buf when it began */
	size_t limit;
	dp_status failed;
} dpi_writer;

/* Begins behind what buf has. */
void dpi_writer_begin(dpi_writer *writer, dpi_buf *buf, size_t limit);

/* Gives buf its size; or, if writing failed, the one that it had. */
dp_status dpi_writer_finish(dpi_writer *writer);

bool dpi_writer_grow(dpi_writer *writer, size_t extra);

/* Whether there are extra bytes to be written at writer->p. */
static inline bool dpi_writer_need(dpi_writer *writer, size_t extra)
{
	return (size_t)(writer->end - writer->p) >= extra ||
		dpi_writer_grow(writer, extra);
}

/* Bytes written so far. */
static inline size_t dpi_writer_size(const dpi_writer *writer)
{
	return writer->p == NULL
		? 0
		: (size_t)(writer->p - writer->buf->data) - writer->start;
}

static inline bool dpi_writer_byte(dpi_writer *writer, uint8_t byte)
{
	if (!dpi_writer_need(writer, 1)) {
		return false;
	}
	*writer->p++ = byte;
	return true;
}

static inline bool dpi_writer_append(
	dpi_writer *writer, const void *data, size_t size)
{
	if (!dpi_writer_need(writer, size)) {
		return false;
	}
	if (size > 0) {
		memcpy(writer->p, data, size);
		writer->p += size;
	}
	return true;
}

static inline bool dpi_writer_text(dpi_writer *writer, const char *text)
{
	return dpi_writer_append(writer, text, strlen(text));
}

#endif /* DPI_CODEC_WRITER_H */
