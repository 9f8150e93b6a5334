/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Five minutes with datapipe: publishes three payments, reads them back, and
 * keeps them in a lake.
 *
 * usage: tour DIR
 */
#include <stdio.h>

#include <datapipe/datapipe.h>

#include "payments.pb-c.h"

static dp_status publish_payment(
	dp_publisher *pub, const char *order, int64_t amount, dp_error **err)
{
	Shop__V1__Paid paid = SHOP__V1__PAID__INIT;
	uint8_t bytes[256];
	dp_event ev = DP_EVENT_INIT;

	paid.order = (char *)order;
	paid.amount_minor = amount;
	paid.currency = "EUR";

	ev.type = "shop.v1.Paid";
	ev.payload.data = bytes;
	ev.payload.size = shop__v1__paid__pack(&paid, bytes);
	return dp_publisher_publish(pub, &ev, DP_SECOND, err);
}

static dp_status publish(dp_hub *hub, dp_error **err)
{
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	dp_publisher *pub = NULL;
	dp_status st;

	opts.topic = "ramp.shop";
	opts.source = "tour";
	st = dp_publisher_new(&pub, hub, &opts, err);
	if (st == DP_OK) {
		st = publish_payment(pub, "order-1", 1250, err);
	}
	if (st == DP_OK) {
		st = publish_payment(pub, "order-2", 800, err);
	}
	if (st == DP_OK) {
		st = publish_payment(pub, "order-3", 4999, err);
	}
	if (st == DP_OK) {
		/* From here on the three survive a loss of power. */
		st = dp_publisher_flush(pub, DP_FOREVER, err);
	}
	dp_publisher_free(pub);
	return st;
}

static void print_payment(const dp_message *msg)
{
	dp_bytes payload = dp_message_payload(msg);
	Shop__V1__Paid *paid =
		shop__v1__paid__unpack(NULL, payload.size, payload.data);
	char id[DP_ID_SIZE];

	dp_message_id(msg, id);
	if (paid != NULL) {
		printf("%s  %s: %lld\n", id, paid->order,
			(long long)paid->amount_minor);
		shop__v1__paid__free_unpacked(paid, NULL);
	}
}

static dp_status subscribe(dp_hub *hub, dp_error **err)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_subscription *sub = NULL;
	dp_batch *batch = NULL;
	dp_status st;
	size_t i;

	opts.topics = "ramp.*";
	st = dp_subscription_open(&sub, hub, "bookkeeping", &opts, err);
	if (st == DP_OK) {
		st = dp_subscription_pull(
			sub, &batch, 100, 10 * DP_SECOND, err);
	}
	if (st == DP_OK) {
		for (i = 0; i < dp_batch_count(batch); i++) {
			print_payment(dp_batch_message(batch, i));
		}
		/* What is not acked comes again, also after a crash. */
		st = dp_subscription_ack_batch(sub, batch, err);
	}
	dp_batch_unref(batch);
	dp_subscription_close(sub);
	return st;
}

static dp_status keep(dp_pipeline *pipe, dp_runtime *rt, dp_hub *hub,
	dp_store *store, dp_error **err)
{
	dp_sink *lake = NULL;
	dp_status st = dp_lake_sink_new(&lake, rt, store, NULL, err);

	if (st == DP_OK) {
		st = dp_pipeline_add_sink(
			pipe, "ramp2lake", hub, "ramp.*", lake, NULL, err);
	}
	if (st == DP_OK) {
		st = dp_pipeline_start(pipe, err);
	}
	if (st == DP_OK) {
		st = dp_pipeline_wait_idle(pipe, 10 * DP_SECOND, err);
	}
	if (st == DP_OK) {
		st = dp_pipeline_drain(pipe, 10 * DP_SECOND, NULL, err);
	}
	return st;
}

static dp_status fill_lake(
	dp_runtime *rt, dp_hub *hub, const char *dir, dp_error **err)
{
	dp_store *store = NULL;
	dp_pipeline *pipe = NULL;
	char address[4096];
	dp_status st;

	snprintf(address, sizeof(address), "file:%s/lake", dir);
	st = dp_store_open(&store, rt, address, err);
	if (st == DP_OK) {
		st = dp_pipeline_new(&pipe, rt, "tour", err);
	}
	if (st == DP_OK) {
		st = keep(pipe, rt, hub, store, err);
	}
	dp_pipeline_free(pipe);
	dp_store_close(store);
	return st;
}

int main(int argc, char **argv)
{
	dp_runtime *rt = NULL;
	dp_hub *hub = NULL;
	dp_error *err = NULL;
	char address[4096];
	dp_status st;

	if (argc != 2) {
		fprintf(stderr, "usage: tour DIR\n");
		return 2;
	}
	snprintf(address, sizeof(address), "log:%s/hub", argv[1]);
	st = dp_runtime_new(&rt, NULL, &err);
	if (st == DP_OK) {
		st = dp_hub_open(&hub, rt, address, NULL, &err);
	}
	if (st == DP_OK) {
		st = publish(hub, &err);
	}
	if (st == DP_OK) {
		st = subscribe(hub, &err);
	}
	if (st == DP_OK) {
		st = fill_lake(rt, hub, argv[1], &err);
	}
	if (st != DP_OK) {
		fprintf(stderr, "tour: %s\n", dp_error_message(err));
	}
	dp_error_free(err);
	dp_hub_close(hub);
	dp_runtime_free(rt);
	return st != DP_OK;
}
