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

#include "base/thread.h"
#include "hub/log/log_hub.h"
#include "log_rig.h"
#include "test_dir.h"
#include "test_feed.h"

/*
 * Two processes share a subscription, and one of them dies with all that there
 * is in its hands. The other sleeps meanwhile.
 */

#define SECONDS 60

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static uint32_t *bell;         /* what the sleep is on */
static dp_time_ns sleeps_till; /* of the last sleep; 0: there was none */
static dpi_os os;              /* the real one, overheard */

static int overheard_wait(
	void *self, uint32_t *word, uint32_t expected, dp_time_ns deadline_ns)
{
	const dpi_os *real = dpi_os_real();

	(void)self;
	dpi_lock(&lock);
	if (word == bell) {
		sleeps_till = deadline_ns;
		(void)pthread_cond_broadcast(&changed);
	}
	dpi_unlock(&lock);
	return real->wait(real->self, word, expected, deadline_ns);
}

static int refused_open(void *self, const char *path)
{
	(void)self;
	(void)path;
	return -1;
}

static int refused_wait(void *self, int watch)
{
	(void)self;
	(void)watch;
	return -1;
}

static void await_sleep(bool for_ever)
{
	dpi_lock(&lock);
	while (sleeps_till == 0 || (sleeps_till == DP_FOREVER) != for_ever) {
		(void)pthread_cond_wait(&changed, &lock);
	}
	dpi_unlock(&lock);
}

static dp_subscription *subscribe(struct log_rig *rig)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = NULL;

	opts.topics = "*";
	if (dp_subscription_open(&sub, rig->hub, "s", &opts, NULL) != DP_OK) {
		abort();
	}
	return sub;
}

/* Takes a batch, tells so, and keeps it until the process is killed. */
static void hold_and_wait(const char *directory, int told)
{
	struct log_rig rig;
	dp_batch *batch = NULL;
	dp_subscription *sub;

	(void)alarm(SECONDS);
	log_rig_init(&rig);
	if (log_rig_open(&rig, dpi_os_real(), directory) != DP_OK) {
		abort();
	}
	test_feed_append(log_rig_writer(&rig, "shop"), "p", 3);
	sub = subscribe(&rig);
	if (dp_subscription_pull(sub, &batch, 10, DP_FOREVER, NULL) != DP_OK ||
		write(told, "x", 1) != 1) {
		abort();
	}
	for (;;) {
		(void)pause();
	}
}

static void *pull(void *arg)
{
	dp_batch *batch = NULL;

	return dp_subscription_pull(arg, &batch, 10, DP_FOREVER, NULL) == DP_OK
		? batch
		: NULL;
}

/* Whether the one that lives sleeps for ever, until it is told. */
static void take_over(const char *directory, bool for_ever)
{
	dp_subscription *sub;
	struct log_rig rig;
	pthread_t thread;
	void *batch;
	int ends[2];
	char told;
	pid_t pid;

	(void)alarm(SECONDS);
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		hold_and_wait(directory, ends[1]);
	}
	assert_int_equal(read(ends[0], &told, 1), 1);
	log_rig_init(&rig);
	assert_int_equal(log_rig_open(&rig, &os, directory), DP_OK);
	bell = (uint32_t *)&((dpi_log_hub *)rig.hub)->news->durable.word;
	sleeps_till = 0;
	sub = subscribe(&rig);
	assert_int_equal(pthread_create(&thread, NULL, pull, sub), 0);
	await_sleep(for_ever);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(pthread_join(thread, &batch), 0);
	assert_int_equal(dp_batch_count(batch), 3);
	(void)alarm(0);

	dp_batch_unref(batch);
	dp_subscription_close(sub);
	log_rig_close(&rig);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static int begin(void **state)
{
	os = *dpi_os_real();
	os.wait = overheard_wait;
	return test_dir_setup(state);
}

static void who_sleeps_is_told_of_a_death(void **state)
{
	take_over(*state, true);
}

static void who_cannot_be_told_looks_once_in_a_while(void **state)
{
	os.watch_open = refused_open;
	take_over(*state, false);
}

static void who_is_told_no_more_looks_once_in_a_while(void **state)
{
	os.watch_wait = refused_wait;
	take_over(*state, false);
}

static void where_nobody_can_tell_it_is_the_same(void **state)
{
	os.watch_open = NULL;
	take_over(*state, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_sleeps_is_told_of_a_death,
			begin, test_dir_teardown),
		cmocka_unit_test_setup_teardown(
			who_cannot_be_told_looks_once_in_a_while, begin,
			test_dir_teardown),
		cmocka_unit_test_setup_teardown(
			who_is_told_no_more_looks_once_in_a_while, begin,
			test_dir_teardown),
		cmocka_unit_test_setup_teardown(
			where_nobody_can_tell_it_is_the_same, begin,
			test_dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
