/* SPDX-License-Identifier: Apache-2.0 */
#include <datapipe/sink.h>

#include "base/adopt.h"
#include "base/alloc.h"
#include "base/bytes.h"
#include "base/error.h"
#include "codec/avro_file.h"
#include "sink/file_sink.h"
#include "sink/files_schema.h"

typedef struct files_sink {
	const dp_allocator *alloc;
	dpi_event_plans plans;
	dpi_files_schemas schemas;
	dpi_coder *coder;
	const dpi_destination *destination;
	dpi_destination_values values;
	dp_bytes fields[DPI_DESTINATION_PARTS];
	char texts[DPI_DESTINATION_PARTS][DPI_FIELD_TEXT];
} files_sink;

static void files_begin(void *self)
{
	files_sink *sink = self;

	dpi_event_plans_begin(&sink->plans);
	dpi_files_schemas_begin(&sink->schemas);
}

/* The numbers, the sizes of the texts and the branch of the source. */
#define FIXED_BYTES (8 * DPI_VARINT_MAX)

/* The columns that files_schema.c gives each record. */
static dp_status put_given(dpi_buf *out, const dp_message *msg, dp_error **err)
{
	char id_text[DP_ID_SIZE];
	dp_bytes id = dpi_bytes(id_text, dp_message_id(msg, id_text));
	dp_bytes source = dp_message_attribute(msg, DP_ATTR_SOURCE);
	dp_bytes topic = dpi_bytes_text(dp_message_topic(msg));
	dp_time_ns time = dp_message_time(msg);
	uint8_t *p;

	if (dpi_buf_reserve(
		    out, FIXED_BYTES + id.size + source.size + topic.size) !=
		DP_OK) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for a record of files");
	}
	p = dpi_avro_bytes(out->data + out->size, id);
	p = dpi_avro_nullable(p, source);
	p = dpi_avro_long(p, time / 1000 - (time % 1000 < 0));
	p = dpi_avro_bytes(p, topic);
	p = dpi_avro_long(p, dp_message_partition(msg));
	p = dpi_avro_long(p, (int64_t)dp_message_offset(msg));
	out->size = (size_t)(p - out->data);
	return DP_OK;
}

static void read_fields(
	files_sink *sink, const dpi_files_schema *schema, dp_bytes payload)
{
	for (size_t i = 0; dpi_destination_field(sink->destination, i) != NULL;
		i++) {
		sink->fields[i] = dpi_field_path_read(
			&schema->fields[i], payload, sink->texts[i]);
	}
}

static dp_status encode_by(files_sink *sink, const dp_message *msg,
	const dpi_event_plan *plan, dpi_buf *out, dp_error **err)
{
	dp_bytes payload = dp_message_payload(msg);
	dp_status st = put_given(out, msg, err);

	return st == DP_OK ? dpi_avro_encode(plan->plan, sink->coder,
				     payload.data, payload.size, out, err)
			   : st;
}

static dp_status files_encode(void *self, const dp_message *msg, dpi_buf *out,
	dpi_file_record *ret, dp_error **err)
{
	files_sink *sink = self;
	const dpi_files_schema *schema = NULL;
	const dpi_event_plan *plan;
	dp_status st = dpi_event_plans_get(&sink->plans, msg, &plan, err);

	if (st == DP_OK) {
		st = dpi_files_schemas_get(
			&sink->schemas, plan, sink->destination, &schema, err);
	}
	if (st == DP_OK && schema->unfit != NULL) {
		st = dpi_error_set(err, DP_ESCHEMA, "destination: %s",
			dp_error_message(schema->unfit));
	}
	if (st == DP_OK) {
		st = encode_by(sink, msg, plan, out, err);
	}
	if (st != DP_OK) {
		return st;
	}
	read_fields(sink, schema, dp_message_payload(msg));
	sink->values = (dpi_destination_values){
		dp_schema_version(plan->schema), sink->fields};
	ret->kind = &schema->kind;
	ret->values = &sink->values;
	ret->schema = plan->schema;
	return DP_OK;
}

static void files_close(void *self)
{
	files_sink *sink = self;

	dpi_files_schemas_fini(&sink->schemas);
	dpi_event_plans_fini(&sink->plans);
	dpi_coder_free(sink->coder);
	dpi_free(sink->alloc, sink, 1, sizeof(*sink));
}

static const dpi_file_format files_format = {
	.name = "files",
	.default_destination = "{type}/{date}",
	.is_parsed = true,
	.begin = files_begin,
	.encode = files_encode,
	.close = files_close,
};

static dp_status make_files(files_sink **ret, dp_runtime *rt,
	dp_registry *registry, dp_file_format format, dp_error **err)
{
	const dp_allocator *alloc = dpi_runtime_alloc(rt);
	files_sink *sink = dpi_zalloc(alloc, 1, sizeof(*sink));
	dp_status st;

	if (sink == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for a files sink");
	}
	sink->alloc = alloc;
	dpi_event_plans_init(&sink->plans, alloc, registry,
		format == DP_FILE_FORMAT_PARQUET ? DPI_TARGET_PARQUET
						 : DPI_TARGET_AVRO);
	dpi_files_schemas_init(&sink->schemas, alloc, format);
	st = dpi_coder_new(&sink->coder, alloc, err);
	if (st != DP_OK) {
		dpi_free(alloc, sink, 1, sizeof(*sink));
		return st;
	}
	*ret = sink;
	return DP_OK;
}

/* Options of a program that was built before there were formats are shorter;
 * others are checked when they are adopted. */
static dp_file_format format_of(const dp_file_sink_options *opts)
{
	return opts != NULL &&
			opts->struct_size >=
				DPI_SIZE_UP_TO(dp_file_sink_options, format)
		? opts->format
		: DP_FILE_FORMAT_AVRO;
}

dp_status dp_files_sink_new(dp_sink **ret_sink, dp_runtime *rt, dp_store *store,
	dp_registry *reg, const dp_file_sink_options *opts, dp_error **err)
{
	files_sink *sink = NULL;
	dp_status st;

	if (ret_sink == NULL || rt == NULL || store == NULL || reg == NULL) {
		return dpi_error_set(err, DP_EINVAL,
			"ret_sink, rt, store or reg of a files sink is NULL");
	}
	st = make_files(&sink, rt, reg, format_of(opts), err);
	if (st != DP_OK) {
		return st;
	}
	st = dpi_file_sink_new(ret_sink, rt, store, opts, &files_format, sink,
		&sink->destination, err);
	if (st != DP_OK) {
		files_close(sink);
	}
	return st;
}
