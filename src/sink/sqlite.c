/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <datapipe/ext/sink.h>

#include "base/adopt.h"
#include "base/alloc.h"
#include "base/error.h"
#include "io/runtime.h"
#include "sink/destination.h"
#include "sink/event_plans.h"
#include "sink/refusals.h"
#include "sink/sqlite_db.h"
#include "sink/sqlite_name.h"
#include "sink/sqlite_positions.h"
#include "sink/sqlite_table.h"

/*
 * Events as rows of an SQLite database.
 *
 * All batches between two flushes are one transaction, which flush commits
 * together with the positions; so a crash at any point leaves rows and
 * positions of the same flush. A batch that fails is undone by itself, by a
 * savepoint, and what was taken before stays in the transaction. If SQLite
 * gave the whole transaction up, as it does for some errors of the disk, the
 * job is told that it must ask for the positions and offer again.
 */

#define TABLES_MAX 64
#define NAME_DEFAULT "{type}"
#define JOB_MAX 100
#define UNDO "ROLLBACK TO batch; RELEASE batch"

/* One version of a type in one table; see sink/sqlite_table.h. */
typedef struct cached_table {
	char name[DPI_SQLITE_NAME_MAX];
	uint64_t plan_id;
	uint64_t used;
	dpi_sqlite_table table;
} cached_table;

typedef struct sqlite_sink {
	const dp_runtime *rt;
	const dp_allocator *alloc;
	dpi_sqlite_db db;
	dpi_destination destination;
	dpi_event_plans plans;
	dpi_coder *coder;
	char job[JOB_MAX + 1];

	cached_table *tables; /* TABLES_MAX of them */
	size_t table_count;
	size_t last; /* of the event before, if its folder is the same */
	uint64_t clock;
	bool has_taken; /* since the last flush */
	bool is_lost;   /* what was taken: only a reset helps */
} sqlite_sink;

static void drop_tables(sqlite_sink *sink)
{
	for (size_t i = 0; i < sink->table_count; i++) {
		dpi_sqlite_table_fini(&sink->tables[i].table);
	}
	sink->table_count = 0;
}

static void close_database(sqlite_sink *sink)
{
	drop_tables(sink);
	dpi_sqlite_db_close(&sink->db);
	sink->has_taken = false;
	sink->is_lost = false;
}

static dp_status sqlite_open(
	void *self, const dp_sink_context *context, dp_error **err)
{
	sqlite_sink *sink = self;
	dp_status st;

	if (strlen(context->job) > JOB_MAX) {
		return dpi_error_set(err, DP_EINVAL,
			"the job's name is longer than %d bytes", JOB_MAX);
	}
	memcpy(sink->job, context->job, strlen(context->job) + 1);
	close_database(sink);
	st = dpi_sqlite_db_open(&sink->db, err);
	if (st == DP_OK) {
		st = dpi_sqlite_positions_prepare(&sink->db, err);
	}
	if (st != DP_OK) {
		close_database(sink);
	}
	return st;
}

static dp_status sqlite_positions(void *self, dp_positions *ret, dp_error **err)
{
	sqlite_sink *sink = self;

	return dpi_sqlite_positions_read(&sink->db, sink->job, ret, err);
}

/* Room for one more: the one that was not used for longest goes. */
static cached_table *make_room(sqlite_sink *sink)
{
	cached_table *oldest = &sink->tables[0];

	if (sink->table_count < TABLES_MAX) {
		return &sink->tables[sink->table_count++];
	}
	for (size_t i = 1; i < sink->table_count; i++) {
		if (sink->tables[i].used < oldest->used) {
			oldest = &sink->tables[i];
		}
	}
	dpi_sqlite_table_fini(&oldest->table);
	return oldest;
}

static dp_status add_table(sqlite_sink *sink, const char *folder,
	const dpi_event_plan *plan, cached_table **ret, dp_error **err)
{
	char name[DPI_SQLITE_NAME_MAX];
	dpi_sqlite_table table;
	cached_table *cached;
	dp_status st = dpi_sqlite_name_resolve(&sink->db, folder, name, err);

	if (st == DP_OK) {
		st = dpi_sqlite_table_init(
			&table, &sink->db, sink->alloc, name, plan->plan, err);
	}
	if (st != DP_OK) {
		return st;
	}
	cached = make_room(sink);
	memcpy(cached->name, folder, strlen(folder) + 1);
	cached->plan_id = plan->id;
	cached->table = table;
	*ret = cached;
	return DP_OK;
}

static bool is_table(const cached_table *cached, const char *folder,
	const dpi_event_plan *plan)
{
	return cached->plan_id == plan->id && strcmp(cached->name, folder) == 0;
}

static dp_status find_table(sqlite_sink *sink, const dp_message *msg,
	const dpi_event_plan *plan, cached_table **ret, dp_error **err)
{
	const char *folder = sink->destination.folder;
	cached_table *found = NULL;
	bool is_same;
	dp_status st = dpi_destination_expand(
		&sink->destination, msg, NULL, &is_same, err);

	if (st != DP_OK) {
		return st;
	}
	if (sink->last < sink->table_count &&
		is_table(&sink->tables[sink->last], folder, plan)) {
		found = &sink->tables[sink->last];
	}
	for (size_t i = 0; found == NULL && i < sink->table_count; i++) {
		if (is_table(&sink->tables[i], folder, plan)) {
			found = &sink->tables[i];
		}
	}
	if (found == NULL) {
		st = add_table(sink, folder, plan, &found, err);
	}
	if (st == DP_OK) {
		found->used = ++sink->clock;
		sink->last = (size_t)(found - sink->tables);
		*ret = found;
	}
	return st;
}

static void forget_table(sqlite_sink *sink, cached_table *cached)
{
	dpi_sqlite_table_fini(&cached->table);
	*cached = sink->tables[--sink->table_count];
}

static dp_status put_row(sqlite_sink *sink, const dp_message *msg,
	const dpi_event_plan *plan, cached_table **ret_cached, dp_error **err)
{
	dp_bytes payload = dp_message_payload(msg);
	dp_status st = find_table(sink, msg, plan, ret_cached, err);

	if (st == DP_OK) {
		st = dpi_row_encode(plan->plan, sink->coder, payload.data,
			payload.size, (*ret_cached)->table.cells, err);
	}
	if (st == DP_OK) {
		st = dpi_sqlite_table_insert(
			&(*ret_cached)->table, &sink->db, msg, err);
	}
	return st;
}

/*
 * A statement that was good may fail because somebody dropped or changed the
 * table, or because the batch that made it was undone: then the table is
 * looked at anew, once.
 */
static dp_status take(sqlite_sink *sink, const dp_message *msg, dp_error **err)
{
	const dpi_event_plan *plan = NULL;
	cached_table *cached = NULL;
	dp_error *first = NULL;
	dp_status st = dpi_event_plans_get(&sink->plans, msg, &plan, err);

	if (st != DP_OK) {
		return st;
	}
	st = put_row(sink, msg, plan, &cached, &first);
	if (st == DP_EINVAL && cached != NULL) {
		dp_error_free(first);
		first = NULL;
		forget_table(sink, cached);
		st = put_row(sink, msg, plan, &cached, &first);
	}
	*err = first;
	return st;
}

static bool is_events_fault(dp_status st)
{
	return dpi_event_plans_refuses(st) || st == DP_EINVAL;
}

static dp_status pass_on(dp_status st, dp_error *why, dp_error **err)
{
	dpi_error_give(err, why);
	return st;
}

static dp_status take_all(sqlite_sink *sink, const dp_batch *batch,
	dp_refusals *refusals, dp_error **err)
{
	size_t count = dp_batch_count(batch);

	dpi_event_plans_begin(&sink->plans);
	for (size_t i = 0; i < count; i++) {
		dp_error *why = NULL;
		dp_status st = take(sink, dp_batch_message(batch, i), &why);

		if (st != DP_OK && is_events_fault(st) &&
			!dpi_sqlite_db_has_lost(&sink->db)) {
			st = dpi_refusals_add_error(
				refusals, i, DP_REFUSAL_EVENT, why);
			dp_error_free(why);
			why = NULL;
		}
		if (st != DP_OK) {
			return pass_on(st, why, err);
		}
	}
	return DP_OK;
}

static void roll_back(sqlite_sink *sink)
{
	drop_tables(sink);
	dpi_sqlite_db_rollback(&sink->db);
}

/*
 * Takes back what the batch did. If SQLite, or we, gave up more than that,
 * what was taken before has to be offered again: the positions say what.
 */
static void undo(sqlite_sink *sink, dp_status st, dp_refusals *refusals)
{
	bool is_undone = !sink->is_lost && !dpi_sqlite_db_has_lost(&sink->db) &&
		dpi_sqlite_db_run(&sink->db, UNDO, NULL) == DP_OK;

	if (!sink->has_taken) {
		roll_back(sink);
	} else if (!is_undone) {
		sink->is_lost = true;
		dp_refusals_add_all(refusals, DP_REFUSAL_AMBIGUOUS, 0);
		return;
	}
	if (st == DP_EIO) {
		dp_refusals_add_all(refusals, DP_REFUSAL_RETRYABLE, 0);
	}
}

static dp_status say_lost(const sqlite_sink *sink, dp_error **err)
{
	return dpi_error_set(err, DP_EIO, "%s: SQLite gave the transaction up",
		sink->db.path);
}

static dp_status begin(sqlite_sink *sink, dp_error **err)
{
	dp_status st = DP_OK;

	if (sink->is_lost) {
		return say_lost(sink, err);
	}
	if (!sink->db.is_writing) {
		st = dpi_sqlite_db_begin(&sink->db, err);
	}
	if (st == DP_OK) {
		st = dpi_sqlite_db_run(&sink->db, "SAVEPOINT batch", err);
	}
	return st;
}

static dp_status sqlite_write(void *self, const dp_batch *batch,
	dp_refusals *refusals, dp_error **err)
{
	sqlite_sink *sink = self;
	dp_status st = begin(sink, err);

	if (st == DP_OK) {
		st = take_all(sink, batch, refusals, err);
	}
	if (st == DP_OK) {
		st = dpi_sqlite_db_run(&sink->db, "RELEASE batch", err);
	}
	if (st != DP_OK) {
		undo(sink, st, refusals);
		return st;
	}
	sink->has_taken = true;
	return DP_OK;
}

static dp_status sqlite_flush(
	void *self, const dp_positions *upto, dp_error **err)
{
	sqlite_sink *sink = self;
	dp_status st = DP_OK;

	if (sink->is_lost) {
		return say_lost(sink, err);
	}
	if (!sink->db.is_writing) {
		if (dp_positions_count(upto) == 0) {
			return DP_OK;
		}
		st = dpi_sqlite_db_begin(&sink->db, err);
	}
	if (st == DP_OK) {
		st = dpi_sqlite_positions_write(
			&sink->db, sink->job, upto, err);
	}
	if (st == DP_OK) {
		st = dpi_sqlite_db_commit(&sink->db, err);
	}
	if (st == DP_OK) {
		sink->has_taken = false;
	}
	return st;
}

static void sqlite_reset(void *self)
{
	close_database(self);
}

static void free_parts(sqlite_sink *sink)
{
	dpi_coder_free(sink->coder);
	dpi_event_plans_fini(&sink->plans);
	dpi_destination_fini(&sink->destination);
	dpi_sqlite_db_fini(&sink->db);
	dpi_free(sink->alloc, sink->tables, TABLES_MAX, sizeof(*sink->tables));
	dpi_free(sink->alloc, sink, 1, sizeof(*sink));
}

static void sqlite_close(void *self)
{
	sqlite_sink *sink = self;

	/* SQLite's connections must not be touched in a child. */
	if (dpi_runtime_check(sink->rt, NULL) == DP_OK) {
		close_database(sink);
	}
	free_parts(sink);
}

/* Rows of one type stand in one table, whatever their time or topic. */
static dp_status check_name(const dpi_destination *name, dp_error **err)
{
	for (size_t i = 0; i < name->count; i++) {
		dpi_placeholder kind = name->parts[i].kind;

		if (kind != DPI_PLACE_LITERAL && kind != DPI_PLACE_TYPE &&
			kind != DPI_PLACE_SOURCE) {
			return dpi_error_set(err, DP_EINVAL,
				"a table's name may have {type} and {source} "
				"in it, no other placeholder");
		}
	}
	return DP_OK;
}

/* Each part is left fit for free_parts(), whatever comes of it. */
static dp_status init_parts(sqlite_sink *sink, dp_runtime *rt, const char *path,
	dp_registry *reg, const char *name, dp_error **err)
{
	dp_status st = dpi_sqlite_db_init(&sink->db, rt, path, err);

	dpi_event_plans_init(&sink->plans, sink->alloc, reg, DPI_TARGET_ROW);
	if (st == DP_OK) {
		sink->tables = dpi_zalloc(
			sink->alloc, TABLES_MAX, sizeof(*sink->tables));
		if (sink->tables == NULL) {
			st = dpi_error_set(
				err, DP_ENOMEM, "no memory for an SQLite sink");
		}
	}
	if (st == DP_OK) {
		st = dpi_coder_new(&sink->coder, sink->alloc, err);
	}
	if (st == DP_OK) {
		st = dpi_destination_init(
			&sink->destination, sink->alloc, name, false, err);
	}
	return st == DP_OK ? check_name(&sink->destination, err) : st;
}

static dp_sink_ops ops_of_sqlite(void)
{
	dp_sink_ops ops = DP_SINK_OPS_INIT;

	ops.caps = DP_SINK_CAP_POSITIONS;
	ops.name = "sqlite";
	ops.open = sqlite_open;
	ops.positions = sqlite_positions;
	ops.write = sqlite_write;
	ops.flush = sqlite_flush;
	ops.close = sqlite_close;
	ops.reset = sqlite_reset;
	return ops;
}

static dp_status new_sink(dp_sink **ret_sink, dp_runtime *rt, const char *path,
	dp_registry *reg, const char *name, dp_error **err)
{
	const dp_sink_ops ops = ops_of_sqlite();
	sqlite_sink *sink = dpi_zalloc(dpi_runtime_alloc(rt), 1, sizeof(*sink));
	dp_status st;

	if (sink == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for an SQLite sink");
	}
	sink->rt = rt;
	sink->alloc = dpi_runtime_alloc(rt);
	st = init_parts(sink, rt, path, reg, name, err);
	if (st == DP_OK) {
		st = dp_sink_new(ret_sink, rt, &ops, sink, err);
	}
	if (st != DP_OK) {
		free_parts(sink);
	}
	return st;
}

dp_status dp_sqlite_sink_new(dp_sink **ret_sink, dp_runtime *rt,
	const char *path, dp_registry *reg, const dp_sqlite_sink_options *opts,
	dp_error **err)
{
	dp_sqlite_sink_options adopted;
	dp_status st;

	if (ret_sink == NULL || rt == NULL || reg == NULL || path == NULL ||
		*path == '\0') {
		return dpi_error_set(err, DP_EINVAL,
			"an SQLite sink needs a runtime, a path and a "
			"registry");
	}
	st = dpi_adopt(&adopted, sizeof(adopted), opts,
		DPI_SIZE_UP_TO(dp_sqlite_sink_options, table),
		"SQLite sink options", "DP_SQLITE_SINK_OPTIONS_INIT", err);
	if (st == DP_OK) {
		st = dpi_runtime_check(rt, err);
	}
	if (st != DP_OK) {
		return st;
	}
	return new_sink(ret_sink, rt, path, reg,
		adopted.table != NULL ? adopted.table : NAME_DEFAULT, err);
}
