/* SPDX-License-Identifier: Apache-2.0 */
#include <datapipe/sink.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/error.h"
#include "codec/avro_file.h"
#include "sink/event_schemas.h"
#include "sink/file_sink.h"

/*
 * Every event as it came. doc/sinks.md explains the columns; a change of them
 * is a new name of the record.
 */
static const char lake_schema[] =
	"{\"type\":\"record\",\"name\":\"Event\","
	"\"namespace\":\"datapipe.lake.v1\",\"fields\":["
	"{\"name\":\"topic\",\"type\":\"string\"},"
	"{\"name\":\"partition\",\"type\":\"long\"},"
	"{\"name\":\"offset\",\"type\":\"long\"},"
	"{\"name\":\"append_time\",\"type\":{\"type\":\"long\","
	"\"logicalType\":\"timestamp-micros\"}},"
	"{\"name\":\"id\",\"type\":\"string\"},"
	"{\"name\":\"writer\",\"type\":\"long\"},"
	"{\"name\":\"seq\",\"type\":\"long\"},"
	"{\"name\":\"time\",\"type\":{\"type\":\"long\","
	"\"logicalType\":\"timestamp-micros\"}},"
	"{\"name\":\"time_nanos\",\"type\":\"int\"},"
	"{\"name\":\"type\",\"type\":[\"null\",\"string\"]},"
	"{\"name\":\"source\",\"type\":[\"null\",\"string\"]},"
	"{\"name\":\"subject\",\"type\":[\"null\",\"string\"]},"
	"{\"name\":\"partitionkey\",\"type\":[\"null\",\"string\"]},"
	"{\"name\":\"datacontenttype\",\"type\":[\"null\",\"string\"]},"
	"{\"name\":\"dataschema\",\"type\":[\"null\",\"string\"]},"
	"{\"name\":\"traceparent\",\"type\":[\"null\",\"string\"]},"
	"{\"name\":\"tracestate\",\"type\":[\"null\",\"string\"]},"
	"{\"name\":\"attributes\",\"type\":{\"type\":\"map\","
	"\"values\":\"string\"}},"
	"{\"name\":\"payload\",\"type\":\"bytes\"}]}";

static const dpi_file_kind lake_kind = {
	.key = 1,
	.schema_json = lake_schema,
};

/* In the order of the schema. */
static const dp_attr known[] = {
	DP_ATTR_TYPE,
	DP_ATTR_SOURCE,
	DP_ATTR_SUBJECT,
	DP_ATTR_KEY,
	DP_ATTR_DATACONTENTTYPE,
	DP_ATTR_DATASCHEMA,
	DP_ATTR_TRACEPARENT,
	DP_ATTR_TRACESTATE,
};

#define KNOWN_COUNT (sizeof(known) / sizeof(known[0]))

/* All of a record that has a size of its own, not counting texts and bytes. */
#define FIXED_BYTES (32 * DPI_VARINT_MAX)

/* One block of a map, and the empty one that ends it. */
static uint8_t *put_others(uint8_t *p, const dp_message *msg, int64_t count)
{
	size_t iter = 0;
	dp_bytes name;
	dp_bytes value;

	if (count > 0) {
		p = dpi_avro_long(p, count);
	}
	while (count-- > 0 &&
		dp_message_next_attribute(msg, &iter, &name, &value)) {
		p = dpi_avro_bytes(dpi_avro_bytes(p, name), value);
	}
	return dpi_avro_long(p, 0);
}

static int64_t floor_micros(dp_time_ns time)
{
	return time / 1000 - (time % 1000 < 0);
}

/* What micros leave out: 0 to 999. */
static int64_t nanos_of(dp_time_ns time)
{
	return time % 1000 + (time % 1000 < 0 ? 1000 : 0);
}

static uint8_t *put_place(uint8_t *p, const dp_message *msg, dp_bytes topic)
{
	p = dpi_avro_bytes(p, topic);
	p = dpi_avro_long(p, dp_message_partition(msg));
	p = dpi_avro_long(p, (int64_t)dp_message_offset(msg));
	return dpi_avro_long(p, floor_micros(dp_message_append_time(msg)));
}

static uint8_t *put_identity(uint8_t *p, const dp_message *msg, dp_bytes id)
{
	dp_time_ns time = dp_message_time(msg);

	p = dpi_avro_bytes(p, id);
	p = dpi_avro_long(p, (int64_t)dp_message_writer(msg));
	p = dpi_avro_long(p, (int64_t)dp_message_seq(msg));
	p = dpi_avro_long(p, floor_micros(time));
	return dpi_avro_long(p, nanos_of(time));
}

/* Bytes of the other attributes and their sizes; how many, too. */
static size_t measure_others(const dp_message *msg, int64_t *ret_count)
{
	size_t bytes = 0;
	size_t iter = 0;
	dp_bytes name;
	dp_bytes value;

	*ret_count = 0;
	while (dp_message_next_attribute(msg, &iter, &name, &value)) {
		bytes += name.size + value.size + 2 * (size_t)DPI_VARINT_MAX;
		++*ret_count;
	}
	return bytes;
}

typedef struct lake_sink {
	const dp_allocator *alloc;
	dpi_event_schemas schemas;
} lake_sink;

static void lake_begin(void *self)
{
	lake_sink *sink = self;

	dpi_event_schemas_begin(&sink->schemas);
}

static dp_status lake_encode(void *self, const dp_message *msg, dpi_buf *out,
	dpi_file_record *ret, dp_error **err)
{
	char id_text[DP_ID_SIZE];
	dp_bytes id = dpi_bytes(id_text, dp_message_id(msg, id_text));
	dp_bytes topic = dpi_bytes_text(dp_message_topic(msg));
	dp_bytes payload = dp_message_payload(msg);
	dp_bytes texts[KNOWN_COUNT];
	int64_t others;
	size_t most = FIXED_BYTES + topic.size + id.size + payload.size +
		measure_others(msg, &others);
	dp_status st = dpi_event_schemas_get(
		&((lake_sink *)self)->schemas, msg, &ret->schema, err);
	uint8_t *p;

	if (st != DP_OK) {
		return st;
	}
	for (size_t i = 0; i < KNOWN_COUNT; i++) {
		texts[i] = dp_message_attribute(msg, known[i]);
		most += texts[i].size;
	}
	if (dpi_buf_reserve(out, most) != DP_OK) {
		return dpi_error_set(err, DP_ENOMEM,
			"no memory for a lake record of %zu bytes", most);
	}
	p = put_place(out->data + out->size, msg, topic);
	p = put_identity(p, msg, id);
	for (size_t i = 0; i < KNOWN_COUNT; i++) {
		p = dpi_avro_nullable(p, texts[i]);
	}
	p = dpi_avro_bytes(put_others(p, msg, others), payload);
	out->size = (size_t)(p - out->data);
	ret->kind = &lake_kind;
	ret->values = NULL;
	return DP_OK;
}

static void lake_close(void *self)
{
	lake_sink *sink = self;

	dpi_event_schemas_fini(&sink->schemas);
	dpi_free(sink->alloc, sink, 1, sizeof(*sink));
}

static const dpi_file_format lake_format = {
	.name = "lake",
	.default_destination = "{topic}/{date}/{hour}",
	.begin = lake_begin,
	.encode = lake_encode,
	.close = lake_close,
};

/* The registry that an author's struct has, if it has one. */
static dp_registry *registry_of(const dp_file_sink_options *opts)
{
	size_t end = offsetof(dp_file_sink_options, registry) +
		sizeof(opts->registry);

	return opts != NULL && opts->struct_size >= end ? opts->registry : NULL;
}

dp_status dp_lake_sink_new(dp_sink **ret_sink, dp_runtime *rt, dp_store *store,
	const dp_file_sink_options *opts, dp_error **err)
{
	const dpi_destination *destination;
	lake_sink *sink;
	dp_status st;

	if (ret_sink == NULL || rt == NULL || store == NULL) {
		return dpi_error_set(err, DP_EINVAL,
			"ret_sink, rt or store of a lake sink is NULL");
	}
	sink = dpi_zalloc(dpi_runtime_alloc(rt), 1, sizeof(*sink));
	if (sink == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for a lake sink");
	}
	sink->alloc = dpi_runtime_alloc(rt);
	dpi_event_schemas_init(&sink->schemas, registry_of(opts));
	st = dpi_file_sink_new(ret_sink, rt, store, opts, &lake_format, sink,
		&destination, err);
	if (st != DP_OK) {
		lake_close(sink);
	}
	return st;
}
