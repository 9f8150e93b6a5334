/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/adopt.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "base/thread.h"
#include "test/fixture_parts.h"

/*
 * The sink of a fixture. It keeps its positions with its events, both outside
 * of the dp_sink, as a database would. A line of its script is used up by the
 * call that does it.
 */

#define NAME_MAX_CHARS 100u

dpi_test_sink *dpi_test_sink_find(dp_test_fixture *fx, const char *name)
{
	dpi_test_sink *sink;

	dpi_lock(&fx->lock);
	for (sink = fx->sinks; sink != NULL; sink = sink->next) {
		if (strcmp(sink->name, name) == 0) {
			break;
		}
	}
	dpi_unlock(&fx->lock);
	return sink;
}

/* The next line with this act that fits payload, used up; or NULL. Locked. */
static const dpi_script_line *next_line(
	dpi_test_sink *sink, dp_test_act act, const dp_bytes *payload)
{
	for (dpi_script_line *l = sink->script; l != NULL; l = l->next) {
		const char *only = l->step.payload;

		if (l->step.act != act || l->left == 0) {
			continue;
		}
		if (only != NULL && payload != NULL &&
			(payload->size != strlen(only) ||
				memcmp(payload->data, only, payload->size) !=
					0)) {
			continue;
		}
		if (l->left != DP_TEST_ALWAYS) {
			l->left--;
		}
		return l;
	}
	return NULL;
}

static dp_status answer(const dpi_script_line *line, dp_error **err)
{
	return dpi_error_set(err, line->step.code, "%s", line->step.message);
}

/* Hangs if told to, until the script is forgotten. Locked. */
static void hang_if_told(dpi_test_sink *sink, dp_test_act act)
{
	dp_test_fixture *fx = sink->fx;

	if (next_line(sink, act, NULL) == NULL) {
		return;
	}
	sink->is_blocked = true;
	(void)pthread_cond_broadcast(&fx->changed);
	while (sink->is_blocked) {
		(void)pthread_cond_wait(&fx->changed, &fx->lock);
	}
}

static dp_status sink_open(
	void *self, const dp_sink_context *context, dp_error **err)
{
	dpi_test_sink *sink = self;
	const dpi_script_line *line;
	dp_status st = DP_OK;

	(void)context;
	dpi_lock(&sink->fx->lock);
	dpi_arrivals_clear(&sink->staged, sink->fx->alloc);
	line = next_line(sink, DP_TEST_FAIL_OPEN, NULL);
	if (line != NULL) {
		st = answer(line, err);
	}
	dpi_unlock(&sink->fx->lock);
	return st;
}

static dp_status sink_positions(void *self, dp_positions *ret, dp_error **err)
{
	dpi_test_sink *sink = self;
	dp_status st;

	dpi_lock(&sink->fx->lock);
	st = dpi_positions_merge(ret, &sink->positions);
	dpi_unlock(&sink->fx->lock);
	return st == DP_OK ? st
			   : dpi_error_set(err, st, "no memory for positions");
}

/* Locked. */
static dp_status write_one(dpi_test_sink *sink, dp_batch *batch, size_t index,
	dp_refusals *refusals)
{
	const dp_message *msg = dp_batch_message(batch, index);
	dp_bytes payload = dp_message_payload(msg);
	const dpi_script_line *line = next_line(sink, DP_TEST_REFUSE, &payload);

	if (line != NULL) {
		return dp_refusals_add(refusals, index,
			line->step.refusal != 0 ? line->step.refusal
						: DP_REFUSAL_EVENT,
			line->step.code, line->step.retry_after_ns,
			line->step.message);
	}
	return dpi_arrivals_add(
		       &sink->staged, sink->fx->alloc, sink->name, batch, msg)
		? DP_OK
		: DP_ENOMEM;
}

/* Takes what was added since `before` back: nothing was taken. Locked. */
static void unstage(dpi_test_sink *sink, dpi_arrival **before, size_t count)
{
	dpi_arrivals added;

	dpi_arrivals_init(&added);
	if (*before != NULL) {
		added.first = *before;
		added.last = sink->staged.last;
		*before = NULL;
		sink->staged.last = before;
		sink->staged.count = count;
	}
	dpi_arrivals_clear(&added, sink->fx->alloc);
}

static dp_status sink_write(void *self, const dp_batch *batch,
	dp_refusals *refusals, dp_error **err)
{
	dpi_test_sink *sink = self;
	dp_batch *kept = (dp_batch *)(uintptr_t)batch;
	const dpi_script_line *line;
	dpi_arrival **before;
	dp_status st = DP_OK;
	size_t count;

	dpi_lock(&sink->fx->lock);
	hang_if_told(sink, DP_TEST_BLOCK_WRITE);
	before = sink->staged.last;
	count = sink->staged.count;
	line = next_line(sink, DP_TEST_FAIL_WRITE, NULL);
	if (line != NULL) {
		st = answer(line, err);
		if (line->step.refusal != 0) {
			dp_refusals_add_all(refusals, line->step.refusal,
				line->step.retry_after_ns);
		}
	}
	for (size_t i = 0; st == DP_OK && i < dp_batch_count(batch); i++) {
		st = write_one(sink, kept, i, refusals);
	}
	if (st != DP_OK) {
		unstage(sink, before, count);
	}
	dpi_unlock(&sink->fx->lock);
	return st;
}

/* Locked. */
static dp_status make_durable(
	dpi_test_sink *sink, const dp_positions *upto, dp_error **err)
{
	dp_status st = dpi_positions_merge(&sink->positions, upto);

	if (st != DP_OK) {
		return dpi_error_set(err, st, "no memory for positions");
	}
	sink->durable_count += sink->staged.count;
	dpi_arrivals_move(&sink->durable, &sink->staged);
	return DP_OK;
}

static dp_status sink_flush(
	void *self, const dp_positions *upto, dp_error **err)
{
	dpi_test_sink *sink = self;
	const dpi_script_line *line;
	dp_status st = DP_OK;

	dpi_lock(&sink->fx->lock);
	hang_if_told(sink, DP_TEST_BLOCK_FLUSH);
	line = next_line(sink, DP_TEST_FAIL_FLUSH, NULL);
	if (line != NULL) {
		st = answer(line, err);
	}
	if (st == DP_OK) {
		st = make_durable(sink, upto, err);
	}
	if (st == DP_OK) {
		line = next_line(sink, DP_TEST_LOSE_ANSWER, NULL);
		if (line != NULL) {
			st = answer(line, err);
		}
	}
	dpi_unlock(&sink->fx->lock);
	return st;
}

static void sink_reset(void *self)
{
	dpi_test_sink *sink = self;

	dpi_lock(&sink->fx->lock);
	dpi_arrivals_clear(&sink->staged, sink->fx->alloc);
	dpi_unlock(&sink->fx->lock);
}

static const dp_sink_ops ops = {
	.struct_size = sizeof(ops),
	.abi = DP_SINK_ABI,
	.caps = DP_SINK_CAP_POSITIONS,
	.name = "test",
	.open = sink_open,
	.positions = sink_positions,
	.write = sink_write,
	.flush = sink_flush,
	.close = sink_reset,
	.reset = sink_reset,
};

static dpi_test_sink *make_sink(dp_test_fixture *fx, const char *name)
{
	dpi_test_sink *sink = dpi_zalloc(fx->alloc, 1, sizeof(*sink));

	if (sink == NULL) {
		return NULL;
	}
	sink->fx = fx;
	memcpy(sink->name, name, strlen(name) + 1);
	dpi_arrivals_init(&sink->staged);
	dpi_arrivals_init(&sink->durable);
	dpi_positions_init(&sink->positions, fx->alloc);
	dpi_lock(&fx->lock);
	sink->next = fx->sinks;
	fx->sinks = sink;
	dpi_unlock(&fx->lock);
	return sink;
}

dp_status dp_test_sink_new(dp_sink **ret_sink, dp_test_fixture *fx,
	const char *name, dp_error **err)
{
	dpi_test_sink *sink;

	if (ret_sink == NULL || fx == NULL || name == NULL ||
		!dpi_name_valid(name, NAME_MAX_CHARS)) {
		return dpi_error_set(err, DP_EINVAL,
			"a sink of a fixture needs ret_sink, fx, and a name of "
			"1 to %u of [A-Za-z0-9._-]",
			NAME_MAX_CHARS);
	}
	sink = dpi_test_sink_find(fx, name);
	if (sink == NULL) {
		sink = make_sink(fx, name);
	}
	if (sink == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for sink %s", name);
	}
	return dp_sink_new(ret_sink, fx->rt, &ops, sink, err);
}

static size_t text_size(const char *text)
{
	return text != NULL ? strlen(text) + 1 : 0;
}

static dpi_script_line *make_line(
	const dp_allocator *alloc, const dp_test_step *step)
{
	size_t payload_size = text_size(step->payload);
	size_t message_size = text_size(step->message);
	size_t size = sizeof(dpi_script_line) + payload_size + message_size;
	dpi_script_line *line = dpi_zalloc(alloc, 1, size);
	char *texts = (char *)(line + 1);

	if (line == NULL) {
		return NULL;
	}
	line->size = size;
	line->step = *step;
	line->left = step->times;
	if (payload_size > 0) {
		line->step.payload = memcpy(texts, step->payload, payload_size);
	}
	line->step.message =
		memcpy(texts + payload_size, step->message, message_size);
	return line;
}

dp_status dp_test_sink_tell(dp_test_fixture *fx, const char *name,
	const dp_test_step *given, dp_error **err)
{
	dpi_test_sink *sink = dpi_test_sink_find(fx, name);
	dpi_script_line **last, *line;
	dp_test_step step;
	dp_status st;

	st = dpi_adopt(&step, sizeof(step), given,
		DPI_SIZE_UP_TO(dp_test_step, message), "test steps",
		"DP_TEST_STEP_INIT", err);
	if (st != DP_OK) {
		return st;
	}
	if (sink == NULL) {
		return dpi_error_set(err, DP_ENOTFOUND,
			"the fixture has no sink %s: make it first", name);
	}
	if (step.act < DP_TEST_REFUSE || step.act > DP_TEST_BLOCK_FLUSH) {
		return dpi_error_set(err, DP_EINVAL,
			"%d is no act of a sink: give one of DP_TEST_*",
			(int)step.act);
	}
	step.times = step.times != 0 ? step.times : 1;
	step.code = step.code != DP_OK ? step.code : DP_EREMOTE;
	step.message = step.message != NULL ? step.message : "as told";
	line = make_line(fx->alloc, &step);
	if (line == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for a step");
	}
	dpi_lock(&fx->lock);
	last = &sink->script;
	while (*last != NULL) {
		last = &(*last)->next;
	}
	*last = line;
	dpi_unlock(&fx->lock);
	return DP_OK;
}

/* Locked. */
static void forget_script(dpi_test_sink *sink)
{
	while (sink->script != NULL) {
		dpi_script_line *line = sink->script;

		sink->script = line->next;
		dpi_free(sink->fx->alloc, line, 1, line->size);
	}
}

void dp_test_sink_release(dp_test_fixture *fx, const char *name)
{
	dpi_test_sink *sink = dpi_test_sink_find(fx, name);

	if (sink == NULL) {
		return;
	}
	dpi_lock(&fx->lock);
	forget_script(sink);
	sink->is_blocked = false;
	(void)pthread_cond_broadcast(&fx->changed);
	dpi_unlock(&fx->lock);
}

void dp_test_sink_await_blocked(dp_test_fixture *fx, const char *name)
{
	dpi_test_sink *sink = dpi_test_sink_find(fx, name);

	dpi_lock(&fx->lock);
	while (sink != NULL && !sink->is_blocked) {
		(void)pthread_cond_wait(&fx->changed, &fx->lock);
	}
	dpi_unlock(&fx->lock);
}

size_t dp_test_sink_count(dp_test_fixture *fx, const char *name)
{
	dpi_test_sink *sink = dpi_test_sink_find(fx, name);
	size_t count = 0;

	if (sink != NULL) {
		dpi_lock(&fx->lock);
		count = sink->durable_count;
		dpi_unlock(&fx->lock);
	}
	return count;
}

void dpi_test_sinks_free(dp_test_fixture *fx)
{
	while (fx->sinks != NULL) {
		dpi_test_sink *sink = fx->sinks;

		fx->sinks = sink->next;
		forget_script(sink);
		dpi_arrivals_clear(&sink->staged, fx->alloc);
		dpi_arrivals_clear(&sink->durable, fx->alloc);
		dpi_positions_fini(&sink->positions);
		dpi_free(fx->alloc, sink, 1, sizeof(*sink));
	}
}
