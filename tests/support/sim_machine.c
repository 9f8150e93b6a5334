/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_machine.h"

#include <errno.h>
#include <stdlib.h>

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

void sim_close_file(struct sim_disk *disk, size_t file)
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
			sim_close_file(disk, i);
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

int sim_begin(sim_process *process)
{
	(void)pthread_mutex_lock(&process->disk->lock);
	return process->is_dead ? -EIO : 0;
}

void sim_end(sim_process *process)
{
	(void)pthread_mutex_unlock(&process->disk->lock);
}

bool sim_is_last(long *countdown)
{
	return *countdown >= 0 && (*countdown)-- == 0;
}

/* The kernel does what it may do at any time. */
static void write_back(struct sim_disk *disk)
{
	sim_inode *picked = NULL;
	uint64_t count = 0;

	if (disk->writes_back == 0 ||
		sim_random_next(&disk->random) % disk->writes_back != 0) {
		return;
	}
	for (sim_inode *i = disk->tree.inodes; i != NULL; i = i->next) {
		if (!i->is_directory &&
			sim_random_next(&disk->random) % ++count == 0) {
			picked = i;
		}
	}
	if (picked != NULL) {
		sim_inode_write_back(picked, &disk->random);
	}
}

sim_fate sim_count_change(sim_process *process)
{
	struct sim_disk *disk = process->disk;
	bool is_killed = sim_is_last(&process->countdown);

	disk->changes++;
	write_back(disk);
	if (sim_is_last(&disk->countdown)) {
		return SIM_LOSES_POWER;
	}
	return is_killed ? SIM_IS_KILLED : SIM_LIVES;
}

int sim_meet(sim_process *process, sim_fate fate, int rc)
{
	if (fate == SIM_LOSES_POWER) {
		lose_power(process->disk);
	} else if (fate == SIM_IS_KILLED) {
		die(process);
	}
	return fate == SIM_LIVES ? rc : -EIO;
}

sim_file *sim_file_of(sim_process *process, int fd)
{
	struct sim_disk *disk = process->disk;

	if (fd < 0 || (size_t)fd >= disk->file_count ||
		disk->files[fd].process != process) {
		return NULL;
	}
	return &disk->files[fd];
}

int sim_add_file(sim_process *process, sim_inode *inode, bool is_read_only)
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

struct sim_disk *sim_disk_new(uint64_t seed)
{
	struct sim_disk *disk = sim_alloc(1, sizeof(*disk));

	virtual_clock_init(&disk->clock, NULL);
	(void)pthread_mutex_init(&disk->lock, NULL);
	disk->random.state = seed;
	disk->countdown = -1;
	disk->syncs_left = -1;
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

	*process = (sim_process){
		.os = sim_os_table, .disk = disk, .countdown = -1};
	process->os.self = process;
	(void)pthread_mutex_lock(&disk->lock);
	process->next = disk->processes;
	process->is_dead = disk->has_crashed;
	disk->processes = process;
	(void)pthread_mutex_unlock(&disk->lock);
	return &process->os;
}

void sim_disk_write_back(struct sim_disk *disk, uint32_t one_in)
{
	(void)pthread_mutex_lock(&disk->lock);
	disk->writes_back = one_in;
	(void)pthread_mutex_unlock(&disk->lock);
}

void sim_disk_fail_sync_at(struct sim_disk *disk, long after)
{
	(void)pthread_mutex_lock(&disk->lock);
	disk->syncs_left = after;
	(void)pthread_mutex_unlock(&disk->lock);
}

void sim_disk_mix_bytes(struct sim_disk *disk)
{
	(void)pthread_mutex_lock(&disk->lock);
	disk->tree.mixes_bytes = true;
	(void)pthread_mutex_unlock(&disk->lock);
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
	disk->syncs_left = -1;
	disk->has_crashed = false;
	(void)pthread_mutex_unlock(&disk->lock);
}

void sim_disk_kill_at(const dpi_os *process, long after)
{
	sim_process *victim = process->self;

	(void)sim_begin(victim);
	victim->countdown = after;
	sim_end(victim);
}

void sim_disk_kill(const dpi_os *process)
{
	sim_process *victim = process->self;

	if (sim_begin(victim) == 0) {
		die(victim);
	}
	sim_end(victim);
}

bool sim_disk_is_dead(const dpi_os *process)
{
	sim_process *victim = process->self;
	bool is_dead = sim_begin(victim) != 0;

	sim_end(victim);
	return is_dead;
}
