/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "hub/log/cursor.h"
#include "sim_os.h"

/*
 * Input: the file of a cursor; as it is, and with key and checksum of the
 * first slot made right, so that the rest of it is reached. Any file opens,
 * and what is saved in it is read again.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PATH "/cursor"
#define KEY 0x7e57u

static const dpi_os *os;

static void need(int is_true)
{
	if (!is_true) {
		abort();
	}
}

static void store(const uint8_t *data, size_t size)
{
	int fd = os->open(os->self, PATH, DPI_OPEN_CREATE);

	need(fd >= 0 && os->truncate(os->self, fd, 0) == 0);
	need(dpi_os_write_all(os, fd, data, size, 0) == 0);
	need(os->close(os->self, fd) == 0);
}

static void need_same(const dpi_cursor *a, const dpi_cursor *b)
{
	need(a->next == b->next && a->tried_end == b->tried_end &&
		a->tries == b->tries);
}

static void check_file(size_t size)
{
	const dpi_cursor cursor = {7, 9, 2};
	dpi_cursor_file file;
	dpi_cursor found = {0};
	uint64_t epoch = 0;
	dp_status st;

	need(dpi_cursor_open(&file, os, PATH, NULL, KEY, NULL) == DP_OK);
	need(!file.is_new || !file.is_damaged);
	need((file.is_new || file.is_damaged) == (file.sequence == 0));
	need(size > 0 || file.is_new);
	st = dpi_cursor_peek(os, PATH, KEY, &found, &epoch, NULL);
	need(st == (file.sequence > 0 ? DP_OK : DP_ENOTFOUND));
	if (st == DP_OK) {
		need_same(&found, &file.cursor);
		need(epoch == file.epoch);
	}
	need(dpi_cursor_save(&file, &cursor, 5, true, NULL) == DP_OK);
	dpi_cursor_close(&file);
	/* The last sequence that there can be is not overtaken. */
	if (file.sequence != 0) {
		need(dpi_cursor_peek(os, PATH, KEY, &found, &epoch, NULL) ==
			DP_OK);
		need_same(&found, &cursor);
		need(epoch == 5);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t fixed[2 * DPI_CURSOR_SLOT];

	if (os == NULL) {
		os = sim_disk_start(sim_disk_new(1));
	}
	store(data, size);
	check_file(size);
	if (size < DPI_CURSOR_SLOT || size > sizeof(fixed)) {
		return 0;
	}
	memcpy(fixed, data, size);
	dpi_store_u64(fixed + 8, KEY);
	dpi_store_u32(fixed + DPI_CURSOR_SLOT - 4,
		dpi_crc32c(0, fixed, DPI_CURSOR_SLOT - 4));
	store(fixed, size);
	check_file(size);
	return 0;
}
