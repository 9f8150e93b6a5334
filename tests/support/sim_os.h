/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_OS_H
#define SIM_OS_H

#include <stdbool.h>
#include <stdint.h>

#include "io/os.h"
#include "virtual_clock.h"

/*
 * A machine with a disk in memory, on which processes run, and whose power can
 * be cut at any call. What the disk forgets then, by seed:
 *
 * - of bytes written and not synced, any sectors of 512 bytes: so writes are
 *   lost, torn, and kept in another order; sizes that grew or shrank, likewise
 * - of names made, renamed or removed in a directory that was not synced, any
 *   that later kept ones do not build on. A rename happens whole or not at
 *   all. To sync a file does not keep its name.
 * - stores to mapped memory count as unsynced writes.
 *
 * A process can be killed alone: its locks are given back, its descriptors are
 * closed, and all that it wrote stays, as the kernel has it. What a dead
 * process still stores to mapped memory reaches nobody. So the code under test
 * can be closed in the usual way after its process died.
 *
 * Time is a virtual clock, chance follows the seed. Thread: any.
 *
 *	struct sim_disk *disk = sim_disk_new(seed);
 *
 *	sim_disk_crash_at(disk, k);
 *	... use sim_disk_start(disk), and close all ...
 *	sim_disk_reboot(disk, seed);
 *	... look at what is left, by another sim_disk_start(disk) ...
 *	sim_disk_free(disk);
 */

struct sim_disk;

/* Never fails: a test without memory ends. The disk is an empty "/". */
struct sim_disk *sim_disk_new(uint64_t seed);

/* Frees its processes, too; nothing made with them may be left. */
void sim_disk_free(struct sim_disk *disk);

/* A new process on the machine; lives as long as the disk does. */
const dpi_os *sim_disk_start(struct sim_disk *disk);

struct virtual_clock *sim_disk_clock(struct sim_disk *disk);

/*
 * From now on the kernel writes some sectors of a file back at any time, on
 * average once in so many changes, so that older contents may be what is left.
 * 0: it does not, as at first.
 */
void sim_disk_write_back(struct sim_disk *disk, uint32_t one_in);

/*
 * From now on a loss of power also tears inside of sectors: a byte of one that
 * was being written is the old or the new one. Worse than what disks promise.
 */
void sim_disk_mix_bytes(struct sim_disk *disk);

/*
 * The sync of a file after `after` more of them fails with -EIO, once, and as
 * on Linux: what it was to write stays to be read, is written by no later
 * sync, and has gone when the power has. -1: none does.
 */
void sim_disk_fail_sync_at(struct sim_disk *disk, long after);

/*
 * Calls that change something on the disk, so far: open that creates, pwritev,
 * truncate, fdatasync, fsync, rename, unlink, mkdir, rmdir.
 */
long sim_disk_changes(struct sim_disk *disk);

/*
 * Cuts the power in the changing call after `after` more of them: that call
 * fails with -EIO, and may or may not have had its effect. All calls after it
 * fail until the reboot. -1: not at all.
 */
void sim_disk_crash_at(struct sim_disk *disk, long after);
void sim_disk_crash(struct sim_disk *disk);
bool sim_disk_has_crashed(struct sim_disk *disk);

/*
 * The power is back, after a crash or cutting it now. Processes of before are
 * dead. The same seed leaves the same of the same disk; seeds 0 and 1 are the
 * extremes: all is lost that was not synced, and nothing is.
 */
void sim_disk_reboot(struct sim_disk *disk, uint64_t seed);

/* The same for one process, which only dies: after kill its calls fail. */
void sim_disk_kill_at(const dpi_os *process, long after);
void sim_disk_kill(const dpi_os *process);
bool sim_disk_is_dead(const dpi_os *process);

#endif /* SIM_OS_H */
