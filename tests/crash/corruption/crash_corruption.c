/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "damages.h"
#include "faulty_os.h"
#include "log_contents.h"
#include "log_rig.h"
#include "sim_os.h"
#include "test_feed.h"

/*
 * Damages the files of a log in every way that we could think of, and has a
 * reader and a writer open what is left. Whatever was done: no crash, no end
 * that does not come, no payload that was not published in that place, no
 * event lost but those that were touched, and none of those untold; and what
 * is appended then is read.
 *
 * usage: crash_corruption TRIALS PREFIX_STEP
 *
 * DP_TEST_CYCLES makes it ten times as many trials, and every prefix;
 * DP_TEST_SEED is the seed of the first trial.
 */

#define EVENTS 250
#define MORE 7
#define PAYLOAD_MAX 512
#define SEGMENT_BYTES (16u << 10)
#define READ_BEFORE 90 /* by the subscription that is older than the damage */
#define CALLS_MAX 20000
/* Of work; and of time, in which a machine may do other things, or stop us. */
#define WORK_SECONDS_MAX 5
#define SECONDS_MAX 100

/* What was published, by number. */
static struct damage_range places[EVENTS];
static uint64_t log_end;
static struct log_image clean, killed;

/* What is being tried, for who reads of a failure. */
static uint64_t seed;
static struct damages damages;
static const char *phase = "";

/* What the log callback was told of. */
static struct damage_range told[256];
static size_t told_count;

/* Sums for the last line. */
static uint64_t sum_lost, sum_refused, sum_set_back;

__attribute__((format(printf, 1, 2), noreturn)) static void fail(
	const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fprintf(stderr, "crash_corruption: ");
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n%s, DP_TEST_SEED=%" PRIu64 ":%s\n", phase, seed,
		damages.text);
	for (size_t i = 0; i < told_count; i++) {
		fprintf(stderr, "told: %" PRIu64 " to %" PRIu64 "\n",
			told[i].from, told[i].to);
	}
	abort();
}

static void on_alarm(int number)
{
	static const char text[] = "crash_corruption: it takes too long\n";

	(void)number;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	(void)!write(STDERR_FILENO, damages.text, strlen(damages.text));
	abort();
}

/* 0: none. */
static void limit_time(unsigned work_seconds, unsigned seconds)
{
	const struct itimerval work = {.it_value.tv_sec = work_seconds};

	(void)setitimer(ITIMER_PROF, &work, NULL);
	(void)alarm(seconds);
}

static void on_log(void *user, const dp_log_record *record)
{
	const char *at = strstr(record->text, "offsets ");
	unsigned long long from;
	unsigned long long to;

	(void)user;
	if (at != NULL &&
		sscanf(at, "offsets %llu to %llu ", &from, &to) == 2 &&
		told_count < sizeof(told) / sizeof(*told)) {
		told[told_count++] = (struct damage_range){from, to};
	}
}

static bool is_told(const struct damage_range *place)
{
	for (size_t i = 0; i < told_count; i++) {
		if (told[i].from < place->to && place->from < told[i].to) {
			return true;
		}
	}
	return false;
}

/* The payload of an event follows from its number. */
static size_t make_payload(uint32_t number, char *payload)
{
	uint64_t x = number * UINT64_C(0x9e3779b97f4a7c15) + 1;
	size_t size = 24 + x % 400;

	for (size_t i = 0; i < size; i++) {
		x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
		payload[i] = (char)(x >> 56);
	}
	memcpy(payload, &number, sizeof(number));
	return size;
}

static void append(
	struct log_rig *rig, const char *topic, uint32_t first, uint32_t count)
{
	dpi_writer *writer = log_rig_writer(rig, topic);
	struct test_feed feed;

	if (writer == NULL) {
		fail("no writer: %s", dp_error_message(rig->err));
	}
	test_feed_init(&feed, DP_ACK_DURABLE);
	writer->ops->attach(writer, &feed.feed);
	for (uint32_t i = first; i < first + count; i++) {
		char payload[PAYLOAD_MAX];
		dp_event ev = DP_EVENT_INIT;

		ev.payload = dpi_bytes(payload, make_payload(i, payload));
		test_feed_add(&feed, &ev, (dpi_source_place){0, 0});
		writer->ops->commit(writer);
	}
	writer->ops->detach(writer, &feed.feed);
	if (feed.ok != count) {
		fail("%zu of %u events were appended", feed.ok, count);
	}
	test_feed_fini(&feed);
}

static dp_status open_rig(
	struct log_rig *rig, const dpi_os *os, const char *directory)
{
	log_rig_init(rig);
	rig->log = on_log;
	rig->opts.segment_bytes = SEGMENT_BYTES;
	/* Nothing goes by itself: what is missing was lost. */
	rig->opts.retention_ns = 100000 * DP_SECOND;
	return log_rig_open(rig, os, directory);
}

static dp_status subscribe(struct log_rig *rig, const char *name,
	const char *topic, dp_subscription **ret, dp_error **err)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;

	opts.topics = topic;
	return dp_subscription_open(ret, rig->hub, name, &opts, err);
}

/* Which events a subscription was given. */
struct seen {
	bool has[EVENTS + MORE];
	uint32_t first; /* UINT32_MAX: none */
	uint64_t skipped;
};

static void see(struct seen *seen, const dp_message *msg, uint64_t *next)
{
	dp_bytes payload = dp_message_payload(msg);
	dp_offset offset = dp_message_offset(msg);
	char expected[PAYLOAD_MAX];
	uint32_t number = UINT32_MAX;

	if (payload.size >= sizeof(number)) {
		memcpy(&number, payload.data, sizeof(number));
	}
	if (number >= EVENTS + MORE ||
		make_payload(number, expected) != payload.size ||
		memcmp(expected, payload.data, payload.size) != 0) {
		fail("a wrong payload at %" PRIu64, (uint64_t)offset);
	}
	if (offset < *next || seen->has[number] ||
		(number < EVENTS && offset != places[number].from)) {
		fail("event %u again, or out of place, at %" PRIu64, number,
			(uint64_t)offset);
	}
	*next = offset + 1;
	seen->has[number] = true;
	seen->first = number < seen->first ? number : seen->first;
}

static void read_all(dp_subscription *sub, struct seen *seen, size_t at_most)
{
	dp_subscription_stats stats = {.struct_size = sizeof(stats)};
	dp_batch *batch = NULL;
	dp_error *err = NULL;
	uint64_t next = 0;
	dp_status st;

	*seen = (struct seen){.first = UINT32_MAX};
	while ((st = dp_subscription_pull(sub, &batch, at_most, 0, &err)) ==
		DP_OK) {
		for (size_t i = 0; i < dp_batch_count(batch); i++) {
			see(seen, dp_batch_message(batch, i), &next);
		}
		if (dp_subscription_ack_batch(sub, batch, NULL) != DP_OK) {
			fail("no ack");
		}
		dp_batch_unref(batch);
	}
	if (st != DP_ETIMEDOUT) {
		fail("no more events: %s", dp_error_message(err));
	}
	dp_error_free(err);
	if (dp_subscription_get_stats(sub, &stats, NULL) != DP_OK) {
		fail("no statistics");
	}
	seen->skipped = stats.skipped_bytes;
}

/* The oldest segment that is left, as there is nothing in front of it to tell
 * a new subscription that there was more. */
static uint64_t oldest_left(const dpi_os *os)
{
	struct log_contents contents;
	uint64_t oldest = UINT64_MAX;

	log_contents_read(&contents, os, DAMAGE_LOG, DAMAGE_TOPIC, 0);
	if (contents.count > 0) {
		oldest = contents.events[0].offset;
	}
	log_contents_free(&contents);
	return oldest;
}

/* Nothing may be lost that was not touched, nor without a word. */
static void check_loss(
	const struct seen *seen, const dpi_os *os, uint32_t first)
{
	uint64_t oldest = oldest_left(os);

	for (uint32_t i = first; i < EVENTS; i++) {
		const struct damage_range *place = &places[i];

		if (seen->has[i]) {
			continue;
		}
		sum_lost++;
		if (!damages_touch(&damages, place->from, place->to)) {
			fail("event %u at %" PRIu64 " is lost", i, place->from);
		}
		if (!damages.state && place->from >= oldest &&
			!is_told(place)) {
			fail("event %u at %" PRIu64 " is lost without a word",
				i, place->from);
		}
	}
}

static void check_new_events(const struct seen *seen)
{
	for (uint32_t i = EVENTS; i < EVENTS + MORE; i++) {
		if (!seen->has[i]) {
			fail("new event %u is not read", i);
		}
	}
}

/* The subscription of before the damage goes on where it was. */
static struct seen check_old_subscription(
	struct log_rig *rig, const dpi_os *os, bool is_first)
{
	dp_subscription *sub = NULL;
	dp_error *err = NULL;
	struct seen seen;
	dp_status st =
		subscribe(rig, DAMAGE_SUBSCRIPTION, DAMAGE_TOPIC, &sub, &err);

	phase = "old subscription";
	if (st == DP_ECORRUPT && damages.registration) {
		dp_error_free(err);
		err = NULL;
		sum_refused++;
		if (dp_subscription_delete(
			    rig->hub, DAMAGE_SUBSCRIPTION, NULL) != DP_OK) {
			fail("cannot be deleted");
		}
		st = subscribe(
			rig, DAMAGE_SUBSCRIPTION, DAMAGE_TOPIC, &sub, &err);
		damages.cursor = true;
	}
	if (st != DP_OK) {
		fail("no subscription: %s", dp_error_message(err));
	}
	read_all(sub, &seen, 50);
	if (is_first) {
		check_loss(&seen, os, READ_BEFORE);
	}
	if (!damages.cursor && seen.first < READ_BEFORE) {
		fail("event %u again", seen.first);
	}
	dp_subscription_close(sub);
	return seen;
}

static struct seen read_with_new(struct log_rig *rig, const char *name)
{
	dp_subscription *sub = NULL;
	dp_error *err = NULL;
	struct seen seen;

	if (subscribe(rig, name, DAMAGE_TOPIC, &sub, &err) != DP_OK) {
		fail("no subscription: %s", dp_error_message(err));
	}
	read_all(sub, &seen, 1000);
	dp_subscription_close(sub);
	return seen;
}

/* Opens what is there. Without an identity it is refused as a whole. */
static void open_damaged(struct log_rig *rig, const dpi_os *os)
{
	struct log_image image = {.count = 0};
	const struct image_file *identity =
		log_image_find(&clean, DAMAGE_LOG "/identity");
	dp_status st = open_rig(rig, os, DAMAGE_LOG);

	if (st == DP_ECORRUPT && damages.identity) {
		sum_refused++;
		log_image_set(
			&image, identity->path, identity->data, identity->size);
		log_image_put(&image, os);
		log_image_free(&image);
		log_rig_close(rig);
		st = open_rig(rig, os, DAMAGE_LOG);
	}
	if (st != DP_OK) {
		fail("cannot be opened: %s", dp_error_message(rig->err));
	}
}

static void check_reader(const dpi_os *os)
{
	struct log_rig rig;
	struct seen seen;
	dp_hub_stats stats;

	phase = "reader";
	open_damaged(&rig, os);
	seen = read_with_new(&rig, "new");
	check_loss(&seen, os, 0);
	(void)check_old_subscription(&rig, os, true);
	stats = log_rig_stats(&rig);
	sum_set_back += stats.cursor_rewinds;
	if (damages.touched_count == 0 && !damages.state &&
		(stats.corrupt_bytes > 0 || seen.skipped > 0)) {
		fail("%llu bytes lost of a log that has all",
			(unsigned long long)stats.corrupt_bytes);
	}
	log_rig_close(&rig);
}

static void check_writer(const dpi_os *os, bool is_first)
{
	struct log_rig rig;
	struct seen seen;

	phase = "writer";
	open_damaged(&rig, os);
	append(&rig, DAMAGE_TOPIC, EVENTS, MORE);
	log_rig_close(&rig);
	phase = "reader after the writer";
	open_damaged(&rig, os);
	seen = read_with_new(&rig, "newer");
	check_loss(&seen, os, 0);
	check_new_events(&seen);
	seen = check_old_subscription(&rig, os, is_first);
	check_new_events(&seen);
	log_rig_close(&rig);
}

static void begin_trial(
	struct log_image *image, const struct log_image *from, uint64_t number)
{
	seed = number;
	told_count = 0;
	phase = "";
	log_image_copy(image, from);
	damages_init(&damages, image, log_end, number);
	limit_time(WORK_SECONDS_MAX, SECONDS_MAX);
}

static void check_image(struct log_image *image, bool reads_first)
{
	struct sim_disk *disk = sim_disk_new(seed);
	struct faulty_os os;

	faulty_os_init(&os, sim_disk_start(disk));
	log_image_put(image, &os.os);
	if (reads_first) {
		check_reader(&os.os);
	}
	check_writer(&os.os, !reads_first);
	if (faulty_os_count(&os, FAULTY_ANY) > CALLS_MAX) {
		fail("%ld system calls", faulty_os_count(&os, FAULTY_ANY));
	}
	limit_time(0, 0);
	sim_disk_free(disk);
	log_image_free(image);
}

static void try_damages(uint64_t number)
{
	struct log_image image;

	begin_trial(&image, number % 3 == 0 ? &killed : &clean, number);
	for (uint64_t n = 1 + damage_random(&damages, 3); n > 0; n--) {
		damages_add(&damages);
	}
	check_image(&image, damage_random(&damages, 3) > 0);
}

/* Cuts the log: of the segments that follow nothing is left. */
static void try_prefix(uint64_t length)
{
	struct log_image image;

	begin_trial(&image, &clean, length);
	damages_cut(&damages, length);
	check_image(&image, length % 2 == 0);
}

static void note_places(const dpi_os *os)
{
	struct log_contents contents;

	log_contents_read(&contents, os, DAMAGE_LOG, DAMAGE_TOPIC, 0);
	if (contents.count != EVENTS) {
		fail("%zu events", contents.count);
	}
	for (size_t i = 0; i < EVENTS; i++) {
		places[i].from = contents.events[i].offset;
		places[i].to = contents.events[i].end;
	}
	log_end = places[EVENTS - 1].to;
	log_contents_free(&contents);
}

/* Reads the first events of a topic. */
static void begin_subscription(
	struct log_rig *rig, const char *name, const char *topic, size_t count)
{
	dp_subscription *sub = NULL;
	dp_batch *batch = NULL;

	if (subscribe(rig, name, topic, &sub, NULL) != DP_OK) {
		fail("no subscription");
	}
	for (size_t n = 0; n < count; n += dp_batch_count(batch)) {
		dp_batch_unref(batch);
		if (dp_subscription_pull(sub, &batch, count - n, 0, NULL) !=
				DP_OK ||
			dp_subscription_ack_batch(sub, batch, NULL) != DP_OK) {
			fail("no events to begin with");
		}
	}
	dp_batch_unref(batch);
	dp_subscription_close(sub);
}

/* The log that is damaged: left by a process that was killed, and closed. */
static void make_images(void)
{
	struct sim_disk *disk = sim_disk_new(1);
	const dpi_os *os = sim_disk_start(disk);
	struct log_rig rig;

	if (open_rig(&rig, os, DAMAGE_OTHER) != DP_OK) {
		fail("no other log");
	}
	append(&rig, DAMAGE_TOPIC, 0, 30);
	log_rig_close(&rig);
	if (open_rig(&rig, os, DAMAGE_LOG) != DP_OK) {
		fail("no log");
	}
	append(&rig, DAMAGE_TOPIC, 0, EVENTS);
	append(&rig, DAMAGE_ELSE, 0, 30);
	begin_subscription(
		&rig, DAMAGE_SUBSCRIPTION, DAMAGE_TOPIC, READ_BEFORE);
	begin_subscription(&rig, "t", DAMAGE_ELSE, 10);
	note_places(os);
	log_image_take(&killed, sim_disk_start(disk), "/");
	log_rig_close(&rig);
	log_image_take(&clean, os, "/");
	sim_disk_free(disk);
}

int main(int argc, char **argv)
{
	const char *cycles = getenv("DP_TEST_CYCLES");
	const char *first = getenv("DP_TEST_SEED");
	uint64_t from = first != NULL ? strtoull(first, NULL, 10)
				      : (uint64_t)time(NULL) * 1000003;
	uint64_t trials = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	uint64_t step = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	uint64_t prefixes = 0;

	if (cycles != NULL) {
		trials = 10 * strtoull(cycles, NULL, 10);
		step = 1;
	}
	(void)signal(SIGALRM, on_alarm);
	(void)signal(SIGPROF, on_alarm);
	make_images();
	printf("crash_corruption: DP_TEST_SEED=%" PRIu64 "\n", from);
	(void)fflush(stdout);
	for (uint64_t length = from % step; length <= log_end; length += step) {
		try_prefix(length);
		prefixes++;
	}
	for (uint64_t i = 0; i < trials; i++) {
		try_damages(from + i);
	}
	printf("figure: corruption: %" PRIu64 " prefixes of a log of %" PRIu64
	       " bytes and %" PRIu64 " random damages: %" PRIu64
	       " events lost, all of them touched and told of; %" PRIu64
	       " files refused, %" PRIu64
	       " places set back; no crash, no hang, "
	       "no wrong payload\n",
		prefixes, log_end, trials, sum_lost, sum_refused, sum_set_back);
	log_image_free(&clean);
	log_image_free(&killed);
	return 0;
}
