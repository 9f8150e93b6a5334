/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline_by_hand.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/uuid.h"
#include "bench.h"
#include "codec/payment_by_hand.h"

/*
 * A record of the log:
 *   u32 size of what follows the checksum, u32 its CRC-32C
 *   in the log behind a route: u64 key of the source, u64 offset in it
 *   with columns: id[16], varint size and type, varint size and source
 *   payload
 */

enum { MEGABYTE = 1 << 20, BLOCK = 65536, ROOM = 16384, HEAD = 8 };
enum { PLACE = 16 };
enum { ABSENT_BEFORE = 2, ABSENT_BEHIND = 3, SYNC_SIZE = 16 };

#define WRITER 0x2aaaaaaaau /* of 34 bits, as ours are */
#define SOURCE 0x2aaaaaaaaaaaaaaau
#define CONTENT_TYPE "application/protobuf"

struct out {
	int fd;
	size_t used;
	uint64_t written;
	uint8_t data[2 * MEGABYTE];
};

/* Records that become one block. */
struct block {
	size_t used;
	int64_t count;
	uint8_t data[BLOCK + ROOM];
};

struct work {
	const pipeline_by_hand *job;
	ZSTD_CCtx *zstd;
	int64_t append_ms;
	uint64_t offset;
	struct out log, routed, lake, avro;
	struct block lake_block, avro_block;
	uint8_t in[MEGABYTE];
};

/* One record, taken apart. */
struct event {
	const uint8_t *id;
	dp_bytes type;
	dp_bytes source;
	const uint8_t *payload;
	size_t size;
};

static void open_out(struct out *out, const char *directory, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	out->used = 0;
	out->written = 0;
	out->fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (out->fd < 0) {
		bench_die(name);
	}
}

static void write_out(struct out *out)
{
	if (write(out->fd, out->data, out->used) != (ssize_t)out->used) {
		bench_die("write");
	}
	out->written += out->used;
	out->used = 0;
}

static void sync_out(struct out *out)
{
	write_out(out);
	if (fdatasync(out->fd) != 0) {
		bench_die("fdatasync");
	}
}

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static uint8_t *put_text(uint8_t *p, const char *text)
{
	size_t size = strlen(text);

	p = dpi_put_varint(p, size);
	memcpy(p, text, size);
	return p + size;
}

static size_t put_record(struct work *w, uint8_t *out, size_t number)
{
	const payment_event *ev = &w->job->events[number % w->job->kinds];
	uint8_t *p = out + HEAD;
	size_t size;

	if (w->job->has_columns) {
		dpi_uuid_make(p, w->append_ms, WRITER, number);
		p = put_text(p + DPI_UUID_SIZE, "bench.Payment");
		p = put_text(p, "bench");
	}
	memcpy(p, ev->data, ev->size);
	p += ev->size;
	size = (size_t)(p - out) - HEAD;
	dpi_store_u32(out, (uint32_t)size);
	dpi_store_u32(out + 4, dpi_crc32c(0, out + HEAD, size));
	return HEAD + size;
}

static void appended(struct work *w, struct out *log, size_t size)
{
	log->used += size;
	if (log->used >= MEGABYTE) {
		sync_out(log);
		w->append_ms = now_ms();
	}
}

static void append_all(struct work *w)
{
	for (size_t i = 0; i < w->job->count; i++) {
		uint8_t *end = w->log.data + w->log.used;

		appended(w, &w->log, put_record(w, end, i));
	}
	sync_out(&w->log);
}

static uint8_t *put_long(uint8_t *p, int64_t value)
{
	return dpi_put_varint(
		p, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

static uint8_t *put_bytes(uint8_t *p, const void *data, size_t size)
{
	p = put_long(p, (int64_t)size);
	memcpy(p, data, size);
	return p + size;
}

static uint8_t *put_id(uint8_t *p, const uint8_t *id)
{
	char text[DPI_UUID_TEXT + 1];

	dpi_uuid_format(text, id);
	return put_bytes(p, text, DPI_UUID_TEXT);
}

/* The columns of a lake sink, in their order. */
static uint8_t *put_lake(
	const struct work *w, const struct event *ev, uint8_t *p)
{
	p = put_bytes(p, "datahub", 7);
	p = put_long(p, 0);
	p = put_long(p, (int64_t)w->offset);
	p = put_long(p, w->append_ms * 1000);
	p = put_id(p, ev->id);
	p = put_long(p, (int64_t)dpi_uuid_writer(ev->id));
	p = put_long(p, (int64_t)dpi_uuid_seq(ev->id));
	p = put_long(p, dpi_uuid_ms(ev->id) * 1000);
	p = put_long(p, 0);
	p = put_bytes(put_long(p, 1), ev->type.data, ev->type.size);
	p = put_bytes(put_long(p, 1), ev->source.data, ev->source.size);
	memset(p, 0, ABSENT_BEFORE);
	p = put_long(p + ABSENT_BEFORE, 1);
	p = put_bytes(p, CONTENT_TYPE, sizeof(CONTENT_TYPE) - 1);
	memset(p, 0, ABSENT_BEHIND + 1); /* and no other attributes */
	p += ABSENT_BEHIND + 1;
	return put_bytes(p, ev->payload, ev->size);
}

/* The columns that a files sink puts before those of the payment. */
static uint8_t *put_given(
	const struct work *w, const struct event *ev, uint8_t *p)
{
	p = put_id(p, ev->id);
	p = put_bytes(put_long(p, 1), ev->source.data, ev->source.size);
	p = put_long(p, dpi_uuid_ms(ev->id) * 1000);
	p = put_bytes(p, "datahub", 7);
	p = put_long(p, 0);
	return put_long(p, (int64_t)w->offset);
}

static size_t pack(struct work *w, const struct block *block, uint8_t *out)
{
	size_t n = ZSTD_compressCCtx(
		w->zstd, out, MEGABYTE, block->data, block->used, 1);

	if (ZSTD_isError(n)) {
		bench_die("zstd");
	}
	return n;
}

/* A block of an Avro file: count, size, records, sync marker. */
static void end_block(
	struct work *w, struct block *block, struct out *out, bool is_packed)
{
	static uint8_t packed[MEGABYTE];
	static const uint8_t sync[SYNC_SIZE] = {1};
	const uint8_t *data = is_packed ? packed : block->data;
	size_t size = is_packed ? pack(w, block, packed) : block->used;
	uint8_t *p = out->data + out->used;

	if (w->job->has_columns) {
		p = put_bytes(put_long(p, block->count), data, size);
		memcpy(p, sync, SYNC_SIZE);
		p += SYNC_SIZE;
	} else {
		memcpy(p, data, size);
		p += size;
	}
	out->used = (size_t)(p - out->data);
	if (out->used >= MEGABYTE) {
		write_out(out);
	}
	block->used = 0;
	block->count = 0;
}

static dp_bytes take_text(const uint8_t **p, const uint8_t *end)
{
	uint64_t size = 0;
	const uint8_t *text = dpi_get_varint(*p, end, &size);

	if (text == NULL || size > (uint64_t)(end - text)) {
		bench_die("record");
	}
	*p = text + size;
	return dpi_bytes(text, size);
}

static void check(const uint8_t *record, uint32_t size)
{
	if (dpi_crc32c(0, record + HEAD, size) != dpi_load_u32(record + 4)) {
		bench_die("checksum");
	}
}

static struct event take_apart(
	const struct work *w, const uint8_t *record, uint32_t size)
{
	const uint8_t *p = record + HEAD + (w->job->has_route ? PLACE : 0);
	const uint8_t *end = record + HEAD + size;
	struct event ev = {.id = p};

	check(record, size);
	if (w->job->has_columns) {
		p += DPI_UUID_SIZE;
		ev.type = take_text(&p, end);
		ev.source = take_text(&p, end);
	}
	ev.payload = p;
	ev.size = (size_t)(end - p);
	return ev;
}

static void add_to_lake(struct work *w, const struct event *ev)
{
	struct block *lake = &w->lake_block;
	uint8_t *p = lake->data + lake->used;

	p = w->job->has_columns ? put_lake(w, ev, p)
				: put_bytes(p, ev->payload, ev->size);
	lake->used = (size_t)(p - lake->data);
	lake->count++;
	if (lake->used >= BLOCK) {
		end_block(w, lake, &w->lake, w->job->packs_lake);
	}
}

static void add_to_avro(struct work *w, const struct event *ev)
{
	struct block *avro = &w->avro_block;
	uint8_t *p = avro->data + avro->used;

	p = w->job->has_columns ? put_given(w, ev, p) : p;
	p = payment_by_hand(ev->payload, ev->size, p);
	if (p == NULL) {
		bench_die("payment_by_hand");
	}
	avro->used = (size_t)(p - avro->data);
	avro->count++;
	if (avro->used >= BLOCK) {
		end_block(w, avro, &w->avro, true);
	}
}

/* What is done with a record of a log. */
typedef void visit_record(struct work *w, const uint8_t *record, uint32_t size);

static void route(struct work *w, const uint8_t *record, uint32_t size)
{
	uint8_t *out = w->routed.data + w->routed.used;

	check(record, size);
	dpi_store_u32(out, size + PLACE);
	dpi_store_u64(out + HEAD, SOURCE);
	dpi_store_u64(out + HEAD + 8, w->offset + HEAD + size);
	memcpy(out + HEAD + PLACE, record + HEAD, size);
	dpi_store_u32(out + 4, dpi_crc32c(0, out + HEAD, size + PLACE));
	appended(w, &w->routed, HEAD + size + PLACE);
}

static void carry_to_lake(struct work *w, const uint8_t *record, uint32_t size)
{
	struct event ev = take_apart(w, record, size);

	add_to_lake(w, &ev);
}

static void carry_to_avro(struct work *w, const uint8_t *record, uint32_t size)
{
	struct event ev = take_apart(w, record, size);

	add_to_avro(w, &ev);
}

static void carry_to_both(struct work *w, const uint8_t *record, uint32_t size)
{
	struct event ev = take_apart(w, record, size);

	add_to_lake(w, &ev);
	add_to_avro(w, &ev);
}

static void visit_all(
	struct work *w, const struct out *log, visit_record *visit)
{
	size_t have = 0;
	off_t at = 0;
	ssize_t n;

	w->offset = 0;
	do {
		size_t done = 0;

		n = pread(log->fd, w->in + have, sizeof(w->in) - have, at);
		if (n < 0) {
			bench_die("pread");
		}
		at += n;
		have += (size_t)n;
		while (have - done >= HEAD &&
			have - done - HEAD >= dpi_load_u32(w->in + done)) {
			uint32_t size = dpi_load_u32(w->in + done);

			visit(w, w->in + done, size);
			done += HEAD + size;
			w->offset += HEAD + size;
		}
		memmove(w->in, w->in + done, have - done);
		have -= done;
	} while (n > 0);
}

static void carry_all(struct work *w)
{
	if (w->job->has_route) {
		visit_all(w, &w->log, route);
		sync_out(&w->routed);
		visit_all(w, &w->routed, carry_to_lake);
		visit_all(w, &w->routed, carry_to_avro);
	} else {
		visit_all(w, &w->log, carry_to_both);
	}
	end_block(w, &w->lake_block, &w->lake, w->job->packs_lake);
	end_block(w, &w->avro_block, &w->avro, true);
	sync_out(&w->lake);
	sync_out(&w->avro);
}

pipeline_sizes pipeline_run_by_hand(const pipeline_by_hand *job)
{
	static struct work w;
	pipeline_sizes sizes;

	w.job = job;
	w.append_ms = now_ms();
	w.zstd = ZSTD_createCCtx();
	open_out(&w.log, job->directory, "log");
	open_out(&w.routed, job->directory, "routed");
	open_out(&w.lake, job->directory, "lake");
	open_out(&w.avro, job->directory, "avro");
	append_all(&w);
	carry_all(&w);
	sizes = (pipeline_sizes){w.lake.written, w.avro.written};
	(void)ZSTD_freeCCtx(w.zstd);
	(void)close(w.log.fd);
	(void)close(w.routed.fd);
	(void)close(w.lake.fd);
	(void)close(w.avro.fd);
	return sizes;
}
