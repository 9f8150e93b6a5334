/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_BASE_BUF_H
#define DPI_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <datapipe/alloc.h>
#include <datapipe/bytes.h>
#include <datapipe/export.h>
#include <datapipe/status.h>

/*
 * A growing run of bytes with a limit: what codecs and file writers fill.
 *
 * An append that fails sets `failed` and leaves the contents as they were;
 * all later appends fail too. So a writer may append many times and ask once.
 *
 * Hot paths reserve first, write through `data + size` and add to size.
 */

typedef struct dpi_buf {
	const dp_allocator *alloc;
	size_t limit_bytes; /* never grows past this */
	uint8_t *data;      /* capacity + 1 bytes, size of them in use */
	size_t size;
	size_t capacity;
	dp_status failed; /* DP_OK, DP_ENOMEM, DP_ETOOBIG, or DP_EINVAL */
} dpi_buf;

/* Allocates nothing yet. Borrows alloc until fini. */
void dpi_buf_init(dpi_buf *buf, const dp_allocator *alloc, size_t limit_bytes);

void dpi_buf_fini(dpi_buf *buf);

/* Empty again, memory kept, failure forgotten. */
void dpi_buf_clear(dpi_buf *buf);

/* Makes room for extra more bytes behind size. */
DP_NODISCARD dp_status dpi_buf_reserve(dpi_buf *buf, size_t extra);

dp_status dpi_buf_append(dpi_buf *buf, const void *data, size_t size);
dp_status dpi_buf_append_byte(dpi_buf *buf, uint8_t byte);
dp_status dpi_buf_append_string(dpi_buf *buf, const char *text);
/* DP_EINVAL if a wide character is none. */
DP_PRINTF(2, 3) dp_status dpi_buf_printf(dpi_buf *buf, const char *fmt, ...);

/* What is in it, as text with a NUL behind it; NULL after a failure. */
const char *dpi_buf_text(dpi_buf *buf);

#endif /* DPI_BASE_BUF_H */
