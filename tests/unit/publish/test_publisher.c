/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include <datapipe/datapipe.h>

#include "base/uuid.h"
#include "manual_hub.h"
#include "test_heap.h"

struct fixture {
	struct test_heap heap;
	dp_runtime *rt;
	struct manual_hub hub;
};

/* Nobody else runs in these tests: what waits would wait until its deadline. */
static int impatient_wait(
	void *self, uint32_t *word, uint32_t expected, dp_time_ns deadline_ns)
{
	(void)self;
	(void)word;
	(void)expected;
	assert_true(deadline_ns != DP_FOREVER);
	return -ETIMEDOUT;
}

static int setup(void **state)
{
	static struct fixture f;
	static dpi_os os;
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;

	test_heap_init(&f.heap);
	opts.allocator = &f.heap.alloc;
	os = *dpi_os_real();
	os.wait = impatient_wait;
	assert_int_equal(dpi_runtime_new(&f.rt, &opts, &os, NULL), DP_OK);
	manual_hub_init(&f.hub, f.rt);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->hub.writers, 0);
	manual_hub_fini(&f->hub);
	dp_runtime_free(f->rt);
	assert_int_equal(f->heap.live_bytes, 0);
	return 0;
}

static dp_publisher_options options(void)
{
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;

	opts.topic = "ramp.test";
	opts.source = "test-service";
	return opts;
}

static dp_publisher *new_publisher(
	struct fixture *f, const dp_publisher_options *opts)
{
	dp_publisher *pub = NULL;

	assert_int_equal(
		dp_publisher_new(&pub, &f->hub.hub, opts, NULL), DP_OK);
	return pub;
}

static dp_event event(const char *payload)
{
	dp_event ev = DP_EVENT_INIT;

	ev.type = "shop.v1.Paid";
	ev.payload.data = payload;
	ev.payload.size = strlen(payload);
	return ev;
}

static dp_status publish(dp_publisher *pub, const char *payload)
{
	dp_event ev = event(payload);

	return dp_publisher_publish(pub, &ev, 0, NULL);
}

static dp_publisher_stats stats_of(dp_publisher *pub)
{
	dp_publisher_stats stats = {.struct_size = sizeof(stats)};

	assert_int_equal(dp_publisher_get_stats(pub, &stats, NULL), DP_OK);
	return stats;
}

static void test_publisher_commits_what_it_was_given(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_publisher *pub = new_publisher(f, &opts);
	char id[DP_ID_SIZE];
	char text[DPI_UUID_TEXT + 1];
	dp_event ev = event("hello");
	const uint8_t *record;
	dp_message msg;

	ev.ret_id = id;
	assert_int_equal(dp_publisher_publish(pub, &ev, 0, NULL), DP_OK);
	assert_int_equal(dp_publisher_flush(pub, DP_FOREVER, NULL), DP_OK);
	assert_int_equal(f->hub.count, 1);
	record = manual_hub_record(&f->hub, 0);
	assert_true(dpi_record_parse(&msg, record, dpi_record_size(record)));
	assert_int_equal(msg.payload.size, 5);
	assert_memory_equal(msg.payload.data, "hello", 5);
	assert_memory_equal(msg.known[DP_ATTR_SOURCE].data, "test-service", 12);
	dpi_uuid_format(text, record + 16);
	assert_string_equal(id, text);
	dp_publisher_free(pub);
}

static void test_publisher_returns_the_id_that_it_was_given(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_publisher *pub = new_publisher(f, &opts);
	char id[DP_ID_SIZE] = "";
	dp_event ev = event("x");

	ev.id = "order-17";
	ev.ret_id = id;
	assert_int_equal(dp_publisher_publish(pub, &ev, 0, NULL), DP_OK);
	assert_string_equal(id, "order-17");
	dp_publisher_free(pub);
}

static void test_publisher_arms_once_for_a_linger_period(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_publisher *pub;
	const dpi_os *os = dpi_runtime_os(f->rt);
	dp_time_ns before;
	dp_time_ns after;

	opts.linger_ns = 5 * DP_SECOND;
	pub = new_publisher(f, &opts);
	before = os->monotonic(os->self);
	assert_int_equal(publish(pub, "1"), DP_OK);
	after = os->monotonic(os->self);
	assert_int_equal(f->hub.arms, 1);
	assert_true(f->hub.armed_at >= before + 5 * DP_SECOND);
	assert_true(f->hub.armed_at <= after + 5 * DP_SECOND);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(publish(pub, "more"), DP_OK);
	}
	assert_int_equal(f->hub.arms, 1);
	assert_int_equal(stats_of(pub).wakeups, 1);

	manual_hub_commit(&f->hub);
	assert_int_equal(publish(pub, "2"), DP_OK);
	assert_int_equal(f->hub.arms, 2);
	dp_publisher_free(pub);
}

static void test_publisher_commits_itself_if_nothing_lingers(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_event ev = event("x");
	dp_publisher *pub;

	opts.linger_ns = 1;
	pub = new_publisher(f, &opts);
	f->hub.tries = true;
	assert_int_equal(
		dp_publisher_publish(pub, &ev, DP_FOREVER, NULL), DP_OK);
	assert_int_equal(f->hub.count, 1);
	assert_int_equal(stats_of(pub).succeeded, 1);
	assert_int_equal(f->hub.arms, 0);
	assert_int_equal(stats_of(pub).wakeups, 0);
	dp_publisher_free(pub);
}

/* Who has a deadline is not kept by a file, nor who was told not to commit. */
static void test_publisher_leaves_commits_to_others_otherwise(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_event ev = event("x");
	dp_publisher *pub;

	opts.linger_ns = 1;
	pub = new_publisher(f, &opts);
	f->hub.tries = true;
	assert_int_equal(
		dp_publisher_publish(pub, &ev, DP_SECOND, NULL), DP_OK);
	assert_int_equal(f->hub.commits, 0);
	assert_int_equal(f->hub.arms, 1);
	manual_hub_commit(&f->hub);
	f->hub.tries = false;
	assert_int_equal(
		dp_publisher_publish(pub, &ev, DP_FOREVER, NULL), DP_OK);
	assert_int_equal(f->hub.refusals, 1);
	assert_int_equal(f->hub.arms, 2);
	assert_int_equal(stats_of(pub).wakeups, 2);
	dp_publisher_free(pub);

	opts.linger_ns = DP_MILLISECOND;
	pub = new_publisher(f, &opts);
	f->hub.tries = true;
	f->hub.commits = 0;
	assert_int_equal(
		dp_publisher_publish(pub, &ev, DP_FOREVER, NULL), DP_OK);
	assert_int_equal(f->hub.commits, 0);
	dp_publisher_free(pub);
}

static void test_publisher_arms_for_never_if_it_lingers_for_ever(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_publisher *pub;

	opts.linger_ns = DP_FOREVER;
	pub = new_publisher(f, &opts);
	assert_int_equal(publish(pub, "1"), DP_OK);
	assert_true(f->hub.armed_at == DP_FOREVER);
	manual_hub_commit(&f->hub);
	dp_publisher_free(pub);
}

static void test_publisher_commits_a_full_batch_at_once(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_publisher *pub;
	const dpi_os *os = dpi_runtime_os(f->rt);

	opts.linger_ns = DP_SECOND * 1000;
	opts.batch_bytes = 1000;
	pub = new_publisher(f, &opts);
	while (f->hub.arms < 2) {
		assert_int_equal(publish(pub, "some payload"), DP_OK);
	}
	assert_true(f->hub.armed_at <= os->monotonic(os->self));
	assert_in_range(stats_of(pub).accepted, 1000 / 100, 1000 / 40);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(publish(pub, "some payload"), DP_OK);
	}
	assert_int_equal(f->hub.arms, 2);
	dp_publisher_free(pub);
}

static void test_publisher_refuses_events_over_its_limit(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_publisher *pub;
	dp_error *err = NULL;
	dp_event ev = event("3");

	opts.limit_events = 2;
	pub = new_publisher(f, &opts);
	assert_int_equal(publish(pub, "1"), DP_OK);
	assert_int_equal(publish(pub, "2"), DP_OK);
	assert_int_equal(dp_publisher_publish(pub, &ev, 0, &err), DP_EAGAIN);
	assert_int_equal(dp_error_is_retriable(err), 1);
	dp_error_free(err);
	assert_int_equal(stats_of(pub).refused, 1);
	assert_int_equal(stats_of(pub).accepted, 2);

	manual_hub_commit(&f->hub);
	assert_int_equal(publish(pub, "3"), DP_OK);
	dp_publisher_free(pub);
	assert_int_equal(f->hub.count, 2);
}

static void test_publisher_bounds_bytes(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_publisher *pub;
	char payload[400];
	dp_status st;
	int n = 0;

	memset(payload, 'x', sizeof(payload) - 1);
	payload[sizeof(payload) - 1] = '\0';
	opts.limit_bytes = 4096;
	pub = new_publisher(f, &opts);
	while ((st = publish(pub, payload)) == DP_OK) {
		n++;
	}
	assert_int_equal(st, DP_EAGAIN);
	assert_in_range(n, 4096 / 500, 4096 / 400);
	dp_publisher_free(pub);
}

static void test_publisher_says_that_an_event_never_fits(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_publisher *pub;

	opts.limit_bytes = 64;
	opts.payload_bytes = 100;
	pub = new_publisher(f, &opts);
	assert_int_equal(
		publish(pub, "this is within the payload's limit"), DP_ETOOBIG);
	assert_int_equal(
		publish(pub,
			"this payload is longer than the hundred bytes "
			"that this publisher was told to take, at the "
			"very most"),
		DP_ETOOBIG);
	assert_int_equal(stats_of(pub).accepted, 0);
	dp_publisher_free(pub);
}

static void test_publisher_waits_for_room(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_publisher *pub;
	dp_event ev = event("2");

	opts.limit_events = 1;
	pub = new_publisher(f, &opts);
	assert_int_equal(publish(pub, "1"), DP_OK);
	f->hub.commits_when_due = true;
	assert_int_equal(
		dp_publisher_publish(pub, &ev, DP_FOREVER, NULL), DP_OK);
	assert_int_equal(stats_of(pub).refused, 0);
	assert_int_equal(f->hub.count, 1);
	dp_publisher_free(pub);
}

static void test_publisher_gives_up_waiting_for_room(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_publisher *pub;
	dp_event ev = event("2");

	opts.limit_events = 1;
	pub = new_publisher(f, &opts);
	assert_int_equal(publish(pub, "1"), DP_OK);
	assert_int_equal(dp_publisher_publish(pub, &ev, DP_MILLISECOND, NULL),
		DP_EAGAIN);
	assert_int_equal(stats_of(pub).refused, 1);
	dp_publisher_free(pub);
}

static void test_publisher_flush_commits_on_the_callers_thread(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_publisher *pub = new_publisher(f, &opts);

	assert_int_equal(publish(pub, "1"), DP_OK);
	assert_int_equal(dp_publisher_flush(pub, DP_FOREVER, NULL), DP_OK);
	assert_int_equal(f->hub.commits, 1);
	assert_int_equal(dp_publisher_flush(pub, DP_FOREVER, NULL), DP_OK);
	assert_int_equal(f->hub.commits, 1);
	dp_publisher_free(pub);
}

static void test_publisher_flush_keeps_its_deadline(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_publisher *pub = new_publisher(f, &opts);
	dp_error *err = NULL;

	assert_int_equal(publish(pub, "1"), DP_OK);
	assert_int_equal(
		dp_publisher_flush(pub, DP_MILLISECOND, &err), DP_ETIMEDOUT);
	assert_non_null(strstr(dp_error_message(err), "1 events"));
	dp_error_free(err);
	assert_int_equal(dp_publisher_flush(pub, 0, NULL), DP_ETIMEDOUT);
	f->hub.commits_when_due = true;
	assert_int_equal(dp_publisher_flush(pub, DP_SECOND, NULL), DP_OK);
	assert_int_equal(f->hub.count, 1);
	dp_publisher_free(pub);
}

static void test_publisher_flush_tells_a_failure_once(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_publisher *pub = new_publisher(f, &opts);
	dp_error *err = NULL;

	f->hub.answer = DP_ENOSPC;
	assert_int_equal(publish(pub, "1"), DP_OK);
	assert_int_equal(dp_publisher_flush(pub, DP_FOREVER, &err), DP_ENOSPC);
	assert_string_equal(dp_error_message(err), "the test says so");
	dp_error_free(err);
	assert_int_equal(stats_of(pub).failed, 1);

	f->hub.answer = DP_OK;
	assert_int_equal(publish(pub, "2"), DP_OK);
	assert_int_equal(dp_publisher_flush(pub, DP_FOREVER, NULL), DP_OK);
	dp_publisher_free(pub);
}

static void test_publisher_stops_after_a_final_failure(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_publisher *pub = new_publisher(f, &opts);
	dp_event ev = event("2");
	dp_error *err = NULL;

	f->hub.answer = DP_EIO;
	assert_int_equal(publish(pub, "1"), DP_OK);
	assert_int_equal(dp_publisher_flush(pub, DP_FOREVER, NULL), DP_EIO);
	assert_int_equal(
		dp_publisher_publish(pub, &ev, DP_FOREVER, &err), DP_ECLOSED);
	assert_non_null(strstr(dp_error_message(err), "the test says so"));
	dp_error_free(err);
	dp_publisher_free(pub);
}

static void test_publisher_polls_each_completion_once(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_publisher *pub;
	dp_completion items[8];
	dp_event ev = event("x");

	opts.flags = DP_PUBLISHER_POLL;
	pub = new_publisher(f, &opts);
	for (uintptr_t i = 1; i <= 5; i++) {
		ev.tag = (void *)i;
		assert_int_equal(
			dp_publisher_publish(pub, &ev, 0, NULL), DP_OK);
	}
	assert_int_equal(dp_runtime_poll(f->rt, items, 8, 0), 0);
	assert_int_equal(dp_publisher_flush(pub, DP_FOREVER, NULL), DP_OK);
	assert_int_equal(dp_runtime_poll(f->rt, items, 3, 0), 3);
	assert_int_equal(dp_runtime_poll(f->rt, items + 3, 5, 0), 2);
	for (uintptr_t i = 0; i < 5; i++) {
		assert_ptr_equal(items[i].tag, (void *)(i + 1));
		assert_int_equal(items[i].status, DP_OK);
	}
	assert_int_equal(dp_runtime_poll(f->rt, items, 8, 0), 0);
	dp_publisher_free(pub);
}

static void test_publisher_may_go_before_its_completions_are_polled(
	void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_publisher *pub;
	dp_completion item;

	opts.flags = DP_PUBLISHER_POLL;
	pub = new_publisher(f, &opts);
	assert_int_equal(publish(pub, "1"), DP_OK);
	assert_int_equal(dp_publisher_flush(pub, DP_FOREVER, NULL), DP_OK);
	dp_publisher_free(pub);
	assert_int_equal(dp_runtime_poll(f->rt, &item, 1, 0), 1);
	assert_int_equal(item.status, DP_OK);
}

static void test_publisher_holds_room_until_completions_are_polled(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_publisher *pub;
	dp_completion item;

	opts.flags = DP_PUBLISHER_POLL;
	opts.limit_events = 1;
	pub = new_publisher(f, &opts);
	assert_int_equal(publish(pub, "1"), DP_OK);
	assert_int_equal(dp_publisher_flush(pub, DP_FOREVER, NULL), DP_OK);
	assert_int_equal(publish(pub, "2"), DP_EAGAIN);
	assert_int_equal(dp_runtime_poll(f->rt, &item, 1, 0), 1);
	assert_int_equal(publish(pub, "2"), DP_OK);
	dp_publisher_free(pub);
}

static void test_publisher_cancels_what_the_hub_never_took(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_publisher *pub;
	dp_completion item;

	opts.flags = DP_PUBLISHER_POLL;
	pub = new_publisher(f, &opts);
	assert_int_equal(publish(pub, "1"), DP_OK);
	dp_publisher_free(pub);
	assert_int_equal(dp_runtime_poll(f->rt, &item, 1, 0), 1);
	assert_int_equal(item.status, DP_ECANCELED);
}

static void test_publisher_refuses_bad_options(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *topic;
		const char *source;
		dp_ack ack;
		uint32_t flags;
		dp_time_ns linger_ns;
		const char *says;
	} table[] = {
		{NULL, "s", 0, 0, 0, "topic"},
		{"a/b", "s", 0, 0, 0, "a/b"},
		{"..", "s", 0, 0, 0, "topic"},
		{"t", NULL, 0, 0, 0, "source"},
		{"t", "", 0, 0, 0, "source"},
		{"t", "\xff", 0, 0, 0, "UTF-8"},
		{"t", "s", 5, 0, 0, "ack"},
		{"t", "s", -1, 0, 0, "ack"},
		{"t", "s", 0, 2, 0, "flags"},
		{"t", "s", 0, 0, -1, "linger"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		dp_publisher_options opts = options();
		dp_publisher *pub = NULL;
		dp_error *err = NULL;

		opts.topic = table[i].topic;
		opts.source = table[i].source;
		opts.ack = table[i].ack;
		opts.flags = table[i].flags;
		opts.linger_ns = table[i].linger_ns;
		assert_int_equal(
			dp_publisher_new(&pub, &f->hub.hub, &opts, &err),
			DP_EINVAL);
		assert_non_null(strstr(dp_error_message(err), table[i].says));
		assert_null(pub);
		dp_error_free(err);
	}
}

static void test_publisher_says_which_argument_is_missing(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_publisher *pub = new_publisher(f, &opts);
	dp_event ev = event("1");
	dp_publisher *none = NULL;
	struct {
		dp_status st;
		const char *says;
		dp_error *err;
	} calls[] = {{.says = "ret_pub"}, {.says = "hub"}, {.says = "opts"},
		{.says = "pub"}, {.says = "ev"}, {.says = "pub"},
		{.says = "pub"}};

	calls[0].st = dp_publisher_new(NULL, &f->hub.hub, &opts, &calls[0].err);
	calls[1].st = dp_publisher_new(&none, NULL, &opts, &calls[1].err);
	calls[2].st = dp_publisher_new(&none, &f->hub.hub, NULL, &calls[2].err);
	calls[3].st = dp_publisher_publish(NULL, &ev, 0, &calls[3].err);
	calls[4].st = dp_publisher_publish(pub, NULL, 0, &calls[4].err);
	calls[5].st = dp_publisher_flush(NULL, 0, &calls[5].err);
	calls[6].st = dp_publisher_get_stats(NULL, NULL, &calls[6].err);
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		assert_int_equal(calls[i].st, DP_EINVAL);
		assert_non_null(
			strstr(dp_error_message(calls[i].err), calls[i].says));
		dp_error_free(calls[i].err);
	}
	dp_publisher_free(NULL);
	dp_publisher_free(pub);
}

static void test_publisher_goes_on_after_what_may_pass(void **state)
{
	static const dp_status passing[] = {
		DP_ENOSPC, DP_EAGAIN, DP_ENOMEM, DP_ECANCELED, DP_ETIMEDOUT};
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_publisher *pub = new_publisher(f, &opts);

	for (size_t i = 0; i < sizeof(passing) / sizeof(*passing); i++) {
		f->hub.answer = passing[i];
		assert_int_equal(publish(pub, "1"), DP_OK);
		assert_int_equal(
			dp_publisher_flush(pub, DP_FOREVER, NULL), passing[i]);
		f->hub.answer = DP_OK;
		assert_int_equal(publish(pub, "2"), DP_OK);
		assert_int_equal(
			dp_publisher_flush(pub, DP_FOREVER, NULL), DP_OK);
	}
	dp_publisher_free(pub);
}

static void test_publisher_needs_a_writer_of_the_hub(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_publisher *pub = NULL;

	f->hub.accepts_writers = false;
	assert_int_equal(
		dp_publisher_new(&pub, &f->hub.hub, &opts, NULL), DP_ELOCKED);
	assert_null(pub);
}

static void test_publisher_survives_want_of_memory(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();

	for (long n = 0;; n++) {
		dp_publisher *pub = NULL;
		dp_status st;

		f->heap.fail_at = f->heap.made + n;
		st = dp_publisher_new(&pub, &f->hub.hub, &opts, NULL);
		if (st == DP_OK) {
			st = publish(pub, "1");
			f->heap.fail_at = -1;
			assert_int_equal(stats_of(pub).accepted, st == DP_OK);
			dp_publisher_free(pub);
		}
		f->heap.fail_at = -1;
		if (st == DP_OK) {
			assert_true(n >= 3);
			return;
		}
		assert_int_equal(st, DP_ENOMEM);
	}
}

static int use_in_child(dp_publisher *pub)
{
	dp_event ev = event("child");
	dp_publisher_stats stats = {.struct_size = sizeof(stats)};
	int good = 0;

	good += dp_publisher_publish(pub, &ev, DP_FOREVER, NULL) == DP_EFORKED;
	good += dp_publisher_flush(pub, DP_FOREVER, NULL) == DP_EFORKED;
	good += dp_publisher_get_stats(pub, &stats, NULL) == DP_EFORKED;
	dp_publisher_free(pub);
	return good;
}

static void test_publisher_is_unusable_in_a_child(void **state)
{
	struct fixture *f = *state;
	dp_publisher_options opts = options();
	dp_publisher *pub = new_publisher(f, &opts);
	int status;
	pid_t child;

	assert_int_equal(publish(pub, "parent"), DP_OK);
	child = fork();
	if (child == 0) {
		_exit(use_in_child(pub));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 3);
	assert_int_equal(dp_publisher_flush(pub, DP_FOREVER, NULL), DP_OK);
	assert_int_equal(f->hub.count, 1);
	dp_publisher_free(pub);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_publisher_commits_what_it_was_given),
		TEST(test_publisher_returns_the_id_that_it_was_given),
		TEST(test_publisher_arms_once_for_a_linger_period),
		TEST(test_publisher_commits_itself_if_nothing_lingers),
		TEST(test_publisher_leaves_commits_to_others_otherwise),
		TEST(test_publisher_arms_for_never_if_it_lingers_for_ever),
		TEST(test_publisher_commits_a_full_batch_at_once),
		TEST(test_publisher_refuses_events_over_its_limit),
		TEST(test_publisher_bounds_bytes),
		TEST(test_publisher_says_that_an_event_never_fits),
		TEST(test_publisher_waits_for_room),
		TEST(test_publisher_gives_up_waiting_for_room),
		TEST(test_publisher_flush_commits_on_the_callers_thread),
		TEST(test_publisher_flush_keeps_its_deadline),
		TEST(test_publisher_flush_tells_a_failure_once),
		TEST(test_publisher_stops_after_a_final_failure),
		TEST(test_publisher_polls_each_completion_once),
		TEST(test_publisher_may_go_before_its_completions_are_polled),
		TEST(test_publisher_holds_room_until_completions_are_polled),
		TEST(test_publisher_cancels_what_the_hub_never_took),
		TEST(test_publisher_refuses_bad_options),
		TEST(test_publisher_says_which_argument_is_missing),
		TEST(test_publisher_goes_on_after_what_may_pass),
		TEST(test_publisher_needs_a_writer_of_the_hub),
		TEST(test_publisher_survives_want_of_memory),
		TEST(test_publisher_is_unusable_in_a_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
