/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_DUE_H
#define DPI_HUB_LOG_DUE_H

#include <stddef.h>

#include <datapipe/alloc.h>
#include <datapipe/status.h>
#include <datapipe/time.h>

/*
 * What is due at some time, the first on top: a heap, so that thousands of
 * topics that come due together cost no more than their number. Not locked.
 */

/* A part of what is due; zero but for at_ns = DP_FOREVER: not in the heap. */
typedef struct dpi_due {
	dp_time_ns at_ns;
	size_t place; /* the heap's */
} dpi_due;

typedef struct dpi_dues {
	dpi_due **heap;
	size_t count;
	size_t members;
	size_t capacity;
} dpi_dues;

/*
 * Makes room for one member more, so that setting its time cannot fail.
 *
 * Errors: DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_dues_join(
	dpi_dues *dues, const dp_allocator *alloc, dp_error **err);
/* Gives it back, for who joined and was not put in. */
void dpi_dues_leave(dpi_dues *dues);
void dpi_dues_fini(dpi_dues *dues, const dp_allocator *alloc);

/* Puts it in, or brings it forward. at_ns is before the time that it has. */
void dpi_dues_set(dpi_dues *dues, dpi_due *due, dp_time_ns at_ns);

/* When the first is due; DP_FOREVER: nothing is. */
dp_time_ns dpi_dues_first(const dpi_dues *dues);

/* Takes the first one out; NULL if it is due after now. */
dpi_due *dpi_dues_take(dpi_dues *dues, dp_time_ns now_ns);

#endif /* DPI_HUB_LOG_DUE_H */
