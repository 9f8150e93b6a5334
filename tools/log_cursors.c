/* SPDX-License-Identifier: Apache-2.0 */
#include "log_cursors.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "hub/log/registration.h"
#include "io/files.h"

/* Looks at a slot that is being written. */
#define TRIES 100

/* The subscription that is being checked. */
struct cursors_check {
	struct log_files *log;
	struct report *report;
	const char *subscription;
	const char *const *topics;
	size_t topic_count; /* 0: all */
};

static bool is_wanted(const struct cursors_check *check, const char *topic)
{
	for (size_t i = 0; i < check->topic_count; i++) {
		if (strcmp(check->topics[i], topic) == 0) {
			return true;
		}
	}
	return check->topic_count == 0;
}

/* Whether a name is TOPIC@PARTITION. Cuts it at the @. */
static bool split_name(char *name, dpi_partition_name *ret)
{
	char *at = strrchr(name, '@');

	if (at == NULL || !dpi_log_is_partition(at + 1, &ret->partition)) {
		return false;
	}
	*at = '\0';
	ret->topic = name;
	return dpi_name_valid(name, DPI_LOG_TOPIC_MAX);
}

enum slot { SLOT_EMPTY, SLOT_GOOD, SLOT_BAD };

static enum slot look_at_slot(const uint8_t *slot, uint64_t key)
{
	static const uint8_t zeros[DPI_CURSOR_SLOT];
	dpi_cursor_file file = {.key = key};

	dpi_cursor_take_slot(&file, slot);
	if (file.sequence > 0) {
		return SLOT_GOOD;
	}
	return memcmp(slot, zeros, sizeof(zeros)) == 0 ? SLOT_EMPTY : SLOT_BAD;
}

/* What stands in a cursor's file. */
struct cursor_slots {
	uint8_t bytes[2 * DPI_CURSOR_SLOT];
	unsigned good;
	unsigned bad;
};

static int64_t read_once(
	const dpi_os *os, int fd, uint64_t key, struct cursor_slots *ret)
{
	int64_t n;

	*ret = (struct cursor_slots){.good = 0};
	n = dpi_os_read_all(os, fd, ret->bytes, sizeof(ret->bytes), 0);
	for (size_t i = 0; n > 0 && i < 2; i++) {
		enum slot slot =
			look_at_slot(ret->bytes + i * DPI_CURSOR_SLOT, key);

		ret->good += slot == SLOT_GOOD;
		ret->bad += slot == SLOT_BAD;
	}
	return n;
}

static dp_status read_slots(const struct log_files *log, const char *path,
	uint64_t key, struct cursor_slots *ret, dp_error **err)
{
	const dpi_os *os = log->hub.os;
	int tries = TRIES;
	int64_t n;
	int fd;

	fd = os->open(os->self, path, DPI_OPEN_READ);
	if (fd < 0) {
		return dpi_error_sys(err, -fd, "%s cannot be opened", path);
	}
	/* A slot that was read while it was written is good the next time. */
	do {
		n = read_once(os, fd, key, ret);
	} while (n >= 0 && ret->bad > 0 && tries-- > 0);
	(void)os->close(os->self, fd);
	return n >= 0 ? DP_OK
		      : dpi_error_sys(err, (int)-n, "%s cannot be read", path);
}

static dp_status tell_cursor(struct cursors_check *check,
	const struct report_place *place, const struct cursor_slots *slots,
	uint64_t key, dp_error **err)
{
	dpi_partition_name name = {place->topic, place->partition};
	dpi_cursor_file file = {.key = key};
	struct log_hint hint;
	dp_status st;

	dpi_cursor_take_slot(&file, slots->bytes);
	dpi_cursor_take_slot(&file, slots->bytes + DPI_CURSOR_SLOT);
	st = log_files_hint(check->log, &name, &hint, err);
	if (st == DP_OK) {
		report_cursor(check->report, place, &file.cursor, &hint);
	}
	return st;
}

static dp_status check_cursor(struct cursors_check *check,
	const dpi_partition_name *name, dp_error **err)
{
	struct report_place place = {
		.subscription = check->subscription,
		.topic = name->topic,
		.partition = name->partition,
	};
	uint64_t key = dpi_registration_cursor_key(
		&check->log->hub, check->subscription, name);
	char path[DPI_LOG_PATH_MAX];
	struct cursor_slots slots;
	dp_status st;

	dpi_registration_cursor_path(
		path, check->log->directory, check->subscription, name);
	st = read_slots(check->log, path, key, &slots, err);
	if (st == DP_ENOTFOUND) {
		/* The subscription was deleted meanwhile. */
		dpi_error_clear(err);
		return DP_OK;
	}
	if (st != DP_OK) {
		return st;
	}
	if (slots.good == 0 && slots.bad > 0) {
		report_damage(check->report, &place,
			"its place is damaged or of something else: it begins "
			"at the oldest event");
	} else if (slots.bad > 0) {
		report_note(check->report, &place,
			"one of the two copies of its place is torn or "
			"damaged; the other counts");
	}
	return slots.good > 0 ? tell_cursor(check, &place, &slots, key, err)
			      : DP_OK;
}

static dp_status check_cursors(struct cursors_check *check, dp_error **err)
{
	struct log_files *log = check->log;
	char path[DPI_LOG_PATH_MAX];
	const char *const *names;
	size_t count;
	dp_status st;

	st = dpi_files_path(path, err, "%s/subscriptions/%s", log->directory,
		check->subscription);
	if (st == DP_OK) {
		st = dpi_files_list(
			log->hub.os, path, &log->arena, &names, &count, err);
	}
	for (size_t i = 0; st == DP_OK && i < count; i++) {
		dpi_partition_name name;
		char entry[DPI_LOG_TOPIC_MAX + 16];

		if (strlen(names[i]) < sizeof(entry) &&
			split_name(strcpy(entry, names[i]), &name) &&
			is_wanted(check, name.topic)) {
			st = check_cursor(check, &name, err);
		}
	}
	return st;
}

static dp_status check_subscription(struct cursors_check *check, dp_error **err)
{
	const struct report_place place = {
		.subscription = check->subscription,
	};
	dpi_registration registration;
	dp_status st;

	st = dpi_registration_read(
		&check->log->hub, check->subscription, &registration, err);
	if (st == DP_ENOTFOUND) {
		return DP_OK; /* half made, or half deleted */
	}
	if (st == DP_ECORRUPT) {
		report_damage(check->report, &place, dp_error_message(*err));
		dpi_error_clear(err);
	} else if (st != DP_OK) {
		return st;
	} else {
		report_subscription(check->report, check->subscription,
			registration.topics);
	}
	st = check_cursors(check, err);
	if (st == DP_ENOTFOUND) {
		dpi_error_clear(err);
		st = DP_OK;
	}
	return st;
}

dp_status log_cursors_check(struct log_files *log, struct report *report,
	const char *const *topics, size_t topic_count, dp_error **err)
{
	struct cursors_check check = {
		.log = log,
		.report = report,
		.topics = topics,
		.topic_count = topic_count,
	};
	const char *const *names;
	size_t count;
	dp_status st;

	st = dpi_registration_list(&log->hub, &log->arena, &names, &count, err);
	for (size_t i = 0; st == DP_OK && i < count; i++) {
		check.subscription = names[i];
		if (dpi_name_valid(names[i], DPI_NAME_MAX)) {
			st = check_subscription(&check, err);
		}
	}
	return st;
}
