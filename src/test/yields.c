/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/thread.h"
#include "test/fixture_parts.h"

/* Gathers what has newly arrived and compares it with what is wanted. */

#define IDLE_TIMEOUT (3600 * DP_SECOND)
#define PULL_MAX 1000u
#define SHOWN_MAX 60u

static bool has_text(dp_bytes bytes, const char *text)
{
	return bytes.data != NULL && bytes.size == strlen(text) &&
		memcmp(bytes.data, text, bytes.size) == 0;
}

static const char *place_of(const dpi_arrival *arrival)
{
	return arrival->at != NULL ? arrival->at
				   : dp_message_topic(arrival->msg);
}

static bool is_like(const dpi_arrival *arrival, const dp_test_event *want)
{
	const dp_message *msg = arrival->msg;
	dp_bytes payload = dp_message_payload(msg);
	dp_bytes value = {NULL, 0};

	if (want->attribute != NULL) {
		value = dp_message_attribute_by_name(msg, want->attribute);
	}
	return strcmp(place_of(arrival), want->at) == 0 &&
		(want->type == NULL ||
			has_text(dp_message_attribute(msg, DP_ATTR_TYPE),
				want->type)) &&
		(want->payload == NULL || has_text(payload, want->payload) ||
			(payload.size == 0 && want->payload[0] == '\0')) &&
		(want->attribute == NULL || value.data != NULL) &&
		(want->value == NULL || has_text(value, want->value));
}

static dp_status take_batch(dp_test_fixture *fx, dp_subscription *sub,
	dp_batch *batch, dpi_arrivals *to, dp_error **err)
{
	for (size_t i = 0; i < dp_batch_count(batch); i++) {
		if (!dpi_arrivals_add(to, fx->alloc, NULL, batch,
			    dp_batch_message(batch, i))) {
			return dpi_error_set(
				err, DP_ENOMEM, "no memory for arrivals");
		}
	}
	return dp_subscription_ack_batch(sub, batch, err);
}

static dp_status subscribe(dp_test_fixture *fx, const char *topics,
	dp_subscription **ret_sub, dp_error **err)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	char name[DPI_NAME_MAX + 1];
	bool is_dead = strcmp(topics, DPI_TEST_DEAD_TOPICS) == 0;

	(void)snprintf(
		name, sizeof(name), "dp-test-%s", is_dead ? "dead" : topics);
	opts.topics = topics;
	return dp_subscription_open(ret_sub, fx->hub, name, &opts, err);
}

dp_status dpi_test_watch(
	dp_test_fixture *fx, const char *topics, dp_error **err)
{
	dp_subscription *sub = NULL;
	dp_status st = subscribe(fx, topics, &sub, err);

	dp_subscription_close(sub);
	return st;
}

/* Everything in topics that no earlier call has seen. */
static dp_status gather_topics(dp_test_fixture *fx, const char *topics,
	dpi_arrivals *to, dp_error **err)
{
	dp_subscription *sub = NULL;
	dp_status st = subscribe(fx, topics, &sub, err);

	while (st == DP_OK) {
		dp_batch *batch = NULL;
		dp_error *why = NULL;

		st = dp_subscription_pull(sub, &batch, PULL_MAX, 0, &why);
		if (st == DP_ETIMEDOUT) {
			dp_error_free(why);
			st = DP_OK;
			break;
		}
		if (st == DP_OK) {
			st = take_batch(fx, sub, batch, to, err);
		} else if (err != NULL) {
			*err = why;
		}
		dp_batch_unref(batch);
	}
	dp_subscription_close(sub);
	return st;
}

static bool is_dead_topic(const char *name)
{
	size_t size = strlen(name);

	return size >= 5 && strcmp(name + size - 5, ".dead") == 0;
}

/* Whether want[index] is the first that names a topic to be looked at. */
static bool names_topic(
	dp_test_fixture *fx, const dp_test_event *want, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (strcmp(want[i].at, want[index].at) == 0) {
			return false;
		}
	}
	return dpi_test_sink_find(fx, want[index].at) == NULL &&
		!is_dead_topic(want[index].at);
}

/* A hub keeps only what somebody has yet to read: so say so before it runs. */
static dp_status watch_all(dp_test_fixture *fx, const dp_test_event *want,
	size_t count, dp_error **err)
{
	dp_status st = DP_OK;

	for (size_t i = 0; st == DP_OK && i < count; i++) {
		if (names_topic(fx, want, i)) {
			st = dpi_test_watch(fx, want[i].at, err);
		}
	}
	return st;
}

static dp_status gather(dp_test_fixture *fx, const dp_test_event *want,
	size_t count, dpi_arrivals *to, dp_error **err)
{
	dp_status st = gather_topics(fx, DPI_TEST_DEAD_TOPICS, to, err);

	for (size_t i = 0; st == DP_OK && i < count; i++) {
		if (names_topic(fx, want, i)) {
			st = gather_topics(fx, want[i].at, to, err);
		}
	}
	dpi_lock(&fx->lock);
	for (dpi_test_sink *s = fx->sinks; s != NULL; s = s->next) {
		dpi_arrivals_move(to, &s->durable);
	}
	dpi_unlock(&fx->lock);
	return st;
}

/* A wanted event takes the first arrival like it. */
static bool find(dpi_arrivals *arrivals, const dp_test_event *want)
{
	for (dpi_arrival *a = arrivals->first; a != NULL; a = a->next) {
		if (!a->is_wanted && is_like(a, want)) {
			a->is_wanted = true;
			return true;
		}
	}
	return false;
}

static void say_text(dpi_buf *buf, const char *data, size_t size)
{
	size_t shown = size < SHOWN_MAX ? size : SHOWN_MAX;

	(void)dpi_buf_append_byte(buf, '"');
	for (size_t i = 0; i < shown; i++) {
		if (data[i] >= ' ' && data[i] <= '~') {
			(void)dpi_buf_append_byte(buf, (uint8_t)data[i]);
		} else {
			(void)dpi_buf_printf(
				buf, "\\x%02x", (unsigned)(uint8_t)data[i]);
		}
	}
	(void)dpi_buf_append_string(buf, shown < size ? "\"..." : "\"");
}

static void say_missing(dpi_buf *buf, const dp_test_event *want)
{
	(void)dpi_buf_printf(buf, "  missing     %-16s %-20s ", want->at,
		want->type != NULL ? want->type : "(any type)");
	if (want->payload != NULL) {
		say_text(buf, want->payload, strlen(want->payload));
	} else {
		(void)dpi_buf_append_string(buf, "(any payload)");
	}
	if (want->attribute != NULL) {
		(void)dpi_buf_printf(buf, " %s=%s", want->attribute,
			want->value != NULL ? want->value : "(any)");
	}
	(void)dpi_buf_append_byte(buf, '\n');
}

static void say_unexpected(dpi_buf *buf, const dpi_arrival *arrival)
{
	const dp_message *msg = arrival->msg;
	dp_bytes type = dp_message_attribute(msg, DP_ATTR_TYPE);
	dp_bytes payload = dp_message_payload(msg);
	dp_bytes name, value;
	size_t iter = 0;

	(void)dpi_buf_printf(buf, "  unexpected  %-16s %-20.*s ",
		place_of(arrival), (int)type.size,
		type.data != NULL ? (const char *)type.data : "");
	say_text(buf, payload.data, payload.size);
	while (dp_message_next_attribute(msg, &iter, &name, &value)) {
		(void)dpi_buf_printf(buf, " %.*s=%.*s", (int)name.size,
			(const char *)name.data, (int)value.size,
			(const char *)value.data);
	}
	(void)dpi_buf_append_byte(buf, '\n');
}

static void say_job(dpi_buf *buf, const dp_job_report *job)
{
	(void)dpi_buf_printf(buf,
		"  job %s is %s: in %" PRIu64 " = delivered %" PRIu64
		" + dead %" PRIu64 " + dropped %" PRIu64 " + repeats %" PRIu64
		", left %" PRIu64 ", retries %" PRIu64 "%s%s\n",
		job->name, dp_job_state_name(job->state), job->in_events,
		job->delivered_events, job->dead_events, job->dropped_events,
		job->repeat_events, job->left_events, job->retries,
		job->last_error[0] != '\0' ? ", last error: " : "",
		job->last_error);
}

static void say_jobs(dpi_buf *buf, dp_pipeline *pipe)
{
	dp_report *report = NULL;

	if (dp_pipeline_get_report(pipe, &report, NULL) != DP_OK) {
		return;
	}
	for (size_t i = 0; i < dp_report_count(report); i++) {
		say_job(buf, dp_report_job(report, i));
	}
	dp_report_free(report);
}

static dp_status compare(dpi_buf *buf, dpi_arrivals *arrivals,
	const dp_test_event *want, size_t count)
{
	dp_status st = DP_OK;

	for (size_t i = 0; i < count; i++) {
		if (!find(arrivals, &want[i])) {
			say_missing(buf, &want[i]);
			st = DP_ENOTFOUND;
		}
	}
	for (const dpi_arrival *a = arrivals->first; a != NULL; a = a->next) {
		if (!a->is_wanted) {
			say_unexpected(buf, a);
			st = DP_ENOTFOUND;
		}
	}
	return st;
}

static bool is_new(dp_pipeline *pipe)
{
	dp_report *report = NULL;
	bool result = false;

	if (dp_pipeline_get_report(pipe, &report, NULL) == DP_OK) {
		result = dp_report_count(report) > 0 &&
			dp_report_job(report, 0)->state == DP_JOB_NEW;
		dp_report_free(report);
	}
	return result;
}

static dp_status run_pipeline(dp_test_fixture *fx, dp_pipeline *pipe,
	const dp_test_event *given, size_t count, dp_error **err)
{
	dp_status st = dp_test_publish(fx, given, count, err);

	if (st == DP_OK && is_new(pipe)) {
		st = dp_pipeline_start(pipe, err);
	}
	return st == DP_OK ? dp_pipeline_wait_idle(pipe, IDLE_TIMEOUT, err)
			   : st;
}

static const char *message_text(dp_test_fixture *fx)
{
	const char *text = dpi_buf_text(&fx->message);

	return text != NULL ? text : "no memory to say what differs";
}

dp_status dp_test_yields(dp_test_fixture *fx, dp_pipeline *pipe,
	const dp_test_event *given, size_t given_count,
	const dp_test_event *want, size_t want_count, const char **ret_message)
{
	dpi_arrivals arrivals;
	dp_error *err = NULL;
	dp_status st;

	dpi_buf_clear(&fx->message);
	dpi_arrivals_init(&arrivals);
	st = watch_all(fx, want, want_count, &err);
	if (st == DP_OK) {
		st = run_pipeline(fx, pipe, given, given_count, &err);
	}
	if (st == DP_OK) {
		st = gather(fx, want, want_count, &arrivals, &err);
	}
	if (st == DP_OK) {
		st = compare(&fx->message, &arrivals, want, want_count);
	}
	if (err != NULL) {
		(void)dpi_buf_printf(
			&fx->message, "  %s\n", dp_error_message(err));
	}
	if (st != DP_OK) {
		say_jobs(&fx->message, pipe);
	}
	if (ret_message != NULL) {
		*ret_message = message_text(fx);
	}
	dpi_arrivals_clear(&arrivals, fx->alloc);
	dp_error_free(err);
	return st;
}
