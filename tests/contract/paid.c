/* SPDX-License-Identifier: Apache-2.0 */
#include "paid.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "schema/descriptor.h"
#include "set_builder.h"
#include "test_dir.h"
#include "test_heap.h"

/*
 * The registry is not what is tried here: it is on the real system, in a
 * folder of its own, and serves all tests.
 */
static dp_runtime *registry_rt;
static dp_registry *registry;
static void *registry_folder;

static void close_registry(void)
{
	dp_registry_close(registry);
	dp_runtime_free(registry_rt);
	(void)test_dir_teardown(&registry_folder);
}

static void register_paid(void)
{
	struct set_builder b;
	struct test_heap heap;
	dp_status st;

	test_heap_init(&heap);
	set_builder_init(&b, &heap.alloc);
	begin_file(&b, "shop.proto", "shop", "proto3");
	begin_message(&b, "Paid");
	field(&b, "who", 1, OPTIONAL, DPI_TYPE_STRING, NULL);
	field(&b, "amount", 2, OPTIONAL, DPI_TYPE_INT64, NULL);
	end(&b);
	end(&b);
	st = dp_registry_add(registry, b.buf.data, b.buf.size, NULL, NULL);
	assert(st == DP_OK);
	(void)st;
	set_builder_fini(&b);
}

dp_registry *paid_registry(void)
{
	char address[4096];
	dp_status st;

	if (registry != NULL) {
		return registry;
	}
	(void)test_dir_setup(&registry_folder);
	(void)snprintf(address, sizeof(address), "file:%s",
		(const char *)registry_folder);
	st = dp_runtime_new(&registry_rt, NULL, NULL);
	assert(st == DP_OK);
	st = dp_registry_open(&registry, registry_rt, address, NULL, NULL);
	assert(st == DP_OK);
	(void)st;
	register_paid();
	(void)atexit(close_registry);
	return registry;
}

size_t paid_payload(char *buf, uint32_t partition, dp_offset offset)
{
	int size = sprintf(
		buf + 2, "%u:%llu", partition, (unsigned long long)offset);

	buf[0] = 1 << 3 | 2;
	buf[1] = (char)size;
	if (offset % 5 != 0) {
		return (size_t)size + 2;
	}
	buf[size + 2] = 2 << 3;
	buf[size + 3] = 1;
	return (size_t)size + 4;
}
