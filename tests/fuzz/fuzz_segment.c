/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "hub/log/scan.h"
#include "hub/log/sources.h"
#include "sim_os.h"
#include "test_heap.h"

/*
 * Input: one copy of a segment's header, then records. It is read as it is,
 * and with all checksums and indexes made right along the sizes that stand in
 * the records. What is found must lie inside, in order, and be fit to be
 * learned from; and each record that was made right must be found.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DIRECTORY "/log"
#define PARTITION DIRECTORY "/topics/shop/0"
#define BASE 0x1234u

static const uint8_t uuid[DPI_LOG_UUID_SIZE] = {7};
static const dpi_segment_owner owner = {uuid, {"shop", 0}};
static const dpi_os *os;

static void need(int is_true)
{
	if (!is_true) {
		abort();
	}
}

static void prepare(void)
{
	os = sim_disk_start(sim_disk_new(1));
	need(os->mkdir(os->self, DIRECTORY) == 0);
	need(os->mkdir(os->self, DIRECTORY "/topics") == 0);
	need(os->mkdir(os->self, DIRECTORY "/topics/shop") == 0);
	need(os->mkdir(os->self, PARTITION) == 0);
}

static void store(const uint8_t *data, size_t size)
{
	static const uint8_t rest[DPI_LOG_PAGE - DPI_SEGMENT_HEADER_SIZE];
	size_t head =
		size < DPI_SEGMENT_HEADER_SIZE ? size : DPI_SEGMENT_HEADER_SIZE;
	char path[DPI_LOG_PATH_MAX];
	int fd;

	dpi_log_segment_path(path, DIRECTORY, &owner.name, BASE);
	fd = os->open(os->self, path, DPI_OPEN_CREATE);
	need(fd >= 0 && os->truncate(os->self, fd, 0) == 0);
	need(dpi_os_write_all(os, fd, data, head, 0) == 0);
	if (size > head) {
		need(dpi_os_write_all(os, fd, rest, sizeof(rest), head) == 0);
		need(dpi_os_write_all(os, fd, data + head, size - head,
			     DPI_LOG_PAGE) == 0);
	}
	need(os->close(os->self, fd) == 0);
}

static void check_record(
	const uint8_t *record, size_t size, uint64_t index, uint32_t salt)
{
	struct test_heap heap;
	dpi_sources sources;
	dp_message msg;

	need(dpi_record_check(record, size, salt));
	need(dpi_load_u32(record + 8) == (uint32_t)index);
	if (dpi_record_parse(&msg, record, size)) {
		need(dp_message_payload(&msg).size < size);
	}
	test_heap_init(&heap);
	dpi_sources_init(&sources, &heap.alloc);
	need(dpi_sources_learn(&sources, record, size) == DP_OK);
	dpi_sources_fini(&sources);
	need(heap.live_bytes == 0);
}

/* Returns how many records there are. */
static size_t check_file(size_t size)
{
	uint64_t end = 0;
	struct test_heap heap;
	dpi_segment segment;
	const uint8_t *record;
	size_t count = 0;
	uint64_t index;
	dpi_scan scan;

	test_heap_init(&heap);
	need(dpi_segment_open(&segment, os, DIRECTORY, &owner, BASE, false,
		     NULL) == DP_OK);
	need(!segment.has_header || !segment.is_foreign);
	need(dpi_scan_init(&scan, &heap.alloc, os, &segment, 0, UINT32_MAX) ==
		DP_OK);
	for (;;) {
		need(dpi_scan_next(&scan, &record, &index, NULL) == DP_OK);
		if (record == NULL) {
			break;
		}
		need(index >= end && scan.records_end <= size);
		end = scan.records_end;
		check_record(
			record, (size_t)(end - index), index, segment.salt);
		count++;
	}
	dpi_scan_fini(&scan);
	dpi_segment_close(&segment, os);
	need(heap.live_bytes == 0);
	return count;
}

/* Returns how many records stand one after the other. */
static size_t make_right(uint8_t *data, size_t size)
{
	uint32_t salt = dpi_segment_salt(&owner, BASE);
	uint8_t *records = data + DPI_SEGMENT_HEADER_SIZE;
	size_t left = size - DPI_SEGMENT_HEADER_SIZE;
	size_t count = 0;
	uint32_t index = 0;

	while (left > DPI_RECORD_HEAD &&
		dpi_record_size(records) > DPI_RECORD_HEAD &&
		dpi_record_size(records) <= left) {
		uint32_t record_size = dpi_record_size(records);

		dpi_store_u32(
			records, dpi_crc32c(0, records + 16, record_size - 16));
		dpi_record_seal(records,
			(dpi_record_kind)dpi_record_kind_of(records), index, 0,
			salt);
		index += record_size;
		records += record_size;
		left -= record_size;
		count++;
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *fixed;
	size_t count;

	if (os == NULL) {
		prepare();
	}
	store(data, size);
	(void)check_file(size);
	if (size < DPI_SEGMENT_HEADER_SIZE) {
		return 0;
	}
	fixed = malloc(size);
	need(fixed != NULL);
	memcpy(fixed, data, size);
	count = make_right(fixed, size);
	store(fixed, size);
	need(check_file(size) >= count);
	free(fixed);
	return 0;
}
