/* SPDX-License-Identifier: Apache-2.0 */
#include "service.h"

#include <string.h>

#define PUT_MAX 12
#define TAKEN_MAX 256

uint32_t draw(sim_random *random, uint32_t below)
{
	return (uint32_t)(sim_random_next(random) % below);
}

void service_init(service *s, struct sim_disk *disk, ledger *book,
	sim_random *random, const dp_hub_options *opts)
{
	*s = (service){.book = book,
		.disk = disk,
		.random = random,
		.machine = sim_disk_start(disk)};
	turns_os_init(&s->turns, s->machine);
	faulty_os_init(&s->faulty, &s->turns.os);
	log_rig_init(&s->rig);
	s->rig.opts = *opts;
}

bool service_is_dead(const service *s)
{
	return sim_disk_is_dead(s->machine);
}

bool service_open(service *s)
{
	s->is_open = log_rig_open(&s->rig, &s->faulty.os, SERVICE_DIRECTORY) ==
		DP_OK;
	memset(s->has_failed, 0, sizeof(s->has_failed));
	return s->is_open;
}

/* What publishers were told, for the ledger. */
static void hear(service *s)
{
	dp_completion items[TAKEN_MAX];
	int64_t count;

	do {
		count = dp_runtime_poll(s->rig.rt, items, TAKEN_MAX, 0);
		for (int64_t i = 0; i < count; i++) {
			size_t key = (size_t)(uintptr_t)items[i].tag;
			ledger_event *event = &s->book->events[key / 4];
			dp_ack ack = (dp_ack)(key % 4);

			if (items[i].status == DP_OK &&
				s->has_failed[event->topic]) {
				ledger_broken("an event is acknowledged after "
					      "a sync that failed");
			}
			if (items[i].status == DP_OK) {
				event->is_written |= ack >= DP_ACK_WRITTEN;
				event->is_durable |= ack >= DP_ACK_DURABLE;
			}
		}
	} while (count > 0);
}

static void close_publisher(service *s, service_publisher *p)
{
	dp_publisher_free(p->pub);
	hear(s);
	*p = (service_publisher){.pub = NULL};
}

void service_close_reader(service *s, size_t reader)
{
	dp_subscription_close(s->readers[reader]);
	s->readers[reader] = NULL;
}

void service_close(service *s)
{
	for (size_t i = 0; i < LEDGER_READERS; i++) {
		service_close_reader(s, i);
	}
	for (size_t i = 0; i < SERVICE_PUBLISHERS; i++) {
		if (s->publishers[i].pub != NULL) {
			close_publisher(s, &s->publishers[i]);
		}
	}
	log_rig_close(&s->rig);
	s->is_open = false;
}

/* Whoever is refused is told why. */
static dp_status told(dp_status st, dp_error *err)
{
	if ((st == DP_OK) != (err == NULL) || dp_error_code(err) != st ||
		(st != DP_OK && dp_error_message(err)[0] == '\0')) {
		ledger_broken("a call returned %s, and said: %s",
			dp_status_name(st), dp_error_message(err));
	}
	dp_error_free(err);
	return st;
}

static bool open_publisher(
	service *s, service_publisher *p, uint32_t topic, dp_ack ack)
{
	dp_publisher_options opts = DP_PUBLISHER_OPTIONS_INIT;
	dp_error *err = NULL;
	dp_status st;

	opts.topic = ledger_topics[topic];
	opts.source = "service";
	opts.ack = ack;
	opts.flags = DP_PUBLISHER_POLL;
	opts.limit_bytes = 1u << 20;
	opts.batch_bytes = 1u + draw(s->random, 64u << 10);
	st = dp_publisher_new(&p->pub, s->rig.hub, &opts, &err);
	if (told(st, err) != DP_OK) {
		p->pub = NULL;
		return false;
	}
	p->number = s->book->publishers++;
	p->next_seq = 0;
	p->topic = topic;
	p->ack = ack;
	history_note(
		"publisher %u: %s, ack %d", p->number, opts.topic, (int)ack);
	return true;
}

uint32_t service_draw_topic(service *s)
{
	return s->is_heavy ? 0 : draw(s->random, LEDGER_TOPICS);
}

static uint32_t draw_size(sim_random *random, bool is_heavy)
{
	switch (is_heavy ? 0 : draw(random, 16)) {
	case 0:
		return draw(random, LEDGER_PAYLOAD_MAX);
	case 1:
	case 2:
	case 3:
		return draw(random, 3000);
	default:
		return draw(random, 90);
	}
}

static void put_event(service *s, service_publisher *p, uint32_t size)
{
	static uint8_t payload[LEDGER_PAYLOAD_MAX];
	size_t number =
		ledger_give(s->book, p->number, p->next_seq, p->topic, size);
	dp_event ev = DP_EVENT_INIT;

	ledger_fill(s->book, number, payload);
	ev.type = "test.Event";
	ev.payload = (dp_bytes){payload, s->book->events[number].size};
	ev.tag = (void *)(uintptr_t)(number * 4 + (size_t)p->ack);
	if (dp_publisher_publish(p->pub, &ev, 0, NULL) == DP_OK) {
		p->next_seq++;
	} else {
		s->book->count--;
	}
}

static dp_status flush(service *s, service_publisher *p, dp_time_ns timeout_ns)
{
	dp_publisher_stats stats = {.struct_size = sizeof(stats)};
	dp_error *err = NULL;
	bool is_final;
	dp_status st = dp_publisher_flush(p->pub, timeout_ns, &err);

	is_final = st == DP_EIO &&
		strstr(dp_error_message(err), "a sync failed") != NULL;
	st = told(st, err);
	hear(s);
	s->has_failed[p->topic] |= is_final;
	(void)dp_publisher_get_stats(p->pub, &stats, NULL);
	if (st == DP_OK && stats.pending > 0) {
		ledger_broken("publisher %u: flushed, and %llu are pending",
			p->number, (unsigned long long)stats.pending);
	}
	return st;
}

static void publish(service *s)
{
	static const dp_ack levels[] = {DP_ACK_ACCEPTED, DP_ACK_WRITTEN,
		DP_ACK_WRITTEN, DP_ACK_DURABLE, DP_ACK_DURABLE};
	service_publisher *p =
		&s->publishers[draw(s->random, SERVICE_PUBLISHERS)];
	uint32_t count = 1 + draw(s->random, PUT_MAX);

	if (p->pub == NULL &&
		!open_publisher(s, p, service_draw_topic(s),
			levels[draw(s->random, 5)])) {
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		put_event(s, p, draw_size(s->random, s->is_heavy));
	}
	history_note("publisher %u: up to %u", p->number, p->next_seq);
}

/* A disk without room, and who waits for it, would wait for ever. */
static void flush_one(service *s)
{
	service_publisher *p =
		&s->publishers[draw(s->random, SERVICE_PUBLISHERS)];
	bool for_ever = !s->is_full && draw(s->random, 3) != 0;
	dp_status st;

	if (p->pub != NULL) {
		st = flush(s, p,
			for_ever ? DP_FOREVER
				 : draw(s->random, 200) * DP_MILLISECOND);
		history_note("publisher %u: flush: %s", p->number,
			dp_status_name(st));
	}
}

dp_subscription *service_reader(service *s, size_t reader)
{
	dp_subscription_options opts = DP_SUBSCRIPTION_OPTIONS_INIT;
	static const char *const names[] = {"all", "first"};
	dp_error *err = NULL;
	dp_status st;

	opts.topics = reader == 0 ? "*" : ledger_topics[0];
	opts.read_level = reader == 0 ? DP_ACK_DURABLE : DP_ACK_WRITTEN;
	opts.ack_deadline_ns = 2 * DP_SECOND;
	if (s->readers[reader] == NULL) {
		st = dp_subscription_open(&s->readers[reader], s->rig.hub,
			names[reader], &opts, &err);
		(void)told(st, err);
	}
	return s->readers[reader];
}

/* Processes a message, or does not. */
static void handle(service *s, size_t reader, const dp_message *msg)
{
	ledger_event *event = ledger_find(s->book, msg);
	dp_subscription *sub = s->readers[reader];

	switch (draw(s->random, 16)) {
	case 0:
		(void)dp_subscription_nack(
			sub, msg, draw(s->random, 100) * DP_MILLISECOND, NULL);
		break;
	case 1:
		(void)dp_subscription_extend(
			sub, msg, draw(s->random, 5) * DP_SECOND, NULL);
		break;
	case 2:
		break;
	default:
		/* A place may be on disk though the process died over it. */
		event->is_processed[reader] = true;
		(void)dp_subscription_ack(sub, msg, NULL);
	}
}

static void consume(service *s)
{
	size_t reader = draw(s->random, LEDGER_READERS);
	dp_subscription *sub = service_reader(s, reader);
	dp_batch *batch = NULL;
	dp_error *err = NULL;
	dp_status st;

	if (sub == NULL) {
		return;
	}
	st = dp_subscription_pull(sub, &batch, 1 + draw(s->random, 20),
		draw(s->random, 4) == 0 ? 50 * DP_MILLISECOND : 0, &err);
	if (told(st, err) != DP_OK) {
		return;
	}
	history_note("reader %zu: %zu events", reader, dp_batch_count(batch));
	for (size_t i = 0; i < dp_batch_count(batch); i++) {
		handle(s, reader, dp_batch_message(batch, i));
	}
	dp_batch_unref(batch);
}

static void change_disk(service *s)
{
	s->is_full = !s->is_full;
	faulty_os_set_room(
		&s->faulty, s->is_full ? (int64_t)draw(s->random, 100000) : -1);
	history_note(s->is_full ? "the disk fills" : "the disk has room");
}

static void reopen(service *s)
{
	history_note("closes and opens");
	service_close(s);
	(void)service_open(s);
}

static void fail_a_sync(service *s)
{
	history_note("a sync fails");
	s->book->is_deceived = true;
	sim_disk_fail_sync_at(s->disk, 0);
}

static void close_one(service *s)
{
	service_publisher *p =
		&s->publishers[draw(s->random, SERVICE_PUBLISHERS)];

	if (draw(s->random, 2) == 0) {
		size_t reader = draw(s->random, LEDGER_READERS);

		history_note("reader %zu closes", reader);
		service_close_reader(s, reader);
	} else if (p->pub != NULL) {
		history_note("publisher %u closes", p->number);
		close_publisher(s, p);
	}
}

void service_step(service *s)
{
	uint32_t turn = draw(s->random, 100);

	if (!s->is_open) {
		return;
	}
	if (turn < 38) {
		publish(s);
	} else if (turn < 62) {
		flush_one(s);
	} else if (turn < 84) {
		consume(s);
	} else if (turn < 90) {
		turns_sleep(draw(s->random, 3000) * DP_MILLISECOND);
	} else if (turn < 95) {
		close_one(s);
	} else if (turn < 97 || s->is_even) {
		reopen(s);
	} else if (turn < 99) {
		change_disk(s);
	} else {
		fail_a_sync(s);
	}
	hear(s);
}

bool service_append(service *s, uint32_t topic)
{
	service_publisher p = {.pub = NULL};
	bool is_done = false;
	dp_status st = DP_EIO;

	if (open_publisher(s, &p, topic, DP_ACK_DURABLE)) {
		put_event(s, &p, 20);
		st = flush(s, &p, DP_FOREVER);
		is_done = st == DP_OK && p.next_seq == 1;
		close_publisher(s, &p);
	}
	if (!is_done && !service_is_dead(s)) {
		ledger_broken("a log that was recovered takes no events: %s",
			dp_status_name(st));
	}
	return is_done;
}
