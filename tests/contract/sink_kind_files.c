/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "schema/descriptor.h"
#include "set_builder.h"
#include "sink_kinds.h"
#include "test_avro.h"
#include "test_dir.h"

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

static void open_registry(void)
{
	char address[4096];
	dp_status st;

	if (registry != NULL) {
		return;
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
}

static dp_status files_open(struct sink_rig *rig, dp_sink **ret, dp_error **err)
{
	dp_file_sink_options opts = DP_FILE_SINK_OPTIONS_INIT;
	char address[4096];
	dp_status st;

	open_registry();
	(void)snprintf(address, sizeof(address), "file:%s/files", rig->folder);
	opts.destination = "{type}/v{version}/{source}/{field:amount}";
	opts.open_max = 2;
	st = dp_store_open(&rig->store, rig->rt, address, err);
	if (st != DP_OK) {
		return st;
	}
	return dp_files_sink_new(
		ret, rig->rt, rig->store, registry, &opts, err);
}

static void files_close(struct sink_rig *rig)
{
	dp_store_close(rig->store);
	rig->store = NULL;
}

/* who is "<partition>:<offset>", amount 1 or 0, which is not written. */
static size_t files_payload(char *buf, uint32_t partition, dp_offset offset)
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

static void check_message(struct test_avro *in, struct seen *seen,
	const char *path, int64_t p, int64_t offset)
{
	dp_bytes who = test_avro_nullable(in);
	int64_t has_amount = test_avro_long(in);
	int64_t amount = has_amount != 0 ? test_avro_long(in) : 0;
	dp_bytes unknown = test_avro_nullable(in);
	char wanted[48];
	char folder[64];

	(void)snprintf(wanted, sizeof(wanted), "%lld:%lld", (long long)p,
		(long long)offset);
	(void)snprintf(folder, sizeof(folder), "/files/shop.Paid/v1/%s/%d/",
		offset % 3 == 0 ? "a" : "b", offset % 5 == 0);
	seen->bad |= !dpi_bytes_equal(who, dpi_bytes_text(wanted)) ||
		amount != (offset % 5 == 0) || unknown.data != NULL ||
		strstr(path, folder) == NULL;
}

static void files_record(void *user, const char *path, struct test_avro *in)
{
	struct seen *seen = user;
	dp_bytes topic;
	int64_t p;
	int64_t offset;

	(void)test_avro_bytes(in);
	(void)test_avro_nullable(in);
	(void)test_avro_long(in);
	topic = test_avro_bytes(in);
	p = test_avro_long(in);
	offset = test_avro_long(in);
	if (!dpi_bytes_equal(topic, dpi_bytes_text(RIG_TOPIC)) || p < 0 ||
		p >= RIG_PARTITIONS || offset < 0 || offset >= RIG_EVENTS) {
		seen->bad = true;
		return;
	}
	check_message(in, seen, path, p, offset);
	seen->count[p][offset]++;
}

static void files_read(struct sink_rig *rig, struct seen *seen)
{
	char folder[4096];
	size_t files = 0;

	(void)snprintf(folder, sizeof(folder), "%s/files", rig->folder);
	if (test_avro_read_all(rig->os, folder, &files, files_record, seen) <
		0) {
		seen->bad = true;
	}
}

const struct sink_kind files_kind = {
	.name = "files",
	.is_parsed = true,
	.uses_os = true,
	.type = "shop.Paid",
	.open = files_open,
	.close = files_close,
	.read = files_read,
	.payload = files_payload,
};
