/* SPDX-License-Identifier: Apache-2.0 */
#include "route/job.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "base/thread.h"
#include "route/job_messages.h"
#include "route/job_options.h"

#define PATTERN_CHARS \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-*"
#define NAME_MAX_CHARS 100u
#define TOPIC_MAX_CHARS 200u
#define THREAD_NAME_SIZE 16
/* For a call that has not returned when its job is freed. */
#define GRACE (5 * DP_SECOND)

/* A job that read its own output would never end. */
static dp_status check_no_circle(
	const dpi_job *job, const char *topic, dp_error **err)
{
	if (dpi_pattern_match(job->topics, dpi_bytes_text(topic))) {
		return dpi_error_set(err, DP_EINVAL,
			"job %s writes to topic %s, which its own topics '%s' "
			"match: narrow the pattern, or write elsewhere",
			job->name, topic, job->topics);
	}
	return DP_OK;
}

static dp_status check_target_circles(const dpi_job *job, dp_error **err)
{
	dp_status st = DP_OK;

	if (job->opts.target->identity != job->hub->identity) {
		return DP_OK;
	}
	for (size_t i = 0; st == DP_OK && i < job->intakes.target_count; i++) {
		st = check_no_circle(job, job->hop_topics[i], err);
	}
	return st;
}

static bool is_pattern(const char *text)
{
	size_t size = text != NULL ? strspn(text, PATTERN_CHARS) : 0;

	return size > 0 && size <= TOPIC_MAX_CHARS && text[size] == '\0';
}

static dp_status set_topics(
	dpi_job *job, const dpi_job_spec *spec, dp_error **err)
{
	const char *dead = job->opts.dead_topic;

	if (!is_pattern(spec->topics)) {
		return dpi_error_set(err, DP_EINVAL,
			"job %s: topics '%.256s': give a topic, or a pattern "
			"of at most %u of [A-Za-z0-9._-] and *",
			job->name,
			spec->topics != NULL ? spec->topics : "(NULL)",
			TOPIC_MAX_CHARS);
	}
	if (dead != NULL && !dpi_name_valid(dead, TOPIC_MAX_CHARS)) {
		return dpi_error_set(err, DP_EINVAL,
			"job %s: dead_topic '%.256s' is no topic: use 1 to %u "
			"of [A-Za-z0-9._-]",
			job->name, dead, TOPIC_MAX_CHARS);
	}
	(void)snprintf(job->topics, sizeof(job->topics), "%s", spec->topics);
	(void)snprintf(job->dead_topic, sizeof(job->dead_topic), "%s%s",
		dead != NULL ? dead : job->name, dead != NULL ? "" : ".dead");
	job->opts.dead_topic = job->dead_topic;
	return check_no_circle(job, job->dead_topic, err);
}

static dp_status list_topics(dpi_job *job, dp_error **err)
{
	size_t count = job->intakes.target_count;

	if (count == 0) {
		return DP_OK;
	}
	job->topic_numbers = dpi_zalloc(job->alloc, count, sizeof(size_t));
	job->hop_topics = dpi_zalloc(job->alloc, count, sizeof(char *));
	if (job->topic_numbers == NULL || job->hop_topics == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for job %s", job->name);
	}
	for (size_t i = 0; i < count; i++) {
		job->hop_topics[i] = dpi_router_topic(job->router, i);
	}
	return DP_OK;
}

static void free_list(const dpi_job *job, void *list, size_t size)
{
	if (list != NULL) {
		dpi_free(job->alloc, list, job->intakes.target_count, size);
	}
}

/* All but sink and router. */
static void free_memory(dpi_job *job)
{
	dp_batch_unref(job->offer);
	dp_batch_unref(job->batch);
	free_list(job, job->topic_numbers, sizeof(size_t));
	free_list(job, job->hop_topics, sizeof(char *));
	dpi_intakes_fini(&job->intakes);
	dpi_refusals_fini(&job->refusals);
	dpi_positions_fini(&job->have);
	dpi_positions_fini(&job->upto);
	dp_error_free(job->open_error);
	(void)pthread_mutex_destroy(&job->lock);
	dpi_free(job->alloc, job, 1, sizeof(*job));
}

static dpi_job *make_job(dp_runtime *rt, uint32_t *news,
	const dpi_job_spec *spec, const dp_job_options *opts)
{
	const dp_allocator *alloc = dpi_runtime_alloc(rt);
	dpi_job *job = dpi_zalloc(alloc, 1, sizeof(*job));

	if (job == NULL) {
		return NULL;
	}
	job->kind = spec->sink != NULL ? &dpi_sink_job : &dpi_route_job;
	job->rt = rt;
	job->alloc = alloc;
	job->os = dpi_runtime_os(rt);
	job->news = news;
	job->hub = spec->hub;
	job->opts = *opts;
	job->crash_attempts = dpi_job_crash_attempts(opts);
	if (job->opts.target == NULL) {
		job->opts.target = spec->hub;
	}
	(void)snprintf(job->name, sizeof(job->name), "%s", spec->name);
	job->sink = spec->sink;
	job->router = spec->router;
	job->deadline_ns = DP_FOREVER;
	job->hop.os = job->os;
	dpi_positions_init(&job->have, alloc);
	dpi_positions_init(&job->upto, alloc);
	dpi_refusals_init(&job->refusals, alloc);
	dpi_intakes_init(&job->intakes, alloc, job->name, spec->hub,
		spec->router != NULL ? dpi_router_topic_count(spec->router)
				     : 0);
	dpi_retry_init(
		&job->retry, job->os, opts->retry_first_ns, opts->retry_max_ns);
	(void)pthread_mutex_init(&job->lock, NULL);
	return job;
}

dp_status dpi_job_new(dpi_job **ret_job, dp_runtime *rt, uint32_t *news,
	const dpi_job_spec *spec, const dp_job_options *given, dp_error **err)
{
	dp_job_options opts;
	dpi_job *job;
	dp_status st;

	if (spec->name == NULL || !dpi_name_valid(spec->name, NAME_MAX_CHARS)) {
		return dpi_error_set(err, DP_EINVAL,
			"'%.256s' is no name of a job: use 1 to %u of "
			"[A-Za-z0-9._-]",
			spec->name != NULL ? spec->name : "(NULL)",
			NAME_MAX_CHARS);
	}
	st = dpi_job_options_adopt(&opts, given, err);
	if (st != DP_OK) {
		return dpi_error_prefix(err, st, "job %s", spec->name);
	}
	job = make_job(rt, news, spec, &opts);
	if (job == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for job %s", spec->name);
	}
	st = set_topics(job, spec, err);
	if (st == DP_OK) {
		st = list_topics(job, err);
	}
	if (st == DP_OK) {
		st = check_target_circles(job, err);
	}
	if (st != DP_OK) {
		free_memory(job);
		return st;
	}
	*ret_job = job;
	return DP_OK;
}

dp_status dpi_job_start(dpi_job *job, dp_error **err)
{
	char name[THREAD_NAME_SIZE];
	dp_status st;

	(void)snprintf(name, sizeof(name), "dp-%.12s", job->name);
	st = dpi_thread_start(&job->thread, name, dpi_job_run, job, err);
	job->has_thread = st == DP_OK;
	return st;
}

bool dpi_job_opened(dpi_job *job, dp_status *ret_status, dp_error **err)
{
	bool is_opened;

	dpi_lock(&job->lock);
	is_opened = job->is_opened;
	if (is_opened) {
		*ret_status = job->open_status;
	}
	if (is_opened && err != NULL && *err == NULL) {
		*err = job->open_error;
		job->open_error = NULL;
	}
	dpi_unlock(&job->lock);
	return is_opened;
}

/* Every order moves the word, so that a thread that waits looks again. */
static void wake_thread(dpi_job *job)
{
	__atomic_fetch_add(&job->word, 1, __ATOMIC_SEQ_CST);
	job->os->wake(job->os->self, &job->word, 1);
}

static void set_gate(dpi_job *job, uint32_t gate)
{
	__atomic_store_n(&job->gate, gate, __ATOMIC_SEQ_CST);
	wake_thread(job);
}

void dpi_job_go(dpi_job *job)
{
	dpi_job_set_state(job, DP_JOB_RUNNING);
	set_gate(job, DPI_GATE_GO);
}

static void interrupt_pull(dpi_job *job)
{
	dpi_lock(&job->lock);
	if (job->sub != NULL) {
		job->sub->ops->interrupt(job->sub);
	}
	dpi_unlock(&job->lock);
}

void dpi_job_stop(dpi_job *job, dp_time_ns deadline_ns)
{
	__atomic_store_n(&job->deadline_ns, deadline_ns, __ATOMIC_SEQ_CST);
	__atomic_store_n(&job->is_stopping, true, __ATOMIC_SEQ_CST);
	wake_thread(job);
	dpi_hop_interrupt(&job->hop);
	dpi_hop_interrupt(&job->dead.hop);
	interrupt_pull(job);
}

void dpi_job_hurry(dpi_job *job, bool is_hurried)
{
	__atomic_store_n(&job->is_hurried, is_hurried, __ATOMIC_SEQ_CST);
	if (is_hurried) {
		interrupt_pull(job);
	}
}

bool dpi_job_is_finished(dpi_job *job)
{
	bool is_finished;

	dpi_lock(&job->lock);
	is_finished = job->is_finished;
	dpi_unlock(&job->lock);
	return is_finished;
}

static void join(dpi_job *job)
{
	if (job->has_thread) {
		dpi_thread_join(job->thread);
		job->has_thread = false;
	}
}

/* A sink that cannot be reset stays open, and is not opened a second time. */
void dpi_job_cancel(dpi_job *job)
{
	set_gate(job, DPI_GATE_CANCEL);
	join(job);
	if (job->sink_is_open && dpi_sink_reset(job->sink)) {
		job->sink_is_open = false;
	}
	dp_error_free(job->open_error);
	job->open_error = NULL;
	job->is_opened = false;
	job->is_finished = false;
	job->gate = DPI_GATE_WAIT;
}

/* What the thread would have done at its end, in its stead. */
static void take_over(dpi_job *job, dp_subscription *sub)
{
	dp_subscription_stats stats = {.struct_size = sizeof(stats)};

	dpi_log(job->rt, DP_LOG_ERROR, DPI_MSG_JOB_LEFT_BEHIND, "route",
		job->name, "a call of sink %s has not returned: left behind",
		dpi_sink_name(job->sink));
	dpi_hop_fini(&job->hop);
	dpi_dead_letters_fini(&job->dead);
	if (sub == NULL) {
		return;
	}
	(void)sub->ops->stats(sub, &stats, NULL);
	dpi_lock(&job->lock);
	job->left = stats.backlog_events;
	job->lag_ns = stats.system_lag_ns;
	dpi_unlock(&job->lock);
	sub->ops->close(sub);
}

void dpi_job_give_up(dpi_job *job)
{
	dp_subscription *sub = NULL;
	bool is_abandoned = false;

	dpi_lock(&job->lock);
	if (!job->is_finished && !job->is_abandoned) {
		job->state = DP_JOB_DEADLINE;
		job->ambiguous = job->in_hand;
		is_abandoned = job->is_calling;
		job->is_abandoned = is_abandoned;
	}
	if (is_abandoned) {
		sub = job->sub;
		job->sub = NULL;
		job->in_hand = 0;
	}
	dpi_unlock(&job->lock);
	if (is_abandoned) {
		take_over(job, sub);
	}
}

static bool is_left_behind(dpi_job *job)
{
	bool is_left;

	dpi_lock(&job->lock);
	is_left = job->is_abandoned && !job->is_back;
	dpi_unlock(&job->lock);
	return is_left;
}

/* A call that was only slow is waited for. */
static void await_return(dpi_job *job)
{
	dp_time_ns deadline = dpi_later(dpi_job_now(job), GRACE);

	for (;;) {
		uint32_t seen = __atomic_load_n(&job->word, __ATOMIC_SEQ_CST);

		if (!is_left_behind(job) || dpi_job_now(job) >= deadline) {
			return;
		}
		(void)job->os->wait(job->os->self, &job->word, seen, deadline);
	}
}

/*
 * A call that is stuck may still use its sink, its batch and the job's lock,
 * so these stay, for as long as the process does.
 */
static bool leave_to_call(dpi_job *job)
{
	bool is_left;

	dpi_lock(&job->lock);
	is_left = job->is_abandoned && !job->is_back;
	job->is_orphaned = is_left;
	dpi_unlock(&job->lock);
	if (is_left) {
		(void)pthread_detach(job->thread);
	}
	return is_left;
}

void dpi_job_free(dpi_job *job)
{
	await_return(job);
	if (leave_to_call(job)) {
		return;
	}
	join(job);
	dp_sink_free(job->sink);
	dp_router_free(job->router);
	free_memory(job);
}

static void fill_live(dpi_job *job, dp_job_report *ret)
{
	dp_subscription_stats stats = {.struct_size = sizeof(stats)};

	if (job->sub == NULL) {
		ret->left_events = job->left;
		ret->system_lag_ns = job->lag_ns;
		return;
	}
	if (job->sub->ops->stats(job->sub, &stats, NULL) == DP_OK) {
		ret->left_events = stats.backlog_events;
		ret->system_lag_ns = stats.system_lag_ns;
	}
}

bool dpi_job_has_failed(dpi_job *job)
{
	bool has_failed;

	dpi_lock(&job->lock);
	has_failed = job->state == DP_JOB_FAILED;
	dpi_unlock(&job->lock);
	return has_failed;
}

bool dpi_job_has_more(dpi_job *job)
{
	bool has_more;

	dpi_lock(&job->lock);
	has_more = job->in_hand > 0 ||
		(job->sub != NULL && job->sub->ops->has_more(job->sub));
	dpi_unlock(&job->lock);
	return has_more;
}

void dpi_job_report(dpi_job *job, dp_job_report *ret, char message[1024])
{
	*ret = (dp_job_report){.struct_size = sizeof(*ret)};
	dpi_lock(&job->lock);
	ret->state = job->state;
	ret->last_status = job->status;
	ret->in_events = job->totals.in + job->in_hand;
	ret->delivered_events = job->totals.delivered;
	ret->dead_events = job->totals.dead;
	ret->dropped_events = job->totals.dropped;
	ret->repeat_events = job->totals.repeats;
	ret->ambiguous_events = job->ambiguous;
	ret->retries = job->retries;
	fill_live(job, ret);
	memcpy(message, job->message, sizeof(job->message));
	dpi_unlock(&job->lock);
}
