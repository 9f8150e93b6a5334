/* SPDX-License-Identifier: Apache-2.0 */
#include "log_fsck.h"

#include <string.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "hub/log/scan.h"
#include "log_cursors.h"
#include "log_report.h"
#include "log_walk.h"

static const char HELP[] =
	"usage: datapipe log fsck [--topic TOPIC]… [--json] DIRECTORY\n"
	"\n"
	"Checks all that a log keeps: its identity, each record of each\n"
	"segment, the places of subscriptions. Changes nothing, and may run\n"
	"while others write and read the log: what they have not finished is\n"
	"no damage.\n"
	"\n"
	"  --topic TOPIC  check this topic alone; may be given again\n"
	"  --json         a JSON object on each line\n"
	"  --help         this text\n"
	"\n"
	"The last line is the verdict. Exit status: 0 clean, 1 damaged, 2 "
	"wrong\n"
	"usage, or the log could not be read.\n";

struct fsck {
	struct log_files log;
	struct report report;
	const char **topics; /* that were asked for */
	size_t topic_count;  /* 0: all */
	bool is_json;
};

/* The partition that is being checked. */
struct partition_check {
	struct fsck *fsck;
	const dpi_partition_name *name;
	struct report_contents contents;
};

static struct report_place place_of(
	const struct partition_check *check, uint64_t from, uint64_t to)
{
	return (struct report_place){
		.topic = check->name->topic,
		.partition = check->name->partition,
		.from = from,
		.to = to,
	};
}

static void on_damage(void *user, uint64_t from, uint64_t to, const char *how)
{
	struct partition_check *check = user;
	struct report_place place = place_of(check, from, to);

	report_damage(&check->fsck->report, &place, how);
}

static void on_note(void *user, uint64_t from, uint64_t to, const char *what)
{
	struct partition_check *check = user;
	struct report_place place = place_of(check, from, to);

	report_note(&check->fsck->report, &place, what);
}

static void on_progress(void *user, uint64_t bytes)
{
	struct partition_check *check = user;

	report_progress(&check->fsck->report, check->name, bytes);
}

static bool on_record(void *user, const struct walk_record *record)
{
	struct partition_check *check = user;
	struct report_contents *contents = &check->contents;
	dp_message msg;

	if (dpi_walk_kind(record->data) != DPI_RECORD_EVENT) {
		return true;
	}
	if (!dpi_record_parse(&msg, record->data, record->size)) {
		on_damage(check, record->offset, record->offset + record->size,
			"a record with the right checksum whose parts do not "
			"fit");
		return true;
	}
	if (contents->records == 0) {
		contents->first = record->offset;
		contents->first_ms = record->append_ms;
	}
	contents->last = record->offset;
	contents->last_ms = record->append_ms;
	contents->records++;
	contents->bytes += record->size;
	return true;
}

static dp_status check_partition(
	struct fsck *fsck, const dpi_partition_name *name, dp_error **err)
{
	struct partition_check check = {.fsck = fsck, .name = name};
	const struct walk_visitor visitor = {
		.user = &check,
		.record = on_record,
		.damage = on_damage,
		.note = on_note,
		.progress = on_progress,
	};
	struct walk_facts facts;
	dp_status st;

	check.contents.first_ms = -1;
	check.contents.last_ms = -1;
	st = log_walk(&fsck->log, name, 0, &visitor, &facts, err);
	if (st != DP_OK) {
		return dpi_error_prefix(err, st, "topic %s, partition %u",
			name->topic, (unsigned)name->partition);
	}
	if (facts.hint.is_foreign) {
		on_damage(&check, 0, 0,
			"the state page is of another partition, or damaged; "
			"its next owner makes it anew");
	}
	report_partition(&fsck->report, name, &check.contents, &facts);
	return DP_OK;
}

static dp_status check_topic(
	struct fsck *fsck, const char *topic, dp_error **err)
{
	const uint32_t *partitions;
	size_t count;
	dp_status st;

	st = log_files_partitions(&fsck->log, topic, &partitions, &count, err);
	if (st == DP_ENOTFOUND && fsck->topic_count == 0) {
		/* Nobody asked for it: somebody's file among the topics. */
		dpi_error_clear(err);
		return DP_OK;
	}
	fsck->report.topics++;
	for (size_t i = 0; st == DP_OK && i < count; i++) {
		dpi_partition_name name = {topic, partitions[i]};

		st = check_partition(fsck, &name, err);
	}
	return st;
}

static dp_status check_all_topics(struct fsck *fsck, dp_error **err)
{
	const char *const *topics = fsck->topics;
	size_t count = fsck->topic_count;
	dp_status st = DP_OK;

	if (count == 0) {
		st = log_files_topics(&fsck->log, &topics, &count, err);
	}
	for (size_t i = 0; st == DP_OK && i < count; i++) {
		st = check_topic(fsck, topics[i], err);
	}
	return st;
}

static dp_status check_log(struct fsck *fsck, dp_error **err)
{
	const struct report_place nowhere = {.topic = NULL};
	dp_status st;

	report_log(&fsck->report, &fsck->log);
	if (fsck->log.has_damaged_copy) {
		report_damage(&fsck->report, &nowhere,
			"one of the two copies of the identity is damaged");
	}
	st = check_all_topics(fsck, err);
	if (st == DP_OK) {
		st = log_cursors_check(&fsck->log, &fsck->report, fsck->topics,
			fsck->topic_count, err);
	}
	return st;
}

/* Without its identity, nothing can be said of what is in a log. */
static void report_no_identity(struct report *report, dp_error **err)
{
	const struct report_place nowhere = {.topic = NULL};

	report_damage(report, &nowhere, dp_error_message(*err));
	dpi_error_clear(err);
}

static int check(
	struct fsck *fsck, const struct verb *verb, const char *directory)
{
	dp_error *err = NULL;
	int status;
	dp_status st;

	st = log_files_open(&fsck->log, directory, &err);
	if (st != DP_OK && st != DP_ECORRUPT) {
		return verb_failed(verb, err);
	}
	report_init(&fsck->report, fsck->is_json);
	if (st == DP_OK) {
		st = check_log(fsck, &err);
		log_files_close(&fsck->log);
	} else {
		report_no_identity(&fsck->report, &err);
		st = DP_OK;
	}
	if (st == DP_OK) {
		report_verdict(&fsck->report);
		st = fsck->report.line.failed;
		if (st != DP_OK) {
			st = dpi_error_set(&err, st, "no memory for a line");
		}
	}
	status = st != DP_OK               ? verb_failed(verb, err)
		: fsck->report.damages > 0 ? EXIT_DAMAGE
					   : EXIT_CLEAN;
	verb_flush(verb, &status);
	report_fini(&fsck->report);
	return status;
}

static bool take_option(void *user, int option, char *value)
{
	struct fsck *fsck = user;

	if (option == 't') {
		fsck->topics[fsck->topic_count++] = value;
	} else {
		fsck->is_json = true;
	}
	return true;
}

/* topics has room for all arguments. */
static int run_with(
	const struct verb *verb, int argc, char **argv, const char **topics)
{
	static const struct option options[] = {
		{"topic", required_argument, NULL, 't'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, OPTION_HELP},
		{NULL, 0, NULL, 0},
	};
	struct fsck fsck = {.topics = topics};
	int status =
		verb_options(verb, argc, argv, options, take_option, &fsck);
	if (status != GO_ON) {
		return status;
	}
	if (optind + 1 != argc) {
		return verb_misused(verb, "give one directory");
	}
	for (size_t i = 0; i < fsck.topic_count; i++) {
		if (!dpi_name_valid(topics[i], DPI_LOG_TOPIC_MAX)) {
			return verb_misused(
				verb, "%s is no name of a topic", topics[i]);
		}
	}
	return check(&fsck, verb, argv[optind]);
}

static int run(const struct verb *verb, int argc, char **argv)
{
	const dp_allocator *alloc = dpi_alloc_default();
	const char **topics = dpi_zalloc(alloc, (size_t)argc, sizeof(*topics));
	dp_error *err = NULL;
	int status;

	if (topics == NULL) {
		(void)dpi_error_set(&err, DP_ENOMEM, "no memory for arguments");
		return verb_failed(verb, err);
	}
	status = run_with(verb, argc, argv, topics);
	dpi_free(alloc, topics, (size_t)argc, sizeof(*topics));
	return status;
}

const struct verb log_fsck = {
	.name = "log fsck",
	.summary = "checks a log, and changes nothing",
	.help = HELP,
	.run = run,
};
