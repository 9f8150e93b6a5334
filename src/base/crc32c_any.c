/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crc32c.h"

uint32_t dpi_crc32c(uint32_t crc, const void *data, size_t size)
{
	return dpi_crc32c_table(crc, data, size);
}
