/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/thread.h"
#include "route/job.h"
#include "route/job_messages.h"

/* What a job has in hand: settled, finished, or given back after a failure. */

void dpi_tally_add(dpi_tally *tally, const dpi_tally *more)
{
	tally->in += more->in;
	tally->delivered += more->delivered;
	tally->dead += more->dead;
	tally->dropped += more->dropped;
	tally->repeats += more->repeats;
}

dp_status dpi_job_bury(dpi_job *job, dpi_intake *intake, const dp_message *msg,
	const char *cause, const char *message, dp_error **err)
{
	const dpi_death death = {
		.job = job->name,
		.cause = cause,
		.message = message,
		.attempts = msg->attempt,
		.first_fail = job->first_fail_ns != 0
			? job->first_fail_ns
			: job->os->wall(job->os->self),
	};

	return dpi_dead_letters_stage(&job->dead, intake, msg, &death, err);
}

void dpi_job_publish_hand(dpi_job *job)
{
	dpi_lock(&job->lock);
	job->in_hand = job->hand.in;
	dpi_unlock(&job->lock);
}

bool dpi_job_has_hand(const dpi_job *job)
{
	for (const dpi_intake *s = job->intakes.first; s != NULL;
		s = s->next_intake) {
		if (s->is_in_hand) {
			return true;
		}
	}
	return false;
}

static void clear_hand(dpi_job *job)
{
	job->hand = (dpi_tally){0};
	job->hand_bytes = 0;
	job->is_in_doubt = false;
}

static void log_dead(dpi_job *job)
{
	if (job->hand.dead > 0) {
		dpi_log(job->rt, DP_LOG_WARN, DPI_MSG_JOB_DEAD_LETTERS, "route",
			job->name, "%llu events became dead letters in %s: %s",
			(unsigned long long)job->hand.dead, job->dead_topic,
			job->message);
	}
}

/*
 * The subscription's place moves over what was settled. If it cannot, the
 * events may come again after a restart; the destination knows them, and
 * until then the next finish makes up for it.
 */
static void finish_intake(dpi_job *job, dpi_intake *intake)
{
	bool durable = !job->kind->is_prompt || intake->dead.used > 0;
	dp_error *err = NULL;
	dp_status st = job->sub->ops->finish(
		job->sub, &intake->name, intake->next, durable, &err);

	if (st == DP_OK) {
		dpi_dead_places_pass(&intake->dead, intake->next);
	} else {
		dpi_job_note(job, st, dp_error_message(err));
	}
	dp_error_free(err);
	intake->is_in_hand = false;
}

static void finish(dpi_job *job)
{
	for (dpi_intake *s = job->intakes.first; s != NULL;
		s = s->next_intake) {
		if (s->is_in_hand) {
			finish_intake(job, s);
		}
	}
	log_dead(job);
	dpi_lock(&job->lock);
	dpi_tally_add(&job->totals, &job->hand);
	job->in_hand = 0;
	dpi_unlock(&job->lock);
	clear_hand(job);
	if (__atomic_load_n(&job->is_hurried, __ATOMIC_SEQ_CST)) {
		dpi_job_tell(job);
	}
}

static dp_status try_to_settle(dpi_job *job, dp_error **err)
{
	dp_status st = DP_OK;

	if (dpi_job_has_hand(job)) {
		st = dpi_hop_commit(&job->dead.hop, &job->deadline_ns, err);
		if (st == DP_OK) {
			st = job->kind->settle(job, err);
		}
		if (st == DP_OK) {
			finish(job);
			dpi_retry_reset(&job->retry);
		}
	}
	return st;
}

/* Everything in hand goes back to the hub and comes again from there. */
static void give_back(dpi_job *job)
{
	dpi_hop_drop(&job->hop);
	dpi_hop_drop(&job->dead.hop);
	job->sub->ops->rewind(job->sub);
	dpi_intakes_forget(&job->intakes);
	clear_hand(job);
	dpi_job_publish_hand(job);
}

/*
 * After a failure: destination reset and opened again, and everything that it
 * does not have given back. The error is done with.
 */
dp_status dpi_job_recover(dpi_job *job, dp_status st, dp_error **err)
{
	if (st == DP_ECANCELED) {
		return st;
	}
	dpi_job_note(job, st, dp_error_message(*err));
	if (!job->kind->reset(job)) {
		return st;
	}
	do {
		dp_refusal refusal = dpi_refusal_of_status(st);

		dp_error_free(*err);
		*err = NULL;
		if (!dpi_job_wait(job, refusal, 0)) {
			return DP_ECANCELED;
		}
		st = job->kind->open(job, err);
		if (st != DP_OK) {
			dpi_job_note(job, st, dp_error_message(*err));
		}
	} while (st != DP_OK);
	if (job->is_in_doubt && job->kind->is_settled(job)) {
		finish(job);
	} else {
		give_back(job);
	}
	return DP_OK;
}

dp_status dpi_job_settle(dpi_job *job, dp_error **err)
{
	dp_status st = try_to_settle(job, err);

	return st == DP_OK ? st : dpi_job_recover(job, st, err);
}
