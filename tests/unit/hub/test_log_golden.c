/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "hub/log/log_hub.h"
#include "hub/log/scan.h"
#include "io/files.h"
#include "log_contents.h"
#include "log_rig.h"
#include "test_dir.h"
#include "test_feed.h"

/*
 * A log that version 0.1 has written, as it was: all later versions read it.
 * tests/golden/log-v1 was made once by `test_log_golden --write DIRECTORY` and
 * is never made again; a new format gets a directory of its own.
 */

#define TOPIC "shop"

static const char *const FILES[] = {
	"identity",
	"topics/shop/0/0000000000000000.seg",
	"topics/shop/0/0000000000000192.seg",
};
#define FILE_COUNT (sizeof(FILES) / sizeof(*FILES))

static const dp_attribute others[] = {{"tenant", "acme"}, {"empty", ""}};

static void add_full_event(struct test_feed *feed)
{
	dp_event ev = DP_EVENT_INIT;

	ev.type = "shop.v1.Paid";
	ev.payload = dpi_bytes("\x0a\x00\xff", 3);
	ev.key = "customer-7";
	ev.id = "order-4711";
	ev.source = "checkout";
	ev.subject = "order";
	ev.datacontenttype = "application/json";
	ev.dataschema = "dp:0123";
	ev.traceparent = "00-4bf92f-00f067-01";
	ev.tracestate = "k=v";
	ev.time = 1234567890123456789;
	ev.attributes = others;
	ev.attribute_count = 2;
	test_feed_add(feed, &ev, (dpi_source_place){77, 123456});
}

/* One process: a full event if it is the first, then some small ones. */
static void append_some(const char *directory, bool is_first)
{
	struct log_rig rig;
	struct test_feed feed;
	dpi_writer *writer;

	log_rig_init(&rig);
	assert_int_equal(log_rig_open(&rig, dpi_os_real(), directory), DP_OK);
	writer = log_rig_writer(&rig, TOPIC);
	assert_non_null(writer);
	test_feed_init(&feed, DP_ACK_DURABLE);
	writer->ops->attach(writer, &feed.feed);
	if (is_first) {
		add_full_event(&feed);
	}
	test_feed_add_many(&feed, "payload ", 3);
	writer->ops->commit(writer);
	assert_int_equal(feed.ok, feed.added);
	writer->ops->detach(writer, &feed.feed);
	test_feed_fini(&feed);
	log_rig_close(&rig);
}

static int generate(const char *directory)
{
	append_some(directory, true);
	append_some(directory, false);
	return 0;
}

static void copy_golden(const char *to)
{
	const dpi_os *os = dpi_os_real();
	char path[DPI_PATH_MAX];
	struct test_heap heap;

	test_heap_init(&heap);
	(void)snprintf(path, sizeof(path), "%s/topics/shop/0", to);
	assert_int_equal(dpi_files_mkdir(os, path, NULL), DP_OK);
	for (size_t i = 0; i < FILE_COUNT; i++) {
		dpi_buf buf;

		dpi_buf_init(&buf, &heap.alloc, 1u << 20);
		/* __FILE__ is as the compiler saw it: from the build folder. */
		(void)snprintf(path, sizeof(path),
			"%.*s/../../golden/log-v1/%s",
			(int)(strrchr(__FILE__, '/') - __FILE__), __FILE__,
			FILES[i]);
		assert_int_equal(dpi_files_read(os, path, &buf, NULL), DP_OK);
		(void)snprintf(path, sizeof(path), "%s/%s", to, FILES[i]);
		assert_int_equal(
			dpi_files_write(os, path, buf.data, buf.size, NULL),
			DP_OK);
		dpi_buf_fini(&buf);
	}
}

static void assert_text(dp_bytes text, const char *wanted)
{
	assert_int_equal(text.size, strlen(wanted));
	assert_memory_equal(text.data, wanted, text.size);
}

static void check_full_event(const dp_message *msg)
{
	assert_int_equal(msg->time, 1234567890123456789);
	assert_text(msg->given_id, "order-4711");
	assert_text(msg->known[DP_ATTR_TYPE], "shop.v1.Paid");
	assert_text(msg->known[DP_ATTR_SOURCE], "checkout");
	assert_text(msg->known[DP_ATTR_SUBJECT], "order");
	assert_text(msg->known[DP_ATTR_KEY], "customer-7");
	assert_text(msg->known[DP_ATTR_DATACONTENTTYPE], "application/json");
	assert_text(msg->known[DP_ATTR_DATASCHEMA], "dp:0123");
	assert_text(msg->known[DP_ATTR_TRACEPARENT], "00-4bf92f-00f067-01");
	assert_text(msg->known[DP_ATTR_TRACESTATE], "k=v");
	assert_int_equal(msg->place.key, 77);
	assert_int_equal(msg->place.next, 123456);
	assert_int_equal(msg->payload.size, 3);
	assert_memory_equal(msg->payload.data, "\x0a\x00\xff", 3);
}

static void the_first_log_is_read(void **state)
{
	const char *directory = *state;
	struct log_contents contents;

	copy_golden(directory);
	log_contents_read(&contents, dpi_os_real(), directory, TOPIC, 0);
	assert_int_equal(contents.count, 7);
	assert_int_equal(contents.segments, 2);
	assert_int_equal(contents.damaged_headers, 0);
	assert_int_equal(contents.skipped_bytes, 0);
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(contents.events[i].writer, 7);
		assert_int_equal(contents.events[i].seq, i < 4 ? i : i - 4);
	}
	log_contents_free(&contents);
}

static void every_field_of_the_first_event_is_read(void **state)
{
	const char *directory = *state;
	const dpi_os *os = dpi_os_real();
	struct log_rig rig;
	const uint8_t *record;
	dpi_segment_owner owner;
	dpi_segment segment;
	dpi_scan scan;
	dp_message msg;
	uint64_t index;

	copy_golden(directory);
	log_rig_init(&rig);
	assert_int_equal(log_rig_open(&rig, os, directory), DP_OK);
	owner = dpi_log_owner(
		(dpi_log_hub *)rig.hub, &(dpi_partition_name){TOPIC, 0});
	assert_int_equal(dpi_segment_open(&segment, os, directory, &owner, 0,
				 false, NULL),
		DP_OK);
	assert_int_equal(segment.header.epoch, 1);
	assert_int_equal(dpi_scan_init(&scan, &rig.heap.alloc, os, &segment, 0,
				 UINT32_MAX),
		DP_OK);
	assert_int_equal(dpi_scan_next(&scan, &record, &index, NULL), DP_OK);
	assert_int_equal(dpi_walk_kind(record), DPI_RECORD_SOURCES);
	assert_int_equal(dpi_scan_next(&scan, &record, &index, NULL), DP_OK);
	assert_true(
		dpi_record_parse(&msg, record, (size_t)(scan.index - index)));
	check_full_event(&msg);
	dpi_scan_fini(&scan);
	dpi_segment_close(&segment, os);
	log_rig_close(&rig);
}

static void the_first_log_takes_events(void **state)
{
	const char *directory = *state;
	struct log_contents contents;
	struct log_rig rig;
	uint64_t next;

	copy_golden(directory);
	append_some(directory, false);
	log_contents_read(&contents, dpi_os_real(), directory, TOPIC, 0);
	assert_int_equal(contents.count, 10);
	log_contents_free(&contents);
	log_rig_init(&rig);
	assert_int_equal(log_rig_open(&rig, dpi_os_real(), directory), DP_OK);
	assert_int_equal(
		rig.hub->ops->source_next(rig.hub, TOPIC, 77, &next, NULL),
		DP_OK);
	assert_int_equal(next, 123456);
	log_rig_close(&rig);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_log_is_read,
			test_dir_setup, test_dir_teardown),
		cmocka_unit_test_setup_teardown(
			every_field_of_the_first_event_is_read, test_dir_setup,
			test_dir_teardown),
		cmocka_unit_test_setup_teardown(the_first_log_takes_events,
			test_dir_setup, test_dir_teardown),
	};

	if (argc == 3 && strcmp(argv[1], "--write") == 0) {
		return generate(argv[2]);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
