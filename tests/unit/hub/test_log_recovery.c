/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "faulty_os.h"
#include "hub/log/learn.h"
#include "hub/log/recovery.h"
#include "hub/log/scan.h"
#include "log_contents.h"
#include "log_image.h"
#include "log_rig.h"
#include "sim_os.h"
#include "test_feed.h"

/* Recovery by itself, of a log that has all that it has to deal with. */

#define DIRECTORY "/log"
#define PARTITION DIRECTORY "/topics/shop/0"
#define FIRST PARTITION "/0000000000000000.seg"
#define KEY 9
#define NEXT 1234
/* More than is read at once. */
#define LARGE (300u << 10)

struct scene {
	struct sim_disk *disk;
	struct faulty_os os;
	struct log_rig rig;
	dpi_log_hub *hub;
	dpi_log_partition *partition;
	dpi_segment_owner owner;
};

static void open_scene(struct scene *scene, const struct log_image *image)
{
	scene->disk = sim_disk_new(1);
	faulty_os_init(&scene->os, sim_disk_start(scene->disk));
	log_image_put(image, &scene->os.os);
	log_rig_init(&scene->rig);
	assert_int_equal(
		log_rig_open(&scene->rig, &scene->os.os, DIRECTORY), DP_OK);
	scene->hub = (dpi_log_hub *)scene->rig.hub;
	assert_int_equal(dpi_log_refresh(scene->hub, NULL), DP_OK);
	scene->partition = scene->hub->partitions;
	scene->owner = dpi_log_owner(scene->hub, &scene->partition->name);
}

static void close_scene(struct scene *scene)
{
	log_rig_close(&scene->rig);
	sim_disk_free(scene->disk);
}

static dp_status recover(struct scene *scene, dpi_log_found *found,
	uint64_t *ret_next, dp_error **err)
{
	dpi_sources sources;
	dp_status st;

	dpi_sources_init(&sources, scene->hub->alloc);
	st = dpi_log_recover(
		scene->hub, scene->partition, &sources, found, err);
	*ret_next = dpi_sources_next(&sources, KEY);
	dpi_sources_fini(&sources);
	return st;
}

static size_t count_events(const struct scene *scene)
{
	struct log_contents contents;
	size_t count;

	log_contents_read(&contents, &scene->os.os, DIRECTORY, "shop", 0);
	count = contents.count;
	log_contents_free(&contents);
	return count;
}

static void append_places(dpi_writer *writer, uint64_t next, size_t payload)
{
	char *data = calloc(1, payload + 1);
	dp_event ev = DP_EVENT_INIT;
	struct test_feed feed;

	assert_non_null(data);
	test_feed_init(&feed, DP_ACK_DURABLE);
	writer->ops->attach(writer, &feed.feed);
	ev.payload = dpi_bytes(data, payload);
	test_feed_add(&feed, &ev, (dpi_source_place){KEY, next});
	writer->ops->commit(writer);
	writer->ops->detach(writer, &feed.feed);
	assert_int_equal(feed.ok, 1);
	test_feed_fini(&feed);
	free(data);
}

/* Opens the log, appends, and closes it: that is one segment. */
static void append_segment(
	const dpi_os *os, uint64_t next, size_t small, size_t payload)
{
	struct log_rig rig;
	dpi_writer *writer;

	log_rig_init(&rig);
	rig.opts.segment_bytes = 1u << 20;
	assert_int_equal(log_rig_open(&rig, os, DIRECTORY), DP_OK);
	writer = log_rig_writer(&rig, "shop");
	test_feed_append(writer, "p", small);
	append_places(writer, next, payload);
	test_feed_append(writer, "q", small);
	log_rig_close(&rig);
}

/* The last file in the order of names, which is that of bases. */
static struct image_file *last_segment(struct log_image *image)
{
	struct image_file *last = log_image_find(image, FIRST);

	for (size_t i = 0; i < image->count; i++) {
		struct image_file *file = &image->files[i];

		if (strlen(file->path) == strlen(FIRST) &&
			strncmp(file->path, PARTITION, strlen(PARTITION)) ==
				0 &&
			strcmp(file->path, last->path) > 0) {
			last = file;
		}
	}
	return last;
}

/* Two segments; the last has a record that is larger than what is read at
 * once. */
static void make_image(struct log_image *image)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);

	append_segment(os, NEXT, 5, 100);
	append_segment(os, NEXT + 1, 5, LARGE);
	log_image_take(image, os, DIRECTORY);
	sim_disk_free(disk);
}

#define EVENTS 22

/* So that older segments have to be asked, the page says nothing of the zeros
 * at the end, and there is something to tidy: a copy of the first segment
 * within it, and one in which nothing is. */
static void make_worse(struct log_image *image)
{
	const struct image_file *first = log_image_find(image, FIRST);
	uint8_t *copy = malloc(first->size);
	size_t size = first->size;

	assert_non_null(copy);
	memcpy(copy, first->data, size);
	memset(last_segment(image)->data + DPI_LOG_PAGE, 0, 40);
	log_image_resize(last_segment(image), last_segment(image)->size + 9000);
	log_image_resize(log_image_find(image, PARTITION "/state"), 0);
	log_image_set(image, PARTITION "/0000000000000101.seg", copy, size);
	memset(copy, 0, size);
	log_image_set(image, PARTITION "/0000000000000102.seg", copy, size);
	free(copy);
}

/* Once more, with nothing in the way: all is as it would have been. */
static void assert_recovered(struct scene *scene)
{
	dpi_log_found found;
	uint64_t next;

	assert_int_equal(recover(scene, &found, &next, NULL), DP_OK);
	assert_int_equal(next, NEXT + 1);
	assert_int_equal(count_events(scene), EVENTS);
	assert_true(found.has_segment && !found.is_empty);
}

static void recovery_without_memory_says_so_and_harms_nothing(void **state)
{
	struct log_image image;
	bool is_done = false;

	(void)state;
	make_image(&image);
	make_worse(&image);
	for (long n = 0; !is_done; n++) {
		struct scene scene;
		dpi_log_found found;
		dp_error *err = NULL;
		uint64_t next;
		dp_status st;

		open_scene(&scene, &image);
		scene.rig.heap.fail_at = scene.rig.heap.made + n;
		st = recover(&scene, &found, &next, &err);
		is_done = scene.rig.heap.made <= scene.rig.heap.fail_at;
		scene.rig.heap.fail_at = -1;
		if (st != DP_OK) {
			assert_int_equal(st, DP_ENOMEM);
			assert_non_null(
				strstr(dp_error_message(err), "memory"));
		}
		assert_int_equal(dp_error_code(err), st);
		dp_error_free(err);
		assert_recovered(&scene);
		close_scene(&scene);
	}
	log_image_free(&image);
}

static void recovery_whose_calls_fail_says_so_and_harms_nothing(void **state)
{
	struct log_image image;
	long failed = 1;

	(void)state;
	make_image(&image);
	make_worse(&image);
	for (long n = 0; failed > 0; n++) {
		struct scene scene;
		dpi_log_found found;
		dp_error *err = NULL;
		uint64_t next;
		dp_status st;

		open_scene(&scene, &image);
		faulty_os_fail(&scene.os, FAULTY_ANY, n, EIO, false);
		st = recover(&scene, &found, &next, &err);
		failed = faulty_os_failed(&scene.os);
		faulty_os_heal(&scene.os);
		assert_true(st == DP_OK || st == DP_EIO);
		assert_int_equal(dp_error_code(err), st);
		dp_error_free(err);
		assert_recovered(&scene);
		close_scene(&scene);
	}
	log_image_free(&image);
}

static void take_over(void *user, faulty_call call, long number)
{
	struct scene *scene = user;

	(void)number;
	if (call == FAULTY_FDATASYNC) {
		atomic_fetch_add(&scene->partition->state->epoch, 1);
	}
}

static void who_was_overtaken_while_it_recovers_publishes_nothing(void **state)
{
	struct log_image image;
	struct scene scene;
	dpi_log_found found;
	dp_error *err = NULL;
	uint64_t durable;
	uint64_t next;

	(void)state;
	make_image(&image);
	open_scene(&scene, &image);
	durable = atomic_load(&scene.partition->state->durable);
	scene.os.hook_user = &scene;
	scene.os.hook = take_over;
	assert_int_equal(recover(&scene, &found, &next, &err), DP_EIO);
	assert_non_null(strstr(dp_error_message(err), "taken it over"));
	assert_int_equal(
		atomic_load(&scene.partition->state->durable), durable);
	dp_error_free(err);
	scene.os.hook = NULL;
	assert_recovered(&scene);
	close_scene(&scene);
	log_image_free(&image);
}

/* A flipped bit in the middle, and the last record cut: damage and a torn
 * tail, or damage alone if the page is right. */
static void recover_damaged(struct log_image *image, uint64_t written,
	uint64_t durable, uint64_t base)
{
	struct scene scene;
	dpi_log_found found;
	uint64_t next;
	dp_hub_stats stats;

	open_scene(&scene, image);
	atomic_store(&scene.partition->state->base, base);
	atomic_store(&scene.partition->state->written, written);
	atomic_store(&scene.partition->state->durable, durable);
	assert_int_equal(recover(&scene, &found, &next, NULL), DP_OK);
	stats = log_rig_stats(&scene.rig);
	assert_int_equal(stats.corrupt_events, 1);
	assert_in_range(stats.torn_bytes, 10, 100);
	assert_int_equal(found.next, found.end);
	assert_int_equal(
		atomic_load(&scene.partition->state->durable), found.end);
	close_scene(&scene);
}

static void a_page_that_cannot_be_right_is_not_believed(void **state)
{
	struct log_image image;
	struct image_file *last;
	uint64_t base;
	uint64_t end;

	(void)state;
	make_image(&image);
	last = last_segment(&image);
	base = strtoull(strrchr(last->path, '/') + 1, NULL, 16);
	log_image_resize(last, last->size - 9);
	end = base + last->size - DPI_LOG_PAGE;
	last->data[DPI_LOG_PAGE + 100] ^= 1;
	recover_damaged(&image, end - 1, end, base);
	recover_damaged(&image, end + ((uint64_t)1 << 40), end, base);
	recover_damaged(&image, end, base - 1, base);
	recover_damaged(&image, end, end, base - 1);
	log_image_free(&image);
}

static void a_size_past_the_end_costs_one_record(void **state)
{
	struct log_image image;
	struct scene scene;
	dpi_log_found found;
	uint64_t next;
	uint8_t *record;

	(void)state;
	make_image(&image);
	record = last_segment(&image)->data + DPI_LOG_PAGE;
	/* The first event, behind the snapshot. */
	record += dpi_record_size(record);
	dpi_store_u32(record + 4, 1u << 23);
	open_scene(&scene, &image);
	assert_int_equal(recover(&scene, &found, &next, NULL), DP_OK);
	assert_int_equal(next, NEXT + 1);
	assert_int_equal(count_events(&scene), EVENTS - 1);
	close_scene(&scene);
	log_image_free(&image);
}

static void an_epoch_that_nobody_can_have_counted_to_is_not_believed(
	void **state)
{
	struct log_image image;
	struct scene scene;
	dpi_log_found found;
	uint64_t next;

	(void)state;
	make_image(&image);
	open_scene(&scene, &image);
	atomic_store(&scene.partition->state->epoch, UINT64_MAX);
	assert_int_equal(recover(&scene, &found, &next, NULL), DP_OK);
	assert_int_equal(found.epoch, 3);
	atomic_store(&scene.partition->state->epoch, UINT64_MAX / 2);
	assert_int_equal(recover(&scene, &found, &next, NULL), DP_OK);
	assert_int_equal(found.epoch, 3);
	close_scene(&scene);
	log_image_free(&image);
}

static void offsets_of_segments_that_are_gone_are_not_used_again(void **state)
{
	struct log_image image;
	struct scene scene;
	dpi_log_found found;
	uint64_t durable;
	uint64_t next;

	(void)state;
	make_image(&image);
	log_image_remove(&image, last_segment(&image)->path);
	log_image_remove(&image, FIRST);
	open_scene(&scene, &image);
	durable = atomic_load(&scene.partition->state->durable);
	assert_int_equal(recover(&scene, &found, &next, NULL), DP_OK);
	assert_false(found.has_segment);
	assert_int_equal(found.next, durable);
	assert_int_equal(log_rig_stats(&scene.rig).corrupt_events, 1);
	close_scene(&scene);
	log_image_free(&image);
}

/* Somebody may have begun segments behind the end that was loaded before. */
static void places_are_learned_up_to_an_end(void **state)
{
	struct log_image image;
	struct scene scene;
	dpi_segment_list list;
	dpi_sources sources;
	const uint64_t nexts[] = {NEXT, NEXT, NEXT + 1};

	(void)state;
	make_image(&image);
	open_scene(&scene, &image);
	assert_int_equal(
		dpi_segment_list_init(&list, scene.hub->alloc, &scene.os.os,
			DIRECTORY, &scene.owner.name, NULL),
		DP_OK);
	assert_int_equal(list.count, 2);
	const uint64_t ends[] = {list.bases[1] - 1, list.bases[1], UINT64_MAX};
	for (size_t i = 0; i < 3; i++) {
		dpi_sources_init(&sources, scene.hub->alloc);
		assert_int_equal(
			dpi_log_learn_sources(scene.hub, scene.partition, &list,
				ends[i], &sources, NULL),
			DP_OK);
		assert_true(
			dpi_sources_next(&sources, KEY) == nexts[i] || i == 0);
		dpi_sources_fini(&sources);
	}
	dpi_segment_list_fini(&list, scene.hub->alloc);
	close_scene(&scene);
	log_image_free(&image);
}

static void places_that_memory_lacks_for_are_no_success(void **state)
{
	struct log_image image;
	struct scene scene;
	dpi_segment_list list;
	dp_status st = DP_ENOMEM;

	(void)state;
	make_image(&image);
	open_scene(&scene, &image);
	assert_int_equal(
		dpi_segment_list_init(&list, scene.hub->alloc, &scene.os.os,
			DIRECTORY, &scene.owner.name, NULL),
		DP_OK);
	for (long n = 0; st != DP_OK; n++) {
		dpi_sources sources;

		dpi_sources_init(&sources, scene.hub->alloc);
		scene.rig.heap.fail_at = scene.rig.heap.made + n;
		st = dpi_log_learn_sources(scene.hub, scene.partition, &list,
			UINT64_MAX, &sources, NULL);
		scene.rig.heap.fail_at = -1;
		assert_true(st == DP_OK || st == DP_ENOMEM);
		assert_true(st == DP_ENOMEM || n >= 2);
		assert_true(st == DP_ENOMEM ||
			dpi_sources_next(&sources, KEY) == NEXT + 1);
		dpi_sources_fini(&sources);
	}
	dpi_segment_list_fini(&list, scene.hub->alloc);
	close_scene(&scene);
	log_image_free(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			recovery_without_memory_says_so_and_harms_nothing),
		cmocka_unit_test(
			recovery_whose_calls_fail_says_so_and_harms_nothing),
		cmocka_unit_test(
			who_was_overtaken_while_it_recovers_publishes_nothing),
		cmocka_unit_test(a_page_that_cannot_be_right_is_not_believed),
		cmocka_unit_test(a_size_past_the_end_costs_one_record),
		cmocka_unit_test(
			an_epoch_that_nobody_can_have_counted_to_is_not_believed),
		cmocka_unit_test(
			offsets_of_segments_that_are_gone_are_not_used_again),
		cmocka_unit_test(places_are_learned_up_to_an_end),
		cmocka_unit_test(places_that_memory_lacks_for_are_no_success),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
