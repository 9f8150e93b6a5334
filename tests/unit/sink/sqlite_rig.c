/* SPDX-License-Identifier: Apache-2.0 */
#include "sqlite_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/bytes.h"
#include "schema/descriptor.h"
#include "schema/field_writer.h"
#include "test_batch.h"
#include "test_dir.h"

#define PAYLOAD_MAX 12100

void rig_ok(struct sqlite_rig *rig, dp_status st)
{
	if (st != DP_OK) {
		fail_msg("%s: %s", dp_status_name(st),
			dp_error_message(rig->err));
	}
}

/* Nothing here loses power. */
static int sync_nothing(void *self, int fd)
{
	(void)self;
	(void)fd;
	return 0;
}

int sqlite_rig_setup(void **state)
{
	struct sqlite_rig *rig = calloc(1, sizeof(*rig));
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;
	char address[600];

	assert_non_null(rig);
	assert_int_equal(test_dir_setup((void **)&rig->dir), 0);
	(void)snprintf(rig->path, sizeof(rig->path), "%s/rows.db", rig->dir);
	(void)snprintf(address, sizeof(address), "file:%s/reg", rig->dir);
	test_heap_init(&rig->heap);
	test_heap_init(&rig->own);
	rig->files = *dpi_os_real();
	rig->files.fsync = sync_nothing;
	rig->files.fdatasync = sync_nothing;
	virtual_clock_init(&rig->clock, &rig->files);
	faulty_os_init(&rig->faulty, &rig->clock.os);
	opts.allocator = &rig->heap.alloc;
	rig_ok(rig, dpi_runtime_new(&rig->rt, &opts, &rig->faulty.os, NULL));
	rig_ok(rig,
		dp_registry_open(&rig->reg, rig->rt, address, NULL, &rig->err));
	dpi_refusals_init(&rig->refusals, &rig->heap.alloc);
	set_builder_init(&rig->set, &rig->own.alloc);
	dpi_buf_init(&rig->payload, &rig->own.alloc, 1u << 20);
	*state = rig;
	return 0;
}

int sqlite_rig_teardown(void **state)
{
	struct sqlite_rig *rig = *state;

	dp_sink_free(rig->sink);
	dp_registry_close(rig->reg);
	dpi_refusals_fini(&rig->refusals);
	set_builder_fini(&rig->set);
	dpi_buf_fini(&rig->payload);
	dp_error_free(rig->err);
	dp_runtime_free(rig->rt);
	virtual_clock_fini(&rig->clock);
	assert_int_equal(rig->heap.live_bytes, 0);
	assert_int_equal(rig->own.live_bytes, 0);
	assert_int_equal(test_dir_teardown((void **)&rig->dir), 0);
	free(rig);
	return 0;
}

void rig_register(struct sqlite_rig *rig, int version)
{
	struct set_builder *b = &rig->set;

	dpi_buf_clear(&b->buf);
	begin_file(b, "shop.proto", "shop", "proto3");
	begin_message(b, "Paid");
	field(b, "who", 1, OPTIONAL, DPI_TYPE_STRING, NULL);
	field(b, "amount", 2, OPTIONAL,
		version == 3 ? DPI_TYPE_STRING : DPI_TYPE_INT64, NULL);
	if (version == 2) {
		field(b, "list", 3, REPEATED, DPI_TYPE_INT32, NULL);
		field(b, "inner", 4, OPTIONAL, DPI_TYPE_MESSAGE, ".shop.Inner");
	}
	end(b);
	begin_message(b, "Inner");
	field(b, "yes", 1, OPTIONAL, DPI_TYPE_BOOL, NULL);
	end(b);
	end(b);
	rig_ok(rig,
		dp_registry_add(
			rig->reg, b->buf.data, b->buf.size, NULL, &rig->err));
}

void rig_open_sink(struct sqlite_rig *rig, const char *template)
{
	dp_sqlite_sink_options opts = DP_SQLITE_SINK_OPTIONS_INIT;

	opts.table = template;
	rig_ok(rig,
		dp_sqlite_sink_new(&rig->sink, rig->rt, rig->path, rig->reg,
			&opts, &rig->err));
	rig_ok(rig, dpi_sink_open(rig->sink, "job", &rig->err));
}

static void make_payload(struct sqlite_rig *rig, uint64_t offset, int version)
{
	dpi_buf *out = &rig->payload;
	char text[PAYLOAD_MAX];
	int n = snprintf(
		text, sizeof(text), "w%llu", (unsigned long long)offset);

	dpi_buf_clear(out);
	memset(text + n, '-', rig->padding);
	text[(size_t)n + rig->padding] = '\0';
	dpi_write_text(out, 1, text);
	text[0] = 'a';
	if (version == 3) {
		dpi_write_text(out, 2, text);
	} else {
		dpi_write_varint(out, 2, offset);
	}
	if (version == 2) {
		size_t inner;

		dpi_write_varint(out, 3, 1);
		dpi_write_varint(out, 3, 2);
		inner = dpi_write_begin(out, 4);
		dpi_write_varint(out, 1, 1);
		dpi_write_end(out, inner);
	}
}

static dp_status offer(struct sqlite_rig *rig, dp_batch *batch)
{
	dp_status st;

	dp_error_free(rig->err);
	rig->err = NULL;
	st = dpi_sink_write(rig->sink, batch, &rig->refusals, &rig->err);
	dp_batch_unref(batch);
	return st;
}

dp_status rig_offer(
	struct sqlite_rig *rig, uint64_t first, size_t count, int version)
{
	dp_event *events = calloc(count, sizeof(*events));
	char(*payloads)[PAYLOAD_MAX] = calloc(count, sizeof(*payloads));
	dp_batch *batch;

	assert_non_null(events);
	assert_non_null(payloads);
	for (size_t i = 0; i < count; i++) {
		make_payload(rig, first + i, version);
		assert_true(rig->payload.size <= sizeof(payloads[i]));
		memcpy(payloads[i], rig->payload.data, rig->payload.size);
		events[i] = (dp_event)DP_EVENT_INIT;
		events[i].type = "shop.Paid";
		events[i].payload = dpi_bytes(payloads[i], rig->payload.size);
	}
	batch = test_batch_new("t", 0, first, events, count);
	free(events);
	free(payloads);
	return offer(rig, batch);
}

dp_status rig_offer_event(
	struct sqlite_rig *rig, uint64_t offset, const dp_event *event)
{
	return offer(rig, test_batch_new("t", 0, offset, event, 1));
}

dp_status rig_flush_upto(struct sqlite_rig *rig, uint64_t next)
{
	dp_positions upto;
	dp_status st;

	dpi_positions_init(&upto, &rig->heap.alloc);
	dp_error_free(rig->err);
	rig->err = NULL;
	st = dp_positions_set(&upto, "t", 0, next);
	if (st == DP_OK) {
		st = dpi_sink_flush(rig->sink, &upto, &rig->err);
	}
	dpi_positions_fini(&upto);
	return st;
}

uint64_t rig_place(struct sqlite_rig *rig)
{
	dp_positions places;
	uint64_t next;

	dpi_positions_init(&places, &rig->heap.alloc);
	rig_ok(rig, dpi_sink_positions(rig->sink, &places, &rig->err));
	next = dpi_positions_next(&places, "t", 0);
	dpi_positions_fini(&places);
	return next;
}

static int add_row(void *user, int count, char **cells, char **names)
{
	struct sqlite_rig *rig = user;
	size_t n = strlen(rig->answer);

	(void)names;
	for (int i = 0; i < count; i++) {
		n += (size_t)snprintf(rig->answer + n, sizeof(rig->answer) - n,
			"%s%s",
			i > 0           ? "|"
				: n > 0 ? "\n"
					: "",
			cells[i] != NULL ? cells[i] : "NULL");
	}
	return 0;
}

const char *rig_query(struct sqlite_rig *rig, const char *sql)
{
	sqlite3 *db = NULL;
	char *message = NULL;

	rig->answer[0] = '\0';
	assert_int_equal(sqlite3_open(rig->path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, add_row, rig, &message) != SQLITE_OK) {
		fail_msg("%s: %s", sql, message);
	}
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return rig->answer;
}
