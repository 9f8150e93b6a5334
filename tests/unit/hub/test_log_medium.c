/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "faulty_os.h"
#include "hub/log/log_hub.h"
#include "hub/log/medium.h"
#include "log_rig.h"
#include "sim_os.h"
#include "test_feed.h"

/* A log on a disk that answers EIO in places. */

#define DIRECTORY "/log"
#define TOPIC "shop"
#define EVENTS 10000u
#define PAGE ((uint64_t)DPI_LOG_PAGE)
/* Behind what is read first. */
#define BAD (96 * PAGE)
/* Most events that a page may cost: the least takes 60 bytes. */
#define PAGE_EVENTS (4096u / 60 + 2)

struct place {
	struct sim_disk *disk;
	struct faulty_os os;
	struct log_rig rig;
	dp_subscription *sub;
};

static void open_rig(struct place *p)
{
	log_rig_init(&p->rig);
	p->rig.opts.segment_bytes = 1u << 20;
	assert_int_equal(log_rig_open(&p->rig, &p->os.os, DIRECTORY), DP_OK);
}

static void subscribe(struct place *p)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;

	opts.topics = TOPIC;
	assert_int_equal(
		dp_subscription_open(&p->sub, p->rig.hub, "s", &opts, NULL),
		DP_OK);
}

/* One segment with all events, its owner, and who reads it. */
static int begin(void **state)
{
	static struct place place;
	struct place *p = &place;
	dpi_writer *writer;

	*p = (struct place){.disk = sim_disk_new(1)};
	faulty_os_init(&p->os, sim_disk_start(p->disk));
	open_rig(p);
	writer = log_rig_writer(&p->rig, TOPIC);
	assert_non_null(writer);
	test_feed_append(writer, "a payload of some length ", EVENTS);
	subscribe(p);
	*state = p;
	return 0;
}

static int end(void **state)
{
	struct place *p = *state;

	dp_subscription_close(p->sub);
	log_rig_close(&p->rig);
	sim_disk_free(p->disk);
	return 0;
}

/* Pulls and acks until there is none, or an error. */
static dp_status drain(struct place *p, size_t *count)
{
	dp_batch *batch;
	dp_status st;

	for (;;) {
		st = dp_subscription_pull(p->sub, &batch, 1000, 0, NULL);
		if (st != DP_OK) {
			return st == DP_ETIMEDOUT || st == DP_EAGAIN ? DP_OK
								     : st;
		}
		*count += dp_batch_count(batch);
		assert_int_equal(
			dp_subscription_ack_batch(p->sub, batch, NULL), DP_OK);
		dp_batch_unref(batch);
	}
}

static void wait(struct place *p, dp_time_ns time)
{
	virtual_clock_advance(sim_disk_clock(p->disk), time);
}

/* Reads what comes before the pages that fail. */
static void drain_to_failure(struct place *p, size_t *count)
{
	assert_int_equal(drain(p, count), DP_EIO);
	assert_in_range(*count, 1, EVENTS - 1);
	wait(p, DPI_MEDIUM_PATIENCE - 1);
	assert_int_equal(drain(p, count), DP_EIO);
	assert_int_equal(log_rig_stats(&p->rig).corrupt_bytes, 0);
}

static void assert_lost(struct place *p, size_t count, unsigned pages)
{
	dp_hub_stats stats = log_rig_stats(&p->rig);

	assert_in_range(count, EVENTS - pages * PAGE_EVENTS, EVENTS - 1);
	assert_in_range(
		stats.corrupt_bytes, pages * PAGE, pages * PAGE + pages * 200);
}

static void a_page_that_is_readable_again_costs_nothing(void **state)
{
	struct place *p = *state;
	size_t count = 0;

	faulty_os_break(&p->os, BAD, BAD + PAGE);
	drain_to_failure(p, &count);
	faulty_os_heal(&p->os);
	wait(p, DP_SECOND);
	assert_int_equal(drain(p, &count), DP_OK);
	assert_int_equal(count, EVENTS);
	assert_int_equal(log_rig_stats(&p->rig).corrupt_bytes, 0);
}

static void a_page_that_stays_unreadable_costs_its_records_alone(void **state)
{
	struct place *p = *state;
	size_t count = 0;

	faulty_os_break(&p->os, BAD + 512, BAD + 1024);
	drain_to_failure(p, &count);
	wait(p, 1);
	assert_int_equal(drain(p, &count), DP_OK);
	assert_lost(p, count, 1);
	assert_int_equal(log_rig_stats(&p->rig).corrupt_events, 1);
}

static void pages_in_a_row_are_passed_over_together(void **state)
{
	struct place *p = *state;
	size_t count = 0;

	faulty_os_break(&p->os, BAD, BAD + 3 * PAGE);
	drain_to_failure(p, &count);
	wait(p, 1);
	assert_int_equal(drain(p, &count), DP_OK);
	assert_lost(p, count, 3);
}

static void nothing_is_passed_over_while_the_disk_is_not_there(void **state)
{
	struct place *p = *state;
	size_t count = 0;

	faulty_os_break(&p->os, BAD, BAD + PAGE);
	faulty_os_fail(&p->os, FAULTY_FDATASYNC, 0, EIO, true);
	drain_to_failure(p, &count);
	wait(p, DP_SECOND);
	assert_int_equal(drain(p, &count), DP_EIO);
	faulty_os_heal(&p->os);
	assert_int_equal(drain(p, &count), DP_OK);
	assert_int_equal(count, EVENTS);
}

static void each_page_that_fails_is_waited_for(void **state)
{
	struct place *p = *state;
	size_t count = 0;
	size_t before;

	faulty_os_break(&p->os, BAD, BAD + PAGE);
	drain_to_failure(p, &count);
	before = count;
	faulty_os_break(&p->os, BAD + 2 * PAGE, BAD + 3 * PAGE);
	wait(p, 1);
	assert_int_equal(drain(p, &count), DP_EIO);
	assert_true(count > before);
	faulty_os_heal(&p->os);
	assert_int_equal(drain(p, &count), DP_OK);
	assert_int_equal(count, EVENTS);
}

/* What cannot be read may be what was acknowledged: it is not cut off. */
static void recovery_waits_for_what_cannot_be_read(void **state)
{
	struct place *p = *state;
	size_t count = 0;

	dp_subscription_close(p->sub);
	p->sub = NULL;
	log_rig_close(&p->rig);
	open_rig(p);
	for (uint64_t at = 1; at < 160; at += 53) {
		faulty_os_break(&p->os, at * PAGE, at * PAGE + 512);
		assert_null(log_rig_writer(&p->rig, TOPIC));
		assert_int_equal(dp_error_code(p->rig.err), DP_EIO);
		assert_non_null(
			strstr(dp_error_message(p->rig.err), "put a copy"));
		wait(p, 2 * DPI_MEDIUM_PATIENCE);
	}
	faulty_os_heal(&p->os);
	assert_non_null(log_rig_writer(&p->rig, TOPIC));
	subscribe(p);
	assert_int_equal(drain(p, &count), DP_OK);
	assert_int_equal(count, EVENTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_page_that_is_readable_again_costs_nothing, begin,
			end),
		cmocka_unit_test_setup_teardown(
			a_page_that_stays_unreadable_costs_its_records_alone,
			begin, end),
		cmocka_unit_test_setup_teardown(
			pages_in_a_row_are_passed_over_together, begin, end),
		cmocka_unit_test_setup_teardown(
			nothing_is_passed_over_while_the_disk_is_not_there,
			begin, end),
		cmocka_unit_test_setup_teardown(
			each_page_that_fails_is_waited_for, begin, end),
		cmocka_unit_test_setup_teardown(
			recovery_waits_for_what_cannot_be_read, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
