/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A test of a pipeline, without any test framework: pings are dropped, the
 * lake gets the rest, and what it refuses for good becomes a dead letter.
 * Ends with 0 if that is so, else says what differs.
 */
#include <datapipe/datapipe.h>
#include <datapipe/test/fixture.h>
#include <stdio.h>

/* The pipeline under test, made as the program would. */
static int build(dp_pipeline *pipe, dp_runtime *rt, dp_hub *hub, dp_sink *lake)
{
	dp_rule pings = DP_RULE_INIT;
	dp_router *router = NULL;

	pings.type = "*.Ping";
	pings.flags = DP_RULE_DROP;
	return dp_router_new(&router, rt, "datahub", NULL) == DP_OK &&
		dp_router_add_rule(router, &pings, NULL) == DP_OK &&
		dp_pipeline_add_route(pipe, "ramps", hub, "ramp.*", router,
			NULL, NULL) == DP_OK &&
		dp_pipeline_add_sink(pipe, "lake", hub, "datahub", lake, NULL,
			NULL) == DP_OK;
}

int main(void)
{
	const dp_test_event given[] = {
		DP_TEST_EVENT("ramp.shop", "shop.Paid", "7 yen"),
		DP_TEST_EVENT("ramp.shop", "shop.Ping", "?"),
		DP_TEST_EVENT("ramp.bank", "bank.Paid", "broken"),
	};
	const dp_test_event want[] = {
		DP_TEST_EVENT("lake", "shop.Paid", "7 yen"),
		DP_TEST_DEAD("lake", "broken", "DP_ESCHEMA"),
	};
	dp_test_step refuse = DP_TEST_STEP_INIT;
	const char *message = "";
	dp_test_fixture *fx = NULL;
	dp_pipeline *pipe = NULL;
	dp_sink *lake = NULL;
	int ok;

	refuse.act = DP_TEST_REFUSE;
	refuse.payload = "broken";
	refuse.code = DP_ESCHEMA;
	ok = dp_test_fixture_new(&fx, NULL, NULL) == DP_OK &&
		dp_test_sink_new(&lake, fx, "lake", NULL) == DP_OK &&
		dp_test_sink_tell(fx, "lake", &refuse, NULL) == DP_OK &&
		dp_pipeline_new(&pipe, dp_test_fixture_runtime(fx), "test",
			NULL) == DP_OK &&
		build(pipe, dp_test_fixture_runtime(fx),
			dp_test_fixture_hub(fx), lake) &&
		dp_test_yields(fx, pipe, given, 3, want, 2, &message) == DP_OK;
	(void)fputs(message, stderr);
	dp_pipeline_free(pipe);
	dp_test_fixture_free(fx);
	return !ok;
}
