/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/parquet_shred.h"

/*
 * A datum has its values in the order of the steps. What is not there leaves
 * a level in every column below it; what is there passes its level on, and
 * only `rep` is not known from the step alone: at the first element of a list
 * it is that of what the list itself repeats.
 */

typedef struct shredder {
	const dpi_parquet_step *steps;
	dpi_parquet_column *columns;
} shredder;

typedef struct datum_long {
	const uint8_t *next;
	int64_t value;
} datum_long;

static inline datum_long get_long(const uint8_t *p)
{
	uint64_t bits = *p & 0x7f;
	unsigned shift = 7;

	while ((*p++ & 0x80) != 0) {
		bits |= (uint64_t)(*p & 0x7f) << shift;
		shift += 7;
	}
	return (datum_long){p, (int64_t)(bits >> 1 ^ (0 - (bits & 1)))};
}

/* Nothing is there, in any column below the step. */
static bool put_absent(const shredder *s, const dpi_parquet_step *step,
	unsigned rep, unsigned def)
{
	for (uint32_t i = step->first_leaf; i < step->end_leaf; i++) {
		if (!dpi_parquet_column_levels(&s->columns[i], rep, def)) {
			return false;
		}
	}
	return true;
}

static const uint8_t *put_bool(dpi_parquet_column *column, const uint8_t *p)
{
	return dpi_parquet_column_put_fixed(column, p, 1) ? p + 1 : NULL;
}

static const uint8_t *put_int32(dpi_parquet_column *column, const uint8_t *p)
{
	datum_long read = get_long(p);
	uint8_t bytes[4];

	dpi_store_u32(bytes, (uint32_t)read.value);
	return dpi_parquet_column_put_fixed(column, bytes, 4) ? read.next
							      : NULL;
}

static const uint8_t *put_int64(dpi_parquet_column *column, const uint8_t *p)
{
	datum_long read = get_long(p);
	uint8_t bytes[8];

	dpi_store_u64(bytes, (uint64_t)read.value);
	return dpi_parquet_column_put_fixed(column, bytes, 8) ? read.next
							      : NULL;
}

/* Two's complement with the highest byte first, never negative. */
static const uint8_t *put_decimal(dpi_parquet_column *column, const uint8_t *p)
{
	datum_long size = get_long(p);
	uint64_t value = 0;
	uint8_t bytes[8];

	p = size.next;
	for (int64_t i = 0; i < size.value; i++) {
		value = value << 8 | *p++;
	}
	dpi_store_u64(bytes, value);
	return dpi_parquet_column_put_fixed(column, bytes, 8) ? p : NULL;
}

static const uint8_t *put_bytes(dpi_parquet_column *column, const uint8_t *p)
{
	datum_long read = get_long(p);
	size_t size = (size_t)read.value;

	return dpi_parquet_column_put_bytes(column, read.next, size)
		? read.next + size
		: NULL;
}

static const uint8_t *put_value(const shredder *s, const dpi_parquet_step *step,
	const uint8_t *p, unsigned rep)
{
	dpi_parquet_column *column = &s->columns[step->first_leaf];

	if (!dpi_parquet_column_levels(column, rep, step->def)) {
		return NULL;
	}
	switch (step->kind) {
	case DPI_STEP_BOOL:
		return put_bool(column, p);
	case DPI_STEP_INT32:
		return put_int32(column, p);
	case DPI_STEP_INT64:
		return put_int64(column, p);
	case DPI_STEP_DECIMAL:
		return put_decimal(column, p);
	case DPI_STEP_FLOAT:
		return dpi_parquet_column_put_fixed(column, p, 4) ? p + 4
								  : NULL;
	case DPI_STEP_DOUBLE:
		return dpi_parquet_column_put_fixed(column, p, 8) ? p + 8
								  : NULL;
	default:
		return put_bytes(column, p);
	}
}

static const uint8_t *put_step(const shredder *s, const dpi_parquet_step *step,
	const uint8_t *p, unsigned rep);

static inline const uint8_t *put_steps(const shredder *s,
	const dpi_parquet_step *step, const dpi_parquet_step *end,
	const uint8_t *p, unsigned rep)
{
	while (p != NULL && step < end) {
		p = put_step(s, step, p, rep);
		step = s->steps + step->end;
	}
	return p;
}

/* Arrays are runs of elements, each with its count, and a zero. */
static const uint8_t *put_list(const shredder *s, const dpi_parquet_step *step,
	const uint8_t *p, unsigned rep)
{
	const dpi_parquet_step *end = s->steps + step->end;
	datum_long count = get_long(p);

	p = count.next;
	if (count.value == 0) {
		return put_absent(s, step, rep, step->def) ? p : NULL;
	}
	while (p != NULL && count.value != 0) {
		for (int64_t i = 0; p != NULL && i < count.value; i++) {
			p = put_steps(s, step + 1, end, p, rep);
			rep = step->rep;
		}
		if (p != NULL) {
			count = get_long(p);
			p = count.next;
		}
	}
	return p;
}

static const uint8_t *put_step(const shredder *s, const dpi_parquet_step *step,
	const uint8_t *p, unsigned rep)
{
	if (step->is_nullable && *p++ == 0) {
		return put_absent(s, step, rep, step->def - 1u) ? p : NULL;
	}
	switch (step->kind) {
	case DPI_STEP_RECORD:
		return put_steps(s, step + 1, s->steps + step->end, p, rep);
	case DPI_STEP_LIST:
	case DPI_STEP_MAP:
		return put_list(s, step, p, rep);
	default:
		return put_value(s, step, p, rep);
	}
}

const uint8_t *dpi_parquet_shred(const dpi_parquet_schema *schema,
	dpi_parquet_column *columns, const uint8_t *datum)
{
	const shredder s = {schema->steps, columns};

	return put_steps(&s, schema->steps, schema->steps + schema->step_count,
		datum, 0);
}
