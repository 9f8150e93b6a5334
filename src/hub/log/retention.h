/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_RETENTION_H
#define DPI_HUB_LOG_RETENTION_H

#include "hub/log/log_hub.h"

/*
 * Removes the segments that the options of the hub let go: those that every
 * subscription has finished, or (with retention_ns) that are old enough; and
 * the oldest ones above retention_bytes. Never one that a subscription has
 * not finished, unless retention is forced: then its events are counted as
 * dropped. What no subscription reads goes by age and bytes alone.
 *
 * Cursors are made durable before what they allow is removed. It asks each
 * subscription, of any process, so it is for the ends of segments, not of
 * batches. What cannot be removed is logged, and tried again when it is asked
 * the next time. Returns whether any went. Thread: any.
 */
bool dpi_log_retain(dpi_log_hub *hub, dpi_log_partition *partition);

#endif /* DPI_HUB_LOG_RETENTION_H */
