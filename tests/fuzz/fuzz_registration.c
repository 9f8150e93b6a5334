/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "hub/log/registration.h"
#include "sim_os.h"
#include "test_heap.h"

/*
 * Input: the file that says what a subscription reads; as it is, and with size
 * and checksum made right. It is read whole, or refused with a word on what to
 * do.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DIRECTORY "/log"
#define PATH DIRECTORY "/subscriptions/s/topics"
#define HEAD 16u
#define INPUT_MAX 4096u

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
	need(os->mkdir(os->self, DIRECTORY "/subscriptions") == 0);
	need(os->mkdir(os->self, DIRECTORY "/subscriptions/s") == 0);
}

static void check_file(const uint8_t *data, size_t size)
{
	char directory[] = DIRECTORY;
	dpi_registration registration;
	struct test_heap heap;
	dpi_log_hub hub;
	dp_error *err = NULL;
	dp_status st;
	int fd;

	fd = os->open(os->self, PATH, DPI_OPEN_CREATE);
	need(fd >= 0 && os->truncate(os->self, fd, 0) == 0);
	need(dpi_os_write_all(os, fd, data, size, 0) == 0);
	need(os->close(os->self, fd) == 0);
	test_heap_init(&heap);
	memset(&hub, 0, sizeof(hub));
	hub.alloc = &heap.alloc;
	hub.os = os;
	hub.directory = directory;
	st = dpi_registration_read(&hub, "s", &registration, &err);
	need(dp_error_code(err) == st);
	if (st == DP_OK) {
		need(size >= HEAD && size - HEAD <= DPI_NAME_MAX);
		need(memcmp(registration.topics, data + HEAD, size - HEAD) ==
			0);
		need(registration.topics[size - HEAD] == '\0');
	} else {
		need(st == DP_ECORRUPT &&
			strstr(dp_error_message(err), "subscription") != NULL);
	}
	dp_error_free(err);
	need(heap.live_bytes == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t fixed[INPUT_MAX];

	if (os == NULL) {
		prepare();
	}
	check_file(data, size);
	if (size < HEAD || size > sizeof(fixed)) {
		return 0;
	}
	memcpy(fixed, data, size);
	dpi_store_u32(fixed + 12, (uint32_t)(size - HEAD));
	dpi_store_u32(fixed + 8, dpi_crc32c(0, fixed + 12, size - 12));
	check_file(fixed, size);
	return 0;
}
