/* SPDX-License-Identifier: Apache-2.0 */
#include "log_dump.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "hub/log/scan.h"
#include "log_line.h"
#include "log_walk.h"

static const char HELP[] =
	"usage: datapipe log dump [OPTION]… DIRECTORY TOPIC\n"
	"\n"
	"Prints the events of a topic, oldest first, a line each: partition,\n"
	"offset, time of the append, id, attributes, size and payload. "
	"Changes\n"
	"nothing, and may run while others write and read the log. Damage is\n"
	"passed over, and told on stderr.\n"
	"\n"
	"  --partition P   of this partition alone\n"
	"  --from OFFSET   of this offset and later ones\n"
	"  --count N       at most so many of each partition\n"
	"  --json          a JSON object on each line, with the payload in "
	"base64\n"
	"  --payload HOW   text: as it is, what cannot be printed as \\xHH "
	"(the\n"
	"                  default); hex; base64; none: size alone; raw: the\n"
	"                  bytes of payloads and nothing else\n"
	"  --registry DIR  payloads as JSON, where the registry in DIR has the "
	"schema\n"
	"                  and they are such messages\n"
	"  --help          this text\n"
	"\n"
	"Exit status: 0 all was printed, 1 damage was passed over, 2 wrong "
	"usage,\n"
	"or the log could not be read.\n";

struct dump {
	const struct verb *verb;
	struct log_files log;
	struct log_line line;
	const char *registry; /* its directory, or NULL */
	bool has_partition;
	uint32_t partition;
	uint64_t from;
	uint64_t count;
	bool is_damaged;
};

/* The partition that is being printed. */
struct partition_dump {
	struct dump *dump;
	const dpi_partition_name *name;
	uint64_t left; /* events still to print */
};

static void on_damage(void *user, uint64_t from, uint64_t to, const char *how)
{
	struct partition_dump *part = user;

	if (to > from && to <= part->dump->from) {
		return;
	}
	part->dump->is_damaged = true;
	(void)fflush(stdout);
	(void)fprintf(stderr,
		"datapipe log dump: %s/%u: offsets %" PRIu64 " to %" PRIu64
		": %s\n",
		part->name->topic, (unsigned)part->name->partition, from, to,
		how);
}

static void on_note(void *user, uint64_t from, uint64_t to, const char *what)
{
	(void)user;
	(void)from;
	(void)to;
	(void)what;
}

static void on_progress(void *user, uint64_t bytes)
{
	(void)user;
	(void)bytes;
}

static bool on_record(void *user, const struct walk_record *record)
{
	struct partition_dump *part = user;
	dp_message msg;

	if (dpi_walk_kind(record->data) != DPI_RECORD_EVENT ||
		record->offset < part->dump->from) {
		return true;
	}
	if (!dpi_record_parse(&msg, record->data, record->size)) {
		on_damage(part, record->offset, record->offset + record->size,
			"a record with the right checksum whose parts do not "
			"fit");
		return true;
	}
	msg.from = part->name;
	msg.offset = record->offset;
	log_line_print(&part->dump->line, &msg, record->append_ms);
	part->left--;
	return part->left > 0 && !ferror(stdout);
}

static dp_status dump_partition(
	struct dump *dump, const dpi_partition_name *name, dp_error **err)
{
	struct partition_dump part = {
		.dump = dump,
		.name = name,
		.left = dump->count,
	};
	const struct walk_visitor visitor = {
		.user = &part,
		.record = on_record,
		.damage = on_damage,
		.note = on_note,
		.progress = on_progress,
	};
	struct walk_facts facts;

	return log_walk(&dump->log, name, dump->from, &visitor, &facts, err);
}

static dp_status dump_topic(
	struct dump *dump, const char *topic, dp_error **err)
{
	const uint32_t *partitions;
	bool is_found = !dump->has_partition;
	size_t count;
	dp_status st;

	st = log_files_partitions(&dump->log, topic, &partitions, &count, err);
	for (size_t i = 0; st == DP_OK && i < count; i++) {
		dpi_partition_name name = {topic, partitions[i]};

		if (!dump->has_partition || name.partition == dump->partition) {
			is_found = true;
			st = dump_partition(dump, &name, err);
		}
	}
	if (st == DP_OK && !is_found) {
		return dpi_error_set(err, DP_ENOTFOUND,
			"topic %s has no partition %u", topic,
			(unsigned)dump->partition);
	}
	return st;
}

static int dump_log(struct dump *dump, const char *directory, const char *topic)
{
	dp_error *err = NULL;
	int status;
	dp_status st;

	if (!dpi_name_valid(topic, DPI_LOG_TOPIC_MAX)) {
		return verb_misused(
			dump->verb, "%s is no name of a topic", topic);
	}
	st = log_files_open(&dump->log, directory, &err);
	if (st != DP_OK) {
		return verb_failed(dump->verb, err);
	}
	if (dump->registry != NULL) {
		st = log_payload_open(
			&dump->line.payloads, dump->registry, &err);
	}
	if (st != DP_OK) {
		log_files_close(&dump->log);
		return verb_failed(dump->verb, err);
	}
	log_line_init(&dump->line);
	st = dump_topic(dump, topic, &err);
	log_files_close(&dump->log);
	if (st == DP_OK && dump->line.json.failed != DP_OK) {
		st = dpi_error_set(
			&err, dump->line.json.failed, "no memory for a line");
	}
	status = st != DP_OK       ? verb_failed(dump->verb, err)
		: dump->is_damaged ? EXIT_DAMAGE
				   : EXIT_CLEAN;
	verb_flush(dump->verb, &status);
	log_payload_close(dump->line.payloads);
	log_line_fini(&dump->line);
	return status;
}

/* Whether text is a number of at most `most`. */
static bool parse_number(const char *text, uint64_t most, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 &&
		*ret <= most;
}

static bool take_option(void *user, int option, char *value)
{
	struct dump *dump = user;
	uint64_t number;

	switch (option) {
	case 'p':
		dump->has_partition = parse_number(
			value, DPI_LOG_PARTITIONS_MAX - 1, &number);
		dump->partition = (uint32_t)number;
		return dump->has_partition;
	case 'f':
		return parse_number(value, UINT64_MAX, &dump->from);
	case 'c':
		return parse_number(value, UINT64_MAX, &dump->count) &&
			dump->count > 0;
	case 'r':
		dump->registry = value;
		return true;
	case 'P':
		return log_line_parse_payload(&dump->line, value);
	default:
		dump->line.is_json = true;
		return true;
	}
}

static int run(const struct verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{"partition", required_argument, NULL, 'p'},
		{"from", required_argument, NULL, 'f'},
		{"count", required_argument, NULL, 'c'},
		{"payload", required_argument, NULL, 'P'},
		{"registry", required_argument, NULL, 'r'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, OPTION_HELP},
		{NULL, 0, NULL, 0},
	};
	struct dump dump = {.verb = verb, .count = UINT64_MAX};
	int status =
		verb_options(verb, argc, argv, options, take_option, &dump);
	if (status != GO_ON) {
		return status;
	}
	if (optind + 2 != argc) {
		return verb_misused(verb, "give a directory and a topic");
	}
	return dump_log(&dump, argv[optind], argv[optind + 1]);
}

const struct verb log_dump = {
	.name = "log dump",
	.summary = "prints the events of a topic",
	.help = HELP,
	.run = run,
};
