/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/bytes.h"
#include "schema/field_writer.h"
#include "sqlite_rig.h"
#include "test_batch.h"

#define CYCLES 60
#define BATCH 7
#define FLUSH_EVERY 3
#define OPENERS 4
#define ROUNDS 40

/* A job with a topic of its own name, in a process or thread of its own. */
struct worker {
	dp_runtime *rt;
	dp_registry *reg;
	dp_sink *sink;
	dp_positions places;
	dp_refusals refusals;
	const char *job;
	uint64_t next;
	dp_error *err; /* of what failed */
};

static bool worker_make(
	struct worker *w, const dpi_os *os, const char *dir, const char *job)
{
	char text[600];

	*w = (struct worker){.job = job};
	(void)snprintf(text, sizeof(text), "file:%s/reg", dir);
	if (dpi_runtime_new(&w->rt, NULL, os, NULL) != DP_OK ||
		dp_registry_open(&w->reg, w->rt, text, NULL, &w->err) !=
			DP_OK) {
		return false;
	}
	dpi_positions_init(&w->places, dpi_runtime_alloc(w->rt));
	dpi_refusals_init(&w->refusals, dpi_runtime_alloc(w->rt));
	(void)snprintf(text, sizeof(text), "%s/rows.db", dir);
	return dp_sqlite_sink_new(
		       &w->sink, w->rt, text, w->reg, NULL, &w->err) == DP_OK;
}

static bool worker_start(struct worker *w)
{
	if (dpi_sink_open(w->sink, w->job, &w->err) != DP_OK ||
		dpi_sink_positions(w->sink, &w->places, &w->err) != DP_OK) {
		return false;
	}
	w->next = dpi_positions_next(&w->places, w->job, 0);
	return true;
}

static bool worker_open(
	struct worker *w, const dpi_os *os, const char *dir, const char *job)
{
	return worker_make(w, os, dir, job) && worker_start(w);
}

static void worker_close(struct worker *w)
{
	dp_sink_free(w->sink);
	dpi_positions_fini(&w->places);
	dpi_refusals_fini(&w->refusals);
	dp_registry_close(w->reg);
	dp_runtime_free(w->rt);
}

static bool worker_write(struct worker *w)
{
	dp_event events[BATCH];
	char payloads[BATCH][24];
	dp_batch *batch;
	dp_status st;

	for (size_t i = 0; i < BATCH; i++) {
		uint8_t *at = (uint8_t *)payloads[i];

		*at++ = 2 << 3;
		at = dpi_put_varint(at, w->next + i);
		events[i] = (dp_event)DP_EVENT_INIT;
		events[i].type = "shop.Paid";
		events[i].payload = dpi_bytes(
			payloads[i], (size_t)(at - (uint8_t *)payloads[i]));
	}
	batch = test_batch_new(w->job, 0, w->next, events, BATCH);
	do {
		dp_error_free(w->err);
		w->err = NULL;
		st = dpi_sink_write(w->sink, batch, &w->refusals, &w->err);
	} while (st == DP_EAGAIN);
	dp_batch_unref(batch);
	w->next += BATCH;
	return st == DP_OK && w->refusals.count == 0;
}

static bool worker_flush(struct worker *w)
{
	return dp_positions_set(&w->places, w->job, 0, w->next) == DP_OK &&
		dpi_sink_flush(w->sink, &w->places, &w->err) == DP_OK;
}

static void give_up(const struct worker *w)
{
	(void)fprintf(stderr, "job %s: %s\n", w->job,
		w->err != NULL ? dp_error_message(w->err) : "no error");
	_exit(1);
}

/* Never ends by itself; says each step, so that it dies at any of them. */
static void work_until_killed(const char *dir, const char *job, int pipe_fd)
{
	struct worker w;

	if (!worker_open(&w, dpi_os_real(), dir, job)) {
		give_up(&w);
	}
	for (;;) {
		for (int i = 0; i < FLUSH_EVERY; i++) {
			if (!worker_write(&w) || write(pipe_fd, ".", 1) != 1) {
				give_up(&w);
			}
		}
		if (!worker_flush(&w) || write(pipe_fd, "!", 1) != 1) {
			give_up(&w);
		}
	}
}

struct child {
	pid_t pid;
	int pipe_fd;
};

static struct child start_child(struct sqlite_rig *rig, const char *job)
{
	struct child child;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	child.pid = fork();
	assert_true(child.pid >= 0);
	if (child.pid == 0) {
		(void)close(fds[0]);
		work_until_killed(rig->dir, job, fds[1]);
	}
	(void)close(fds[1]);
	child.pipe_fd = fds[0];
	return child;
}

static void kill_child(struct child *child, unsigned after_steps)
{
	int status = 0;
	char byte;

	while (after_steps-- > 0) {
		assert_int_equal(read(child->pipe_fd, &byte, 1), 1);
	}
	assert_int_equal(kill(child->pid, SIGKILL), 0);
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	(void)close(child->pipe_fd);
}

/* Rows of each topic are 0, 1, … up to its position, each once. */
static void assert_rows_are_positions(struct sqlite_rig *rig)
{
	assert_string_equal(
		rig_query(rig,
			"SELECT count(*) FROM _datapipe_positions p WHERE"
			" next <> (SELECT count(DISTINCT _offset) FROM"
			" \"shop.Paid\" WHERE _topic = topic) OR"
			" next <> (SELECT count(*) FROM \"shop.Paid\""
			" WHERE _topic = topic AND amount = _offset)"),
		"0");
	assert_string_equal(rig_query(rig, "PRAGMA integrity_check"), "ok");
}

static void killed_at_any_point_rows_and_positions_agree(void **state)
{
	struct sqlite_rig *rig = *state;
	unsigned seed = 7;

	rig_register(rig, 1);
	for (int i = 0; i < CYCLES; i++) {
		struct child a = start_child(rig, "a");
		struct child b = start_child(rig, "b");

		if (i == CYCLES / 2) {
			rig_register(rig, 2);
		}
		kill_child(&a, 1 + (unsigned)rand_r(&seed) % 9);
		kill_child(&b, (unsigned)rand_r(&seed) % 9);
		if (i % 4 == 0) {
			assert_rows_are_positions(rig);
		}
	}
	assert_rows_are_positions(rig);
	assert_string_equal(rig_query(rig,
				    "SELECT min(next) > 0, count(*) FROM"
				    " _datapipe_positions"),
		"1|2");
}

struct opener {
	pthread_barrier_t *all;
	pthread_t thread;
	struct worker worker;
	bool is_ok;
};

static void *open_at_once(void *arg)
{
	struct opener *opener = arg;

	(void)pthread_barrier_wait(opener->all);
	opener->is_ok = worker_start(&opener->worker);
	if (opener->is_ok) {
		worker_close(&opener->worker);
	}
	return NULL;
}

static void remove_database(struct sqlite_rig *rig)
{
	char path[600];

	(void)snprintf(path, sizeof(path), "%s-turn", rig->path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(rig->path), 0);
}

static void make_database_at_once(
	struct sqlite_rig *rig, pthread_barrier_t *all)
{
	struct opener openers[OPENERS];

	for (int i = 0; i < OPENERS; i++) {
		struct opener *opener = &openers[i];

		opener->all = all;
		assert_true(worker_make(
			&opener->worker, dpi_os_real(), rig->dir, "job"));
	}
	for (int i = 0; i < OPENERS; i++) {
		assert_int_equal(pthread_create(&openers[i].thread, NULL,
					 open_at_once, &openers[i]),
			0);
	}
	for (int i = 0; i < OPENERS; i++) {
		assert_int_equal(pthread_join(openers[i].thread, NULL), 0);
	}
	for (int i = 0; i < OPENERS; i++) {
		if (!openers[i].is_ok) {
			fail_msg("%s", dp_error_message(openers[i].worker.err));
		}
	}
}

static void jobs_that_make_the_file_at_once_all_get_it(void **state)
{
	struct sqlite_rig *rig = *state;
	pthread_barrier_t all;

	assert_int_equal(pthread_barrier_init(&all, NULL, OPENERS), 0);
	for (int round = 0; round < ROUNDS; round++) {
		make_database_at_once(rig, &all);
		remove_database(rig);
	}
	assert_int_equal(pthread_barrier_destroy(&all), 0);
}

struct taker {
	struct worker worker;
	pthread_t thread;
	char *order; /* of all turns; the file's lock guards it */
	unsigned turns;
	bool is_ok;
};

/* Asks again as soon as it has committed. */
static void *take_turns(void *arg)
{
	struct taker *taker = arg;
	struct worker *w = &taker->worker;

	taker->is_ok = true;
	for (unsigned i = 0; taker->is_ok && i < taker->turns; i++) {
		taker->is_ok = worker_write(w);
		(void)strcat(taker->order, w->job);
		taker->is_ok = taker->is_ok && worker_flush(w);
	}
	return NULL;
}

static void start_taker(
	struct sqlite_rig *rig, struct taker *taker, int waiting_with_it)
{
	assert_int_equal(
		pthread_create(&taker->thread, NULL, take_turns, taker), 0);
	virtual_clock_await_sleepers(&rig->clock, waiting_with_it);
	virtual_clock_advance(&rig->clock, DP_MILLISECOND / 2);
}

static void end_taker(struct taker *taker)
{
	assert_int_equal(pthread_join(taker->thread, NULL), 0);
	assert_true(taker->is_ok);
}

/* Time goes on only while both wait; a looks first, whenever it may. */
static void a_job_that_always_writes_keeps_no_other_out(void **state)
{
	struct sqlite_rig *rig = *state;
	char order[16] = "";
	struct taker a = {.order = order, .turns = 3};
	struct taker b = {.order = order, .turns = 3};
	struct worker first;

	rig_register(rig, 1);
	assert_true(worker_open(&first, &rig->clock.os, rig->dir, "first"));
	assert_true(worker_open(&a.worker, &rig->clock.os, rig->dir, "a"));
	assert_true(worker_open(&b.worker, &rig->clock.os, rig->dir, "b"));
	assert_true(worker_write(&first));
	start_taker(rig, &a, 1);
	start_taker(rig, &b, 2);
	assert_true(worker_flush(&first));
	virtual_clock_set_auto(&rig->clock, 2);
	end_taker(&a);
	virtual_clock_set_auto(&rig->clock, 1);
	end_taker(&b);
	worker_close(&first);
	worker_close(&a.worker);
	worker_close(&b.worker);
	assert_string_equal(order, "ababab");
	assert_rows_are_positions(rig);
}

static void who_waits_too_long_is_told_to_come_again(void **state)
{
	struct sqlite_rig *rig = *state;
	dp_sink *first;

	rig_register(rig, 1);
	rig_open_sink(rig, NULL);
	first = rig->sink;
	rig_ok(rig, rig_offer(rig, 0, 3, 1));
	rig_open_sink(rig, NULL);
	virtual_clock_set_auto(&rig->clock, 1);
	assert_int_equal(rig_offer(rig, 3, 3, 1), DP_EAGAIN);
	assert_int_equal(rig->refusals.all, DP_REFUSAL_RETRYABLE);
	assert_non_null(strstr(dp_error_message(rig->err), "rows.db"));
	dp_sink_free(first);
	rig_ok(rig, rig_offer(rig, 3, 3, 1));
	rig_ok(rig, rig_flush_upto(rig, 6));
	assert_string_equal(
		rig_query(rig, "SELECT count(*) FROM \"shop.Paid\""), "3");
}

static void a_program_that_holds_the_file_delays_a_job_and_costs_nothing(
	void **state)
{
	struct sqlite_rig *rig = *state;
	sqlite3 *db = NULL;

	rig_register(rig, 1);
	rig_open_sink(rig, NULL);
	assert_int_equal(sqlite3_open(rig->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
		SQLITE_OK);
	virtual_clock_set_auto(&rig->clock, 1);
	assert_int_equal(rig_offer(rig, 0, 3, 1), DP_EAGAIN);
	assert_int_equal(rig->refusals.all, DP_REFUSAL_RETRYABLE);
	assert_int_equal(
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	rig_ok(rig, rig_offer(rig, 0, 3, 1));
	rig_ok(rig, rig_flush_upto(rig, 3));
}

int main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown( \
		name, sqlite_rig_setup, sqlite_rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(killed_at_any_point_rows_and_positions_agree),
		TEST(jobs_that_make_the_file_at_once_all_get_it),
		TEST(a_job_that_always_writes_keeps_no_other_out),
		TEST(who_waits_too_long_is_told_to_come_again),
		TEST(a_program_that_holds_the_file_delays_a_job_and_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
