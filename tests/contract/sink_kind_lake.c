/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "sink_kinds.h"
#include "test_avro.h"

static dp_status lake_open(struct sink_rig *rig, dp_sink **ret, dp_error **err)
{
	dp_file_sink_options opts = DP_FILE_SINK_OPTIONS_INIT;
	char address[4096];
	dp_status st;

	(void)snprintf(address, sizeof(address), "file:%s/lake", rig->folder);
	opts.destination = "{topic}/{source}";
	opts.open_max = 2;
	st = dp_store_open(&rig->store, rig->rt, address, err);
	if (st != DP_OK) {
		return st;
	}
	return dp_lake_sink_new(ret, rig->rt, rig->store, &opts, err);
}

static void lake_close(struct sink_rig *rig)
{
	dp_store_close(rig->store);
	rig->store = NULL;
}

static size_t lake_payload(char *buf, uint32_t partition, dp_offset offset)
{
	return (size_t)sprintf(
		buf, "%u:%llu and more", partition, (unsigned long long)offset);
}

static void check_rest(
	struct test_avro *in, struct seen *seen, int64_t p, int64_t offset)
{
	char wanted[64];
	dp_bytes payload;

	seen->bad |= test_avro_long(in) != 0; /* other attributes */
	payload = test_avro_bytes(in);
	(void)lake_payload(wanted, (uint32_t)p, (dp_offset)offset);
	seen->bad |= !dpi_bytes_equal(payload, dpi_bytes_text(wanted));
}

static void lake_record(void *user, const char *path, struct test_avro *in)
{
	struct seen *seen = user;
	dp_bytes topic = test_avro_bytes(in);
	int64_t p = test_avro_long(in);
	int64_t offset = test_avro_long(in);

	(void)path;
	(void)test_avro_long(in);
	(void)test_avro_bytes(in);
	for (int i = 0; i < 4; i++) {
		(void)test_avro_long(in);
	}
	for (int i = 0; i < 8; i++) {
		(void)test_avro_nullable(in);
	}
	check_rest(in, seen, p, offset);
	if (!dpi_bytes_equal(topic, dpi_bytes_text(RIG_TOPIC)) || p < 0 ||
		p >= RIG_PARTITIONS || offset < 0 || offset >= RIG_EVENTS) {
		seen->bad = true;
		return;
	}
	seen->count[p][offset]++;
}

static void lake_read(struct sink_rig *rig, struct seen *seen)
{
	char folder[4096];
	size_t files = 0;

	(void)snprintf(folder, sizeof(folder), "%s/lake", rig->folder);
	if (test_avro_read_all(rig->os, folder, &files, lake_record, seen) <
		0) {
		seen->bad = true;
	}
}

const struct sink_kind lake_kind = {
	.name = "lake",
	.uses_os = true,
	.type = "shop.v1.Paid",
	.open = lake_open,
	.close = lake_close,
	.read = lake_read,
	.payload = lake_payload,
};
