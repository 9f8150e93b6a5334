/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int create_error;
static int attr_error;

int __real_pthread_create(
	pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(
	pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __real_pthread_attr_init(pthread_attr_t *);
int __wrap_pthread_attr_init(pthread_attr_t *);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
	void *(*run)(void *), void *arg)
{
	return create_error != 0
		? create_error
		: __real_pthread_create(thread, attr, run, arg);
}

int __wrap_pthread_attr_init(pthread_attr_t *attr)
{
	return attr_error != 0 ? attr_error : __real_pthread_attr_init(attr);
}

/* What a thread of ours finds about itself. */
typedef struct self {
	bool is_masked;
	char name[16];
	pthread_mutex_t lock;
	int sum;
} self;

static void *look(void *arg)
{
	self *s = arg;
	sigset_t mask;

	(void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
	s->is_masked = sigismember(&mask, SIGPIPE) == 1 &&
		sigismember(&mask, SIGTERM) == 1 &&
		sigismember(&mask, SIGINT) == 1 &&
		sigismember(&mask, SIGSEGV) == 0;
	return NULL;
}

static void our_threads_take_no_signals_but_of_faults(void **state)
{
	self s = {.is_masked = false};
	sigset_t before, after;
	pthread_t thread;

	(void)state;
	(void)pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_int_equal(
		dpi_thread_start(&thread, "dp-test", look, &s, NULL), DP_OK);
	dpi_thread_join(thread);
	(void)pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_true(s.is_masked);
	assert_int_equal(
		sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}

static void *wait_for_lock(void *arg)
{
	self *s = arg;

	dpi_lock(&s->lock);
	dpi_unlock(&s->lock);
	return NULL;
}

static void our_threads_have_names(void **state)
{
	self s = {.lock = PTHREAD_MUTEX_INITIALIZER};
	pthread_t thread;

	(void)state;
	dpi_lock(&s.lock);
	assert_int_equal(
		dpi_thread_start(&thread, "dp-test", wait_for_lock, &s, NULL),
		DP_OK);
	assert_int_equal(pthread_getname_np(thread, s.name, sizeof(s.name)), 0);
	dpi_unlock(&s.lock);
	dpi_thread_join(thread);
	assert_string_equal(s.name, "dp-test");
}

static void *add_up(void *arg)
{
	self *s = arg;

	for (int i = 0; i < 10000; i++) {
		dpi_lock(&s->lock);
		s->sum++;
		dpi_unlock(&s->lock);
	}
	return NULL;
}

static void a_lock_is_held_by_one_thread(void **state)
{
	self s = {.lock = PTHREAD_MUTEX_INITIALIZER};
	pthread_t threads[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(dpi_thread_start(&threads[i], "dp-test",
					 add_up, &s, NULL),
			DP_OK);
	}
	for (int i = 0; i < 2; i++) {
		dpi_thread_join(threads[i]);
	}
	assert_int_equal(s.sum, 20000);
}

static void a_thread_that_cannot_start_is_an_error(void **state)
{
	dp_error *err = NULL;
	pthread_t thread;

	(void)state;
	create_error = EAGAIN;
	assert_int_equal(
		dpi_thread_start(&thread, "dp-test", look, NULL, &err), DP_EIO);
	assert_int_equal(dp_error_sys_errno(err), EAGAIN);
	assert_non_null(
		strstr(dp_error_message(err), "cannot start thread dp-test: "));
	dp_error_free(err);
	create_error = 0;
	attr_error = ENOMEM;
	assert_int_equal(dpi_thread_start(&thread, "dp-test", look, NULL, NULL),
		DP_ENOMEM);
	attr_error = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_threads_take_no_signals_but_of_faults),
		cmocka_unit_test(our_threads_have_names),
		cmocka_unit_test(a_lock_is_held_by_one_thread),
		cmocka_unit_test(a_thread_that_cannot_start_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
