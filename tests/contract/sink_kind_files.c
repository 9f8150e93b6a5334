/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "paid.h"
#include "sink_kinds.h"
#include "test_avro.h"

static dp_status files_open(struct sink_rig *rig, dp_sink **ret, dp_error **err)
{
	dp_file_sink_options opts = DP_FILE_SINK_OPTIONS_INIT;
	char address[4096];
	dp_status st;

	(void)snprintf(address, sizeof(address), "file:%s/files", rig->folder);
	opts.destination = "{type}/v{version}/{source}/{field:amount}";
	opts.open_max = 2;
	st = dp_store_open(&rig->store, rig->rt, address, err);
	if (st != DP_OK) {
		return st;
	}
	return dp_files_sink_new(
		ret, rig->rt, rig->store, paid_registry(), &opts, err);
}

static void files_close(struct sink_rig *rig)
{
	dp_store_close(rig->store);
	rig->store = NULL;
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
	.payload = paid_payload,
};
