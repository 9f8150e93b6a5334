/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_AVRO_DATUM_H
#define DPI_CODEC_AVRO_DATUM_H

#include "codec/value.h"

/*
 * How a record becomes an Avro datum, which has no tags: columns in their
 * order, counts before what is counted. There are two ways, and their bytes
 * are the same:
 *
 * avro_straight.c writes columns while it reads fields. That takes fields in
 * the order of the columns, each once, as nearly all writers have them.
 * avro_datum.c scans all of a message into slots first, and takes any order.
 *
 * An event is begun straight, and scanned if it does not fit.
 *
 * Most writes are small. Room for one field is asked for once: a branch, the
 * longest varint, and a double.
 */

#define DPI_DATUM_ROOM 24

/* Runs of bytes up to these are copied as one of this size. */
#define DPI_DATUM_SHORT 16
#define DPI_DATUM_LONGER 64

/*
 * Writes a whole message straight. False if it does not fit, or was wrong: all
 * of the event has then to be taken back and scanned, so that a message within
 * others is not read once more for each of them.
 */
DP_NODISCARD bool dpi_datum_straight(dpi_coder *coder, dpi_output *output,
	const dpi_plan_node *node, const uint8_t *p, const uint8_t *end);

/* What a field has, without the branch of its union. */
DP_NODISCARD bool dpi_datum_value(dpi_coder *coder, dpi_output *output,
	const dpi_plan_field *field, const dpi_slot *slot);

/* A map whose entries lie in the runs of slot. */
DP_NODISCARD bool dpi_datum_map(dpi_coder *coder, dpi_output *output,
	dpi_frame *frame, const dpi_slot *slot);

/* The columns that are not fields. */
DP_NODISCARD bool dpi_datum_extra(
	dpi_coder *coder, dpi_output *output, dpi_frame *frame);

/* An enum's number that has no label. */
DP_NODISCARD bool dpi_datum_number(dpi_output *output, int32_t number);

static inline void dpi_datum_long_unchecked(dpi_output *output, int64_t value)
{
	uint64_t bits = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);

	if (bits < 0x80) {
		*output->p++ = (uint8_t)bits;
	} else {
		output->p = dpi_put_varint(output->p, bits);
	}
}

static inline bool dpi_datum_long(dpi_output *output, int64_t value)
{
	if (!dpi_output_need(output, DPI_VARINT_MAX)) {
		return false;
	}
	dpi_datum_long_unchecked(output, value);
	return true;
}

/* In words: for one run of this size GCC puts a string instruction, which costs
 * more than a call. */
static inline void dpi_datum_copy_longer(uint8_t *to, const uint8_t *from)
{
	memcpy(to, from, DPI_DATUM_SHORT);
	memcpy(to + 16, from + 16, DPI_DATUM_SHORT);
	memcpy(to + 32, from + 32, DPI_DATUM_SHORT);
	memcpy(to + 48, from + 48, DPI_DATUM_SHORT);
}

/*
 * readable is how far behind data may be read: a short run is copied as one
 * of a fixed size, which needs no call.
 */
static inline bool dpi_datum_bytes(
	dpi_output *output, const uint8_t *data, size_t size, size_t readable)
{
	if (!dpi_output_need(
		    output, DPI_VARINT_MAX + DPI_DATUM_LONGER + size)) {
		return false;
	}
	dpi_datum_long_unchecked(output, (int64_t)size);
	if (size <= DPI_DATUM_SHORT && readable >= DPI_DATUM_SHORT) {
		memcpy(output->p, data, DPI_DATUM_SHORT);
	} else if (size <= DPI_DATUM_LONGER && readable >= DPI_DATUM_LONGER) {
		dpi_datum_copy_longer(output->p, data);
	} else if (size > 0) {
		memcpy(output->p, data, size);
	}
	output->p += size;
	return true;
}

static inline bool dpi_datum_text(dpi_output *output, dp_bytes bytes)
{
	return dpi_datum_bytes(output, bytes.data, bytes.size, 0);
}

/* Part of the wire. */
static inline bool dpi_datum_span(
	const dpi_coder *coder, dpi_output *output, const dpi_slot *slot)
{
	const uint8_t *data = coder->wire + slot->start;

	return dpi_datum_bytes(output, data, slot->size,
		slot->size > 0 ? (size_t)(coder->wire_end - data) : 0);
}

/* decimal(20, 0): two's complement, big-endian, as short as it can be. */
static inline bool dpi_datum_decimal(dpi_output *output, uint64_t value)
{
	size_t size = 1;

	while (size < 9 && value >> (8 * size - 1) != 0) {
		size++;
	}
	dpi_datum_long_unchecked(output, (int64_t)size);
	if (size == 9) {
		*output->p++ = 0;
		size = 8;
	}
	while (size-- > 0) {
		*output->p++ = (uint8_t)(value >> 8 * size);
	}
	return true;
}

static inline bool dpi_datum_enum(
	dpi_output *output, const dpi_plan_enum *enumeration, int32_t number)
{
	const dpi_plan_label *label = dpi_plan_enum_find(enumeration, number);

	return label != NULL ? dpi_datum_text(output, label->name)
			     : dpi_datum_number(output, number);
}

static inline bool dpi_datum_string(
	dpi_coder *coder, dpi_output *output, const dpi_slot *slot)
{
	dp_bytes text;

	return dpi_value_text(coder, slot, &text) &&
		dpi_datum_span(coder, output, slot);
}

static inline bool dpi_datum_float(dpi_output *output, uint64_t bits)
{
	dpi_store_u32(output->p, (uint32_t)bits);
	output->p += 4;
	return true;
}

static inline bool dpi_datum_double(dpi_output *output, uint64_t bits)
{
	dpi_store_u64(output->p, bits);
	output->p += 8;
	return true;
}

#endif /* DPI_CODEC_AVRO_DATUM_H */
