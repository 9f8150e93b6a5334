/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "base/error.h"
#include "base/thread.h"
#include "route/job.h"
#include "route/job_messages.h"

/* The line that a job's thread follows. */

static dp_status learn(dpi_job *job, dpi_intake *intake, dp_error **err)
{
	const dp_batch *batch = job->batch;
	dp_status st;

	if (intake->is_known && !batch->is_first) {
		return DP_OK;
	}
	if (!intake->is_in_hand) {
		intake->next = 0;
	}
	st = job->kind->learn(
		job, intake, batch->is_first, batch->messages[0].offset, err);
	intake->is_known = st == DP_OK;
	return st;
}

static void take_in_hand(
	dpi_job *job, dpi_intake *intake, const dpi_tally *tally)
{
	const dp_batch *batch = job->batch;

	if (!dpi_job_has_hand(job)) {
		job->due_ns = dpi_later(
			dpi_job_now(job), job->opts.flush_interval_ns);
	}
	intake->next = batch->messages[batch->count - 1].offset + 1;
	intake->is_in_hand = true;
	job->hand_bytes += batch->bytes;
	dpi_tally_add(&job->hand, tally);
	assert(tally->in ==
		tally->delivered + tally->dead + tally->dropped +
			tally->repeats);
}

static dp_status take(dpi_job *job, dp_error **err)
{
	dpi_tally tally = {.in = job->batch->count};
	dpi_intake *intake = dpi_intakes_get(&job->intakes, &job->batch->from);
	dp_status st;

	if (intake == NULL) {
		return dpi_error_set(err, DP_ENOMEM,
			"no memory for partition %u of topic %s",
			(unsigned)job->batch->from.partition,
			job->batch->from.topic);
	}
	st = learn(job, intake, err);
	if (st != DP_OK) {
		return st;
	}
	job->first_fail_ns = 0;
	st = job->kind->take(job, intake, &tally, err);
	if (st == DP_OK) {
		take_in_hand(job, intake, &tally);
		dpi_job_publish_hand(job);
	}
	return st;
}

/* A commit of so much costs little more than writing it. */
#define PROMPT_BYTES ((uint64_t)1 << 20)

static bool is_due(const dpi_job *job)
{
	if ((job->kind->is_prompt && job->hand_bytes >= PROMPT_BYTES) ||
		job->hand_bytes >= job->opts.flush_bytes ||
		dpi_job_now(job) >= job->due_ns) {
		return true;
	}
	for (const dpi_intake *s = job->intakes.first; s != NULL;
		s = s->next_intake) {
		if (s->is_in_hand && s->dead.used >= DPI_DEAD_SLOTS) {
			return true;
		}
	}
	return false;
}

/* Takes the batch that was pulled, and settles if it is time to. */
static dp_status work_on_batch(dpi_job *job, dp_error **err)
{
	dp_status st;

	dpi_lock(&job->lock);
	job->in_hand = job->hand.in + job->batch->count;
	dpi_unlock(&job->lock);
	st = take(job, err);
	dp_batch_unref(job->batch);
	job->batch = NULL;
	if (st == DP_OK) {
		return is_due(job) ? dpi_job_settle(job, err) : DP_OK;
	}
	if (st == DP_ECLOSED && dpi_job_is_stopping(job)) {
		dp_error_free(*err);
		*err = NULL;
		dpi_job_publish_hand(job);
		return DP_OK;
	}
	return dpi_job_recover(job, st, err);
}

static dp_time_ns pull_timeout(const dpi_job *job)
{
	dp_time_ns left;

	if (!dpi_job_has_hand(job)) {
		return DP_FOREVER;
	}
	if (job->kind->is_prompt ||
		__atomic_load_n(&job->is_hurried, __ATOMIC_SEQ_CST)) {
		return 0;
	}
	left = job->due_ns - dpi_job_now(job);
	return left > 0 ? left : 0;
}

/* After these a subscription will never hand over anything again. */
static bool is_final(dp_status st)
{
	return st == DP_EFORKED || st == DP_ECLOSED || st == DP_EINVAL;
}

/*
 * A hub that cannot be read says nothing against the destination, so nothing
 * is reset: it is asked again after a while.
 */
static dp_status pull_failed(dpi_job *job, dp_status st, dp_error **err)
{
	dpi_job_note(job, st, dp_error_message(*err));
	if (is_final(st)) {
		return st;
	}
	dp_error_free(*err);
	*err = NULL;
	return dpi_job_wait(job, dpi_refusal_of_status(st), 0) ? DP_OK
							       : DP_ECANCELED;
}

static dp_status pull(dpi_job *job, dp_error **err)
{
	dp_status st = job->sub->ops->pull(job->sub, &job->batch,
		job->opts.batch_events, pull_timeout(job), err);

	switch (st) {
	case DP_OK:
		return work_on_batch(job, err);
	case DP_ETIMEDOUT:
	case DP_EAGAIN:
		dp_error_free(*err);
		*err = NULL;
		return dpi_job_settle(job, err);
	case DP_ECANCELED:
		dp_error_free(*err);
		*err = NULL;
		return DP_OK;
	default:
		return pull_failed(job, st, err);
	}
}

/* Returns DP_OK once told to stop, with everything settled that could be. */
static dp_status work(dpi_job *job, dp_error **err)
{
	dp_status st = DP_OK;

	while (st == DP_OK && !dpi_job_is_stopping(job)) {
		st = pull(job, err);
	}
	if (st == DP_OK) {
		dpi_job_set_state(job, DP_JOB_DRAINING);
		st = dpi_job_settle(job, err);
	}
	return st;
}

static dp_status open_hops(dpi_job *job, dp_error **err)
{
	dp_status st = dpi_hop_init(&job->hop, job->opts.target,
		job->hop_topics, job->intakes.target_count, err);

	if (st == DP_OK) {
		st = dpi_dead_letters_init(
			&job->dead, job->hub, job->dead_topic, err);
	}
	return st;
}

/* Most events in hand; the job settles when they are there. */
#define HAND_EVENTS_MAX ((uint64_t)1 << 20)

/* A job finishes what it has done with at its own pace, never by time. */
static dp_status subscribe(
	dpi_job *job, dp_subscription **ret_sub, dp_error **err)
{
	const dp_subscription_options opts = {
		.struct_size = sizeof(opts),
		.topics = job->topics,
		.ack_deadline_ns = DP_FOREVER,
		.outstanding_events = HAND_EVENTS_MAX,
		.outstanding_bytes = UINT64_MAX,
		.start = DP_START_EARLIEST,
		.read_level = DP_ACK_DURABLE,
	};

	return job->hub->ops->subscribe(
		job->hub, job->name, &opts, ret_sub, err);
}

static void open_all(dpi_job *job)
{
	dp_subscription *sub = NULL;
	dp_error *err = NULL;
	dp_status st;

	st = open_hops(job, &err);
	if (st == DP_OK) {
		st = subscribe(job, &sub, &err);
	}
	if (st == DP_OK) {
		st = job->kind->open(job, &err);
	}
	dpi_lock(&job->lock);
	job->sub = sub;
	job->open_status = st;
	job->open_error = err;
	job->is_opened = true;
	dpi_unlock(&job->lock);
	dpi_job_tell(job);
}

static bool gate_opens(dpi_job *job)
{
	for (;;) {
		uint32_t seen = __atomic_load_n(&job->word, __ATOMIC_SEQ_CST);
		uint32_t gate = __atomic_load_n(&job->gate, __ATOMIC_SEQ_CST);

		if (gate != DPI_GATE_WAIT) {
			return gate == DPI_GATE_GO;
		}
		(void)job->os->wait(
			job->os->self, &job->word, seen, DP_FOREVER);
	}
}

/* Lets go of the hub, under whose lock others look at the subscription. */
static void close_all(dpi_job *job)
{
	dp_subscription_stats stats = {.struct_size = sizeof(stats)};
	dp_subscription *sub = job->sub;

	dpi_hop_fini(&job->hop);
	dpi_dead_letters_fini(&job->dead);
	if (sub == NULL) {
		return;
	}
	(void)sub->ops->stats(sub, &stats, NULL);
	dpi_lock(&job->lock);
	job->sub = NULL;
	job->left = stats.backlog_events;
	job->lag_ns = stats.system_lag_ns;
	dpi_unlock(&job->lock);
	sub->ops->close(sub);
}

static void end(dpi_job *job, dp_status st)
{
	dpi_lock(&job->lock);
	job->ambiguous = job->in_hand;
	job->in_hand = 0;
	dpi_unlock(&job->lock);
	if (st == DP_ECANCELED) {
		dpi_job_set_state(job, DP_JOB_DEADLINE);
	} else if (st == DP_OK) {
		dpi_job_set_state(job, DP_JOB_DONE);
	} else {
		dpi_job_set_state(job, DP_JOB_FAILED);
		dpi_log(job->rt, DP_LOG_ERROR, DPI_MSG_JOB_FAILED, "route",
			job->name, "stopped: %s", job->message);
	}
}

void *dpi_job_run(void *arg)
{
	dpi_job *job = arg;
	dp_error *err = NULL;

	open_all(job);
	if (gate_opens(job)) {
		end(job, work(job, &err));
	}
	dp_error_free(err);
	close_all(job);
	dpi_lock(&job->lock);
	job->is_finished = true;
	dpi_unlock(&job->lock);
	dpi_job_tell(job);
	return NULL;
}
