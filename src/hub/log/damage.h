/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_DAMAGE_H
#define DPI_HUB_LOG_DAMAGE_H

#include <stdint.h>

#include "hub/log/log_hub.h"

/*
 * What is told of offsets [from, to) at which no record stands. Nothing is
 * told of an empty run.
 */

/* Records were durable there once. Counts one run of damage. */
void dpi_log_tell_damaged(dpi_log_hub *hub, const dpi_log_partition *partition,
	uint64_t from, uint64_t to);

/* Records were begun there, and nobody was told that they are durable. */
void dpi_log_tell_torn(dpi_log_hub *hub, const dpi_log_partition *partition,
	uint64_t from, uint64_t to);

/* A subscription was not done with them, and their segments are not there:
 * they went by retention, or a file was lost. Not empty. */
void dpi_log_tell_gone(dpi_log_hub *hub, const dpi_log_partition *partition,
	const char *subscription, uint64_t from, uint64_t to);

#endif /* DPI_HUB_LOG_DAMAGE_H */
