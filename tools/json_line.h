/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JSON_LINE_H
#define JSON_LINE_H

#include <stdint.h>

#include <datapipe/bytes.h>

#include "base/buf.h"

/*
 * An object of JSON on a line of stdout: {"v":1,"kind":KIND, fields…}. The
 * version grows when a field goes or changes its meaning, not when one is new.
 */
struct json_line {
	dpi_buf buf;
	dp_status failed; /* of any line: what was printed is not all */
};

void json_line_init(struct json_line *line);
void json_line_fini(struct json_line *line);

void json_line_begin(struct json_line *line, const char *kind);
void json_line_end(struct json_line *line);

void json_line_uint(struct json_line *line, const char *name, uint64_t value);
void json_line_bool(struct json_line *line, const char *name, bool value);
/* Text that is no UTF-8 becomes base64, under NAME_base64. */
void json_line_text(struct json_line *line, const char *name, dp_bytes text);
void json_line_base64(struct json_line *line, const char *name, dp_bytes bytes);
/* A value that is JSON already, on one line. */
void json_line_value(struct json_line *line, const char *name, dp_bytes json);
void json_line_hex(struct json_line *line, const char *name, dp_bytes bytes);
/* RFC 3339, UTC. */
void json_line_time(struct json_line *line, const char *name, int64_t ns);

/* Fields up to close are those of an object in this field. */
void json_line_open(struct json_line *line, const char *name);
void json_line_close(struct json_line *line);

#endif /* JSON_LINE_H */
