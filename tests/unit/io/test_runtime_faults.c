/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <uv.h>

#include "io/runtime.h"
#include "test_heap.h"

/* Each call that a runtime makes of the system, when it fails. */

typedef enum failing {
	NOTHING,
	MMAP,
	MADVISE,
	MUTEX_INIT,
	COND_INIT,
	EVENTFD,
	UV_LOOP_INIT,
	UV_ASYNC_INIT,
	PTHREAD_CREATE
} failing;

static failing now;
static int passes; /* calls of that kind that still succeed */

static bool fails(failing call)
{
	return now == call && passes-- == 0;
}

/* What glibc calls mmap() with 64-bit offsets. */
void *__real_mmap64(void *, size_t, int, int, int, off_t);
void *__wrap_mmap64(void *, size_t, int, int, int, off_t);
int __real_madvise(void *, size_t, int);
int __wrap_madvise(void *, size_t, int);
int __real_pthread_mutex_init(pthread_mutex_t *, const pthread_mutexattr_t *);
int __wrap_pthread_mutex_init(pthread_mutex_t *, const pthread_mutexattr_t *);
int __real_pthread_cond_init(pthread_cond_t *, const pthread_condattr_t *);
int __wrap_pthread_cond_init(pthread_cond_t *, const pthread_condattr_t *);
int __real_eventfd(unsigned, int);
int __wrap_eventfd(unsigned, int);
int __real_uv_loop_init(uv_loop_t *);
int __wrap_uv_loop_init(uv_loop_t *);
int __real_uv_async_init(uv_loop_t *, uv_async_t *, uv_async_cb);
int __wrap_uv_async_init(uv_loop_t *, uv_async_t *, uv_async_cb);
int __real_pthread_create(
	pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(
	pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

void *__wrap_mmap64(void *at, size_t size, int prot, int how, int fd, off_t off)
{
	errno = ENOMEM;
	return fails(MMAP) ? MAP_FAILED
			   : __real_mmap64(at, size, prot, how, fd, off);
}

int __wrap_madvise(void *at, size_t size, int advice)
{
	errno = EINVAL;
	return fails(MADVISE) ? -1 : __real_madvise(at, size, advice);
}

int __wrap_pthread_mutex_init(
	pthread_mutex_t *mutex, const pthread_mutexattr_t *attr)
{
	return fails(MUTEX_INIT) ? ENOMEM
				 : __real_pthread_mutex_init(mutex, attr);
}

int __wrap_pthread_cond_init(
	pthread_cond_t *cond, const pthread_condattr_t *attr)
{
	return fails(COND_INIT) ? ENOMEM : __real_pthread_cond_init(cond, attr);
}

int __wrap_eventfd(unsigned count, int flags)
{
	errno = EMFILE;
	return fails(EVENTFD) ? -1 : __real_eventfd(count, flags);
}

int __wrap_uv_loop_init(uv_loop_t *loop)
{
	return fails(UV_LOOP_INIT) ? UV_EMFILE : __real_uv_loop_init(loop);
}

int __wrap_uv_async_init(uv_loop_t *loop, uv_async_t *async, uv_async_cb cb)
{
	return fails(UV_ASYNC_INIT) ? UV_EMFILE
				    : __real_uv_async_init(loop, async, cb);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
	void *(*run)(void *), void *arg)
{
	return fails(PTHREAD_CREATE)
		? EAGAIN
		: __real_pthread_create(thread, attr, run, arg);
}

static struct test_heap heap;
static dp_runtime_options opts;

static int begin(void **state)
{
	(void)state;
	test_heap_init(&heap);
	opts = (dp_runtime_options)DP_RUNTIME_OPTIONS_INIT;
	opts.allocator = &heap.alloc;
	return 0;
}

static int end(void **state)
{
	(void)state;
	now = NOTHING;
	return heap.live_blocks == 0 ? 0 : -1;
}

static void a_runtime_is_whole_or_not_made(void **state)
{
	static const struct {
		failing call;
		int passes;
		dp_status st;
	} cases[] = {
		{MMAP, 0, DP_ENOMEM},
		{MADVISE, 0, DP_EIO},
		{MUTEX_INIT, 0, DP_ENOMEM},
		{MUTEX_INIT, 1, DP_ENOMEM},
		{MUTEX_INIT, 2, DP_ENOMEM},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		dp_runtime *rt = NULL;
		dp_error *err = NULL;

		now = cases[i].call;
		passes = cases[i].passes;
		assert_int_equal(dp_runtime_new(&rt, &opts, &err), cases[i].st);
		assert_int_equal(dp_error_code(err), cases[i].st);
		assert_null(rt);
		assert_int_equal(heap.live_blocks, 0);
		dp_error_free(err);
	}
}

static void set_flag(void *arg)
{
	*(int *)arg = 1;
}

static void a_loop_that_could_not_start_can_be_started_later(void **state)
{
	static const struct {
		failing call;
		dp_status st;
	} cases[] = {
		{MUTEX_INIT, DP_ENOMEM},
		{COND_INIT, DP_ENOMEM},
		{UV_LOOP_INIT, DP_EIO},
		{UV_ASYNC_INIT, DP_EIO},
		{PTHREAD_CREATE, DP_EIO},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int flag = 0;
		dpi_task task = {.fn = set_flag, .arg = &flag};
		dp_runtime *rt = NULL;
		dp_error *err = NULL;

		now = NOTHING;
		assert_int_equal(dp_runtime_new(&rt, &opts, NULL), DP_OK);
		now = cases[i].call;
		passes = 0;
		assert_int_equal(dpi_runtime_start_loop(rt, &err), cases[i].st);
		assert_int_equal(dp_error_code(err), cases[i].st);
		dp_error_free(err);
		assert_int_equal(heap.live_blocks, 1);
		assert_int_equal(dpi_runtime_start_loop(rt, NULL), DP_OK);
		dpi_runtime_post(rt, &task);
		dpi_runtime_settle(rt, &task);
		assert_int_equal(flag, 1);
		dp_runtime_free(rt);
	}
}

static void no_descriptor_is_an_error_and_polling_goes_on(void **state)
{
	dp_runtime *rt = NULL;
	dp_error *err = NULL;
	dp_completion got;

	(void)state;
	assert_int_equal(dp_runtime_new(&rt, &opts, NULL), DP_OK);
	now = EVENTFD;
	passes = 0;
	assert_int_equal(dp_runtime_poll_fd(rt, &err), DP_EIO);
	assert_int_equal(dp_error_sys_errno(err), EMFILE);
	dp_error_free(err);
	assert_int_equal(dp_runtime_poll(rt, &got, 1, 0), 0);
	assert_true(dp_runtime_poll_fd(rt, NULL) >= 0);
	dp_runtime_free(rt);
}

#define WITH_HEAP(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_HEAP(a_runtime_is_whole_or_not_made),
		WITH_HEAP(a_loop_that_could_not_start_can_be_started_later),
		WITH_HEAP(no_descriptor_is_an_error_and_polling_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
