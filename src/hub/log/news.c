/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/news.h"

#include <limits.h>

#include "hub/log/layout.h"
#include "hub/log/page.h"

dp_status dpi_log_news_map(dpi_log_news **ret, const dpi_os *os,
	const char *directory, dp_error **err)
{
	char path[DPI_LOG_PATH_MAX];
	dp_status st;
	void *page;

	dpi_log_path(path, directory, "news");
	st = dpi_log_page_map(&page, os, path, err);
	if (st == DP_OK) {
		*ret = page;
	}
	return st;
}

void dpi_log_news_unmap(dpi_log_news *news, const dpi_os *os)
{
	dpi_log_page_unmap(news, os);
}

/* So many never wait: the page is damaged. From half of it, a count that is
 * wrong does not come to 0 while somebody waits. */
#define WAITERS_MAX (UINT32_MAX / 2)

/*
 * Telling changes the word and then looks for waiters; waiting says so and
 * then looks at the word. Both in one order for all (seq_cst), so one of the
 * two sees the other.
 */
void dpi_log_news_ring(dpi_log_bell *bell, const dpi_os *os)
{
	atomic_fetch_add(&bell->word, 1);
	if (atomic_load(&bell->waiters) > 0) {
		os->wake(os->self, (uint32_t *)&bell->word, INT_MAX);
	}
}

void dpi_log_news_tell(dpi_log_news *news, const dpi_os *os)
{
	dpi_log_news_ring(&news->written, os);
	dpi_log_news_ring(&news->durable, os);
}

void dpi_log_news_wait(dpi_log_bell *bell, const dpi_os *os, uint32_t seen,
	dp_time_ns deadline_ns)
{
	if (atomic_fetch_add(&bell->waiters, 1) > WAITERS_MAX) {
		atomic_store(&bell->waiters, WAITERS_MAX / 2);
	}
	if (atomic_load(&bell->word) == seen) {
		(void)os->wait(
			os->self, (uint32_t *)&bell->word, seen, deadline_ns);
	}
	atomic_fetch_sub(&bell->waiters, 1);
}
