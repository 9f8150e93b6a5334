/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/identity.h"

#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "hub/log/layout.h"
#include "io/files.h"

static const char MAGIC[8] = "DPLOGID";

/* Places in a copy; a file holds two, so that one bad sector is no loss. */
enum {
	AT_FORMAT = 8,
	AT_CRC = 12, /* of all other bytes */
	AT_UUID = 16,
	COPY_SIZE = 32,
	COPY_STEP = DPI_LOG_PAGE / 2
};

/* No partition has it: their bytes are hashes of 62 bits, this is above. */
#define MAKING_BYTE (UINT64_C(1) << 62)
#define MAKING_NS (5 * DP_SECOND)

static uint32_t copy_crc(const uint8_t *copy)
{
	return dpi_crc32c(dpi_crc32c(0, copy, AT_CRC), copy + AT_UUID,
		COPY_SIZE - AT_UUID);
}

static void encode(uint8_t *page, const uint8_t *uuid)
{
	memset(page, 0, DPI_LOG_PAGE);
	memcpy(page, MAGIC, sizeof(MAGIC));
	dpi_store_u32(page + AT_FORMAT, DPI_LOG_FORMAT);
	memcpy(page + AT_UUID, uuid, DPI_LOG_UUID_SIZE);
	dpi_store_u32(page + AT_CRC, copy_crc(page));
	memcpy(page + COPY_STEP, page, COPY_SIZE);
}

static bool is_whole(const uint8_t *copy)
{
	return memcmp(copy, MAGIC, sizeof(MAGIC)) == 0 &&
		dpi_load_u32(copy + AT_CRC) == copy_crc(copy);
}

static dp_status decode(uint8_t *uuid, const uint8_t *page,
	const char *directory, dp_error **err)
{
	const uint8_t *copy = page;
	uint32_t format;

	if (!is_whole(copy)) {
		copy += COPY_STEP;
	}
	if (!is_whole(copy)) {
		return dpi_error_set(err, DP_ECORRUPT,
			"%s/identity is damaged: restore it from a copy",
			directory);
	}
	format = dpi_load_u32(copy + AT_FORMAT);
	if (format != DPI_LOG_FORMAT) {
		return dpi_error_set(err, DP_ECORRUPT,
			"%s is a log of format %u, this library knows %u: use "
			"a newer one",
			directory, format, DPI_LOG_FORMAT);
	}
	memcpy(uuid, copy + AT_UUID, DPI_LOG_UUID_SIZE);
	return DP_OK;
}

dp_status dpi_identity_read(
	uint8_t *uuid, const dpi_os *os, const char *directory, dp_error **err)
{
	uint8_t page[DPI_LOG_PAGE] = {0};
	char path[DPI_LOG_PATH_MAX];
	int64_t n;
	int fd;

	dpi_log_path(path, directory, "identity");
	fd = os->open(os->self, path, DPI_OPEN_READ);
	if (fd < 0) {
		return dpi_error_sys(err, -fd, "%s cannot be opened", path);
	}
	n = dpi_os_read_all(os, fd, page, sizeof(page), 0);
	(void)os->close(os->self, fd);
	if (n < 0) {
		return dpi_error_sys(err, (int)-n, "%s cannot be read", path);
	}
	return decode(uuid, page, directory, err);
}

/* Whether an unfinished attempt of ours may have left it, or mkfs(8) made it
 * in the root of a file system. */
static bool is_ours(void *user, const char *name)
{
	const char *const names[] = {
		"identity.tmp", "locks", "topics", "lost+found"};
	bool *has_foreign = user;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(name, names[i]) == 0) {
			return true;
		}
	}
	*has_foreign = true;
	return false;
}

static dp_status find_foreign(
	const dpi_os *os, const char *directory, bool *ret_has, dp_error **err)
{
	int rc;

	*ret_has = false;
	rc = os->list(os->self, directory, is_ours, ret_has);
	return rc == 0
		? DP_OK
		: dpi_error_sys(err, -rc, "%s cannot be listed", directory);
}

/* With the lock for making. */
static dp_status make(
	uint8_t *uuid, const dpi_os *os, const char *directory, dp_error **err)
{
	uint8_t page[DPI_LOG_PAGE];
	char path[DPI_LOG_PATH_MAX];
	dp_status st;
	int rc;

	rc = os->random(os->self, uuid, DPI_LOG_UUID_SIZE);
	if (rc < 0) {
		return dpi_error_sys(err, -rc, "no random bytes");
	}
	encode(page, uuid);
	dpi_log_path(path, directory, "topics");
	st = dpi_files_mkdir(os, path, err);
	if (st == DP_OK) {
		dpi_log_path(path, directory, "identity");
		st = dpi_files_write(os, path, page, sizeof(page), err);
	}
	return st;
}

/* Waits for the lock that says who makes the log. */
static dp_status take_making(dpi_locks *locks, dp_error **err)
{
	dp_status st = dpi_locks_await(locks, MAKING_BYTE, MAKING_NS, err);

	return st == DP_ELOCKED ? dpi_error_set(err, DP_ETIMEDOUT,
					  "another process is making this log")
				: st;
}

static dp_status has_identity(
	const dpi_os *os, const char *directory, bool *ret_has, dp_error **err)
{
	char path[DPI_LOG_PATH_MAX];

	dpi_log_path(path, directory, "identity");
	return dpi_files_exists(os, path, ret_has, err);
}

static dp_status read_or_make(
	uint8_t *uuid, const dpi_os *os, const char *directory, dp_error **err)
{
	bool has = false;
	dp_status st;

	st = has_identity(os, directory, &has, err);
	if (st != DP_OK) {
		return st;
	}
	return has ? dpi_identity_read(uuid, os, directory, err)
		   : make(uuid, os, directory, err);
}

/*
 * Nothing in a directory is touched before it is known to be ours or empty.
 * What looks foreign may be of a process that has made the log since: then
 * there is an identity now.
 */
static dp_status prepare_directory(
	const dpi_os *os, const char *directory, bool *ret_has, dp_error **err)
{
	bool has_foreign = false;
	dp_status st;

	st = dpi_files_mkdir(os, directory, err);
	if (st == DP_OK) {
		st = has_identity(os, directory, ret_has, err);
	}
	if (st == DP_OK && !*ret_has) {
		st = find_foreign(os, directory, &has_foreign, err);
	}
	if (st == DP_OK && has_foreign) {
		st = has_identity(os, directory, ret_has, err);
	}
	if (st == DP_OK && has_foreign && !*ret_has) {
		return dpi_error_set(err, DP_ECORRUPT,
			"%s holds other files and is no log: give an empty or "
			"a new directory",
			directory);
	}
	/* Who made the levels above may have died before they were on disk. */
	return st == DP_OK && !*ret_has
		? dpi_files_sync_above(os, directory, err)
		: st;
}

dp_status dpi_identity_open(uint8_t *uuid, dpi_locks *ret_locks,
	const dp_allocator *alloc, const dpi_os *os, const char *directory,
	dp_error **err)
{
	char path[DPI_LOG_PATH_MAX];
	bool has = false;
	dp_status st;

	st = prepare_directory(os, directory, &has, err);
	if (st == DP_OK && has) {
		st = dpi_identity_read(uuid, os, directory, err);
	}
	if (st != DP_OK) {
		return st;
	}
	dpi_log_path(path, directory, "locks");
	st = dpi_locks_open(ret_locks, alloc, os, path, err);
	if (st != DP_OK || has) {
		return st;
	}
	st = take_making(ret_locks, err);
	if (st == DP_OK) {
		st = read_or_make(uuid, os, directory, err);
		dpi_locks_give(ret_locks, MAKING_BYTE);
	}
	if (st != DP_OK) {
		dpi_locks_close(ret_locks);
	}
	return st;
}
