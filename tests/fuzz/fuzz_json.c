/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "all_kinds.h"
#include "base/text.h"
#include "codec/coder.h"
#include "test_heap.h"

/*
 * Input: the bytes of a message. What is taken must be JSON, and the same
 * whether it was written while it was read or after it was scanned; what is
 * refused must be refused both ways.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Objects in JSON may be twice as deep: a list of a Struct is in a Value. */
enum { NESTING_MAX = 4 * DPI_DEPTH_MAX };

static struct test_heap heap;
static dpi_plan *plan;
static dpi_coder *coder;

static void need(int is_true)
{
	if (!is_true) {
		abort();
	}
}

static void prepare(void)
{
	struct set_builder set;
	dp_schema *schema = NULL;

	test_heap_init(&heap);
	set_builder_init(&set, &heap.alloc);
	describe_all_kinds(&set);
	need(dpi_schema_new(&schema, &heap.alloc, set.buf.data, set.buf.size,
		     "t.M", NULL) == DP_OK);
	need(dpi_plan_new(&plan, &heap.alloc, schema, DPI_TARGET_JSON, NULL) ==
		DP_OK);
	need(dpi_coder_new(&coder, &heap.alloc, NULL) == DP_OK);
	dp_schema_unref(schema);
	set_builder_fini(&set);
}

struct reader {
	const char *p; /* ends with a NUL */
	unsigned depth;
};

static void read_text(struct reader *r)
{
	need(*r->p++ == '"');
	while (*r->p != '"') {
		need((uint8_t)*r->p >= 0x20);
		if (*r->p++ == '\\') {
			need(strchr("\"\\bfnrtu", *r->p) != NULL);
			need(*r->p++ != 'u' ||
				strspn(r->p, "0123456789abcdef") >= 4);
		}
	}
	r->p++;
}

static void read_word(struct reader *r)
{
	size_t size = strspn(r->p, "0123456789+-.eunltrfas");

	need(size > 0);
	r->p += size;
}

static void read_any(struct reader *r)
{
	char close = *r->p == '{' ? '}' : ']';

	if (*r->p != '{' && *r->p != '[') {
		(*r->p == '"' ? read_text : read_word)(r);
		return;
	}
	need(++r->depth < NESTING_MAX);
	if (*++r->p != close) {
		for (;; r->p++) {
			if (close == '}') {
				read_text(r);
				need(*r->p++ == ':');
			}
			read_any(r);
			if (*r->p != ',') {
				break;
			}
		}
	}
	need(*r->p++ == close);
	r->depth--;
}

static dp_status encode(
	dpi_buf *out, const uint8_t *data, size_t size, unsigned scans)
{
	dp_error *err = NULL;
	dp_status st;

	coder->scans_left = scans;
	st = dpi_json_encode(plan, coder, data, size, SIZE_MAX, out, &err);
	need(dp_error_code(err) == st);
	need(st == DP_OK || out->size == 0);
	dp_error_free(err);
	return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dpi_buf straight, scanned;

	if (coder == NULL) {
		prepare();
	}
	dpi_buf_init(&straight, &heap.alloc, SIZE_MAX);
	dpi_buf_init(&scanned, &heap.alloc, SIZE_MAX);
	need(encode(&straight, data, size, 0) ==
		encode(&scanned, data, size, 1));
	need(straight.size == scanned.size);
	if (straight.size > 0) {
		struct reader r = {dpi_buf_text(&straight), 0};

		need(memcmp(straight.data, scanned.data, scanned.size) == 0);
		need(dpi_utf8_valid(straight.data, straight.size));
		read_any(&r);
		need(r.p == (const char *)straight.data + straight.size);
	}
	dpi_buf_fini(&straight);
	dpi_buf_fini(&scanned);
	return 0;
}
