/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/slot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"

#define RECORD_MAX ((size_t)260 << 20)
#define SCRATCH_MAX ((size_t)1 << 30)
#define STAGED_PREFIX "staged-"

/* Of a slot in use, both records may change while they are read. */
#define PEEK_TRIES 8

void dpi_job_slot_init(dpi_job_slot *slot, dp_store *store, const char *job,
	const char *number)
{
	*slot = (dpi_job_slot){
		.store = store,
		.alloc = dpi_runtime_alloc(store->rt),
		.job = job,
	};
	(void)snprintf(slot->folder, sizeof(slot->folder), "_commits/%s/%s",
		job, number);
	dpi_positions_init(&slot->positions, slot->alloc);
}

void dpi_job_slot_fini(dpi_job_slot *slot)
{
	dpi_positions_fini(&slot->positions);
}

void dpi_job_slot_staged_name(const dpi_job_slot *slot, uint64_t sequence,
	uint64_t number, char *name)
{
	(void)snprintf(name, DPI_SLOT_NAME_MAX,
		"%s/" STAGED_PREFIX "%" PRIu64 "-%" PRIu64, slot->folder,
		sequence, number);
}

static void record_name(const dpi_job_slot *slot, bool is_even, char *name)
{
	(void)snprintf(name, DPI_SLOT_NAME_MAX, "%s/%s", slot->folder,
		is_even ? "b" : "a");
}

/* One of the two records, as it was found. */
typedef struct found_record {
	bool is_there;
	bool is_valid;
	dpi_commit commit;
	dp_positions positions;
} found_record;

/* What is there but cannot be read is damaged, and no failure of ours. */
static dp_status read_record(const dpi_job_slot *slot, bool is_even,
	dpi_arena *arena, found_record *ret, dp_error **err)
{
	dp_store *store = slot->store;
	char name[DPI_SLOT_NAME_MAX];
	dpi_buf buf;
	dp_status st;

	dpi_buf_init(&buf, slot->alloc, RECORD_MAX);
	record_name(slot, is_even, name);
	st = store->ops->get(store, name, &buf, err);
	ret->is_there = st == DP_OK && buf.size > 0;
	if (ret->is_there) {
		st = dpi_commit_decode(&ret->commit,
			dpi_bytes(buf.data, buf.size), arena, &ret->positions,
			err);
		ret->is_valid = st == DP_OK;
	}
	dpi_buf_fini(&buf);
	if (st == DP_ENOTFOUND || st == DP_ECORRUPT) {
		dpi_error_clear(err);
		return DP_OK;
	}
	return st;
}

/*
 * The newest valid record into slot, and its files. The first record is the
 * odd one: where there is no other, a damaged one was never complete.
 */
static dp_status take_newest(dpi_job_slot *slot, const found_record *odd,
	const found_record *even, dpi_commit *ret, dp_error **err)
{
	const found_record *newest = odd;

	if (even->is_valid &&
		(!odd->is_valid ||
			even->commit.sequence > odd->commit.sequence)) {
		newest = even;
	}
	if (!newest->is_valid && even->is_there) {
		return dpi_error_set(err, DP_ECORRUPT,
			"both commit records in %s are damaged: restore one of "
			"them, or remove the folder and accept repeats",
			slot->folder);
	}
	if (!newest->is_valid) {
		return DP_ENOTFOUND;
	}
	if (dpi_positions_merge(&slot->positions, &newest->positions) !=
		DP_OK) {
		return dpi_error_set(err, DP_ENOMEM,
			"no memory for the positions in %s", slot->folder);
	}
	slot->origin = newest->commit.origin;
	slot->sequence = newest->commit.sequence;
	*ret = newest->commit;
	return DP_OK;
}

/* DP_ENOTFOUND, without an error: there is no record yet. */
static dp_status load(
	dpi_job_slot *slot, dpi_arena *arena, dpi_commit *ret, dp_error **err)
{
	found_record odd = {.is_there = false};
	found_record even = {.is_there = false};
	dp_status st;

	dpi_positions_init(&odd.positions, slot->alloc);
	dpi_positions_init(&even.positions, slot->alloc);
	st = read_record(slot, false, arena, &odd, err);
	if (st == DP_OK) {
		st = read_record(slot, true, arena, &even, err);
	}
	if (st == DP_OK) {
		st = take_newest(slot, &odd, &even, ret, err);
	}
	dpi_positions_fini(&odd.positions);
	dpi_positions_fini(&even.positions);
	return st;
}

dp_status dpi_job_slot_peek(dpi_job_slot *slot, dp_error **err)
{
	dp_status st = DP_ECORRUPT;

	for (int tries = PEEK_TRIES; tries > 0 && st == DP_ECORRUPT; tries--) {
		dpi_commit commit;
		dpi_arena arena;

		dpi_error_clear(err);
		dpi_arena_init(&arena, slot->alloc, SCRATCH_MAX);
		st = load(slot, &arena, &commit, err);
		dpi_arena_fini(&arena);
	}
	return st == DP_ENOTFOUND ? DP_OK : st;
}

static dp_status put_record(dpi_job_slot *slot, const dpi_commit_file *files,
	size_t count, dpi_arena *scratch, dp_error **err)
{
	dp_store *store = slot->store;
	const dpi_commit commit = {
		.job = slot->job,
		.sequence = slot->sequence + 1,
		.origin = slot->origin,
		.files = files,
		.file_count = count,
		.positions = &slot->positions,
	};
	char name[DPI_SLOT_NAME_MAX];
	dpi_buf buf;
	dp_status st;

	dpi_buf_init(&buf, slot->alloc, RECORD_MAX);
	record_name(slot, commit.sequence % 2 == 0, name);
	st = dpi_commit_encode(&commit, scratch, &buf, err);
	if (st == DP_OK) {
		st = store->ops->put(store, name, buf.data, buf.size, err);
	}
	if (st == DP_OK) {
		slot->sequence = commit.sequence;
	}
	dpi_buf_fini(&buf);
	return st;
}

static int by_name(const void *a, const void *b)
{
	const dpi_commit_file *const *left = a;
	const dpi_commit_file *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

static size_t folder_size(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash != NULL ? (size_t)(slash - name) : 0;
}

static bool same_folder(const char *a, const char *b)
{
	size_t size = folder_size(a);

	return size == folder_size(b) && memcmp(a, b, size) == 0;
}

/* Each folder once, however many files went there. */
static dp_status sync_folders(const dpi_job_slot *slot,
	const dpi_commit_file *files, size_t count, dpi_arena *scratch,
	dp_error **err)
{
	dp_store *store = slot->store;
	const dpi_commit_file **sorted =
		dpi_arena_zalloc(scratch, count + 1, sizeof(const void *));
	dp_status st = DP_OK;

	if (sorted == NULL) {
		return dpi_error_set(err, DP_ENOMEM,
			"no memory to sync the folders of %zu files", count);
	}
	for (size_t i = 0; i < count; i++) {
		sorted[i] = &files[i];
	}
	qsort(sorted, count, sizeof(const void *), by_name);
	for (size_t i = 0; i < count && st == DP_OK; i++) {
		const char *name = sorted[i]->name;
		char *folder;

		if (i > 0 && same_folder(sorted[i - 1]->name, name)) {
			continue;
		}
		folder = dpi_arena_dup(scratch, name, folder_size(name));
		st = folder != NULL
			? store->ops->sync(store, folder, err)
			: dpi_error_set(err, DP_ENOMEM,
				  "no memory for the folder of %s", name);
	}
	return st;
}

/* A staged file that is gone was published before a crash. */
static dp_status publish_one(
	const dpi_job_slot *slot, const dpi_commit_file *file, dp_error **err)
{
	dp_store *store = slot->store;
	char staged[DPI_SLOT_NAME_MAX];
	dp_status st;

	dpi_job_slot_staged_name(slot, file->sequence, file->number, staged);
	st = store->ops->publish(store, staged, file->name, err);
	if (st == DP_ENOTFOUND) {
		dpi_error_clear(err);
		return DP_OK;
	}
	return st;
}

static dp_status publish(const dpi_job_slot *slot, const dpi_commit_file *files,
	size_t count, dpi_arena *scratch, dp_error **err)
{
	dp_status st = DP_OK;

	for (size_t i = 0; i < count && st == DP_OK; i++) {
		st = publish_one(slot, &files[i], err);
	}
	return st == DP_OK ? sync_folders(slot, files, count, scratch, err)
			   : st;
}

/* What is staged now belongs to no commit. */
static dp_status remove_staged(
	const dpi_job_slot *slot, dpi_arena *scratch, dp_error **err)
{
	dp_store *store = slot->store;
	const char *const *names = NULL;
	size_t count = 0;
	dp_status st = store->ops->list(
		store, slot->folder, scratch, &names, &count, err);

	for (size_t i = 0; i < count && st == DP_OK; i++) {
		char name[DPI_SLOT_FOLDER_MAX + 256];

		if (strncmp(names[i], STAGED_PREFIX, strlen(STAGED_PREFIX)) ==
			0) {
			(void)snprintf(name, sizeof(name), "%s/%.255s",
				slot->folder, names[i]);
			st = store->ops->remove(store, name, err);
		}
	}
	return st;
}

static dp_status draw_origin(dpi_job_slot *slot, dp_error **err)
{
	const dpi_os *os = dpi_runtime_os(slot->store->rt);
	int rc = os->random(os->self, &slot->origin, sizeof(slot->origin));

	return rc < 0 ? dpi_error_sys(err, -rc, "random bytes") : DP_OK;
}

/* Rolls forward what commit says, or makes the slot if it says nothing. */
static dp_status recover(dpi_job_slot *slot, const dpi_commit *commit,
	dpi_arena *scratch, dp_error **err)
{
	dp_status st = put_record(
		slot, commit->files, commit->file_count, scratch, err);

	if (st == DP_OK) {
		st = publish(
			slot, commit->files, commit->file_count, scratch, err);
	}
	if (st == DP_OK) {
		st = remove_staged(slot, scratch, err);
	}
	return st;
}

dp_status dpi_job_slot_recover(dpi_job_slot *slot, dp_error **err)
{
	dpi_commit commit = {.file_count = 0};
	dpi_arena arena;
	dp_status st;

	dpi_arena_init(&arena, slot->alloc, SCRATCH_MAX);
	st = load(slot, &arena, &commit, err);
	if (st == DP_ENOTFOUND) {
		st = draw_origin(slot, err);
	}
	if (st == DP_OK) {
		st = recover(slot, &commit, &arena, err);
	}
	dpi_arena_fini(&arena);
	return st;
}

dp_status dpi_job_slot_commit(dpi_job_slot *slot, const dpi_commit_file *files,
	size_t count, const dp_positions *upto, dp_error **err)
{
	dp_store *store = slot->store;
	dpi_arena scratch;
	dp_status st = DP_OK;

	if (count == 0 && dpi_positions_cover(&slot->positions, upto)) {
		return DP_OK;
	}
	if (count > 0) {
		st = store->ops->sync(store, slot->folder, err);
	}
	if (st == DP_OK &&
		dpi_positions_merge(&slot->positions, upto) != DP_OK) {
		st = dpi_error_set(err, DP_ENOMEM, "no memory for positions");
	}
	if (st != DP_OK) {
		return st;
	}
	dpi_arena_init(&scratch, slot->alloc, SCRATCH_MAX);
	st = put_record(slot, files, count, &scratch, err);
	if (st == DP_OK) {
		st = publish(slot, files, count, &scratch, err);
	}
	dpi_arena_fini(&scratch);
	return st;
}
