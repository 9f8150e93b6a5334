/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/sink.h"

#include <stddef.h>

#include "base/adopt.h"
#include "base/alloc.h"
#include "base/error.h"
#include "io/runtime.h"

#define KNOWN_CAPS DP_SINK_CAP_POSITIONS

struct dp_sink {
	dp_runtime *rt;
	dp_sink_ops ops;
	void *self;
};

static dp_status default_open(
	void *self, const dp_sink_context *context, dp_error **err)
{
	(void)self;
	(void)context;
	(void)err;
	return DP_OK;
}

static dp_status default_positions(
	void *self, dp_positions *ret, dp_error **err)
{
	(void)self;
	(void)ret;
	(void)err;
	return DP_OK;
}

static dp_status check_meaning(const dp_sink_ops *ops, dp_error **err)
{
	if (ops->abi != DP_SINK_ABI) {
		return dpi_error_set(err, DP_EABI,
			"sink operations have ABI %u, this libdatapipe serves "
			"%u",
			(unsigned)ops->abi, DP_SINK_ABI);
	}
	if ((ops->caps & ~KNOWN_CAPS) != 0) {
		return dpi_error_set(err, DP_EABI,
			"sink operations claim unknown capabilities 0x%x",
			(unsigned)(ops->caps & ~KNOWN_CAPS));
	}
	return DP_OK;
}

static dp_status check_slots(const dp_sink_ops *ops, dp_error **err)
{
	if (ops->name == NULL || ops->name[0] == '\0') {
		return dpi_error_set(
			err, DP_EINVAL, "sink operations have no name");
	}
	if (ops->write == NULL || ops->flush == NULL || ops->close == NULL) {
		return dpi_error_set(err, DP_EINVAL,
			"sink '%s' lacks write, flush or close", ops->name);
	}
	if ((ops->caps & DP_SINK_CAP_POSITIONS) != 0 &&
		ops->positions == NULL) {
		return dpi_error_set(err, DP_EINVAL,
			"sink '%s' claims DP_SINK_CAP_POSITIONS but lacks "
			"positions",
			ops->name);
	}
	return DP_OK;
}

static dp_status adopt(
	dp_sink_ops *ops, const dp_sink_ops *given, dp_error **err)
{
	dp_status st;

	if (given == NULL) {
		return dpi_error_set(
			err, DP_EINVAL, "sink operations are NULL");
	}
	st = dpi_adopt(ops, sizeof(*ops), given, DP_SINK_OPS_SIZE_0_1,
		"sink operations", "DP_SINK_OPS_INIT", err);
	if (st == DP_OK) {
		st = check_meaning(ops, err);
	}
	if (st == DP_OK) {
		st = check_slots(ops, err);
	}
	return st;
}

dp_status dp_sink_new(dp_sink **ret_sink, dp_runtime *rt,
	const dp_sink_ops *ops, void *self, dp_error **err)
{
	dp_sink_ops adopted;
	dp_sink *sink;
	dp_status st;

	if (ret_sink == NULL || rt == NULL) {
		return dpi_error_set(
			err, DP_EINVAL, "ret_sink or rt of a sink is NULL");
	}
	st = adopt(&adopted, ops, err);
	if (st != DP_OK) {
		return st;
	}
	sink = dpi_zalloc(dpi_runtime_alloc(rt), 1, sizeof(*sink));
	if (sink == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for sink '%s'",
			adopted.name);
	}
	if (adopted.open == NULL) {
		adopted.open = default_open;
	}
	if ((adopted.caps & DP_SINK_CAP_POSITIONS) == 0) {
		adopted.positions = default_positions;
	}
	*sink = (dp_sink){.rt = rt, .ops = adopted, .self = self};
	*ret_sink = sink;
	return DP_OK;
}

void dp_sink_free(dp_sink *sink)
{
	if (sink == NULL) {
		return;
	}
	sink->ops.close(sink->self);
	dpi_free(dpi_runtime_alloc(sink->rt), sink, 1, sizeof(*sink));
}

bool dpi_sink_keeps_positions(const dp_sink *sink)
{
	return (sink->ops.caps & DP_SINK_CAP_POSITIONS) != 0;
}

const char *dpi_sink_name(const dp_sink *sink)
{
	return sink->ops.name;
}

dp_status dpi_sink_open(dp_sink *sink, const char *job, dp_error **err)
{
	const dp_sink_context context = {
		.struct_size = sizeof(context),
		.rt = sink->rt,
		.job = job,
	};

	return sink->ops.open(sink->self, &context, err);
}

dp_status dpi_sink_positions(dp_sink *sink, dp_positions *ret, dp_error **err)
{
	return sink->ops.positions(sink->self, ret, err);
}

dp_status dpi_sink_write(dp_sink *sink, const dp_batch *batch,
	dp_refusals *refusals, dp_error **err)
{
	dp_status st;

	dpi_refusals_clear(refusals, dp_batch_count(batch));
	st = sink->ops.write(sink->self, batch, refusals, err);
	if (st == DP_OK) {
		dpi_refusals_sort(refusals);
		refusals->all = 0;
		return DP_OK;
	}
	refusals->count = 0;
	if (refusals->all == 0) {
		refusals->all = dpi_refusal_of_status(st);
	}
	return st;
}

dp_status dpi_sink_flush(
	dp_sink *sink, const dp_positions *upto, dp_error **err)
{
	return sink->ops.flush(sink->self, upto, err);
}

bool dpi_sink_reset(dp_sink *sink)
{
	if (sink->ops.reset == NULL) {
		return false;
	}
	sink->ops.reset(sink->self);
	return true;
}
