/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/file_set.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "sink/destination.h"

/* Bytes of a file go to it in multiples of this, as far as possible: what
 * begins and ends there costs the file system two thirds. */
#define WRITE_BYTES (64u << 10)

#define NAMES_MAX ((size_t)1 << 30)

/* Destination, job, and four numbers. */
#define FILE_NAME_MAX (DPI_DESTINATION_MAX + 256)

struct dpi_open_file {
	dpi_open_file *next_in_bucket;
	dpi_open_file *busier;
	dpi_open_file *idler;
	uint64_t hash;
	uint64_t kind;
	char *folder;
	uint64_t number;
	uint64_t memory_bytes; /* as counted in the set */
	dpi_staged *staged;
	dpi_part part;
};

/* Several of them are in memory, in three forms, while one is written. */
static size_t row_group_bytes(const dpi_file_limits *limits)
{
	uint64_t bytes = limits->open_bytes / 12;

	if (bytes > limits->file_bytes) {
		bytes = limits->file_bytes;
	}
	return bytes < DPI_PARQUET_GROUP_BYTES ? (size_t)bytes
					       : DPI_PARQUET_GROUP_BYTES;
}

void dpi_file_set_init(dpi_file_set *set, const dp_allocator *alloc,
	dpi_job_slot *slot, dp_file_format format, dp_compression compression,
	const dpi_file_limits *limits)
{
	*set = (dpi_file_set){
		.alloc = alloc,
		.slot = slot,
		.limits = *limits,
	};
	dpi_part_press_init(&set->press, alloc, format, compression,
		row_group_bytes(limits));
	dpi_arena_init(&set->names, alloc, NAMES_MAX);
}

void dpi_file_set_fini(dpi_file_set *set)
{
	dpi_file_set_abandon(set);
	if (set->finished_capacity > 0) {
		dpi_free(set->alloc, set->finished, set->finished_capacity,
			sizeof(*set->finished));
		set->finished_capacity = 0;
	}
	dpi_part_press_fini(&set->press);
	dpi_arena_fini(&set->names);
}

static void unlink_idleness(dpi_file_set *set, dpi_open_file *file)
{
	*(file->busier != NULL ? &file->busier->idler : &set->busiest) =
		file->idler;
	*(file->idler != NULL ? &file->idler->busier : &set->idlest) =
		file->busier;
}

static void make_busiest(dpi_file_set *set, dpi_open_file *file)
{
	file->busier = NULL;
	file->idler = set->busiest;
	*(set->busiest != NULL ? &set->busiest->busier : &set->idlest) = file;
	set->busiest = file;
}

static dpi_open_file **bucket_of(dpi_file_set *set, uint64_t hash)
{
	return &set->buckets[hash % DPI_FILE_SET_BUCKETS];
}

static void unlink_file(dpi_file_set *set, dpi_open_file *file)
{
	dpi_open_file **link = bucket_of(set, file->hash);

	while (*link != file) {
		link = &(*link)->next_in_bucket;
	}
	*link = file->next_in_bucket;
	unlink_idleness(set, file);
	set->open_count--;
	set->memory_bytes -= file->memory_bytes;
}

static void count_memory(dpi_file_set *set, dpi_open_file *file)
{
	uint64_t bytes = dpi_part_memory(&file->part) + sizeof(*file);

	set->memory_bytes += bytes - file->memory_bytes;
	file->memory_bytes = bytes;
}

static void free_file(dpi_file_set *set, dpi_open_file *file)
{
	dpi_store_ops const *ops = set->slot->store->ops;

	if (file->staged != NULL) {
		ops->release(file->staged);
	}
	dpi_part_fini(&file->part);
	dpi_free(set->alloc, file->folder, strlen(file->folder) + 1, 1);
	dpi_free(set->alloc, file, 1, sizeof(*file));
}

dp_status dpi_file_set_check(const dpi_file_set *set, dp_error **err)
{
	return set->broken == DP_OK
		? DP_OK
		: dpi_error_set(err, set->broken,
			  "a sync in %s failed: what was written since the "
			  "last flush has to come again",
			  set->slot->folder);
}

static dp_status write_out(
	dpi_file_set *set, dpi_open_file *file, size_t size, dp_error **err)
{
	dpi_buf *out = dpi_part_out(&file->part);
	dp_status st;

	if (size == 0) {
		return DP_OK;
	}
	st = set->slot->store->ops->append(file->staged, out->data, size, err);
	if (st == DP_OK) {
		out->size -= size;
		memmove(out->data, out->data + size, out->size);
	}
	return st;
}

static dp_status write_multiples(
	dpi_file_set *set, dpi_open_file *file, dp_error **err)
{
	size_t size = dpi_part_out(&file->part)->size;
	uint64_t end = file->staged->size + size;

	return size < WRITE_BYTES
		? DP_OK
		: write_out(set, file, size - (size_t)(end % WRITE_BYTES), err);
}

static bool reserve_finished(dpi_file_set *set)
{
	const dp_allocator *alloc = set->alloc;
	size_t capacity = set->finished_capacity * 2;
	dpi_commit_file *finished;

	if (set->finished_count < set->finished_capacity) {
		return true;
	}
	capacity = capacity > 0 ? capacity : 16;
	finished = dpi_zalloc(alloc, capacity, sizeof(*finished));
	if (finished == NULL) {
		return false;
	}
	if (set->finished_capacity > 0) {
		memcpy(finished, set->finished,
			set->finished_count * sizeof(*finished));
		dpi_free(alloc, set->finished, set->finished_capacity,
			sizeof(*finished));
	}
	set->finished = finished;
	set->finished_capacity = capacity;
	return true;
}

/* Sequence of the commit that the files of now will be in. */
static uint64_t sequence_of(const dpi_file_set *set)
{
	return set->slot->sequence + 1;
}

static const char *final_name(dpi_file_set *set, const dpi_open_file *file)
{
	char name[FILE_NAME_MAX];
	int size = snprintf(name, sizeof(name),
		"%s/part-%s-%016" PRIx64 "-%" PRIu64 "-%" PRIu64 "%s",
		file->folder, set->slot->job, set->slot->origin,
		sequence_of(set), file->number,
		dpi_part_press_suffix(&set->press));

	return dpi_arena_dup(&set->names, name, (size_t)size);
}

/* All of it on disk, and its name among the finished ones. */
static dp_status finish_file(
	dpi_file_set *set, dpi_open_file *file, dp_error **err)
{
	const char *name = final_name(set, file);
	dp_status st;

	if (name == NULL || !reserve_finished(set)) {
		return dpi_error_set(err, DP_ENOMEM,
			"no memory to finish a file of %s", file->folder);
	}
	st = dpi_part_finish(&file->part, err);
	if (st == DP_OK) {
		st = write_out(set, file, dpi_part_out(&file->part)->size, err);
	}
	if (st != DP_OK) {
		return st;
	}
	st = set->slot->store->ops->finish(file->staged, err);
	if (st != DP_OK) {
		set->broken = st;
		return st;
	}
	set->finished[set->finished_count++] = (dpi_commit_file){
		.sequence = sequence_of(set),
		.number = file->number,
		.name = name,
		.bytes = file->staged->size,
		.events = dpi_part_count(&file->part),
	};
	unlink_file(set, file);
	free_file(set, file);
	return DP_OK;
}

/* A file that was made for a datum that could not be appended. */
static void drop_empty(dpi_file_set *set, dpi_open_file *file)
{
	dp_store *store = set->slot->store;
	char name[DPI_SLOT_NAME_MAX];

	dpi_job_slot_staged_name(
		set->slot, sequence_of(set), file->number, name);
	(void)store->ops->remove(store, name, NULL);
	unlink_file(set, file);
	free_file(set, file);
}

static dp_status retire(dpi_file_set *set, dpi_open_file *file, dp_error **err)
{
	if (dpi_part_count(&file->part) == 0) {
		drop_empty(set, file);
		return DP_OK;
	}
	return finish_file(set, file, err);
}

static dp_status stage(dpi_file_set *set, dpi_open_file *file, dp_error **err)
{
	dp_store *store = set->slot->store;
	char name[DPI_SLOT_NAME_MAX];

	file->number = set->next_number++;
	dpi_job_slot_staged_name(
		set->slot, sequence_of(set), file->number, name);
	return store->ops->stage(store, name, &file->staged, err);
}

static dp_status begin_part(dpi_file_set *set, dpi_open_file *file,
	const dpi_file_kind *kind, dp_error **err)
{
	const dpi_os *os = dpi_runtime_os(set->slot->store->rt);
	uint8_t sync[DPI_AVRO_SYNC_SIZE];
	int rc = os->random(os->self, sync, sizeof(sync));

	if (rc < 0) {
		return dpi_error_sys(err, -rc, "random bytes");
	}
	return dpi_part_init(&file->part, &set->press, kind, sync, err);
}

static dpi_open_file *make_file(
	dpi_file_set *set, const char *folder, uint64_t kind, uint64_t hash)
{
	size_t size = strlen(folder) + 1;
	dpi_open_file *file = dpi_zalloc(set->alloc, 1, sizeof(*file));
	char *copy = dpi_zalloc(set->alloc, 1, size);

	if (file == NULL || copy == NULL) {
		if (file != NULL) {
			dpi_free(set->alloc, file, 1, sizeof(*file));
		}
		if (copy != NULL) {
			dpi_free(set->alloc, copy, 1, size);
		}
		return NULL;
	}
	memcpy(copy, folder, size);
	file->folder = copy;
	file->kind = kind;
	file->hash = hash;
	return file;
}

static dp_status open_file(dpi_file_set *set, const char *folder,
	const dpi_file_kind *kind, uint64_t hash, dpi_open_file **ret,
	dp_error **err)
{
	dpi_open_file *file = make_file(set, folder, kind->key, hash);
	dp_status st;

	if (file == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for a file of %s", folder);
	}
	st = begin_part(set, file, kind, err);
	if (st == DP_OK) {
		st = stage(set, file, err);
	}
	if (st != DP_OK) {
		free_file(set, file);
		return st;
	}
	file->next_in_bucket = *bucket_of(set, hash);
	*bucket_of(set, hash) = file;
	make_busiest(set, file);
	set->open_count++;
	count_memory(set, file);
	*ret = file;
	return DP_OK;
}

static bool is_of(const dpi_open_file *file, const char *folder,
	const dpi_file_kind *kind)
{
	return file->kind == kind->key && strcmp(file->folder, folder) == 0;
}

static dpi_open_file *find(dpi_file_set *set, const char *folder,
	const dpi_file_kind *kind, uint64_t hash)
{
	dpi_open_file *file = *bucket_of(set, hash);

	while (file != NULL && !is_of(file, folder, kind)) {
		file = file->next_in_bucket;
	}
	return file;
}

static bool is_full(const dpi_file_set *set, dpi_open_file *file)
{
	return file->staged->size + dpi_part_out(&file->part)->size >=
		set->limits.file_bytes;
}

/*
 * Columns of Parquet grow by doubling, and are compressed from one buffer into
 * another: what is not there yet has a third of the memory kept for it.
 */
static bool is_crowded(const dpi_file_set *set)
{
	uint64_t limit = set->limits.open_bytes;
	uint64_t shared = dpi_parquet_worker_memory(&set->press.worker);

	return set->press.format == DP_FILE_FORMAT_PARQUET
		? set->memory_bytes + shared > limit - limit / 3
		: set->memory_bytes > limit;
}

/* The one that gives most memory back, or NULL. */
static dpi_open_file *find_slackest(const dpi_file_set *set)
{
	dpi_open_file *found = NULL;

	for (dpi_open_file *file = set->busiest; file != NULL;
		file = file->idler) {
		size_t slack = dpi_part_slack(&file->part);

		if (slack >
			(found != NULL ? dpi_part_slack(&found->part) : 0)) {
			found = file;
		}
	}
	return found;
}

static dp_status shrink(dpi_file_set *set, dpi_open_file *file, dp_error **err)
{
	dpi_buf *out = dpi_part_out(&file->part);
	dp_status st = dpi_part_shrink(&file->part, err);

	if (st == DP_OK) {
		st = write_out(set, file, out->size, err);
	}
	if (st == DP_OK) {
		dpi_buf_fini(out);
	}
	count_memory(set, file);
	return st;
}

/* Finishes the idlest until there is room for `more` further files. For want of
 * memory row groups are written first, the largest in front. */
static dp_status make_room(dpi_file_set *set, uint32_t more, dp_error **err)
{
	dp_status st = DP_OK;

	while (st == DP_OK && set->idlest != NULL) {
		bool has_place = set->open_count + more <= set->limits.open_max;
		dpi_open_file *slackest;

		if (has_place && !is_crowded(set)) {
			break;
		}
		slackest = has_place ? find_slackest(set) : NULL;
		st = slackest != NULL ? shrink(set, slackest, err)
				      : retire(set, set->idlest, err);
	}
	return st;
}

/* An open file with room for a datum, the busiest from now on. */
static dp_status provide(dpi_file_set *set, const char *folder,
	const dpi_file_kind *kind, dpi_open_file **ret, dp_error **err)
{
	uint64_t hash = dpi_hash64(kind->key, folder, strlen(folder));
	dpi_open_file *file = find(set, folder, kind, hash);
	dp_status st = DP_OK;

	if (file != NULL && is_full(set, file)) {
		st = retire(set, file, err);
		file = NULL;
	}
	if (st == DP_OK && file == NULL) {
		st = make_room(set, 1, err);
	}
	if (st == DP_OK && file == NULL) {
		return open_file(set, folder, kind, hash, ret, err);
	}
	if (st == DP_OK) {
		unlink_idleness(set, file);
		make_busiest(set, file);
		*ret = file;
	}
	return st;
}

static dp_status append(dpi_file_set *set, dpi_open_file *file, dp_bytes datums,
	uint64_t count, dp_error **err)
{
	dp_status st = write_multiples(set, file, err);

	if (st != DP_OK) {
		return st;
	}
	st = dpi_part_append(&file->part, datums, count, err);
	count_memory(set, file);
	return st;
}

dp_status dpi_file_set_append(dpi_file_set *set, const char *folder,
	const dpi_file_kind *kind, dp_bytes datums, uint64_t count,
	dp_error **err)
{
	dpi_open_file *file = set->busiest;
	dp_status st = dpi_file_set_check(set, err);

	if (st == DP_OK && is_crowded(set)) {
		st = make_room(set, 0, err);
		file = set->busiest;
	}
	if (st == DP_OK &&
		(file == NULL || is_full(set, file) ||
			!is_of(file, folder, kind))) {
		st = provide(set, folder, kind, &file, err);
	}
	return st == DP_OK ? append(set, file, datums, count, err) : st;
}

dp_status dpi_file_set_finish(dpi_file_set *set, dp_error **err)
{
	dp_status st = dpi_file_set_check(set, err);

	while (st == DP_OK && set->idlest != NULL) {
		st = retire(set, set->idlest, err);
	}
	return st;
}

void dpi_file_set_clear(dpi_file_set *set)
{
	set->finished_count = 0;
	set->next_number = 0;
	dpi_arena_reset(&set->names);
}

void dpi_file_set_abandon(dpi_file_set *set)
{
	while (set->idlest != NULL) {
		dpi_open_file *file = set->idlest;

		unlink_file(set, file);
		free_file(set, file);
	}
	set->broken = DP_OK;
	dpi_file_set_clear(set);
}
