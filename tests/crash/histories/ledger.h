/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEDGER_H
#define LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <datapipe/message.h>

/*
 * The book of a history: which events were given to which publisher, what was
 * promised of each, who has processed it, and where it stood when it was seen.
 * Whatever a log says that the book does not allow ends the program.
 */

#define LEDGER_READERS 2
#define LEDGER_TOPICS 3
#define LEDGER_PARTITIONS 8
#define LEDGER_PAYLOAD_MAX 20000u

typedef struct ledger_event {
	uint32_t publisher;
	uint32_t seq;
	uint32_t size;
	uint32_t topic;
	bool is_written; /* has to survive the process */
	bool is_durable; /* has to survive a loss of power */
	bool is_gone; /* it was not there when nobody could bring it any more */
	bool is_processed[LEDGER_READERS];
	bool has_come[LEDGER_READERS]; /* in this check */
	bool is_seen;                  /* in this check */
	bool has_place;
	uint32_t partition;
	uint64_t offset;
} ledger_event;

typedef struct ledger {
	ledger_event *events;
	size_t count;
	size_t capacity;
	uint32_t publishers;
	/* Events that go though somebody needs them: the oldest, by policy. */
	bool may_drop;
	/* A sync has failed: what is there may go with the power, unless it was
	 * acknowledged as durable. */
	bool is_deceived;
	uint32_t *next_seq; /* in this check; of each publisher */
	uint64_t next_offset[LEDGER_TOPICS][LEDGER_PARTITIONS];
} ledger;

extern const char *const ledger_topics[LEDGER_TOPICS];

/* Says what is wrong, and ends the program. */
_Noreturn void ledger_broken(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

void ledger_fini(ledger *book);

/* Notes an event before it is given away; returns its number. */
size_t ledger_give(ledger *book, uint32_t publisher, uint32_t seq,
	uint32_t topic, uint32_t size);
void ledger_fill(const ledger *book, size_t number, uint8_t *payload);

/* The event of a message, whose bytes have to be as they were given. */
ledger_event *ledger_find(ledger *book, const dp_message *msg);

/* A look at all of the log: begin, see each message, end. */
void ledger_begin_look(ledger *book);
void ledger_see(ledger *book, const dp_message *msg);
/* power: it was lost. alone: nobody else has the log open, so that all that
 * was seen is durable, and what was not seen never comes. */
void ledger_end_look(ledger *book, bool power, bool alone);

/* What comes to a reader that had been closed, after a look. */
void ledger_come(ledger *book, size_t reader, const dp_message *msg);
void ledger_end_coming(ledger *book, size_t reader);

#endif /* LEDGER_H */
