/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/scan.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/error.h"

/* Bytes that are read at once. */
#define RUN_BYTES (256u << 10)
/* A head and the size of no attributes. */
#define RECORD_MIN (DPI_RECORD_HEAD + 1)
/* Bytes of a head that tell whether a record may stand there. */
#define HINT_BYTES 12u

static uint32_t index_of(const uint8_t *record)
{
	return dpi_load_u32(record + 8);
}

dpi_walk dpi_walk_at(const uint8_t *data, size_t size, uint64_t index,
	uint32_t salt, uint32_t *ret_size)
{
	uint32_t record_size;

	*ret_size = RECORD_MIN;
	if (size < HINT_BYTES) {
		return DPI_WALK_MORE;
	}
	record_size = dpi_record_size(data);
	if (record_size < RECORD_MIN || index_of(data) != (uint32_t)index) {
		return DPI_WALK_NONE;
	}
	*ret_size = record_size;
	if (size < record_size) {
		return DPI_WALK_MORE;
	}
	return dpi_record_check(data, record_size, salt) ? DPI_WALK_RECORD
							 : DPI_WALK_NONE;
}

/* Whether 64 bytes are all zero, as behind the end of a log. */
static bool is_blank(const uint8_t *data)
{
	uint64_t words[8];

	memcpy(words, data, sizeof(words));
	return (words[0] | words[1] | words[2] | words[3] | words[4] |
		       words[5] | words[6] | words[7]) == 0;
}

size_t dpi_walk_resync(
	const uint8_t *data, size_t size, uint64_t index, uint32_t salt)
{
	uint32_t record_size;
	size_t i = 1;

	while (i + HINT_BYTES <= size) {
		if (size - i >= 64 && is_blank(data + i)) {
			/* An index of zero is right at the start alone. */
			i += 64 - HINT_BYTES;
			continue;
		}
		if (index_of(data + i) == (uint32_t)(index + i) &&
			dpi_walk_at(data + i, size - i, index + i, salt,
				&record_size) != DPI_WALK_NONE) {
			return i;
		}
		i++;
	}
	return i < size ? i : size;
}

dpi_record_kind dpi_walk_kind(const uint8_t *record)
{
	return (dpi_record_kind)(dpi_load_u32(record + 4) >>
		DPI_RECORD_SIZE_BITS);
}

uint32_t dpi_walk_time_ms(const uint8_t *record)
{
	return dpi_load_u32(record + 12);
}

dp_status dpi_scan_init(dpi_scan *scan, const dp_allocator *alloc,
	const dpi_os *os, const dpi_segment *segment, uint64_t from,
	uint64_t end)
{
	*scan = (dpi_scan){
		.os = os,
		.alloc = alloc,
		.segment = segment,
		.end = end,
		.capacity = RUN_BYTES,
		.data_index = from,
		.index = from,
		.records_end = from,
	};
	scan->data = alloc->alloc(alloc->user, scan->capacity);
	return scan->data != NULL ? DP_OK : DP_ENOMEM;
}

void dpi_scan_fini(dpi_scan *scan)
{
	dpi_free(scan->alloc, scan->data, 1, scan->capacity);
}

static dp_status grow(dpi_scan *scan, size_t capacity)
{
	uint8_t *data;

	if (capacity <= scan->capacity) {
		return DP_OK;
	}
	data = scan->alloc->alloc(scan->alloc->user, capacity);
	if (data == NULL) {
		return DP_ENOMEM;
	}
	memcpy(data, scan->data, scan->size);
	dpi_free(scan->alloc, scan->data, 1, scan->capacity);
	scan->data = data;
	scan->capacity = capacity;
	return DP_OK;
}

/* Forgets what is behind, and reads on until at least need bytes are there. */
static dp_status fill(dpi_scan *scan, size_t need, dp_error **err)
{
	size_t behind = (size_t)(scan->index - scan->data_index);
	uint64_t at;
	size_t want;
	int64_t n;

	scan->size -= behind;
	memmove(scan->data, scan->data + behind, scan->size);
	scan->data_index = scan->index;
	if (grow(scan, need) != DP_OK) {
		return dpi_error_set(err, DP_ENOMEM,
			"no memory for a record of %zu bytes", need);
	}

	at = scan->data_index + scan->size;
	want = scan->capacity - scan->size;
	if (want > scan->end - at) {
		want = (size_t)(scan->end - at);
	}
	n = dpi_os_read_all(scan->os, scan->segment->fd,
		scan->data + scan->size, want, DPI_LOG_PAGE + at);
	if (n < 0) {
		return dpi_error_sys(err, (int)-n,
			"segment %016llx cannot be read at offset %llu; if "
			"that lasts, put a copy in its place, with zeros for "
			"what cannot be read",
			(unsigned long long)scan->segment->header.base,
			(unsigned long long)scan->segment->header.base + at);
	}
	scan->size += (size_t)n;
	if ((size_t)n < want) {
		scan->end = at + (uint64_t)n;
	}
	return DP_OK;
}

static void take(dpi_scan *scan, const uint8_t *record, uint32_t size)
{
	if (scan->index > scan->records_end) {
		scan->skipped_bytes += scan->index - scan->records_end;
		scan->skipped_runs++;
	}
	scan->events += dpi_walk_kind(record) == DPI_RECORD_EVENT;
	scan->index += size;
	scan->records_end = scan->index;
}

dp_status dpi_scan_next(dpi_scan *scan, const uint8_t **ret_record,
	uint64_t *ret_index, dp_error **err)
{
	while (scan->index < scan->end) {
		size_t behind = (size_t)(scan->index - scan->data_index);
		const uint8_t *data = scan->data + behind;
		size_t size = scan->size - behind;
		uint64_t left = scan->end - scan->index;
		uint32_t salt = scan->segment->salt;
		uint32_t record_size;
		dpi_walk walk;
		dp_status st;

		if (left < RECORD_MIN) {
			break;
		}
		walk = dpi_walk_at(data, size, scan->index, salt, &record_size);
		if (walk == DPI_WALK_RECORD) {
			*ret_record = data;
			*ret_index = scan->index;
			take(scan, data, record_size);
			return DP_OK;
		}
		if (walk == DPI_WALK_MORE && size < left &&
			record_size <= left) {
			st = fill(scan, record_size, err);
			if (st != DP_OK) {
				return st;
			}
			continue;
		}
		/* Zeros, damage, or a record that the end has cut off. */
		scan->index += dpi_walk_resync(data, size, scan->index, salt);
	}
	*ret_record = NULL;
	return DP_OK;
}
