/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "schema/descriptor.h"
#include "set_builder.h"
#include "test_heap.h"

struct fixture {
	struct test_heap heap;
	struct set_builder set;
	dpi_types types;
	dp_error *err;
};

static int set_up(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	test_heap_init(&f.heap);
	set_builder_init(&f.set, &f.heap.alloc);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	dp_error_free(f->err);
	set_builder_fini(&f->set);
	assert_int_equal(f->heap.live_bytes, 0);
	return 0;
}

static dp_status load(struct fixture *f)
{
	return dpi_types_load(&f->types, &f->heap.alloc, f->set.buf.data,
		f->set.buf.size, &f->err);
}

static const dpi_field *field_of(
	const struct fixture *f, const char *type, uint32_t n)
{
	const dpi_message_type *message = dpi_types_find(&f->types, type);

	assert_non_null(message);
	assert_non_null(dpi_message_field(message, n));
	return dpi_message_field(message, n);
}

static void refused(struct fixture *f, dp_status code, const char *words)
{
	dp_status st = load(f);

	if (st == DP_OK) {
		dpi_types_fini(&f->types);
	}
	assert_int_equal(st, code);
	if (strstr(dp_error_message(f->err), words) == NULL) {
		fail_msg("%s", dp_error_message(f->err));
	}
}

static void three_syntaxes_give_their_fields_different_facts(void **state)
{
	static const char *const syntaxes[] = {"proto2", "proto3", "2023"};
	static const bool has_presence[] = {true, false, true};
	static const bool is_packed[] = {false, true, true};
	static const bool checks_utf8[] = {false, true, true};
	static const bool is_closed[] = {true, false, false};

	for (size_t i = 0; i < 3; i++) {
		struct fixture *f;

		assert_int_equal(set_up(state), 0);
		f = *state;
		begin_file(&f->set, "a.proto", "a", syntaxes[i]);
		begin_message(&f->set, "M");
		field(&f->set, "one", 1, OPTIONAL, DPI_TYPE_STRING, NULL);
		field(&f->set, "many", 2, REPEATED, DPI_TYPE_INT32, NULL);
		field(&f->set, "kind", 3, OPTIONAL, DPI_TYPE_ENUM, ".a.E");
		end(&f->set);
		begin_enum(&f->set, "E");
		value(&f->set, "ZERO", 0);
		value(&f->set, "BELOW", -1);
		end(&f->set);
		end(&f->set);
		assert_int_equal(load(f), DP_OK);
		assert_int_equal(
			field_of(f, "a.M", 1)->has_presence, has_presence[i]);
		assert_int_equal(
			field_of(f, "a.M", 1)->checks_utf8, checks_utf8[i]);
		assert_int_equal(
			field_of(f, "a.M", 2)->is_packed, is_packed[i]);
		assert_false(field_of(f, "a.M", 2)->has_presence);
		assert_int_equal(field_of(f, "a.M", 3)->enumeration->is_closed,
			is_closed[i]);
		assert_string_equal(
			dpi_enum_value_of(
				field_of(f, "a.M", 3)->enumeration, -1)
				->name,
			"BELOW");
		assert_null(dpi_enum_value_of(
			field_of(f, "a.M", 3)->enumeration, 7));
		dpi_types_fini(&f->types);
		assert_int_equal(tear_down(state), 0);
	}
	assert_int_equal(set_up(state), 0);
}

/* Features of number options: file 50, message 12, field 21, enum 7. */
static void feature(struct set_builder *b, unsigned options, unsigned features,
	unsigned which, unsigned to)
{
	begin(b, options);
	begin(b, features);
	number(b, which, to);
	end(b);
	end(b);
}

static void features_are_inherited_until_something_nearer_says_more(
	void **state)
{
	struct fixture *f = *state;

	begin_file(&f->set, "a.proto", "a", "2023");
	feature(&f->set, 8, 50, 1, 2); /* implicit presence */
	begin_message(&f->set, "M");
	feature(&f->set, 7, 12, 3, 2); /* expanded */
	field(&f->set, "plain", 1, OPTIONAL, DPI_TYPE_INT32, NULL);
	begin_field(&f->set, "said", 2, OPTIONAL, DPI_TYPE_INT32, NULL);
	feature(&f->set, 8, 21, 1, 1);
	end(&f->set);
	begin_field(&f->set, "must", 3, OPTIONAL, DPI_TYPE_INT32, NULL);
	feature(&f->set, 8, 21, 1, 3);
	end(&f->set);
	field(&f->set, "many", 4, REPEATED, DPI_TYPE_INT32, NULL);
	begin_field(&f->set, "tight", 5, REPEATED, DPI_TYPE_INT32, NULL);
	feature(&f->set, 8, 21, 3, 1);
	end(&f->set);
	begin_field(&f->set, "group", 6, OPTIONAL, DPI_TYPE_MESSAGE, ".a.M");
	feature(&f->set, 8, 21, 5, 2);
	end(&f->set);
	field(&f->set, "kind", 7, OPTIONAL, DPI_TYPE_ENUM, ".a.E");
	begin_field(&f->set, "raw", 8, OPTIONAL, DPI_TYPE_STRING, NULL);
	feature(&f->set, 8, 21, 4, 3);
	end(&f->set);
	end(&f->set);
	begin_enum(&f->set, "E");
	value(&f->set, "ZERO", 0);
	feature(&f->set, 3, 7, 2, 2);
	end(&f->set);
	end(&f->set);

	assert_int_equal(load(f), DP_OK);
	assert_false(field_of(f, "a.M", 1)->has_presence);
	assert_true(field_of(f, "a.M", 2)->has_presence);
	assert_true(field_of(f, "a.M", 3)->is_required);
	assert_false(field_of(f, "a.M", 2)->is_required);
	assert_false(field_of(f, "a.M", 4)->is_packed);
	assert_true(field_of(f, "a.M", 5)->is_packed);
	assert_int_equal(field_of(f, "a.M", 6)->type, DPI_TYPE_GROUP);
	assert_true(field_of(f, "a.M", 6)->has_presence);
	assert_true(field_of(f, "a.M", 7)->enumeration->is_closed);
	assert_false(field_of(f, "a.M", 8)->checks_utf8);
	dpi_types_fini(&f->types);
}

/* Options of a oneof are number 2, its features number 1. */
static void features_come_from_files_oneofs_and_extensions_too(void **state)
{
	struct fixture *f = *state;

	begin_file(&f->set, "a.proto", "a", "2023");
	begin(&f->set, 8);
	begin(&f->set, 50);
	number(&f->set, 2, 2); /* closed */
	number(&f->set, 3, 2); /* expanded */
	number(&f->set, 4, 3); /* text is not checked */
	number(&f->set, 6, 2); /* JSON as well as it goes */
	end(&f->set);
	end(&f->set);
	begin_message(&f->set, "M");
	feature(&f->set, 7, 12, 5, 2); /* delimited */
	begin_field(&f->set, "one", 1, OPTIONAL, DPI_TYPE_STRING, NULL);
	number(&f->set, 9, 0);
	end(&f->set);
	begin_field(&f->set, "two", 2, OPTIONAL, DPI_TYPE_STRING, NULL);
	number(&f->set, 9, 0);
	feature(&f->set, 8, 21, 4, 3);
	end(&f->set);
	field(&f->set, "kind", 3, OPTIONAL, DPI_TYPE_ENUM, ".a.E");
	field(&f->set, "self", 4, OPTIONAL, DPI_TYPE_MESSAGE, ".a.M");
	field(&f->set, "raw", 5, OPTIONAL, DPI_TYPE_STRING, NULL);
	begin(&f->set, 8); /* oneof_decl */
	text(&f->set, 1, "which");
	feature(&f->set, 2, 1, 4, 2); /* text is checked */
	end(&f->set);
	begin(&f->set, 5); /* extension_range */
	number(&f->set, 1, 100);
	number(&f->set, 2, 200);
	end(&f->set);
	end(&f->set);
	begin_enum(&f->set, "E");
	value(&f->set, "ONE", 1);
	end(&f->set);
	for (unsigned i = 0; i < 2; i++) {
		begin(&f->set, 7); /* extension */
		text(&f->set, 1, i == 0 ? "far" : "farther");
		text(&f->set, 2, ".a.M");
		number(&f->set, 3, 100 + i);
		number(&f->set, 4, REPEATED);
		number(&f->set, 5, DPI_TYPE_INT32);
		if (i == 1) {
			feature(&f->set, 8, 21, 3, 1); /* packed */
		}
		end(&f->set);
	}
	end(&f->set);

	assert_int_equal(load(f), DP_OK);
	assert_true(field_of(f, "a.M", 1)->checks_utf8);
	assert_false(field_of(f, "a.M", 2)->checks_utf8);
	assert_true(field_of(f, "a.M", 3)->enumeration->is_closed);
	assert_int_equal(field_of(f, "a.M", 4)->type, DPI_TYPE_GROUP);
	assert_false(field_of(f, "a.M", 5)->checks_utf8);
	assert_false(field_of(f, "a.M", 100)->is_packed);
	assert_true(field_of(f, "a.M", 101)->is_packed);
	dpi_types_fini(&f->types);
}

static void maps_stay_prefixed_where_messages_are_delimited(void **state)
{
	struct fixture *f = *state;

	begin_file(&f->set, "a.proto", "a", "2023");
	feature(&f->set, 8, 50, 5, 2);
	begin_message(&f->set, "M");
	field(&f->set, "map", 1, REPEATED, DPI_TYPE_MESSAGE, ".a.M.MapEntry");
	field(&f->set, "self", 2, OPTIONAL, DPI_TYPE_MESSAGE, ".a.M");
	begin_nested(&f->set, "MapEntry");
	field(&f->set, "key", 1, OPTIONAL, DPI_TYPE_STRING, NULL);
	field(&f->set, "value", 2, OPTIONAL, DPI_TYPE_MESSAGE, ".a.M");
	begin(&f->set, 7);
	number(&f->set, 7, 1);
	end(&f->set);
	end(&f->set);
	end(&f->set);
	end(&f->set);

	assert_int_equal(load(f), DP_OK);
	assert_true(field_of(f, "a.M", 1)->is_map);
	assert_int_equal(field_of(f, "a.M", 1)->type, DPI_TYPE_MESSAGE);
	assert_int_equal(field_of(f, "a.M", 2)->type, DPI_TYPE_GROUP);
	assert_int_equal(
		field_of(f, "a.M.MapEntry", 2)->type, DPI_TYPE_MESSAGE);
	dpi_types_fini(&f->types);
}

static void a_type_that_contains_itself_is_recursive_and_its_users_are_not(
	void **state)
{
	struct fixture *f = *state;

	begin_file(&f->set, "a.proto", "a", "proto3");
	begin_message(&f->set, "User");
	field(&f->set, "a", 1, OPTIONAL, DPI_TYPE_MESSAGE, ".a.A");
	end(&f->set);
	begin_message(&f->set, "A");
	field(&f->set, "b", 1, OPTIONAL, DPI_TYPE_MESSAGE, ".a.B");
	field(&f->set, "leaf", 2, OPTIONAL, DPI_TYPE_MESSAGE, ".a.Leaf");
	end(&f->set);
	begin_message(&f->set, "B");
	field(&f->set, "a", 1, REPEATED, DPI_TYPE_MESSAGE, ".a.A");
	end(&f->set);
	begin_message(&f->set, "Self");
	field(&f->set, "self", 1, OPTIONAL, DPI_TYPE_MESSAGE, ".a.Self");
	end(&f->set);
	begin_message(&f->set, "Leaf");
	end(&f->set);
	end(&f->set);

	assert_int_equal(load(f), DP_OK);
	assert_false(dpi_types_find(&f->types, "a.User")->is_recursive);
	assert_true(dpi_types_find(&f->types, "a.A")->is_recursive);
	assert_true(dpi_types_find(&f->types, "a.B")->is_recursive);
	assert_true(dpi_types_find(&f->types, "a.Self")->is_recursive);
	assert_false(dpi_types_find(&f->types, "a.Leaf")->is_recursive);
	assert_int_equal(f->types.top_count, 5);
	dpi_types_fini(&f->types);
}

static void extensions_come_last_and_under_their_full_names(void **state)
{
	struct fixture *f = *state;

	begin_file(&f->set, "a.proto", "a", "proto2");
	begin(&f->set, 7);
	text(&f->set, 1, "later");
	text(&f->set, 2, ".a.M");
	number(&f->set, 3, 200);
	number(&f->set, 4, OPTIONAL);
	number(&f->set, 5, DPI_TYPE_INT32);
	end(&f->set);
	begin_message(&f->set, "M");
	begin(&f->set, 6);
	text(&f->set, 1, "inner");
	text(&f->set, 2, ".a.M");
	number(&f->set, 3, 100);
	number(&f->set, 4, REPEATED);
	number(&f->set, 5, DPI_TYPE_INT32);
	end(&f->set);
	field(&f->set, "inner", 1, OPTIONAL, DPI_TYPE_INT32, NULL);
	end(&f->set);
	end(&f->set);

	assert_int_equal(load(f), DP_OK);
	assert_string_equal(
		dpi_types_find(&f->types, "a.M")->fields[1].name, "a.M.inner");
	assert_true(field_of(f, "a.M", 100)->is_extension);
	assert_string_equal(field_of(f, "a.M", 200)->name, "a.later");
	assert_string_equal(field_of(f, "a.M", 200)->json_name, "[a.later]");
	dpi_types_fini(&f->types);
}

static void a_synthetic_oneof_is_no_oneof(void **state)
{
	struct fixture *f = *state;

	begin_file(&f->set, "a.proto", "a", "proto3");
	begin_message(&f->set, "M");
	begin_field(&f->set, "maybe", 1, OPTIONAL, DPI_TYPE_INT32, NULL);
	number(&f->set, 9, 0);
	number(&f->set, 17, 1);
	end(&f->set);
	begin_field(&f->set, "either", 2, OPTIONAL, DPI_TYPE_INT32, NULL);
	number(&f->set, 9, 1);
	end(&f->set);
	begin(&f->set, 8);
	text(&f->set, 1, "_maybe");
	end(&f->set);
	begin(&f->set, 8);
	text(&f->set, 1, "choice");
	end(&f->set);
	end(&f->set);
	end(&f->set);

	assert_int_equal(load(f), DP_OK);
	assert_int_equal(field_of(f, "a.M", 1)->oneof, -1);
	assert_true(field_of(f, "a.M", 1)->has_presence);
	assert_int_equal(field_of(f, "a.M", 2)->oneof, 0);
	assert_int_equal(dpi_types_find(&f->types, "a.M")->oneof_count, 1);
	assert_string_equal(
		dpi_types_find(&f->types, "a.M")->oneofs[0], "choice");
	dpi_types_fini(&f->types);
}

static void well_known_types_need_not_be_in_the_set(void **state)
{
	static const struct {
		const char *file, *type;
		dpi_well_known kind;
	} known[] = {
		{"google/protobuf/any.proto", "google.protobuf.Any",
			DPI_WKT_ANY},
		{"google/protobuf/timestamp.proto", "google.protobuf.Timestamp",
			DPI_WKT_TIMESTAMP},
		{"google/protobuf/duration.proto", "google.protobuf.Duration",
			DPI_WKT_DURATION},
		{"google/protobuf/field_mask.proto",
			"google.protobuf.FieldMask", DPI_WKT_FIELD_MASK},
		{"google/protobuf/empty.proto", "google.protobuf.Empty",
			DPI_WKT_EMPTY},
		{"google/protobuf/struct.proto", "google.protobuf.Struct",
			DPI_WKT_STRUCT},
		{"google/protobuf/struct.proto", "google.protobuf.Value",
			DPI_WKT_VALUE},
		{"google/protobuf/struct.proto", "google.protobuf.ListValue",
			DPI_WKT_LIST_VALUE},
		{"google/protobuf/wrappers.proto",
			"google.protobuf.UInt64Value", DPI_WKT_WRAPPER},
		{"google/type/date.proto", "google.type.Date", DPI_WKT_DATE},
		{"google/type/datetime.proto", "google.type.DateTime",
			DPI_WKT_DATE_TIME},
		{"google/type/timeofday.proto", "google.type.TimeOfDay",
			DPI_WKT_TIME_OF_DAY},
		{"google/type/latlng.proto", "google.type.LatLng",
			DPI_WKT_LAT_LNG},
		{"google/protobuf/descriptor.proto",
			"google.protobuf.FieldOptions", DPI_WKT_NONE},
	};
	struct fixture *f = *state;
	size_t count = sizeof(known) / sizeof(known[0]);

	begin_file(&f->set, "a.proto", "a", "proto3");
	begin_message(&f->set, "M");
	for (size_t i = 0; i < count; i++) {
		char name[16] = {'f', (char)('a' + i)};
		char type[64] = ".";

		strcat(type, known[i].type);
		field(&f->set, name, (unsigned)i + 1, OPTIONAL,
			DPI_TYPE_MESSAGE, type);
	}
	end(&f->set);
	for (size_t i = 0; i < count; i++) {
		import(&f->set, known[i].file);
	}
	end(&f->set);

	assert_int_equal(load(f), DP_OK);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(field_of(f, "a.M", (uint32_t)i + 1)
					 ->message->well_known,
			known[i].kind);
	}
	assert_int_equal(f->types.top_count, 1);
	dpi_types_fini(&f->types);
}

static void a_timestamp_of_other_fields_is_just_a_message(void **state)
{
	struct fixture *f = *state;

	begin_file(&f->set, "mine.proto", "google.protobuf", "proto3");
	begin_message(&f->set, "Timestamp");
	field(&f->set, "seconds", 1, OPTIONAL, DPI_TYPE_STRING, NULL);
	field(&f->set, "nanos", 2, OPTIONAL, DPI_TYPE_INT32, NULL);
	end(&f->set);
	end(&f->set);
	assert_int_equal(load(f), DP_OK);
	assert_int_equal(dpi_types_find(&f->types, "google.protobuf.Timestamp")
				 ->well_known,
		DPI_WKT_NONE);
	dpi_types_fini(&f->types);
}

static void bytes_that_are_no_set_are_refused(void **state)
{
	struct fixture *f = *state;

	refused(f, DP_ESCHEMA, "not a FileDescriptorSet");
}

static void a_missing_import_is_named(void **state)
{
	struct fixture *f = *state;

	begin_file(&f->set, "a.proto", "a", "proto3");
	import(&f->set, "other.proto");
	end(&f->set);
	refused(f, DP_ESCHEMA, "file \"a.proto\": its import \"other.proto\"");
}

static void a_missing_type_is_named(void **state)
{
	struct fixture *f = *state;

	begin_file(&f->set, "a.proto", "a", "proto3");
	begin_message(&f->set, "M");
	field(&f->set, "x", 1, OPTIONAL, DPI_TYPE_MESSAGE, ".a.Gone");
	end(&f->set);
	end(&f->set);
	refused(f, DP_ESCHEMA,
		"file \"a.proto\": a.M: field x: .a.Gone: no such type");
}

static void a_type_that_no_import_shows_is_refused(void **state)
{
	struct fixture *f = *state;

	begin_file(&f->set, "b.proto", "b", "proto3");
	begin_message(&f->set, "B");
	end(&f->set);
	end(&f->set);
	begin_file(&f->set, "a.proto", "a", "proto3");
	begin_message(&f->set, "M");
	field(&f->set, "x", 1, OPTIONAL, DPI_TYPE_MESSAGE, ".b.B");
	end(&f->set);
	end(&f->set);
	refused(f, DP_ESCHEMA, "does not import");
}

static void a_public_import_shows_what_it_imports(void **state)
{
	struct fixture *f = *state;

	begin_file(&f->set, "b.proto", "b", "proto3");
	begin_message(&f->set, "B");
	end(&f->set);
	end(&f->set);
	begin_file(&f->set, "between.proto", "c", "proto3");
	import(&f->set, "b.proto");
	number(&f->set, 10, 0);
	end(&f->set);
	begin_file(&f->set, "a.proto", "a", "proto3");
	import(&f->set, "between.proto");
	begin_message(&f->set, "M");
	field(&f->set, "x", 1, OPTIONAL, DPI_TYPE_MESSAGE, ".b.B");
	end(&f->set);
	end(&f->set);
	assert_int_equal(load(f), DP_OK);
	dpi_types_fini(&f->types);
}

static void files_that_import_each_other_are_refused(void **state)
{
	struct fixture *f = *state;

	begin_file(&f->set, "a.proto", "a", "proto3");
	import(&f->set, "b.proto");
	end(&f->set);
	begin_file(&f->set, "b.proto", "b", "proto3");
	import(&f->set, "a.proto");
	end(&f->set);
	refused(f, DP_ESCHEMA, "imports itself");
}

static void what_is_there_twice_is_refused(void **state)
{
	static const char *const words[] = {"a.M is defined twice",
		"the name x is there twice", "the same number 1",
		"the set has it twice", "the name ZERO is there twice"};

	for (int i = 0; i < 5; i++) {
		struct fixture *f;

		assert_int_equal(set_up(state), 0);
		f = *state;
		begin_file(&f->set, "a.proto", "a", "proto3");
		begin_message(&f->set, "M");
		field(&f->set, "x", 1, OPTIONAL, DPI_TYPE_INT32, NULL);
		field(&f->set, i == 1 ? "x" : "y", i == 2 ? 1 : 2, OPTIONAL,
			DPI_TYPE_INT32, NULL);
		end(&f->set);
		begin_enum(&f->set, i == 0 ? "M" : "E");
		value(&f->set, "ZERO", 0);
		value(&f->set, i == 4 ? "ZERO" : "ONE", 1);
		end(&f->set);
		end(&f->set);
		begin_file(
			&f->set, i == 3 ? "a.proto" : "b.proto", "b", "proto3");
		end(&f->set);
		refused(f, DP_ESCHEMA, words[i]);
		assert_int_equal(tear_down(state), 0);
	}
	assert_int_equal(set_up(state), 0);
}

static void an_edition_of_the_future_is_refused(void **state)
{
	struct fixture *f = *state;

	begin_file(&f->set, "a.proto", "a", "2033");
	end(&f->set);
	refused(f, DP_ESCHEMA, "edition 1010");
}

static void a_map_entry_of_another_shape_is_refused(void **state)
{
	struct fixture *f = *state;

	begin_file(&f->set, "a.proto", "a", "proto3");
	begin_message(&f->set, "M");
	begin_nested(&f->set, "MapEntry");
	field(&f->set, "key", 1, OPTIONAL, DPI_TYPE_DOUBLE, NULL);
	field(&f->set, "value", 2, OPTIONAL, DPI_TYPE_INT32, NULL);
	begin(&f->set, 7);
	number(&f->set, 7, 1);
	end(&f->set);
	end(&f->set);
	end(&f->set);
	end(&f->set);
	refused(f, DP_ESCHEMA, "a.M.MapEntry: it is marked as a map's entry");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(three_syntaxes_give_their_fields_different_facts),
		TEST(features_are_inherited_until_something_nearer_says_more),
		TEST(features_come_from_files_oneofs_and_extensions_too),
		TEST(maps_stay_prefixed_where_messages_are_delimited),
		TEST(a_type_that_contains_itself_is_recursive_and_its_users_are_not),
		TEST(extensions_come_last_and_under_their_full_names),
		TEST(a_synthetic_oneof_is_no_oneof),
		TEST(well_known_types_need_not_be_in_the_set),
		TEST(a_timestamp_of_other_fields_is_just_a_message),
		TEST(bytes_that_are_no_set_are_refused),
		TEST(a_missing_import_is_named),
		TEST(a_missing_type_is_named),
		TEST(a_type_that_no_import_shows_is_refused),
		TEST(a_public_import_shows_what_it_imports),
		TEST(files_that_import_each_other_are_refused),
		TEST(what_is_there_twice_is_refused),
		TEST(an_edition_of_the_future_is_refused),
		TEST(a_map_entry_of_another_shape_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
