/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_REGISTRATION_H
#define DPI_HUB_LOG_REGISTRATION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "hub/log/log_hub.h"

/*
 * That a subscription exists, and what it reads:
 *
 *   DIRECTORY/subscriptions/NAME/topics             its pattern
 *   DIRECTORY/subscriptions/NAME/TOPIC@PARTITION    a cursor: log/cursor.h
 *   DIRECTORY/subscriptions/NAME/reserved.SEAT      one for an opening to use
 *
 * topics is written last and removed first, so a directory without it is no
 * subscription. It holds u32 magic "dpsu", u32 format 1, u32 CRC32C of what
 * follows, u32 size of the pattern, the pattern.
 */

typedef struct dpi_registration {
	char topics[DPI_NAME_MAX + 1];
} dpi_registration;

/* Path of a cursor; buf has DPI_LOG_PATH_MAX bytes. */
void dpi_registration_cursor_path(char *buf, const char *directory,
	const char *name, const dpi_partition_name *partition);

/* Path of the cursor that the opening in a seat has in reserve. */
void dpi_registration_reserved_path(
	char *buf, const char *directory, const char *name, uint32_t seat);

/* What stands in the slots of a cursor, so that it is nobody else's. */
uint64_t dpi_registration_cursor_key(const dpi_log_hub *hub, const char *name,
	const dpi_partition_name *partition);

/*
 * Errors: DP_ENOTFOUND  no such subscription; sets no error
 *         DP_ECORRUPT   it is there, but what it reads cannot be known
 *         DP_EIO, DP_EDENIED, DP_ENOMEM
 */
DP_NODISCARD dp_status dpi_registration_read(const dpi_log_hub *hub,
	const char *name, dpi_registration *ret, dp_error **err);

/* Durable on return. One at a time. Errors: DP_EIO, DP_ENOSPC, DP_EDENIED. */
DP_NODISCARD dp_status dpi_registration_write(const dpi_log_hub *hub,
	const char *name, const dpi_registration *registration, dp_error **err);
DP_NODISCARD dp_status dpi_registration_remove(
	const dpi_log_hub *hub, const char *name, dp_error **err);

/* One that was found becomes durable: who wrote it may have died too soon. */
DP_NODISCARD dp_status dpi_registration_keep(
	const dpi_log_hub *hub, const char *name, dp_error **err);

/* Makes the directory of a subscription that is to be. Places that are left of
 * one that was half made or half deleted go: they are not where it begins. */
DP_NODISCARD dp_status dpi_registration_prepare(
	const dpi_log_hub *hub, const char *name, dp_error **err);

/* Names of all subscriptions, and of some that are not; in the arena. */
DP_NODISCARD dp_status dpi_registration_list(const dpi_log_hub *hub,
	dpi_arena *arena, const char *const **ret_names, size_t *ret_count,
	dp_error **err);

#endif /* DPI_HUB_LOG_REGISTRATION_H */
