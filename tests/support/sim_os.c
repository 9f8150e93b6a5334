/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_os.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim_disk.h"

typedef struct sim_process {
	dpi_os os;
	struct sim_process *next;
	struct sim_disk *disk;
	bool is_dead;
	long countdown; /* changing calls before it is killed; -1: never */
} sim_process;

/* An open file description; its place in disk->files is the descriptor. */
typedef struct sim_file {
	sim_process *process; /* NULL: free */
	sim_inode *inode;
	bool is_read_only;
} sim_file;

typedef struct sim_lock {
	size_t file;
	uint64_t byte;
	dpi_lock_mode mode;
} sim_lock;

typedef struct sim_mapping {
	sim_process *process;
	void *memory;
} sim_mapping;

struct sim_disk {
	struct virtual_clock clock;
	pthread_mutex_t lock; /* guards all below */
	sim_random random;
	sim_tree tree;
	sim_process *processes;
	sim_file *files;
	size_t file_count;
	size_t file_capacity;
	sim_lock *locks;
	size_t lock_count;
	size_t lock_capacity;
	sim_mapping *mappings;
	size_t mapping_count;
	size_t mapping_capacity;
	long changes;
	long countdown; /* changing calls before the power is cut; -1: never */
	bool has_crashed;
};

static void drop_locks(struct sim_disk *disk, size_t file)
{
	size_t left = 0;

	for (size_t i = 0; i < disk->lock_count; i++) {
		if (disk->locks[i].file != file) {
			disk->locks[left++] = disk->locks[i];
		}
	}
	disk->lock_count = left;
}

static void close_file(struct sim_disk *disk, size_t file)
{
	disk->files[file].process = NULL;
	drop_locks(disk, file);
}

static void die(sim_process *process)
{
	struct sim_disk *disk = process->disk;

	process->is_dead = true;
	for (size_t i = 0; i < disk->file_count; i++) {
		if (disk->files[i].process == process) {
			close_file(disk, i);
		}
	}
	for (size_t i = 0; i < disk->mapping_count; i++) {
		if (disk->mappings[i].process == process) {
			sim_detach(disk->mappings[i].memory, SIM_CHUNK);
		}
	}
}

static void lose_power(struct sim_disk *disk)
{
	disk->has_crashed = true;
	for (sim_process *p = disk->processes; p != NULL; p = p->next) {
		if (!p->is_dead) {
			die(p);
		}
	}
}

/* Locks the disk for a call. Returns 0, or -EIO if nobody is there to make it. */
static int begin(sim_process *process)
{
	(void)pthread_mutex_lock(&process->disk->lock);
	return process->is_dead ? -EIO : 0;
}

static void end(sim_process *process)
{
	(void)pthread_mutex_unlock(&process->disk->lock);
}

static bool is_last(long *countdown)
{
	return *countdown >= 0 && (*countdown)-- == 0;
}

typedef enum sim_fate { SIM_LIVES, SIM_IS_KILLED, SIM_LOSES_POWER } sim_fate;

/* What becomes of the process in this call, which changes something. */
static sim_fate count_change(sim_process *process)
{
	struct sim_disk *disk = process->disk;
	bool is_killed = is_last(&process->countdown);

	disk->changes++;
	if (is_last(&disk->countdown)) {
		return SIM_LOSES_POWER;
	}
	return is_killed ? SIM_IS_KILLED : SIM_LIVES;
}

/* Ends a changing call with what it came to. */
static int meet(sim_process *process, sim_fate fate, int rc)
{
	if (fate == SIM_LOSES_POWER) {
		lose_power(process->disk);
	} else if (fate == SIM_IS_KILLED) {
		die(process);
	}
	return fate == SIM_LIVES ? rc : -EIO;
}

static sim_file *file_of(sim_process *process, int fd)
{
	struct sim_disk *disk = process->disk;

	if (fd < 0 || (size_t)fd >= disk->file_count ||
		disk->files[fd].process != process) {
		return NULL;
	}
	return &disk->files[fd];
}

static int add_file(sim_process *process, sim_inode *inode, bool is_read_only)
{
	struct sim_disk *disk = process->disk;
	size_t i = 0;

	while (i < disk->file_count && disk->files[i].process != NULL) {
		i++;
	}
	if (i == disk->file_count) {
		if (disk->file_count == disk->file_capacity) {
			disk->files = sim_grow(disk->files,
				&disk->file_capacity, sizeof(*disk->files));
		}
		disk->file_count++;
	}
	disk->files[i] = (sim_file){process, inode, is_read_only};
	return (int)i;
}

static int create(sim_process *process, const sim_place *place, unsigned flags)
{
	struct sim_disk *disk = process->disk;
	sim_fate fate = count_change(process);
	sim_inode *inode = sim_tree_make(&disk->tree, place, false);

	inode->mtime = disk->clock.os.wall(&disk->clock);
	if (fate != SIM_LIVES) {
		return meet(process, fate, 0);
	}
	return add_file(process, inode, (flags & DPI_OPEN_READ) != 0);
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
	return add_file(process, inode, is_read_only);
}

static int s_open(void *self, const char *path, unsigned flags)
{
	sim_process *process = self;
	sim_place place;
	int rc = begin(process);

	if (rc == 0) {
		rc = sim_tree_find(&process->disk->tree, path, &place);
	}
	if (rc == 0) {
		rc = open_place(process, &place, flags);
	}
	end(process);
	return rc;
}

static int s_close(void *self, int fd)
{
	sim_process *process = self;
	int rc = begin(process) == 0 ? -EBADF : 0;

	if (file_of(process, fd) != NULL) {
		close_file(process->disk, (size_t)fd);
		rc = 0;
	}
	end(process);
	return rc;
}

static int64_t s_pread(
	void *self, int fd, void *buf, size_t size, uint64_t offset)
{
	sim_process *process = self;
	int64_t rc = begin(process);
	const sim_file *file = file_of(process, fd);

	if (rc == 0 && file == NULL) {
		rc = -EBADF;
	} else if (rc == 0 && file->inode->is_directory) {
		rc = -EISDIR;
	} else if (rc == 0) {
		rc = (int64_t)sim_inode_read(file->inode, buf, size, offset);
	}
	end(process);
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
	sim_fate fate = count_change(process);
	size_t most = fate == SIM_IS_KILLED
		? (size_t)(sim_random_next(&disk->random) % 4096)
		: SIZE_MAX;
	size_t n = write_parts(inode, iov, count, offset, most);

	inode->mtime = disk->clock.os.wall(&disk->clock);
	return fate == SIM_LIVES ? (int64_t)n : meet(process, fate, 0);
}

static int64_t s_pwritev(
	void *self, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	sim_process *process = self;
	int64_t rc = begin(process);
	const sim_file *file = file_of(process, fd);

	if (rc == 0 && (file == NULL || file->is_read_only)) {
		rc = -EBADF;
	}
	if (rc == 0) {
		rc = write_file(process, file->inode, iov, count, offset);
	}
	end(process);
	return rc;
}

static void sync_inode(struct sim_disk *disk, sim_inode *inode)
{
	if (inode->is_directory) {
		sim_tree_sync(&disk->tree, inode);
	} else {
		sim_inode_sync(inode);
	}
}

static int s_fsync(void *self, int fd)
{
	sim_process *process = self;
	int rc = begin(process);
	const sim_file *file = file_of(process, fd);

	if (rc == 0 && file == NULL) {
		rc = -EBADF;
	}
	if (rc == 0) {
		sim_fate fate = count_change(process);

		if (fate == SIM_LIVES) {
			sync_inode(process->disk, file->inode);
		}
		rc = meet(process, fate, 0);
	}
	end(process);
	return rc;
}

static int s_truncate(void *self, int fd, uint64_t size)
{
	sim_process *process = self;
	int rc = begin(process);
	const sim_file *file = file_of(process, fd);

	if (rc == 0 && (file == NULL || file->is_read_only)) {
		rc = -EBADF;
	}
	if (rc == 0) {
		sim_fate fate = count_change(process);

		sim_inode_truncate(file->inode, size);
		rc = meet(process, fate, 0);
	}
	end(process);
	return rc;
}

static int64_t s_size(void *self, int fd)
{
	sim_process *process = self;
	int64_t rc = begin(process);
	const sim_file *file = file_of(process, fd);

	if (rc == 0) {
		rc = file != NULL ? (int64_t)file->inode->size : -EBADF;
	}
	end(process);
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
	int rc = begin(process);

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
		sim_fate fate = count_change(process);

		sim_tree_rename(tree, &source, &target);
		rc = meet(process, fate, 0);
	}
	end(process);
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
	int rc = begin(process);

	if (rc == 0) {
		rc = sim_tree_find(tree, path, &place);
	}
	if (rc == 0) {
		rc = check_remove(tree, &place, is_directory);
	}
	if (rc == 0) {
		sim_fate fate = count_change(process);

		sim_tree_remove(tree, &place);
		rc = meet(process, fate, 0);
	}
	end(process);
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
	int rc = begin(process);

	if (rc == 0) {
		rc = sim_tree_find(&process->disk->tree, path, &place);
	}
	if (rc == 0 && place.inode != NULL) {
		rc = -EEXIST;
	}
	if (rc == 0) {
		sim_fate fate = count_change(process);

		(void)sim_tree_make(&process->disk->tree, &place, true);
		rc = meet(process, fate, 0);
	}
	end(process);
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
	int rc = begin(process);

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
	end(process);
	tell_names(names, count, each, user);
	return rc;
}

static int64_t s_mtime_ns(void *self, const char *path)
{
	sim_process *process = self;
	sim_place place;
	int64_t rc = begin(process);

	if (rc == 0) {
		rc = sim_tree_find(&process->disk->tree, path, &place);
	}
	if (rc == 0) {
		rc = place.inode != NULL ? place.inode->mtime : -ENOENT;
	}
	end(process);
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
	int rc = begin(process);
	const sim_file *file = file_of(process, fd);

	if (rc == 0 && file == NULL) {
		rc = -EBADF;
	}
	if (rc == 0) {
		rc = lock_byte(process->disk, (size_t)fd, byte, mode);
	}
	end(process);
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
	int rc = begin(process);
	const sim_file *file = file_of(process, fd);

	if (rc == 0 && file != NULL) {
		memory = sim_inode_map(file->inode, size);
	}
	if (memory != NULL) {
		add_mapping(process, memory);
	}
	end(process);
	return memory;
}

static void s_unmap(void *self, void *memory, size_t size)
{
	sim_process *process = self;
	struct sim_disk *disk = process->disk;
	size_t left = 0;

	(void)begin(process);
	for (size_t i = 0; i < disk->mapping_count; i++) {
		if (disk->mappings[i].memory != memory) {
			disk->mappings[left++] = disk->mappings[i];
		}
	}
	disk->mapping_count = left;
	sim_unmap(memory, size);
	end(process);
}

static int s_random(void *self, void *buf, size_t size)
{
	sim_process *process = self;
	uint8_t *p = buf;

	(void)begin(process);
	for (size_t i = 0; i < size; i++) {
		p[i] = (uint8_t)sim_random_next(&process->disk->random);
	}
	end(process);
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

static int s_alarm_close(void *self, int alarm)
{
	return clock_of(self)->alarm_close(clock_of(self)->self, alarm);
}

static const dpi_os table = {
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
	.monotonic = s_monotonic,
	.wall = s_wall,
	.random = s_random,
	.wait = s_wait,
	.wake = s_wake,
	.alarm_open = s_alarm_open,
	.alarm_set = s_alarm_set,
	.alarm_wait = s_alarm_wait,
	.alarm_close = s_alarm_close,
};

struct sim_disk *sim_disk_new(uint64_t seed)
{
	struct sim_disk *disk = sim_alloc(1, sizeof(*disk));

	virtual_clock_init(&disk->clock, NULL);
	(void)pthread_mutex_init(&disk->lock, NULL);
	disk->random.state = seed;
	disk->countdown = -1;
	sim_tree_init(&disk->tree);
	return disk;
}

void sim_disk_free(struct sim_disk *disk)
{
	while (disk->processes != NULL) {
		sim_process *next = disk->processes->next;

		free(disk->processes);
		disk->processes = next;
	}
	sim_tree_fini(&disk->tree);
	free(disk->files);
	free(disk->locks);
	free(disk->mappings);
	(void)pthread_mutex_destroy(&disk->lock);
	virtual_clock_fini(&disk->clock);
	free(disk);
}

const dpi_os *sim_disk_start(struct sim_disk *disk)
{
	sim_process *process = sim_alloc(1, sizeof(*process));

	*process = (sim_process){.os = table, .disk = disk, .countdown = -1};
	process->os.self = process;
	(void)pthread_mutex_lock(&disk->lock);
	process->next = disk->processes;
	process->is_dead = disk->has_crashed;
	disk->processes = process;
	(void)pthread_mutex_unlock(&disk->lock);
	return &process->os;
}

struct virtual_clock *sim_disk_clock(struct sim_disk *disk)
{
	return &disk->clock;
}

long sim_disk_changes(struct sim_disk *disk)
{
	long changes;

	(void)pthread_mutex_lock(&disk->lock);
	changes = disk->changes;
	(void)pthread_mutex_unlock(&disk->lock);
	return changes;
}

void sim_disk_crash_at(struct sim_disk *disk, long after)
{
	(void)pthread_mutex_lock(&disk->lock);
	disk->countdown = after;
	(void)pthread_mutex_unlock(&disk->lock);
}

void sim_disk_crash(struct sim_disk *disk)
{
	(void)pthread_mutex_lock(&disk->lock);
	lose_power(disk);
	(void)pthread_mutex_unlock(&disk->lock);
}

bool sim_disk_has_crashed(struct sim_disk *disk)
{
	bool has_crashed;

	(void)pthread_mutex_lock(&disk->lock);
	has_crashed = disk->has_crashed;
	(void)pthread_mutex_unlock(&disk->lock);
	return has_crashed;
}

void sim_disk_reboot(struct sim_disk *disk, uint64_t seed)
{
	sim_random random = {seed};

	(void)pthread_mutex_lock(&disk->lock);
	lose_power(disk);
	sim_tree_settle(&disk->tree, &random, seed == 1, seed == 0);
	disk->countdown = -1;
	disk->has_crashed = false;
	(void)pthread_mutex_unlock(&disk->lock);
}

void sim_disk_kill_at(const dpi_os *process, long after)
{
	sim_process *victim = process->self;

	(void)begin(victim);
	victim->countdown = after;
	end(victim);
}

void sim_disk_kill(const dpi_os *process)
{
	sim_process *victim = process->self;

	if (begin(victim) == 0) {
		die(victim);
	}
	end(victim);
}

bool sim_disk_is_dead(const dpi_os *process)
{
	sim_process *victim = process->self;
	bool is_dead = begin(victim) != 0;

	end(victim);
	return is_dead;
}
