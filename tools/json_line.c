/* SPDX-License-Identifier: Apache-2.0 */
#include "json_line.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/text.h"
#include "codec/json_text.h"
#include "codec/output.h"

/* A record has at most 64 MiB, its base64 a third more. */
#define LINE_MAX ((size_t)256 << 20)
#define NS_PER_S 1000000000

void json_line_init(struct json_line *line)
{
	*line = (struct json_line){.failed = DP_OK};
	dpi_buf_init(&line->buf, dpi_alloc_default(), LINE_MAX);
}

void json_line_fini(struct json_line *line)
{
	dpi_buf_fini(&line->buf);
}

void json_line_begin(struct json_line *line, const char *kind)
{
	dpi_buf_clear(&line->buf);
	(void)dpi_buf_append_string(&line->buf, "{\"v\":1");
	json_line_text(line, "kind", dpi_bytes_text(kind));
}

void json_line_end(struct json_line *line)
{
	(void)dpi_buf_append_string(&line->buf, "}\n");
	if (line->buf.failed != DP_OK) {
		line->failed = line->buf.failed;
		return;
	}
	(void)fwrite(line->buf.data, 1, line->buf.size, stdout);
}

/* A comma, unless it is the first of an object, and the name. */
static void add_name(struct json_line *line, const char *name)
{
	const dpi_buf *buf = &line->buf;

	if (buf->size > 0 && buf->data[buf->size - 1] != '{') {
		(void)dpi_buf_append_byte(&line->buf, ',');
	}
	(void)dpi_buf_printf(&line->buf, "\"%s\":", name);
}

/* What a scalar is written with. */
static dpi_output begin_value(struct json_line *line)
{
	dpi_output output;

	dpi_output_begin(&output, &line->buf, LINE_MAX);
	return output;
}

static void end_value(
	struct json_line *line, dpi_output *output, bool is_written)
{
	dp_status st = dpi_output_finish(output);

	if (st != DP_OK || !is_written) {
		line->buf.failed = st != DP_OK ? st : DP_ENOMEM;
	}
}

void json_line_uint(struct json_line *line, const char *name, uint64_t value)
{
	add_name(line, name);
	(void)dpi_buf_printf(&line->buf, "%" PRIu64, value);
}

void json_line_bool(struct json_line *line, const char *name, bool value)
{
	add_name(line, name);
	(void)dpi_buf_append_string(&line->buf, value ? "true" : "false");
}

void json_line_text(struct json_line *line, const char *name, dp_bytes text)
{
	dpi_output output;

	if (!dpi_utf8_valid(text.data, text.size)) {
		char other[128];

		(void)snprintf(other, sizeof(other), "%s_base64", name);
		json_line_base64(line, other, text);
		return;
	}
	add_name(line, name);
	output = begin_value(line);
	end_value(line, &output, dpi_json_string(&output, text));
}

void json_line_value(struct json_line *line, const char *name, dp_bytes json)
{
	add_name(line, name);
	(void)dpi_buf_append(&line->buf, json.data, json.size);
}

void json_line_base64(struct json_line *line, const char *name, dp_bytes bytes)
{
	dpi_output output;

	add_name(line, name);
	output = begin_value(line);
	end_value(line, &output, dpi_json_base64(&output, bytes));
}

void json_line_hex(struct json_line *line, const char *name, dp_bytes bytes)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = bytes.data;

	add_name(line, name);
	(void)dpi_buf_append_byte(&line->buf, '"');
	for (size_t i = 0; i < bytes.size; i++) {
		(void)dpi_buf_append_byte(
			&line->buf, (uint8_t)digits[p[i] >> 4]);
		(void)dpi_buf_append_byte(
			&line->buf, (uint8_t)digits[p[i] & 15]);
	}
	(void)dpi_buf_append_byte(&line->buf, '"');
}

void json_line_time(struct json_line *line, const char *name, int64_t ns)
{
	int64_t seconds = ns / NS_PER_S - (ns % NS_PER_S < 0);
	int32_t nanos = (int32_t)(ns - seconds * NS_PER_S);
	dpi_output output;
	bool is_written;

	add_name(line, name);
	output = begin_value(line);
	is_written = dpi_output_byte(&output, '"') &&
		dpi_json_timestamp(&output, seconds, nanos, false) &&
		dpi_output_byte(&output, '"');
	end_value(line, &output, is_written);
}

void json_line_open(struct json_line *line, const char *name)
{
	add_name(line, name);
	(void)dpi_buf_append_byte(&line->buf, '{');
}

void json_line_close(struct json_line *line)
{
	(void)dpi_buf_append_byte(&line->buf, '}');
}
