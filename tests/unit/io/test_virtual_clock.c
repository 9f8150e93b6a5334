/* SPDX-License-Identifier: Apache-2.0 */
#include "virtual_clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct virtual_clock vclock;
static const dpi_os *os = &vclock.os;

static int begin(void **state)
{
	(void)state;
	virtual_clock_init(&vclock, dpi_os_real());
	return 0;
}

static int end(void **state)
{
	(void)state;
	virtual_clock_fini(&vclock);
	return 0;
}

/* One call on a thread of its own, and what it returned. */
typedef struct call {
	pthread_t thread;
	uint32_t *word;
	dp_time_ns deadline;
	int alarm;
	int rc;
} call;

static void *run_wait(void *arg)
{
	call *c = arg;

	c->rc = os->wait(os->self, c->word, 0, c->deadline);
	return NULL;
}

static void *run_alarm(void *arg)
{
	call *c = arg;

	c->rc = os->alarm_wait(os->self, c->alarm);
	return NULL;
}

static void start(call *c, void *(*run)(void *))
{
	assert_int_equal(pthread_create(&c->thread, NULL, run, c), 0);
}

static int result_of(call *c)
{
	assert_int_equal(pthread_join(c->thread, NULL), 0);
	return c->rc;
}

static void time_stands_still_until_it_is_moved(void **state)
{
	dp_time_ns mono = os->monotonic(os->self);
	dp_time_ns wall = os->wall(os->self);

	(void)state;
	assert_int_equal(os->monotonic(os->self), mono);
	virtual_clock_advance(&vclock, 5);
	assert_int_equal(os->monotonic(os->self), mono + 5);
	assert_int_equal(os->wall(os->self), wall + 5);
	virtual_clock_set_wall(&vclock, 7);
	assert_int_equal(os->wall(os->self), 7);
	assert_int_equal(os->monotonic(os->self), mono + 5);
}

static void a_wait_ends_at_its_deadline(void **state)
{
	uint32_t word = 0;
	call c = {.word = &word, .deadline = os->monotonic(os->self) + 100};

	(void)state;
	start(&c, run_wait);
	virtual_clock_await_sleepers(&vclock, 1);
	assert_int_equal(virtual_clock_next(&vclock), c.deadline);
	virtual_clock_advance(&vclock, 99);
	virtual_clock_await_sleepers(&vclock, 1);
	virtual_clock_advance(&vclock, 1);
	assert_int_equal(result_of(&c), -ETIMEDOUT);
	assert_int_equal(virtual_clock_next(&vclock), DP_FOREVER);
}

static void a_wait_for_ever_ends_by_a_wake(void **state)
{
	uint32_t word = 0;
	call c = {.word = &word, .deadline = DP_FOREVER};

	(void)state;
	start(&c, run_wait);
	virtual_clock_await_sleepers(&vclock, 1);
	__atomic_store_n(&word, 1, __ATOMIC_SEQ_CST);
	os->wake(os->self, &word, 1);
	assert_int_equal(result_of(&c), 0);
}

static void a_word_that_changed_is_not_waited_for(void **state)
{
	uint32_t word = 1;

	(void)state;
	assert_int_equal(os->wait(os->self, &word, 0, DP_FOREVER), 0);
}

static void an_alarm_fires_once_at_its_time(void **state)
{
	call c = {.alarm = os->alarm_open(os->self)};
	int other = os->alarm_open(os->self);

	(void)state;
	assert_true(c.alarm >= 0 && other >= 0 && other != c.alarm);
	start(&c, run_alarm);
	virtual_clock_await_sleepers(&vclock, 1);
	assert_int_equal(
		os->alarm_set(os->self, c.alarm, os->monotonic(os->self) + 9),
		0);
	virtual_clock_advance(&vclock, 8);
	virtual_clock_await_sleepers(&vclock, 1);
	virtual_clock_advance(&vclock, 1);
	assert_int_equal(result_of(&c), 0);
	start(&c, run_alarm);
	virtual_clock_await_sleepers(&vclock, 1);
	assert_int_equal(os->alarm_set(os->self, c.alarm, 0), 0);
	assert_int_equal(result_of(&c), 0);
	assert_int_equal(os->alarm_close(os->self, c.alarm), 0);
	assert_int_equal(os->alarm_open(os->self), c.alarm);
}

static void time_goes_by_itself_once_all_threads_sleep(void **state)
{
	dp_time_ns begin_ns = os->monotonic(os->self);
	uint32_t word = 0;
	call late = {.word = &word, .deadline = begin_ns + 50};
	call early = {.word = &word, .deadline = begin_ns + 20};

	(void)state;
	start(&late, run_wait);
	virtual_clock_await_sleepers(&vclock, 1);
	virtual_clock_set_auto(&vclock, 2);
	assert_int_equal(os->monotonic(os->self), begin_ns);
	start(&early, run_wait);
	assert_int_equal(result_of(&early), -ETIMEDOUT);
	assert_int_equal(os->monotonic(os->self), begin_ns + 20);
	virtual_clock_set_auto(&vclock, 1);
	assert_int_equal(result_of(&late), -ETIMEDOUT);
	assert_int_equal(os->monotonic(os->self), begin_ns + 50);
}

#define ON_CLOCK(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_CLOCK(time_stands_still_until_it_is_moved),
		ON_CLOCK(a_wait_ends_at_its_deadline),
		ON_CLOCK(a_wait_for_ever_ends_by_a_wake),
		ON_CLOCK(a_word_that_changed_is_not_waited_for),
		ON_CLOCK(an_alarm_fires_once_at_its_time),
		ON_CLOCK(time_goes_by_itself_once_all_threads_sleep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
