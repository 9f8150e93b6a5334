/* SPDX-License-Identifier: Apache-2.0 */
#include "io/fork_guard.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

int dpi_fork_guard_init(dpi_fork_guard *guard)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	uint32_t *page = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED) {
		return -errno;
	}
	if (madvise(page, size, MADV_WIPEONFORK) != 0) {
		int rc = -errno;

		(void)munmap(page, size);
		return rc;
	}
	*page = 1;
	*guard = (dpi_fork_guard){page, size};
	return 0;
}

void dpi_fork_guard_fini(dpi_fork_guard *guard)
{
	(void)munmap((void *)(uintptr_t)guard->page, guard->page_bytes);
}
