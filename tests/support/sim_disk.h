/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim_os.h"

/*
 * What a simulated disk is made of: sim_file.c has the bytes, sim_names.c the
 * directories. All of it is under the disk's lock.
 */

#define SIM_SECTOR 512
#define SIM_CHUNK 16384 /* also the most that can be mapped */

/* Part of a file. NULL is all zeros. */
typedef struct sim_chunk {
	uint8_t *now;
	uint8_t *durable;
	uint32_t dirty; /* a bit for each sector in which they may differ */
	uint32_t lost; /* those that differ, and that no sync writes any more */
} sim_chunk;

typedef struct sim_inode {
	struct sim_inode *next; /* all of the disk */
	bool is_directory;
	bool is_reachable; /* while a reboot looks */
	bool is_shared;    /* the first chunk is memory of shared_fd */
	int shared_fd;
	uint64_t size;
	uint64_t durable_size;
	sim_chunk *chunks;
	size_t chunk_count;
	dp_time_ns mtime;
} sim_inode;

/* A name in a directory; to == NULL: no such name. */
typedef struct sim_name {
	sim_inode *directory;
	char *name;
	sim_inode *to;
} sim_name;

typedef struct sim_names {
	sim_name *items;
	size_t count;
	size_t capacity;
} sim_names;

/* Names that change together. */
typedef struct sim_op {
	sim_name names[2];
	int count;
	bool is_picked; /* while a sync or a reboot looks */
} sim_op;

typedef struct sim_random {
	uint64_t state;
} sim_random;

/* Memory that cannot be had ends the test. */
void *sim_alloc(size_t count, size_t size);
void *sim_grow(void *items, size_t *capacity, size_t size);

uint64_t sim_random_next(sim_random *random);

/* sim_file.c */

sim_inode *sim_inode_new(bool is_directory);
void sim_inode_free(sim_inode *inode);
void sim_inode_write(
	sim_inode *inode, const uint8_t *data, size_t size, uint64_t offset);
size_t sim_inode_read(
	const sim_inode *inode, uint8_t *data, size_t size, uint64_t offset);
void sim_inode_truncate(sim_inode *inode, uint64_t size);
void sim_inode_sync(sim_inode *inode);
/* A sync that failed: the kernel forgets that there was anything to write. */
void sim_inode_drop(sim_inode *inode);
/* Some of what is not synced becomes durable. */
void sim_inode_write_back(sim_inode *inode, sim_random *random);
/* Decides what is left without power. */
void sim_inode_settle(
	sim_inode *inode, sim_random *random, bool all, bool none, bool mixes);
/* Another mapping of the first chunk; NULL if the file is shorter. */
void *sim_inode_map(sim_inode *inode, size_t size);
void sim_unmap(void *memory, size_t size);
/* From now on stores reach nobody, and nobody's stores are seen. */
void sim_detach(void *memory, size_t size);

/* sim_names.c */

typedef struct sim_tree {
	sim_inode *root;
	sim_inode *inodes;
	sim_names now;
	sim_names durable;
	bool mixes_bytes; /* of sectors that were being written */
	sim_op *ops;      /* from durable to now, oldest first */
	size_t op_count;
	size_t op_capacity;
} sim_tree;

typedef struct sim_place {
	sim_inode *directory; /* NULL: it is the root */
	char name[256];
	sim_inode *inode; /* NULL: there is nothing yet */
} sim_place;

void sim_tree_init(sim_tree *tree);
void sim_tree_fini(sim_tree *tree);
/* 0, or a negative errno if what is above path is not there. */
int sim_tree_find(const sim_tree *tree, const char *path, sim_place *place);
bool sim_tree_is_empty(const sim_tree *tree, const sim_inode *directory);
sim_inode *sim_tree_make(
	sim_tree *tree, const sim_place *place, bool is_directory);
void sim_tree_remove(sim_tree *tree, const sim_place *place);
void sim_tree_rename(
	sim_tree *tree, const sim_place *from, const sim_place *to);
void sim_tree_sync(sim_tree *tree, const sim_inode *directory);
/* Decides what is left without power; frees what is in no directory. */
void sim_tree_settle(sim_tree *tree, sim_random *random, bool all, bool none);

#endif /* SIM_DISK_H */
