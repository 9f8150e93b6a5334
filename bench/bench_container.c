/* SPDX-License-Identifier: Apache-2.0 */
#include <snappy-c.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "base/bytes.h"
#include "bench.h"
#include "codec/avro_file.h"
#include "codec/payment_by_avro.h"
#include "codec/payment_by_hand.h"
#include "codec/payment_events.h"
#include "codec/payment_plan.h"
#include "out_file.h"

/*
 * Payments from wire bytes to an Avro container file, which is not synced:
 * ours, beside protobuf-c with the writer of Avro's own library for C, and
 * beside the least there is to do, the transcoder written for this message
 * whose bytes are compressed and written by 64 KiB. Time of the thread.
 */

enum { EVENTS = 100000, ROUNDS = 9, BLOCK = 64 << 10, ROOM = 16384 };

static payment_event events[EVENTS];

/* Ours. */

struct ours {
	struct payment_plan by;
	dp_compression compression;
	const char *schema;
	double bytes;
};

static double run_ours(void *arg)
{
	static const uint8_t sync[DPI_AVRO_SYNC_SIZE] = "sync";
	struct ours *ours = arg;
	int64_t start = bench_thread_now();
	int fd = out_create();
	dpi_avro_file file;

	if (dpi_avro_file_init(&file, &payment_heap, ours->compression,
		    ours->schema, NULL, 0, sync, NULL) != DP_OK) {
		bench_die("dpi_avro_file_init()");
	}
	for (int i = 0; i < EVENTS; i++) {
		if (dpi_avro_encode(ours->by.plan, ours->by.coder,
			    events[i].data, events[i].size, &file.block,
			    NULL) != DP_OK ||
			dpi_avro_file_end(&file, 1, NULL) != DP_OK) {
			bench_die("dpi_avro_encode()");
		}
		if (file.out.size > 0) {
			out_write(fd, file.out.data, file.out.size);
			dpi_buf_clear(&file.out);
		}
	}
	if (dpi_avro_file_flush(&file, NULL) != DP_OK) {
		bench_die("dpi_avro_file_flush()");
	}
	out_write(fd, file.out.data, file.out.size);
	dpi_avro_file_fini(&file);
	(void)close(fd);
	ours->bytes = out_size() / EVENTS;
	return (double)(bench_thread_now() - start) / EVENTS;
}

/* protobuf-c and avro-c. */

struct peer {
	avro_value_t value;
	avro_schema_t schema;
	const char *codec;
	double bytes;
};

static double run_peer(void *arg)
{
	struct peer *peer = arg;
	int64_t start = bench_thread_now();
	avro_file_writer_t writer;

	(void)unlink(out_path);
	payment_avro_check(avro_file_writer_create_with_codec(
		out_path, peer->schema, &writer, peer->codec, BLOCK));
	for (int i = 0; i < EVENTS; i++) {
		payment_avro_set(&peer->value, &events[i]);
		payment_avro_check(
			avro_file_writer_append_value(writer, &peer->value));
	}
	payment_avro_check(avro_file_writer_close(writer));
	peer->bytes = out_size() / EVENTS;
	return (double)(bench_thread_now() - start) / EVENTS;
}

/* By hand. */

struct direct {
	dp_compression compression;
	ZSTD_CCtx *context;
};

static size_t pack(const struct direct *direct, const uint8_t *data,
	size_t size, uint8_t *packed, size_t room)
{
	size_t n = room;

	if (direct->compression == DP_COMPRESSION_SNAPPY) {
		if (snappy_compress((const char *)data, size, (char *)packed,
			    &n) != SNAPPY_OK) {
			bench_die("snappy_compress()");
		}
		return n;
	}
	return ZSTD_compressCCtx(direct->context, packed, room, data, size, 1);
}

static void put_block(
	const struct direct *direct, int fd, const uint8_t *data, size_t size)
{
	static uint8_t packed[2 * BLOCK + 2 * ROOM];

	if (direct->compression == DP_COMPRESSION_NONE) {
		out_write(fd, data, size);
	} else {
		out_write(fd, packed,
			pack(direct, data, size, packed, sizeof(packed)));
	}
}

static double run_direct(void *arg)
{
	static uint8_t block[BLOCK + ROOM];
	struct direct *direct = arg;
	int64_t start = bench_thread_now();
	int fd = out_create();
	uint8_t *p = block;

	for (int i = 0; i < EVENTS; i++) {
		p = payment_by_hand(events[i].data, events[i].size, p);
		if (p == NULL) {
			bench_die("payment_by_hand()");
		}
		if (p - block >= BLOCK) {
			put_block(direct, fd, block, (size_t)(p - block));
			p = block;
		}
	}
	put_block(direct, fd, block, (size_t)(p - block));
	(void)close(fd);
	return (double)(bench_thread_now() - start) / EVENTS;
}

/* One codec beside avro-c's, which has no zstd: goal of its cost. */
static void compare(struct ours *ours, struct peer *peer,
	dp_compression compression, const char *name, const char *avro_codec,
	double goal)
{
	struct direct direct = {compression, ZSTD_createCCtx()};
	char what[100], theirs[100];
	bench_side sides[] = {{"ours", run_ours, ours, 0},
		{theirs, run_peer, peer, goal},
		{"by hand", run_direct, &direct, 1.35}};

	ours->compression = compression;
	peer->codec = avro_codec;
	(void)snprintf(what, sizeof(what),
		"a payment from wire bytes to an Avro file, %s", name);
	(void)snprintf(theirs, sizeof(theirs), "protobuf-c and avro-c, %s",
		avro_codec);
	bench_compare(
		what, "ns", ROUNDS, sides, sizeof(sides) / sizeof(sides[0]));
	printf("  bytes of a payment: %.1f, avro-c's %.1f\n", ours->bytes,
		peer->bytes);
	(void)ZSTD_freeCCtx(direct.context);
}

int main(void)
{
	static struct ours ours;
	static struct peer peer;
	char folder[256];
	dpi_buf text;

	out_make(folder, sizeof(folder), "out.avro");
	payment_make(events, EVENTS);
	payment_plan_open(
		&ours.by, PAYMENT_SET, "bench.Payment", DPI_TARGET_AVRO);
	dpi_buf_init(&text, &payment_heap, 1 << 20);
	if (dpi_avro_schema(ours.by.plan, NULL, 0, &text, NULL) != DP_OK) {
		bench_die("dpi_avro_schema()");
	}
	ours.schema = dpi_buf_text(&text);
	payment_avro_open(
		&peer.value, &peer.schema, dpi_bytes(text.data, text.size));
	compare(&ours, &peer, DP_COMPRESSION_NONE, "null", "null", 1.0 / 4);
	compare(&ours, &peer, DP_COMPRESSION_SNAPPY, "snappy", "snappy",
		1 / 2.2);
	compare(&ours, &peer, DP_COMPRESSION_ZSTD, "zstd", "snappy", 1 / 2.1);
	dpi_buf_fini(&text);
	bench_rmdir(folder);
	return 0;
}
