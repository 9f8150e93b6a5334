/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_BASE_SHA256_H
#define DPI_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define DPI_SHA256_SIZE 32

/* SHA-256 (FIPS 180-4) of bytes that are all there. */
void dpi_sha256(uint8_t *digest, const void *data, size_t size);

#endif /* DPI_BASE_SHA256_H */
