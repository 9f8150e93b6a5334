/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_IO_FILES_H
#define DPI_IO_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include <datapipe/status.h>

#include "base/arena.h"
#include "base/buf.h"
#include "io/os.h"

/*
 * Files and directories, durably: what is made of the calls of io/os.h by all
 * who keep state on disk. Messages of errors name the path.
 *
 * A name is on disk when its directory was synced, a file's bytes when the
 * file was: both are done here, in the order that leaves no half state.
 */

#define DPI_PATH_MAX 4096 /* with the NUL */

/* Formats a path into DPI_PATH_MAX bytes. Errors: DP_ETOOBIG. */
DP_PRINTF(3, 4)
DP_NODISCARD dp_status dpi_files_path(
	char *path, dp_error **err, const char *fmt, ...);

/* Makes path and what is missing above it. All of it is durable on return. */
DP_NODISCARD dp_status dpi_files_mkdir(
	const dpi_os *os, const char *path, dp_error **err);

/* Names that were made, renamed or removed in a directory become durable. */
DP_NODISCARD dp_status dpi_files_sync_dir(
	const dpi_os *os, const char *path, dp_error **err);

/* The same for the directory that path is in. */
DP_NODISCARD dp_status dpi_files_sync_parent(
	const dpi_os *os, const char *path, dp_error **err);

/*
 * The names on the way from the directory root down to path, which begins with
 * it, become durable: whoever made them may have died before they were.
 */
DP_NODISCARD dp_status dpi_files_sync_way(
	const dpi_os *os, const char *root, const char *path, dp_error **err);

/*
 * The names of path and of all directories above it become durable, for the
 * same reason. Those that may not be read, or that know no sync, are passed
 * over: whoever makes directories could not have made them there.
 */
DP_NODISCARD dp_status dpi_files_sync_above(
	const dpi_os *os, const char *path, dp_error **err);

/*
 * Replaces the file at path: afterwards, and after any crash, it is the old one
 * or the new one, whole; on return it is the new one for good. Writes
 * "<path>.tmp" first, so there is one writer for each path, and a left-over is
 * taken over by the next.
 */
DP_NODISCARD dp_status dpi_files_write(const dpi_os *os, const char *path,
	const void *data, size_t size, dp_error **err);

/*
 * Appends the whole file to buf.
 * Errors: DP_ENOTFOUND, DP_ETOOBIG (over the limit of buf), DP_ENOMEM, ...
 */
DP_NODISCARD dp_status dpi_files_read(
	const dpi_os *os, const char *path, dpi_buf *buf, dp_error **err);

/* Whether there is something at path, link, file or directory. */
DP_NODISCARD dp_status dpi_files_exists(
	const dpi_os *os, const char *path, bool *ret_exists, dp_error **err);

/*
 * The names in a directory, sorted by byte values, in memory of the arena.
 * Errors: DP_ENOTFOUND, DP_ENOMEM (out of memory, or of the arena's limit), ...
 */
DP_NODISCARD dp_status dpi_files_list(const dpi_os *os, const char *path,
	dpi_arena *arena, const char *const **ret_names, size_t *ret_count,
	dp_error **err);

/*
 * Renames, and syncs the directory of to, and that of from if it is another.
 */
DP_NODISCARD dp_status dpi_files_rename(
	const dpi_os *os, const char *from, const char *to, dp_error **err);

/*
 * Removes a file, or a directory and all below; nothing there is fine. Syncs
 * the directory that path is in, so that it stays away.
 */
DP_NODISCARD dp_status dpi_files_remove(const dpi_os *os,
	const dp_allocator *alloc, const char *path, dp_error **err);

#endif /* DPI_IO_FILES_H */
