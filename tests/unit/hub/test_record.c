/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/attribute.h"
#include "hub/record.h"

#define SALT 0x5eed5a17u

static const dp_attribute others[] = {
	{"tenant", "acme"}, {"empty", ""}, {"region", "jp-\xe6\x9d\xb1"}};

static dp_event full_event(void)
{
	dp_event ev = DP_EVENT_INIT;

	ev.type = "shop.v1.Paid";
	ev.payload = dpi_bytes("\x0a\x00\xff payload", 11);
	ev.key = "customer-7";
	ev.id = "order-4711";
	ev.source = "shop";
	ev.subject = "order";
	ev.datacontenttype = "application/json";
	ev.dataschema = "dp:0123";
	ev.traceparent = "00-4bf92f-00f067-01";
	ev.tracestate = "k=v";
	ev.time = 1234567890123456789;
	ev.attributes = others;
	ev.attribute_count = 3;
	return ev;
}

/* A record of ev in a block of just its size, for sanitizers to watch. */
static uint8_t *encode(const dp_event *ev, dpi_source_place place, size_t *size)
{
	uint8_t uuid[DPI_UUID_SIZE];
	dpi_draft draft;
	uint8_t *record;

	assert_int_equal(dpi_record_draft(&draft, ev, dpi_bytes_text("service"),
				 1000, NULL),
		DP_OK);
	if (place.key != 0) {
		dpi_draft_set_place(&draft, place);
	}
	record = malloc(draft.size);
	assert_non_null(record);
	dpi_uuid_make(uuid, 1700000000123, 0x123456789, 42);
	dpi_record_encode(record, &draft, uuid);
	*size = draft.size;
	return record;
}

static void assert_text(dp_bytes text, const char *wanted)
{
	assert_non_null(text.data);
	assert_int_equal(text.size, strlen(wanted));
	assert_memory_equal(text.data, wanted, text.size);
}

static void every_part_of_an_event_comes_back(void **state)
{
	const dp_event ev = full_event();
	const dpi_source_place place = {0xabcdef, 300};
	dpi_source_place found;
	dp_message msg;
	char id[DP_ID_SIZE];
	size_t size;
	uint8_t *record = encode(&ev, place, &size);

	(void)state;
	assert_true(dpi_record_parse(&msg, record, size));
	assert_true(dpi_bytes_equal(dp_message_payload(&msg), ev.payload));
	assert_text(dp_message_attribute(&msg, DP_ATTR_TYPE), ev.type);
	assert_text(dp_message_attribute(&msg, DP_ATTR_SOURCE), "shop");
	assert_text(dp_message_attribute(&msg, DP_ATTR_SUBJECT), "order");
	assert_text(dp_message_attribute(&msg, DP_ATTR_KEY), ev.key);
	assert_text(dp_message_attribute(&msg, DP_ATTR_DATACONTENTTYPE),
		"application/json");
	assert_text(
		dp_message_attribute(&msg, DP_ATTR_DATASCHEMA), ev.dataschema);
	assert_text(dp_message_attribute(&msg, DP_ATTR_TRACEPARENT),
		ev.traceparent);
	assert_text(
		dp_message_attribute(&msg, DP_ATTR_TRACESTATE), ev.tracestate);
	assert_int_equal(dp_message_id(&msg, id), 10);
	assert_string_equal(id, "order-4711");
	assert_int_equal(dp_message_time(&msg), ev.time);
	assert_int_equal(dp_message_writer(&msg), 0x123456789);
	assert_int_equal(dp_message_seq(&msg), 42);
	assert_int_equal(msg.place.key, place.key);
	assert_int_equal(msg.place.next, place.next);
	assert_true(dpi_record_place(&found, record, size));
	assert_int_equal(found.key, place.key);
	assert_int_equal(found.next, place.next);
	assert_int_equal(msg.size, size);
	free(record);
}

static void attributes_without_a_field_are_walked_in_order(void **state)
{
	const dp_event ev = full_event();
	const dpi_source_place none = {0, 0};
	dp_bytes name;
	dp_bytes value;
	dp_message msg;
	size_t iter = 0;
	size_t size;
	uint8_t *record = encode(&ev, none, &size);

	(void)state;
	assert_true(dpi_record_parse(&msg, record, size));
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(
			dp_message_next_attribute(&msg, &iter, &name, &value),
			1);
		assert_text(name, others[i].name);
		assert_text(value, others[i].value);
		assert_text(dp_message_attribute_by_name(&msg, others[i].name),
			others[i].value);
	}
	assert_int_equal(
		dp_message_next_attribute(&msg, &iter, &name, &value), 0);
	assert_text(dp_message_attribute_by_name(&msg, "partitionkey"), ev.key);
	assert_null(dp_message_attribute_by_name(&msg, "absent").data);
	free(record);
}

static void a_bare_event_costs_little_and_has_defaults(void **state)
{
	const dpi_source_place none = {0, 0};
	dp_event ev = DP_EVENT_INIT;
	char id[DP_ID_SIZE];
	dp_message msg;
	uint8_t *record;
	size_t size;

	(void)state;
	ev.datacontenttype = "application/protobuf";
	record = encode(&ev, none, &size);
	assert_int_equal(size, 32 + 1 + 2 + strlen("service"));
	assert_true(dpi_record_parse(&msg, record, size));
	assert_text(dp_message_attribute(&msg, DP_ATTR_SOURCE), "service");
	assert_text(dp_message_attribute(&msg, DP_ATTR_DATACONTENTTYPE),
		"application/protobuf");
	assert_null(dp_message_attribute(&msg, DP_ATTR_TYPE).data);
	assert_null(dp_message_attribute(&msg, 8).data);
	assert_null(dp_message_attribute(&msg, -1).data);
	assert_int_equal(dp_message_payload(&msg).size, 0);
	assert_int_equal(dp_message_time(&msg), 1700000000123 * DP_MILLISECOND);
	assert_int_equal(dp_message_id(&msg, id), DPI_UUID_TEXT);
	assert_int_equal(msg.place.key, 0);
	assert_false(dpi_record_place(&msg.place, record, size));
	free(record);
}

static void a_flipped_bit_or_a_wrong_place_breaks_the_seal(void **state)
{
	const dp_event ev = full_event();
	const dpi_source_place none = {0, 0};
	size_t size;
	uint8_t *record = encode(&ev, none, &size);

	(void)state;
	dpi_record_seal(record, DPI_RECORD_SOURCES, 77, 88, SALT);
	assert_int_equal(dpi_record_size(record), size);
	assert_int_equal(dpi_record_kind_of(record), DPI_RECORD_SOURCES);
	assert_true(dpi_record_check(record, size, SALT));
	assert_false(dpi_record_check(record, size, SALT + 1));
	assert_false(dpi_record_check(record, size - 1, SALT));
	for (size_t bit = 0; bit < size * 8; bit++) {
		record[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (dpi_record_size(record) == size) {
			assert_false(dpi_record_check(record, size, SALT));
		}
		record[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(dpi_record_check(record, size, SALT));
	free(record);
}

static dp_status draft_status(const dp_event *ev)
{
	dp_error *err = NULL;
	dpi_draft draft;
	dp_status st = dpi_record_draft(
		&draft, ev, dpi_bytes_text("service"), 1000, &err);

	assert_int_equal(dp_error_code(err), st);
	assert_int_equal(dp_error_message(err)[0] == '\0', st == DP_OK);
	dp_error_free(err);
	return st;
}

static void text_that_is_not_utf8_is_refused(void **state)
{
	const char *bad = "\xc0\xaf";
	const dp_attribute other = {"tenant", bad};
	dp_event ev = DP_EVENT_INIT;

	(void)state;
	ev.subject = bad;
	assert_int_equal(draft_status(&ev), DP_EINVAL);
	ev = (dp_event)DP_EVENT_INIT;
	ev.id = bad;
	assert_int_equal(draft_status(&ev), DP_EINVAL);
	ev = (dp_event)DP_EVENT_INIT;
	ev.attributes = &other;
	ev.attribute_count = 1;
	assert_int_equal(draft_status(&ev), DP_EINVAL);
}

/* Each of those that few events have, alone, good and bad; and short and long
 * ones are copied in their own ways. */
static void each_attribute_is_kept_or_refused_by_itself(void **state)
{
	static const char *const texts[] = {"x",
		"exactly 32 bytes of text, it is.",
		"more than 32 bytes of text, and so copied at once"};

	(void)state;
	for (dp_attr attr = 0; attr < DPI_ATTRS; attr++) {
		for (size_t i = 0; i <= sizeof(texts) / sizeof(*texts); i++) {
			bool is_good = i < sizeof(texts) / sizeof(*texts);
			const char *text = is_good ? texts[i] : "\xff";
			dp_event ev = DP_EVENT_INIT;
			const char **fields[DPI_ATTRS] = {&ev.type, &ev.source,
				&ev.subject, &ev.key, &ev.datacontenttype,
				&ev.dataschema, &ev.traceparent,
				&ev.tracestate};
			dp_message msg;
			uint8_t *record;
			size_t size;

			*fields[attr] = text;
			if (!is_good) {
				assert_int_equal(draft_status(&ev), DP_EINVAL);
				continue;
			}
			record = encode(&ev, (dpi_source_place){0, 0}, &size);
			assert_true(dpi_record_parse(&msg, record, size));
			assert_text(dp_message_attribute(&msg, attr), text);
			free(record);
		}
	}
}

/* Sizes around that of a word, and around the room that a draft has. */
static void texts_of_every_size_are_kept_under_a_right_checksum(void **state)
{
	char text[2 * DPI_DRAFT_HEAD_BYTES];
	dp_event ev = DP_EVENT_INIT;

	(void)state;
	ev.type = text;
	ev.subject = text;
	for (size_t n = 1; n < sizeof(text); n++) {
		dp_message msg;
		uint8_t *record;
		size_t size;

		memset(text, 'a' + (int)(n % 26), n);
		text[n] = '\0';
		record = encode(&ev, (dpi_source_place){7, n}, &size);
		dpi_record_seal(record, DPI_RECORD_EVENT, 0, 0, 0);
		assert_true(dpi_record_check(record, size, 0));
		assert_true(dpi_record_parse(&msg, record, size));
		assert_text(dp_message_attribute(&msg, DP_ATTR_TYPE), text);
		assert_text(dp_message_attribute(&msg, DP_ATTR_SUBJECT), text);
		assert_text(
			dp_message_attribute(&msg, DP_ATTR_SOURCE), "service");
		assert_int_equal(msg.place.next, n);
		free(record);
	}
}

static void a_bad_byte_is_found_wherever_it_is(void **state)
{
	const size_t sizes[] = {1, 7, 8, 9, 15, 16, 17, 40, 300};
	char text[301];
	dp_event ev = DP_EVENT_INIT;

	(void)state;
	ev.key = text;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		memset(text, 'x', sizes[i]);
		text[sizes[i]] = '\0';
		for (size_t at = 0; at < sizes[i]; at++) {
			text[at] = '\xff';
			assert_int_equal(draft_status(&ev), DP_EINVAL);
			text[at] = 'x';
		}
		assert_int_equal(draft_status(&ev), DP_OK);
	}
	ev.key = "gr\xc3\xb6\xc3\x9f"
		 "er than ASCII";
	assert_int_equal(draft_status(&ev), DP_OK);
}

static void a_source_that_is_too_long_is_refused_whoever_gave_it(void **state)
{
	static char source[DP_ATTRIBUTES_MAX_BYTES + 2];
	dp_event ev = DP_EVENT_INIT;
	dpi_draft draft;

	(void)state;
	memset(source, 's', sizeof(source) - 1);
	assert_int_equal(dpi_record_draft(&draft, &ev, dpi_bytes_text(source),
				 1000, NULL),
		DP_ETOOBIG);
	ev.source = source;
	assert_int_equal(draft_status(&ev), DP_ETOOBIG);
}

static void a_bad_attribute_is_refused(void **state)
{
	const dp_attribute bad[][2] = {
		{{"Tenant", "x"}},
		{{"", "x"}},
		{{NULL, "x"}},
		{{"tenant", NULL}},
		{{"partitionkey", "x"}},
		{{"id", "x"}},
		{{"a23456789012345678901234567890123456789012345678901234567890"
		  "12345",
			"x"}},
		{{"tenant", "x"}, {"tenant", "y"}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		dp_event ev = DP_EVENT_INIT;

		ev.attributes = bad[i];
		ev.attribute_count = bad[i][1].value != NULL ? 2 : 1;
		assert_int_equal(draft_status(&ev), DP_EINVAL);
	}
}

static void an_id_has_1_to_127_bytes(void **state)
{
	char id[DP_ID_SIZE + 1];
	dp_event ev = DP_EVENT_INIT;

	(void)state;
	memset(id, 'x', sizeof(id));
	ev.id = id;
	id[DP_ID_SIZE] = '\0';
	assert_int_equal(draft_status(&ev), DP_EINVAL);
	id[DP_ID_SIZE - 1] = '\0';
	assert_int_equal(draft_status(&ev), DP_OK);
	id[0] = '\0';
	assert_int_equal(draft_status(&ev), DP_EINVAL);
}

static void what_is_over_a_limit_is_too_big(void **state)
{
	char *text = malloc(DP_ATTRIBUTES_MAX_BYTES + 2);
	dp_attribute other = {"tenant", text};
	dp_event ev = DP_EVENT_INIT;
	dpi_draft draft;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', DP_ATTRIBUTES_MAX_BYTES + 1);
	text[DP_ATTRIBUTES_MAX_BYTES + 1] = '\0';
	ev.payload = dpi_bytes(text, 1001);
	assert_int_equal(draft_status(&ev), DP_ETOOBIG);
	ev.payload = dpi_bytes(text, SIZE_MAX);
	assert_int_equal(draft_status(&ev), DP_ETOOBIG);
	assert_int_equal(dpi_record_draft(&draft, &ev,
				 dpi_bytes_text("service"), SIZE_MAX, NULL),
		DP_ETOOBIG);
	ev.payload = dpi_bytes(text, 1000);
	assert_int_equal(draft_status(&ev), DP_OK);
	ev.subject = text;
	assert_int_equal(draft_status(&ev), DP_ETOOBIG);
	/* Each may have so many, and both together not. */
	ev.subject = text + DP_ATTRIBUTES_MAX_BYTES / 2;
	assert_int_equal(draft_status(&ev), DP_OK);
	ev.key = ev.subject;
	assert_int_equal(draft_status(&ev), DP_ETOOBIG);
	ev.key = NULL;
	ev.subject = NULL;
	ev.attributes = &other;
	ev.attribute_count = 1;
	assert_int_equal(draft_status(&ev), DP_ETOOBIG);
	/* "service" and the heads of both attributes take their part. */
	text[DP_ATTRIBUTES_MAX_BYTES - 9 - 4 - 7] = '\0';
	assert_int_equal(draft_status(&ev), DP_OK);
	text[DP_ATTRIBUTES_MAX_BYTES - 9 - 4 - 7] = 'x';
	text[DP_ATTRIBUTES_MAX_BYTES - 9 - 4 - 6] = '\0';
	assert_int_equal(draft_status(&ev), DP_ETOOBIG);
	free(text);
}

static void an_event_needs_a_source_and_data_for_its_size(void **state)
{
	dp_event ev = DP_EVENT_INIT;
	dpi_draft draft;

	(void)state;
	assert_int_equal(
		dpi_record_draft(&draft, &ev, dpi_bytes(NULL, 0), 1, NULL),
		DP_EINVAL);
	ev.payload.size = 1;
	assert_int_equal(draft_status(&ev), DP_EINVAL);
}

static void an_event_needs_attributes_for_their_count(void **state)
{
	dp_event ev = DP_EVENT_INIT;

	(void)state;
	ev.attribute_count = 1;
	assert_int_equal(draft_status(&ev), DP_EINVAL);
}

static void an_event_of_another_release_is_adopted_or_refused(void **state)
{
	struct {
		dp_event ev;
		uint64_t news;
	} newer = {.ev = DP_EVENT_INIT, .news = 0};

	(void)state;
	newer.ev.struct_size = sizeof(newer);
	assert_int_equal(draft_status(&newer.ev), DP_OK);
	newer.news = 1;
	assert_int_equal(draft_status(&newer.ev), DP_EABI);
	newer.ev.struct_size = 0;
	assert_int_equal(draft_status(&newer.ev), DP_EABI);
}

static void unknown_tags_are_skipped(void **state)
{
	const uint8_t attributes[] = {200, 2, 'a', 'b', DPI_TAG_KNOWN, 1, 'T'};
	uint8_t record[DPI_RECORD_HEAD + 1 + sizeof(attributes)] = {0};
	dp_message msg;

	(void)state;
	dpi_store_u32(record + 4, sizeof(record));
	record[DPI_RECORD_HEAD] = sizeof(attributes);
	memcpy(record + DPI_RECORD_HEAD + 1, attributes, sizeof(attributes));
	assert_true(dpi_record_parse(&msg, record, sizeof(record)));
	assert_text(dp_message_attribute(&msg, DP_ATTR_TYPE), "T");
}

static void an_id_that_is_too_long_is_not_read(void **state)
{
	uint8_t record[DPI_RECORD_HEAD + 2 + 3 + DP_ID_SIZE];
	dp_message msg;

	(void)state;
	memset(record, 'x', sizeof(record));
	dpi_store_u32(record + 4, sizeof(record));
	/* Varints of two bytes: all that follows, then the id's size. */
	record[DPI_RECORD_HEAD] = 0x80 | ((3 + DP_ID_SIZE) & 0x7f);
	record[DPI_RECORD_HEAD + 1] = (3 + DP_ID_SIZE) >> 7;
	record[DPI_RECORD_HEAD + 2] = DPI_TAG_ID;
	record[DPI_RECORD_HEAD + 3] = 0x80 | (DP_ID_SIZE & 0x7f);
	record[DPI_RECORD_HEAD + 4] = DP_ID_SIZE >> 7;
	assert_false(dpi_record_parse(&msg, record, sizeof(record)));
}

static void every_cut_of_the_attributes_is_noticed(void **state)
{
	const dp_event ev = full_event();
	const dpi_source_place place = {1, 128};
	dp_message msg;
	size_t size;
	uint8_t *record = encode(&ev, place, &size);
	size_t payload_at = size - ev.payload.size;

	(void)state;
	for (size_t cut = 0; cut < payload_at; cut++) {
		uint8_t *part = malloc(cut + 1);

		memcpy(part, record, cut);
		if (cut >= 8) {
			dpi_store_u32(part + 4, (uint32_t)cut);
		}
		assert_false(dpi_record_parse(&msg, part, cut));
		free(part);
	}
	free(record);
}

static void an_id_from_far_away_has_the_latest_time(void **state)
{
	uint8_t record[DPI_RECORD_HEAD + 1] = {0};
	dp_message msg;

	(void)state;
	dpi_store_u32(record + 4, sizeof(record));
	memset(record + 16, 0xff, 16);
	assert_true(dpi_record_parse(&msg, record, sizeof(record)));
	assert_true(dp_message_time(&msg) == INT64_MAX);
}

static void source_keys_name_all_their_parts(void **state)
{
	uint64_t key = dpi_source_key("job", "topic", 1);

	(void)state;
	assert_int_equal(key, dpi_source_key("job", "topic", 1));
	assert_int_not_equal(key, dpi_source_key("job", "topic", 2));
	assert_int_not_equal(key, dpi_source_key("jobt", "opic", 1));
	assert_int_not_equal(key, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_part_of_an_event_comes_back),
		cmocka_unit_test(
			attributes_without_a_field_are_walked_in_order),
		cmocka_unit_test(a_bare_event_costs_little_and_has_defaults),
		cmocka_unit_test(
			a_flipped_bit_or_a_wrong_place_breaks_the_seal),
		cmocka_unit_test(text_that_is_not_utf8_is_refused),
		cmocka_unit_test(each_attribute_is_kept_or_refused_by_itself),
		cmocka_unit_test(
			texts_of_every_size_are_kept_under_a_right_checksum),
		cmocka_unit_test(a_bad_byte_is_found_wherever_it_is),
		cmocka_unit_test(
			a_source_that_is_too_long_is_refused_whoever_gave_it),
		cmocka_unit_test(a_bad_attribute_is_refused),
		cmocka_unit_test(an_id_has_1_to_127_bytes),
		cmocka_unit_test(what_is_over_a_limit_is_too_big),
		cmocka_unit_test(an_event_needs_a_source_and_data_for_its_size),
		cmocka_unit_test(an_event_needs_attributes_for_their_count),
		cmocka_unit_test(
			an_event_of_another_release_is_adopted_or_refused),
		cmocka_unit_test(unknown_tags_are_skipped),
		cmocka_unit_test(an_id_that_is_too_long_is_not_read),
		cmocka_unit_test(every_cut_of_the_attributes_is_noticed),
		cmocka_unit_test(an_id_from_far_away_has_the_latest_time),
		cmocka_unit_test(source_keys_name_all_their_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
