/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "sim_os.h"
#include "sink_kinds.h"
#include "test_batch.h"
#include "test_dir.h"

/*
 * What datapipe/ext/sink.h asks of a sink that keeps positions, asked of each
 * of ours.
 */

static const struct sink_kind *kind_now;

/*
 * A test's own rig, on a machine of its own; on a directory of the real one
 * for a sink that does not use dpi_os.
 */
struct fixture {
	struct sink_rig rig;
	struct sim_disk *disk;
	void *folder;
};

static void begin(struct fixture *f)
{
	*f = (struct fixture){.disk = NULL};
	if (kind_now->uses_os) {
		f->disk = sim_disk_new(1);
		rig_init(&f->rig, kind_now, sim_disk_start(f->disk), "/data");
		return;
	}
	assert_int_equal(test_dir_setup(&f->folder), 0);
	rig_init(&f->rig, kind_now, dpi_os_real(), f->folder);
}

static void end(struct fixture *f)
{
	rig_fini(&f->rig);
	if (f->disk != NULL) {
		sim_disk_free(f->disk);
	} else {
		assert_int_equal(test_dir_teardown(&f->folder), 0);
	}
}

/* The next process on the same disk. */
static void begin_again(struct fixture *f)
{
	rig_fini(&f->rig);
	rig_init(&f->rig, kind_now, sim_disk_start(f->disk), "/data");
}

static void start(struct fixture *f, const char *job)
{
	dp_error *err = NULL;
	dp_status st = rig_start(&f->rig, job, &err);

	if (st != DP_OK) {
		fail_msg("%s", dp_error_message(err));
	}
}

static void write_ok(
	struct fixture *f, uint32_t partition, dp_offset first, size_t count)
{
	assert_int_equal(
		rig_write(&f->rig, partition, first, count, NULL), DP_OK);
}

static void flush_ok(struct fixture *f, uint32_t partition, dp_offset next)
{
	dp_error *err = NULL;

	if (rig_flush(&f->rig, partition, next, &err) != DP_OK) {
		fail_msg("%s", dp_error_message(err));
	}
}

static void what_was_flushed_is_there_and_so_is_its_position(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	start(&f, "job");
	assert_int_equal(rig_next(&f.rig, 0), 0);
	write_ok(&f, 0, 0, 5);
	write_ok(&f, 0, 5, 5);
	flush_ok(&f, 0, 10);
	rig_assert_once(&f.rig, 1, 10);
	assert_int_equal(rig_next(&f.rig, 0), 10);
	rig_stop(&f.rig);
	start(&f, "job");
	assert_int_equal(rig_next(&f.rig, 0), 10);
	rig_assert_once(&f.rig, 1, 10);
	end(&f);
}

static void what_was_not_flushed_is_not_there(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	start(&f, "job");
	write_ok(&f, 0, 0, 5);
	flush_ok(&f, 0, 5);
	write_ok(&f, 0, 5, 5);
	rig_assert_once(&f.rig, 1, 5);
	rig_stop(&f.rig);
	start(&f, "job");
	assert_int_equal(rig_next(&f.rig, 0), 5);
	rig_assert_once(&f.rig, 1, 5);
	end(&f);
}

static void a_reset_sink_takes_again_what_it_dropped(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	start(&f, "job");
	write_ok(&f, 0, 0, 5);
	flush_ok(&f, 0, 5);
	for (int i = 0; i < 3; i++) {
		write_ok(&f, 0, 5, 5);
		assert_true(dpi_sink_reset(f.rig.sink));
		assert_int_equal(dpi_sink_open(f.rig.sink, "job", NULL), DP_OK);
		assert_int_equal(rig_next(&f.rig, 0), 5);
	}
	write_ok(&f, 0, 5, 5);
	flush_ok(&f, 0, 10);
	rig_assert_once(&f.rig, 1, 10);
	end(&f);
}

static void a_flush_of_nothing_keeps_the_position(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	start(&f, "job");
	flush_ok(&f, 0, 0);
	/* Every event up to 7 was refused, say. */
	flush_ok(&f, 0, 7);
	assert_int_equal(rig_next(&f.rig, 0), 7);
	flush_ok(&f, 0, 7);
	rig_stop(&f.rig);
	start(&f, "job");
	assert_int_equal(rig_next(&f.rig, 0), 7);
	rig_assert_once(&f.rig, 1, 0);
	end(&f);
}

static void positions_of_partitions_do_not_mix(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	start(&f, "job");
	write_ok(&f, 0, 0, 6);
	write_ok(&f, 2, 0, 6);
	flush_ok(&f, 0, 6);
	flush_ok(&f, 2, 6);
	write_ok(&f, 1, 0, 6);
	flush_ok(&f, 1, 6);
	rig_stop(&f.rig);
	start(&f, "job");
	for (uint32_t p = 0; p < 3; p++) {
		assert_int_equal(rig_next(&f.rig, p), 6);
	}
	rig_assert_once(&f.rig, 3, 6);
	end(&f);
}

static void jobs_do_not_see_each_others_positions(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	start(&f, "job");
	write_ok(&f, 0, 0, 6);
	flush_ok(&f, 0, 6);
	rig_stop(&f.rig);
	start(&f, "other");
	assert_int_equal(rig_next(&f.rig, 0), 0);
	end(&f);
}

static void processes_of_one_job_share_what_is_known(void **state)
{
	struct fixture f;
	struct sink_rig second;

	(void)state;
	begin(&f);
	rig_init(&second, kind_now, sim_disk_start(f.disk), "/data");
	start(&f, "job");
	assert_int_equal(rig_start(&second, "job", NULL), DP_OK);
	write_ok(&f, 0, 0, 6);
	assert_int_equal(rig_write(&second, 1, 0, 6, NULL), DP_OK);
	flush_ok(&f, 0, 6);
	assert_int_equal(rig_flush(&second, 1, 6, NULL), DP_OK);
	assert_int_equal(rig_next(&f.rig, 1), 6);
	assert_int_equal(rig_next(&second, 0), 6);
	/* The first dies; the second goes on with its partition. */
	rig_stop(&f.rig);
	assert_int_equal(rig_next(&second, 0), 6);
	assert_int_equal(rig_write(&second, 0, 6, 6, NULL), DP_OK);
	assert_int_equal(rig_write(&second, 1, 6, 6, NULL), DP_OK);
	assert_int_equal(rig_flush(&second, 0, 12, NULL), DP_OK);
	assert_int_equal(rig_flush(&second, 1, 12, NULL), DP_OK);
	rig_assert_once(&second, 2, 12);
	rig_fini(&second);
	start(&f, "job");
	assert_int_equal(rig_next(&f.rig, 0), 12);
	end(&f);
}

/* Events 0 and 2 are fine, 1 is of a type that nobody knows. */
static void an_unknown_type_is_refused_and_the_rest_is_taken(void **state)
{
	const struct sink_kind *kind = kind_now;
	dp_event events[3] = {DP_EVENT_INIT, DP_EVENT_INIT, DP_EVENT_INIT};
	char payloads[3][64];
	struct fixture f;
	dp_batch *batch;

	(void)state;
	begin(&f);
	start(&f, "job");
	for (size_t i = 0; i < 3; i++) {
		events[i].payload.data = payloads[i];
		events[i].payload.size = kind->payload(payloads[i], 0, i);
		events[i].type = i == 1 ? "no.such.Type" : kind->type;
	}
	batch = test_batch_new(RIG_TOPIC, 0, 0, events, 3);
	assert_int_equal(
		dpi_sink_write(f.rig.sink, batch, &f.rig.refusals, NULL),
		DP_OK);
	if (kind->is_parsed) {
		assert_int_equal(f.rig.refusals.count, 1);
		assert_int_equal(f.rig.refusals.items[0].index, 1);
		assert_int_equal(
			f.rig.refusals.items[0].refusal, DP_REFUSAL_EVENT);
		assert_int_equal(f.rig.refusals.items[0].code, DP_ENOTFOUND);
		assert_non_null(strstr(
			f.rig.refusals.items[0].message, "no.such.Type"));
	} else {
		assert_int_equal(f.rig.refusals.count, 0);
	}
	dp_batch_unref(batch);
	flush_ok(&f, 0, 3);
	if (kind->is_parsed) {
		struct seen seen = {.bad = false};

		kind->read(&f.rig, &seen);
		assert_int_equal(seen.count[0][0], 1);
		assert_int_equal(seen.count[0][1], 0);
		assert_int_equal(seen.count[0][2], 1);
	} else {
		rig_assert_once(&f.rig, 1, 3);
	}
	end(&f);
}

#define RUN_PARTITIONS 2
#define RUN_EVENTS 24

static dp_status run(struct fixture *f)
{
	dp_error *err = NULL;
	dp_status st = rig_start(&f->rig, "job", &err);

	if (st == DP_OK) {
		st = rig_run(&f->rig, RUN_PARTITIONS, RUN_EVENTS, &err);
	}
	dp_error_free(err);
	return st;
}

/* Another process goes on; afterwards all is there. */
static void assert_next_process_finishes(struct fixture *f)
{
	assert_int_equal(run(f), DP_OK);
	rig_assert_once(&f->rig, RUN_PARTITIONS, RUN_EVENTS);
}

/* Calls of a whole run: all, and those that change the disk. */
static void count_calls(long *ret_calls, long *ret_changes)
{
	struct fixture f;

	begin(&f);
	assert_int_equal(run(&f), DP_OK);
	rig_stop(&f.rig);
	*ret_calls = faulty_os_count(&f.rig.faulty, FAULTY_ANY);
	*ret_changes = sim_disk_changes(f.disk);
	rig_assert_once(&f.rig, RUN_PARTITIONS, RUN_EVENTS);
	end(&f);
}

static void after_a_death_at_any_call_each_event_is_there_once(void **state)
{
	long calls;
	long changes;

	(void)state;
	count_calls(&calls, &changes);
	for (long k = 0; k < changes; k++) {
		struct fixture f;

		begin(&f);
		sim_disk_kill_at(f.rig.os, k);
		(void)run(&f);
		begin_again(&f);
		assert_next_process_finishes(&f);
		end(&f);
	}
}

/* Seeds 0 and 1 lose all that was not synced, and nothing. */
static void after_a_power_cut_at_any_call_each_event_is_there_once(void **state)
{
	long calls;
	long changes;

	(void)state;
	count_calls(&calls, &changes);
	for (long k = 0; k < changes; k++) {
		for (uint64_t seed = 0; seed < 6; seed++) {
			struct fixture f;

			begin(&f);
			sim_disk_crash_at(f.disk, k);
			(void)run(&f);
			rig_stop(&f.rig);
			sim_disk_reboot(f.disk, seed);
			begin_again(&f);
			assert_next_process_finishes(&f);
			end(&f);
		}
	}
}

/* The first process dies, the next one's power is cut in its recovery. */
static void after_a_power_cut_in_recovery_each_event_is_there_once(void **state)
{
	long calls;
	long changes;

	(void)state;
	count_calls(&calls, &changes);
	for (long k = 3; k < changes; k += 3) {
		for (long in_recovery = 0; in_recovery < 12; in_recovery++) {
			struct fixture f;

			begin(&f);
			sim_disk_kill_at(f.rig.os, k);
			(void)run(&f);
			begin_again(&f);
			sim_disk_crash_at(f.disk, in_recovery);
			(void)run(&f);
			rig_stop(&f.rig);
			sim_disk_reboot(f.disk, (uint64_t)in_recovery % 3);
			begin_again(&f);
			assert_next_process_finishes(&f);
			end(&f);
		}
	}
}

/* What a dead process made may be in memory only, whoever goes on with it. */
static void what_the_next_process_finished_survives_a_power_cut(void **state)
{
	long calls;
	long changes;

	(void)state;
	count_calls(&calls, &changes);
	for (long k = 0; k < changes; k++) {
		struct fixture f;

		begin(&f);
		sim_disk_kill_at(f.rig.os, k);
		(void)run(&f);
		begin_again(&f);
		assert_int_equal(run(&f), DP_OK);
		rig_stop(&f.rig);
		sim_disk_reboot(f.disk, 0);
		begin_again(&f);
		rig_assert_once(&f.rig, RUN_PARTITIONS, RUN_EVENTS);
		end(&f);
	}
}

static void a_flush_of_nothing_keeps_the_flush_before_it(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	start(&f, "job");
	write_ok(&f, 0, 0, 6);
	flush_ok(&f, 0, 6);
	flush_ok(&f, 0, 7);
	sim_disk_crash(f.disk);
	rig_stop(&f.rig);
	sim_disk_reboot(f.disk, 0);
	begin_again(&f);
	start(&f, "job");
	rig_assert_once(&f.rig, 1, 6);
	assert_int_equal(rig_next(&f.rig, 0), 7);
	end(&f);
}

/*
 * A sync that fails may have cleaned the pages all the same: what can be read
 * is then not what is on disk. The process goes on, and the power is cut.
 */
static void after_a_failed_sync_and_a_power_cut_each_event_is_there_once(
	void **state)
{
	bool failed = true;

	(void)state;
	for (long k = 0; failed; k++) {
		for (uint64_t seed = 0; seed < 3; seed++) {
			struct fixture f;

			begin(&f);
			faulty_os_fail(&f.rig.faulty,
				k % 2 == 0 ? FAULTY_FDATASYNC : FAULTY_FSYNC,
				k / 2, EIO, false);
			sim_disk_crash_at(f.disk, 40 + k);
			(void)run(&f);
			failed = faulty_os_failed(&f.rig.faulty) > 0;
			rig_stop(&f.rig);
			sim_disk_reboot(f.disk, seed);
			begin_again(&f);
			assert_next_process_finishes(&f);
			end(&f);
		}
	}
}

static void one_call_that_fails_costs_no_event(int error)
{
	long calls;
	long changes;

	count_calls(&calls, &changes);
	for (long k = 0; k < calls; k++) {
		struct fixture f;

		begin(&f);
		faulty_os_fail(&f.rig.faulty, FAULTY_ANY, k, error, false);
		if (run(&f) != DP_OK) {
			rig_stop(&f.rig);
			assert_int_equal(run(&f), DP_OK);
		}
		rig_assert_once(&f.rig, RUN_PARTITIONS, RUN_EVENTS);
		end(&f);
	}
}

static void after_one_error_at_any_call_the_job_goes_on(void **state)
{
	(void)state;
	one_call_that_fails_costs_no_event(EIO);
}

static void after_a_full_disk_at_any_call_the_job_goes_on(void **state)
{
	(void)state;
	one_call_that_fails_costs_no_event(ENOSPC);
}

/* The disk fills up at any size, and the job goes on once there is room. */
static void a_full_disk_holds_the_job_back_and_costs_no_event(void **state)
{
	bool was_full = true;

	(void)state;
	for (int64_t room = 0; was_full; room += 97) {
		struct fixture f;

		begin(&f);
		faulty_os_set_room(&f.rig.faulty, room);
		was_full = run(&f) != DP_OK;
		faulty_os_set_room(&f.rig.faulty, -1);
		if (was_full) {
			rig_stop(&f.rig);
			assert_int_equal(run(&f), DP_OK);
		}
		rig_assert_once(&f.rig, RUN_PARTITIONS, RUN_EVENTS);
		end(&f);
	}
}

/* Returns whether an allocation failed. */
static bool run_with_failing_allocation(long k, bool for_ever)
{
	struct fixture f;
	dp_error *err = NULL;
	dp_status st;
	bool failed;

	begin(&f);
	f.rig.heap.fail_at = k;
	f.rig.heap.for_ever = for_ever;
	st = rig_start(&f.rig, "job", &err);
	if (st == DP_OK) {
		st = rig_run(&f.rig, 2, 12, &err);
	}
	failed = f.rig.heap.made > k;
	if (st != DP_OK) {
		assert_true(failed);
		assert_int_equal(st, DP_ENOMEM);
	}
	dpi_error_clear(&err);
	rig_stop(&f.rig);
	assert_int_equal(f.rig.heap.live_blocks, 0);
	f.rig.heap.fail_at = -1;
	start(&f, "job");
	assert_int_equal(rig_run(&f.rig, 2, 12, NULL), DP_OK);
	rig_assert_once(&f.rig, 2, 12);
	end(&f);
	return failed;
}

static void without_memory_nothing_is_lost_or_doubled(void **state)
{
	(void)state;
	for (long k = 0; run_with_failing_allocation(k, false); k++) {
	}
}

static void without_memory_for_ever_nothing_is_half_done(void **state)
{
	(void)state;
	for (long k = 0; run_with_failing_allocation(k, true); k++) {
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_was_flushed_is_there_and_so_is_its_position),
		cmocka_unit_test(what_was_not_flushed_is_not_there),
		cmocka_unit_test(a_reset_sink_takes_again_what_it_dropped),
		cmocka_unit_test(a_flush_of_nothing_keeps_the_position),
		cmocka_unit_test(positions_of_partitions_do_not_mix),
		cmocka_unit_test(jobs_do_not_see_each_others_positions),
		cmocka_unit_test(
			an_unknown_type_is_refused_and_the_rest_is_taken),
		cmocka_unit_test(without_memory_nothing_is_lost_or_doubled),
		cmocka_unit_test(without_memory_for_ever_nothing_is_half_done),
	};
	/* Where the sink asks dpi_os for everything, it runs on a disk of ours. */
	const struct CMUnitTest on_any_disk[] = {
		cmocka_unit_test(processes_of_one_job_share_what_is_known),
		cmocka_unit_test(
			after_a_death_at_any_call_each_event_is_there_once),
		cmocka_unit_test(
			after_a_power_cut_at_any_call_each_event_is_there_once),
		cmocka_unit_test(
			after_a_power_cut_in_recovery_each_event_is_there_once),
		cmocka_unit_test(
			what_the_next_process_finished_survives_a_power_cut),
		cmocka_unit_test(a_flush_of_nothing_keeps_the_flush_before_it),
		cmocka_unit_test(
			after_a_failed_sync_and_a_power_cut_each_event_is_there_once),
		cmocka_unit_test(after_one_error_at_any_call_the_job_goes_on),
		cmocka_unit_test(after_a_full_disk_at_any_call_the_job_goes_on),
		cmocka_unit_test(
			a_full_disk_holds_the_job_back_and_costs_no_event),
	};
	int failed;

	for (size_t i = 0; argc == 2 && sink_kinds[i] != NULL; i++) {
		if (strcmp(sink_kinds[i]->name, argv[1]) == 0) {
			kind_now = sink_kinds[i];
		}
	}
	if (kind_now == NULL) {
		(void)fprintf(stderr, "usage: contract_sink KIND\n");
		return 2;
	}
	failed = cmocka_run_group_tests_name(kind_now->name, tests, NULL, NULL);
	if (kind_now->uses_os) {
		failed += cmocka_run_group_tests_name(
			kind_now->name, on_any_disk, NULL, NULL);
	}
	return failed;
}
