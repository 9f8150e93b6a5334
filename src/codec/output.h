/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_OUTPUT_H
#define DPI_CODEC_OUTPUT_H

#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"

/*
 * A buffer that is being written: its end kept at hand, so that a byte costs
 * a comparison. It ends at most limit bytes behind where it began; at the
 * first write that does not fit, `failed` says why, and all later ones fail.
 */
typedef struct dpi_output {
	dpi_buf *buf;
	uint8_t *p;
	uint8_t *end;
	size_t start; /* size of buf when it began */
	size_t limit;
	dp_status failed;
} dpi_output;

/* Begins behind what buf has. */
void dpi_output_begin(dpi_output *output, dpi_buf *buf, size_t limit);

/* Gives buf its size; or, if writing failed, the one that it had. */
dp_status dpi_output_finish(dpi_output *output);

bool dpi_output_grow(dpi_output *output, size_t extra);

/* Whether there are extra bytes to be written at output->p. */
static inline bool dpi_output_need(dpi_output *output, size_t extra)
{
	return (size_t)(output->end - output->p) >= extra ||
		dpi_output_grow(output, extra);
}

/* Bytes written so far. */
static inline size_t dpi_output_size(const dpi_output *output)
{
	return output->p == NULL
		? 0
		: (size_t)(output->p - output->buf->data) - output->start;
}

static inline bool dpi_output_byte(dpi_output *output, uint8_t byte)
{
	if (!dpi_output_need(output, 1)) {
		return false;
	}
	*output->p++ = byte;
	return true;
}

static inline bool dpi_output_append(
	dpi_output *output, const void *data, size_t size)
{
	if (!dpi_output_need(output, size)) {
		return false;
	}
	if (size > 0) {
		memcpy(output->p, data, size);
		output->p += size;
	}
	return true;
}

static inline bool dpi_output_text(dpi_output *output, const char *text)
{
	return dpi_output_append(output, text, strlen(text));
}

#endif /* DPI_CODEC_OUTPUT_H */
