/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SINK_RIG_H
#define SINK_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <datapipe/sink.h>

#include "faulty_os.h"
#include "io/runtime.h"
#include "sink/sink.h"
#include "test_heap.h"

/*
 * What the contract of sinks is checked with: a kind of sink, a system that
 * can be made to fail, and a job that offers events as dp_pipeline's jobs do.
 *
 * Events are named by partition and offset; each payload says both.
 */

#define RIG_TOPIC "ramp.a"
#define RIG_PARTITIONS 3
#define RIG_EVENTS 60 /* most offsets of a partition */

struct sink_rig;

/* Counts events by partition and offset. */
struct seen {
	unsigned count[RIG_PARTITIONS][RIG_EVENTS];
	bool bad; /* something is there that nobody wrote */
};

/* One kind of sink: a line in the table of contract_sink.c. */
struct sink_kind {
	const char *name;
	bool is_parsed;   /* refuses what is of no known type */
	bool uses_os;     /* so that its disk can be a simulated one */
	const char *type; /* of events that it takes */
	/* Makes what the sink needs below rig->folder, and the sink. */
	dp_status (*open)(struct sink_rig *rig, dp_sink **ret, dp_error **err);
	/* Gives back what open made, but for the sink. */
	void (*close)(struct sink_rig *rig);
	/* What a reader sees now. Makes the payload's checks, too. */
	void (*read)(struct sink_rig *rig, struct seen *seen);
	/* Payload of an event, in 64 bytes; returns its size. */
	size_t (*payload)(char *buf, uint32_t partition, dp_offset offset);
};

struct sink_rig {
	const struct sink_kind *kind;
	const dpi_os *os; /* of the process; readers use it, too */
	struct faulty_os faulty;
	struct test_heap heap;
	dp_runtime_options options;
	dp_runtime *rt;
	const char *folder;
	dp_store *store;
	dp_registry *registry;
	dp_sink *sink;
	dp_positions positions; /* what the job starts from */
	dp_refusals refusals;
	size_t refused;
};

/* Borrows all. A process may start, whose calls faulty can fail. */
void rig_init(struct sink_rig *rig, const struct sink_kind *kind,
	const dpi_os *os, const char *folder);
void rig_fini(struct sink_rig *rig);

/* A process starts: runtime, store and sink, for job `job`. */
dp_status rig_start(struct sink_rig *rig, const char *job, dp_error **err);

/* It ends, at whatever point it is. */
void rig_stop(struct sink_rig *rig);

dp_status rig_write(struct sink_rig *rig, uint32_t partition, dp_offset first,
	size_t count, dp_error **err);

/* Flushes with the place of one partition. */
dp_status rig_flush(struct sink_rig *rig, uint32_t partition, dp_offset next,
	dp_error **err);

/* As the sink says now. */
dp_offset rig_next(struct sink_rig *rig, uint32_t partition);

/*
 * Runs a job from where the sink is until `events` of partitions [0,
 * partitions) are flushed: offers batches in turn, flushes now and then, tries
 * again what may be tried again, and after a failed flush resets the sink.
 * Gives up after many failures.
 */
dp_status rig_run(struct sink_rig *rig, uint32_t partitions, size_t events,
	dp_error **err);

/* Whether each event of those is there once, and nothing else. */
void rig_assert_once(struct sink_rig *rig, uint32_t partitions, size_t events);

#endif /* SINK_RIG_H */
