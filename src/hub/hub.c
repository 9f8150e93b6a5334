/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub.h"

#include <string.h>

#include "base/adopt.h"
#include "base/error.h"
#include "base/text.h"
#include "hub/log/log_hub.h"
#include "hub/memory.h"

/*
 * The public face of hubs of every kind: checks what the user gives, fills in
 * defaults, and hands over to the kind that the address names.
 */

#define SEGMENT_BYTES_DEFAULT ((uint64_t)64 << 20)
#define SEGMENT_BYTES_LEAST ((uint64_t)64 << 10)
/* Records keep their place in a segment in 32 bits. */
#define SEGMENT_BYTES_MOST ((uint64_t)2 << 30)
#define PARTITIONS_DEFAULT 64u
#define PARTITIONS_MOST 4096u
#define SYNC_INTERVAL_DEFAULT (100 * DP_MILLISECOND)

static dp_status check_segment_bytes(uint64_t bytes, dp_error **err)
{
	if (bytes < SEGMENT_BYTES_LEAST || bytes > SEGMENT_BYTES_MOST) {
		return dpi_error_set(err, DP_EINVAL,
			"hub options: segment_bytes is %llu: give 64 KiB to "
			"2 GiB",
			(unsigned long long)bytes);
	}
	return DP_OK;
}

static dp_status check_hub_options(const dp_hub_options *opts, dp_error **err)
{
	dp_status st = check_segment_bytes(opts->segment_bytes, err);

	if (st != DP_OK) {
		return st;
	}
	if (opts->retention_ns < 0 || opts->sync_interval_ns < 0) {
		return dpi_error_set(err, DP_EINVAL,
			"hub options: retention_ns or sync_interval_ns is "
			"negative");
	}
	if (opts->retention_forced != 0 && opts->retention_forced != 1) {
		return dpi_error_set(err, DP_EINVAL,
			"hub options: retention_forced is %d: give 0 or 1",
			(int)opts->retention_forced);
	}
	if (opts->full_policy < DP_FULL_REJECT ||
		opts->full_policy > DP_FULL_DROP_OLDEST) {
		return dpi_error_set(err, DP_EINVAL,
			"hub options: full_policy is %d: give one of "
			"DP_FULL_*",
			(int)opts->full_policy);
	}
	if (opts->partitions_max > PARTITIONS_MOST) {
		return dpi_error_set(err, DP_EINVAL,
			"hub options: partitions_max is %u: at most %u",
			(unsigned)opts->partitions_max, PARTITIONS_MOST);
	}
	return DP_OK;
}

static dp_status adopt_hub_options(
	dp_hub_options *opts, const dp_hub_options *given, dp_error **err)
{
	dp_status st = dpi_adopt(opts, sizeof(*opts), given,
		DPI_SIZE_UP_TO(dp_hub_options, sync_interval_ns), "hub options",
		"DP_HUB_OPTIONS_INIT", err);

	if (st != DP_OK) {
		return st;
	}
	if (opts->segment_bytes == 0) {
		opts->segment_bytes = SEGMENT_BYTES_DEFAULT;
	}
	if (opts->full_policy == DP_FULL_DEFAULT) {
		opts->full_policy = DP_FULL_REJECT;
	}
	if (opts->partitions_max == 0) {
		opts->partitions_max = PARTITIONS_DEFAULT;
	}
	if (opts->sync_interval_ns == 0) {
		opts->sync_interval_ns = SYNC_INTERVAL_DEFAULT;
	}
	return check_hub_options(opts, err);
}

/* What stands behind a scheme such as "log:", or NULL. */
static const char *after_scheme(const char *address, const char *scheme)
{
	size_t size = strlen(scheme);

	return strncmp(address, scheme, size) == 0 ? address + size : NULL;
}

static dp_status open_address(dp_hub **ret_hub, dp_runtime *rt,
	const char *address, const dp_hub_options *opts, dp_error **err)
{
	const char *directory = after_scheme(address, "log:");
	const char *name = after_scheme(address, "memory:");

	if (directory != NULL && directory[0] != '\0') {
		return dpi_log_hub_open(ret_hub, rt, directory, opts, err);
	}
	if (name != NULL && dpi_name_valid(name, DPI_NAME_MAX)) {
		return dpi_memory_hub_open(ret_hub, rt, name, opts, err);
	}
	return dpi_error_set(err, DP_EINVAL,
		"hub address '%.256s': give log:DIRECTORY, or memory:NAME "
		"with 1 to %d of [A-Za-z0-9._-]",
		address, DPI_NAME_MAX);
}

dp_status dp_hub_open(dp_hub **ret_hub, dp_runtime *rt, const char *address,
	const dp_hub_options *given, dp_error **err)
{
	dp_hub_options opts;
	dp_status st;

	if (ret_hub == NULL || rt == NULL || address == NULL) {
		return dpi_error_set(err, DP_EINVAL,
			"dp_hub_open() needs ret_hub, a runtime and an "
			"address");
	}
	st = dpi_runtime_check(rt, err);
	if (st == DP_OK) {
		st = adopt_hub_options(&opts, given, err);
	}
	return st == DP_OK ? open_address(ret_hub, rt, address, &opts, err)
			   : st;
}

void dp_hub_close(dp_hub *hub)
{
	if (hub != NULL) {
		hub->ops->close(hub);
	}
}

static dp_status check_hub(dp_hub *hub, dp_error **err)
{
	if (hub == NULL) {
		return dpi_error_set(err, DP_EINVAL, "hub is NULL");
	}
	return dpi_runtime_check(hub->rt, err);
}

dp_status dp_hub_get_stats(dp_hub *hub, dp_hub_stats *ret, dp_error **err)
{
	dp_hub_stats stats = {.struct_size = sizeof(stats)};
	dp_status st = check_hub(hub, err);

	if (st == DP_OK) {
		st = hub->ops->stats(hub, &stats, err);
	}
	if (st == DP_OK) {
		st = dpi_adopt_out(ret, &stats, sizeof(stats),
			DPI_SIZE_UP_TO(dp_hub_stats, disk_bytes),
			"hub statistics", err);
	}
	return st;
}

static dp_status check_subscription_name(const char *name, dp_error **err)
{
	if (name == NULL || !dpi_name_valid(name, DPI_NAME_MAX)) {
		return dpi_error_set(err, DP_EINVAL,
			"subscription name '%.256s': give 1 to %d of "
			"[A-Za-z0-9._-]",
			name != NULL ? name : "(NULL)", DPI_NAME_MAX);
	}
	return DP_OK;
}

dp_status dp_subscription_open(dp_subscription **ret_sub, dp_hub *hub,
	const char *name, const dp_subscription_options *given, dp_error **err)
{
	dp_subscription_options opts;
	dp_status st = check_hub(hub, err);

	if (st == DP_OK && ret_sub == NULL) {
		st = dpi_error_set(err, DP_EINVAL, "ret_sub is NULL");
	}
	if (st == DP_OK) {
		st = check_subscription_name(name, err);
	}
	if (st == DP_OK) {
		st = dpi_subscription_adopt_options(&opts, given, err);
	}
	return st == DP_OK ? hub->ops->subscribe(hub, name, &opts, ret_sub, err)
			   : st;
}

dp_status dp_subscription_delete(dp_hub *hub, const char *name, dp_error **err)
{
	dp_status st = check_hub(hub, err);

	if (st == DP_OK) {
		st = check_subscription_name(name, err);
	}
	return st == DP_OK ? hub->ops->unsubscribe(hub, name, err) : st;
}
