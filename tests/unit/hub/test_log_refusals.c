/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "faulty_os.h"
#include "hub/log/log_hub.h"
#include "hub/log/retention.h"
#include "hub/log/spare.h"
#include "hub/log/writer.h"
#include "log_contents.h"
#include "log_rig.h"
#include "sim_os.h"
#include "test_feed.h"

/* What the log finds on disk and does not take for its own. */

#define DIRECTORY "/log"
#define TOPIC "shop"
#define PATTERN_FILE DIRECTORY "/subscriptions/s/topics"

static const dpi_partition_name name = {TOPIC, 0};

static void open_rig(struct log_rig *rig, const dpi_os *os)
{
	log_rig_init(rig);
	assert_int_equal(log_rig_open(rig, os, DIRECTORY), DP_OK);
}

static void append(struct log_rig *rig, const char *prefix, size_t count)
{
	dpi_writer *writer = log_rig_writer(rig, TOPIC);

	assert_non_null(writer);
	test_feed_append(writer, prefix, count);
}

static dp_status subscribe(struct log_rig *rig, dp_subscription **ret)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;

	opts.topics = TOPIC;
	return dp_subscription_open(ret, rig->hub, "s", &opts, NULL);
}

/* How many events come, all acked. */
static size_t drain(dp_subscription *sub)
{
	dp_batch *batch;
	size_t all = 0;

	while (dp_subscription_pull(sub, &batch, 100, 0, NULL) == DP_OK) {
		all += dp_batch_count(batch);
		(void)dp_subscription_ack_batch(sub, batch, NULL);
		dp_batch_unref(batch);
	}
	return all;
}

static void write_file(const dpi_os *os, const char *path, const uint8_t *data,
	size_t size, uint64_t at)
{
	int fd = os->open(os->self, path, DPI_OPEN_CREATE);

	assert_true(fd >= 0);
	assert_int_equal(dpi_os_write_all(os, fd, data, size, at), 0);
	(void)os->close(os->self, fd);
}

/* What is in the file is right, but for the format. */
static void a_log_of_a_later_format_is_refused(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	uint8_t page[DPI_LOG_PAGE] = "DPLOGID";
	struct log_rig rig;

	(void)state;
	open_rig(&rig, os);
	log_rig_close(&rig);
	for (uint32_t format = 1; format <= 2; format++) {
		dpi_store_u32(page + 8, format);
		dpi_store_u32(page + 12,
			dpi_crc32c(dpi_crc32c(0, page, 12), page + 16, 16));
		write_file(os, DIRECTORY "/identity", page, sizeof(page), 0);
		assert_int_equal(log_rig_open(&rig, os, DIRECTORY),
			format == 1 ? DP_OK : DP_ECORRUPT);
		log_rig_close(&rig);
	}
	sim_disk_free(disk);
}

static void put_pattern(const dpi_os *os, uint32_t said, const char *pattern)
{
	uint8_t file[100];
	size_t size = 16 + strlen(pattern);

	memcpy(file, "dpsu", 4);
	dpi_store_u32(file + 4, 1);
	dpi_store_u32(file + 12, said);
	memcpy(file + 16, pattern, size - 16);
	dpi_store_u32(file + 8, dpi_crc32c(0, file + 12, size - 12));
	write_file(os, PATTERN_FILE, file, size, 0);
}

static void a_pattern_that_is_not_whole_is_refused(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	dp_subscription *sub;
	struct log_rig rig;

	(void)state;
	open_rig(&rig, os);
	assert_int_equal(subscribe(&rig, &sub), DP_OK);
	dp_subscription_close(sub);
	put_pattern(os, 4, "shop");
	assert_int_equal(subscribe(&rig, &sub), DP_OK);
	dp_subscription_close(sub);
	/* Its size is not that of the file. */
	put_pattern(os, 3, "shop");
	assert_int_equal(subscribe(&rig, &sub), DP_ECORRUPT);
	/* Its checksum is that of another. */
	put_pattern(os, 4, "shoq");
	write_file(os, PATTERN_FILE, (const uint8_t *)"shop", 4, 16);
	assert_int_equal(subscribe(&rig, &sub), DP_ECORRUPT);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

/* A write that nobody waited for may reach the disk behind the records. */
static void what_stands_behind_the_end_of_a_segment_is_no_event(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	dpi_segment_owner owner = {NULL, name};
	uint8_t uuid[DPI_LOG_UUID_SIZE];
	uint8_t ghost[40] = {0};
	char path[DPI_LOG_PATH_MAX];
	dp_subscription *sub;
	struct log_rig rig;
	uint64_t end;

	(void)state;
	open_rig(&rig, os);
	append(&rig, "p", 3);
	end = atomic_load(
		&((dpi_log_hub *)rig.hub)->partitions->state->written);
	memcpy(uuid, ((dpi_log_hub *)rig.hub)->uuid, sizeof(uuid));
	log_rig_close(&rig);
	open_rig(&rig, os);
	append(&rig, "q", 2);

	owner.uuid = uuid;
	dpi_store_u32(ghost + 4, sizeof(ghost));
	dpi_store_u32(ghost, dpi_crc32c(0, ghost + 16, sizeof(ghost) - 16));
	dpi_record_seal(ghost, DPI_RECORD_EVENT, (uint32_t)end, 0,
		dpi_segment_salt(&owner, 0));
	dpi_log_segment_path(path, DIRECTORY, &name, 0);
	write_file(os, path, ghost, sizeof(ghost), DPI_LOG_PAGE + end);

	assert_int_equal(subscribe(&rig, &sub), DP_OK);
	assert_int_equal(drain(sub), 5);
	assert_int_equal(log_rig_stats(&rig).corrupt_bytes, 0);
	dp_subscription_close(sub);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

static void a_place_behind_the_end_of_the_log_becomes_the_end(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	struct test_feed feed;
	dp_subscription *sub;
	dpi_writer *writer;
	struct log_rig rig;

	(void)state;
	open_rig(&rig, sim_disk_start(disk));
	opts.topics = TOPIC;
	opts.read_level = DP_ACK_WRITTEN;
	assert_int_equal(
		dp_subscription_open(&sub, rig.hub, "s", &opts, NULL), DP_OK);
	writer = log_rig_writer(&rig, TOPIC);
	test_feed_init(&feed, DP_ACK_WRITTEN);
	writer->ops->attach(writer, &feed.feed);
	test_feed_add_many(&feed, "lost with the power ", 100);
	writer->ops->commit(writer);
	writer->ops->detach(writer, &feed.feed);
	test_feed_fini(&feed);
	assert_int_equal(drain(sub), 100);
	dp_subscription_close(sub);
	sim_disk_crash(disk);
	log_rig_close(&rig);
	sim_disk_reboot(disk, 0);

	open_rig(&rig, sim_disk_start(disk));
	assert_int_equal(subscribe(&rig, &sub), DP_OK);
	assert_int_equal(drain(sub), 0);
	assert_int_equal(log_rig_stats(&rig).cursor_rewinds, 1);
	append(&rig, "new ", 10);
	assert_int_equal(drain(sub), 10);
	dp_subscription_close(sub);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

/* Another thread may make a spare, so that there is no need of an old segment:
 * then again. */
static void use_first_segment_again(struct log_rig *rig)
{
	dpi_log_tail *tail = dpi_log_writer_tail(
		(dpi_log_writer *)log_rig_writer(rig, TOPIC));
	bool is_done = false;

	for (int i = 0; i < 1000 && !is_done; i++) {
		(void)dpi_tail_drop_spare(tail);
		is_done = dpi_tail_recycle(tail, 0);
	}
	assert_true(is_done);
}

static void a_segment_that_is_used_again_under_a_reader_is_no_damage(
	void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	dp_subscription *sub;
	dp_batch *batch;
	struct log_rig rig;
	size_t later;

	(void)state;
	log_rig_init(&rig);
	/* Of more than is read ahead. */
	rig.opts.segment_bytes = 1u << 20;
	assert_int_equal(
		log_rig_open(&rig, sim_disk_start(disk), DIRECTORY), DP_OK);
	append(&rig, "a payload of some length ", 30000);
	assert_int_equal(subscribe(&rig, &sub), DP_OK);
	assert_int_equal(dp_subscription_pull(sub, &batch, 1, 0, NULL), DP_OK);
	dp_batch_unref(batch);
	use_first_segment_again(&rig);
	append(&rig, "a payload of some length ", 24000);
	later = drain(sub);
	assert_in_range(later, 35000, 54000);
	assert_int_equal(log_rig_stats(&rig).corrupt_bytes, 0);
	dp_subscription_close(sub);
	log_rig_close(&rig);
	sim_disk_free(disk);
}

struct reuse {
	struct log_rig rig; /* of the owner */
	long countdown;     /* reads of the other before it happens */
};

/* The owner goes on to the next segment, and from that into the first. */
static void use_again_while_it_is_read(
	void *user, faulty_call call, long number)
{
	struct reuse *reuse = user;

	(void)number;
	if (call != FAULTY_PREAD || reuse->countdown-- != 0) {
		return;
	}
	append(&reuse->rig, "a payload of some length ", 15000);
	use_first_segment_again(&reuse->rig);
	append(&reuse->rig, "a payload of some length ", 30000);
}

static void append_place(struct log_rig *rig, dpi_source_place place)
{
	dpi_writer *writer = log_rig_writer(rig, TOPIC);
	dp_event ev = DP_EVENT_INIT;
	struct test_feed feed;

	assert_non_null(writer);
	test_feed_init(&feed, DP_ACK_DURABLE);
	writer->ops->attach(writer, &feed.feed);
	ev.type = "test.Event";
	test_feed_add(&feed, &ev, place);
	writer->ops->commit(writer);
	writer->ops->detach(writer, &feed.feed);
	assert_int_equal(feed.ok, 1);
	test_feed_fini(&feed);
}

/* So that older segments have to be asked: it begins a second one, whose
 * snapshot is lost. */
static void lose_snapshot(struct log_rig *rig, const dpi_os *os)
{
	static const uint8_t zeros[64];
	dpi_segment_list list;
	char path[DPI_LOG_PATH_MAX];

	append(rig, "a payload of some length ", 15000);
	assert_int_equal(dpi_segment_list_init(&list, &rig->heap.alloc, os,
				 DIRECTORY, &name, NULL),
		DP_OK);
	assert_int_equal(list.count, 2);
	dpi_log_segment_path(path, DIRECTORY, &name, list.bases[1]);
	write_file(os, path, zeros, sizeof(zeros), DPI_LOG_PAGE);
	dpi_segment_list_fini(&list, &rig->heap.alloc);
}

static uint64_t ask_meanwhile(bool is_older, long reads, bool *ret_used)
{
	struct sim_disk *disk = sim_disk_new(1);
	struct reuse reuse = {.countdown = reads};
	struct faulty_os faulty;
	struct log_rig asking;
	uint64_t next = 0;

	log_rig_init(&reuse.rig);
	/* Of more than is read at once. */
	reuse.rig.opts.segment_bytes = 1u << 20;
	assert_int_equal(
		log_rig_open(&reuse.rig, sim_disk_start(disk), DIRECTORY),
		DP_OK);
	append(&reuse.rig, "a payload of some length ", 10000);
	append_place(&reuse.rig, (dpi_source_place){5, 100});
	if (is_older) {
		lose_snapshot(&reuse.rig, sim_disk_start(disk));
	}
	faulty_os_init(&faulty, sim_disk_start(disk));
	open_rig(&asking, &faulty.os);
	faulty.hook_user = &reuse;
	faulty.hook = use_again_while_it_is_read;
	assert_int_equal(
		asking.hub->ops->source_next(asking.hub, TOPIC, 5, &next, NULL),
		DP_OK);
	faulty.hook = NULL;
	*ret_used = reuse.countdown < 0;
	log_rig_close(&asking);
	log_rig_close(&reuse.rig);
	sim_disk_free(disk);
	return next;
}

/* Else a job would copy events once more. */
static void a_segment_that_is_used_again_under_a_job_costs_no_place(
	void **state)
{
	(void)state;
	for (int older = 0; older < 2; older++) {
		bool is_used = true;
		long reads = 0;

		for (; is_used; reads++) {
			assert_int_equal(
				ask_meanwhile(older == 1, reads, &is_used),
				100);
		}
		assert_in_range(reads, 4, 30);
	}
}

static void put_stray(const dpi_os *os, const char *path)
{
	write_file(os, path, (const uint8_t *)"notes", 5, 0);
}

static void a_stray_file_is_no_topic_no_partition_no_subscription(void **state)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	dpi_segment_list list;
	dp_subscription *sub;
	struct log_rig rig;

	(void)state;
	open_rig(&rig, os);
	append(&rig, "a payload of some length ", 1);
	assert_int_equal(subscribe(&rig, &sub), DP_OK);
	dp_subscription_close(sub);
	log_rig_close(&rig);
	put_stray(os, DIRECTORY "/topics/README");
	put_stray(os, DIRECTORY "/topics/" TOPIC "/7");
	put_stray(os, DIRECTORY "/subscriptions/README");

	open_rig(&rig, os);
	append(&rig, "a payload of some length ", 5000);
	assert_int_equal(log_rig_stats(&rig).topics, 1);
	assert_int_equal(subscribe(&rig, &sub), DP_OK);
	assert_int_equal(drain(sub), 5001);
	dpi_log_retain(
		(dpi_log_hub *)rig.hub, ((dpi_log_hub *)rig.hub)->partitions);
	assert_int_equal(dpi_segment_list_init(&list, &rig.heap.alloc, os,
				 DIRECTORY, &name, NULL),
		DP_OK);
	assert_int_equal(list.count, 1);
	dpi_segment_list_fini(&list, &rig.heap.alloc);
	dp_subscription_close(sub);
	assert_int_equal(
		dp_subscription_delete(rig.hub, "README", NULL), DP_ENOTFOUND);
	assert_null(log_rig_writer(&rig, "README"));
	log_rig_close(&rig);
	sim_disk_free(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_of_a_later_format_is_refused),
		cmocka_unit_test(a_pattern_that_is_not_whole_is_refused),
		cmocka_unit_test(
			what_stands_behind_the_end_of_a_segment_is_no_event),
		cmocka_unit_test(
			a_place_behind_the_end_of_the_log_becomes_the_end),
		cmocka_unit_test(
			a_segment_that_is_used_again_under_a_reader_is_no_damage),
		cmocka_unit_test(
			a_stray_file_is_no_topic_no_partition_no_subscription),
		cmocka_unit_test(
			a_segment_that_is_used_again_under_a_job_costs_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
