/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <datapipe/codec.h>

#include "base/bytes.h"
#include "case_input.h"
#include "schema/descriptor.h"
#include "test_heap.h"

/*
 * Messages as ProtoJSON. Standard input is a run of cases (case_input.h):
 *
 *   text   FileDescriptorSet
 *   text   full name of the message type
 *   number flags DP_JSON_*
 *   number count, then as many texts: messages
 *
 * For each message, standard output has a number, 0 or the status, and a
 * text: the JSON, or what is wrong.
 *
 * With an argument, messages are JSON and become wire bytes.
 */

static dp_codec *make_codec(const dp_allocator *alloc)
{
	dp_codec_options opts = DP_CODEC_OPTIONS_INIT;
	dp_bytes set = get_text();
	char *type = get_string();
	dp_schema *schema = NULL;
	dp_codec *codec = NULL;
	dp_error *err = NULL;

	opts.json = get_number();
	if (dpi_schema_new(&schema, alloc, set.data, set.size, type, &err) !=
			DP_OK ||
		dp_codec_new(&codec, schema, &opts, &err) != DP_OK) {
		die(type, err);
	}
	dp_schema_unref(schema);
	free(type);
	return codec;
}

static void write_message(dp_codec *codec, dp_bytes message, int is_read)
{
	dp_error *err = NULL;
	dp_bytes out;
	dp_status st = is_read ? dp_codec_from_json(codec, message, &out, &err)
			       : dp_codec_to_json(codec, message, &out, &err);

	put_number(stdout, (uint32_t)-st);
	put_text(stdout,
		st == DP_OK ? out : dpi_bytes_text(dp_error_message(err)));
	dp_error_free(err);
}

int main(int argc, char **argv)
{
	struct test_heap heap;

	(void)argv;
	test_heap_init(&heap);
	read_input();
	while (has_input()) {
		dp_codec *codec = make_codec(&heap.alloc);

		for (uint32_t count = get_number(); count > 0; count--) {
			write_message(codec, get_text(), argc > 1);
		}
		dp_codec_free(codec);
	}
	end_input();
	return heap.live_bytes == 0 ? 0 : 2;
}
