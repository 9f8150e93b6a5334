/* SPDX-License-Identifier: Apache-2.0 */
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

#include "hub/hub.h"
#include "test_dir.h"
#include "test_feed.h"

/*
 * Real processes on a real file system: publishers that each have a partition,
 * and readers of one subscription, of which one is killed every so many
 * events. This process itself never opens the log.
 */

#define PUBLISHERS 3
#define READERS 3
#define EVENTS 1500 /* of each publisher */
#define KILL_EVERY 300
#define SECONDS 90

struct report {
	uint32_t publisher;
	uint32_t number;
};

/* For processes that cmocka does not watch. */
static void need(bool is_true)
{
	if (!is_true) {
		_exit(1);
	}
}

static dp_hub *open_hub(const char *dir)
{
	dp_runtime *rt = NULL;
	dp_hub *hub = NULL;
	char address[4096];

	snprintf(address, sizeof(address), "log:%s/log", dir);
	need(dp_runtime_new(&rt, NULL, NULL) == DP_OK);
	need(dp_hub_open(&hub, rt, address, NULL, NULL) == DP_OK);
	return hub;
}

static void run_publisher(const char *dir, uint32_t publisher)
{
	dp_hub *hub = open_hub(dir);
	dpi_writer *writer = NULL;
	struct test_feed feed;

	need(hub->ops->writer(hub, "shop", &writer, NULL) == DP_OK);
	test_feed_init(&feed, DP_ACK_DURABLE);
	writer->ops->attach(writer, &feed.feed);
	for (uint32_t i = 0; i < EVENTS; i++) {
		const struct report report = {publisher, i};
		const dpi_source_place none = {0, 0};
		dp_event ev = DP_EVENT_INIT;

		ev.payload = dpi_bytes(&report, sizeof(report));
		test_feed_add(&feed, &ev, none);
		if (i % 10 == 9) {
			writer->ops->commit(writer);
		}
	}
	writer->ops->commit(writer);
	need(feed.ok == EVENTS);
	_exit(0);
}

/* Reports what came before it is acked, so that no event is acked unseen. */
static void run_reader(const char *dir, int out)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_hub *hub = open_hub(dir);
	dp_subscription *sub = NULL;
	dp_batch *batch;

	opts.topics = "*";
	need(dp_subscription_open(&sub, hub, "s", &opts, NULL) == DP_OK);
	for (;;) {
		need(dp_subscription_pull(sub, &batch, 25, DP_FOREVER, NULL) ==
			DP_OK);
		for (size_t i = 0; i < dp_batch_count(batch); i++) {
			dp_bytes payload =
				dp_message_payload(dp_batch_message(batch, i));

			need(payload.size == sizeof(struct report));
			need(write(out, payload.data, payload.size) ==
				(ssize_t)payload.size);
		}
		need(dp_subscription_ack_batch(sub, batch, NULL) == DP_OK);
		dp_batch_unref(batch);
	}
}

static pid_t start_reader(const char *dir, int out)
{
	pid_t pid = fork();

	if (pid == 0) {
		run_reader(dir, out);
	}
	assert_true(pid > 0);
	return pid;
}

static void kill_reader(pid_t pid)
{
	int status = 0;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void readers_that_are_killed_lose_no_event(void **state)
{
	static bool has_come[PUBLISHERS][EVENTS];
	const char *dir = *state;
	pid_t publishers[PUBLISHERS];
	pid_t readers[READERS];
	struct report report;
	size_t missing = PUBLISHERS * EVENTS;
	size_t all = 0;
	int status;
	int ends[2];

	alarm(SECONDS);
	assert_int_equal(pipe(ends), 0);
	for (size_t i = 0; i < READERS; i++) {
		readers[i] = start_reader(dir, ends[1]);
	}
	for (uint32_t i = 0; i < PUBLISHERS; i++) {
		publishers[i] = fork();
		if (publishers[i] == 0) {
			run_publisher(dir, i);
		}
		assert_true(publishers[i] > 0);
	}
	while (missing > 0) {
		assert_int_equal(
			read(ends[0], &report, sizeof(report)), sizeof(report));
		missing -= !has_come[report.publisher][report.number];
		has_come[report.publisher][report.number] = true;
		if (++all % KILL_EVERY == 0) {
			size_t i = all / KILL_EVERY % READERS;

			kill_reader(readers[i]);
			readers[i] = start_reader(dir, ends[1]);
		}
	}
	for (size_t i = 0; i < PUBLISHERS; i++) {
		assert_int_equal(
			waitpid(publishers[i], &status, 0), publishers[i]);
		assert_int_equal(status, 0);
	}
	for (size_t i = 0; i < READERS; i++) {
		kill_reader(readers[i]);
	}
	close(ends[0]);
	close(ends[1]);
	alarm(0);
	/* Each death repeats what was in one hand, and no more. */
	assert_true(all < 2 * PUBLISHERS * EVENTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			readers_that_are_killed_lose_no_event, test_dir_setup,
			test_dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
