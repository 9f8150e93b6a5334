/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_MACHINE_H
#define SIM_MACHINE_H

#include "sim_disk.h"

/*
 * The processes of a simulated machine, and what they hold: sim_machine.c
 * brings them to life and death, sim_os.c has the calls that they make.
 */

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
	long syncs_left; /* before one of file contents fails; -1: none does */
	uint32_t writes_back; /* once in so many changes; 0: never */
};

typedef enum sim_fate { SIM_LIVES, SIM_IS_KILLED, SIM_LOSES_POWER } sim_fate;

/* The calls, all but self. */
extern const dpi_os sim_os_table;

/* Locks the disk for a call. Returns 0, or -EIO if nobody is there to make it. */
int sim_begin(sim_process *process);
void sim_end(sim_process *process);

/* Counts down to 0; true when it was there. */
bool sim_is_last(long *countdown);

/* What becomes of the process in this call, which changes something. */
sim_fate sim_count_change(sim_process *process);
/* Ends a changing call with what it came to: rc, or -EIO. */
int sim_meet(sim_process *process, sim_fate fate, int rc);

/* NULL: no descriptor of that process. */
sim_file *sim_file_of(sim_process *process, int fd);
int sim_add_file(sim_process *process, sim_inode *inode, bool is_read_only);
void sim_close_file(struct sim_disk *disk, size_t file);

#endif /* SIM_MACHINE_H */
