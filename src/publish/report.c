/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/publisher.h"

/*
 * Completions live in the chunk of their events, so that saying what became
 * of an event allocates nothing and cannot fail. In return the chunk, and the
 * room that its events take, stay until the application has heard.
 */

static bool polls(const dp_publisher *pub)
{
	return (pub->opts.flags & DP_PUBLISHER_POLL) != 0;
}

bool dpi_publisher_reports(const dp_publisher *pub)
{
	return polls(pub) || pub->opts.on_completion != NULL;
}

static void queue_callbacks(dp_publisher *pub, dpi_pub_chunk *chunk)
{
	chunk->chunk.next = NULL;
	dpi_publisher_lock(pub);
	if (pub->finished == NULL) {
		pub->finished = chunk;
	} else {
		pub->finished_tail->chunk.next = &chunk->chunk;
	}
	pub->finished_tail = chunk;
	dpi_publisher_unlock(pub);
	dpi_runtime_post(pub->rt, &pub->report_task);
}

void dpi_publisher_report(dp_publisher *pub, dpi_pub_chunk *chunk)
{
	if (!polls(pub)) {
		queue_callbacks(pub, chunk);
		return;
	}
	chunk->report.count = chunk->chunk.count;
	chunk->report.release = dpi_publisher_release_report;
	dpi_runtime_push_completions(pub->rt, &chunk->report);
}

/* The application has heard: the chunk may go. */
static void finish_report(dp_publisher *pub, dpi_pub_chunk *chunk)
{
	dpi_publisher_lock(pub);
	dpi_publisher_make_room(
		pub, chunk, chunk->chunk.count, chunk->chunk.size);
	dpi_publisher_unlock(pub);
	dpi_publisher_unref(pub);
}

void dpi_publisher_run_callbacks(void *arg)
{
	dp_publisher *pub = arg;
	dpi_pub_chunk *chunk;

	dpi_publisher_lock(pub);
	chunk = pub->finished;
	pub->finished = NULL;
	dpi_publisher_unlock(pub);
	while (chunk != NULL) {
		dpi_pub_chunk *next = (dpi_pub_chunk *)chunk->chunk.next;

		pub->opts.on_completion(pub->opts.user, chunk->report.items,
			chunk->chunk.count);
		finish_report(pub, chunk);
		chunk = next;
	}
}

void dpi_publisher_release_report(dpi_completions *report)
{
	dpi_pub_chunk *chunk = (dpi_pub_chunk *)((char *)report -
		offsetof(dpi_pub_chunk, report));

	finish_report(chunk->owner, chunk);
}
