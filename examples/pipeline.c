/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's program: carries what services publish on ramp.* to the
 * topic datahub, and from there into a lake of untouched events, structured
 * files, and a warehouse. Runs until SIGTERM or SIGINT, or with --until-idle
 * until nothing is left to do; what it took in is finished before it ends.
 * Kill it at any time: the next run goes on where this one was. Says how far
 * each job is while it runs.
 *
 * usage: pipeline DIR [--until-idle]
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <datapipe/datapipe.h>

/* Between looks for a signal. */
#define TICK (100 * DP_MILLISECOND)

struct operations {
	const char *dir;
	dp_runtime *rt;
	dp_hub *hub;
	dp_registry *registry;
	dp_store *lake;
	dp_store *structured;
	dp_pipeline *pipe;
};

static const char *address(char *buf, const char *scheme,
	const struct operations *ops, const char *name)
{
	snprintf(buf, 4096, "%s%s/%s", scheme, ops->dir, name);
	return buf;
}

static dp_status open_all(struct operations *ops, dp_error **err)
{
	char buf[4096];
	dp_status st = dp_hub_open(&ops->hub, ops->rt,
		address(buf, "log:", ops, "hub"), NULL, err);

	if (st == DP_OK) {
		st = dp_registry_open(&ops->registry, ops->rt,
			address(buf, "file:", ops, "registry"), NULL, err);
	}
	if (st == DP_OK) {
		st = dp_store_open(&ops->lake, ops->rt,
			address(buf, "file:", ops, "lake"), err);
	}
	if (st == DP_OK) {
		st = dp_store_open(&ops->structured, ops->rt,
			address(buf, "file:", ops, "structured"), err);
	}
	return st;
}

static dp_status add_route(struct operations *ops, dp_error **err)
{
	dp_router *router = NULL;
	dp_status st = dp_router_new(&router, ops->rt, "datahub", err);

	if (st == DP_OK) {
		st = dp_pipeline_add_route(ops->pipe, "ramp2datahub", ops->hub,
			"ramp.*", router, NULL, err);
	}
	return st;
}

static dp_status add_sinks(struct operations *ops, dp_error **err)
{
	char buf[4096];
	dp_file_sink_options lake = DP_FILE_SINK_OPTIONS_INIT;
	dp_sink *sink = NULL;
	dp_status st;

	/* The lake carries its schemas, so it outlives the registry. */
	lake.registry = ops->registry;
	st = dp_lake_sink_new(&sink, ops->rt, ops->lake, &lake, err);

	if (st == DP_OK) {
		st = dp_pipeline_add_sink(ops->pipe, "datahub2lake", ops->hub,
			"datahub", sink, NULL, err);
	}
	if (st == DP_OK) {
		st = dp_files_sink_new(&sink, ops->rt, ops->structured,
			ops->registry, NULL, err);
	}
	if (st == DP_OK) {
		st = dp_pipeline_add_sink(ops->pipe, "datahub2structured",
			ops->hub, "datahub", sink, NULL, err);
	}
	if (st == DP_OK) {
		st = dp_sqlite_sink_new(&sink, ops->rt,
			address(buf, "", ops, "warehouse.db"), ops->registry,
			NULL, err);
	}
	if (st == DP_OK) {
		st = dp_pipeline_add_sink(ops->pipe, "datahub2warehouse",
			ops->hub, "datahub", sink, NULL, err);
	}
	return st;
}

static dp_status assemble(struct operations *ops, dp_error **err)
{
	dp_status st = open_all(ops, err);

	if (st == DP_OK) {
		st = dp_pipeline_new(&ops->pipe, ops->rt, "operations", err);
	}
	if (st == DP_OK) {
		st = add_route(ops, err);
	}
	if (st == DP_OK) {
		st = add_sinks(ops, err);
	}
	return st;
}

/* One line of pairs: a job, and the events that it has finished. */
static void print_progress(const struct operations *ops)
{
	dp_report *report = NULL;
	size_t i;

	if (dp_pipeline_get_report(ops->pipe, &report, NULL) != DP_OK) {
		return;
	}
	for (i = 0; i < dp_report_count(report); i++) {
		const dp_job_report *job = dp_report_job(report, i);

		printf("%s %llu  ", job->name,
			(unsigned long long)(job->delivered_events +
				job->dead_events));
	}
	printf("\n");
	fflush(stdout);
	dp_report_free(report);
}

/* Waits for a signal, or until there is nothing to do if that ends it. */
static dp_status serve(struct operations *ops, const sigset_t *signals,
	int until_idle, dp_error **err)
{
	struct timespec tick = {0, TICK};
	dp_status st = DP_ETIMEDOUT;

	while (st == DP_ETIMEDOUT && sigtimedwait(signals, NULL, &tick) < 0) {
		print_progress(ops);
		if (until_idle) {
			dp_error_free(*err);
			*err = NULL;
			st = dp_pipeline_wait_idle(ops->pipe, TICK, err);
		}
	}
	if (st == DP_ETIMEDOUT) {
		dp_error_free(*err);
		*err = NULL;
		st = DP_OK;
	}
	return st;
}

static void print_report(const dp_report *report)
{
	size_t i;

	printf("%-20s %-9s %10s %10s %6s %6s  %s\n", "job", "state", "in",
		"delivered", "dead", "left", "last error");
	for (i = 0; i < dp_report_count(report); i++) {
		const dp_job_report *job = dp_report_job(report, i);

		printf("%-20s %-9s %10llu %10llu %6llu %6llu  %s\n", job->name,
			dp_job_state_name(job->state),
			(unsigned long long)job->in_events,
			(unsigned long long)job->delivered_events,
			(unsigned long long)job->dead_events,
			(unsigned long long)job->left_events, job->last_error);
	}
}

static dp_status run(struct operations *ops, const sigset_t *signals,
	int until_idle, dp_error **err)
{
	dp_report *report = NULL;
	dp_status st = assemble(ops, err);

	if (st == DP_OK) {
		st = dp_pipeline_start(ops->pipe, err);
	}
	if (st == DP_OK) {
		st = serve(ops, signals, until_idle, err);
	}
	if (st == DP_OK) {
		st = dp_pipeline_drain(ops->pipe, 30 * DP_SECOND, &report, err);
		print_report(report);
	}
	dp_report_free(report);
	return st;
}

static void close_all(struct operations *ops)
{
	dp_pipeline_free(ops->pipe);
	dp_store_close(ops->structured);
	dp_store_close(ops->lake);
	dp_registry_close(ops->registry);
	dp_hub_close(ops->hub);
	dp_runtime_free(ops->rt);
}

static void print_log(void *user, const dp_log_record *record)
{
	(void)user;
	fprintf(stderr, "pipeline: %s: %s\n", record->module, record->text);
}

int main(int argc, char **argv)
{
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;
	struct operations ops = {.dir = argc > 1 ? argv[1] : ""};
	int until_idle = argc == 3 && strcmp(argv[2], "--until-idle") == 0;
	dp_error *err = NULL;
	sigset_t signals;
	dp_status st;

	if (argc != 2 + until_idle) {
		fprintf(stderr, "usage: pipeline DIR [--until-idle]\n");
		return 2;
	}
	/* Blocked before there is another thread: sigtimedwait() takes them. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);

	opts.log = print_log;
	st = dp_runtime_new(&ops.rt, &opts, &err);
	if (st == DP_OK) {
		st = run(&ops, &signals, until_idle, &err);
	}
	if (st != DP_OK) {
		fprintf(stderr, "pipeline: %s\n", dp_error_message(err));
	}
	dp_error_free(err);
	close_all(&ops);
	return st != DP_OK;
}
