/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/ids.h"

#include "base/text.h"
#include "base/uuid.h"

#define WRITER_MASK ((UINT64_C(1) << DPI_WRITER_BITS) - 1)
#define SEQ_MAX ((UINT64_C(1) << DPI_SEQ_BITS) - 1)

int dpi_ids_init(dpi_ids *ids, const dpi_os *os)
{
	uint64_t writer;
	int rc = os->random(os->self, &writer, sizeof(writer));

	if (rc < 0) {
		return rc;
	}
	*ids = (dpi_ids){.writer = writer & WRITER_MASK};
	return 0;
}

dpi_ids dpi_ids_next(dpi_ids *ids, int64_t unix_ms)
{
	dpi_ids now;

	if (unix_ms > ids->unix_ms) {
		ids->unix_ms = unix_ms;
	}
	now = *ids;
	if (ids->seq < SEQ_MAX) {
		ids->seq++;
		return now;
	}
	/* A million events a second get here after twelve days: go on as
	 * another writer, so that no id comes twice. */
	ids->seq = 0;
	ids->writer =
		dpi_hash64(now.writer, &now.unix_ms, sizeof(now.unix_ms)) &
		WRITER_MASK;
	return now;
}
