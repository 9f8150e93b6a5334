/* SPDX-License-Identifier: Apache-2.0 */
#include "io/runtime.h"

#include "base/adopt.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/thread.h"
#include "io/completions.h"
#include "io/fork_guard.h"
#include "io/log.h"
#include "io/loop.h"

struct dp_runtime {
	dp_allocator alloc;
	const dpi_os *os;
	dpi_log_target log;
	dpi_fork_guard fork_guard;
	dpi_completion_queue completions;

	pthread_mutex_t lock; /* guards the start of the loop */
	dpi_loop *loop;       /* NULL until work needs it */

	dpi_shared_list shared;
};

static dp_status check_options(const dp_runtime_options *opts, dp_error **err)
{
	const dp_allocator *alloc = opts->allocator;

	if (alloc != NULL && (alloc->alloc == NULL || alloc->free == NULL)) {
		return dpi_error_set(
			err, DP_EINVAL, "the allocator lacks alloc or free");
	}
	if (opts->log_level < 0 || opts->log_level > DP_LOG_DEBUG) {
		return dpi_error_set(err, DP_EINVAL,
			"log_level %d is none of DP_LOG_*",
			(int)opts->log_level);
	}
	return DP_OK;
}

static dp_status init_parts(dp_runtime *rt, dp_error **err)
{
	int rc = dpi_fork_guard_init(&rt->fork_guard);

	if (rc < 0) {
		return dpi_error_sys(err, -rc,
			"no page that tells forks (Linux 4.14 has them)");
	}
	if (dpi_completion_queue_init(&rt->completions, rt->os) != DP_OK) {
		goto err_after_guard;
	}
	if (pthread_mutex_init(&rt->lock, NULL) != 0) {
		goto err_after_completions;
	}
	if (pthread_mutex_init(&rt->shared.lock, NULL) != 0) {
		goto err_after_lock;
	}
	return DP_OK;

err_after_lock:
	(void)pthread_mutex_destroy(&rt->lock);
err_after_completions:
	dpi_completion_queue_fini(&rt->completions);
err_after_guard:
	dpi_fork_guard_fini(&rt->fork_guard);
	return dpi_error_set(err, DP_ENOMEM, "no memory for a lock");
}

dp_status dpi_runtime_new(dp_runtime **ret_rt, const dp_runtime_options *opts,
	const dpi_os *os, dp_error **err)
{
	const size_t first_release =
		DPI_SIZE_UP_TO(dp_runtime_options, log_level);
	dp_runtime_options whole;
	const dp_allocator *alloc;
	dp_runtime *rt;
	dp_status st;

	if (ret_rt == NULL) {
		return dpi_error_set(err, DP_EINVAL, "ret_rt is NULL");
	}
	st = dpi_adopt(&whole, sizeof(whole), opts, first_release,
		"runtime options", "DP_RUNTIME_OPTIONS_INIT", err);
	if (st == DP_OK) {
		st = check_options(&whole, err);
	}
	if (st != DP_OK) {
		return st;
	}
	alloc = whole.allocator != NULL ? whole.allocator : dpi_alloc_default();
	rt = dpi_zalloc(alloc, 1, sizeof(*rt));
	if (rt == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for a runtime");
	}
	rt->alloc = *alloc;
	rt->os = os;
	rt->log = (dpi_log_target){whole.log, whole.log_user,
		whole.log_level != 0 ? whole.log_level : DP_LOG_WARN};
	st = init_parts(rt, err);
	if (st != DP_OK) {
		dpi_free(alloc, rt, 1, sizeof(*rt));
		return st;
	}
	*ret_rt = rt;
	return DP_OK;
}

dp_status dp_runtime_new(
	dp_runtime **ret_rt, const dp_runtime_options *opts, dp_error **err)
{
	return dpi_runtime_new(ret_rt, opts, dpi_os_real(), err);
}

static void free_shared(dpi_shared_list *list)
{
	while (list->first != NULL) {
		dpi_shared *shared = list->first;

		list->first = shared->next;
		shared->free(shared);
	}
	(void)pthread_mutex_destroy(&list->lock);
}

/*
 * A child has neither the loop thread nor the threads that may have held a
 * lock when it was forked, so it waits for nothing; what those threads had in
 * hand stays allocated in the child.
 */
static void free_in_child(dp_runtime *rt)
{
	dp_allocator alloc = rt->alloc;

	dpi_completion_queue_abandon(&rt->completions);
	dpi_fork_guard_fini(&rt->fork_guard);
	dpi_free(&alloc, rt, 1, sizeof(*rt));
}

void dp_runtime_free(dp_runtime *rt)
{
	dp_allocator alloc;

	if (rt == NULL) {
		return;
	}
	if (dpi_fork_guard_is_child(&rt->fork_guard)) {
		free_in_child(rt);
		return;
	}
	alloc = rt->alloc;
	if (rt->loop != NULL) {
		dpi_loop_stop(rt->loop, &alloc);
	}
	/* Completions that nobody took go back to what is shared. */
	dpi_completion_queue_fini(&rt->completions);
	free_shared(&rt->shared);
	(void)pthread_mutex_destroy(&rt->lock);
	dpi_fork_guard_fini(&rt->fork_guard);
	dpi_free(&alloc, rt, 1, sizeof(*rt));
}

const dp_allocator *dpi_runtime_alloc(const dp_runtime *rt)
{
	return &rt->alloc;
}

const dpi_os *dpi_runtime_os(const dp_runtime *rt)
{
	return rt->os;
}

dp_status dpi_runtime_check(const dp_runtime *rt, dp_error **err)
{
	if (dpi_fork_guard_is_child(&rt->fork_guard)) {
		return dpi_error_set(err, DP_EFORKED,
			"made before fork(): make a new runtime in the child");
	}
	return DP_OK;
}

const dpi_log_target *dpi_runtime_log_target(const dp_runtime *rt)
{
	return &rt->log;
}

void dpi_runtime_push_completions(dp_runtime *rt, dpi_completions *block)
{
	dpi_completion_queue_push(&rt->completions, block);
}

int64_t dp_runtime_poll(
	dp_runtime *rt, dp_completion *items, size_t max, dp_time_ns timeout_ns)
{
	dp_status st;

	if (rt == NULL || items == NULL || max == 0 || timeout_ns < 0) {
		return DP_EINVAL;
	}
	st = dpi_runtime_check(rt, NULL);
	if (st != DP_OK) {
		return st;
	}
	return (int64_t)dpi_completion_queue_take(&rt->completions, items, max,
		dpi_os_deadline(rt->os, timeout_ns));
}

int dp_runtime_poll_fd(dp_runtime *rt, dp_error **err)
{
	dp_status st;
	int fd;

	if (rt == NULL) {
		return dpi_error_set(err, DP_EINVAL, "rt is NULL");
	}
	st = dpi_runtime_check(rt, err);
	if (st != DP_OK) {
		return st;
	}
	fd = dpi_completion_queue_fd(&rt->completions);
	return fd >= 0 ? fd : dpi_error_sys(err, -fd, "make an eventfd");
}

dp_status dpi_runtime_start_loop(dp_runtime *rt, dp_error **err)
{
	dp_status st = DP_OK;

	dpi_lock(&rt->lock);
	if (rt->loop == NULL) {
		st = dpi_loop_start(&rt->loop, &rt->alloc, err);
	}
	dpi_unlock(&rt->lock);
	return st;
}

void dpi_runtime_post(dp_runtime *rt, dpi_task *task)
{
	dpi_loop_post(rt->loop, task);
}

void dpi_runtime_settle(dp_runtime *rt, dpi_task *task)
{
	dpi_loop_settle(rt->loop, task);
}

dpi_shared_list *dpi_runtime_shared(dp_runtime *rt)
{
	return &rt->shared;
}
