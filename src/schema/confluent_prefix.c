/* SPDX-License-Identifier: Apache-2.0 */
#include <datapipe/confluent.h>

#include "base/bytes.h"
#include "base/error.h"

#define MAGIC 0
#define HEAD_BYTES 5

static uint64_t zigzag(uint64_t value)
{
	return value << 1;
}

/* A count or an index: a signed varint that is none below 0. */
static const uint8_t *take(const uint8_t *p, const uint8_t *end, uint32_t *ret)
{
	uint64_t value = 0;

	p = dpi_get_varint(p, end, &value);
	if (p == NULL || (value & 1) != 0 || value >> 1 > INT32_MAX) {
		return NULL;
	}
	*ret = (uint32_t)(value >> 1);
	return p;
}

static uint32_t load_big(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
		(uint32_t)p[2] << 8 | p[3];
}

static dp_status no_prefix(const char *what, dp_error **err)
{
	return dpi_error_set(err, DP_ESCHEMA,
		"no payload of a Confluent serializer of protobuf: %s", what);
}

dp_status dp_confluent_prefix_read(dp_confluent_prefix *ret_prefix,
	size_t *ret_size, const void *data, size_t size, dp_error **err)
{
	dp_confluent_prefix prefix = {.depth = 0};
	const uint8_t *begin = data;
	const uint8_t *end;
	const uint8_t *p;

	if (ret_prefix == NULL || ret_size == NULL ||
		(data == NULL && size > 0)) {
		return dpi_error_set(err, DP_EINVAL,
			"a prefix needs a payload and places for what it says");
	}
	if (size < HEAD_BYTES || begin[0] != MAGIC) {
		return no_prefix("it does not begin with 0 and a number", err);
	}
	end = begin + size;
	prefix.id = load_big(begin + 1);
	p = take(begin + HEAD_BYTES, end, &prefix.depth);
	if (p != NULL && prefix.depth > DP_CONFLUENT_DEPTH_MAX) {
		return dpi_error_set(err, DP_ETOOBIG,
			"a prefix of %u levels; at most %d are read",
			(unsigned)prefix.depth, DP_CONFLUENT_DEPTH_MAX);
	}
	for (uint32_t i = 0; p != NULL && i < prefix.depth; i++) {
		p = take(p, end, &prefix.indexes[i]);
	}
	if (p == NULL) {
		return no_prefix("its message indexes are cut or wrong", err);
	}
	/* The first message of a file is so common that it is written short. */
	prefix.depth = prefix.depth > 0 ? prefix.depth : 1;
	*ret_prefix = prefix;
	*ret_size = (size_t)(p - begin);
	return DP_OK;
}

static uint8_t *put_indexes(uint8_t *p, const dp_confluent_prefix *prefix)
{
	if (prefix->depth == 1 && prefix->indexes[0] == 0) {
		*p++ = 0;
		return p;
	}
	p = dpi_put_varint(p, zigzag(prefix->depth));
	for (uint32_t i = 0; i < prefix->depth; i++) {
		p = dpi_put_varint(p, zigzag(prefix->indexes[i]));
	}
	return p;
}

static dp_status check(const dp_confluent_prefix *prefix, dp_error **err)
{
	if (prefix->depth == 0) {
		return dpi_error_set(
			err, DP_EINVAL, "a prefix of depth 0 names no message");
	}
	if (prefix->depth > DP_CONFLUENT_DEPTH_MAX) {
		return dpi_error_set(err, DP_ETOOBIG,
			"a prefix of %u levels; at most %d are written",
			(unsigned)prefix->depth, DP_CONFLUENT_DEPTH_MAX);
	}
	for (uint32_t i = 0; i < prefix->depth; i++) {
		if (prefix->indexes[i] > INT32_MAX) {
			return dpi_error_set(err, DP_EINVAL,
				"index %u of a prefix is over 2^31 - 1",
				(unsigned)i);
		}
	}
	return DP_OK;
}

dp_status dp_confluent_prefix_write(const dp_confluent_prefix *prefix,
	void *buf, size_t buf_size, size_t *ret_size, dp_error **err)
{
	uint8_t bytes[DP_CONFLUENT_PREFIX_MAX];
	size_t size;
	dp_status st;

	if (prefix == NULL || buf == NULL || ret_size == NULL) {
		return dpi_error_set(err, DP_EINVAL,
			"a prefix needs room, and a place for its size");
	}
	st = check(prefix, err);
	if (st != DP_OK) {
		return st;
	}
	bytes[0] = MAGIC;
	for (int i = 0; i < 4; i++) {
		bytes[1 + i] = (uint8_t)(prefix->id >> (24 - 8 * i));
	}
	size = (size_t)(put_indexes(bytes + HEAD_BYTES, prefix) - bytes);
	if (size > buf_size) {
		return dpi_error_set(err, DP_ETOOBIG,
			"a prefix of %zu bytes, and room for %zu", size,
			buf_size);
	}
	memcpy(buf, bytes, size);
	*ret_size = size;
	return DP_OK;
}
