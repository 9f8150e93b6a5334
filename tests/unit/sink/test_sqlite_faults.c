/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "sqlite_faults.h"
#include "sqlite_rig.h"

#define EVENTS 40
#define BATCH 8
#define TRIES_MAX 50

static void heal(void)
{
	sqlite_faults_fail_disk(-1, 0, false);
	sqlite_faults_fail_memory(-1, false);
}

static int set_up(void **state)
{
	heal();
	return sqlite_rig_setup(state);
}

static int tear_down(void **state)
{
	heal();
	return sqlite_rig_teardown(state);
}

static void assert_once(struct sqlite_rig *rig, unsigned events)
{
	char wanted[64];

	(void)snprintf(
		wanted, sizeof(wanted), "%u|%u|%u", events, events, events);
	assert_string_equal(rig_query(rig,
				    "SELECT count(*), count(DISTINCT _offset),"
				    " (SELECT next FROM _datapipe_positions)"
				    " FROM \"shop.Paid\""),
		wanted);
}

/* As a job does it: what is not covered by the positions is offered again. */
static dp_status reopen(struct sqlite_rig *rig, uint64_t *next)
{
	dp_positions places;
	dp_status st;

	dp_error_free(rig->err);
	rig->err = NULL;
	if (!dpi_sink_reset(rig->sink)) {
		return DP_ECLOSED;
	}
	st = dpi_sink_open(rig->sink, "job", &rig->err);
	dpi_positions_init(&places, &rig->heap.alloc);
	if (st == DP_OK) {
		st = dpi_sink_positions(rig->sink, &places, &rig->err);
	}
	if (st == DP_OK) {
		*next = dpi_positions_next(&places, "t", 0);
	}
	dpi_positions_fini(&places);
	return st;
}

/* One step of the job; moves *next on, or back to where the sink is. */
static dp_status step(struct sqlite_rig *rig, uint64_t *next, uint64_t *taken)
{
	dp_status st = rig_offer(rig, *next, BATCH, 1);

	if (st != DP_OK) {
		if (rig->refusals.all == DP_REFUSAL_AMBIGUOUS) {
			st = reopen(rig, next);
			*taken = *next;
		}
		return st;
	}
	assert_int_equal(rig->refusals.count, 0);
	*next += BATCH;
	if (*next % (2 * BATCH) == 0 || *next == EVENTS) {
		st = rig_flush_upto(rig, *next);
		if (st == DP_OK) {
			*taken = *next;
		} else if (reopen(rig, next) == DP_OK) {
			*taken = *next;
		}
	}
	return st;
}

/* Runs until all is flushed; false if it failed too often. */
static bool run_job(struct sqlite_rig *rig, uint64_t first)
{
	uint64_t next = first;
	uint64_t taken = first;

	for (int failures = 0; taken < EVENTS;) {
		if (step(rig, &next, &taken) != DP_OK &&
			++failures > TRIES_MAX) {
			return false;
		}
		if (failures > 0 && taken < EVENTS && next == EVENTS) {
			(void)reopen(rig, &next);
		}
	}
	return true;
}

/* Fails call number k of the disk, for all k; returns how many there were. */
static void fail_each_disk_call(void **state, int code, bool for_ever)
{
	long calls = 1;

	for (long k = 0; k < calls; k++) {
		struct sqlite_rig *rig = *state;
		uint64_t next = 0;

		rig_register(rig, 1);
		rig_open_sink(rig, NULL);
		sqlite_faults_fail_disk(k, code, for_ever);
		assert_int_equal(run_job(rig, 0), !for_ever);
		calls = sqlite_faults_disk_calls();
		heal();
		rig_ok(rig, reopen(rig, &next));
		if (next < EVENTS) {
			assert_true(run_job(rig, next));
		}
		assert_once(rig, EVENTS);
		if (for_ever) {
			calls = k < 12 ? k + 2 : 0;
		}
		assert_int_equal(tear_down(state), 0);
		assert_int_equal(set_up(state), 0);
	}
}

static void after_a_full_disk_at_any_call_each_row_is_there_once(void **state)
{
	fail_each_disk_call(state, SQLITE_FULL, false);
}

static void after_an_error_at_any_call_each_row_is_there_once(void **state)
{
	fail_each_disk_call(state, SQLITE_IOERR_WRITE, false);
}

static void a_disk_that_stays_broken_doubles_nothing(void **state)
{
	fail_each_disk_call(state, SQLITE_IOERR_FSYNC, true);
}

static void errors_of_the_disk_have_the_class_that_says_what_to_do(void **state)
{
	struct sqlite_rig *rig = *state;

	rig_register(rig, 1);
	rig_open_sink(rig, NULL);
	rig_ok(rig, rig_offer(rig, 0, 1, 1));
	sqlite_faults_fail_disk(0, SQLITE_FULL, true);
	assert_int_equal(rig_flush_upto(rig, 1), DP_ENOSPC);
	assert_true(dp_error_is_retriable(rig->err) != 0);
	assert_non_null(strstr(dp_error_message(rig->err), "rows.db"));
	sqlite_faults_fail_disk(0, SQLITE_IOERR_FSYNC, true);
	assert_int_equal(rig_flush_upto(rig, 1), DP_EIO);
}

static dp_status open_all(struct sqlite_rig *rig)
{
	dp_status st = dp_sqlite_sink_new(
		&rig->sink, rig->rt, rig->path, rig->reg, NULL, &rig->err);

	if (st == DP_OK) {
		st = dpi_sink_open(rig->sink, "job", &rig->err);
	}
	return st;
}

static void forget_error(struct sqlite_rig *rig)
{
	dp_error_free(rig->err);
	rig->err = NULL;
}

/* Then all heals, and a job goes on from where the database is. */
static void finish(struct sqlite_rig *rig)
{
	uint64_t next = 0;

	forget_error(rig);
	dp_sink_free(rig->sink);
	rig->sink = NULL;
	rig_open_sink(rig, NULL);
	rig_ok(rig, reopen(rig, &next));
	assert_true(next == EVENTS || run_job(rig, next));
	assert_once(rig, EVENTS);
}

static void no_allocation_of_ours_that_fails_doubles_or_leaks(void **state)
{
	for (int for_ever = 0; for_ever < 2; for_ever++) {
		bool has_failed = true;

		for (long k = 0; has_failed; k++) {
			struct sqlite_rig *rig = *state;
			dp_status st;

			rig_register(rig, 1);
			rig->heap.for_ever = for_ever != 0;
			rig->heap.fail_at = rig->heap.made + k;
			st = open_all(rig);
			if (st == DP_OK) {
				(void)run_job(rig, 0);
			} else {
				assert_int_equal(st, DP_ENOMEM);
			}
			has_failed = rig->heap.made > rig->heap.fail_at;
			rig->heap.fail_at = -1;
			finish(rig);
			assert_int_equal(tear_down(state), 0);
			assert_int_equal(set_up(state), 0);
		}
	}
}

static void no_allocation_of_sqlite_that_fails_doubles_or_leaks(void **state)
{
	for (int for_ever = 0; for_ever < 2; for_ever++) {
		bool has_failed = true;

		for (long k = 0; has_failed; k += 1 + k / 20) {
			struct sqlite_rig *rig = *state;

			rig_register(rig, 1);
			sqlite_faults_fail_memory(k, for_ever != 0);
			if (open_all(rig) == DP_OK) {
				(void)run_job(rig, 0);
			}
			has_failed = sqlite_faults_allocations() > k;
			heal();
			finish(rig);
			dp_sink_free(rig->sink);
			rig->sink = NULL;
			assert_int_equal(sqlite_faults_live_bytes(), 0);
			assert_int_equal(tear_down(state), 0);
			assert_int_equal(set_up(state), 0);
		}
	}
}

/* SQLite then undoes all since the last flush, not only the batch. */
static void a_transaction_that_sqlite_gave_up_is_offered_again(void **state)
{
	unsigned given_up = 0;
	bool has_failed = true;

	for (long k = 0; has_failed; k++) {
		struct sqlite_rig *rig = *state;
		uint64_t next = 2 * BATCH;
		dp_status st;

		rig_register(rig, 1);
		rig->padding = 12000;
		rig_open_sink(rig, NULL);
		rig_ok(rig, rig_offer(rig, 0, BATCH, 1));
		sqlite_faults_fail_memory(k, true);
		st = rig_offer(rig, BATCH, BATCH, 1);
		has_failed = sqlite_faults_allocations() > k;
		heal();
		if (st != DP_OK && rig->refusals.all == DP_REFUSAL_AMBIGUOUS) {
			given_up++;
			assert_int_not_equal(
				rig_offer(rig, BATCH, BATCH, 1), DP_OK);
			assert_int_equal(
				rig->refusals.all, DP_REFUSAL_AMBIGUOUS);
			assert_int_not_equal(rig_flush_upto(rig, next), DP_OK);
			rig_ok(rig, reopen(rig, &next));
			assert_int_equal(next, 0);
		} else if (st != DP_OK) {
			next = BATCH;
		}
		assert_true(run_job(rig, next));
		assert_once(rig, EVENTS);
		assert_int_equal(tear_down(state), 0);
		assert_int_equal(set_up(state), 0);
	}
	assert_true(given_up > 0);
}

static void a_child_after_fork_touches_no_database(void **state)
{
	struct sqlite_rig *rig = *state;
	int status = -1;
	pid_t child;

	rig_register(rig, 1);
	rig_open_sink(rig, NULL);
	rig_ok(rig, rig_offer(rig, 0, 3, 1));
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dp_sink_free(rig->sink);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	rig_ok(rig, rig_flush_upto(rig, 3));
	assert_once(rig, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(after_a_full_disk_at_any_call_each_row_is_there_once),
		TEST(after_an_error_at_any_call_each_row_is_there_once),
		TEST(a_disk_that_stays_broken_doubles_nothing),
		TEST(errors_of_the_disk_have_the_class_that_says_what_to_do),
		TEST(no_allocation_of_ours_that_fails_doubles_or_leaks),
		TEST(no_allocation_of_sqlite_that_fails_doubles_or_leaks),
		TEST(a_transaction_that_sqlite_gave_up_is_offered_again),
		TEST(a_child_after_fork_touches_no_database),
	};

	sqlite_faults_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
