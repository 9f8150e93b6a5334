/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/commit.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "proto/commit.pb-c.h"

/*
 *    0  4   magic "DPCM"
 *    4  u32 version
 *    8  u64 sequence
 *   16  u32 size of the body
 *   20  u32 CRC32C of bytes [4, 20) and of the body
 *   24  body: datapipe.commit.v1.Commit
 */
#define HEAD_SIZE 24u
#define VERSION 1u
#define BODY_MAX (256u << 20)

static const char magic[4] = {'D', 'P', 'C', 'M'};

typedef Datapipe__Commit__V1__Commit wire_commit;
typedef Datapipe__Commit__V1__File wire_file;
typedef Datapipe__Commit__V1__Position wire_position;

static uint32_t checksum(const uint8_t *record, size_t body_size)
{
	uint32_t crc = dpi_crc32c(0, record + 4, 16);

	return dpi_crc32c(crc, record + HEAD_SIZE, body_size);
}

/* An array of count pointers to structs of size bytes each, or NULL. */
static void **make_pointers(dpi_arena *arena, size_t count, size_t size)
{
	void **pointers = dpi_arena_zalloc(arena, count + 1, sizeof(*pointers));
	uint8_t *structs = dpi_arena_zalloc(arena, count + 1, size);

	if (pointers == NULL || structs == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		pointers[i] = structs + i * size;
	}
	return pointers;
}

static bool fill_files(
	wire_commit *wire, const dpi_commit *commit, dpi_arena *arena)
{
	wire->n_files = commit->file_count;
	wire->files = (wire_file **)make_pointers(
		arena, wire->n_files, sizeof(wire_file));
	if (wire->files == NULL) {
		return false;
	}
	for (size_t i = 0; i < wire->n_files; i++) {
		const dpi_commit_file *file = &commit->files[i];

		datapipe__commit__v1__file__init(wire->files[i]);
		wire->files[i]->sequence = file->sequence;
		wire->files[i]->number = file->number;
		wire->files[i]->name = (char *)file->name;
		wire->files[i]->bytes = file->bytes;
		wire->files[i]->events = file->events;
	}
	return true;
}

static bool fill_positions(
	wire_commit *wire, const dp_positions *positions, dpi_arena *arena)
{
	wire->n_positions = dp_positions_count(positions);
	wire->positions = (wire_position **)make_pointers(
		arena, wire->n_positions, sizeof(wire_position));
	if (wire->positions == NULL) {
		return false;
	}
	for (size_t i = 0; i < wire->n_positions; i++) {
		dp_position place = dp_positions_get(positions, i);

		datapipe__commit__v1__position__init(wire->positions[i]);
		wire->positions[i]->topic = (char *)place.topic;
		wire->positions[i]->partition = place.partition;
		wire->positions[i]->next = place.next;
	}
	return true;
}

static dp_status append_record(
	const wire_commit *wire, uint64_t sequence, dpi_buf *out)
{
	size_t body = datapipe__commit__v1__commit__get_packed_size(wire);
	uint8_t *record;
	dp_status st;

	if (body > BODY_MAX) {
		return DP_ETOOBIG;
	}
	st = dpi_buf_reserve(out, HEAD_SIZE + body);
	if (st != DP_OK) {
		return st;
	}
	record = out->data + out->size;
	memcpy(record, magic, sizeof(magic));
	dpi_store_u32(record + 4, VERSION);
	dpi_store_u64(record + 8, sequence);
	dpi_store_u32(record + 16, (uint32_t)body);
	datapipe__commit__v1__commit__pack(wire, record + HEAD_SIZE);
	dpi_store_u32(record + 20, checksum(record, body));
	out->size += HEAD_SIZE + body;
	return DP_OK;
}

dp_status dpi_commit_encode(const dpi_commit *commit, dpi_arena *scratch,
	dpi_buf *out, dp_error **err)
{
	wire_commit wire = DATAPIPE__COMMIT__V1__COMMIT__INIT;
	dp_status st = DP_ENOMEM;

	wire.job = (char *)commit->job;
	wire.origin = commit->origin;
	if (fill_files(&wire, commit, scratch) &&
		fill_positions(&wire, commit->positions, scratch)) {
		st = append_record(&wire, commit->sequence, out);
	}
	if (st != DP_OK) {
		return dpi_error_set(err, st,
			"commit %llu of job '%s', %zu files: %s",
			(unsigned long long)commit->sequence, commit->job,
			commit->file_count, dp_status_name(st));
	}
	return DP_OK;
}

/* protobuf-c says only that it failed, not why. */
typedef struct unpack_memory {
	dpi_arena *arena;
	bool ran_out;
} unpack_memory;

static void *unpack_alloc(void *user, size_t size)
{
	unpack_memory *memory = user;
	void *block = dpi_arena_alloc(memory->arena, size > 0 ? size : 1);

	memory->ran_out |= block == NULL;
	return block;
}

static void unpack_free(void *user, void *block)
{
	(void)user;
	(void)block;
}

static dp_status unpack(wire_commit **ret, dp_bytes body, dpi_arena *arena)
{
	unpack_memory memory = {.arena = arena};
	ProtobufCAllocator allocator = {unpack_alloc, unpack_free, &memory};

	*ret = datapipe__commit__v1__commit__unpack(
		&allocator, body.size, body.data);
	if (*ret != NULL) {
		return DP_OK;
	}
	return memory.ran_out ? DP_ENOMEM : DP_ECORRUPT;
}

static dp_status check_head(dp_bytes record, dp_error **err)
{
	const uint8_t *p = record.data;
	size_t body;

	if (record.size < HEAD_SIZE || memcmp(p, magic, sizeof(magic)) != 0) {
		return dpi_error_set(
			err, DP_ECORRUPT, "does not begin like a commit");
	}
	body = dpi_load_u32(p + 16);
	if (body > record.size - HEAD_SIZE || body > BODY_MAX) {
		return dpi_error_set(err, DP_ECORRUPT,
			"commit of %zu bytes is cut off after %zu",
			HEAD_SIZE + body, record.size);
	}
	if (checksum(p, body) != dpi_load_u32(p + 20)) {
		return dpi_error_set(
			err, DP_ECORRUPT, "checksum of the commit differs");
	}
	if (dpi_load_u32(p + 4) != VERSION) {
		return dpi_error_set(err, DP_EABI,
			"commit has version %u, this libdatapipe reads %u",
			(unsigned)dpi_load_u32(p + 4), VERSION);
	}
	return DP_OK;
}

static dp_status take_files(
	dpi_commit *ret, const wire_commit *wire, dpi_arena *arena)
{
	dpi_commit_file *files =
		dpi_arena_zalloc(arena, wire->n_files + 1, sizeof(*files));

	if (files == NULL) {
		return DP_ENOMEM;
	}
	for (size_t i = 0; i < wire->n_files; i++) {
		files[i] = (dpi_commit_file){
			.sequence = wire->files[i]->sequence,
			.number = wire->files[i]->number,
			.name = wire->files[i]->name,
			.bytes = wire->files[i]->bytes,
			.events = wire->files[i]->events,
		};
	}
	ret->files = files;
	ret->file_count = wire->n_files;
	return DP_OK;
}

static dp_status take_positions(
	dp_positions *positions, const wire_commit *wire)
{
	for (size_t i = 0; i < wire->n_positions; i++) {
		const wire_position *place = wire->positions[i];
		dp_status st = dp_positions_set(
			positions, place->topic, place->partition, place->next);

		if (st != DP_OK) {
			return st;
		}
	}
	return DP_OK;
}

dp_status dpi_commit_decode(dpi_commit *ret, dp_bytes record, dpi_arena *arena,
	dp_positions *positions, dp_error **err)
{
	const uint8_t *bytes = record.data;
	dpi_commit commit = {.positions = positions};
	wire_commit *wire;
	dp_status st = check_head(record, err);

	if (st != DP_OK) {
		return st;
	}
	st = unpack(&wire,
		dpi_bytes(bytes + HEAD_SIZE, dpi_load_u32(bytes + 16)), arena);
	if (st == DP_OK) {
		st = take_files(&commit, wire, arena);
	}
	if (st == DP_OK) {
		st = take_positions(positions, wire);
	}
	if (st != DP_OK) {
		return dpi_error_set(
			err, st, "body of a commit: %s", dp_status_name(st));
	}
	commit.job = wire->job;
	commit.origin = wire->origin;
	commit.sequence = dpi_load_u64(bytes + 8);
	*ret = commit;
	return DP_OK;
}
