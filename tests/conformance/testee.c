/* SPDX-License-Identifier: Apache-2.0 */
/*
 * testee SET: answers the runner of the conformance suite of Protocol Buffers
 * on stdin and stdout, by the descriptors in the file SET. Each message is a
 * length of 4 bytes and a ConformanceRequest or -Response.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <datapipe/codec.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "schema/descriptor.h"
#include "schema/field_reader.h"

#define REQUEST_MAX ((size_t)64 << 20)
#define TYPES_MAX 32

/* WireFormat */
enum { FORMAT_PROTOBUF = 1, FORMAT_JSON = 2 };

/* TestCategory */
enum { IGNORES_UNKNOWN = 3 };

/* Fields of ConformanceResponse. */
enum {
	PARSE_ERROR = 1,
	RUNTIME_ERROR = 2,
	PROTOBUF = 3,
	JSON = 4,
	SKIPPED = 5,
	SERIALIZE_ERROR = 6
};

struct request {
	uint32_t payload; /* its field: 1 protobuf, 2 JSON */
	dp_bytes bytes;
	uint64_t format;
	uint64_t category;
	char type[256];
};

struct answer {
	uint32_t field;
	dp_bytes bytes;
};

struct codec_of_type {
	char type[256];
	bool ignores_unknown;
	dp_schema *schema;
	dp_codec *codec;
};

static struct {
	dpi_buf set;
	struct codec_of_type types[TYPES_MAX];
	size_t count;
	dp_error *err;
} testee;

static void die(const char *what)
{
	fprintf(stderr, "testee: %s\n", what);
	exit(1);
}

static void read_set(const char *path)
{
	static uint8_t part[65536];
	FILE *file = fopen(path, "rb");
	size_t n;

	if (file == NULL) {
		die("cannot open the descriptors");
	}
	while ((n = fread(part, 1, sizeof(part), file)) > 0) {
		if (dpi_buf_append(&testee.set, part, n) != DP_OK) {
			die("no memory");
		}
	}
	fclose(file);
}

static dp_codec *codec_of(const char *type, bool ignores_unknown)
{
	dp_codec_options opts = DP_CODEC_OPTIONS_INIT;
	struct codec_of_type *made = &testee.types[testee.count];

	for (size_t i = 0; i < testee.count; i++) {
		if (strcmp(testee.types[i].type, type) == 0 &&
			testee.types[i].ignores_unknown == ignores_unknown) {
			return testee.types[i].codec;
		}
	}
	opts.json = ignores_unknown ? DP_JSON_IGNORE_UNKNOWN : 0;
	if (testee.count == TYPES_MAX ||
		dpi_schema_new(&made->schema, dpi_alloc_default(),
			testee.set.data, testee.set.size, type,
			&testee.err) != DP_OK ||
		dp_codec_new(&made->codec, made->schema, &opts, &testee.err) !=
			DP_OK) {
		return NULL;
	}
	strcpy(made->type, type);
	made->ignores_unknown = ignores_unknown;
	testee.count++;
	return made->codec;
}

static struct request parse(dp_bytes bytes)
{
	dpi_field_reader reader = dpi_field_reader_of(bytes);
	struct request request = {.payload = 0};

	while (dpi_field_next(&reader)) {
		switch (reader.tag) {
		case DPI_TAG_BYTES(1):
		case DPI_TAG_BYTES(2):
		case DPI_TAG_BYTES(7):
		case DPI_TAG_BYTES(8):
			request.payload = reader.tag >> 3;
			request.bytes = reader.bytes;
			break;
		case DPI_TAG_VARINT(3):
			request.format = reader.value;
			break;
		case DPI_TAG_BYTES(4):
			snprintf(request.type, sizeof(request.type), "%.*s",
				(int)reader.bytes.size,
				(const char *)reader.bytes.data);
			break;
		case DPI_TAG_VARINT(5):
			request.category = reader.value;
			break;
		default:
			break;
		}
	}
	return request;
}

static struct answer say(uint32_t field, const char *text)
{
	return (struct answer){field, dpi_bytes_text(text)};
}

static struct answer answer_error(uint32_t field)
{
	return say(field, dp_error_message(testee.err));
}

/* The runner's first request asks for tests that are known to fail. */
static bool is_failure_set(const struct request *request)
{
	return strcmp(request->type, "conformance.FailureSet") == 0;
}

static struct answer answer(const struct request *request)
{
	dp_codec *codec;
	dp_bytes wire = request->bytes;
	dp_bytes out = {NULL, 0};

	if (is_failure_set(request)) {
		return say(PROTOBUF, "");
	}
	if (request->payload != 1 && request->payload != 2) {
		return say(SKIPPED, "no text format");
	}
	if (request->format != FORMAT_PROTOBUF &&
		request->format != FORMAT_JSON) {
		return say(SKIPPED, "no text format");
	}
	/* Asked for whatever the runner is told of editions. */
	if (strstr(request->type, "edition_unstable") != NULL) {
		return say(SKIPPED, "edition 2023 is the last that is known");
	}
	codec = codec_of(request->type, request->category == IGNORES_UNKNOWN);
	if (codec == NULL) {
		return answer_error(RUNTIME_ERROR);
	}
	if (request->payload == 2 &&
		dp_codec_from_json(codec, request->bytes, &wire, &testee.err) !=
			DP_OK) {
		return answer_error(PARSE_ERROR);
	}
	/* Parsing and writing are one pass: which failed is asked here. */
	if (dp_codec_to_wire(codec, wire, &out, &testee.err) != DP_OK) {
		return answer_error(PARSE_ERROR);
	}
	if (request->format == FORMAT_PROTOBUF) {
		return (struct answer){PROTOBUF, out};
	}
	if (dp_codec_to_json(codec, wire, &out, &testee.err) != DP_OK) {
		return answer_error(SERIALIZE_ERROR);
	}
	return (struct answer){JSON, out};
}

static void write_answer(struct answer answer)
{
	uint8_t head[4 + 2 * DPI_VARINT_MAX];
	uint8_t *p = dpi_put_varint(head + 4, answer.field << 3 | 2u);
	size_t size;

	p = dpi_put_varint(p, answer.bytes.size);
	size = (size_t)(p - head) - 4 + answer.bytes.size;
	dpi_store_u32(head, (uint32_t)size);
	if (fwrite(head, 1, (size_t)(p - head), stdout) != (size_t)(p - head) ||
		fwrite(answer.bytes.data != NULL ? answer.bytes.data : "", 1,
			answer.bytes.size, stdout) != answer.bytes.size ||
		fflush(stdout) != 0) {
		die("the runner is gone");
	}
}

static void serve(dpi_buf *buf)
{
	struct request request;
	uint8_t head[4];
	uint32_t size;

	while (fread(head, 1, sizeof(head), stdin) == sizeof(head)) {
		size = dpi_load_u32(head);
		dpi_buf_clear(buf);
		if (dpi_buf_reserve(buf, size) != DP_OK ||
			fread(buf->data, 1, size, stdin) != size) {
			die("a request is cut off or too large");
		}
		request = parse(dpi_bytes(buf->data, size));
		write_answer(answer(&request));
		dp_error_free(testee.err);
		testee.err = NULL;
	}
}

int main(int argc, char **argv)
{
	dpi_buf buf;

	if (argc != 2) {
		die("one argument: the file of descriptors");
	}
	dpi_buf_init(&testee.set, dpi_alloc_default(), REQUEST_MAX);
	dpi_buf_init(&buf, dpi_alloc_default(), REQUEST_MAX);
	read_set(argv[1]);
	serve(&buf);
	for (size_t i = 0; i < testee.count; i++) {
		dp_codec_free(testee.types[i].codec);
		dp_schema_unref(testee.types[i].schema);
	}
	dpi_buf_fini(&buf);
	dpi_buf_fini(&testee.set);
	return 0;
}
