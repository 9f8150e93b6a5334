/* SPDX-License-Identifier: Apache-2.0 */
#include "route/job_report.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

/* A report and the strings that it points to. */
typedef struct entry {
	dp_job_report report;
	char name[104];
	char message[1024];
} entry;

struct dp_report {
	const dp_allocator *alloc;
	size_t count;
	entry *entries;
};

static void fill(entry *e, dpi_job *job)
{
	dpi_job_report(job, &e->report, e->message);
	memcpy(e->name, job->name, sizeof(e->name));
	e->report.name = e->name;
	e->report.last_error = e->message;
}

dp_status dpi_report_new(dp_report **ret_report, const dp_allocator *alloc,
	dpi_job *first, size_t count, dp_error **err)
{
	dp_report *report = dpi_zalloc(alloc, 1, sizeof(*report));
	size_t i = 0;

	if (report == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for a report");
	}
	report->alloc = alloc;
	if (count > 0) {
		report->entries =
			dpi_zalloc(alloc, count, sizeof(*report->entries));
		if (report->entries == NULL) {
			dpi_free(alloc, report, 1, sizeof(*report));
			return dpi_error_set(
				err, DP_ENOMEM, "no memory for a report");
		}
	}
	report->count = count;
	for (dpi_job *job = first; job != NULL; job = job->next) {
		fill(&report->entries[i++], job);
	}
	*ret_report = report;
	return DP_OK;
}

size_t dp_report_count(const dp_report *report)
{
	return report->count;
}

const dp_job_report *dp_report_job(const dp_report *report, size_t index)
{
	assert(index < report->count);
	return &report->entries[index].report;
}

void dp_report_free(dp_report *report)
{
	if (report == NULL) {
		return;
	}
	if (report->entries != NULL) {
		dpi_free(report->alloc, report->entries, report->count,
			sizeof(*report->entries));
	}
	dpi_free(report->alloc, report, 1, sizeof(*report));
}

const char *dp_job_state_name(dp_job_state state)
{
	static const char *const names[] = {
		[DP_JOB_NEW] = "new",
		[DP_JOB_RUNNING] = "running",
		[DP_JOB_RETRYING] = "retrying",
		[DP_JOB_PAUSED] = "paused",
		[DP_JOB_DRAINING] = "draining",
		[DP_JOB_DONE] = "done",
		[DP_JOB_DEADLINE] = "deadline",
		[DP_JOB_FAILED] = "failed",
	};

	if (state < 0 || state > DP_JOB_FAILED) {
		return "unknown state";
	}
	return names[state];
}
