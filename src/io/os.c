/* SPDX-License-Identifier: Apache-2.0 */
#include "io/os.h"

#include <errno.h>

#define RING_TRIES 1000

dp_time_ns dpi_os_deadline(const dpi_os *os, dp_time_ns timeout_ns)
{
	dp_time_ns now = os->monotonic(os->self);

	return timeout_ns < DP_FOREVER - now ? now + timeout_ns : DP_FOREVER;
}

void dpi_os_ring(const dpi_os *os, int alarm, dp_time_ns at_monotonic_ns)
{
	int rc = -1;

	for (int i = 0; rc != 0 && i < RING_TRIES; i++) {
		rc = os->alarm_set(os->self, alarm, at_monotonic_ns);
	}
}

int dpi_os_write_all(const dpi_os *os, int fd, const void *data, size_t size,
	uint64_t offset)
{
	struct iovec iov = {(void *)(uintptr_t)data, size};

	while (iov.iov_len > 0) {
		int64_t n = os->pwritev(os->self, fd, &iov, 1, offset);

		if (n <= 0) {
			return n < 0 ? (int)n : -EIO;
		}
		iov.iov_base = (char *)iov.iov_base + n;
		iov.iov_len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

int64_t dpi_os_read_all(
	const dpi_os *os, int fd, void *buf, size_t size, uint64_t offset)
{
	size_t done = 0;

	while (done < size) {
		int64_t n = os->pread(os->self, fd, (char *)buf + done,
			size - done, offset + done);

		if (n < 0) {
			return n;
		}
		if (n == 0) {
			break;
		}
		done += (size_t)n;
	}
	return (int64_t)done;
}
