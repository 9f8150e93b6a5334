/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_NEWS_H
#define DPI_HUB_LOG_NEWS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <datapipe/status.h>

#include "io/os.h"

/*
 * A page per log that all processes map: the word that readers sleep on. It
 * changes whenever something may be readable that was not, a partition is new,
 * or an owner let go of one.
 *
 * An owner that dies tells nobody; readers find out when they look. They look
 * at all they know whenever the word changed, and when they begin.
 */
typedef struct dpi_log_news {
	_Atomic uint32_t word;
	_Atomic uint32_t waiters; /* who are in wait, or about to be */
	_Atomic uint32_t layout;  /* changes with each new topic or partition */
} dpi_log_news;

/* Any process. Errors: DP_EIO, DP_ENOSPC, DP_EDENIED. */
DP_NODISCARD dp_status dpi_log_news_map(dpi_log_news **ret, const dpi_os *os,
	const char *directory, dp_error **err);
void dpi_log_news_unmap(dpi_log_news *news, const dpi_os *os);

/* Changes the word, and wakes those who wait: no system call if none do. */
void dpi_log_news_tell(dpi_log_news *news, const dpi_os *os);

/* Waits until the word is not seen, or the monotonic deadline. */
void dpi_log_news_wait(dpi_log_news *news, const dpi_os *os, uint32_t seen,
	dp_time_ns deadline_ns);

#endif /* DPI_HUB_LOG_NEWS_H */
