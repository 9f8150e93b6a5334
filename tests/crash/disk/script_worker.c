/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program whose system calls crash_calls.py makes fail.
 *
 *   script_worker run DIR BOOK
 *       publishes and reads numbered events; writes the number of each that
 *       was acknowledged, or processed, to BOOK. Whatever is refused, it says
 *       why, goes on, and ends with 0.
 *   script_worker check DIR BOOK
 *       whether the log has what BOOK says, and takes events
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <datapipe/datapipe.h>

enum { EVENTS = 400, BURST = 10, SIZE = 800, ACKED = 1, PROCESSED = 2 };

typedef struct script {
	dp_runtime *rt;
	dp_hub *hub;
	dp_subscription *sub;
	dp_publisher *pub;
	int book;
} script;

static void fail(const char *what)
{
	(void)fprintf(stderr, "script_worker: %s\n", what);
	exit(1);
}

/* Whoever is refused is told why. */
static bool is_good(dp_status st, dp_error *err, const char *what)
{
	if (st != DP_OK && (err == NULL || dp_error_code(err) != st)) {
		fail("a call was refused and does not say why");
	}
	if (st != DP_OK) {
		printf("%s: %s: %s\n", what, dp_status_name(st),
			dp_error_message(err));
	}
	dp_error_free(err);
	return st == DP_OK;
}

/* One write, of which nothing is lost if the process dies. */
static void note(script *s, uint32_t number, uint32_t what)
{
	uint32_t entry = number * 4 + what;

	if (write(s->book, &entry, sizeof(entry)) != (ssize_t)sizeof(entry)) {
		fail("the book cannot be written");
	}
}

static uint32_t number_of(const dp_message *msg)
{
	dp_bytes payload = dp_message_payload(msg);
	uint32_t number = UINT32_MAX;

	if (payload.size == SIZE) {
		memcpy(&number, payload.data, sizeof(number));
	}
	if (number > EVENTS) {
		fail("an event came that nobody gave");
	}
	return number;
}

static void open_log(script *s, const char *directory)
{
	dp_subscription_options sub = DP_SUBSCRIPTION_OPTIONS_INIT;
	dp_hub_options opts = DP_HUB_OPTIONS_INIT;
	dp_error *err = NULL;
	char address[4096];
	dp_status st;

	(void)snprintf(address, sizeof(address), "log:%s/log", directory);
	opts.segment_bytes = 64u << 10;
	st = dp_hub_open(&s->hub, s->rt, address, &opts, &err);
	if (!is_good(st, err, "hub")) {
		s->hub = NULL;
		return;
	}
	err = NULL;
	sub.topics = "*";
	st = dp_subscription_open(&s->sub, s->hub, "all", &sub, &err);
	if (!is_good(st, err, "subscription")) {
		s->sub = NULL;
	}
}

static void close_log(script *s)
{
	dp_publisher_free(s->pub);
	dp_subscription_close(s->sub);
	dp_hub_close(s->hub);
	s->pub = NULL;
	s->sub = NULL;
	s->hub = NULL;
}

static void hear(script *s)
{
	dp_completion items[64];
	int64_t count;

	while ((count = dp_runtime_poll(s->rt, items, 64, 0)) > 0) {
		for (int64_t i = 0; i < count; i++) {
			if (items[i].status == DP_OK) {
				note(s, (uint32_t)(uintptr_t)items[i].tag,
					ACKED);
			}
		}
	}
}

static bool publish(script *s, uint32_t first, uint32_t count)
{
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	dp_error *err = NULL;
	dp_status st;

	opts.topic = "t";
	opts.source = "script";
	opts.flags = DP_PUBLISHER_POLL;
	if (s->pub == NULL) {
		st = dp_publisher_new(&s->pub, s->hub, &opts, &err);
		if (!is_good(st, err, "publisher")) {
			s->pub = NULL;
			return false;
		}
	}
	for (uint32_t i = first; i < first + count; i++) {
		uint8_t payload[SIZE] = {0};
		dp_event ev = DP_EVENT_INIT;

		memcpy(payload, &i, sizeof(i));
		ev.payload = (dp_bytes){payload, SIZE};
		ev.tag = (void *)(uintptr_t)i;
		err = NULL;
		st = dp_publisher_publish(s->pub, &ev, 0, &err);
		if (!is_good(st, err, "publish")) {
			break;
		}
	}
	err = NULL;
	st = dp_publisher_flush(s->pub, 2 * DP_SECOND, &err);
	hear(s);
	return is_good(st, err, "flush");
}

/* Returns whether there was something to consume. */
static bool consume(script *s, size_t most)
{
	dp_batch *batch = NULL;
	dp_error *err = NULL;
	dp_status st;

	st = dp_subscription_pull(s->sub, &batch, most, 0, &err);
	if (!is_good(st, err, "pull")) {
		return false;
	}
	for (size_t i = 0; i < dp_batch_count(batch); i++) {
		const dp_message *msg = dp_batch_message(batch, i);

		note(s, number_of(msg), PROCESSED);
		err = NULL;
		st = dp_subscription_ack(s->sub, msg, &err);
		(void)is_good(st, err, "ack");
	}
	dp_batch_unref(batch);
	return true;
}

static void run(script *s, const char *directory)
{
	for (uint32_t i = 0; i < EVENTS; i += BURST) {
		if (i == EVENTS / 2) {
			close_log(s);
		}
		if (s->sub == NULL || s->hub == NULL) {
			close_log(s);
			open_log(s, directory);
		}
		if (s->sub == NULL) {
			continue;
		}
		if (!publish(s, i, BURST)) {
			close_log(s);
		} else if (i % 30 == 0) {
			(void)consume(s, 25);
		}
	}
}

static void read_book(uint8_t *states, const char *path)
{
	FILE *file = fopen(path, "re");
	uint32_t entry;

	while (file != NULL && fread(&entry, sizeof(entry), 1, file) == 1) {
		states[entry / 4] |= (uint8_t)(entry % 4);
	}
	if (file != NULL) {
		(void)fclose(file);
	}
}

static void check(script *s, const char *directory, const char *path)
{
	static uint8_t states[EVENTS + 1];
	uint32_t acked = 0;

	open_log(s, directory);
	if (s->sub == NULL || !publish(s, EVENTS, 1)) {
		fail("the log takes no events any more");
	}
	while (consume(s, 1000)) {
	}
	read_book(states, path);
	for (uint32_t i = 0; i <= EVENTS; i++) {
		acked += states[i] & ACKED;
		if (states[i] == ACKED) {
			(void)fprintf(stderr, "event %u is lost\n", i);
			exit(1);
		}
	}
	printf("acknowledged: %u\n", acked);
}

int main(int argc, char **argv)
{
	script s = {.book = -1};
	dp_error *err = NULL;
	dp_status st;

	if (argc != 4) {
		fail("see its first comment");
	}
	s.book = open(argv[3], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	st = dp_runtime_new(&s.rt, NULL, &err);
	if (s.book < 0 || !is_good(st, err, "runtime")) {
		return 0;
	}
	if (strcmp(argv[1], "run") == 0) {
		run(&s, argv[2]);
	} else {
		check(&s, argv[2], argv[3]);
	}
	close_log(&s);
	dp_runtime_free(s.rt);
	return 0;
}
