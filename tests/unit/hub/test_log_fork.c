/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/log/log_hub.h"
#include "log_rig.h"
#include "test_dir.h"
#include "test_feed.h"

/*
 * A process that shares a log and forks. The child has the locks of the parent,
 * too, for as long as it has the files: even after the parent has died.
 */

#define EVENTS 10

/* A process, and the child that it has made. */
struct family {
	pid_t parent;
	int ready; /* a byte comes once the child is there */
	int hold;  /* the child lives until this is closed */
};

/* For processes that cmocka does not watch. */
static void need(bool is_true)
{
	if (!is_true) {
		_exit(1);
	}
}

static dp_subscription *subscribe(struct log_rig *rig)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = NULL;

	opts.topics = "t*";
	need(dp_subscription_open(&sub, rig->hub, "s", &opts, NULL) == DP_OK);
	return sub;
}

static size_t pull(dp_subscription *sub)
{
	dp_batch *batch = NULL;
	size_t count = 0;

	if (dp_subscription_pull(sub, &batch, 1000, 0, NULL) == DP_OK) {
		count = dp_batch_count(batch);
		need(dp_subscription_ack_batch(sub, batch, NULL) == DP_OK);
		dp_batch_unref(batch);
	}
	return count;
}

static size_t drain(dp_subscription *sub)
{
	size_t all = 0;
	size_t count;

	while ((count = pull(sub)) > 0) {
		all += count;
	}
	return all;
}

static void append(struct log_rig *rig, const char *topic, dp_ack level)
{
	dpi_writer *writer = log_rig_writer(rig, topic);
	struct test_feed feed;

	need(writer != NULL);
	test_feed_init(&feed, level);
	writer->ops->attach(writer, &feed.feed);
	test_feed_add_many(&feed, "p", EVENTS);
	writer->ops->commit(writer);
	need(feed.ok == EVENTS);
	writer->ops->detach(writer, &feed.feed);
	test_feed_fini(&feed);
}

/* What a parent does with the log before and after it forks, and its child. */
struct roles {
	void (*before)(struct log_rig *rig, dp_subscription **ret_sub);
	void (*after)(struct log_rig *rig, dp_subscription *sub);
	void (*child)(struct log_rig *rig, dp_subscription *sub);
};

static void wait_for_end(int hold)
{
	char byte;

	(void)!read(hold, &byte, 1);
}

static void run_family(
	const char *directory, const struct roles *roles, int ready, int hold)
{
	dp_subscription *sub = NULL;
	struct log_rig rig;

	log_rig_init(&rig);
	need(log_rig_open(&rig, dpi_os_real(), directory) == DP_OK);
	roles->before(&rig, &sub);
	if (fork() == 0) {
		if (roles->child != NULL) {
			roles->child(&rig, sub);
		}
		need(write(ready, "c", 1) == 1);
		wait_for_end(hold);
		_exit(0);
	}
	if (roles->after != NULL) {
		roles->after(&rig, sub);
	}
	need(write(ready, "p", 1) == 1);
	wait_for_end(hold);
	_exit(0);
}

static struct family start(const char *directory, const struct roles *roles)
{
	struct family family;
	int ready[2];
	int hold[2];
	char byte;

	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(hold), 0);
	family = (struct family){.ready = ready[0], .hold = hold[1]};
	family.parent = fork();
	assert_true(family.parent >= 0);
	if (family.parent == 0) {
		(void)close(hold[1]);
		run_family(directory, roles, ready[1], hold[0]);
	}
	(void)close(ready[1]);
	(void)close(hold[0]);
	assert_int_equal(read(family.ready, &byte, 1), 1);
	assert_int_equal(read(family.ready, &byte, 1), 1);
	return family;
}

static void kill_parent(struct family *family)
{
	assert_int_equal(kill(family->parent, SIGKILL), 0);
	assert_int_equal(waitpid(family->parent, NULL, 0), family->parent);
}

static void end_child(struct family *family)
{
	(void)close(family->hold);
	while (wait(NULL) > 0) {
	}
	(void)close(family->ready);
}

static void write_two_topics(struct log_rig *rig, dp_subscription **ret_sub)
{
	append(rig, "t1", DP_ACK_DURABLE);
	append(rig, "t2", DP_ACK_DURABLE);
	*ret_sub = subscribe(rig);
	need(pull(*ret_sub) == EVENTS);
}

static void close_all(struct log_rig *rig, dp_subscription *sub)
{
	dp_subscription_close(sub);
	log_rig_close(rig);
}

static void what_a_parent_closes_is_free_though_its_child_lives(void **state)
{
	const struct roles roles = {
		.before = write_two_topics, .after = close_all};
	struct family family = start(*state, &roles);
	dp_subscription *sub;
	struct log_rig rig;

	log_rig_init(&rig);
	assert_int_equal(log_rig_open(&rig, dpi_os_real(), *state), DP_OK);
	sub = subscribe(&rig);
	assert_int_equal(drain(sub), EVENTS);
	append(&rig, "t1", DP_ACK_DURABLE);
	append(&rig, "t2", DP_ACK_DURABLE);
	assert_int_equal(drain(sub), 2 * EVENTS);
	assert_int_equal(log_rig_writer(&rig, "t1")->name.partition, 0);
	close_all(&rig, sub);
	end_child(&family);
}

static void a_child_that_closes_keeps_nothing_of_a_dead_parent(void **state)
{
	const struct roles roles = {
		.before = write_two_topics, .child = close_all};
	struct family family = start(*state, &roles);
	dp_subscription *sub;
	struct log_rig rig;

	kill_parent(&family);
	log_rig_init(&rig);
	assert_int_equal(log_rig_open(&rig, dpi_os_real(), *state), DP_OK);
	assert_int_equal(log_rig_writer(&rig, "t1")->name.partition, 0);
	sub = subscribe(&rig);
	assert_true(drain(sub) >= EVENTS);
	close_all(&rig, sub);
	end_child(&family);
}

static void write_unsynced(struct log_rig *rig, dp_subscription **ret_sub)
{
	dp_subscription_close(subscribe(rig));
	append(rig, "t1", DP_ACK_WRITTEN);
	*ret_sub = NULL;
}

/* Which is why a child should not: the dead parent's partition waits for it. */
static void a_child_that_lives_on_delays_and_loses_nothing(void **state)
{
	const struct roles roles = {.before = write_unsynced};
	struct family family = start(*state, &roles);
	dp_subscription *sub;
	struct log_rig rig;

	kill_parent(&family);
	log_rig_init(&rig);
	assert_int_equal(log_rig_open(&rig, dpi_os_real(), *state), DP_OK);
	append(&rig, "t1", DP_ACK_DURABLE);
	assert_int_equal(log_rig_writer(&rig, "t1")->name.partition, 1);
	sub = subscribe(&rig);
	assert_int_equal(drain(sub), EVENTS);
	dp_subscription_close(sub);
	end_child(&family);
	sub = subscribe(&rig);
	assert_int_equal(drain(sub), EVENTS);
	close_all(&rig, sub);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_a_parent_closes_is_free_though_its_child_lives,
			test_dir_setup, test_dir_teardown),
		cmocka_unit_test_setup_teardown(
			a_child_that_closes_keeps_nothing_of_a_dead_parent,
			test_dir_setup, test_dir_teardown),
		cmocka_unit_test_setup_teardown(
			a_child_that_lives_on_delays_and_loses_nothing,
			test_dir_setup, test_dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
