/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "message_maker.h"
#include "route/router.h"
#include "test_heap.h"

struct fixture {
	struct test_heap heap;
	dp_runtime *rt;
	dp_router *router;
	struct made_message made;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	dp_runtime_options opts = DP_RUNTIME_OPTIONS_INIT;

	assert_non_null(f);
	test_heap_init(&f->heap);
	opts.allocator = &f->heap.alloc;
	assert_int_equal(dp_runtime_new(&f->rt, &opts, NULL), DP_OK);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	dp_router_free(f->router);
	dp_runtime_free(f->rt);
	assert_int_equal(f->heap.live_bytes, 0);
	free(f);
	return 0;
}

static void new_router(struct fixture *f, const char *default_topic)
{
	assert_int_equal(
		dp_router_new(&f->router, f->rt, default_topic, NULL), DP_OK);
}

static void add(struct fixture *f, dp_rule rule)
{
	assert_int_equal(dp_router_add_rule(f->router, &rule, NULL), DP_OK);
}

static dp_rule rule_to(const char *to)
{
	dp_rule rule = DP_RULE_INIT;

	rule.to = to;
	return rule;
}

/* The topics that an event goes to, as "a b"; or the verdict. */
static const char *decide(struct fixture *f, const char *topic, dp_event ev)
{
	static char text[256];
	size_t topics[8];
	size_t count = 0;

	ev.source = ev.source != NULL ? ev.source : "shop";
	make_message(&f->made, topic, 0, 5, &ev, (dpi_source_place){0, 0});
	switch (dpi_router_decide(f->router, &f->made.msg, topics, &count)) {
	case DPI_VERDICT_DROPPED:
		return "(dropped)";
	case DPI_VERDICT_UNMATCHED:
		return "(unmatched)";
	default:
		break;
	}
	text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		(void)strcat(text, i > 0 ? " " : "");
		(void)strcat(text, dpi_router_topic(f->router, topics[i]));
	}
	return text;
}

static dp_event event_of(const char *type)
{
	dp_event ev = DP_EVENT_INIT;

	ev.type = type;
	return ev;
}

static void the_first_rule_that_matches_decides(void **state)
{
	struct fixture *f = *state;
	dp_rule rule = rule_to("paid");

	new_router(f, "rest");
	rule.type = "shop.v1.Pa*";
	add(f, rule);
	rule = rule_to("shop");
	rule.type = "shop.*";
	add(f, rule);
	assert_string_equal(decide(f, "in", event_of("shop.v1.Paid")), "paid");
	assert_string_equal(decide(f, "in", event_of("shop.v1.Sent")), "shop");
	assert_string_equal(decide(f, "in", event_of("bank.v1.Paid")), "rest");
}

static void continue_asks_later_rules_and_names_each_topic_once(void **state)
{
	struct fixture *f = *state;
	dp_rule rule = rule_to("audit");

	new_router(f, "rest");
	rule.flags = DP_RULE_CONTINUE;
	add(f, rule);
	add(f, rule);
	rule = rule_to("paid");
	rule.type = "Paid";
	add(f, rule);
	assert_string_equal(decide(f, "in", event_of("Paid")), "audit paid");
	assert_string_equal(decide(f, "in", event_of("Sent")), "audit");
}

static void a_dropping_rule_drops_what_no_earlier_rule_took(void **state)
{
	struct fixture *f = *state;
	dp_rule rule = rule_to("audit");

	new_router(f, "rest");
	rule.source = "bank";
	rule.flags = DP_RULE_CONTINUE;
	add(f, rule);
	rule = (dp_rule)DP_RULE_INIT;
	rule.type = "Noise";
	rule.flags = DP_RULE_DROP;
	add(f, rule);
	assert_string_equal(decide(f, "in", event_of("Noise")), "(dropped)");
	assert_string_equal(decide(f, "in",
				    (dp_event){.struct_size = sizeof(dp_event),
					    .type = "Noise",
					    .source = "bank"}),
		"audit");
	assert_string_equal(decide(f, "in", event_of("Paid")), "rest");
}

static void without_a_default_topic_the_rest_is_unmatched(void **state)
{
	struct fixture *f = *state;
	dp_rule rule = rule_to("paid");

	new_router(f, NULL);
	rule.type = "Paid";
	add(f, rule);
	assert_string_equal(decide(f, "in", event_of("Sent")), "(unmatched)");
}

static void every_field_of_a_rule_has_to_match(void **state)
{
	struct fixture *f = *state;
	const dp_attribute tenant = {"tenant", "acme-eu"};
	dp_event ev = event_of("Paid");
	dp_rule rule = rule_to("hit");

	new_router(f, "miss");
	rule.topic = "ramp.*";
	rule.type = "P*";
	rule.source = "s*p";
	rule.attribute = "tenant";
	rule.value = "acme*";
	add(f, rule);
	assert_string_equal(decide(f, "ramp.a", ev), "miss");
	ev.attributes = &tenant;
	ev.attribute_count = 1;
	assert_string_equal(decide(f, "ramp.a", ev), "hit");
	assert_string_equal(decide(f, "lamp.a", ev), "miss");
	ev.source = "bank";
	assert_string_equal(decide(f, "ramp.a", ev), "miss");
	ev.source = NULL;
	ev.type = "Sent";
	assert_string_equal(decide(f, "ramp.a", ev), "miss");
}

static void an_absent_attribute_matches_no_pattern(void **state)
{
	struct fixture *f = *state;
	dp_rule rule = rule_to("any");

	new_router(f, "none");
	rule.attribute = "subject";
	add(f, rule);
	rule = rule_to("typed");
	rule.type = "*";
	add(f, rule);
	assert_string_equal(decide(f, "in", event_of(NULL)), "none");
	assert_string_equal(decide(f, "in", event_of("Paid")), "typed");
}

static void a_rule_that_makes_no_sense_is_refused(void **state)
{
	struct fixture *f = *state;
	dp_rule bad[] = {DP_RULE_INIT, DP_RULE_INIT, DP_RULE_INIT, DP_RULE_INIT,
		DP_RULE_INIT, DP_RULE_INIT};
	dp_rule unset = DP_RULE_INIT;
	dp_router *none = NULL;

	new_router(f, NULL);
	bad[1].to = "a/b";
	bad[2].to = "a";
	bad[2].flags = DP_RULE_DROP;
	bad[3].flags = DP_RULE_DROP | DP_RULE_CONTINUE;
	bad[4].to = "a";
	bad[4].value = "v";
	bad[5].to = "a";
	bad[5].flags = 1u << 9;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		dp_error *err = NULL;

		assert_int_equal(dp_router_add_rule(f->router, &bad[i], &err),
			DP_EINVAL);
		assert_true(strlen(dp_error_message(err)) > 0);
		dp_error_free(err);
	}
	unset.struct_size = 0;
	assert_int_equal(dp_router_add_rule(f->router, &unset, NULL), DP_EABI);
	assert_int_equal(dp_router_add_rule(f->router, NULL, NULL), DP_EINVAL);
	assert_int_equal(dpi_router_topic_count(f->router), 0);
	assert_int_equal(dp_router_new(&none, f->rt, "a b", NULL), DP_EINVAL);
	assert_null(none);
}

static void any_change_of_rules_changes_the_fingerprint(void **state)
{
	struct fixture *f = *state;
	dp_rule rule = rule_to("a");
	uint64_t first, second;

	new_router(f, "rest");
	first = dpi_router_fingerprint(f->router);
	add(f, rule);
	second = dpi_router_fingerprint(f->router);
	assert_true(first != second);
	dp_router_free(f->router);
	new_router(f, "rest");
	assert_true(first == dpi_router_fingerprint(f->router));
	rule.type = "x";
	add(f, rule);
	assert_true(second != dpi_router_fingerprint(f->router));
}

static void no_memory_adds_nothing_and_leaks_nothing(void **state)
{
	struct fixture *f = *state;
	dp_rule rule = rule_to("elsewhere");
	dp_status st = DP_ENOMEM;

	rule.type = "t";
	rule.attribute = "a";
	rule.value = "v";
	for (long k = 0; st != DP_OK; k++) {
		dp_router *router = NULL;

		f->heap.fail_at = f->heap.made + k;
		st = dp_router_new(&router, f->rt, "rest", NULL);
		if (st == DP_OK) {
			st = dp_router_add_rule(router, &rule, NULL);
		}
		f->heap.fail_at = -1;
		assert_true(st == DP_OK || st == DP_ENOMEM);
		assert_true(k > 0 || st == DP_ENOMEM);
		if (router != NULL && st == DP_ENOMEM) {
			assert_int_equal(
				dp_router_add_rule(router, &rule, NULL), DP_OK);
		}
		dp_router_free(router);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_first_rule_that_matches_decides, setup, teardown),
		cmocka_unit_test_setup_teardown(
			continue_asks_later_rules_and_names_each_topic_once,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_dropping_rule_drops_what_no_earlier_rule_took, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			without_a_default_topic_the_rest_is_unmatched, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			every_field_of_a_rule_has_to_match, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_absent_attribute_matches_no_pattern, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_rule_that_makes_no_sense_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			any_change_of_rules_changes_the_fingerprint, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			no_memory_adds_nothing_and_leaks_nothing, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
