/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/file_sink.h"

#include <string.h>

#include "base/adopt.h"
#include "base/alloc.h"
#include "base/bytes.h"
#include "base/error.h"
#include "codec/block_codec.h"
#include "sink/event_plans.h"
#include "sink/ledger.h"
#include "sink/refusals.h"
#include "sink/schema_shelf.h"

#define PENDING_MAX ((size_t)1 << 30)

#define OPEN_MAX 256u
#define OPEN_BYTES ((uint64_t)64 << 20)
#define FILE_BYTES ((uint64_t)256 << 20)

/* Bytes of records that go to their file in one piece, and become a block there
 * without being copied. */
#define RUN_BYTES DPI_AVRO_BLOCK_BYTES

/* Records that were taken one after another for the same file, and are not in
 * it yet. */
typedef struct pending_run {
	const dpi_file_kind *kind;
	size_t folder; /* where it begins in `folders` */
	size_t datums; /* where they begin in `datums` */
	size_t size;
	uint64_t count;
} pending_run;

typedef struct file_sink {
	dp_runtime *rt;
	const dp_allocator *alloc;
	const dpi_file_format *format;
	void *self; /* the format's */
	dpi_destination destination;
	dpi_ledger ledger;
	dpi_file_set files;
	dpi_schema_shelf shelf;
	bool is_unsure; /* a commit failed: reset comes next */
	dpi_buf datums;
	dpi_buf folders;
	pending_run *pending;
	size_t pending_count;
	size_t pending_capacity;
	size_t done_count; /* of the pending runs, those in files */
} file_sink;

static void forget_pending(file_sink *sink)
{
	dpi_buf_clear(&sink->datums);
	dpi_buf_clear(&sink->folders);
	sink->pending_count = 0;
	sink->done_count = 0;
}

static dp_status reserve_pending(file_sink *sink, size_t count, dp_error **err)
{
	pending_run *pending;

	if (count <= sink->pending_capacity) {
		return DP_OK;
	}
	pending = dpi_zalloc(sink->alloc, count, sizeof(*pending));
	if (pending == NULL) {
		return dpi_error_set(err, DP_ENOMEM,
			"no memory for a batch of %zu events", count);
	}
	if (sink->pending_capacity > 0) {
		dpi_free(sink->alloc, sink->pending, sink->pending_capacity,
			sizeof(*pending));
	}
	sink->pending = pending;
	sink->pending_capacity = count;
	return DP_OK;
}

/* Where the folder of the event in hand stands in `folders`. */
static dp_status add_folder(
	file_sink *sink, bool is_same, size_t *ret_folder, dp_error **err)
{
	const char *folder = sink->destination.folder;
	size_t at = sink->folders.size;

	if (is_same && sink->pending_count > 0) {
		*ret_folder = sink->pending[sink->pending_count - 1].folder;
		return DP_OK;
	}
	if (dpi_buf_append(&sink->folders, folder, strlen(folder) + 1) !=
		DP_OK) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for folder %s", folder);
	}
	*ret_folder = at;
	return DP_OK;
}

static pending_run *last_run(file_sink *sink)
{
	return sink->pending_count > 0 ? &sink->pending[sink->pending_count - 1]
				       : NULL;
}

/* The record from `start` on joins the run before it, or begins another. */
static dp_status add_record(file_sink *sink, const dpi_file_kind *kind,
	bool is_same, size_t start, dp_error **err)
{
	pending_run *run = last_run(sink);
	size_t folder = 0;
	dp_status st;

	if (run == NULL || !is_same || run->kind != kind ||
		run->size >= RUN_BYTES) {
		st = add_folder(sink, is_same, &folder, err);
		if (st != DP_OK) {
			return st;
		}
		run = &sink->pending[sink->pending_count++];
		*run = (pending_run){
			.kind = kind, .folder = folder, .datums = start};
	}
	run->size = sink->datums.size - run->datums;
	run->count++;
	return DP_OK;
}

static dp_status take_event(
	file_sink *sink, const dp_message *msg, dp_error **err)
{
	size_t start = sink->datums.size;
	dpi_file_record encoded = {.kind = NULL};
	bool is_same;
	dp_status st;

	st = sink->format->encode(
		sink->self, msg, &sink->datums, &encoded, err);
	if (st == DP_OK) {
		st = dpi_destination_expand(
			&sink->destination, msg, encoded.values, &is_same, err);
	}
	if (st == DP_OK && encoded.schema != NULL) {
		st = dpi_schema_shelf_want(&sink->shelf, encoded.schema, err);
	}
	if (st == DP_OK) {
		st = add_record(sink, encoded.kind, is_same, start, err);
	}
	if (st != DP_OK) {
		sink->datums.size = start;
		sink->datums.failed = DP_OK;
	}
	return st;
}

static dp_status take_batch(file_sink *sink, const dp_batch *batch,
	dp_refusals *refusals, dp_error **err)
{
	size_t count = dp_batch_count(batch);
	dp_status st = reserve_pending(sink, count, err);

	sink->format->begin(sink->self);
	for (size_t i = 0; i < count && st == DP_OK; i++) {
		dp_error *why = NULL;

		st = take_event(sink, dp_batch_message(batch, i), &why);
		if (dpi_event_plans_refuses(st)) {
			st = dpi_refusals_add_error(
				refusals, i, DP_REFUSAL_EVENT, why);
			dpi_error_clear(&why);
		}
		if (why != NULL && err != NULL) {
			*err = why;
		} else {
			dpi_error_clear(&why);
		}
	}
	return st;
}

/* Moves on where the last call stopped. */
static dp_status put_into_files(file_sink *sink, dp_error **err)
{
	while (sink->done_count < sink->pending_count) {
		const pending_run *run = &sink->pending[sink->done_count];
		dp_status st = dpi_file_set_append(&sink->files,
			(const char *)sink->folders.data + run->folder,
			run->kind,
			dpi_bytes(sink->datums.data + run->datums, run->size),
			run->count, err);

		if (st != DP_OK) {
			return st;
		}
		sink->done_count++;
	}
	forget_pending(sink);
	return DP_OK;
}

static dp_status check_usable(const file_sink *sink, dp_error **err)
{
	if (sink->ledger.claim == NULL) {
		return dpi_error_set(err, DP_ECLOSED, "sink '%s' is not open",
			sink->format->name);
	}
	if (sink->is_unsure) {
		return dpi_error_set(err, DP_ECLOSED,
			"a commit of sink '%s' failed: reset and open it "
			"again",
			sink->format->name);
	}
	return dpi_file_set_check(&sink->files, err);
}

static dp_status file_sink_write(void *self, const dp_batch *batch,
	dp_refusals *refusals, dp_error **err)
{
	file_sink *sink = self;
	dp_status st = check_usable(sink, err);

	if (st == DP_OK) {
		st = put_into_files(sink, err);
	}
	if (st != DP_OK) {
		return st;
	}
	st = take_batch(sink, batch, refusals, err);
	if (st != DP_OK) {
		forget_pending(sink);
		return st;
	}
	(void)put_into_files(sink, NULL);
	return DP_OK;
}

static dp_status file_sink_flush(
	void *self, const dp_positions *upto, dp_error **err)
{
	file_sink *sink = self;
	dpi_file_set *files = &sink->files;
	dp_status st = check_usable(sink, err);

	if (st == DP_OK) {
		st = put_into_files(sink, err);
	}
	if (st == DP_OK) {
		st = dpi_schema_shelf_write(&sink->shelf, err);
	}
	if (st == DP_OK) {
		st = dpi_file_set_finish(files, err);
	}
	if (st != DP_OK) {
		return st;
	}
	st = dpi_job_slot_commit(&sink->ledger.slot, files->finished,
		files->finished_count, upto, err);
	sink->is_unsure = st != DP_OK;
	if (st == DP_OK) {
		dpi_file_set_clear(files);
	}
	return st;
}

static void file_sink_reset(void *self)
{
	file_sink *sink = self;

	forget_pending(sink);
	dpi_file_set_abandon(&sink->files);
	dpi_ledger_close(&sink->ledger);
	sink->is_unsure = false;
}

static dp_status file_sink_open(
	void *self, const dp_sink_context *context, dp_error **err)
{
	file_sink *sink = self;
	dp_status st = dpi_runtime_check(sink->rt, err);

	if (st != DP_OK) {
		return st;
	}
	if (sink->ledger.claim != NULL) {
		return dpi_error_set(err, DP_EINVAL,
			"sink '%s' is open already", sink->format->name);
	}
	return dpi_ledger_open(&sink->ledger, context->job, err);
}

static dp_status file_sink_positions(
	void *self, dp_positions *ret, dp_error **err)
{
	file_sink *sink = self;
	dp_status st = check_usable(sink, err);

	return st == DP_OK ? dpi_ledger_positions(&sink->ledger, ret, err) : st;
}

static void free_sink(file_sink *sink)
{
	file_sink_reset(sink);
	dpi_file_set_fini(&sink->files);
	dpi_schema_shelf_fini(&sink->shelf);
	dpi_destination_fini(&sink->destination);
	dpi_buf_fini(&sink->datums);
	dpi_buf_fini(&sink->folders);
	if (sink->pending_capacity > 0) {
		dpi_free(sink->alloc, sink->pending, sink->pending_capacity,
			sizeof(*sink->pending));
	}
	dpi_free(sink->alloc, sink, 1, sizeof(*sink));
}

static void file_sink_close(void *self)
{
	file_sink *sink = self;

	sink->format->close(sink->self);
	free_sink(sink);
}

static dp_status check_codec(const dp_file_sink_options *opts, dp_error **err)
{
	if (opts->compression < DP_COMPRESSION_DEFAULT ||
		opts->compression > DP_COMPRESSION_XZ) {
		return dpi_error_set(err, DP_EINVAL,
			"compression %d is none of DP_COMPRESSION_*",
			(int)opts->compression);
	}
	if (!dpi_block_codec_has(opts->compression,
		    opts->format == DP_FILE_FORMAT_PARQUET
			    ? DPI_CONTAINER_PARQUET
			    : DPI_CONTAINER_AVRO)) {
		return dpi_error_set(err, DP_EINVAL, "%s is a codec that %s",
			opts->compression == DP_COMPRESSION_XZ ? "xz" : "bzip2",
			opts->format == DP_FILE_FORMAT_PARQUET
				? "Parquet does not have"
				: "this build of the library lacks");
	}
	return DP_OK;
}

static dp_status adopt_options(dp_file_sink_options *opts,
	const dp_file_sink_options *given, const dpi_file_format *format,
	dp_error **err)
{
	dp_status st = dpi_adopt(opts, sizeof(*opts), given,
		DPI_SIZE_UP_TO(dp_file_sink_options, file_bytes),
		"file sink options", "DP_FILE_SINK_OPTIONS_INIT", err);

	if (st != DP_OK) {
		return st;
	}
	if (opts->format < DP_FILE_FORMAT_DEFAULT ||
		opts->format > DP_FILE_FORMAT_PARQUET) {
		return dpi_error_set(err, DP_EINVAL,
			"format %d is none of DP_FILE_FORMAT_*",
			(int)opts->format);
	}
	if (opts->format == DP_FILE_FORMAT_PARQUET && !format->is_parsed) {
		return dpi_error_set(err, DP_EINVAL,
			"files of sink '%s' are Avro, not Parquet",
			format->name);
	}
	st = check_codec(opts, err);
	if (st != DP_OK) {
		return st;
	}
	if (opts->destination == NULL) {
		opts->destination = format->default_destination;
	}
	opts->open_max = opts->open_max > 0 ? opts->open_max : OPEN_MAX;
	opts->open_bytes = opts->open_bytes > 0 ? opts->open_bytes : OPEN_BYTES;
	opts->file_bytes = opts->file_bytes > 0 ? opts->file_bytes : FILE_BYTES;
	return DP_OK;
}

static dp_status init_sink(file_sink *sink, dp_store *store,
	const dp_file_sink_options *opts, dp_error **err)
{
	const dpi_file_limits limits = {
		.open_max = opts->open_max,
		.open_bytes = opts->open_bytes,
		.file_bytes = opts->file_bytes,
	};

	dpi_ledger_init(&sink->ledger, store);
	dpi_schema_shelf_init(
		&sink->shelf, store, sink->alloc, &sink->ledger.slot);
	dpi_buf_init(&sink->datums, sink->alloc, PENDING_MAX);
	dpi_buf_init(&sink->folders, sink->alloc, PENDING_MAX);
	dpi_file_set_init(&sink->files, sink->alloc, &sink->ledger.slot,
		opts->format, opts->compression, &limits);
	return dpi_destination_init(&sink->destination, sink->alloc,
		opts->destination, sink->format->is_parsed, err);
}

static dp_sink_ops ops_of(const dpi_file_format *format)
{
	dp_sink_ops ops = DP_SINK_OPS_INIT;

	ops.caps = DP_SINK_CAP_POSITIONS;
	ops.name = format->name;
	ops.open = file_sink_open;
	ops.positions = file_sink_positions;
	ops.write = file_sink_write;
	ops.flush = file_sink_flush;
	ops.close = file_sink_close;
	ops.reset = file_sink_reset;
	return ops;
}

dp_status dpi_file_sink_new(dp_sink **ret_sink, dp_runtime *rt, dp_store *store,
	const dp_file_sink_options *given, const dpi_file_format *format,
	void *self, const dpi_destination **ret_destination, dp_error **err)
{
	const dp_sink_ops ops = ops_of(format);
	dp_file_sink_options opts;
	file_sink *sink;
	dp_status st = adopt_options(&opts, given, format, err);

	if (st != DP_OK) {
		return st;
	}
	sink = dpi_zalloc(dpi_runtime_alloc(rt), 1, sizeof(*sink));
	if (sink == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for sink '%s'",
			format->name);
	}
	sink->rt = rt;
	sink->alloc = dpi_runtime_alloc(rt);
	sink->format = format;
	sink->self = self;
	st = init_sink(sink, store, &opts, err);
	if (st == DP_OK) {
		st = dp_sink_new(ret_sink, rt, &ops, sink, err);
	}
	if (st != DP_OK) {
		free_sink(sink);
		return st;
	}
	*ret_destination = &sink->destination;
	return DP_OK;
}
