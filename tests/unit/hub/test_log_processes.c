/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/log/log_hub.h"
#include "log_contents.h"
#include "log_rig.h"
#include "test_dir.h"
#include "test_feed.h"

/* Processes and threads of a real system that share a log. */

#define TOPIC "shop"
#define PROCESSES 3
#define THREADS 6
#define COMMITS 40

struct child {
	pid_t pid;
	int acks; /* a byte for each event that was acknowledged */
};

/* Appends events one by one for ever, and says so after each. */
static void append_for_ever(const char *directory, int acks)
{
	struct log_rig rig;
	dpi_writer *writer;
	struct test_feed feed;

	log_rig_init(&rig);
	if (log_rig_open(&rig, dpi_os_real(), directory) != DP_OK) {
		_exit(1);
	}
	writer = log_rig_writer(&rig, TOPIC);
	if (writer == NULL) {
		_exit(1);
	}
	test_feed_init(&feed, DP_ACK_DURABLE);
	writer->ops->attach(writer, &feed.feed);
	for (;;) {
		size_t before = feed.ok;

		test_feed_add_text(&feed, "payload");
		writer->ops->commit(writer);
		if (feed.ok != before + 1 || write(acks, "+", 1) != 1) {
			_exit(1);
		}
	}
}

static struct child start(const char *directory)
{
	struct child child;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	child.pid = fork();
	assert_true(child.pid >= 0);
	if (child.pid == 0) {
		(void)close(ends[0]);
		append_for_ever(directory, ends[1]);
	}
	(void)close(ends[1]);
	child.acks = ends[0];
	return child;
}

static void await_acks(const struct child *child, int count)
{
	char ack;

	for (int i = 0; i < count; i++) {
		assert_int_equal(read(child->acks, &ack, 1), 1);
	}
}

/* Returns how many acknowledgements came that nobody has awaited. */
static size_t kill_child(const struct child *child)
{
	size_t count = 0;
	char ack;

	assert_int_equal(kill(child->pid, SIGKILL), 0);
	assert_int_equal(waitpid(child->pid, NULL, 0), child->pid);
	while (read(child->acks, &ack, 1) == 1) {
		count++;
	}
	(void)close(child->acks);
	return count;
}

static size_t count_events(const char *directory, uint32_t partition)
{
	struct log_contents contents;
	size_t count;

	log_contents_read(
		&contents, dpi_os_real(), directory, TOPIC, partition);
	count = contents.count;
	log_contents_free(&contents);
	return count;
}

static void a_killed_process_is_replaced_and_loses_nothing(void **state)
{
	const char *directory = *state;
	size_t acked = 0;

	for (int i = 0; i < 10; i++) {
		struct child child = start(directory);
		size_t found;

		await_acks(&child, 5);
		acked += 5 + kill_child(&child);
		found = count_events(directory, 0);
		/* One may have been written and not yet told. */
		assert_in_range(found, acked, acked + (size_t)i + 1);
		assert_int_equal(count_events(directory, 1), 0);
	}
}

static void processes_that_live_have_partitions_of_their_own(void **state)
{
	const char *directory = *state;
	struct child children[PROCESSES];

	for (int i = 0; i < PROCESSES; i++) {
		children[i] = start(directory);
		await_acks(&children[i], 1);
	}
	for (int i = 0; i < PROCESSES; i++) {
		await_acks(&children[i], 5);
		kill_child(&children[i]);
		assert_true(count_events(directory, (uint32_t)i) >= 6);
	}
	assert_int_equal(count_events(directory, PROCESSES), 0);
}

static void a_child_after_fork_is_refused_and_can_close(void **state)
{
	const char *directory = *state;
	struct log_rig rig;
	dpi_writer *writer;
	int status;
	pid_t pid;

	log_rig_init(&rig);
	assert_int_equal(log_rig_open(&rig, dpi_os_real(), directory), DP_OK);
	writer = log_rig_writer(&rig, TOPIC);
	test_feed_append(writer, "p", 3);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		bool is_refused = log_rig_writer(&rig, "other") == NULL &&
			dp_error_code(rig.err) == DP_EFORKED;

		writer->ops->commit(writer);
		writer->ops->arm(writer, 0);
		log_rig_close(&rig);
		_exit(is_refused ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	/* What the child closed was not the parent's. */
	test_feed_append(writer, "p", 3);
	log_rig_close(&rig);
	assert_int_equal(count_events(directory, 0), 6);
}

struct thread {
	pthread_t thread;
	dpi_writer *writer;
	uint64_t number;
};

static void *commit_often(void *arg)
{
	struct thread *t = arg;
	struct test_feed feed;

	test_feed_init(
		&feed, t->number % 2 == 0 ? DP_ACK_DURABLE : DP_ACK_WRITTEN);
	feed.writer = t->number;
	t->writer->ops->attach(t->writer, &feed.feed);
	for (int i = 0; i < COMMITS; i++) {
		test_feed_add_many(&feed, "p", 10);
		if (i % 4 == 3) {
			t->writer->ops->arm(t->writer, 0);
			test_feed_wait(&feed);
		} else {
			t->writer->ops->commit(t->writer);
		}
		assert_int_equal(feed.ok, feed.added);
	}
	t->writer->ops->detach(t->writer, &feed.feed);
	test_feed_fini(&feed);
	return NULL;
}

static void threads_share_a_writer_and_keep_their_order(void **state)
{
	const char *directory = *state;
	uint64_t next_of[THREADS] = {0};
	struct thread threads[THREADS];
	struct log_contents contents;
	struct log_rig rig;

	log_rig_init(&rig);
	rig.opts.segment_bytes = 1u << 20;
	rig.opts.sync_interval_ns = DP_MILLISECOND;
	assert_int_equal(log_rig_open(&rig, dpi_os_real(), directory), DP_OK);
	for (uint64_t i = 0; i < THREADS; i++) {
		threads[i].writer = log_rig_writer(&rig, TOPIC);
		threads[i].number = i;
		assert_int_equal(pthread_create(&threads[i].thread, NULL,
					 commit_often, &threads[i]),
			0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i].thread, NULL);
	}
	assert_true(log_rig_stats(&rig).syncs < THREADS * COMMITS);
	log_rig_close(&rig);
	log_contents_read(&contents, dpi_os_real(), directory, TOPIC, 0);
	assert_int_equal(contents.count, THREADS * COMMITS * 10);
	for (size_t i = 0; i < contents.count; i++) {
		const struct log_event *event = &contents.events[i];

		assert_int_equal(event->seq, next_of[event->writer]++);
	}
	log_contents_free(&contents);
}

static void segments_are_written_ahead_by_another_thread(void **state)
{
	const char *directory = *state;
	struct log_contents contents;
	struct log_rig rig;
	dpi_writer *writer;

	log_rig_init(&rig);
	rig.opts.segment_bytes = 4u << 20;
	assert_int_equal(log_rig_open(&rig, dpi_os_real(), directory), DP_OK);
	writer = log_rig_writer(&rig, TOPIC);
	for (int i = 0; i < 200; i++) {
		test_feed_append(writer,
			"a payload of more than forty bytes, say", 1000);
	}
	log_rig_close(&rig);
	log_contents_read(&contents, dpi_os_real(), directory, TOPIC, 0);
	assert_int_equal(contents.count, 200000);
	assert_in_range(contents.segments, 4, 6);
	assert_int_equal(contents.skipped_bytes, 0);
	log_contents_free(&contents);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_killed_process_is_replaced_and_loses_nothing,
			test_dir_setup, test_dir_teardown),
		cmocka_unit_test_setup_teardown(
			processes_that_live_have_partitions_of_their_own,
			test_dir_setup, test_dir_teardown),
		cmocka_unit_test_setup_teardown(
			a_child_after_fork_is_refused_and_can_close,
			test_dir_setup, test_dir_teardown),
		cmocka_unit_test_setup_teardown(
			threads_share_a_writer_and_keep_their_order,
			test_dir_setup, test_dir_teardown),
		cmocka_unit_test_setup_teardown(
			segments_are_written_ahead_by_another_thread,
			test_dir_setup, test_dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
