/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_NEWS_H
#define DPI_HUB_LOG_NEWS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <datapipe/hub.h>

#include "io/os.h"

/*
 * A page per log that all processes map: the words that readers sleep on, one
 * for those who read what was written and one for those who wait until it is
 * durable, so that no commit wakes anybody twice. A word changes whenever
 * something may be readable that was not; both do when a partition is new, or
 * an owner let go of one.
 *
 * An owner that dies tells nobody; readers find out when they look. They look
 * at all they know whenever the word changed, and when they begin.
 */
typedef struct dpi_log_bell {
	_Atomic uint32_t word;
	_Atomic uint32_t waiters; /* who are in wait, or about to be */
} dpi_log_bell;

typedef struct dpi_log_news {
	dpi_log_bell durable;
	dpi_log_bell written;
	_Atomic uint32_t layout; /* changes with each new topic or partition */
} dpi_log_news;

/* The word of those who read at this level. */
static inline dpi_log_bell *dpi_log_news_bell(dpi_log_news *news, dp_ack level)
{
	return level == DP_ACK_WRITTEN ? &news->written : &news->durable;
}

/* Any process. Errors: DP_EIO, DP_ENOSPC, DP_EDENIED. */
DP_NODISCARD dp_status dpi_log_news_map(dpi_log_news **ret, const dpi_os *os,
	const char *directory, dp_error **err);
void dpi_log_news_unmap(dpi_log_news *news, const dpi_os *os);

/* Changes a word, and wakes those who wait: no system call if none do. */
void dpi_log_news_ring(dpi_log_bell *bell, const dpi_os *os);
/* The same with both. */
void dpi_log_news_tell(dpi_log_news *news, const dpi_os *os);

/* Waits until the word is not seen, or the monotonic deadline. */
void dpi_log_news_wait(dpi_log_bell *bell, const dpi_os *os, uint32_t seen,
	dp_time_ns deadline_ns);

#endif /* DPI_HUB_LOG_NEWS_H */
