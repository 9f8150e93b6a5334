/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_HUB_LOG_LAYOUT_H
#define DPI_HUB_LOG_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/record.h"

/*
 * Where the parts of a log stand on disk. doc/formats/log-v1.md is the
 * standard.
 *
 *   DIRECTORY/identity                   magic, format version, log uuid
 *   DIRECTORY/news                       mapped page: log/news.h
 *   DIRECTORY/locks                      bytes to lock: log/locks.h
 *   DIRECTORY/topics/TOPIC/PARTITION/
 *       state                            mapped page: log/state.h
 *       BASE.seg                         segments: log/segment.h
 *       spare.EPOCH                      next segment, not yet part of it
 *   DIRECTORY/subscriptions/NAME/        the reading side's
 *
 * TOPIC passes dpi_name_valid() and so is its own file name. PARTITION is
 * decimal without leading zeros. BASE and EPOCH are 16 lower-case hex digits.
 *
 * An offset is a place in the endless row of bytes that a partition is. A
 * segment holds the offsets from its base on: the record at `offset` stands in
 * the file at DPI_LOG_PAGE + (offset - base), and (offset - base) is the
 * record's index. The next segment's base is where this one ends.
 */

/* Of headers and mapped pages; records begin after one. */
#define DPI_LOG_PAGE 4096u
#define DPI_LOG_FORMAT 1u
#define DPI_LOG_UUID_SIZE 16u
/* Of every path below the directory, with the NUL. */
#define DPI_LOG_PATH_MAX 4096u
/* Longest directory that leaves room for what stands below it. */
#define DPI_LOG_DIRECTORY_MAX 3500u
#define DPI_LOG_TOPIC_MAX 200u
#define DPI_LOG_PARTITIONS_MAX 65536u

/* All write a path and a NUL into buf, which has DPI_LOG_PATH_MAX bytes. */

/* DIRECTORY/entry. */
void dpi_log_path(char *buf, const char *directory, const char *entry);
/* DIRECTORY/topics/topic. */
void dpi_log_topic_path(char *buf, const char *directory, const char *topic);
/* DIRECTORY/topics/TOPIC/PARTITION, and /entry unless entry is NULL. */
void dpi_log_partition_path(char *buf, const char *directory,
	const dpi_partition_name *name, const char *entry);
/* DIRECTORY/topics/TOPIC/PARTITION/spare.EPOCH: an owner's own, so that none
 * writes to another's. */
void dpi_log_spare_path(char *buf, const char *directory,
	const dpi_partition_name *name, uint64_t epoch);
bool dpi_log_is_spare(const char *entry);
/* DIRECTORY/topics/TOPIC/PARTITION/BASE.seg. */
void dpi_log_segment_path(char *buf, const char *directory,
	const dpi_partition_name *name, uint64_t base);

/* Whether a directory entry is the name of a segment, and of which. */
bool dpi_log_is_segment(const char *entry, uint64_t *ret_base);
/* Whether a directory entry is the name of a partition, and of which. */
bool dpi_log_is_partition(const char *entry, uint32_t *ret_partition);

#endif /* DPI_HUB_LOG_LAYOUT_H */
