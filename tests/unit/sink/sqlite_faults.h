/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SQLITE_FAULTS_H
#define SQLITE_FAULTS_H

#include <stdbool.h>

/*
 * SQLite with a disk and a memory that fail when told. For one thread.
 * Installed for the rest of the process, before SQLite is used.
 */

void sqlite_faults_install(void);

/*
 * The write, sync or growth after `after` more of them fails with code, such
 * as SQLITE_FULL, and for_ever those that follow. after -1: none fails.
 */
void sqlite_faults_fail_disk(long after, int code, bool for_ever);
long sqlite_faults_disk_calls(void);

/* The same of allocations. */
void sqlite_faults_fail_memory(long after, bool for_ever);
long sqlite_faults_allocations(void);

/* Bytes that SQLite has in use. */
long sqlite_faults_live_bytes(void);

#endif /* SQLITE_FAULTS_H */
