/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "message_maker.h"
#include "route/forward.h"

static void assert_text(dp_bytes got, const char *want)
{
	assert_int_equal(got.size, strlen(want));
	assert_memory_equal(got.data, want, got.size);
}

static dp_event full_event(void)
{
	static const dp_attribute others[] = {
		{"tenant", "acme"}, {"dpcause", "old"}};
	dp_event ev = DP_EVENT_INIT;

	ev.type = "shop.v1.Paid";
	ev.source = "shop";
	ev.subject = "order 7";
	ev.key = "k";
	ev.id = "given-id";
	ev.time = 1234567890123456789;
	ev.payload = (dp_bytes){"\0\1payload\xff", 10};
	ev.attributes = others;
	ev.attribute_count = 2;
	return ev;
}

/* Forwards made and takes the result apart again. */
static void forward(dp_message *ret, uint8_t *out, const dp_message *msg,
	dpi_source_place place, const dpi_extra *extras, size_t count)
{
	dpi_forward f;

	dpi_forward_init(&f, msg, place, extras, count);
	assert_true(f.size <= 4096);
	dpi_forward_encode(out, &f);
	assert_int_equal(dpi_record_size(out), f.size);
	assert_true(dpi_record_parse(ret, out, f.size));
	dpi_record_seal(out, DPI_RECORD_EVENT, 3, 4, 5);
	assert_true(dpi_record_check(out, f.size, 5));
}

static void id_attributes_time_and_payload_go_along_unchanged(void **state)
{
	const dpi_source_place place = {42, 1000};
	const dp_event ev = full_event();
	struct made_message made;
	uint8_t out[4096];
	dp_message got;

	(void)state;
	make_message(&made, "in", 0, 9, &ev, (dpi_source_place){0, 0});
	forward(&got, out, &made.msg, place, NULL, 0);
	assert_memory_equal(out + 16, made.record + 16, DPI_UUID_SIZE);
	for (dp_attr i = 0; i < DPI_ATTRS; i++) {
		assert_int_equal(got.known[i].size, made.msg.known[i].size);
	}
	assert_text(dp_message_attribute(&got, DP_ATTR_TYPE), "shop.v1.Paid");
	assert_text(dp_message_attribute_by_name(&got, "tenant"), "acme");
	assert_text(got.given_id, "given-id");
	assert_int_equal(dp_message_time(&got), ev.time);
	assert_int_equal(got.payload.size, ev.payload.size);
	assert_memory_equal(got.payload.data, ev.payload.data, 10);
	assert_int_equal(got.place.key, 42);
	assert_int_equal(got.place.next, 1000);
}

static void the_place_of_an_earlier_hop_is_replaced(void **state)
{
	const dpi_source_place place = {42, 1};
	const dp_event ev = full_event();
	struct made_message plain, hopped;
	uint8_t out[4096], again[4096];
	dp_message got;

	(void)state;
	make_message(&plain, "in", 0, 9, &ev, (dpi_source_place){0, 0});
	make_message(&hopped, "in", 0, 9, &ev, (dpi_source_place){7, 1u << 30});
	forward(&got, out, &hopped.msg, place, NULL, 0);
	assert_int_equal(got.place.key, 42);
	assert_int_equal(got.place.next, 1);
	forward(&got, again, &plain.msg, place, NULL, 0);
	assert_int_equal(got.size, dpi_record_size(out));
	assert_memory_equal(out, again, got.size);
}

static void an_extra_replaces_an_attribute_of_its_name(void **state)
{
	const dpi_extra extras[] = {{"dpcause", "new"}, {"dpjob", "lake"}};
	const dp_event ev = full_event();
	struct made_message made;
	dp_bytes name, value;
	uint8_t out[4096];
	size_t iter = 0;
	dp_message got;
	int count = 0;

	(void)state;
	make_message(&made, "in", 0, 9, &ev, (dpi_source_place){0, 0});
	forward(&got, out, &made.msg, (dpi_source_place){1, 2}, extras, 2);
	assert_text(dp_message_attribute_by_name(&got, "dpcause"), "new");
	assert_text(dp_message_attribute_by_name(&got, "dpjob"), "lake");
	assert_text(dp_message_attribute_by_name(&got, "tenant"), "acme");
	while (dp_message_next_attribute(&got, &iter, &name, &value)) {
		count++;
	}
	assert_int_equal(count, 3);
}

static void an_event_without_payload_or_type_goes_along(void **state)
{
	dp_event ev = DP_EVENT_INIT;
	struct made_message made;
	uint8_t out[4096];
	dp_message got;

	(void)state;
	ev.source = "s";
	make_message(&made, "in", 0, 0, &ev, (dpi_source_place){0, 0});
	forward(&got, out, &made.msg, (dpi_source_place){1, 1}, NULL, 0);
	assert_int_equal(got.payload.size, 0);
	assert_null(dp_message_attribute(&got, DP_ATTR_TYPE).data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			id_attributes_time_and_payload_go_along_unchanged),
		cmocka_unit_test(the_place_of_an_earlier_hop_is_replaced),
		cmocka_unit_test(an_extra_replaces_an_attribute_of_its_name),
		cmocka_unit_test(an_event_without_payload_or_type_goes_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
