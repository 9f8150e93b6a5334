/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_IO_FORK_GUARD_H
#define DPI_IO_FORK_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Tells a child of fork() that it is one, for the price of a load: a page that
 * the kernel hands to children zeroed (MADV_WIPEONFORK, Linux 4.14).
 */
typedef struct dpi_fork_guard {
	const uint32_t *page; /* not 0 where it was made */
	size_t page_bytes;
} dpi_fork_guard;

/* Returns 0 or a negative errno. */
int dpi_fork_guard_init(dpi_fork_guard *guard);
void dpi_fork_guard_fini(dpi_fork_guard *guard);

static inline bool dpi_fork_guard_is_child(const dpi_fork_guard *guard)
{
	return *guard->page == 0;
}

#endif /* DPI_IO_FORK_GUARD_H */
