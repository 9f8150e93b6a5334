/* SPDX-License-Identifier: Apache-2.0 */
#include "manual_hub.h"

#include <assert.h>
#include <stdlib.h>

#include "base/error.h"

static struct manual_hub *hub_of(dpi_writer *writer)
{
	return (struct manual_hub *)writer->hub;
}

static void attach(dpi_writer *writer, dpi_feed *feed)
{
	hub_of(writer)->feed = feed;
}

static void detach(dpi_writer *writer, dpi_feed *feed)
{
	struct manual_hub *hub = hub_of(writer);

	(void)pthread_mutex_lock(&hub->committing);
	assert(hub->feed == feed);
	(void)feed;
	hub->feed = NULL;
	(void)pthread_mutex_unlock(&hub->committing);
}

static void keep(struct manual_hub *hub, const dpi_chunk *chunk)
{
	if (chunk->size == 0) {
		return;
	}
	hub->bytes = realloc(hub->bytes, hub->size + chunk->size);
	assert(hub->bytes != NULL);
	memcpy(hub->bytes + hub->size, chunk->data, chunk->size);
	hub->size += chunk->size;
	hub->count += chunk->count;
}

void manual_hub_commit(struct manual_hub *hub)
{
	dp_error *cause = NULL;
	dpi_chunk *chunk = NULL;

	(void)pthread_mutex_lock(&hub->committing);
	hub->commits++;
	if (hub->feed != NULL) {
		chunk = hub->feed->collect(hub->feed);
	}
	if (hub->answer != DP_OK) {
		(void)dpi_error_set(&cause, hub->answer, "the test says so");
	}
	while (chunk != NULL) {
		dpi_chunk *next = chunk->next;

		if (hub->answer == DP_OK) {
			keep(hub, chunk);
		}
		hub->feed->done(hub->feed, chunk, hub->answer, cause);
		chunk = next;
	}
	dp_error_free(cause);
	(void)pthread_mutex_unlock(&hub->committing);
}

static void arm(dpi_writer *writer, dp_time_ns at_ns)
{
	struct manual_hub *hub = hub_of(writer);

	const dpi_os *os = dpi_runtime_os(hub->hub.rt);

	if (hub->commits_when_due && at_ns <= os->monotonic(os->self)) {
		manual_hub_commit(hub);
		return;
	}
	__atomic_fetch_add(&hub->arms, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&hub->armed_at, at_ns, __ATOMIC_RELAXED);
}

static void commit(dpi_writer *writer)
{
	manual_hub_commit(hub_of(writer));
}

static bool try_commit(dpi_writer *writer)
{
	struct manual_hub *hub = hub_of(writer);

	if (!hub->tries) {
		hub->refusals++;
		return false;
	}
	manual_hub_commit(hub);
	return true;
}

static void release(dpi_writer *writer)
{
	hub_of(writer)->writers--;
}

static const dpi_writer_ops WRITER_OPS = {
	.attach = attach,
	.detach = detach,
	.arm = arm,
	.commit = commit,
	.try_commit = try_commit,
	.release = release,
};

static dp_status take_writer(dp_hub *base, const char *topic,
	dpi_writer **ret_writer, dp_error **err)
{
	struct manual_hub *hub = (struct manual_hub *)base;

	(void)topic;
	if (!hub->accepts_writers) {
		return dpi_error_set(err, DP_ELOCKED, "the test says so");
	}
	hub->writers++;
	*ret_writer = &hub->writer;
	return DP_OK;
}

static const dpi_hub_ops HUB_OPS = {.writer = take_writer};

void manual_hub_init(struct manual_hub *hub, dp_runtime *rt)
{
	*hub = (struct manual_hub){
		.hub = {.ops = &HUB_OPS, .rt = rt},
		.accepts_writers = true,
	};
	hub->writer = (dpi_writer){
		.ops = &WRITER_OPS,
		.hub = &hub->hub,
		.name = {.topic = "ramp.test"},
	};
	(void)pthread_mutex_init(&hub->committing, NULL);
}

void manual_hub_fini(struct manual_hub *hub)
{
	(void)pthread_mutex_destroy(&hub->committing);
	free(hub->bytes);
}

const uint8_t *manual_hub_record(const struct manual_hub *hub, size_t index)
{
	const uint8_t *record = hub->bytes;

	assert(index < hub->count);
	while (index-- > 0) {
		record += dpi_record_size(record);
	}
	return record;
}
