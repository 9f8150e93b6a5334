/* SPDX-License-Identifier: Apache-2.0 */
#include <datapipe/codec.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "all_kinds.h"
#include "schema/descriptor.h"
#include "test_heap.h"

/*
 * Input: JSON, behind a byte whether unknown members are skipped. What is
 * taken must be a message that can be written as JSON again, and that text
 * must be read and written as it is.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct test_heap heap;
static dp_codec *codecs[2];

static void need(int is_true)
{
	if (!is_true) {
		abort();
	}
}

static void prepare(void)
{
	dp_codec_options opts = DP_CODEC_OPTIONS_INIT;
	struct set_builder set;
	dp_schema *schema = NULL;

	test_heap_init(&heap);
	set_builder_init(&set, &heap.alloc);
	describe_all_kinds(&set);
	need(dpi_schema_new(&schema, &heap.alloc, set.buf.data, set.buf.size,
		     "t.M", NULL) == DP_OK);
	set_builder_fini(&set);
	for (int i = 0; i < 2; i++) {
		opts.json = i != 0 ? DP_JSON_IGNORE_UNKNOWN : 0;
		need(dp_codec_new(&codecs[i], schema, &opts, NULL) == DP_OK);
	}
	dp_schema_unref(schema);
}

static dp_bytes copy_of(dp_bytes bytes)
{
	void *copy = malloc(bytes.size + 1);

	need(copy != NULL);
	if (bytes.size > 0) {
		memcpy(copy, bytes.data, bytes.size);
	}
	return (dp_bytes){copy, bytes.size};
}

/* The text comes back as it is. */
static void check_text(dp_codec *codec, dp_bytes text)
{
	dp_bytes wire, again;

	need(dp_codec_from_json(codec, text, &wire, NULL) == DP_OK);
	need(dp_codec_to_json(codec, wire, &again, NULL) == DP_OK);
	need(again.size == text.size &&
		memcmp(again.data, text.data, text.size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dp_bytes json, wire, text;
	dp_error *err = NULL;
	dp_codec *codec;
	dp_status st;

	if (codecs[0] == NULL) {
		prepare();
	}
	if (size == 0) {
		return 0;
	}
	codec = codecs[data[0] & 1];
	json = (dp_bytes){data + 1, size - 1};
	st = dp_codec_from_json(codec, json, &wire, &err);
	need(dp_error_code(err) == st);
	dp_error_free(err);
	if (st != DP_OK) {
		return 0;
	}
	need(dp_codec_to_json(codec, wire, &text, NULL) == DP_OK);
	text = copy_of(text);
	check_text(codec, text);
	free((void *)(uintptr_t)text.data);
	return 0;
}
