/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/ids.h"

#include "base/text.h"

#define WRITER_MASK ((UINT64_C(1) << DPI_WRITER_BITS) - 1)

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

/* A million events a second get here after twelve days: no id comes twice. */
void dpi_ids_begin_anew(dpi_ids *ids)
{
	ids->seq = 0;
	ids->writer =
		dpi_hash64(ids->writer, &ids->unix_ms, sizeof(ids->unix_ms)) &
		WRITER_MASK;
}
