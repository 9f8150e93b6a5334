/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/destination.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

#define TEMPLATE_MAX 1000
#define ARENA_MAX ((size_t)64 << 10)
#define NAME_MAX_BYTES 255
#define FINGERPRINT_SIZE 32

static const struct {
	const char *name;
	dpi_placeholder kind;
	bool has_argument;
} placeholders[] = {
	{"topic", DPI_PLACE_TOPIC, false},
	{"type", DPI_PLACE_TYPE, false},
	{"source", DPI_PLACE_SOURCE, false},
	{"date", DPI_PLACE_DATE, false},
	{"hour", DPI_PLACE_HOUR, false},
	{"event_date", DPI_PLACE_EVENT_DATE, false},
	{"event_hour", DPI_PLACE_EVENT_HOUR, false},
	{"attr:", DPI_PLACE_ATTR, true},
	{"version", DPI_PLACE_VERSION, false},
	{"field:", DPI_PLACE_FIELD, true},
};

static dp_status add_part(dpi_destination *destination, dpi_placeholder kind,
	dp_bytes text, dp_error **err)
{
	dpi_destination_part *part;
	char *copy;

	if (destination->count == DPI_DESTINATION_PARTS) {
		return dpi_error_set(err, DP_EINVAL,
			"destination has over %d parts", DPI_DESTINATION_PARTS);
	}
	copy = dpi_arena_dup(&destination->arena, text.data, text.size);
	if (copy == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for a destination");
	}
	part = &destination->parts[destination->count++];
	part->kind = kind;
	part->text = dpi_bytes(copy, text.size);
	part->memo_size = SIZE_MAX;
	return DP_OK;
}

/* The body of "{body}". */
static dp_status add_placeholder(dpi_destination *destination, dp_bytes body,
	bool is_parsed, dp_error **err)
{
	const char *text = body.data;
	size_t count = sizeof(placeholders) / sizeof(placeholders[0]);

	for (size_t i = 0; i < count; i++) {
		dpi_placeholder kind = placeholders[i].kind;
		size_t size = strlen(placeholders[i].name);

		if (kind >= DPI_PLACE_VERSION && !is_parsed) {
			break;
		}
		if (body.size < size ||
			memcmp(text, placeholders[i].name, size) != 0 ||
			placeholders[i].has_argument != (body.size > size)) {
			continue;
		}
		return add_part(destination, kind,
			dpi_bytes(text + size, body.size - size), err);
	}
	return dpi_error_set(err, DP_EINVAL,
		"destination: this sink knows no placeholder {%.*s}",
		(int)(body.size < 100 ? body.size : 100), text);
}

static bool is_literal(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') ||
		(c != '\0' && strchr("/._-=,+@ ", c) != NULL);
}

static dp_status add_literal(
	dpi_destination *destination, dp_bytes text, dp_error **err)
{
	const char *chars = text.data;

	for (size_t i = 0; i < text.size; i++) {
		if (!is_literal(chars[i])) {
			return dpi_error_set(err, DP_EINVAL,
				"destination: byte 0x%02x cannot be in the "
				"name of a folder",
				(unsigned)(unsigned char)chars[i]);
		}
	}
	return add_part(destination, DPI_PLACE_LITERAL, text, err);
}

/* Every folder has a name, and one that readers of files do not skip. */
static dp_status check_folders(const char *text, dp_error **err)
{
	const char *folder = text;

	for (;;) {
		if (*folder == '\0' || *folder == '/') {
			return dpi_error_set(err, DP_EINVAL,
				"destination '%s' has a folder without a name",
				text);
		}
		if (*folder == '.' || *folder == '_') {
			return dpi_error_set(err, DP_EINVAL,
				"destination '%s': a folder cannot begin with "
				"'%c'",
				text, *folder);
		}
		folder = strchr(folder, '/');
		if (folder == NULL) {
			return DP_OK;
		}
		folder++;
	}
}

static dp_status parse(dpi_destination *destination, const char *text,
	bool is_parsed, dp_error **err)
{
	dp_status st = DP_OK;

	while (*text != '\0' && st == DP_OK) {
		const char *end = text + strcspn(text, "{}");

		if (end > text) {
			st = add_literal(destination,
				dpi_bytes(text, (size_t)(end - text)), err);
		} else if (*text == '{' && (end = strchr(text, '}')) != NULL) {
			st = add_placeholder(destination,
				dpi_bytes(text + 1, (size_t)(end - text - 1)),
				is_parsed, err);
			end++;
		} else {
			return dpi_error_set(err, DP_EINVAL,
				"destination: '%c' without its partner", *text);
		}
		text = end;
	}
	return st;
}

dp_status dpi_destination_init(dpi_destination *destination,
	const dp_allocator *alloc, const char *text, bool is_parsed,
	dp_error **err)
{
	dp_status st;

	*destination = (dpi_destination){.count = 0};
	dpi_arena_init(&destination->arena, alloc, ARENA_MAX);
	if (strnlen(text, TEMPLATE_MAX + 1) > TEMPLATE_MAX) {
		return dpi_error_set(err, DP_EINVAL,
			"destination is over %d bytes", TEMPLATE_MAX);
	}
	st = check_folders(text, err);
	if (st == DP_OK) {
		st = parse(destination, text, is_parsed, err);
	}
	if (st != DP_OK) {
		dpi_destination_fini(destination);
	}
	return st;
}

void dpi_destination_fini(dpi_destination *destination)
{
	dpi_arena_fini(&destination->arena);
	destination->count = 0;
}

const char *dpi_destination_field(const dpi_destination *destination, size_t n)
{
	for (size_t i = 0; i < destination->count; i++) {
		const dpi_destination_part *part = &destination->parts[i];

		if (part->kind == DPI_PLACE_FIELD && n-- == 0) {
			return part->text.data;
		}
	}
	return NULL;
}

/* Days or hours since 1970: as good as the text, and quicker to have. */
static dp_bytes time_unit(int64_t *scratch, dp_time_ns time, int64_t seconds)
{
	int64_t unit = seconds * DP_SECOND;

	*scratch = time / unit - (time % unit < 0);
	return dpi_bytes(scratch, sizeof(*scratch));
}

/* What decides about the part's text. */
static dp_bytes value_of(const dpi_destination_part *part,
	const dp_message *msg, const dpi_destination_values *values,
	const dp_bytes **field, int64_t *scratch)
{
	switch (part->kind) {
	case DPI_PLACE_TOPIC:
		return dpi_bytes_text(dp_message_topic(msg));
	case DPI_PLACE_TYPE:
		return dp_message_attribute(msg, DP_ATTR_TYPE);
	case DPI_PLACE_SOURCE:
		return dp_message_attribute(msg, DP_ATTR_SOURCE);
	case DPI_PLACE_DATE:
		return time_unit(scratch, dp_message_append_time(msg), 86400);
	case DPI_PLACE_HOUR:
		return time_unit(scratch, dp_message_append_time(msg), 3600);
	case DPI_PLACE_EVENT_DATE:
		return time_unit(scratch, dp_message_time(msg), 86400);
	case DPI_PLACE_EVENT_HOUR:
		return time_unit(scratch, dp_message_time(msg), 3600);
	case DPI_PLACE_ATTR:
		return dp_message_attribute_by_name(msg, part->text.data);
	case DPI_PLACE_VERSION:
		*scratch = values->version;
		return dpi_bytes(scratch, sizeof(*scratch));
	case DPI_PLACE_FIELD:
		return *(*field)++;
	case DPI_PLACE_LITERAL:
	default:
		return dpi_bytes(NULL, 0);
	}
}

static uint64_t word_at(const char *text, size_t at)
{
	uint64_t word;

	memcpy(&word, text + at, sizeof(word));
	return word;
}

/* Of 8 to 16 bytes, as most are: two words, which may overlap, take a third of
 * a call. */
static bool is_equal(const char *a, const char *b, size_t size)
{
	size_t last = size - sizeof(uint64_t);

	if (size < sizeof(uint64_t) || size > 2 * sizeof(uint64_t)) {
		return size == 0 || memcmp(a, b, size) == 0;
	}
	return word_at(a, 0) == word_at(b, 0) &&
		word_at(a, last) == word_at(b, last);
}

/* Whether it is what it was for the last event. */
static bool remember(dpi_destination_part *part, dp_bytes value)
{
	bool fits = value.size <= sizeof(part->memo);

	if (value.size == part->memo_size &&
		is_equal(value.data, part->memo, value.size)) {
		return true;
	}
	if (fits && value.size > 0) {
		memcpy(part->memo, value.data, value.size);
	}
	part->memo_size = fits ? value.size : SIZE_MAX;
	return false;
}

/* The folder as it grows: whole names, then the one in hand. */
typedef struct folder_text {
	char *text;
	size_t size;
	size_t name; /* where the name in hand begins */
	bool is_full;
} folder_text;

static void put(folder_text *to, const char *text, size_t size)
{
	if (size >= DPI_DESTINATION_MAX - to->size) {
		to->is_full = true;
		return;
	}
	memcpy(to->text + to->size, text, size);
	to->size += size;
}

/* A name in hand that is too long is cut, not inside of a "%XX". */
static void end_name(folder_text *to)
{
	char *name = to->text + to->name;
	size_t size = to->size - to->name;
	size_t keep = NAME_MAX_BYTES - 2 - FINGERPRINT_SIZE;
	char fingerprint[FINGERPRINT_SIZE + 1];

	if (size <= NAME_MAX_BYTES) {
		return;
	}
	dpi_fingerprint(fingerprint, name, size);
	if (name[keep - 1] == '%') {
		keep -= 1;
	} else if (name[keep - 2] == '%') {
		keep -= 2;
	}
	to->size = to->name + keep;
	put(to, "%~", 2);
	put(to, fingerprint, FINGERPRINT_SIZE);
}

static void put_literal(folder_text *to, dp_bytes literal)
{
	const char *text = literal.data;

	for (size_t i = 0; i < literal.size; i++) {
		if (text[i] == '/') {
			end_name(to);
		}
		put(to, &text[i], 1);
		if (text[i] == '/') {
			to->name = to->size;
		}
	}
}

static void put_value(folder_text *to, dp_bytes value)
{
	char text[NAME_MAX_BYTES + 1];
	size_t size = dpi_path_part(text, value);

	if (to->size == to->name && text[0] == '_') {
		put(to, "%5F", 3);
		put(to, text + 1, size - 1);
	} else {
		put(to, text, size);
	}
}

static void put_time(
	folder_text *to, const dpi_destination_part *part, int64_t unit)
{
	bool is_date = part->kind == DPI_PLACE_DATE ||
		part->kind == DPI_PLACE_EVENT_DATE;
	dpi_civil civil =
		dpi_civil_from_seconds(unit * (is_date ? 86400 : 3600));
	char text[48];
	int size;

	if (is_date) {
		size = snprintf(text, sizeof(text), "%04" PRId64 "-%02d-%02d",
			civil.year, civil.month, civil.day);
	} else {
		size = snprintf(text, sizeof(text), "%02d", civil.hour);
	}
	put(to, text, (size_t)size);
}

static void put_part(
	folder_text *to, const dpi_destination_part *part, dp_bytes value)
{
	int64_t number = 0;
	char text[24];

	switch (part->kind) {
	case DPI_PLACE_LITERAL:
		put_literal(to, part->text);
		break;
	case DPI_PLACE_DATE:
	case DPI_PLACE_HOUR:
	case DPI_PLACE_EVENT_DATE:
	case DPI_PLACE_EVENT_HOUR:
		memcpy(&number, value.data, sizeof(number));
		put_time(to, part, number);
		break;
	case DPI_PLACE_VERSION:
		memcpy(&number, value.data, sizeof(number));
		(void)snprintf(text, sizeof(text), "%" PRId64, number);
		put(to, text, strlen(text));
		break;
	default:
		put_value(to, value);
	}
}

static dp_status fill(
	dpi_destination *destination, const dp_bytes *values, dp_error **err)
{
	folder_text to = {.text = destination->folder};

	for (size_t i = 0; i < destination->count; i++) {
		put_part(&to, &destination->parts[i], values[i]);
	}
	end_name(&to);
	destination->is_known = !to.is_full;
	if (to.is_full) {
		return dpi_error_set(err, DP_ETOOBIG,
			"the destination is over %d bytes",
			DPI_DESTINATION_MAX - 1);
	}
	to.text[to.size] = '\0';
	return DP_OK;
}

dp_status dpi_destination_expand(dpi_destination *destination,
	const dp_message *msg, const dpi_destination_values *values,
	bool *ret_is_same, dp_error **err)
{
	dp_bytes found[DPI_DESTINATION_PARTS];
	int64_t scratch[DPI_DESTINATION_PARTS];
	const dp_bytes *field = values != NULL ? values->fields : NULL;
	bool is_same = destination->is_known;

	for (size_t i = 0; i < destination->count; i++) {
		dpi_destination_part *part = &destination->parts[i];

		found[i] = value_of(part, msg, values, &field, &scratch[i]);
		is_same &= remember(part, found[i]);
	}
	*ret_is_same = is_same;
	return is_same ? DP_OK : fill(destination, found, err);
}
