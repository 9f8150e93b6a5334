/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/parquet_levels.h"

#include "base/bytes.h"

/* Groups behind one head, whose count then fits into a byte. */
#define GROUPS_MAX 63

/* Values in a row from which on a run is shorter than bits. */
#define RUN_MIN 8

bool dpi_parquet_levels_turn(dpi_parquet_levels *levels, uint32_t level)
{
	if (levels->open > 255 &&
		dpi_buf_append(&levels->runs, &levels->open,
			sizeof(levels->open)) != DP_OK) {
		return false;
	}
	levels->open = 256 | level;
	return true;
}

static size_t run_count(const dpi_parquet_levels *levels)
{
	return levels->runs.size / sizeof(uint32_t) + 1;
}

static uint32_t run_at(const dpi_parquet_levels *levels, size_t i)
{
	const uint32_t *runs = (const void *)levels->runs.data;

	return i < levels->runs.size / sizeof(*runs) ? runs[i] : levels->open;
}

uint64_t dpi_parquet_levels_count(const dpi_parquet_levels *levels)
{
	uint64_t count = 0;

	for (size_t i = 0; i < run_count(levels); i++) {
		count += run_at(levels, i) >> 8;
	}
	return count;
}

uint64_t dpi_parquet_levels_count_of(
	const dpi_parquet_levels *levels, uint32_t level)
{
	uint64_t count = 0;

	for (size_t i = 0; i < run_count(levels); i++) {
		uint32_t run = run_at(levels, i);

		count += (run & 255) == level ? run >> 8 : 0;
	}
	return count;
}

unsigned dpi_hybrid_width(uint64_t max)
{
	unsigned width = 0;

	while (width < 64 && max >> width != 0) {
		width++;
	}
	return width;
}

void dpi_pack_bits(
	dpi_buf *out, const uint64_t *values, size_t count, unsigned width)
{
	uint64_t bits = 0;
	unsigned filled = 0;
	uint8_t *p;

	if (dpi_buf_reserve(out, count * width / 8 + 16) != DP_OK) {
		return;
	}
	p = out->data + out->size;
	for (size_t i = 0; width > 0 && i < count; i++) {
		bits |= values[i] << filled;
		filled += width;
		if (filled >= 64) {
			dpi_store_u64(p, bits);
			p += 8;
			filled -= 64;
			bits = filled > 0 ? values[i] >> (width - filled) : 0;
		}
	}
	dpi_store_u64(p, bits);
	p += (filled + 7) / 8;
	out->size = (size_t)(p - out->data);
}

void dpi_hybrid_begin(dpi_hybrid *hybrid, dpi_buf *out, unsigned width)
{
	*hybrid = (dpi_hybrid){.out = out, .width = width};
}

static void close_groups(dpi_hybrid *hybrid)
{
	if (hybrid->groups > 0 && hybrid->out->failed == DP_OK) {
		hybrid->out->data[hybrid->head] =
			(uint8_t)(hybrid->groups << 1 | 1);
	}
	hybrid->groups = 0;
}

static void put_group(dpi_hybrid *hybrid)
{
	uint64_t values[8];

	if (hybrid->groups == GROUPS_MAX) {
		close_groups(hybrid);
	}
	if (hybrid->groups++ == 0) {
		hybrid->head = hybrid->out->size;
		(void)dpi_buf_append_byte(hybrid->out, 0);
	}
	for (size_t i = 0; i < 8; i++) {
		values[i] = hybrid->group[i];
	}
	dpi_pack_bits(hybrid->out, values, 8, hybrid->width);
	hybrid->group_count = 0;
}

static void put_run(dpi_hybrid *hybrid, uint32_t value, uint64_t count)
{
	uint8_t bytes[DPI_VARINT_MAX + 4];
	uint8_t *p = dpi_put_varint(bytes, count << 1);

	close_groups(hybrid);
	dpi_store_u32(p, value);
	p += (hybrid->width + 7) / 8;
	(void)dpi_buf_append(hybrid->out, bytes, (size_t)(p - bytes));
}

void dpi_hybrid_put(dpi_hybrid *hybrid, uint32_t value, uint64_t count)
{
	while (count > 0 && (hybrid->group_count > 0 || count < RUN_MIN)) {
		hybrid->group[hybrid->group_count++] = value;
		count--;
		if (hybrid->group_count == 8) {
			put_group(hybrid);
		}
	}
	if (count > 0) {
		put_run(hybrid, value, count);
	}
}

/* What fills the last group up is behind the count that a page tells. */
void dpi_hybrid_end(dpi_hybrid *hybrid)
{
	if (hybrid->group_count > 0) {
		while (hybrid->group_count < 8) {
			hybrid->group[hybrid->group_count++] = 0;
		}
		put_group(hybrid);
	}
	close_groups(hybrid);
}

void dpi_parquet_levels_write(
	const dpi_parquet_levels *levels, unsigned max, dpi_buf *out)
{
	size_t start = out->size;
	dpi_hybrid hybrid;

	(void)dpi_buf_append(out, "\0\0\0\0", 4);
	dpi_hybrid_begin(&hybrid, out, dpi_hybrid_width(max));
	for (size_t i = 0; i < run_count(levels); i++) {
		uint32_t run = run_at(levels, i);

		dpi_hybrid_put(&hybrid, run & 255, run >> 8);
	}
	dpi_hybrid_end(&hybrid);
	if (out->failed == DP_OK) {
		dpi_store_u32(
			out->data + start, (uint32_t)(out->size - start - 4));
	}
}
