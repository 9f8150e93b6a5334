/* SPDX-License-Identifier: Apache-2.0 */
#include <datapipe/codec.h>

#include "base/adopt.h"
#include "base/alloc.h"
#include "base/bytes.h"
#include "base/error.h"
#include "codec/jsonin.h"
#include "codec/mask.h"
#include "codec/plan.h"
#include "codec/recover.h"
#include "codec/wire_encode.h"
#include "schema/descriptor.h"

#define LIMIT_DEFAULT ((size_t)64 << 20)

/* Results over this are given back at the next call. */
#define KEEP_BYTES ((size_t)2 << 20)

/* Those of writing, and all. */
#define FLAGS_OUT (DP_JSON_FIELD_NAMES | DP_JSON_ZEROS | DP_JSON_ENUM_NUMBERS)
#define FLAGS_KNOWN (FLAGS_OUT | DP_JSON_IGNORE_UNKNOWN)

_Static_assert(DP_JSON_FIELD_NAMES == (int)DPI_JSON_FIELD_NAMES &&
		DP_JSON_ZEROS == (int)DPI_JSON_ZEROS &&
		DP_JSON_ENUM_NUMBERS == (int)DPI_JSON_ENUM_NUMBERS,
	"flags are handed on as they are");

struct dp_codec {
	const dp_allocator *alloc;
	size_t limit;
	bool ignores_unknown;
	dp_schema *schema;
	dpi_plan *plan;
	bool has_all; /* fields */
	dpi_coder *coder;
	dpi_jsonin *reader; /* made when it is first needed */
	dpi_buf json;
	dpi_buf wire;
	dpi_buf canonical;
};

void dp_codec_free(dp_codec *codec)
{
	if (codec == NULL) {
		return;
	}
	dpi_buf_fini(&codec->json);
	dpi_buf_fini(&codec->wire);
	dpi_buf_fini(&codec->canonical);
	dpi_jsonin_free(codec->reader);
	dpi_coder_free(codec->coder);
	dpi_plan_free(codec->plan);
	dp_schema_unref(codec->schema);
	dpi_free(codec->alloc, codec, 1, sizeof(*codec));
}

static dp_status check(dp_codec **ret_codec, const dp_schema *schema,
	const dp_codec_options *given, dp_codec_options *opts, dp_error **err)
{
	dp_status st;

	if (ret_codec == NULL || schema == NULL) {
		return dpi_error_set(err, DP_EINVAL, "a codec needs a schema");
	}
	st = dpi_adopt(opts, sizeof(*opts), given,
		DPI_SIZE_UP_TO(dp_codec_options, limit_bytes), "codec options",
		"DP_CODEC_OPTIONS_INIT", err);
	if (st == DP_OK && (opts->json & ~(uint64_t)FLAGS_KNOWN) != 0) {
		st = dpi_error_set(err, DP_EINVAL,
			"codec options have an unknown flag of JSON");
	}
	return st;
}

dp_status dp_codec_new(dp_codec **ret_codec, dp_schema *schema,
	const dp_codec_options *opts, dp_error **err)
{
	const dp_allocator *alloc;
	dp_codec_options options;
	dp_codec *codec;
	dp_status st = check(ret_codec, schema, opts, &options, err);

	if (st != DP_OK) {
		return st;
	}
	alloc = dpi_schema_alloc(schema);
	codec = dpi_zalloc(alloc, 1, sizeof(*codec));
	if (codec == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for a codec");
	}
	codec->alloc = alloc;
	codec->limit =
		options.limit_bytes != 0 ? options.limit_bytes : LIMIT_DEFAULT;
	codec->schema = dp_schema_ref(schema);
	codec->ignores_unknown = (options.json & DP_JSON_IGNORE_UNKNOWN) != 0;
	dpi_buf_init(&codec->json, alloc, codec->limit);
	dpi_buf_init(&codec->wire, alloc, codec->limit);
	dpi_buf_init(&codec->canonical, alloc, codec->limit);
	st = dpi_plan_new_json(&codec->plan, alloc, schema,
		(uint32_t)options.json & FLAGS_OUT, err);
	codec->has_all = options.fields == NULL;
	if (st == DP_OK && !codec->has_all) {
		st = dpi_plan_keep_only(
			codec->plan, options.fields, options.field_count, err);
	}
	if (st == DP_OK) {
		st = dpi_coder_new(&codec->coder, alloc, err);
	}
	if (st != DP_OK) {
		dp_codec_free(codec);
		return st;
	}
	*ret_codec = codec;
	return DP_OK;
}

/* Empty, and small again after an event that was larger than most. */
static void begin(dpi_buf *buf)
{
	if (buf->capacity > KEEP_BYTES) {
		dpi_buf_fini(buf);
	}
	dpi_buf_clear(buf);
}

static dp_status check_call(const dp_codec *codec, dp_bytes wire,
	const dp_bytes *ret, dp_error **err)
{
	return codec == NULL || ret == NULL ||
			(wire.data == NULL && wire.size > 0)
		? dpi_error_set(err, DP_EINVAL,
			  "a codec needs a message and a place for the result")
		: DP_OK;
}

dp_status dp_codec_to_json(
	dp_codec *codec, dp_bytes wire, dp_bytes *ret_json, dp_error **err)
{
	dp_status st = check_call(codec, wire, ret_json, err);

	if (st != DP_OK) {
		return st;
	}
	begin(&codec->json);
	st = dpi_json_encode(codec->plan, codec->coder, wire.data, wire.size,
		codec->limit, &codec->json, err);
	if (st == DP_OK) {
		*ret_json = dpi_bytes(codec->json.data, codec->json.size);
	}
	return st;
}

dp_status dp_codec_to_wire(
	dp_codec *codec, dp_bytes wire, dp_bytes *ret_wire, dp_error **err)
{
	dp_status st = check_call(codec, wire, ret_wire, err);

	if (st != DP_OK) {
		return st;
	}
	begin(&codec->canonical);
	st = dpi_wire_encode(codec->plan, codec->coder, wire.data, wire.size,
		codec->limit, &codec->canonical, err);
	if (st == DP_OK) {
		*ret_wire =
			dpi_bytes(codec->canonical.data, codec->canonical.size);
	}
	return st;
}

dp_status dp_codec_recover(dp_codec *codec, const char *at, dp_bytes unknown,
	dp_bytes *ret_json, dp_bytes *ret_rest, dp_error **err)
{
	dp_status st = check_call(codec, unknown, ret_json, err);
	dp_bytes rest;

	if (st == DP_OK && (ret_rest == NULL || !codec->has_all)) {
		st = dpi_error_set(err, DP_EINVAL,
			"to recover fields takes a codec of all fields, and a "
			"place for what is left");
	}
	if (st != DP_OK) {
		return st;
	}
	begin(&codec->json);
	st = dpi_json_recover(codec->plan, codec->coder, at != NULL ? at : "",
		unknown, codec->limit, &codec->json, &rest, err);
	if (st == DP_OK) {
		*ret_json = dpi_bytes(codec->json.data, codec->json.size);
		*ret_rest = rest;
	}
	return st;
}

dp_status dp_codec_from_json(
	dp_codec *codec, dp_bytes json, dp_bytes *ret_wire, dp_error **err)
{
	dp_status st = DP_OK;

	if (codec == NULL || ret_wire == NULL ||
		(json.data == NULL && json.size > 0)) {
		return dpi_error_set(err, DP_EINVAL,
			"a codec needs JSON and a place for its message");
	}
	if (codec->reader == NULL) {
		st = dpi_jsonin_new(
			&codec->reader, codec->alloc, codec->schema, err);
	}
	begin(&codec->wire);
	if (st == DP_OK) {
		st = dpi_jsonin_read(codec->reader, json,
			codec->ignores_unknown, &codec->wire, err);
	}
	if (st == DP_OK) {
		*ret_wire = dpi_bytes(codec->wire.data, codec->wire.size);
	}
	return st;
}
