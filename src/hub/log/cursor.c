/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/cursor.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "io/files.h"

#define MAGIC 0x75637064u /* "dpcu" */
#define FORMAT 1u
#define CRC_AT (DPI_CURSOR_SLOT - 4)
#define FILE_BYTES (2 * (size_t)DPI_CURSOR_SLOT)

/* Nothing was saved: so it is with a file that is empty or reserved. */
static const uint8_t blank_slots[FILE_BYTES];

static void encode(uint8_t *slot, const dpi_cursor_file *file)
{
	memset(slot, 0, DPI_CURSOR_SLOT);
	dpi_store_u32(slot, MAGIC);
	dpi_store_u32(slot + 4, FORMAT);
	dpi_store_u64(slot + 8, file->key);
	dpi_store_u64(slot + 16, file->sequence);
	dpi_store_u64(slot + 24, file->cursor.next);
	dpi_store_u64(slot + 32, file->cursor.tried_end);
	dpi_store_u64(slot + 40, file->epoch);
	dpi_store_u32(slot + 48, file->cursor.tries);
	dpi_store_u32(slot + CRC_AT, dpi_crc32c(0, slot, CRC_AT));
}

void dpi_cursor_take_slot(dpi_cursor_file *file, const uint8_t *slot)
{
	uint64_t sequence = dpi_load_u64(slot + 16);

	if (dpi_load_u32(slot) != MAGIC || dpi_load_u32(slot + 4) != FORMAT ||
		dpi_load_u64(slot + 8) != file->key ||
		dpi_load_u32(slot + CRC_AT) != dpi_crc32c(0, slot, CRC_AT) ||
		sequence <= file->sequence) {
		return;
	}
	file->sequence = sequence;
	file->cursor.next = dpi_load_u64(slot + 24);
	file->cursor.tried_end = dpi_load_u64(slot + 32);
	file->cursor.tries = dpi_load_u32(slot + 48);
	file->epoch = dpi_load_u64(slot + 40);
}

static dp_status load(dpi_cursor_file *file, const char *path, dp_error **err)
{
	uint8_t slots[FILE_BYTES] = {0};
	int64_t size;

	size = dpi_os_read_all(file->os, file->fd, slots, sizeof(slots), 0);
	if (size < 0) {
		return dpi_error_sys(
			err, (int)-size, "%s cannot be read", path);
	}
	dpi_cursor_take_slot(file, slots);
	dpi_cursor_take_slot(file, slots + DPI_CURSOR_SLOT);
	file->is_new = memcmp(slots, blank_slots, sizeof(slots)) == 0;
	file->is_damaged = !file->is_new && file->sequence == 0;
	return DP_OK;
}

static int open_or_make(
	const dpi_os *os, const char *path, const char *reserved)
{
	int fd = os->open(os->self, path, 0);

	if (fd != -ENOENT) {
		return fd;
	}
	if (reserved != NULL && os->rename(os->self, reserved, path) == 0) {
		return os->open(os->self, path, 0);
	}
	return os->open(os->self, path, DPI_OPEN_CREATE);
}

dp_status dpi_cursor_open(dpi_cursor_file *ret, const dpi_os *os,
	const char *path, const char *reserved, uint64_t key, dp_error **err)
{
	dpi_cursor_file file = {.os = os, .key = key};
	dp_status st;

	file.fd = open_or_make(os, path, reserved);
	if (file.fd < 0) {
		return dpi_error_sys(
			err, -file.fd, "%s cannot be opened", path);
	}
	st = load(&file, path, err);
	if (st == DP_OK && file.is_new) {
		st = dpi_files_sync_parent(os, path, err);
	}
	if (st != DP_OK) {
		(void)os->close(os->self, file.fd);
		return st;
	}
	*ret = file;
	return DP_OK;
}

void dpi_cursor_reserve(const dpi_os *os, const char *path)
{
	int fd = os->open(os->self, path, DPI_OPEN_CREATE);
	int rc = 0;

	if (fd < 0) {
		return;
	}
	if (os->size(os->self, fd) != FILE_BYTES) {
		rc = dpi_os_write_all(os, fd, blank_slots, FILE_BYTES, 0);
	}
	(void)os->close(os->self, fd);
	if (rc != 0) {
		(void)os->unlink(os->self, path);
	}
}

void dpi_cursor_close(dpi_cursor_file *file)
{
	if (file->slots != NULL) {
		file->os->unmap(file->os->self, file->slots, FILE_BYTES);
	}
	(void)file->os->close(file->os->self, file->fd);
}

/*
 * A store survives the process as a write does, for a tenth of the time, but
 * cannot tell of a full disk: not before both slots were written. Without a
 * mapping all goes on as before.
 */
static void map_once_written(dpi_cursor_file *file)
{
	if (file->writes < 2 && ++file->writes == 2) {
		file->slots =
			file->os->map(file->os->self, file->fd, FILE_BYTES);
	}
}

static int put(const dpi_cursor_file *file, const uint8_t *slot, bool durable)
{
	uint64_t at = file->sequence % 2 * DPI_CURSOR_SLOT;
	int rc;

	if (file->slots != NULL && !durable) {
		memcpy(file->slots + at, slot, DPI_CURSOR_SLOT);
		return 0;
	}
	rc = dpi_os_write_all(file->os, file->fd, slot, DPI_CURSOR_SLOT, at);
	if (rc == 0 && durable) {
		rc = file->os->fdatasync(file->os->self, file->fd);
	}
	return rc;
}

dp_status dpi_cursor_save(dpi_cursor_file *file, const dpi_cursor *cursor,
	uint64_t epoch, bool durable, dp_error **err)
{
	dpi_cursor_file after = *file;
	uint8_t slot[DPI_CURSOR_SLOT];
	int rc;

	after.cursor = *cursor;
	after.epoch = epoch;
	after.sequence++;
	encode(slot, &after);
	rc = put(&after, slot, durable);
	if (rc != 0) {
		return dpi_error_sys(
			err, -rc, "a subscription's place cannot be written");
	}
	map_once_written(&after);
	*file = after;
	return DP_OK;
}

dp_status dpi_cursor_peek(const dpi_os *os, const char *path, uint64_t key,
	dpi_cursor *ret, uint64_t *ret_epoch, dp_error **err)
{
	dpi_cursor_file file = {.os = os, .key = key};
	dp_status st;
	int rc;

	file.fd = os->open(os->self, path, 0);
	if (file.fd == -ENOENT) {
		return DP_ENOTFOUND;
	}
	if (file.fd < 0) {
		return dpi_error_sys(
			err, -file.fd, "%s cannot be opened", path);
	}
	st = load(&file, path, err);
	rc = st == DP_OK ? os->fdatasync(os->self, file.fd) : 0;
	(void)os->close(os->self, file.fd);
	if (st == DP_OK && rc != 0) {
		return dpi_error_sys(err, -rc, "%s cannot be synced", path);
	}
	if (st == DP_OK && file.sequence == 0) {
		return DP_ENOTFOUND;
	}
	*ret = file.cursor;
	*ret_epoch = file.epoch;
	return st;
}
