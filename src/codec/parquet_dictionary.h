/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_PARQUET_DICTIONARY_H
#define DPI_CODEC_PARQUET_DICTIONARY_H

#include "base/buf.h"
#include "base/bytes.h"

/*
 * The distinct values of a column, in the order of their coming, in Parquet's
 * plain encoding: so they are the dictionary's page already. Found again by a
 * table of hashes.
 */
typedef struct dpi_parquet_dictionary {
	dpi_buf values;
	dpi_buf entries; /* of hash and offset, a u32 each */
	dpi_buf slots;   /* of entry + 1, a u32 each; a power of two */
	uint32_t count;
} dpi_parquet_dictionary;

/* No entry has this place. */
#define DPI_DICTIONARY_FULL UINT32_MAX

void dpi_parquet_dictionary_init(
	dpi_parquet_dictionary *dictionary, const dp_allocator *alloc);
void dpi_parquet_dictionary_fini(dpi_parquet_dictionary *dictionary);

/*
 * The place of a value, which is added if it is new: plain bytes, with a size
 * in front if prefixed. DPI_DICTIONARY_FULL if out of memory.
 */
uint32_t dpi_parquet_dictionary_place(dpi_parquet_dictionary *dictionary,
	const uint8_t *data, size_t size, bool is_prefixed);

/* Forgets all from entry count on, of which the first value was at offset. */
void dpi_parquet_dictionary_cut(
	dpi_parquet_dictionary *dictionary, uint32_t count, size_t offset);

/* Copies of a few bytes, which need no call: most values are short. */
static inline void dpi_copy_short(uint8_t *to, const uint8_t *from, size_t size)
{
	if (size >= 8 && size <= 16) {
		uint64_t first = dpi_load_u64(from);
		uint64_t last = dpi_load_u64(from + size - 8);

		dpi_store_u64(to, first);
		dpi_store_u64(to + size - 8, last);
	} else if (size >= 4 && size < 8) {
		uint32_t first = dpi_load_u32(from);
		uint32_t last = dpi_load_u32(from + size - 4);

		dpi_store_u32(to, first);
		dpi_store_u32(to + size - 4, last);
	} else if (size > 0) {
		memcpy(to, from, size);
	}
}

/* The plain bytes of an entry, size in front included if is_prefixed. */
dp_bytes dpi_parquet_dictionary_value(
	const dpi_parquet_dictionary *dictionary, uint32_t place);

#endif /* DPI_CODEC_PARQUET_DICTIONARY_H */
