/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/registry_index.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "schema/field_reader.h"
#include "schema/field_writer.h"
#include "schema/sort.h"

static const char magic[8] = {'D', 'P', 'I', 'N', 'D', 'E', 'X', '1'};

#define CRC_AT 8
#define SIZE_AT 12
#define GENERATION_AT 16

void dpi_registry_index_init(
	dpi_registry_index *index, const dp_allocator *alloc)
{
	*index = (dpi_registry_index){0};
	dpi_arena_init(&index->arena, alloc, 4 * (size_t)DPI_INDEX_MAX_BYTES);
}

void dpi_registry_index_fini(dpi_registry_index *index)
{
	dpi_arena_fini(&index->arena);
}

dp_status dpi_registry_index_peek(const uint8_t *head, uint64_t *ret_generation)
{
	if (memcmp(head, magic, sizeof(magic)) != 0) {
		return DP_ECORRUPT;
	}
	*ret_generation = dpi_load_u64(head + GENERATION_AT);
	return DP_OK;
}

static dp_status damaged(dp_error **err)
{
	return dpi_error_set(err, DP_ECORRUPT,
		"the index is damaged: restore it, or add all sets again to "
		"an empty directory");
}

static dp_status no_memory(dp_error **err)
{
	return dpi_error_set(err, DP_ENOMEM, "no memory for the index");
}

static size_t count_messages(dp_bytes bytes, uint32_t number)
{
	dpi_field_reader reader = dpi_field_reader_of(bytes);
	size_t count = 0;

	while (dpi_field_next(&reader)) {
		count += reader.tag == DPI_TAG_BYTES(number);
	}
	return count;
}

static bool decode_version(dp_bytes bytes, dpi_registry_version *version)
{
	dpi_field_reader reader = dpi_field_reader_of(bytes);

	while (dpi_field_next(&reader)) {
		switch (reader.tag) {
		case DPI_TAG_BYTES(1):
			if (reader.bytes.size != DPI_FINGERPRINT_TEXT) {
				return false;
			}
			memcpy(version->fingerprint, reader.bytes.data,
				DPI_FINGERPRINT_TEXT);
			break;
		case DPI_TAG_VARINT(2):
			version->size = (uint32_t)reader.value;
			break;
		case DPI_TAG_VARINT(3):
			version->crc = (uint32_t)reader.value;
			break;
		default:
			break;
		}
	}
	return !dpi_field_reader_failed(&reader) &&
		version->fingerprint[0] != '\0';
}

static dp_status decode_type(dpi_registry_index *index, dp_bytes bytes,
	dpi_registry_type *type, dp_error **err)
{
	dpi_field_reader reader = dpi_field_reader_of(bytes);

	type->versions = dpi_arena_zalloc(&index->arena,
		count_messages(bytes, 2) + 1, sizeof(*type->versions));
	if (type->versions == NULL) {
		return no_memory(err);
	}
	while (dpi_field_next(&reader)) {
		if (reader.tag == DPI_TAG_BYTES(1)) {
			type->name = dpi_arena_dup(&index->arena,
				reader.bytes.data, reader.bytes.size);
			if (type->name == NULL) {
				return no_memory(err);
			}
		} else if (reader.tag == DPI_TAG_BYTES(2) &&
			!decode_version(reader.bytes,
				&type->versions[type->version_count++])) {
			return damaged(err);
		} else if (reader.tag == DPI_TAG_VARINT(3)) {
			type->mode = (dp_compat_mode)reader.value;
		}
	}
	if (dpi_field_reader_failed(&reader) || type->name == NULL ||
		type->version_count == 0) {
		return damaged(err);
	}
	return DP_OK;
}

static dp_status decode_types(
	dpi_registry_index *index, dp_bytes body, dp_error **err)
{
	dpi_field_reader reader = dpi_field_reader_of(body);
	dp_status st = DP_OK;

	index->types = dpi_arena_zalloc(&index->arena,
		count_messages(body, 1) + 1, sizeof(*index->types));
	if (index->types == NULL) {
		return no_memory(err);
	}
	while (st == DP_OK && dpi_field_next(&reader)) {
		dpi_registry_type *type = &index->types[index->type_count];

		if (reader.tag != DPI_TAG_BYTES(1)) {
			continue;
		}
		st = decode_type(index, reader.bytes, type, err);
		if (st == DP_OK && index->type_count > 0 &&
			strcmp(type[-1].name, type->name) >= 0) {
			st = damaged(err);
		}
		index->type_count++;
	}
	if (st == DP_OK && dpi_field_reader_failed(&reader)) {
		st = damaged(err);
	}
	return st;
}

dp_status dpi_registry_index_decode(dpi_registry_index *ret,
	const dp_allocator *alloc, dp_bytes bytes, dp_error **err)
{
	const uint8_t *head = bytes.data;
	dpi_registry_index index;
	dp_status st;

	dpi_registry_index_init(&index, alloc);
	if (bytes.size < DPI_INDEX_HEAD_BYTES ||
		dpi_registry_index_peek(head, &index.generation) != DP_OK ||
		dpi_load_u32(head + SIZE_AT) !=
			bytes.size - DPI_INDEX_HEAD_BYTES ||
		dpi_load_u32(head + CRC_AT) !=
			dpi_crc32c(0, head + SIZE_AT, bytes.size - SIZE_AT)) {
		return damaged(err);
	}
	st = decode_types(&index,
		dpi_bytes(head + DPI_INDEX_HEAD_BYTES,
			bytes.size - DPI_INDEX_HEAD_BYTES),
		err);
	if (st != DP_OK) {
		dpi_registry_index_fini(&index);
		return st;
	}
	*ret = index;
	return DP_OK;
}

const dpi_registry_type *dpi_registry_index_find(
	const dpi_registry_index *index, const char *name)
{
	size_t low = 0;
	size_t high = index->type_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(index->types[middle].name, name);

		if (order == 0) {
			return &index->types[middle];
		}
		if (order < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return NULL;
}

/* The newest first: it is what most ask for. */
uint32_t dpi_registry_type_find(
	const dpi_registry_type *type, const char *fingerprint)
{
	for (uint32_t version = type->version_count; version > 0; version--) {
		if (strcmp(type->versions[version - 1].fingerprint,
			    fingerprint) == 0) {
			return version;
		}
	}
	return 0;
}

static int compare_additions(const void *a, const void *b)
{
	return strcmp(((const dpi_registry_addition *)a)->name,
		((const dpi_registry_addition *)b)->name);
}

static void write_version(dpi_buf *out, const dpi_registry_version *version)
{
	size_t begin = dpi_write_begin(out, 2);

	dpi_write_text(out, 1, version->fingerprint);
	dpi_write_varint(out, 2, version->size);
	dpi_write_varint(out, 3, version->crc);
	dpi_write_end(out, begin);
}

/* A type that is known, or is added to, or both. */
static void write_type(dpi_buf *out, const char *name,
	const dpi_registry_type *known, const dpi_registry_addition *addition)
{
	size_t begin = dpi_write_begin(out, 1);
	dp_compat_mode mode = known != NULL ? known->mode : DP_COMPAT_NONE;

	dpi_write_text(out, 1, name);
	for (uint32_t i = 0; known != NULL && i < known->version_count; i++) {
		write_version(out, &known->versions[i]);
	}
	if (addition != NULL && addition->mode != NULL) {
		mode = *addition->mode;
	} else if (addition != NULL) {
		write_version(out, &addition->version);
	}
	if (mode != DP_COMPAT_NONE) {
		dpi_write_varint(out, 3, mode);
	}
	dpi_write_end(out, begin);
}

static void write_types(const dpi_registry_index *index,
	const dpi_registry_addition *additions, size_t count, dpi_buf *out)
{
	size_t i = 0;
	size_t k = 0;

	while (i < index->type_count || k < count) {
		int order = i == index->type_count ? 1
			: k == count
			? -1
			: strcmp(index->types[i].name, additions[k].name);
		const dpi_registry_type *known =
			order <= 0 ? &index->types[i++] : NULL;
		const dpi_registry_addition *addition =
			order >= 0 ? &additions[k++] : NULL;

		write_type(out, known != NULL ? known->name : addition->name,
			known, addition);
	}
}

dp_status dpi_registry_index_encode(const dpi_registry_index *index,
	dpi_registry_addition *additions, size_t count, dpi_buf *out,
	dp_error **err)
{
	uint8_t head[DPI_INDEX_HEAD_BYTES] = {0};
	size_t begin = out->size;
	size_t size;

	dpi_sort(additions, count, sizeof(*additions), compare_additions);
	memcpy(head, magic, sizeof(magic));
	dpi_store_u64(head + GENERATION_AT, index->generation + 1);
	(void)dpi_buf_append(out, head, sizeof(head));
	write_types(index, additions, count, out);
	if (out->failed != DP_OK) {
		return dpi_error_set(err, out->failed,
			"no memory for the index, or it is over %u bytes",
			DPI_INDEX_MAX_BYTES);
	}
	size = out->size - begin;
	dpi_store_u32(out->data + begin + SIZE_AT,
		(uint32_t)(size - DPI_INDEX_HEAD_BYTES));
	dpi_store_u32(out->data + begin + CRC_AT,
		dpi_crc32c(0, out->data + begin + SIZE_AT, size - SIZE_AT));
	return DP_OK;
}
