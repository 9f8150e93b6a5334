/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SQLITE_RIG_H
#define SQLITE_RIG_H

#include <datapipe/registry.h>

#include "faulty_os.h"
#include "io/runtime.h"
#include "set_builder.h"
#include "sink/sink.h"
#include "test_heap.h"
#include "virtual_clock.h"

/* An SQLite sink of job "job" below a directory, and events to give to it. */

struct sqlite_rig {
	char *dir;
	char path[512]; /* of the database */
	struct test_heap heap;
	struct test_heap own; /* never fails */
	dpi_os files;         /* the real ones, but for waiting for the disk */
	struct virtual_clock clock;
	struct faulty_os faulty;
	dp_runtime *rt;
	dp_registry *reg;
	dp_sink *sink;
	dp_refusals refusals;
	dp_error *err;
	struct set_builder set;
	dpi_buf payload;
	size_t padding; /* bytes more in `who`; at most 12,000 */
	char answer[4096];
};

int sqlite_rig_setup(void **state);
int sqlite_rig_teardown(void **state);

/* Fails the test, with the error, unless st is DP_OK. */
void rig_ok(struct sqlite_rig *rig, dp_status st);

/*
 * Registers "shop.Paid": string who = 1, then version's fields:
 *	1  int64 amount = 2
 *	2  and repeated int32 list = 3, shop.Inner inner = 4 { bool yes = 1 }
 *	3  amount is a string
 */
void rig_register(struct sqlite_rig *rig, int version);

/* Makes the sink and opens it. template NULL: the default. */
void rig_open_sink(struct sqlite_rig *rig, const char *template);

/*
 * Offers events of shop.Paid, who "w<offset>" and amount = offset, or, as in
 * version 3, "a<offset>".
 */
dp_status rig_offer(
	struct sqlite_rig *rig, uint64_t first, size_t count, int version);

/* One event, of any kind. */
dp_status rig_offer_event(
	struct sqlite_rig *rig, uint64_t offset, const dp_event *event);

/* Flushes with the place of partition 0. */
dp_status rig_flush_upto(struct sqlite_rig *rig, uint64_t next);
uint64_t rig_place(struct sqlite_rig *rig);

/*
 * What another program reads: cells of a row joined by '|', rows by '\n'.
 */
const char *rig_query(struct sqlite_rig *rig, const char *sql);

#endif /* SQLITE_RIG_H */
