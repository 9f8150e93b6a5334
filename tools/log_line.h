/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_LINE_H
#define LOG_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/record.h"
#include "json_line.h"
#include "log_payload.h"

/* How an event is printed on stdout. */

enum payload_form {
	PAYLOAD_DEFAULT, /* base64 in JSON, else text */
	PAYLOAD_TEXT,
	PAYLOAD_HEX,
	PAYLOAD_BASE64,
	PAYLOAD_NONE,
	PAYLOAD_RAW
};

struct log_line {
	bool is_json;
	enum payload_form payload;
	struct log_payload *payloads; /* or NULL */
	struct json_line json;
};

/* Keeps is_json, payload and payloads. */
void log_line_init(struct log_line *line);
void log_line_fini(struct log_line *line);

/* Returns false if there is no such form. */
bool log_line_parse_payload(struct log_line *line, const char *name);

/* append_ms: since 1970; -1: not known. */
void log_line_print(
	struct log_line *line, const dp_message *msg, int64_t append_ms);

#endif /* LOG_LINE_H */
