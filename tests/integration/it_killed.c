/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <datapipe/datapipe.h>
#include <datapipe/ext/sink.h>

#include "faulty_os.h"
#include "io/runtime.h"
#include "test_dir.h"

/*
 * Processes that are killed while their pipeline works on a log. Each runs in
 * a child, which kills itself at a call of the operating system that the test
 * picks; the parent makes no thread before it forks.
 */

#define EVENTS 300

struct process {
	struct faulty_os faulty;
	dp_runtime *rt;
	dp_hub *hub;
	long calls_left; /* atomic; then it is killed */
};

static void count_down(void *user, faulty_call call, long number)
{
	struct process *p = user;

	(void)call;
	(void)number;
	if (__atomic_sub_fetch(&p->calls_left, 1, __ATOMIC_SEQ_CST) == 0) {
		(void)kill(getpid(), SIGKILL);
	}
}

/* calls: how many it has to live; 0: all it wants. */
static void process_begin(struct process *p, const char *dir, long calls)
{
	char address[256];

	memset(p, 0, sizeof(*p));
	faulty_os_init(&p->faulty, dpi_os_real());
	p->calls_left = calls;
	p->faulty.hook = count_down;
	p->faulty.hook_user = p;
	(void)snprintf(address, sizeof(address), "log:%s/log", dir);
	assert_int_equal(
		dpi_runtime_new(&p->rt, NULL, &p->faulty.os, NULL), DP_OK);
	assert_int_equal(
		dp_hub_open(&p->hub, p->rt, address, NULL, NULL), DP_OK);
}

static void process_end(struct process *p)
{
	dp_hub_close(p->hub);
	dp_runtime_free(p->rt);
}

/* Runs in a child; returns whether it ended by itself, and well. */
static bool survives(
	void (*run)(const char *dir, long calls), const char *dir, long calls)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		run(dir, calls);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL
					: WEXITSTATUS(status) == 0);
	return WIFEXITED(status);
}

static const char *type_of(int number)
{
	return number % 7 == 0 ? "Odd" : number % 2 == 0 ? "Even" : "Both";
}

static void publish_all(const char *dir, long calls)
{
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	dp_publisher *pub = NULL;
	struct process p;

	process_begin(&p, dir, calls);
	opts.topic = "raw";
	opts.source = "test";
	assert_int_equal(dp_publisher_new(&pub, p.hub, &opts, NULL), DP_OK);
	for (int i = 0; i < EVENTS; i++) {
		dp_event ev = DP_EVENT_INIT;
		char text[16];

		ev.type = type_of(i);
		ev.payload.data = text;
		ev.payload.size = (size_t)snprintf(text, sizeof(text), "%d", i);
		assert_int_equal(
			dp_publisher_publish(pub, &ev, DP_FOREVER, NULL),
			DP_OK);
	}
	assert_int_equal(dp_publisher_flush(pub, DP_FOREVER, NULL), DP_OK);
	dp_publisher_free(pub);
	process_end(&p);
}

/* "Even" to topic even; "Both" to even and rest; "Odd" is a dead letter. */
static dp_router *make_router(dp_runtime *rt)
{
	dp_rule rule = DP_RULE_INIT;
	dp_router *router = NULL;

	assert_int_equal(dp_router_new(&router, rt, NULL, NULL), DP_OK);
	rule.type = "Both";
	rule.to = "rest";
	rule.flags = DP_RULE_CONTINUE;
	assert_int_equal(dp_router_add_rule(router, &rule, NULL), DP_OK);
	rule.to = "even";
	rule.flags = 0;
	assert_int_equal(dp_router_add_rule(router, &rule, NULL), DP_OK);
	rule.type = "Even";
	assert_int_equal(dp_router_add_rule(router, &rule, NULL), DP_OK);
	return router;
}

static void route_all(const char *dir, long calls)
{
	dp_job_options opts = DP_JOB_OPTIONS_INIT;
	dp_pipeline *pipe = NULL;
	struct process p;

	process_begin(&p, dir, calls);
	opts.batch_events = 16;
	opts.attempts_max = 1000;
	assert_int_equal(dp_pipeline_new(&pipe, p.rt, "p", NULL), DP_OK);
	assert_int_equal(dp_pipeline_add_route(pipe, "route", p.hub, "raw",
				 make_router(p.rt), &opts, NULL),
		DP_OK);
	assert_int_equal(dp_pipeline_start(pipe, NULL), DP_OK);
	assert_int_equal(dp_pipeline_wait_idle(pipe, DP_FOREVER, NULL), DP_OK);
	assert_int_equal(
		dp_pipeline_drain(pipe, DP_FOREVER, NULL, NULL), DP_OK);
	dp_pipeline_free(pipe);
	process_end(&p);
}

/* How often each payload stands in a topic. */
static void count_topic(
	struct process *p, const char *topic, unsigned counts[EVENTS])
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = NULL;
	dp_batch *batch = NULL;

	memset(counts, 0, EVENTS * sizeof(*counts));
	opts.topics = topic;
	assert_int_equal(
		dp_subscription_open(&sub, p->hub, topic, &opts, NULL), DP_OK);
	while (dp_subscription_pull(sub, &batch, 1000, 0, NULL) == DP_OK) {
		for (size_t i = 0; i < dp_batch_count(batch); i++) {
			dp_bytes payload =
				dp_message_payload(dp_batch_message(batch, i));
			char text[16] = "";

			assert_true(payload.size < sizeof(text));
			memcpy(text, payload.data, payload.size);
			counts[atoi(text)]++;
		}
		(void)dp_subscription_ack_batch(sub, batch, NULL);
		dp_batch_unref(batch);
	}
	dp_subscription_close(sub);
}

/* A hub keeps what somebody has yet to read: so the readers come first. */
static void watch_topics(const char *dir, long calls)
{
	unsigned counts[EVENTS];
	struct process p;

	process_begin(&p, dir, calls);
	count_topic(&p, "even", counts);
	count_topic(&p, "rest", counts);
	count_topic(&p, "route.dead", counts);
	process_end(&p);
}

static void check_topics(const char *dir, long calls)
{
	unsigned even[EVENTS], rest[EVENTS], dead[EVENTS];
	struct process p;

	process_begin(&p, dir, calls);
	count_topic(&p, "even", even);
	count_topic(&p, "rest", rest);
	count_topic(&p, "route.dead", dead);
	for (int i = 0; i < EVENTS; i++) {
		const char *type = type_of(i);

		assert_int_equal(even[i], strcmp(type, "Odd") != 0);
		assert_int_equal(rest[i], strcmp(type, "Both") == 0);
		assert_int_equal(dead[i], strcmp(type, "Odd") == 0);
	}
	process_end(&p);
}

static void a_hop_is_exactly_once_however_often_its_process_is_killed(
	void **state)
{
	const char *dir = *state;
	long calls = 20;
	int kills = 0;

	assert_true(survives(publish_all, dir, 0));
	assert_true(survives(watch_topics, dir, 0));
	while (!survives(route_all, dir, calls)) {
		calls += 1 + calls / 16;
		kills++;
	}
	assert_in_range(kills, 5, 1000);
	assert_true(survives(check_topics, dir, 0));
}

/* A sink that ends its process at payload "150", and writes down the others. */

struct writer {
	int fd;
};

static dp_status write_down(void *self, const dp_batch *batch,
	dp_refusals *refusals, dp_error **err)
{
	const struct writer *w = self;

	(void)refusals;
	(void)err;
	for (size_t i = 0; i < dp_batch_count(batch); i++) {
		dp_bytes payload =
			dp_message_payload(dp_batch_message(batch, i));

		if (payload.size == 3 && memcmp(payload.data, "150", 3) == 0) {
			(void)kill(getpid(), SIGKILL);
		}
		if (write(w->fd, payload.data, payload.size) < 0 ||
			write(w->fd, "\n", 1) < 0) {
			return DP_EIO;
		}
	}
	return DP_OK;
}

static dp_status flush_file(
	void *self, const dp_positions *upto, dp_error **err)
{
	const struct writer *w = self;

	(void)upto;
	(void)err;
	return fsync(w->fd) == 0 ? DP_OK : DP_EIO;
}

static void close_file(void *self)
{
	struct writer *w = self;

	(void)close(w->fd);
}

static void file_path(char path[256], const char *dir)
{
	(void)snprintf(path, 256, "%s/written", dir);
}

static void write_all(const char *dir, long calls)
{
	dp_sink_ops ops = DP_SINK_OPS_INIT;
	dp_job_options opts = DP_JOB_OPTIONS_INIT;
	dp_pipeline *pipe = NULL;
	dp_sink *sink = NULL;
	struct writer writer;
	struct process p;
	char path[256];

	file_path(path, dir);
	writer.fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	assert_true(writer.fd >= 0);
	process_begin(&p, dir, calls);
	ops.name = "writer";
	ops.write = write_down;
	ops.flush = flush_file;
	ops.close = close_file;
	opts.attempts_max = 3;
	opts.batch_events = 64;
	assert_int_equal(dp_sink_new(&sink, p.rt, &ops, &writer, NULL), DP_OK);
	assert_int_equal(dp_pipeline_new(&pipe, p.rt, "p", NULL), DP_OK);
	assert_int_equal(dp_pipeline_add_sink(pipe, "write", p.hub, "raw", sink,
				 &opts, NULL),
		DP_OK);
	assert_int_equal(dp_pipeline_start(pipe, NULL), DP_OK);
	assert_int_equal(dp_pipeline_wait_idle(pipe, DP_FOREVER, NULL), DP_OK);
	dp_pipeline_free(pipe);
	process_end(&p);
}

static void watch_dead(const char *dir, long calls)
{
	unsigned counts[EVENTS];
	struct process p;

	process_begin(&p, dir, calls);
	count_topic(&p, "write.dead", counts);
	process_end(&p);
}

static void count_written(const char *dir, unsigned counts[EVENTS])
{
	char path[256], line[16];
	FILE *file;

	memset(counts, 0, EVENTS * sizeof(*counts));
	file_path(path, dir);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		int number = atoi(line);

		assert_in_range(number, 0, EVENTS - 1);
		counts[number]++;
	}
	(void)fclose(file);
}

static void check_written(const char *dir, long calls)
{
	unsigned written[EVENTS], dead[EVENTS];
	struct process p;

	process_begin(&p, dir, calls);
	count_topic(&p, "write.dead", dead);
	count_written(dir, written);
	for (int i = 0; i < EVENTS; i++) {
		assert_int_equal(dead[i], i == 150);
		assert_true((written[i] > 0) == (i != 150));
	}
	process_end(&p);
}

static void an_event_that_kills_its_process_is_a_dead_letter_in_the_end(
	void **state)
{
	const char *dir = *state;
	int kills = 0;

	assert_true(survives(publish_all, dir, 0));
	assert_true(survives(watch_dead, dir, 0));
	while (!survives(write_all, dir, 0)) {
		kills++;
		assert_true(kills < 20);
	}
	assert_true(kills >= 3);
	assert_true(survives(check_written, dir, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_hop_is_exactly_once_however_often_its_process_is_killed,
			test_dir_setup, test_dir_teardown),
		cmocka_unit_test_setup_teardown(
			an_event_that_kills_its_process_is_a_dead_letter_in_the_end,
			test_dir_setup, test_dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
