/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_PUBLISH_IDS_H
#define DPI_PUBLISH_IDS_H

#include <stdint.h>

#include "base/uuid.h"
#include "io/os.h"

/*
 * Numbers the events of one publisher: what base/uuid.h makes ids of. Not
 * locked: whoever orders the events owns it.
 */
typedef struct dpi_ids {
	uint64_t writer; /* drawn once; DPI_WRITER_BITS of it */
	uint64_t seq;    /* of the next event; DPI_SEQ_BITS of it */
	int64_t unix_ms; /* of the last one: ids ascend, whatever the clock does */
} dpi_ids;

/* Draws the writer number. Returns 0, or a negative errno. */
int dpi_ids_init(dpi_ids *ids, const dpi_os *os);

#define DPI_SEQ_LAST ((UINT64_C(1) << DPI_SEQ_BITS) - 1)

/* Goes on as another writer: after dpi_ids_next() has given the last number. */
void dpi_ids_begin_anew(dpi_ids *ids);

/* The numbers of the next event, which happens at unix_ms or just now. */
static inline dpi_ids dpi_ids_next(dpi_ids *ids, int64_t unix_ms)
{
	dpi_ids now;

	if (unix_ms > ids->unix_ms) {
		ids->unix_ms = unix_ms;
	}
	now = *ids;
	if (ids->seq++ == DPI_SEQ_LAST) {
		dpi_ids_begin_anew(ids);
	}
	return now;
}

#endif /* DPI_PUBLISH_IDS_H */
