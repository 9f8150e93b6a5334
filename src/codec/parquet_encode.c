/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/parquet_encode.h"

#include "base/bytes.h"
#include "codec/parquet_levels.h"

#define BLOCK 128
#define MINIBLOCKS 4
#define MINIBLOCK (BLOCK / MINIBLOCKS)

void dpi_parquet_put_bools(dpi_buf *out, const uint8_t *values, size_t count)
{
	uint8_t *p;

	if (dpi_buf_reserve(out, count / 8 + 1) != DP_OK) {
		return;
	}
	p = out->data + out->size;
	for (size_t i = 0; i < count; i += 8) {
		uint8_t byte = 0;

		for (size_t k = 0; k < 8 && i + k < count; k++) {
			byte |= (uint8_t)(values[i + k] << k);
		}
		*p++ = byte;
	}
	out->size = (size_t)(p - out->data);
}

static int64_t value_at(const uint8_t *values, size_t i, size_t width)
{
	return width == 4 ? (int32_t)dpi_load_u32(values + 4 * i)
			  : (int64_t)dpi_load_u64(values + 8 * i);
}

/* Differences wrap around, as those who read them add them up again. */
static int64_t delta_at(const uint8_t *values, size_t i, size_t width)
{
	uint64_t delta = (uint64_t)value_at(values, i + 1, width) -
		(uint64_t)value_at(values, i, width);

	return width == 4 ? (int32_t)(uint32_t)delta : (int64_t)delta;
}

static void put_varint(dpi_buf *out, uint64_t value)
{
	uint8_t bytes[DPI_VARINT_MAX];
	uint8_t *end = dpi_put_varint(bytes, value);

	(void)dpi_buf_append(out, bytes, (size_t)(end - bytes));
}

static void put_zigzag(dpi_buf *out, int64_t value)
{
	put_varint(out, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

/* Differences of a block, less the least of them. */
typedef struct delta_block {
	int64_t least;
	uint64_t over[BLOCK];
	unsigned widths[MINIBLOCKS];
	size_t count;
} delta_block;

static void fill_block(delta_block *block, const uint8_t *values, size_t first,
	size_t count, size_t width)
{
	uint64_t mask = width == 4 ? UINT32_MAX : UINT64_MAX;

	*block = (delta_block){.count = count, .least = INT64_MAX};
	for (size_t i = 0; i < count; i++) {
		int64_t delta = delta_at(values, first + i, width);

		block->over[i] = (uint64_t)delta;
		block->least = delta < block->least ? delta : block->least;
	}
	for (size_t m = 0; m * MINIBLOCK < count; m++) {
		uint64_t all = 0;

		for (size_t i = m * MINIBLOCK;
			i < (m + 1) * MINIBLOCK && i < count; i++) {
			block->over[i] =
				(block->over[i] - (uint64_t)block->least) &
				mask;
			all |= block->over[i];
		}
		block->widths[m] = dpi_hybrid_width(all);
	}
}

static void put_block(dpi_buf *out, const delta_block *block)
{
	put_zigzag(out, block->least);
	for (size_t m = 0; m < MINIBLOCKS; m++) {
		(void)dpi_buf_append_byte(out, (uint8_t)block->widths[m]);
	}
	for (size_t m = 0; m * MINIBLOCK < block->count; m++) {
		dpi_pack_bits(out, block->over + m * MINIBLOCK, MINIBLOCK,
			block->widths[m]);
	}
}

void dpi_parquet_put_deltas(
	dpi_buf *out, const uint8_t *values, size_t count, size_t width)
{
	delta_block block;

	put_varint(out, BLOCK);
	put_varint(out, MINIBLOCKS);
	put_varint(out, count);
	put_zigzag(out, value_at(values, 0, width));
	for (size_t i = 0; i + 1 < count; i += BLOCK) {
		size_t left = count - 1 - i;

		fill_block(
			&block, values, i, left < BLOCK ? left : BLOCK, width);
		put_block(out, &block);
	}
}

static bool is_sorted(const uint8_t *values, size_t count, size_t width)
{
	for (size_t i = 0; i + 1 < count; i++) {
		if (value_at(values, i, width) >
			value_at(values, i + 1, width)) {
			return false;
		}
	}
	return true;
}

bool dpi_parquet_likes_deltas(const uint8_t *values, size_t count, size_t width)
{
	delta_block block;
	size_t bits = 0;

	if (count < 2 || is_sorted(values, count, width)) {
		return count > 1;
	}
	for (size_t i = 0; i + 1 < count; i += BLOCK) {
		size_t left = count - 1 - i;

		fill_block(
			&block, values, i, left < BLOCK ? left : BLOCK, width);
		for (size_t m = 0; m < MINIBLOCKS; m++) {
			bits += MINIBLOCK * block.widths[m] + 8;
		}
	}
	return bits / 8 < count * width / 2;
}

void dpi_parquet_put_indices(dpi_buf *out, const uint32_t *indices,
	size_t count, uint32_t dictionary_count)
{
	unsigned width = dpi_hybrid_width(
		dictionary_count > 1 ? dictionary_count - 1 : 1);
	dpi_hybrid hybrid;

	(void)dpi_buf_append_byte(out, (uint8_t)width);
	dpi_hybrid_begin(&hybrid, out, width);
	for (size_t i = 0; i < count;) {
		size_t k = i + 1;

		while (k < count && indices[k] == indices[i]) {
			k++;
		}
		dpi_hybrid_put(&hybrid, indices[i], k - i);
		i = k;
	}
	dpi_hybrid_end(&hybrid);
}
