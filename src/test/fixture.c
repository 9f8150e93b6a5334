/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include <datapipe/publisher.h>
#include <datapipe/version.h>

#include "base/alloc.h"
#include "base/error.h"
#include "io/runtime.h"
#include "test/fixture_parts.h"

#define MESSAGE_MAX_BYTES ((size_t)1 << 20)

/*
 * The kit has parts of the library inside, and hands what they make over to
 * the library that the test links: they must be of one version.
 */
static dp_status check_version(dp_error **err)
{
	if (dp_version_hex() != DP_VERSION_HEX) {
		return dpi_error_set(err, DP_EABI,
			"datapipe-test is of another version than datapipe: "
			"install both from one release");
	}
	return DP_OK;
}

static dp_status make_parts(
	dp_test_fixture *fx, const dp_runtime_options *opts, dp_error **err)
{
	dp_status st = dpi_eager_clock_start(&fx->clock, err);

	if (st != DP_OK) {
		return st;
	}
	st = dpi_runtime_new(&fx->rt, opts, &fx->clock.clock.os, err);
	if (st != DP_OK) {
		goto err_after_clock;
	}
	st = dp_hub_open(&fx->hub, fx->rt, "memory:test", NULL, err);
	if (st != DP_OK) {
		goto err_after_runtime;
	}
	st = dpi_test_watch(fx, DPI_TEST_DEAD_TOPICS, err);
	if (st != DP_OK) {
		goto err_after_hub;
	}
	fx->begin = fx->clock.clock.os.monotonic(fx->clock.clock.os.self);
	return DP_OK;

err_after_hub:
	dp_hub_close(fx->hub);
err_after_runtime:
	dp_runtime_free(fx->rt);
err_after_clock:
	dpi_eager_clock_stop(&fx->clock);
	return st;
}

dp_status dp_test_fixture_new(dp_test_fixture **ret_fx,
	const dp_runtime_options *opts, dp_error **err)
{
	const dp_allocator *alloc = opts != NULL && opts->allocator != NULL
		? opts->allocator
		: dpi_alloc_default();
	dp_test_fixture *fx;
	dp_status st;

	if (ret_fx == NULL) {
		return dpi_error_set(err, DP_EINVAL, "ret_fx is NULL");
	}
	st = check_version(err);
	if (st != DP_OK) {
		return st;
	}
	fx = dpi_zalloc(alloc, 1, sizeof(*fx));
	if (fx == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for a fixture");
	}
	fx->alloc = alloc;
	dpi_buf_init(&fx->message, alloc, MESSAGE_MAX_BYTES);
	(void)pthread_mutex_init(&fx->lock, NULL);
	(void)pthread_cond_init(&fx->changed, NULL);
	st = make_parts(fx, opts, err);
	if (st != DP_OK) {
		(void)pthread_cond_destroy(&fx->changed);
		(void)pthread_mutex_destroy(&fx->lock);
		dpi_free(alloc, fx, 1, sizeof(*fx));
		return st;
	}
	*ret_fx = fx;
	return DP_OK;
}

void dp_test_fixture_free(dp_test_fixture *fx)
{
	if (fx == NULL) {
		return;
	}
	dpi_test_sinks_free(fx);
	dp_hub_close(fx->hub);
	dp_runtime_free(fx->rt);
	dpi_eager_clock_stop(&fx->clock);
	dpi_buf_fini(&fx->message);
	(void)pthread_cond_destroy(&fx->changed);
	(void)pthread_mutex_destroy(&fx->lock);
	dpi_free(fx->alloc, fx, 1, sizeof(*fx));
}

dp_runtime *dp_test_fixture_runtime(dp_test_fixture *fx)
{
	return fx->rt;
}

dp_hub *dp_test_fixture_hub(dp_test_fixture *fx)
{
	return fx->hub;
}

dp_time_ns dp_test_fixture_elapsed(dp_test_fixture *fx)
{
	const dpi_os *os = &fx->clock.clock.os;

	return os->monotonic(os->self) - fx->begin;
}

static dp_status publish_one(
	dp_test_fixture *fx, const dp_test_event *given, dp_error **err)
{
	const dp_attribute attribute = {given->attribute, given->value};
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	dp_event ev = DP_EVENT_INIT;
	dp_publisher *pub = NULL;
	dp_status st;

	opts.topic = given->at;
	opts.source = "test";
	ev.type = given->type;
	if (given->payload != NULL) {
		ev.payload = (dp_bytes){given->payload, strlen(given->payload)};
	}
	if (given->attribute != NULL) {
		ev.attributes = &attribute;
		ev.attribute_count = 1;
	}
	st = dp_publisher_new(&pub, fx->hub, &opts, err);
	if (st == DP_OK) {
		st = dp_publisher_publish(pub, &ev, DP_FOREVER, err);
	}
	if (st == DP_OK) {
		st = dp_publisher_flush(pub, DP_FOREVER, err);
	}
	dp_publisher_free(pub);
	return st;
}

dp_status dp_test_publish(dp_test_fixture *fx, const dp_test_event *given,
	size_t count, dp_error **err)
{
	dp_status st = DP_OK;

	for (size_t i = 0; st == DP_OK && i < count; i++) {
		st = publish_one(fx, &given[i], err);
	}
	return st;
}
