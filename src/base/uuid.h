/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_BASE_UUID_H
#define DPI_BASE_UUID_H

#include <stdint.h>

#include <datapipe/time.h>

/*
 * Event ids: UUIDv7 (RFC 9562, 5.7) whose 74 free bits are a writer number of
 * 34 bits and a sequence of 40 bits. So one id says who made the event and
 * which of its events it is, and ids of one writer ascend.
 *
 * Bytes are in network order, as the text form has them:
 *   48 bits unix milliseconds | 4 bits 0111 | 12 bits writer (high)
 *   | 2 bits 10 | 22 bits writer (low) | 40 bits sequence
 */

#define DPI_UUID_SIZE 16
#define DPI_UUID_TEXT 36 /* without the NUL */
#define DPI_WRITER_BITS 34
#define DPI_SEQ_BITS 40

void dpi_uuid_make(
	uint8_t *uuid, int64_t unix_ms, uint64_t writer, uint64_t seq);
int64_t dpi_uuid_ms(const uint8_t *uuid);
uint64_t dpi_uuid_writer(const uint8_t *uuid);
uint64_t dpi_uuid_seq(const uint8_t *uuid);

/* Writes 36 characters and a NUL. */
void dpi_uuid_format(char *text, const uint8_t *uuid);

#endif /* DPI_BASE_UUID_H */
