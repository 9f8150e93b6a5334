/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub.h"

#include <string.h>

#include "base/adopt.h"
#include "base/error.h"

/* The public face of subscriptions of every hub: checks, then hands over. */

#define PATTERN_CHARS \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-*"
#define ACK_DEADLINE_DEFAULT (60 * DP_SECOND)
#define OUTSTANDING_EVENTS_DEFAULT 100000u
#define OUTSTANDING_BYTES_DEFAULT ((uint64_t)64 << 20)

static dp_status check_topics(const char *topics, dp_error **err)
{
	size_t size = topics != NULL ? strspn(topics, PATTERN_CHARS) : 0;

	if (size == 0 || size > DPI_NAME_MAX || topics[size] != '\0') {
		return dpi_error_set(err, DP_EINVAL,
			"subscription options: topics '%.256s': give a topic, "
			"or a pattern of at most %d of [A-Za-z0-9._-] and *",
			topics != NULL ? topics : "(NULL)", DPI_NAME_MAX);
	}
	return DP_OK;
}

static dp_status check_options(
	const dp_subscription_options *opts, dp_error **err)
{
	dp_status st = check_topics(opts->topics, err);

	if (st != DP_OK) {
		return st;
	}
	if (opts->ack_deadline_ns < 0) {
		return dpi_error_set(err, DP_EINVAL,
			"subscription options: ack_deadline_ns is negative");
	}
	if (opts->start != DP_START_EARLIEST &&
		opts->start != DP_START_LATEST) {
		return dpi_error_set(err, DP_EINVAL,
			"subscription options: start is %d: give one of "
			"DP_START_*",
			(int)opts->start);
	}
	if (opts->read_level != DP_ACK_WRITTEN &&
		opts->read_level != DP_ACK_DURABLE) {
		return dpi_error_set(err, DP_EINVAL,
			"subscription options: read_level is %d: give "
			"DP_ACK_WRITTEN or DP_ACK_DURABLE",
			(int)opts->read_level);
	}
	return DP_OK;
}

dp_status dpi_subscription_adopt_options(dp_subscription_options *opts,
	const dp_subscription_options *given, dp_error **err)
{
	dp_status st = dpi_adopt(opts, sizeof(*opts), given,
		DPI_SIZE_UP_TO(dp_subscription_options, read_level),
		"subscription options", "DP_SUBSCRIPTION_OPTIONS_INIT", err);

	if (st != DP_OK) {
		return st;
	}
	if (opts->ack_deadline_ns == 0) {
		opts->ack_deadline_ns = ACK_DEADLINE_DEFAULT;
	}
	if (opts->outstanding_events == 0) {
		opts->outstanding_events = OUTSTANDING_EVENTS_DEFAULT;
	}
	if (opts->outstanding_bytes == 0) {
		opts->outstanding_bytes = OUTSTANDING_BYTES_DEFAULT;
	}
	if (opts->read_level == DP_ACK_DEFAULT ||
		opts->read_level == DP_ACK_DELIVERED) {
		opts->read_level = DP_ACK_DURABLE;
	}
	return check_options(opts, err);
}

static dp_status check_subscription(dp_subscription *sub, dp_error **err)
{
	if (sub == NULL) {
		return dpi_error_set(err, DP_EINVAL, "subscription is NULL");
	}
	return dpi_runtime_check(sub->hub->rt, err);
}

static dp_status check_message(
	dp_subscription *sub, const dp_message *msg, dp_error **err)
{
	if (msg == NULL) {
		return dpi_error_set(err, DP_EINVAL, "message is NULL");
	}
	return check_subscription(sub, err);
}

void dp_subscription_close(dp_subscription *sub)
{
	if (sub != NULL) {
		sub->ops->close(sub);
	}
}

dp_status dp_subscription_pull(dp_subscription *sub, dp_batch **ret_batch,
	size_t max, dp_time_ns timeout_ns, dp_error **err)
{
	dp_status st = check_subscription(sub, err);

	if (st != DP_OK) {
		return st;
	}
	if (ret_batch == NULL || max == 0 || timeout_ns < 0) {
		return dpi_error_set(err, DP_EINVAL,
			"dp_subscription_pull() needs ret_batch, a max of at "
			"least 1 and a timeout that is not negative");
	}
	return sub->ops->pull(sub, ret_batch, max, timeout_ns, err);
}

dp_status dp_subscription_ack(
	dp_subscription *sub, const dp_message *msg, dp_error **err)
{
	dp_status st = check_message(sub, msg, err);

	return st == DP_OK ? sub->ops->ack(sub, msg, err) : st;
}

dp_status dp_subscription_ack_batch(
	dp_subscription *sub, const dp_batch *batch, dp_error **err)
{
	dp_status st = check_subscription(sub, err);

	if (st == DP_OK && batch == NULL) {
		st = dpi_error_set(err, DP_EINVAL, "batch is NULL");
	}
	return st == DP_OK ? sub->ops->ack_batch(sub, batch, err) : st;
}

dp_status dp_subscription_nack(dp_subscription *sub, const dp_message *msg,
	dp_time_ns delay_ns, dp_error **err)
{
	dp_status st = check_message(sub, msg, err);

	if (st == DP_OK && delay_ns < 0) {
		st = dpi_error_set(err, DP_EINVAL, "delay_ns is negative");
	}
	return st == DP_OK ? sub->ops->nack(sub, msg, delay_ns, err) : st;
}

dp_status dp_subscription_extend(dp_subscription *sub, const dp_message *msg,
	dp_time_ns from_now_ns, dp_error **err)
{
	dp_status st = check_message(sub, msg, err);

	if (st == DP_OK && from_now_ns < 0) {
		st = dpi_error_set(err, DP_EINVAL, "from_now_ns is negative");
	}
	return st == DP_OK ? sub->ops->extend(sub, msg, from_now_ns, err) : st;
}

void dp_subscription_interrupt(dp_subscription *sub)
{
	if (check_subscription(sub, NULL) == DP_OK) {
		sub->ops->interrupt(sub);
	}
}

dp_status dp_subscription_get_stats(
	dp_subscription *sub, dp_subscription_stats *ret, dp_error **err)
{
	dp_subscription_stats stats = {.struct_size = sizeof(stats)};
	dp_status st = check_subscription(sub, err);

	if (st == DP_OK) {
		st = sub->ops->stats(sub, &stats, err);
	}
	if (st == DP_OK) {
		st = dpi_adopt_out(ret, &stats, sizeof(stats),
			DPI_SIZE_UP_TO(dp_subscription_stats, system_lag_ns),
			"subscription statistics", err);
	}
	return st;
}
