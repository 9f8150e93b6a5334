/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/segment.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"

static const char MAGIC[8] = "DPLOGSEG";

/* Places of the fields in a copy of the header. */
enum {
	AT_MAGIC = 0,
	AT_FORMAT = 8,
	AT_CRC = 12, /* of all that follows, and of what is before */
	AT_UUID = 16,
	AT_BASE = 32,
	AT_PREVIOUS_END = 40,
	AT_EPOCH = 48,
	AT_CREATED = 56,
	AT_PARTITION = 64,
	AT_TOPIC_SIZE = 68,
	AT_TOPIC = 72
};

static uint32_t header_crc(const uint8_t *copy)
{
	uint32_t crc = dpi_crc32c(0, copy, AT_CRC);

	return dpi_crc32c(
		crc, copy + AT_UUID, DPI_SEGMENT_HEADER_SIZE - AT_UUID);
}

void dpi_segment_encode(uint8_t *page, const dpi_segment_owner *owner,
	const dpi_segment_header *header)
{
	size_t topic_size = strlen(owner->name.topic);

	assert(topic_size <= DPI_LOG_TOPIC_MAX);
	memset(page, 0, DPI_LOG_PAGE);
	memcpy(page + AT_MAGIC, MAGIC, sizeof(MAGIC));
	dpi_store_u32(page + AT_FORMAT, DPI_LOG_FORMAT);
	memcpy(page + AT_UUID, owner->uuid, DPI_LOG_UUID_SIZE);
	dpi_store_u64(page + AT_BASE, header->base);
	dpi_store_u64(page + AT_PREVIOUS_END, header->previous_end);
	dpi_store_u64(page + AT_EPOCH, header->epoch);
	dpi_store_u64(page + AT_CREATED, (uint64_t)header->created_ms);
	dpi_store_u32(page + AT_PARTITION, owner->name.partition);
	dpi_store_u32(page + AT_TOPIC_SIZE, (uint32_t)topic_size);
	memcpy(page + AT_TOPIC, owner->name.topic, topic_size);
	dpi_store_u32(page + AT_CRC, header_crc(page));
	memcpy(page + DPI_LOG_PAGE / 2, page, DPI_SEGMENT_HEADER_SIZE);
}

static bool is_of(const uint8_t *copy, const dpi_segment_owner *owner)
{
	size_t topic_size = strlen(owner->name.topic);

	return memcmp(copy + AT_UUID, owner->uuid, DPI_LOG_UUID_SIZE) == 0 &&
		dpi_load_u32(copy + AT_PARTITION) == owner->name.partition &&
		dpi_load_u32(copy + AT_TOPIC_SIZE) == topic_size &&
		memcmp(copy + AT_TOPIC, owner->name.topic, topic_size) == 0;
}

static bool is_whole(const uint8_t *copy)
{
	return memcmp(copy + AT_MAGIC, MAGIC, sizeof(MAGIC)) == 0 &&
		dpi_load_u32(copy + AT_FORMAT) == DPI_LOG_FORMAT &&
		dpi_load_u32(copy + AT_CRC) == header_crc(copy);
}

bool dpi_segment_decode(dpi_segment_header *ret, const uint8_t *page,
	const dpi_segment_owner *owner, uint64_t base)
{
	const uint8_t *copy = page;

	if (!is_whole(copy)) {
		copy += DPI_LOG_PAGE / 2;
	}
	if (!is_whole(copy) || !is_of(copy, owner) ||
		dpi_load_u64(copy + AT_BASE) != base) {
		return false;
	}
	ret->base = base;
	ret->previous_end = dpi_load_u64(copy + AT_PREVIOUS_END);
	ret->epoch = dpi_load_u64(copy + AT_EPOCH);
	ret->created_ms = (int64_t)dpi_load_u64(copy + AT_CREATED);
	return true;
}

/* Whose a page is whose header is whole, and not of this place. */
static void note_foreign(dpi_segment *segment, const uint8_t *page,
	const dpi_segment_owner *owner)
{
	const uint8_t *copy = page;

	if (!is_whole(copy)) {
		copy += DPI_LOG_PAGE / 2;
	}
	segment->is_foreign = is_whole(copy);
	segment->foreign_base =
		is_of(copy, owner) ? dpi_load_u64(copy + AT_BASE) : UINT64_MAX;
}

uint32_t dpi_segment_salt(const dpi_segment_owner *owner, uint64_t base)
{
	uint8_t place[12];
	uint32_t crc;

	dpi_store_u64(place, base);
	dpi_store_u32(place + 8, owner->name.partition);
	crc = dpi_crc32c(0, owner->uuid, DPI_LOG_UUID_SIZE);
	crc = dpi_crc32c(crc, place, sizeof(place));
	return dpi_crc32c(crc, owner->name.topic, strlen(owner->name.topic));
}

/* The header of an open file; none if it is damaged or cut off. */
static int read_header(dpi_segment *segment, const dpi_os *os,
	const dpi_segment_owner *owner, uint64_t base)
{
	uint8_t page[DPI_LOG_PAGE] = {0};
	int64_t n;

	n = dpi_os_read_all(os, segment->fd, page, sizeof(page), 0);
	if (n < 0) {
		return (int)-n;
	}
	segment->header = (dpi_segment_header){
		.base = base,
		.previous_end = base,
	};
	segment->has_header =
		dpi_segment_decode(&segment->header, page, owner, base);
	if (!segment->has_header) {
		note_foreign(segment, page, owner);
	}
	return 0;
}

static dp_status open_path(dpi_segment *ret, const dpi_os *os, const char *path,
	const dpi_segment_owner *owner, uint64_t base, unsigned flags,
	dp_error **err)
{
	dpi_segment segment = {.salt = dpi_segment_salt(owner, base)};
	int rc;

	segment.fd = os->open(os->self, path, flags);
	if (segment.fd < 0) {
		return dpi_error_sys(
			err, -segment.fd, "segment %s cannot be opened", path);
	}
	rc = read_header(&segment, os, owner, base);
	if (rc != 0) {
		(void)os->close(os->self, segment.fd);
		return dpi_error_sys(
			err, rc, "header of segment %s cannot be read", path);
	}
	*ret = segment;
	return DP_OK;
}

dp_status dpi_segment_open(dpi_segment *ret, const dpi_os *os,
	const char *directory, const dpi_segment_owner *owner, uint64_t base,
	bool writable, dp_error **err)
{
	unsigned flags = writable ? 0 : DPI_OPEN_READ;
	char path[DPI_LOG_PATH_MAX];
	dpi_segment segment;
	dp_status st;

	dpi_log_segment_path(path, directory, &owner->name, base);
	st = open_path(&segment, os, path, owner, base, flags, err);
	if (st == DP_OK && !segment.has_header) {
		/* It may have been recycled after it was opened: that takes
		 * the name first, and then the header. */
		dpi_segment_close(&segment, os);
		st = open_path(&segment, os, path, owner, base, flags, err);
	}
	if (st == DP_OK) {
		*ret = segment;
	}
	return st;
}

void dpi_segment_close(dpi_segment *segment, const dpi_os *os)
{
	if (segment->fd >= 0) {
		(void)os->close(os->self, segment->fd);
		segment->fd = -1;
	}
}

bool dpi_segment_is_current(const dpi_segment *segment, const dpi_os *os,
	const dpi_segment_owner *owner)
{
	dpi_segment now = *segment;

	/* What had no header to begin with has nothing to compare. */
	return !segment->has_header ||
		(read_header(&now, os, owner, segment->header.base) == 0 &&
			now.has_header &&
			now.header.epoch == segment->header.epoch);
}

typedef struct dpi_segment_listing {
	dpi_segment_list list;
	const dp_allocator *alloc;
	bool is_out_of_memory;
} dpi_segment_listing;

static bool make_room(dpi_segment_listing *listing)
{
	dpi_segment_list *list = &listing->list;
	size_t capacity = list->capacity > 0 ? 2 * list->capacity : 16;
	uint64_t *bases;

	if (list->count < list->capacity) {
		return true;
	}
	bases = dpi_zalloc(listing->alloc, capacity, sizeof(*bases));
	if (bases == NULL) {
		return false;
	}
	if (list->count > 0) {
		memcpy(bases, list->bases, list->count * sizeof(*bases));
	}
	dpi_segment_list_fini(list, listing->alloc);
	list->bases = bases;
	list->capacity = capacity;
	return true;
}

static bool add_entry(void *user, const char *entry)
{
	dpi_segment_listing *listing = user;
	size_t count = listing->list.count;
	uint64_t base;

	if (!dpi_log_is_segment(entry, &base)) {
		return true;
	}
	if (!make_room(listing)) {
		listing->is_out_of_memory = true;
		return false;
	}
	listing->list.bases[count] = base;
	listing->list.count = count + 1;
	return true;
}

static int compare_bases(const void *a, const void *b)
{
	const uint64_t *left = a;
	const uint64_t *right = b;

	return (*left > *right) - (*left < *right);
}

dp_status dpi_segment_list_init(dpi_segment_list *ret,
	const dp_allocator *alloc, const dpi_os *os, const char *directory,
	const dpi_partition_name *name, dp_error **err)
{
	dpi_segment_listing listing = {.alloc = alloc};
	char path[DPI_LOG_PATH_MAX];
	int rc;

	dpi_log_partition_path(path, directory, name, NULL);
	rc = os->list(os->self, path, add_entry, &listing);
	if (rc < 0) {
		dpi_segment_list_fini(&listing.list, alloc);
		return dpi_error_sys(
			err, -rc, "partition %s cannot be listed", path);
	}
	if (listing.is_out_of_memory) {
		dpi_segment_list_fini(&listing.list, alloc);
		return dpi_error_set(
			err, DP_ENOMEM, "no memory to list partition %s", path);
	}
	if (listing.list.count > 1) {
		qsort(listing.list.bases, listing.list.count,
			sizeof(*listing.list.bases), compare_bases);
	}
	*ret = listing.list;
	return DP_OK;
}

void dpi_segment_list_fini(dpi_segment_list *list, const dp_allocator *alloc)
{
	if (list->bases != NULL) {
		dpi_free(alloc, list->bases, list->capacity,
			sizeof(*list->bases));
		list->bases = NULL;
	}
}
