/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program of somebody else: only the umbrella header, only what pkg-config
 * says. Valid as C99, C11 and C++11. One event through a hub in memory.
 */
#include <stdio.h>
#include <string.h>

#include <datapipe/datapipe.h>

static int failed(const char *what, dp_error *err)
{
	fprintf(stderr, "%s: %s\n", what, dp_error_message(err));
	dp_error_free(err);
	return 1;
}

static dp_status publish(dp_hub *hub, dp_error **err)
{
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	dp_publisher *pub = NULL;
	dp_event ev = DP_EVENT_INIT;
	dp_status st;

	opts.topic = "greetings";
	opts.source = "consumer";
	st = dp_publisher_new(&pub, hub, &opts, err);
	if (st != DP_OK) {
		return st;
	}
	ev.type = "consumer.v1.Hello";
	ev.payload.data = "hello";
	ev.payload.size = 5;
	st = dp_publisher_publish(pub, &ev, DP_SECOND, err);
	if (st == DP_OK) {
		st = dp_publisher_flush(pub, 10 * DP_SECOND, err);
	}
	dp_publisher_free(pub);
	return st;
}

static dp_status receive(dp_hub *hub, int *ret_same, dp_error **err)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = NULL;
	dp_batch *batch = NULL;
	dp_bytes payload;
	dp_status st;

	opts.topics = "greetings";
	st = dp_subscription_open(&sub, hub, "reader", &opts, err);
	if (st != DP_OK) {
		return st;
	}
	st = dp_subscription_pull(sub, &batch, 10, 10 * DP_SECOND, err);
	if (st == DP_OK) {
		payload = dp_message_payload(dp_batch_message(batch, 0));
		*ret_same = payload.size == 5 &&
			memcmp(payload.data, "hello", 5) == 0;
		st = dp_subscription_ack_batch(sub, batch, err);
	}
	dp_batch_unref(batch);
	dp_subscription_close(sub);
	return st;
}

int main(void)
{
	dp_runtime *rt = NULL;
	dp_hub *hub = NULL;
	dp_error *err = NULL;
	int is_same = 0;

	if (dp_version_hex() != DP_VERSION_HEX) {
		fprintf(stderr, "linked with %s\n", dp_version());
		return 1;
	}
	if (dp_runtime_new(&rt, NULL, &err) != DP_OK) {
		return failed("runtime", err);
	}
	if (dp_hub_open(&hub, rt, "memory:consumer", NULL, &err) != DP_OK ||
		publish(hub, &err) != DP_OK ||
		receive(hub, &is_same, &err) != DP_OK) {
		return failed("hub", err);
	}
	dp_hub_close(hub);
	dp_runtime_free(rt);
	if (!is_same) {
		fprintf(stderr, "the payload came back changed\n");
		return 1;
	}
	return 0;
}
