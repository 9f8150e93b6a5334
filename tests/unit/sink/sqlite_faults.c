/* SPDX-License-Identifier: Apache-2.0 */
#include "sqlite_faults.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include <sqlite3.h>

struct rule {
	long calls;
	long at; /* the call that fails; -1: none */
	int code;
	bool for_ever;
};

static struct rule disk = {0, -1, 0, false};
static struct rule memory = {0, -1, 0, false};
static sqlite3_vfs *real_vfs;
static sqlite3_vfs faulty_vfs;
static sqlite3_io_methods real_methods; /* of writing, the same for all */
/* Files with locks and those without have tables of their own. */
static sqlite3_io_methods faulty_database;
static sqlite3_io_methods faulty_log;
static sqlite3_mem_methods real_memory;

static bool fails(struct rule *rule)
{
	long call = rule->calls++;

	return rule->at >= 0 &&
		(call == rule->at || (rule->for_ever && call > rule->at));
}

static int faulty_write(
	sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
	return fails(&disk) ? disk.code
			    : real_methods.xWrite(file, data, size, offset);
}

/* Nothing here loses power, and thousands of real ones take minutes. */
static int faulty_sync(sqlite3_file *file, int flags)
{
	(void)file;
	(void)flags;
	return fails(&disk) ? disk.code : SQLITE_OK;
}

static int faulty_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	return fails(&disk) ? disk.code : real_methods.xTruncate(file, size);
}

static void replace_methods(sqlite3_file *file, sqlite3_io_methods *table)
{
	real_methods = *file->pMethods;
	*table = real_methods;
	table->xWrite = faulty_write;
	table->xSync = faulty_sync;
	table->xTruncate = faulty_truncate;
	file->pMethods = table;
}

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file,
	int flags, int *ret_flags)
{
	int rc = real_vfs->xOpen(real_vfs, name, file, flags, ret_flags);

	(void)vfs;
	if (rc == SQLITE_OK && (flags & SQLITE_OPEN_MAIN_DB) != 0) {
		replace_methods(file, &faulty_database);
	} else if (rc == SQLITE_OK && (flags & SQLITE_OPEN_WAL) != 0) {
		replace_methods(file, &faulty_log);
	}
	return rc;
}

static int faulty_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
	(void)vfs;
	(void)sync_folder;
	return real_vfs->xDelete(real_vfs, name, 0);
}

static void *faulty_malloc(int size)
{
	return fails(&memory) ? NULL : real_memory.xMalloc(size);
}

static void *faulty_realloc(void *block, int size)
{
	return fails(&memory) ? NULL : real_memory.xRealloc(block, size);
}

void sqlite_faults_install(void)
{
	sqlite3_mem_methods replaced;
	int rc = sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory);

	replaced = real_memory;
	replaced.xMalloc = faulty_malloc;
	replaced.xRealloc = faulty_realloc;
	rc |= sqlite3_config(SQLITE_CONFIG_MALLOC, &replaced);
	rc |= sqlite3_initialize();
	real_vfs = sqlite3_vfs_find(NULL);
	faulty_vfs = *real_vfs;
	faulty_vfs.zName = "faulty";
	faulty_vfs.pNext = NULL;
	faulty_vfs.xOpen = faulty_open;
	faulty_vfs.xDelete = faulty_delete;
	rc |= sqlite3_vfs_register(&faulty_vfs, 1);
	assert(rc == SQLITE_OK);
	(void)rc;
}

void sqlite_faults_fail_disk(long after, int code, bool for_ever)
{
	disk = (struct rule){0, after, code, for_ever};
}

long sqlite_faults_disk_calls(void)
{
	return disk.calls;
}

void sqlite_faults_fail_memory(long after, bool for_ever)
{
	memory = (struct rule){0, after, 0, for_ever};
}

long sqlite_faults_allocations(void)
{
	return memory.calls;
}

long sqlite_faults_live_bytes(void)
{
	return (long)sqlite3_memory_used();
}
