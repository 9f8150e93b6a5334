/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_VALUE_H
#define DPI_CODEC_VALUE_H

#include "codec/coder.h"

/* What the bits of a scalar stand for. */

static inline int64_t dpi_unzigzag(uint64_t bits)
{
	return (int64_t)(bits >> 1 ^ (0 - (bits & 1)));
}

/* All integers but UINT64, and enums and bools. Narrow ones are cut. */
static inline int64_t dpi_value_int(dpi_kind kind, uint64_t bits)
{
	switch (kind) {
	case DPI_KIND_BOOL:
		return bits != 0;
	case DPI_KIND_UINT32:
		return (uint32_t)bits;
	case DPI_KIND_SINT32:
		return (int32_t)dpi_unzigzag((uint32_t)bits);
	case DPI_KIND_SINT64:
		return dpi_unzigzag(bits);
	case DPI_KIND_INT32:
	case DPI_KIND_ENUM:
		return (int32_t)bits;
	default:
		return (int64_t)bits;
	}
}

static inline double dpi_value_double(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static inline float dpi_value_float(uint64_t bits)
{
	uint32_t narrow = (uint32_t)bits;
	float value;

	memcpy(&value, &narrow, sizeof(value));
	return value;
}

static inline dp_bytes dpi_value_bytes(
	const dpi_coder *coder, const dpi_slot *slot)
{
	return dpi_bytes(
		slot->size > 0 ? coder->wire + slot->start : NULL, slot->size);
}

static inline bool dpi_is_ascii(const uint8_t *p, size_t size)
{
	uint64_t bits = 0;
	uint64_t eight;
	size_t i = 0;

	if (size >= 8) {
		for (; i + 8 < size; i += 8) {
			memcpy(&eight, p + i, 8);
			bits |= eight;
		}
		memcpy(&eight, p + size - 8, 8);
		bits |= eight;
	} else {
		for (; i < size; i++) {
			bits |= p[i];
		}
	}
	return (bits & UINT64_C(0x8080808080808080)) == 0;
}

/* False, and remembered, if bytes that are not all ASCII are not UTF-8. */
DP_NODISCARD bool dpi_value_check_utf8(dpi_coder *coder, dp_bytes bytes);

/* The bytes of a string, checked. Most are short, and ASCII. */
static inline bool dpi_value_text(
	dpi_coder *coder, const dpi_slot *slot, dp_bytes *ret)
{
	*ret = dpi_value_bytes(coder, slot);
	return dpi_is_ascii(ret->data, ret->size) ||
		dpi_value_check_utf8(coder, *ret);
}

/* Seconds and nanoseconds of a Timestamp or Duration, checked. */
typedef struct dpi_time_value {
	int64_t seconds;
	int32_t nanos;
} dpi_time_value;

/* node is of a Timestamp or Duration. */
DP_NODISCARD bool dpi_value_time(dpi_coder *coder, const dpi_plan_node *node,
	dpi_run pieces, dpi_time_value *ret);

/* A Duration in nanoseconds; false, and remembered, if it is too long. */
DP_NODISCARD bool dpi_value_nanos(
	dpi_coder *coder, dpi_time_value time, int64_t *ret);

#endif /* DPI_CODEC_VALUE_H */
