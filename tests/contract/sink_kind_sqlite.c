/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "base/bytes.h"
#include "schema/descriptor.h"
#include "set_builder.h"
#include "sink_kinds.h"

/* Memory of its own, so that the set is whole when allocations fail. */
static dp_status add_schema(struct sink_rig *rig, dp_error **err)
{
	struct test_heap heap;
	struct set_builder b;
	dp_status st;

	test_heap_init(&heap);
	set_builder_init(&b, &heap.alloc);
	begin_file(&b, "rig.proto", "rig", "proto3");
	begin_message(&b, "Event");
	field(&b, "p", 1, OPTIONAL, DPI_TYPE_UINT32, NULL);
	field(&b, "o", 2, OPTIONAL, DPI_TYPE_INT64, NULL);
	end(&b);
	end(&b);
	st = dp_registry_add(rig->registry, b.buf.data, b.buf.size, NULL, err);
	set_builder_fini(&b);
	return st;
}

static void sqlite_close(struct sink_rig *rig)
{
	dp_registry_close(rig->registry);
	rig->registry = NULL;
}

static dp_status sqlite_open(
	struct sink_rig *rig, dp_sink **ret, dp_error **err)
{
	char text[4096];
	dp_status st;

	(void)snprintf(text, sizeof(text), "file:%s/registry", rig->folder);
	st = dp_registry_open(&rig->registry, rig->rt, text, NULL, err);
	if (st != DP_OK) {
		return st;
	}
	st = add_schema(rig, err);
	if (st == DP_OK) {
		(void)snprintf(text, sizeof(text), "%s/rows.db", rig->folder);
		st = dp_sqlite_sink_new(
			ret, rig->rt, text, rig->registry, NULL, err);
	}
	return st;
}

static size_t sqlite_payload(char *buf, uint32_t partition, dp_offset offset)
{
	uint8_t *start = (uint8_t *)buf;
	uint8_t *at = start;

	*at++ = 1 << 3;
	at = dpi_put_varint(at, partition);
	*at++ = 2 << 3;
	at = dpi_put_varint(at, offset);
	return (size_t)(at - start);
}

static int see(void *user, int count, char **cells, char **names)
{
	struct seen *seen = user;
	unsigned p = 0;
	unsigned offset = 0;
	unsigned in_row[2] = {0, 0};

	(void)names;
	seen->bad |= count != 5 || strcmp(cells[4], RIG_TOPIC) != 0 ||
		sscanf(cells[0], "%u", &p) != 1 ||
		sscanf(cells[1], "%u", &offset) != 1 ||
		sscanf(cells[2], "%u", &in_row[0]) != 1 ||
		sscanf(cells[3], "%u", &in_row[1]) != 1;
	if (p >= RIG_PARTITIONS || offset >= RIG_EVENTS || in_row[0] != p ||
		in_row[1] != offset) {
		seen->bad = true;
		return 0;
	}
	seen->count[p][offset]++;
	return 0;
}

/* Before the first row there is no table. */
static void sqlite_read(struct sink_rig *rig, struct seen *seen)
{
	sqlite3 *db = NULL;
	char path[4096];
	char *message = NULL;

	(void)snprintf(path, sizeof(path), "%s/rows.db", rig->folder);
	if (sqlite3_open(path, &db) != SQLITE_OK ||
		(sqlite3_exec(db,
			 "SELECT _partition, _offset, p, o, _topic"
			 " FROM \"rig.Event\"",
			 see, seen, &message) != SQLITE_OK &&
			strstr(message, "no such table") == NULL)) {
		seen->bad = true;
	}
	sqlite3_free(message);
	(void)sqlite3_close(db);
}

const struct sink_kind sqlite_kind = {
	.name = "sqlite",
	.is_parsed = true,
	.type = "rig.Event",
	.open = sqlite_open,
	.close = sqlite_close,
	.read = sqlite_read,
	.payload = sqlite_payload,
};
