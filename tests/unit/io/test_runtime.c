/* SPDX-License-Identifier: Apache-2.0 */
#include "io/runtime.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "test_heap.h"

#define SIZE(array) (sizeof(array) / sizeof((array)[0]))

static struct test_heap heap;

static int make_runtime(void **state)
{
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;
	dp_runtime *rt = NULL;

	test_heap_init(&heap);
	opts.allocator = &heap.alloc;
	if (dp_runtime_new(&rt, &opts, NULL) != DP_OK) {
		return -1;
	}
	*state = rt;
	return 0;
}

static int free_runtime(void **state)
{
	dp_runtime_free(*state);
	return heap.live_blocks == 0 ? 0 : -1;
}

static void the_defaults_need_no_options(void **state)
{
	dp_runtime *rt = NULL;

	(void)state;
	assert_int_equal(dp_runtime_new(&rt, NULL, NULL), DP_OK);
	assert_int_equal(dpi_runtime_check(rt, NULL), DP_OK);
	dp_runtime_free(rt);
	dp_runtime_free(NULL);
}

static void wrong_options_are_refused(void **state)
{
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;
	dp_allocator half = {NULL, NULL, NULL};
	dp_runtime *rt = NULL;
	dp_error *err = NULL;

	(void)state;
	assert_int_equal(dp_runtime_new(NULL, &opts, NULL), DP_EINVAL);
	opts.log_level = 9;
	assert_int_equal(dp_runtime_new(&rt, &opts, &err), DP_EINVAL);
	assert_string_equal(
		dp_error_message(err), "log_level 9 is none of DP_LOG_*");
	dp_error_free(err);
	opts.log_level = 0;
	opts.allocator = &half;
	assert_int_equal(dp_runtime_new(&rt, &opts, NULL), DP_EINVAL);
	opts.struct_size = 0;
	assert_int_equal(dp_runtime_new(&rt, &opts, NULL), DP_EABI);
	assert_null(rt);
}

static void no_allocation_that_fails_leaves_anything_behind(void **state)
{
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;
	dp_runtime *rt = NULL;
	long allocations = 0;

	(void)state;
	for (long n = 0; n <= allocations; n++) {
		dp_status st;

		test_heap_init(&heap);
		heap.fail_at = n;
		opts.allocator = &heap.alloc;
		st = dp_runtime_new(&rt, &opts, NULL);
		if (st == DP_OK) {
			st = dpi_runtime_start_loop(rt, NULL);
			dp_runtime_free(rt);
		}
		allocations = heap.made;
		assert_int_equal(st, n < allocations ? DP_ENOMEM : DP_OK);
		assert_int_equal(heap.live_blocks, 0);
		assert_int_equal(heap.live_bytes, 0);
	}
	assert_int_equal(allocations, 2);
}

typedef struct batch {
	dpi_completions block; /* first: release gets its address */
	dp_completion items[3];
	int released;
} batch;

static void count_release(dpi_completions *block)
{
	((batch *)block)->released++;
}

static void init_batch(batch *b)
{
	*b = (batch){.block = {.items = b->items,
			     .count = SIZE(b->items),
			     .release = count_release}};
	for (size_t i = 0; i < SIZE(b->items); i++) {
		b->items[i].tag = &b->items[i];
		b->items[i].status = -(dp_status)i;
	}
}

static void completions_come_in_order_and_once(void **state)
{
	dp_completion got[4];
	batch a, b;

	init_batch(&a);
	init_batch(&b);
	dpi_runtime_push_completions(*state, &a.block);
	dpi_runtime_push_completions(*state, &b.block);
	assert_int_equal(dp_runtime_poll(*state, got, 4, 0), 4);
	assert_ptr_equal(got[0].tag, &a.items[0]);
	assert_ptr_equal(got[2].tag, &a.items[2]);
	assert_int_equal(got[2].status, -2);
	assert_ptr_equal(got[3].tag, &b.items[0]);
	assert_int_equal(a.released, 1);
	assert_int_equal(b.released, 0);
	assert_int_equal(dp_runtime_poll(*state, got, 4, DP_FOREVER), 2);
	assert_ptr_equal(got[1].tag, &b.items[2]);
	assert_int_equal(b.released, 1);
	assert_int_equal(dp_runtime_poll(*state, got, 4, 0), 0);
}

static void what_nobody_took_is_released_with_the_runtime(void **state)
{
	dp_completion got;
	dp_runtime *rt = NULL;
	batch a, b;

	(void)state;
	assert_int_equal(dp_runtime_new(&rt, NULL, NULL), DP_OK);
	init_batch(&a);
	init_batch(&b);
	dpi_runtime_push_completions(rt, &a.block);
	dpi_runtime_push_completions(rt, &b.block);
	assert_int_equal(dp_runtime_poll(rt, &got, 1, 0), 1);
	dp_runtime_free(rt);
	assert_int_equal(a.released, 1);
	assert_int_equal(b.released, 1);
}

static void polling_needs_room_and_a_time(void **state)
{
	dp_completion got;

	assert_int_equal(dp_runtime_poll(NULL, &got, 1, 0), DP_EINVAL);
	assert_int_equal(dp_runtime_poll(*state, NULL, 1, 0), DP_EINVAL);
	assert_int_equal(dp_runtime_poll(*state, &got, 0, 0), DP_EINVAL);
	assert_int_equal(dp_runtime_poll(*state, &got, 1, -1), DP_EINVAL);
	assert_int_equal(dp_runtime_poll_fd(NULL, NULL), DP_EINVAL);
}

static void polling_gives_up_at_the_deadline(void **state)
{
	dp_completion got;

	assert_int_equal(dp_runtime_poll(*state, &got, 1, DP_MILLISECOND), 0);
}

static void *poll_for_ever(void *rt)
{
	dp_completion got[2];

	assert_in_range(dp_runtime_poll(rt, got, 2, DP_FOREVER), 1, 2);
	return NULL;
}

static void every_waiting_thread_gets_its_share(void **state)
{
	pthread_t threads[2];
	batch a;

	init_batch(&a);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL,
					 poll_for_ever, *state),
			0);
	}
	dpi_runtime_push_completions(*state, &a.block);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	assert_int_equal(a.released, 1);
}

static bool is_readable(int fd)
{
	struct pollfd p = {fd, POLLIN, 0};

	return poll(&p, 1, 0) == 1;
}

static void the_descriptor_is_readable_while_completions_are_queued(
	void **state)
{
	dp_completion got[2];
	batch a;
	int fd;

	init_batch(&a);
	dpi_runtime_push_completions(*state, &a.block);
	fd = dp_runtime_poll_fd(*state, NULL);
	assert_true(fd >= 0);
	assert_int_equal(dp_runtime_poll_fd(*state, NULL), fd);
	assert_true(is_readable(fd));
	assert_int_equal(dp_runtime_poll(*state, got, 2, 0), 2);
	assert_true(is_readable(fd));
	assert_int_equal(dp_runtime_poll(*state, got, 2, 0), 1);
	assert_false(is_readable(fd));
	dpi_runtime_push_completions(*state, &a.block);
	assert_true(is_readable(fd));
	assert_int_equal(dp_runtime_poll(*state, got, 2, 0), 2);
	assert_int_equal(dp_runtime_poll(*state, got, 2, 0), 1);
}

static void a_child_of_fork_is_told_and_can_free(void **state)
{
	dp_completion got;
	dp_runtime *rt = *state;
	int status = 0;
	pid_t pid;

	assert_int_equal(dpi_runtime_start_loop(rt, NULL), DP_OK);
	assert_true(dp_runtime_poll_fd(rt, NULL) >= 0);
	pid = fork();
	if (pid == 0) {
		bool right = dpi_runtime_check(rt, NULL) == DP_EFORKED &&
			dp_runtime_poll(rt, &got, 1, 0) == DP_EFORKED &&
			dp_runtime_poll_fd(rt, NULL) == DP_EFORKED;

		dp_runtime_free(rt);
		_exit(right ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(dpi_runtime_check(rt, NULL), DP_OK);
}

static int shared_freed;

static void count_shared(dpi_shared *shared)
{
	assert_string_equal(shared->name, "memory:a");
	shared_freed++;
}

static void what_objects_share_is_freed_with_the_runtime(void **state)
{
	dpi_shared a = {.name = "memory:a", .free = count_shared};
	dpi_shared b = {.next = &a, .name = "memory:a", .free = count_shared};
	dp_runtime *rt = NULL;

	(void)state;
	assert_int_equal(dp_runtime_new(&rt, NULL, NULL), DP_OK);
	assert_null(dpi_runtime_shared(rt)->first);
	dpi_runtime_shared(rt)->first = &b;
	dp_runtime_free(rt);
	assert_int_equal(shared_freed, 2);
}

static void objects_get_the_memory_and_the_system_of_their_runtime(void **state)
{
	const dp_allocator *alloc = dpi_runtime_alloc(*state);

	assert_ptr_equal(alloc->user, &heap);
	assert_ptr_equal(dpi_runtime_os(*state), dpi_os_real());
}

static void add_one(void *arg)
{
	(*(int *)arg)++;
}

static void a_task_runs_once_for_each_time_it_settled(void **state)
{
	int runs = 0;
	dpi_task task = {.fn = add_one, .arg = &runs};

	assert_int_equal(dpi_runtime_start_loop(*state, NULL), DP_OK);
	assert_int_equal(dpi_runtime_start_loop(*state, NULL), DP_OK);
	for (int i = 1; i <= 100; i++) {
		dpi_runtime_post(*state, &task);
		dpi_runtime_settle(*state, &task);
		assert_int_equal(runs, i);
	}
}

typedef struct order {
	pthread_mutex_t gate;
	int next;
	int seen[3];
} order;

typedef struct step {
	dpi_task task;
	order *order;
	int number;
} step;

static void note_order(void *arg)
{
	step *s = arg;

	(void)pthread_mutex_lock(&s->order->gate);
	s->order->seen[s->order->next++] = s->number;
	(void)pthread_mutex_unlock(&s->order->gate);
}

static void tasks_run_in_order_and_a_queued_one_is_not_queued_twice(
	void **state)
{
	order o = {.gate = PTHREAD_MUTEX_INITIALIZER};
	step steps[3];

	assert_int_equal(dpi_runtime_start_loop(*state, NULL), DP_OK);
	(void)pthread_mutex_lock(&o.gate);
	for (int i = 0; i < 3; i++) {
		steps[i] = (step){{.fn = note_order, .arg = &steps[i]}, &o, i};
		dpi_runtime_post(*state, &steps[i].task);
	}
	dpi_runtime_post(*state, &steps[2].task);
	(void)pthread_mutex_unlock(&o.gate);
	dpi_runtime_settle(*state, &steps[2].task);
	assert_int_equal(o.next, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(o.seen[i], i);
	}
}

static void tasks_in_the_queue_run_before_the_runtime_ends(void **state)
{
	int runs = 0;
	dpi_task task = {.fn = add_one, .arg = &runs};
	dp_runtime *rt = NULL;

	(void)state;
	assert_int_equal(dp_runtime_new(&rt, NULL, NULL), DP_OK);
	assert_int_equal(dpi_runtime_start_loop(rt, NULL), DP_OK);
	dpi_runtime_post(rt, &task);
	dp_runtime_free(rt);
	assert_int_equal(runs, 1);
}

typedef struct last_record {
	int count;
	dp_log_level level;
	uint32_t message_id;
	char line[2000];
} last_record;

static void keep_record(void *user, const dp_log_record *record)
{
	last_record *last = user;

	last->count++;
	last->level = record->level;
	last->message_id = record->message_id;
	(void)snprintf(last->line, sizeof(last->line), "%s|%s|%s",
		record->module, record->object, record->text);
}

static void a_log_record_is_one_line_whatever_it_tells(void **state)
{
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;
	dp_runtime *rt = NULL;
	last_record last = {0};

	(void)state;
	opts.log = keep_record;
	opts.log_user = &last;
	assert_int_equal(dp_runtime_new(&rt, &opts, NULL), DP_OK);
	dpi_log(rt, DP_LOG_WARN, 7, "io", "a\nb", "topic %s", "x\r\ny");
	assert_int_equal(last.count, 1);
	assert_int_equal(last.level, DP_LOG_WARN);
	assert_int_equal(last.message_id, 7);
	assert_string_equal(last.line, "io|a?b|topic x??y");
	dp_runtime_free(rt);
}

static void only_levels_that_were_asked_for_are_reported(void **state)
{
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;
	last_record last = {0};

	(void)state;
	opts.log = keep_record;
	opts.log_user = &last;
	for (dp_log_level asked = 0; asked <= DP_LOG_DEBUG; asked++) {
		dp_runtime *rt = NULL;

		last.count = 0;
		opts.log_level = asked;
		assert_int_equal(dp_runtime_new(&rt, &opts, NULL), DP_OK);
		for (dp_log_level l = DP_LOG_ERROR; l <= DP_LOG_DEBUG; l++) {
			dpi_log(rt, l, 7, "io", "", "x");
		}
		assert_int_equal(last.count, asked != 0 ? asked : DP_LOG_WARN);
		dp_runtime_free(rt);
	}
}

static void without_a_log_function_there_is_silence(void **state)
{
	dpi_log(*state, DP_LOG_ERROR, 7, "io", "", "x");
}

#define WITH_RUNTIME(test) \
	cmocka_unit_test_setup_teardown(test, make_runtime, free_runtime)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_defaults_need_no_options),
		cmocka_unit_test(wrong_options_are_refused),
		cmocka_unit_test(
			no_allocation_that_fails_leaves_anything_behind),
		WITH_RUNTIME(completions_come_in_order_and_once),
		cmocka_unit_test(what_nobody_took_is_released_with_the_runtime),
		WITH_RUNTIME(polling_needs_room_and_a_time),
		WITH_RUNTIME(polling_gives_up_at_the_deadline),
		WITH_RUNTIME(every_waiting_thread_gets_its_share),
		WITH_RUNTIME(
			the_descriptor_is_readable_while_completions_are_queued),
		WITH_RUNTIME(a_child_of_fork_is_told_and_can_free),
		cmocka_unit_test(what_objects_share_is_freed_with_the_runtime),
		WITH_RUNTIME(
			objects_get_the_memory_and_the_system_of_their_runtime),
		WITH_RUNTIME(a_task_runs_once_for_each_time_it_settled),
		WITH_RUNTIME(
			tasks_run_in_order_and_a_queued_one_is_not_queued_twice),
		WITH_RUNTIME(tasks_in_the_queue_run_before_the_runtime_ends),
		cmocka_unit_test(a_log_record_is_one_line_whatever_it_tells),
		cmocka_unit_test(only_levels_that_were_asked_for_are_reported),
		WITH_RUNTIME(without_a_log_function_there_is_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
