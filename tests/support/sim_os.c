/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim_machine.h"

static int create(sim_process *process, const sim_place *place, unsigned flags)
{
	struct sim_disk *disk = process->disk;
	sim_fate fate = sim_count_change(process);
	sim_inode *inode = sim_tree_make(&disk->tree, place, false);

	inode->mtime = disk->clock.os.wall(&disk->clock);
	if (fate != SIM_LIVES) {
		return sim_meet(process, fate, 0);
	}
	return sim_add_file(process, inode, (flags & DPI_OPEN_READ) != 0);
}

static int open_place(
	sim_process *process, const sim_place *place, unsigned flags)
{
	bool is_read_only = (flags & DPI_OPEN_READ) != 0;
	sim_inode *inode = place->inode;

	if (inode == NULL) {
		return (flags & DPI_OPEN_CREATE) != 0
			? create(process, place, flags)
			: -ENOENT;
	}
	if ((flags & DPI_OPEN_EXCLUSIVE) != 0) {
		return -EEXIST;
	}
	if (inode->is_directory && !is_read_only) {
		return -EISDIR;
	}
	if (!inode->is_directory && (flags & DPI_OPEN_DIRECTORY) != 0) {
		return -ENOTDIR;
	}
	return sim_add_file(process, inode, is_read_only);
}

static int s_open(void *self, const char *path, unsigned flags)
{
	sim_process *process = self;
	sim_place place;
	int rc = sim_begin(process);

	if (rc == 0) {
		rc = sim_tree_find(&process->disk->tree, path, &place);
	}
	if (rc == 0) {
		rc = open_place(process, &place, flags);
	}
	sim_end(process);
	return rc;
}

static int s_close(void *self, int fd)
{
	sim_process *process = self;
	int rc = sim_begin(process) == 0 ? -EBADF : 0;

	if (sim_file_of(process, fd) != NULL) {
		sim_close_file(process->disk, (size_t)fd);
		rc = 0;
	}
	sim_end(process);
	return rc;
}

static int64_t s_pread(
	void *self, int fd, void *buf, size_t size, uint64_t offset)
{
	sim_process *process = self;
	int64_t rc = sim_begin(process);
	const sim_file *file = sim_file_of(process, fd);

	if (rc == 0 && file == NULL) {
		rc = -EBADF;
	} else if (rc == 0 && file->inode->is_directory) {
		rc = -EISDIR;
	} else if (rc == 0) {
		rc = (int64_t)sim_inode_read(file->inode, buf, size, offset);
	}
	sim_end(process);
	return rc;
}

static size_t write_parts(sim_inode *inode, const struct iovec *iov, int count,
	uint64_t offset, size_t most)
{
	size_t done = 0;

	for (int i = 0; i < count && done < most; i++) {
		size_t n = iov[i].iov_len < most - done ? iov[i].iov_len
							: most - done;

		sim_inode_write(inode, iov[i].iov_base, n, offset + done);
		done += n;
	}
	return done;
}

/* A process may be killed in the middle of a write. */
static int64_t write_file(sim_process *process, sim_inode *inode,
	const struct iovec *iov, int count, uint64_t offset)
{
	struct sim_disk *disk = process->disk;
	sim_fate fate = sim_count_change(process);
	size_t most = fate == SIM_IS_KILLED
		? (size_t)(sim_random_next(&disk->random) % 4096)
		: SIZE_MAX;
	size_t n = write_parts(inode, iov, count, offset, most);

	inode->mtime = disk->clock.os.wall(&disk->clock);
	return fate == SIM_LIVES ? (int64_t)n : sim_meet(process, fate, 0);
}

static int64_t s_pwritev(
	void *self, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	sim_process *process = self;
	int64_t rc = sim_begin(process);
	const sim_file *file = sim_file_of(process, fd);

	if (rc == 0 && (file == NULL || file->is_read_only)) {
		rc = -EBADF;
	}
	if (rc == 0) {
		rc = write_file(process, file->inode, iov, count, offset);
	}
	sim_end(process);
	return rc;
}

static int sync_inode(struct sim_disk *disk, sim_inode *inode)
{
	if (inode->is_directory) {
		sim_tree_sync(&disk->tree, inode);
	} else if (sim_is_last(&disk->syncs_left)) {
		sim_inode_drop(inode);
		return -EIO;
	} else {
		sim_inode_sync(inode);
	}
	return 0;
}

static int s_fsync(void *self, int fd)
{
	sim_process *process = self;
	int rc = sim_begin(process);
	const sim_file *file = sim_file_of(process, fd);

	if (rc == 0 && file == NULL) {
		rc = -EBADF;
	}
	if (rc == 0) {
		sim_fate fate = sim_count_change(process);

		if (fate == SIM_LIVES) {
			rc = sync_inode(process->disk, file->inode);
		}
		rc = sim_meet(process, fate, rc);
	}
	sim_end(process);
	return rc;
}

static int s_truncate(void *self, int fd, uint64_t size)
{
	sim_process *process = self;
	int rc = sim_begin(process);
	const sim_file *file = sim_file_of(process, fd);

	if (rc == 0 && (file == NULL || file->is_read_only)) {
		rc = -EBADF;
	}
	if (rc == 0) {
		sim_fate fate = sim_count_change(process);

		sim_inode_truncate(file->inode, size);
		rc = sim_meet(process, fate, 0);
	}
	sim_end(process);
	return rc;
}

static int64_t s_size(void *self, int fd)
{
	sim_process *process = self;
	int64_t rc = sim_begin(process);
	const sim_file *file = sim_file_of(process, fd);

	if (rc == 0) {
		rc = file != NULL ? (int64_t)file->inode->size : -EBADF;
	}
	sim_end(process);
	return rc;
}

static int check_rename(
	const sim_tree *tree, const sim_place *from, const sim_place *to)
{
	if (from->inode == NULL || from->directory == NULL) {
		return -ENOENT;
	}
	if (to->directory == NULL) {
		return -EBUSY;
	}
	if (to->inode == NULL) {
		return 0;
	}
	if (from->inode->is_directory != to->inode->is_directory) {
		return to->inode->is_directory ? -EISDIR : -ENOTDIR;
	}
	return sim_tree_is_empty(tree, to->inode) ? 0 : -ENOTEMPTY;
}

static int s_rename(void *self, const char *from, const char *to)
{
	sim_process *process = self;
	sim_tree *tree = &process->disk->tree;
	sim_place source, target;
	int rc = sim_begin(process);

	if (rc == 0) {
		rc = sim_tree_find(tree, from, &source);
	}
	if (rc == 0) {
		rc = sim_tree_find(tree, to, &target);
	}
	if (rc == 0) {
		rc = check_rename(tree, &source, &target);
	}
	if (rc == 0 && source.inode != target.inode) {
		sim_fate fate = sim_count_change(process);

		sim_tree_rename(tree, &source, &target);
		rc = sim_meet(process, fate, 0);
	}
	sim_end(process);
	return rc;
}

static int check_remove(
	const sim_tree *tree, const sim_place *place, bool is_directory)
{
	if (place->inode == NULL) {
		return -ENOENT;
	}
	if (place->inode->is_directory != is_directory) {
		return is_directory ? -ENOTDIR : -EISDIR;
	}
	if (place->directory == NULL) {
		return -EBUSY;
	}
	return sim_tree_is_empty(tree, place->inode) ? 0 : -ENOTEMPTY;
}

static int remove_path(
	sim_process *process, const char *path, bool is_directory)
{
	sim_tree *tree = &process->disk->tree;
	sim_place place;
	int rc = sim_begin(process);

	if (rc == 0) {
		rc = sim_tree_find(tree, path, &place);
	}
	if (rc == 0) {
		rc = check_remove(tree, &place, is_directory);
	}
	if (rc == 0) {
		sim_fate fate = sim_count_change(process);

		sim_tree_remove(tree, &place);
		rc = sim_meet(process, fate, 0);
	}
	sim_end(process);
	return rc;
}

static int s_unlink(void *self, const char *path)
{
	return remove_path(self, path, false);
}

static int s_rmdir(void *self, const char *path)
{
	return remove_path(self, path, true);
}

static int s_mkdir(void *self, const char *path)
{
	sim_process *process = self;
	sim_place place;
	int rc = sim_begin(process);

	if (rc == 0) {
		rc = sim_tree_find(&process->disk->tree, path, &place);
	}
	if (rc == 0 && place.inode != NULL) {
		rc = -EEXIST;
	}
	if (rc == 0) {
		sim_fate fate = sim_count_change(process);

		(void)sim_tree_make(&process->disk->tree, &place, true);
		rc = sim_meet(process, fate, 0);
	}
	sim_end(process);
	return rc;
}

/* Copies, since the caller's function may use the disk. */
static char **names_in(
	const sim_tree *tree, const sim_inode *directory, size_t *ret_count)
{
	char **names = sim_alloc(tree->now.count + 1, sizeof(*names));
	size_t n = 0;

	for (size_t i = 0; i < tree->now.count; i++) {
		if (tree->now.items[i].directory == directory) {
			names[n] = strdup(tree->now.items[i].name);
			if (names[n++] == NULL) {
				abort();
			}
		}
	}
	*ret_count = n;
	return names;
}

static void tell_names(
	char **names, size_t count, dpi_os_entry_fn each, void *user)
{
	bool goes_on = true;

	for (size_t i = 0; i < count; i++) {
		goes_on = goes_on && each(user, names[i]);
		free(names[i]);
	}
	free(names);
}

static int s_list(
	void *self, const char *path, dpi_os_entry_fn each, void *user)
{
	sim_process *process = self;
	char **names = NULL;
	size_t count = 0;
	sim_place place;
	int rc = sim_begin(process);

	if (rc == 0) {
		rc = sim_tree_find(&process->disk->tree, path, &place);
	}
	if (rc == 0 && place.inode == NULL) {
		rc = -ENOENT;
	} else if (rc == 0 && !place.inode->is_directory) {
		rc = -ENOTDIR;
	} else if (rc == 0) {
		names = names_in(&process->disk->tree, place.inode, &count);
	}
	sim_end(process);
	tell_names(names, count, each, user);
	return rc;
}

static int64_t s_mtime_ns(void *self, const char *path)
{
	sim_process *process = self;
	sim_place place;
	int64_t rc = sim_begin(process);

	if (rc == 0) {
		rc = sim_tree_find(&process->disk->tree, path, &place);
	}
	if (rc == 0) {
		rc = place.inode != NULL ? place.inode->mtime : -ENOENT;
	}
	sim_end(process);
	return rc;
}

/* Whether another description holds what forbids mode; *ret_own is ours. */
static bool is_locked(const struct sim_disk *disk, size_t file, uint64_t byte,
	dpi_lock_mode mode, sim_lock **ret_own)
{
	const sim_inode *inode = disk->files[file].inode;

	*ret_own = NULL;
	for (size_t i = 0; i < disk->lock_count; i++) {
		sim_lock *lock = &disk->locks[i];

		if (lock->byte != byte ||
			disk->files[lock->file].inode != inode) {
			continue;
		}
		if (lock->file == file) {
			*ret_own = lock;
		} else if (mode == DPI_LOCK_EXCLUSIVE ||
			lock->mode == DPI_LOCK_EXCLUSIVE) {
			return true;
		}
	}
	return false;
}

static int lock_byte(
	struct sim_disk *disk, size_t file, uint64_t byte, dpi_lock_mode mode)
{
	sim_lock *own;

	if (is_locked(disk, file, byte, mode, &own) && mode != DPI_LOCK_NONE) {
		return -EAGAIN;
	}
	if (mode == DPI_LOCK_NONE) {
		if (own != NULL) {
			*own = disk->locks[--disk->lock_count];
		}
		return 0;
	}
	if (own == NULL) {
		if (disk->lock_count == disk->lock_capacity) {
			disk->locks = sim_grow(disk->locks,
				&disk->lock_capacity, sizeof(*disk->locks));
		}
		own = &disk->locks[disk->lock_count++];
	}
	*own = (sim_lock){file, byte, mode};
	return 0;
}

static int s_lock(void *self, int fd, uint64_t byte, dpi_lock_mode mode)
{
	sim_process *process = self;
	int rc = sim_begin(process);
	const sim_file *file = sim_file_of(process, fd);

	if (rc == 0 && file == NULL) {
		rc = -EBADF;
	}
	if (rc == 0) {
		rc = lock_byte(process->disk, (size_t)fd, byte, mode);
	}
	sim_end(process);
	return rc;
}

static void add_mapping(sim_process *process, void *memory)
{
	struct sim_disk *disk = process->disk;

	if (disk->mapping_count == disk->mapping_capacity) {
		disk->mappings = sim_grow(disk->mappings,
			&disk->mapping_capacity, sizeof(*disk->mappings));
	}
	disk->mappings[disk->mapping_count++] = (sim_mapping){process, memory};
}

static void *s_map(void *self, int fd, size_t size)
{
	sim_process *process = self;
	void *memory = NULL;
	int rc = sim_begin(process);
	const sim_file *file = sim_file_of(process, fd);

	if (rc == 0 && file != NULL) {
		memory = sim_inode_map(file->inode, size);
	}
	if (memory != NULL) {
		add_mapping(process, memory);
	}
	sim_end(process);
	return memory;
}

static void s_evict(void *self, void *memory, size_t size)
{
	(void)self;
	(void)memory;
	(void)size;
}

static void s_unmap(void *self, void *memory, size_t size)
{
	sim_process *process = self;
	struct sim_disk *disk = process->disk;
	size_t left = 0;

	(void)sim_begin(process);
	for (size_t i = 0; i < disk->mapping_count; i++) {
		if (disk->mappings[i].memory != memory) {
			disk->mappings[left++] = disk->mappings[i];
		}
	}
	disk->mapping_count = left;
	sim_unmap(memory, size);
	sim_end(process);
}

static int s_random(void *self, void *buf, size_t size)
{
	sim_process *process = self;
	uint8_t *p = buf;

	(void)sim_begin(process);
	for (size_t i = 0; i < size; i++) {
		p[i] = (uint8_t)sim_random_next(&process->disk->random);
	}
	sim_end(process);
	return 0;
}

/* Time goes on for the dead, too: their threads have to come to an end. */

static const dpi_os *clock_of(void *self)
{
	return &((sim_process *)self)->disk->clock.os;
}

static dp_time_ns s_monotonic(void *self)
{
	return clock_of(self)->monotonic(clock_of(self)->self);
}

static dp_time_ns s_wall(void *self)
{
	return clock_of(self)->wall(clock_of(self)->self);
}

static int s_wait(
	void *self, uint32_t *word, uint32_t expected, dp_time_ns deadline_ns)
{
	return clock_of(self)->wait(
		clock_of(self)->self, word, expected, deadline_ns);
}

static void s_wake(void *self, uint32_t *word, int count)
{
	clock_of(self)->wake(clock_of(self)->self, word, count);
}

static int s_alarm_open(void *self)
{
	return clock_of(self)->alarm_open(clock_of(self)->self);
}

static int s_alarm_set(void *self, int alarm, dp_time_ns at_monotonic_ns)
{
	return clock_of(self)->alarm_set(
		clock_of(self)->self, alarm, at_monotonic_ns);
}

static int s_alarm_wait(void *self, int alarm)
{
	return clock_of(self)->alarm_wait(clock_of(self)->self, alarm);
}

static void s_alarm_stop(void *self, int alarm)
{
	clock_of(self)->alarm_stop(clock_of(self)->self, alarm);
}

static int s_alarm_close(void *self, int alarm)
{
	return clock_of(self)->alarm_close(clock_of(self)->self, alarm);
}

const dpi_os sim_os_table = {
	.open = s_open,
	.close = s_close,
	.pread = s_pread,
	.pwritev = s_pwritev,
	.fdatasync = s_fsync,
	.fsync = s_fsync,
	.truncate = s_truncate,
	.size = s_size,
	.rename = s_rename,
	.unlink = s_unlink,
	.mkdir = s_mkdir,
	.rmdir = s_rmdir,
	.list = s_list,
	.mtime_ns = s_mtime_ns,
	.lock = s_lock,
	.map = s_map,
	.unmap = s_unmap,
	.evict = s_evict,
	.monotonic = s_monotonic,
	.wall = s_wall,
	.wall_coarse = s_wall,
	.random = s_random,
	.wait = s_wait,
	.wake = s_wake,
	.alarm_open = s_alarm_open,
	.alarm_set = s_alarm_set,
	.alarm_wait = s_alarm_wait,
	.alarm_stop = s_alarm_stop,
	.alarm_close = s_alarm_close,
};
