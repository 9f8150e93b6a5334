/* SPDX-License-Identifier: Apache-2.0 */
#include "test_feed.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/thread.h"

#define PREFIX_MAX 64

/* For release builds, too. */
static void need(bool is_true)
{
	if (!is_true) {
		abort();
	}
}

static dpi_chunk *collect(dpi_feed *feed)
{
	struct test_feed *f = (struct test_feed *)feed;
	dpi_chunk *first;

	dpi_lock(&f->lock);
	first = f->first;
	f->first = NULL;
	f->last = &f->first;
	dpi_unlock(&f->lock);
	return first;
}

static void free_chunk(dpi_chunk *chunk)
{
	free(chunk->data);
	free(chunk);
}

static void done(dpi_feed *feed, dpi_chunk *chunk, dp_status status,
	const dp_error *cause)
{
	struct test_feed *f = (struct test_feed *)feed;

	need((cause == NULL) == (status == DP_OK));
	dpi_lock(&f->lock);
	need(f->announced == NULL || f->announced == chunk);
	f->announced = chunk->next;
	if (status == DP_OK) {
		f->ok += chunk->count;
	} else {
		f->worst = f->failed == 0 ? status : f->worst;
		f->failed += chunk->count;
	}
	pthread_cond_broadcast(&f->changed);
	dpi_unlock(&f->lock);
	free_chunk(chunk);
}

void test_feed_init(struct test_feed *f, dp_ack level)
{
	*f = (struct test_feed){
		.feed = {.collect = collect, .done = done, .level = level},
		.writer = 7,
		.unix_ms = 1700000000000,
	};
	f->last = &f->first;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
}

void test_feed_fini(struct test_feed *f)
{
	need(f->announced == NULL);
	while (f->first != NULL) {
		dpi_chunk *next = f->first->next;

		free_chunk(f->first);
		f->first = next;
	}
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
}

/* A sanitizer copies whatever is made larger: that is not done for each event. */
static size_t room_for(size_t size)
{
	size_t room = 64;

	while (room < size) {
		room *= 2;
	}
	return room;
}

static void *resize(void *data, size_t size)
{
	void *resized = realloc(data, size);

	need(resized != NULL);
	return resized;
}

/* Encodes one more event behind what the chunk has. */
static void encode(struct test_feed *f, dpi_chunk *chunk, const dp_event *ev,
	dpi_source_place place, uint64_t seq)
{
	uint8_t uuid[DPI_UUID_SIZE];
	dpi_draft draft;
	dp_status st;

	st = dpi_record_draft(
		&draft, ev, dpi_bytes_text("test"), DPI_RECORD_MAX, NULL);
	need(st == DP_OK);
	if (place.key != 0) {
		dpi_draft_set_place(&draft, place);
	}
	if (chunk->size == 0 ||
		room_for(chunk->size + draft.size) > room_for(chunk->size)) {
		chunk->data =
			resize(chunk->data, room_for(chunk->size + draft.size));
	}
	dpi_uuid_make(uuid, f->unix_ms, f->writer, seq);
	dpi_record_encode(chunk->data + chunk->size, &draft, uuid);
	chunk->size += draft.size;
	chunk->count++;
}

/* A sanitizer sees who reads behind the end. */
static void push(struct test_feed *f, dpi_chunk *chunk)
{
	chunk->data = resize(chunk->data, chunk->size);
	dpi_lock(&f->lock);
	*f->last = chunk;
	f->last = &chunk->next;
	f->added += chunk->count;
	dpi_unlock(&f->lock);
}

void test_feed_add(
	struct test_feed *f, const dp_event *ev, dpi_source_place place)
{
	dpi_chunk *chunk = calloc(1, sizeof(*chunk));

	encode(f, chunk, ev, place, f->added);
	push(f, chunk);
}

void test_feed_add_places(
	struct test_feed *f, const dpi_source_place *places, size_t count)
{
	dpi_chunk *chunk = calloc(1, sizeof(*chunk));
	const dp_event ev = DP_EVENT_INIT;

	for (size_t i = 0; i < count; i++) {
		encode(f, chunk, &ev, places[i], f->added + i);
	}
	push(f, chunk);
}

void test_feed_add_many(struct test_feed *f, const char *prefix, size_t count)
{
	dpi_chunk *chunk = calloc(1, sizeof(*chunk));
	const dpi_source_place none = {0, 0};

	for (size_t i = 0; i < count; i++) {
		dp_event ev = DP_EVENT_INIT;
		char payload[PREFIX_MAX + 32];
		int size = snprintf(payload, sizeof(payload), "%.*s%zu",
			PREFIX_MAX, prefix, i);

		ev.type = "test.Event";
		ev.payload = dpi_bytes(payload, (size_t)size);
		encode(f, chunk, &ev, none, f->added + i);
	}
	push(f, chunk);
}

void test_feed_add_text(struct test_feed *f, const char *payload)
{
	const dpi_source_place none = {0, 0};
	dp_event ev = DP_EVENT_INIT;

	ev.type = "test.Event";
	ev.payload = dpi_bytes_text(payload);
	test_feed_add(f, &ev, none);
}

void test_feed_wait(struct test_feed *f)
{
	dpi_lock(&f->lock);
	while (f->ok + f->failed < f->added) {
		pthread_cond_wait(&f->changed, &f->lock);
	}
	dpi_unlock(&f->lock);
}

void test_feed_append(dpi_writer *writer, const char *prefix, size_t count)
{
	struct test_feed f;

	test_feed_init(&f, DP_ACK_DURABLE);
	writer->ops->attach(writer, &f.feed);
	test_feed_add_many(&f, prefix, count);
	writer->ops->commit(writer);
	test_feed_wait(&f);
	writer->ops->detach(writer, &f.feed);
	need(f.ok == count);
	test_feed_fini(&f);
}
