/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "route/job.h"

/*
 * A job that moves events to the topics that its router names, exactly once:
 * each target topic says how far it is in each partition (see route/hop.h).
 *
 * That holds for one set of rules. Under others an event may belong to another
 * topic, and "all below is there" would be wrong; so the rules are part of the
 * key. After a change of rules a job begins at the subscription's place, which
 * a drain leaves exact.
 */

static dp_status route_open(dpi_job *job, dp_error **err)
{
	(void)job;
	(void)err;
	return DP_OK;
}

static dp_status route_learn(dpi_job *job, dpi_intake *intake, bool is_first,
	dp_offset first, dp_error **err)
{
	dp_status st = DP_OK;

	(void)is_first;
	intake->route_key = dpi_intake_subkey(
		intake->key, dpi_router_fingerprint(job->router));
	for (size_t i = 0; st == DP_OK && i < intake->target_count; i++) {
		st = dpi_hop_next(&job->hop, i, intake->route_key,
			&intake->target_next[i], err);
	}
	if (st == DP_OK) {
		st = dpi_dead_letters_learn(&job->dead, intake, first, err);
	}
	return st;
}

/* Stages the event for each of its topics that does not have it. */
static dp_status send(dpi_job *job, dpi_intake *intake, const dp_message *msg,
	size_t count, dpi_tally *tally, dp_error **err)
{
	const dpi_source_place place = {
		.key = intake->route_key,
		.next = msg->offset + 1,
	};
	dpi_forward forward;
	dp_status st = DP_OK;
	bool is_sent = false;

	dpi_forward_init(&forward, msg, place, NULL, 0);
	for (size_t i = 0; st == DP_OK && i < count; i++) {
		size_t target = job->topic_numbers[i];

		if (msg->offset >= intake->target_next[target]) {
			st = dpi_hop_stage(&job->hop, target, &forward, err);
			is_sent = true;
		}
	}
	tally->delivered += is_sent;
	tally->repeats += !is_sent;
	return st;
}

static dp_status route_one(dpi_job *job, dpi_intake *intake,
	const dp_message *msg, dpi_tally *tally, dp_error **err)
{
	size_t count;

	if (msg->offset < intake->next ||
		dpi_dead_places_has(&intake->dead, msg->offset)) {
		tally->repeats++;
		return DP_OK;
	}
	if (msg->attempt > job->crash_attempts) {
		tally->dead++;
		return dpi_job_bury(job, intake, msg, "crash",
			"the process ended each time it was handed over", err);
	}
	switch (dpi_router_decide(
		job->router, msg, job->topic_numbers, &count)) {
	case DPI_VERDICT_ROUTED:
		return send(job, intake, msg, count, tally, err);
	case DPI_VERDICT_DROPPED:
		tally->dropped++;
		return DP_OK;
	default:
		tally->dead++;
		return dpi_job_bury(job, intake, msg, "unmatched",
			"no rule matches, and the router has no default topic",
			err);
	}
}

static dp_status route_take(
	dpi_job *job, dpi_intake *intake, dpi_tally *tally, dp_error **err)
{
	const dp_batch *batch = job->batch;
	dp_status st = DP_OK;

	for (size_t i = 0; st == DP_OK && i < batch->count; i++) {
		st = route_one(job, intake, &batch->messages[i], tally, err);
	}
	return st;
}

static dp_status route_settle(dpi_job *job, dp_error **err)
{
	return dpi_hop_commit(&job->hop, &job->deadline_ns, err);
}

/* What is in the targets is skipped when it comes again. */
static bool route_is_settled(dpi_job *job)
{
	(void)job;
	return false;
}

static bool route_reset(dpi_job *job)
{
	(void)job;
	return true;
}

const dpi_job_kind dpi_route_job = {
	.is_prompt = true,
	.open = route_open,
	.learn = route_learn,
	.take = route_take,
	.settle = route_settle,
	.is_settled = route_is_settled,
	.reset = route_reset,
};
