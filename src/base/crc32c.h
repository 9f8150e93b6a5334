/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_BASE_CRC32C_H
#define DPI_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/*
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4: "123456789" gives 0xe3069283).
 * crc is 0 at first, or the result for the bytes before these: results
 * chain. Picks the processor's instruction when there is one.
 */
uint32_t dpi_crc32c(uint32_t crc, const void *data, size_t size);

/* The same by table, on any processor; for tests and for dpi_crc32c(). */
uint32_t dpi_crc32c_table(uint32_t crc, const void *data, size_t size);

#endif /* DPI_BASE_CRC32C_H */
