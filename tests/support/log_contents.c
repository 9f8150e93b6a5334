/* SPDX-License-Identifier: Apache-2.0 */
#include "log_contents.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/uuid.h"
#include "hub/log/scan.h"

/* For release builds, too. */
static void need(bool is_true)
{
	if (!is_true) {
		abort();
	}
}

static void *test_alloc(void *user, size_t size)
{
	(void)user;
	return malloc(size);
}

static void test_free(void *user, void *block, size_t size)
{
	(void)user;
	(void)size;
	free(block);
}

static const dp_allocator alloc = {NULL, test_alloc, test_free};

static bool read_uuid(uint8_t *uuid, const dpi_os *os, const char *directory)
{
	char path[DPI_LOG_PATH_MAX];
	int64_t n;
	int fd;

	dpi_log_path(path, directory, "identity");
	fd = os->open(os->self, path, DPI_OPEN_READ);
	if (fd < 0) {
		return false;
	}
	n = dpi_os_read_all(os, fd, uuid, DPI_LOG_UUID_SIZE, 16);
	(void)os->close(os->self, fd);
	return n == (int64_t)DPI_LOG_UUID_SIZE;
}

static void add(struct log_contents *contents, struct log_event event)
{
	if (contents->count == contents->capacity) {
		contents->capacity = 2 * contents->capacity + 64;
		contents->events = realloc(contents->events,
			contents->capacity * sizeof(*contents->events));
		need(contents->events != NULL);
	}
	contents->events[contents->count++] = event;
}

static void add_record(struct log_contents *contents, const uint8_t *record,
	size_t size, const dpi_segment *segment, uint64_t index)
{
	dp_message msg;

	if (dpi_walk_kind(record) != DPI_RECORD_EVENT) {
		return;
	}
	need(dpi_record_parse(&msg, record, size));
	add(contents,
		(struct log_event){
			segment->header.base + index,
			segment->header.base + index + size,
			dpi_uuid_writer(record + 16),
			dpi_uuid_seq(record + 16),
			segment->header.created_ms + dpi_walk_time_ms(record),
			msg.place,
		});
}

static void read_segment(struct log_contents *contents, const dpi_os *os,
	const dpi_segment *segment, uint64_t end)
{
	const uint8_t *record;
	uint64_t index;
	dpi_scan scan;

	need(dpi_scan_init(&scan, &alloc, os, segment, 0, end) == DP_OK);
	for (;;) {
		need(dpi_scan_next(&scan, &record, &index, NULL) == DP_OK);
		if (record == NULL) {
			break;
		}
		add_record(contents, record, (size_t)(scan.index - index),
			segment, index);
	}
	contents->skipped_bytes += scan.skipped_bytes;
	dpi_scan_fini(&scan);
}

/* Where the records of segment number i end, as the next one says. */
static uint64_t end_of(const dpi_os *os, const char *directory,
	const dpi_segment_owner *owner, const dpi_segment_list *list, size_t i)
{
	dpi_segment next;
	uint64_t end;

	if (i + 1 == list->count) {
		return UINT64_MAX;
	}
	need(dpi_segment_open(&next, os, directory, owner, list->bases[i + 1],
		     false, NULL) == DP_OK);
	end = next.header.previous_end;
	dpi_segment_close(&next, os);
	return end;
}

void log_contents_read(struct log_contents *contents, const dpi_os *os,
	const char *directory, const char *topic, uint32_t partition)
{
	uint8_t uuid[DPI_LOG_UUID_SIZE];
	dpi_segment_owner owner = {uuid, {topic, partition}};
	dpi_segment_list list;

	*contents = (struct log_contents){.count = 0};
	if (!read_uuid(uuid, os, directory) ||
		dpi_segment_list_init(&list, &alloc, os, directory, &owner.name,
			NULL) != DP_OK) {
		return;
	}
	contents->segments = list.count;
	for (size_t i = 0; i < list.count; i++) {
		uint64_t end = end_of(os, directory, &owner, &list, i);
		dpi_segment segment;

		need(dpi_segment_open(&segment, os, directory, &owner,
			     list.bases[i], false, NULL) == DP_OK);
		contents->damaged_headers += !segment.has_header;
		if (end > list.bases[i]) {
			read_segment(
				contents, os, &segment, end - list.bases[i]);
		}
		dpi_segment_close(&segment, os);
	}
	dpi_segment_list_fini(&list, &alloc);
}

void log_contents_free(struct log_contents *contents)
{
	free(contents->events);
}

bool log_contents_has(
	const struct log_contents *contents, uint64_t writer, uint64_t seq)
{
	for (size_t i = 0; i < contents->count; i++) {
		if (contents->events[i].writer == writer &&
			contents->events[i].seq == seq) {
			return true;
		}
	}
	return false;
}
