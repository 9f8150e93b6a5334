/* SPDX-License-Identifier: Apache-2.0 */
#include "log_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "hub/attribute.h"

#define MS_PER_S 1000

static const char *const PAYLOAD_NAMES[] = {
	[PAYLOAD_DEFAULT] = "",
	[PAYLOAD_TEXT] = "text",
	[PAYLOAD_HEX] = "hex",
	[PAYLOAD_BASE64] = "base64",
	[PAYLOAD_NONE] = "none",
	[PAYLOAD_RAW] = "raw",
};

void log_line_init(struct log_line *line)
{
	if (line->payload == PAYLOAD_DEFAULT) {
		line->payload = line->is_json ? PAYLOAD_BASE64 : PAYLOAD_TEXT;
	}
	json_line_init(&line->json);
}

void log_line_fini(struct log_line *line)
{
	json_line_fini(&line->json);
}

bool log_line_parse_payload(struct log_line *line, const char *name)
{
	for (size_t i = PAYLOAD_TEXT; i <= PAYLOAD_RAW; i++) {
		if (strcmp(name, PAYLOAD_NAMES[i]) == 0) {
			line->payload = (enum payload_form)i;
			return true;
		}
	}
	return false;
}

/* Whether the bytes at p would do something to a terminal; *ret_size of
 * them. */
static bool is_control(const uint8_t *p, const uint8_t *end, size_t *ret_size)
{
	bool is_c1 = p[0] == 0xc2 && p + 1 < end && p[1] < 0xa0;

	*ret_size = is_c1 ? 2 : 1;
	return is_c1 || p[0] < 0x20 || p[0] == 0x7f;
}

/* In quotes; what a terminal cannot show as \xHH. */
static void print_quoted(dp_bytes text)
{
	bool is_utf8 = dpi_utf8_valid(text.data, text.size);
	const uint8_t *p = text.data;
	const uint8_t *end = p + text.size;
	size_t size;

	(void)putchar('"');
	for (; p < end; p += size) {
		bool is_odd =
			is_control(p, end, &size) || (!is_utf8 && p[0] >= 0x80);

		for (size_t i = 0; is_odd && i < size; i++) {
			(void)printf("\\x%02x", p[i]);
		}
		if (!is_odd && (p[0] == '"' || p[0] == '\\')) {
			(void)putchar('\\');
		}
		if (!is_odd) {
			(void)putchar(p[0]);
		}
	}
	(void)putchar('"');
}

/* Whether a value is one word, which no quotes are needed around. */
static bool is_word(dp_bytes text)
{
	const uint8_t *p = text.data;

	for (size_t i = 0; i < text.size; i++) {
		if (p[i] <= ' ' || p[i] >= 0x7f || p[i] == '"' ||
			p[i] == '\\' || p[i] == '=') {
			return false;
		}
	}
	return text.size > 0;
}

static void print_text(dp_bytes name, dp_bytes text)
{
	(void)printf(" %.*s=", (int)name.size, (const char *)name.data);
	if (is_word(text)) {
		(void)fwrite(text.data, 1, text.size, stdout);
	} else {
		print_quoted(text);
	}
}

static void print_time(const char *name, int64_t ms)
{
	int64_t seconds = ms / MS_PER_S - (ms % MS_PER_S < 0);
	dpi_civil t = dpi_civil_from_seconds(seconds);

	(void)printf(" %s=%04" PRId64 "-%02d-%02dT%02d:%02d:%02d.%03dZ", name,
		t.year, t.month, t.day, t.hour, t.minute, t.second,
		(int)(ms - seconds * MS_PER_S));
}

static void print_base64(dp_bytes bytes)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789+/";
	const uint8_t *p = bytes.data;

	for (size_t i = 0; i < bytes.size; i += 3) {
		size_t left = bytes.size - i;
		uint32_t word = (uint32_t)p[i] << 16;

		word |= left > 1 ? (uint32_t)p[i + 1] << 8 : 0;
		word |= left > 2 ? p[i + 2] : 0;
		(void)putchar(digits[word >> 18]);
		(void)putchar(digits[word >> 12 & 63]);
		(void)putchar(left > 1 ? digits[word >> 6 & 63] : '=');
		(void)putchar(left > 2 ? digits[word & 63] : '=');
	}
}

static void print_payload(struct log_line *line, const dp_message *msg)
{
	dp_bytes payload = dp_message_payload(msg);
	const uint8_t *p = payload.data;
	dp_bytes value;

	(void)printf(" size=%zu", payload.size);
	if (line->payload == PAYLOAD_NONE) {
		return;
	}
	(void)printf(" payload=");
	if (log_payload_json(line->payloads, msg, &value)) {
		(void)fwrite(value.data, 1, value.size, stdout);
		return;
	}
	switch (line->payload) {
	case PAYLOAD_HEX:
		for (size_t i = 0; i < payload.size; i++) {
			(void)printf("%02x", p[i]);
		}
		break;
	case PAYLOAD_BASE64:
		print_base64(payload);
		break;
	default:
		print_quoted(payload);
		break;
	}
}

static void print_plain(
	struct log_line *line, const dp_message *msg, int64_t append_ms)
{
	char id[DP_ID_SIZE];
	size_t iter = 0;
	dp_bytes name;
	dp_bytes text;

	(void)printf("%s/%u offset=%" PRIu64, dp_message_topic(msg),
		(unsigned)dp_message_partition(msg), dp_message_offset(msg));
	if (append_ms >= 0) {
		print_time("appended", append_ms);
	}
	print_time("time", dp_message_time(msg) / DP_MILLISECOND);
	text = dpi_bytes(id, dp_message_id(msg, id));
	print_text(dpi_bytes_text("id"), text);
	for (dp_attr attr = 0; attr < DPI_ATTRS; attr++) {
		text = dp_message_attribute(msg, attr);
		if (text.data != NULL) {
			print_text(
				dpi_bytes_text(dpi_attribute_name(attr)), text);
		}
	}
	while (dp_message_next_attribute(msg, &iter, &name, &text)) {
		print_text(name, text);
	}
	if (msg->place.key != 0) {
		(void)printf(" place=%016" PRIx64 ":%" PRIu64, msg->place.key,
			msg->place.next);
	}
	print_payload(line, msg);
	(void)putchar('\n');
}

static void add_attributes(struct json_line *line, const dp_message *msg)
{
	size_t iter = 0;
	dp_bytes name;
	dp_bytes text;

	json_line_open(line, "attributes");
	for (dp_attr attr = 0; attr < DPI_ATTRS; attr++) {
		text = dp_message_attribute(msg, attr);
		if (text.data != NULL) {
			json_line_text(line, dpi_attribute_name(attr), text);
		}
	}
	while (dp_message_next_attribute(msg, &iter, &name, &text)) {
		char copy[UINT8_MAX + 1];

		memcpy(copy, name.data, name.size);
		copy[name.size] = '\0';
		json_line_text(line, copy, text);
	}
	json_line_close(line);
}

static void add_payload(struct log_line *form, const dp_message *msg)
{
	struct json_line *line = &form->json;
	dp_bytes payload = dp_message_payload(msg);
	dp_bytes value;

	json_line_uint(line, "size", payload.size);
	if (form->payload != PAYLOAD_NONE &&
		log_payload_json(form->payloads, msg, &value)) {
		json_line_value(line, "payload_json", value);
		return;
	}
	switch (form->payload) {
	case PAYLOAD_TEXT:
		json_line_text(line, "payload", payload);
		break;
	case PAYLOAD_HEX:
		json_line_hex(line, "payload_hex", payload);
		break;
	case PAYLOAD_BASE64:
		json_line_base64(line, "payload_base64", payload);
		break;
	default:
		break;
	}
}

static void print_json(
	struct log_line *line, const dp_message *msg, int64_t append_ms)
{
	struct json_line *json = &line->json;
	char id[DP_ID_SIZE];

	json_line_begin(json, "event");
	json_line_text(json, "topic", dpi_bytes_text(dp_message_topic(msg)));
	json_line_uint(json, "partition", dp_message_partition(msg));
	json_line_uint(json, "offset", dp_message_offset(msg));
	if (append_ms >= 0) {
		json_line_time(json, "appended", append_ms * DP_MILLISECOND);
	}
	json_line_time(json, "time", dp_message_time(msg));
	json_line_text(json, "id", dpi_bytes(id, dp_message_id(msg, id)));
	add_attributes(json, msg);
	if (msg->place.key != 0) {
		char key[17];

		(void)snprintf(key, sizeof(key), "%016" PRIx64, msg->place.key);
		json_line_open(json, "place");
		json_line_text(json, "key", dpi_bytes_text(key));
		json_line_uint(json, "next", msg->place.next);
		json_line_close(json);
	}
	add_payload(line, msg);
	json_line_end(json);
}

void log_line_print(
	struct log_line *line, const dp_message *msg, int64_t append_ms)
{
	dp_bytes payload = dp_message_payload(msg);

	if (line->payload == PAYLOAD_RAW) {
		(void)fwrite(payload.data, 1, payload.size, stdout);
	} else if (line->is_json) {
		print_json(line, msg, append_ms);
	} else {
		print_plain(line, msg, append_ms);
	}
}
