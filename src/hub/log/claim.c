/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/claim.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/thread.h"
#include "hub/log/cursor.h"
#include "hub/log/epoch.h"
#include "hub/log/registration.h"

/* Offsets of files, and so of their bytes, are signed; leave room. */
#define BYTE_MASK ((UINT64_C(1) << 62) - 1)
/* How long another process may take to make or delete a subscription. */
#define MAKE_WAIT (10 * DP_SECOND)

static uint64_t byte_of(const char *name, const char *what, uint32_t number)
{
	uint64_t hash = dpi_hash64(number, name, strlen(name) + 1);

	return dpi_hash64(hash, what, strlen(what)) & BYTE_MASK;
}

static uint64_t seat_byte(const char *name, uint32_t seat)
{
	return byte_of(name, "/seat", seat);
}

static uint64_t partition_byte(
	const dpi_claims *claims, const dpi_partition_name *partition)
{
	return byte_of(claims->name, partition->topic, partition->partition);
}

/* Has all openings look again at what there is to be claimed. */
static void tell(dpi_log_hub *hub)
{
	atomic_fetch_add(&hub->news->layout, 1);
	dpi_log_news_tell(hub->news, hub->os);
}

void dpi_claims_path(char *buf, const dpi_log_hub *hub)
{
	dpi_log_path(buf, hub->directory, "readers");
}

static dp_status open_locks(
	dpi_locks *ret, const dpi_log_hub *hub, dp_error **err)
{
	char path[DPI_LOG_PATH_MAX];

	dpi_claims_path(path, hub);
	return dpi_locks_open(ret, hub->alloc, hub->os, path, err);
}

/* Waits for the byte that allows to make and delete the subscription. */
static dp_status begin_making(
	dpi_locks *locks, const char *name, dp_error **err)
{
	dp_status st = dpi_locks_await(
		locks, byte_of(name, "/make", 0), MAKE_WAIT, err);

	return st == DP_ELOCKED ? dpi_error_set(err, st,
					  "subscription %s: another process "
					  "makes or deletes it",
					  name)
				: st;
}

static void end_making(dpi_locks *locks, const char *name)
{
	dpi_locks_give(locks, byte_of(name, "/make", 0));
}

/* Whether somebody else sits there: looking takes nothing from anybody. */
static dp_status is_taken(const dpi_locks *locks, const char *name,
	uint32_t seat, bool *ret, dp_error **err)
{
	uint64_t byte = seat_byte(name, seat);
	const dpi_os *os = locks->os;
	int rc = os->lock(os->self, locks->fd, byte, DPI_LOCK_SHARED);

	if (rc != 0 && rc != -EAGAIN) {
		return dpi_error_sys(err, -rc, "readers cannot be counted");
	}
	*ret = rc == -EAGAIN;
	if (rc == 0) {
		(void)os->lock(os->self, locks->fd, byte, DPI_LOCK_NONE);
	}
	return DP_OK;
}

static dp_status take_seat(dpi_claims *claims, dp_error **err)
{
	for (uint32_t seat = 0; seat < DPI_CLAIM_SEATS; seat++) {
		dp_status st = dpi_locks_take(
			&claims->locks, seat_byte(claims->name, seat), err);

		if (st == DP_OK) {
			claims->seat = seat;
		}
		if (st != DP_ELOCKED) {
			return st;
		}
	}
	return dpi_error_set(err, DP_ELOCKED,
		"subscription %s is open %u times already", claims->name,
		DPI_CLAIM_SEATS);
}

dp_status dpi_claims_openers(
	const dpi_claims *claims, size_t *ret, dp_error **err)
{
	size_t count = 1;

	for (uint32_t seat = 0; seat < DPI_CLAIM_SEATS; seat++) {
		bool taken = false;
		dp_status st = DP_OK;

		if (seat != claims->seat) {
			st = is_taken(&claims->locks, claims->name, seat,
				&taken, err);
		}
		if (st != DP_OK) {
			return st;
		}
		count += taken;
	}
	*ret = count;
	return DP_OK;
}

static dp_status last_epoch(dpi_log_hub *hub,
	const dpi_log_partition *partition, uint64_t *ret, dp_error **err)
{
	dpi_segment_owner owner = dpi_log_owner(hub, &partition->name);
	dpi_segment_list list;
	dp_status st = dpi_segment_list_init(&list, hub->alloc, hub->os,
		hub->directory, &partition->name, err);

	if (st == DP_OK) {
		st = dpi_log_epoch_last(hub, &owner, &list, ret, err);
		dpi_segment_list_fini(&list, hub->alloc);
	}
	return st;
}

/* Writes down that a subscription begins at the end of a partition. */
static dp_status skip_to_end(dpi_log_hub *hub, const char *name,
	dpi_log_partition *partition, dp_error **err)
{
	char path[DPI_LOG_PATH_MAX];
	dpi_cursor cursor = {0};
	dpi_cursor_file file;
	uint64_t epoch;
	dp_status st;

	st = dpi_log_settle(hub, partition, err);
	cursor.next = atomic_load(&partition->state->durable);
	if (st == DP_OK) {
		st = last_epoch(hub, partition, &epoch, err);
	}
	if (st != DP_OK) {
		return st;
	}
	dpi_registration_cursor_path(
		path, hub->directory, name, &partition->name);
	st = dpi_cursor_open(&file, hub->os, path, NULL,
		dpi_registration_cursor_key(hub, name, &partition->name), err);
	if (st != DP_OK) {
		return st;
	}
	st = dpi_cursor_save(&file, &cursor, epoch, true, err);
	dpi_cursor_close(&file);
	return st;
}

static dp_status skip_to_ends(
	dpi_log_hub *hub, const char *name, const char *topics, dp_error **err)
{
	dpi_log_partition *partition;
	dp_status st = dpi_log_refresh(hub, err);

	if (st != DP_OK) {
		return st;
	}
	dpi_lock(&hub->lock);
	partition = hub->partitions;
	dpi_unlock(&hub->lock);
	for (; st == DP_OK && partition != NULL; partition = partition->next) {
		if (dpi_pattern_match(
			    topics, dpi_bytes_text(partition->topic))) {
			st = skip_to_end(hub, name, partition, err);
		}
	}
	return st;
}

static dp_status make(
	dpi_claims *claims, const dp_subscription_options *opts, dp_error **err)
{
	dpi_registration registration;
	dp_status st;

	memcpy(registration.topics, claims->topics,
		sizeof(registration.topics));
	st = dpi_registration_prepare(claims->hub, claims->name, err);
	if (st == DP_OK && opts->start == DP_START_LATEST) {
		st = skip_to_ends(
			claims->hub, claims->name, claims->topics, err);
	}
	return st == DP_OK ? dpi_registration_write(claims->hub, claims->name,
				     &registration, err)
			   : st;
}

static dp_status find_or_make(
	dpi_claims *claims, const dp_subscription_options *opts, dp_error **err)
{
	dpi_registration known;
	dp_status st =
		dpi_registration_read(claims->hub, claims->name, &known, err);

	if (st == DP_ENOTFOUND) {
		return make(claims, opts, err);
	}
	if (st == DP_OK && strcmp(known.topics, claims->topics) != 0) {
		return dpi_error_set(err, DP_EEXIST,
			"subscription %s reads %s, not %s: delete it first, or "
			"take another name",
			claims->name, known.topics, claims->topics);
	}
	return st;
}

static dp_status open_under_lock(
	dpi_claims *claims, const dp_subscription_options *opts, dp_error **err)
{
	dp_status st = begin_making(&claims->locks, claims->name, err);

	if (st != DP_OK) {
		return st;
	}
	st = find_or_make(claims, opts, err);
	if (st == DP_OK) {
		st = dpi_registration_keep(claims->hub, claims->name, err);
	}
	if (st == DP_OK) {
		st = take_seat(claims, err);
	}
	end_making(&claims->locks, claims->name);
	return st;
}

dp_status dpi_claims_open(dpi_claims *ret, dpi_log_hub *hub, const char *name,
	const dp_subscription_options *opts, dp_error **err)
{
	dp_status st;

	ret->hub = hub;
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	snprintf(ret->topics, sizeof(ret->topics), "%s", opts->topics);
	st = open_locks(&ret->locks, hub, err);
	if (st != DP_OK) {
		return st;
	}
	st = open_under_lock(ret, opts, err);
	if (st != DP_OK) {
		dpi_locks_close(&ret->locks);
		return st;
	}
	dpi_claims_reserve(ret);
	tell(hub);
	return DP_OK;
}

void dpi_claims_reserve(const dpi_claims *claims)
{
	char path[DPI_LOG_PATH_MAX];

	dpi_registration_reserved_path(
		path, claims->hub->directory, claims->name, claims->seat);
	dpi_cursor_reserve(claims->hub->os, path);
}

void dpi_claims_close(dpi_claims *claims)
{
	bool is_ours = dpi_runtime_check(claims->hub->hub.rt, NULL) == DP_OK;

	/* Closing is not enough where a child of fork() has the file, too. */
	if (is_ours) {
		dpi_locks_give(
			&claims->locks, seat_byte(claims->name, claims->seat));
	}
	dpi_locks_close(&claims->locks);
	if (is_ours) {
		tell(claims->hub);
	}
}

dp_status dpi_claims_take(
	dpi_claims *claims, const dpi_partition_name *partition, dp_error **err)
{
	return dpi_locks_take(
		&claims->locks, partition_byte(claims, partition), err);
}

void dpi_claims_give(dpi_claims *claims, const dpi_partition_name *partition)
{
	dpi_locks_give(&claims->locks, partition_byte(claims, partition));
	tell(claims->hub);
}

static dp_status check_closed(
	const dpi_locks *locks, const char *name, dp_error **err)
{
	for (uint32_t seat = 0; seat < DPI_CLAIM_SEATS; seat++) {
		bool taken = false;
		dp_status st = is_taken(locks, name, seat, &taken, err);

		if (st != DP_OK) {
			return st;
		}
		if (taken) {
			return dpi_error_set(err, DP_ELOCKED,
				"subscription %s is open: close it first",
				name);
		}
	}
	return DP_OK;
}

/* One whose pattern is damaged can be deleted, too. */
static dp_status delete_under_lock(dpi_log_hub *hub, const dpi_locks *locks,
	const char *name, dp_error **err)
{
	dpi_registration known;
	dp_status st = check_closed(locks, name, err);

	if (st != DP_OK) {
		return st;
	}
	st = dpi_registration_read(hub, name, &known, NULL);
	if (st == DP_ENOTFOUND) {
		return dpi_error_set(
			err, st, "there is no subscription %s", name);
	}
	return dpi_registration_remove(hub, name, err);
}

dp_status dpi_log_unsubscribe(dp_hub *base, const char *name, dp_error **err)
{
	dpi_log_hub *hub = (dpi_log_hub *)base;
	dpi_locks locks;
	dp_status st;

	st = open_locks(&locks, hub, err);
	if (st != DP_OK) {
		return st;
	}
	st = begin_making(&locks, name, err);
	if (st == DP_OK) {
		st = delete_under_lock(hub, &locks, name, err);
		end_making(&locks, name);
	}
	dpi_locks_close(&locks);
	return st;
}
