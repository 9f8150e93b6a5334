/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/registration.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/text.h"
#include "io/files.h"

#define MAGIC 0x75737064u /* "dpsu" */
#define FORMAT 1u
#define HEAD 16u
#define FILE_MAX (HEAD + DPI_NAME_MAX)
/* Names of places, while they are listed. */
#define ENTRIES_MAX_BYTES (64u << 20)

/* DIRECTORY/subscriptions/NAME/entry; without name or entry what is above. */
static void sub_path(
	char *buf, const char *directory, const char *name, const char *entry)
{
	snprintf(buf, DPI_LOG_PATH_MAX, "%s/subscriptions%s%s%s%s", directory,
		name != NULL ? "/" : "", name != NULL ? name : "",
		entry != NULL ? "/" : "", entry != NULL ? entry : "");
}

void dpi_registration_cursor_path(char *buf, const char *directory,
	const char *name, const dpi_partition_name *partition)
{
	char entry[DPI_LOG_TOPIC_MAX + 16];

	snprintf(entry, sizeof(entry), "%s@%u", partition->topic,
		(unsigned)partition->partition);
	sub_path(buf, directory, name, entry);
}

void dpi_registration_reserved_path(
	char *buf, const char *directory, const char *name, uint32_t seat)
{
	char entry[32];

	snprintf(entry, sizeof(entry), "reserved.%u", (unsigned)seat);
	sub_path(buf, directory, name, entry);
}

uint64_t dpi_registration_cursor_key(const dpi_log_hub *hub, const char *name,
	const dpi_partition_name *partition)
{
	uint64_t key = dpi_hash64(0, hub->uuid, DPI_LOG_UUID_SIZE);

	key = dpi_hash64(key, name, strlen(name) + 1);
	return dpi_hash64(key ^ partition->partition, partition->topic,
		strlen(partition->topic));
}

static dp_status decode(
	dpi_registration *ret, const dpi_buf *file, dp_error **err)
{
	const uint8_t *p = file->data;
	size_t size = file->size;

	if (size < HEAD || dpi_load_u32(p) != MAGIC ||
		dpi_load_u32(p + 4) != FORMAT ||
		dpi_load_u32(p + 8) != dpi_crc32c(0, p + 12, size - 12) ||
		dpi_load_u32(p + 12) != size - HEAD) {
		return dpi_error_set(err, DP_ECORRUPT,
			"the pattern of a subscription is damaged: delete the "
			"subscription and open it again");
	}
	memcpy(ret->topics, p + HEAD, size - HEAD);
	ret->topics[size - HEAD] = '\0';
	return DP_OK;
}

dp_status dpi_registration_read(const dpi_log_hub *hub, const char *name,
	dpi_registration *ret, dp_error **err)
{
	char path[DPI_LOG_PATH_MAX];
	dp_error *cause = NULL;
	dpi_buf file;
	dp_status st;

	sub_path(path, hub->directory, name, "topics");
	dpi_buf_init(&file, hub->alloc, FILE_MAX);
	st = dpi_files_read(hub->os, path, &file, &cause);
	if (st == DP_ETOOBIG) {
		dp_error_free(cause);
		cause = NULL;
		st = dpi_error_set(&cause, DP_ECORRUPT,
			"%s is not what a subscription writes", path);
	}
	if (st == DP_OK) {
		st = decode(ret, &file, &cause);
	}
	dpi_buf_fini(&file);
	if (st != DP_OK && st != DP_ENOTFOUND && err != NULL) {
		*err = cause;
		return dpi_error_prefix(err, st, "subscription %s", name);
	}
	dp_error_free(cause);
	return st;
}

static dp_status remove_places(
	const dpi_log_hub *hub, const char *name, dp_error **err)
{
	char path[DPI_LOG_PATH_MAX];
	const char *const *entries;
	dpi_arena arena;
	size_t count;
	dp_status st;

	sub_path(path, hub->directory, name, NULL);
	dpi_arena_init(&arena, hub->alloc, ENTRIES_MAX_BYTES);
	st = dpi_files_list(hub->os, path, &arena, &entries, &count, err);
	for (size_t i = 0; st == DP_OK && i < count; i++) {
		sub_path(path, hub->directory, name, entries[i]);
		st = dpi_files_remove(hub->os, hub->alloc, path, err);
	}
	dpi_arena_fini(&arena);
	return st;
}

dp_status dpi_registration_prepare(
	const dpi_log_hub *hub, const char *name, dp_error **err)
{
	char path[DPI_LOG_PATH_MAX];
	dp_status st;

	sub_path(path, hub->directory, name, NULL);
	st = dpi_files_mkdir(hub->os, path, err);
	return st == DP_OK ? remove_places(hub, name, err) : st;
}

dp_status dpi_registration_write(const dpi_log_hub *hub, const char *name,
	const dpi_registration *registration, dp_error **err)
{
	size_t size = strlen(registration->topics);
	char path[DPI_LOG_PATH_MAX];
	uint8_t file[FILE_MAX];

	dpi_store_u32(file, MAGIC);
	dpi_store_u32(file + 4, FORMAT);
	dpi_store_u32(file + 12, (uint32_t)size);
	memcpy(file + HEAD, registration->topics, size);
	dpi_store_u32(file + 8, dpi_crc32c(0, file + 12, 4 + size));
	sub_path(path, hub->directory, name, "topics");
	return dpi_files_write(hub->os, path, file, HEAD + size, err);
}

dp_status dpi_registration_keep(
	const dpi_log_hub *hub, const char *name, dp_error **err)
{
	char path[DPI_LOG_PATH_MAX];

	sub_path(path, hub->directory, name, "topics");
	return dpi_files_sync_way(hub->os, hub->directory, path, err);
}

dp_status dpi_registration_remove(
	const dpi_log_hub *hub, const char *name, dp_error **err)
{
	char path[DPI_LOG_PATH_MAX];
	dp_status st;

	sub_path(path, hub->directory, name, "topics");
	st = dpi_files_remove(hub->os, hub->alloc, path, err);
	if (st != DP_OK) {
		return st;
	}
	sub_path(path, hub->directory, name, NULL);
	return dpi_files_remove(hub->os, hub->alloc, path, err);
}

dp_status dpi_registration_list(const dpi_log_hub *hub, dpi_arena *arena,
	const char *const **ret_names, size_t *ret_count, dp_error **err)
{
	char path[DPI_LOG_PATH_MAX];
	dp_status st;

	sub_path(path, hub->directory, NULL, NULL);
	st = dpi_files_list(hub->os, path, arena, ret_names, ret_count, err);
	if (st == DP_ENOTFOUND) {
		dpi_error_clear(err);
		*ret_count = 0;
		st = DP_OK;
	}
	return st;
}
