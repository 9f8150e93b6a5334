/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVICE_H
#define SERVICE_H

#include <datapipe/datapipe.h>

#include "faulty_os.h"
#include "ledger.h"
#include "log_rig.h"
#include "sim_disk.h"
#include "sim_os.h"
#include "turns_os.h"

/*
 * A process of a history: a log hub, some publishers and readers, and what
 * they do by chance, written down in the ledger. Its calls go through faults,
 * then turns, then the simulated machine.
 */

#define SERVICE_PUBLISHERS 3
#define SERVICE_DIRECTORY "/log"

typedef struct service_publisher {
	dp_publisher *pub;
	uint32_t number;
	uint32_t next_seq;
	uint32_t topic;
	dp_ack ack;
} service_publisher;

typedef struct service {
	ledger *book;
	sim_random *random;
	struct sim_disk *disk;
	const dpi_os *machine;
	struct faulty_os faulty;
	struct turns_os turns;
	struct log_rig rig;
	bool is_open;
	bool is_heavy; /* one topic, large events */
	bool is_full;  /* its disk has no room */
	bool is_even;  /* nothing happens to its disk by chance */
	/* A sync of a topic's events failed: it takes none until reopened. */
	bool has_failed[LEDGER_TOPICS];
	uint64_t recovery_calls; /* in a check */
	uint64_t recovery_bytes;
	service_publisher publishers[SERVICE_PUBLISHERS];
	dp_subscription *readers[LEDGER_READERS];
} service;

/* What happens, for whoever has to understand a failure. */
void history_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

uint32_t draw(sim_random *random, uint32_t below);

void service_init(service *s, struct sim_disk *disk, ledger *book,
	sim_random *random, const dp_hub_options *opts);
/* Opens the log; false: it could not. */
bool service_open(service *s);
/* Closes all that is open, dead or alive. */
void service_close(service *s);

/* One thing that a process does. */
void service_step(service *s);

uint32_t service_draw_topic(service *s);

/* Opens the reader if it is not. */
dp_subscription *service_reader(service *s, size_t reader);
void service_close_reader(service *s, size_t reader);

/* One durable event, which has to be acknowledged unless the process dies. */
bool service_append(service *s, uint32_t topic);

/* Whether it died, or lost power. */
bool service_is_dead(const service *s);

#endif /* SERVICE_H */
