/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "base/error.h"
#include "route/job.h"

/*
 * A job that writes into a sink.
 *
 * What the destination has already is skipped, what was tried too often
 * becomes a dead letter, the rest is offered. Single events that the sink
 * does not take are offered again among themselves, until each is taken or
 * a dead letter: no place can be settled before that. The batches that are
 * offered share the memory of the one that was pulled.
 */

typedef enum fate {
	FATE_OFFER,
	FATE_REPEAT,
	FATE_CRASHED /* its hand-overs ended too many processes */
} fate;

static fate fate_of(
	const dpi_job *job, const dpi_intake *intake, const dp_message *msg)
{
	if (msg->offset < intake->next || msg->offset < intake->have ||
		dpi_dead_places_has(&intake->dead, msg->offset)) {
		return FATE_REPEAT;
	}
	return msg->attempt <= job->crash_attempts ? FATE_OFFER : FATE_CRASHED;
}

static dp_batch *subset_new(dp_batch *batch, size_t capacity)
{
	dp_batch *subset = dpi_batch_new(batch->alloc, batch->from.topic,
		batch->from.partition, capacity, 0);

	if (subset != NULL) {
		subset->owner = dp_batch_ref(batch);
	}
	return subset;
}

static void subset_add(dp_batch *subset, const dp_message *msg)
{
	assert(subset->count < subset->capacity);
	subset->messages[subset->count++] = *msg;
	subset->bytes += msg->size;
}

static dp_status no_memory(dp_error **err)
{
	return dpi_error_set(err, DP_ENOMEM, "no memory for a part of a batch");
}

static void set_offer(dpi_job *job, dp_batch *offer)
{
	dp_batch_unref(job->offer);
	job->offer = offer;
}

/* Handles what is not offered and gathers the rest in job->offer. */
static dp_status sift(dpi_job *job, dpi_intake *intake, size_t offered,
	dpi_tally *tally, dp_error **err)
{
	dp_batch *batch = job->batch;
	dp_batch *subset = NULL;
	dp_status st = DP_OK;

	if (offered > 0) {
		subset = subset_new(batch, offered);
		if (subset == NULL) {
			return no_memory(err);
		}
		set_offer(job, subset);
	}
	for (size_t i = 0; st == DP_OK && i < batch->count; i++) {
		const dp_message *msg = &batch->messages[i];

		switch (fate_of(job, intake, msg)) {
		case FATE_OFFER:
			subset_add(subset, msg);
			break;
		case FATE_REPEAT:
			tally->repeats++;
			break;
		case FATE_CRASHED:
			tally->dead++;
			st = dpi_job_bury(job, intake, msg, "crash",
				"the process ended each time it was handed "
				"over",
				err);
			break;
		}
	}
	return st;
}

static dp_status choose_offer(
	dpi_job *job, dpi_intake *intake, dpi_tally *tally, dp_error **err)
{
	dp_batch *batch = job->batch;
	size_t offered = 0;

	for (size_t i = 0; i < batch->count; i++) {
		offered +=
			fate_of(job, intake, &batch->messages[i]) == FATE_OFFER;
	}
	if (offered == batch->count) {
		set_offer(job, dp_batch_ref(batch));
		return DP_OK;
	}
	return sift(job, intake, offered, tally, err);
}

static bool is_worse(const dpi_refusal *a, const dpi_refusal *b)
{
	if (dpi_refusal_pauses(a->refusal) != dpi_refusal_pauses(b->refusal)) {
		return dpi_refusal_pauses(a->refusal);
	}
	return a->retry_after_ns > b->retry_after_ns;
}

static bool is_given_up(
	const dpi_job *job, const dpi_refusal *refusal, const dp_message *msg)
{
	return refusal->refusal == DP_REFUSAL_EVENT ||
		(dpi_refusal_counts(refusal->refusal) &&
			msg->attempt >= job->opts.attempts_max);
}

/* What one write left over. */
typedef struct leftover {
	dp_batch *batch;           /* to be offered again; NULL: nothing */
	dpi_refusal worst;         /* of those */
	const dp_message *doubted; /* the first that may have been taken */
} leftover;

/* Tries of an event in doubt that the hub has forgotten. */
static void recall_tries(const dpi_intake *intake, dp_message *msg)
{
	if (msg->offset == intake->doubted && msg->attempt < intake->tries) {
		msg->attempt = intake->tries;
	}
}

static void keep(
	leftover *left, const dpi_refusal *refusal, const dp_message *msg)
{
	dp_message *kept = &left->batch->messages[left->batch->count];

	if (left->batch->count == 0 || is_worse(refusal, &left->worst)) {
		left->worst = *refusal;
	}
	subset_add(left->batch, msg);
	kept->attempt += dpi_refusal_counts(refusal->refusal);
	if (refusal->refusal == DP_REFUSAL_AMBIGUOUS && left->doubted == NULL) {
		left->doubted = kept;
	}
}

static dp_status keep_or_bury(dpi_job *job, dpi_intake *intake,
	const dpi_refusal *refusal, leftover *left, dpi_tally *tally,
	dp_error **err)
{
	dp_message *msg = &job->offer->messages[refusal->index];

	recall_tries(intake, msg);
	if (is_given_up(job, refusal, msg)) {
		tally->dead++;
		return dpi_job_bury(job, intake, msg,
			dp_status_name(refusal->code), refusal->message, err);
	}
	keep(left, refusal, msg);
	return DP_OK;
}

/* Goes through the refusals of a write that took the others. */
static dp_status sort_out(dpi_job *job, dpi_intake *intake, leftover *left,
	dpi_tally *tally, dp_error **err)
{
	const dp_refusals *refusals = &job->refusals;
	dp_status st = DP_OK;

	tally->delivered += job->offer->count - refusals->count;
	if (refusals->count == 0) {
		return DP_OK;
	}
	if (job->first_fail_ns == 0) {
		job->first_fail_ns = job->os->wall(job->os->self);
	}
	dpi_job_note(job, refusals->items[0].code, refusals->items[0].message);
	left->batch = subset_new(job->offer, refusals->count);
	if (left->batch == NULL) {
		return no_memory(err);
	}
	for (size_t i = 0; st == DP_OK && i < refusals->count; i++) {
		st = keep_or_bury(
			job, intake, &refusals->items[i], left, tally, err);
	}
	if (st != DP_OK || left->batch->count == 0) {
		dp_batch_unref(left->batch);
		left->batch = NULL;
	}
	return st;
}

static dp_status call_write(dpi_job *job, dp_error **err)
{
	dp_status st;

	dpi_job_enter_call(job);
	st = dpi_sink_write(job->sink, job->offer, &job->refusals, err);
	dpi_job_leave_call(job);
	return st;
}

/*
 * Nothing was taken; the endpoint says nothing against single events, so no
 * try of theirs is counted. A job that is to stop does not wait for it if
 * the batch is whole, since all that was taken before can then be settled.
 */
static dp_status wait_for_endpoint(
	dpi_job *job, bool is_whole, dp_status st, dp_error **err)
{
	const dp_refusals *refusals = &job->refusals;

	dpi_job_note(job, st, dp_error_message(*err));
	if (refusals->all == DP_REFUSAL_AMBIGUOUS &&
		dpi_sink_keeps_positions(job->sink)) {
		return st;
	}
	dp_error_free(*err);
	*err = NULL;
	if (is_whole && dpi_job_is_stopping(job)) {
		return DP_ECLOSED;
	}
	return dpi_job_wait(job, refusals->all, refusals->all_retry_after_ns)
		? DP_OK
		: DP_ECANCELED;
}

/* The sink wants none of them, ever. */
static dp_status bury_all(dpi_job *job, dpi_intake *intake, dp_status code,
	dpi_tally *tally, dp_error **err)
{
	dp_error *cause = *err;
	dp_status st = DP_OK;

	*err = NULL;
	dpi_job_note(job, code, dp_error_message(cause));
	for (size_t i = 0; st == DP_OK && i < job->offer->count; i++) {
		st = dpi_job_bury(job, intake, &job->offer->messages[i],
			dp_status_name(code), dp_error_message(cause), err);
	}
	tally->dead += job->offer->count;
	dp_error_free(cause);
	set_offer(job, NULL);
	return st;
}

/*
 * The sink may have taken it, and can say so: it is asked before anything is
 * offered again, which has the hub forget the tries of this batch. Letters that
 * are due now stand: their events would use up all tries again.
 */
static dp_status ask_first(
	dpi_job *job, dpi_intake *intake, const leftover *left, dp_error **err)
{
	dp_status st = dpi_hop_commit(&job->dead.hop, &job->deadline_ns, err);

	if (st != DP_OK) {
		return st;
	}
	intake->doubted = left->doubted->offset;
	intake->tries = left->doubted->attempt;
	return dpi_error_set(err, left->worst.code, "%s", left->worst.message);
}

/* Offers once; DP_OK also if some of it, then in job->offer, is to come again. */
static dp_status offer_once(dpi_job *job, dpi_intake *intake, bool *is_whole,
	dpi_tally *tally, dp_error **err)
{
	leftover left = {.batch = NULL};
	dp_status st = call_write(job, err);

	if (st != DP_OK && job->refusals.all == DP_REFUSAL_EVENT) {
		return bury_all(job, intake, st, tally, err);
	}
	if (st != DP_OK) {
		return wait_for_endpoint(job, *is_whole, st, err);
	}
	*is_whole = false;
	st = sort_out(job, intake, &left, tally, err);
	set_offer(job, left.batch);
	if (st != DP_OK || left.batch == NULL) {
		return st;
	}
	if (left.doubted != NULL && dpi_sink_keeps_positions(job->sink)) {
		return ask_first(job, intake, &left, err);
	}
	return dpi_job_wait(job, left.worst.refusal, left.worst.retry_after_ns)
		? DP_OK
		: DP_ECANCELED;
}

static dp_status sink_take(
	dpi_job *job, dpi_intake *intake, dpi_tally *tally, dp_error **err)
{
	bool is_whole = true;
	dp_status st = choose_offer(job, intake, tally, err);

	while (st == DP_OK && job->offer != NULL) {
		st = offer_once(job, intake, &is_whole, tally, err);
	}
	set_offer(job, NULL);
	return st;
}

static dp_status ask_positions(dpi_job *job, dp_error **err)
{
	dp_status st;

	dpi_positions_clear(&job->have);
	dpi_job_enter_call(job);
	st = dpi_sink_positions(job->sink, &job->have, err);
	dpi_job_leave_call(job);
	return st;
}

static dp_status sink_open(dpi_job *job, dp_error **err)
{
	dp_status st = DP_OK;

	if (!job->sink_is_open) {
		dpi_job_enter_call(job);
		st = dpi_sink_open(job->sink, job->name, err);
		dpi_job_leave_call(job);
	}
	if (st != DP_OK) {
		return st;
	}
	job->sink_is_open = true;
	return ask_positions(job, err);
}

static dp_status sink_learn(dpi_job *job, dpi_intake *intake, bool is_first,
	dp_offset first, dp_error **err)
{
	dp_status st = is_first ? ask_positions(job, err) : DP_OK;

	if (st != DP_OK) {
		return st;
	}
	intake->have = dpi_positions_next(
		&job->have, intake->name.topic, intake->name.partition);
	return dpi_dead_letters_learn(&job->dead, intake,
		first > intake->have ? first : intake->have, err);
}

/* Of partitions with something in hand only: others may not be ours now. */
static dp_status gather_positions(dpi_job *job)
{
	dp_status st = DP_OK;

	dpi_positions_clear(&job->upto);
	for (const dpi_intake *s = job->intakes.first; st == DP_OK && s != NULL;
		s = s->next_intake) {
		if (s->is_in_hand) {
			st = dp_positions_set(&job->upto, s->name.topic,
				s->name.partition, s->next);
		}
	}
	return st;
}

static dp_status sink_settle(dpi_job *job, dp_error **err)
{
	dp_status st = gather_positions(job);

	if (st != DP_OK) {
		return dpi_error_set(err, st, "no memory for positions");
	}
	dpi_job_enter_call(job);
	st = dpi_sink_flush(job->sink, &job->upto, err);
	dpi_job_leave_call(job);
	job->is_in_doubt = st != DP_OK;
	return st;
}

static bool sink_is_settled(dpi_job *job)
{
	return dpi_sink_keeps_positions(job->sink) &&
		dpi_positions_cover(&job->have, &job->upto);
}

static bool sink_reset(dpi_job *job)
{
	bool can_go_on;

	dpi_job_enter_call(job);
	can_go_on = dpi_sink_reset(job->sink);
	dpi_job_leave_call(job);
	job->sink_is_open = false;
	return can_go_on;
}

const dpi_job_kind dpi_sink_job = {
	.is_prompt = false,
	.open = sink_open,
	.learn = sink_learn,
	.take = sink_take,
	.settle = sink_settle,
	.is_settled = sink_is_settled,
	.reset = sink_reset,
};
