/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim_disk.h"

static char *copy_text(const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL) {
		abort();
	}
	return copy;
}

static bool is_same(const sim_name *a, const sim_name *b)
{
	return a->directory == b->directory && strcmp(a->name, b->name) == 0;
}

static sim_name *find(
	const sim_names *names, const sim_inode *directory, const char *name)
{
	for (size_t i = 0; i < names->count; i++) {
		sim_name *item = &names->items[i];

		if (item->directory == directory &&
			strcmp(item->name, name) == 0) {
			return item;
		}
	}
	return NULL;
}

static void set(sim_names *names, const sim_name *change)
{
	sim_name *item = find(names, change->directory, change->name);

	if (item != NULL && change->to != NULL) {
		item->to = change->to;
	} else if (item != NULL) {
		free(item->name);
		*item = names->items[--names->count];
	} else if (change->to != NULL) {
		if (names->count == names->capacity) {
			names->items = sim_grow(names->items, &names->capacity,
				sizeof(*names->items));
		}
		names->items[names->count++] = (sim_name){
			change->directory, copy_text(change->name), change->to};
	}
}

static void clear(sim_names *names)
{
	for (size_t i = 0; i < names->count; i++) {
		free(names->items[i].name);
	}
	names->count = 0;
}

static void apply(sim_names *names, const sim_op *op)
{
	for (int i = 0; i < op->count; i++) {
		set(names, &op->names[i]);
	}
}

static void free_op(sim_op *op)
{
	for (int i = 0; i < op->count; i++) {
		free(op->names[i].name);
	}
}

static void add_name(
	sim_op *op, sim_inode *directory, const char *name, sim_inode *to)
{
	op->names[op->count++] = (sim_name){directory, copy_text(name), to};
}

static void add_op(sim_tree *tree, const sim_op *op)
{
	if (tree->op_count == tree->op_capacity) {
		tree->ops = sim_grow(
			tree->ops, &tree->op_capacity, sizeof(*tree->ops));
	}
	tree->ops[tree->op_count++] = *op;
	apply(&tree->now, op);
}

void sim_tree_init(sim_tree *tree)
{
	*tree = (sim_tree){.root = sim_inode_new(true)};
	tree->inodes = tree->root;
}

static void clear_ops(sim_tree *tree)
{
	for (size_t i = 0; i < tree->op_count; i++) {
		free_op(&tree->ops[i]);
	}
	tree->op_count = 0;
}

void sim_tree_fini(sim_tree *tree)
{
	clear(&tree->now);
	clear(&tree->durable);
	clear_ops(tree);
	free(tree->now.items);
	free(tree->durable.items);
	free(tree->ops);
	while (tree->inodes != NULL) {
		sim_inode *next = tree->inodes->next;

		sim_inode_free(tree->inodes);
		tree->inodes = next;
	}
}

/* Copies the next part of a path; returns what is behind it, NULL at the end. */
static const char *next_part(char *part, const char *path, int *ret_rc)
{
	size_t n;

	while (*path == '/' ||
		(path[0] == '.' && (path[1] == '/' || path[1] == '\0'))) {
		path++;
	}
	n = strcspn(path, "/");
	if (n == 0) {
		return NULL;
	}
	if (n > 255) {
		*ret_rc = -ENAMETOOLONG;
		return NULL;
	}
	memcpy(part, path, n);
	part[n] = '\0';
	return path + n;
}

int sim_tree_find(const sim_tree *tree, const char *path, sim_place *place)
{
	int rc = 0;
	char part[256];

	*place = (sim_place){.inode = tree->root};
	while ((path = next_part(part, path, &rc)) != NULL) {
		const sim_name *name;

		if (place->inode == NULL) {
			return -ENOENT;
		}
		if (!place->inode->is_directory) {
			return -ENOTDIR;
		}
		place->directory = place->inode;
		memcpy(place->name, part, sizeof(part));
		name = find(&tree->now, place->directory, part);
		place->inode = name != NULL ? name->to : NULL;
	}
	return rc;
}

bool sim_tree_is_empty(const sim_tree *tree, const sim_inode *directory)
{
	for (size_t i = 0; i < tree->now.count; i++) {
		if (tree->now.items[i].directory == directory) {
			return false;
		}
	}
	return true;
}

sim_inode *sim_tree_make(
	sim_tree *tree, const sim_place *place, bool is_directory)
{
	sim_inode *inode = sim_inode_new(is_directory);
	sim_op op = {.count = 0};

	inode->next = tree->inodes;
	tree->inodes = inode;
	add_name(&op, place->directory, place->name, inode);
	add_op(tree, &op);
	return inode;
}

void sim_tree_remove(sim_tree *tree, const sim_place *place)
{
	sim_op op = {.count = 0};

	add_name(&op, place->directory, place->name, NULL);
	add_op(tree, &op);
}

void sim_tree_rename(sim_tree *tree, const sim_place *from, const sim_place *to)
{
	sim_op op = {.count = 0};

	add_name(&op, from->directory, from->name, NULL);
	add_name(&op, to->directory, to->name, from->inode);
	add_op(tree, &op);
}

static bool touches(const sim_op *op, const sim_inode *directory)
{
	return op->names[0].directory == directory ||
		(op->count > 1 && op->names[1].directory == directory);
}

static bool share_a_name(const sim_op *a, const sim_op *b)
{
	for (int i = 0; i < a->count; i++) {
		for (int k = 0; k < b->count; k++) {
			if (is_same(&a->names[i], &b->names[k])) {
				return true;
			}
		}
	}
	return false;
}

/* What a picked change builds on is picked, too. */
static void pick_what_others_need(sim_tree *tree)
{
	for (size_t i = tree->op_count; i-- > 0;) {
		for (size_t k = 0; tree->ops[i].is_picked && k < i; k++) {
			if (share_a_name(&tree->ops[i], &tree->ops[k])) {
				tree->ops[k].is_picked = true;
			}
		}
	}
}

/* What builds on a change that is not picked is not picked either. */
static void drop_what_lacks_others(sim_tree *tree)
{
	for (size_t i = 0; i < tree->op_count; i++) {
		for (size_t k = 0; tree->ops[i].is_picked && k < i; k++) {
			if (!tree->ops[k].is_picked &&
				share_a_name(&tree->ops[i], &tree->ops[k])) {
				tree->ops[i].is_picked = false;
			}
		}
	}
}

static void keep_picked(sim_tree *tree)
{
	size_t left = 0;

	for (size_t i = 0; i < tree->op_count; i++) {
		if (tree->ops[i].is_picked) {
			apply(&tree->durable, &tree->ops[i]);
			free_op(&tree->ops[i]);
		} else {
			tree->ops[left++] = tree->ops[i];
		}
	}
	tree->op_count = left;
}

void sim_tree_sync(sim_tree *tree, const sim_inode *directory)
{
	for (size_t i = 0; i < tree->op_count; i++) {
		tree->ops[i].is_picked = touches(&tree->ops[i], directory);
	}
	pick_what_others_need(tree);
	keep_picked(tree);
}

static void pick_by_chance(sim_tree *tree, sim_random *random)
{
	bool in_order = sim_random_next(random) % 2 == 0;
	size_t cut = (size_t)(sim_random_next(random) % (tree->op_count + 1));

	for (size_t i = 0; i < tree->op_count; i++) {
		tree->ops[i].is_picked =
			in_order ? i < cut : sim_random_next(random) % 2 == 0;
	}
	drop_what_lacks_others(tree);
}

static void mark_reachable(sim_tree *tree)
{
	bool is_changed = true;

	for (sim_inode *i = tree->inodes; i != NULL; i = i->next) {
		i->is_reachable = i == tree->root;
	}
	while (is_changed) {
		is_changed = false;
		for (size_t i = 0; i < tree->now.count; i++) {
			sim_name *name = &tree->now.items[i];

			if (name->directory->is_reachable &&
				!name->to->is_reachable) {
				name->to->is_reachable = true;
				is_changed = true;
			}
		}
	}
}

static void drop_names_of_lost_directories(sim_names *names)
{
	size_t left = 0;

	for (size_t i = 0; i < names->count; i++) {
		if (names->items[i].directory->is_reachable) {
			names->items[left++] = names->items[i];
		} else {
			free(names->items[i].name);
		}
	}
	names->count = left;
}

static void free_lost_inodes(sim_tree *tree)
{
	sim_inode **link = &tree->inodes;

	while (*link != NULL) {
		sim_inode *inode = *link;

		if (inode->is_reachable) {
			link = &inode->next;
		} else {
			*link = inode->next;
			sim_inode_free(inode);
		}
	}
}

void sim_tree_settle(sim_tree *tree, sim_random *random, bool all, bool none)
{
	for (size_t i = 0; i < tree->op_count; i++) {
		tree->ops[i].is_picked = all;
	}
	if (!all && !none) {
		pick_by_chance(tree, random);
	}
	keep_picked(tree);
	clear_ops(tree);
	clear(&tree->now);
	for (size_t i = 0; i < tree->durable.count; i++) {
		set(&tree->now, &tree->durable.items[i]);
	}
	mark_reachable(tree);
	drop_names_of_lost_directories(&tree->now);
	drop_names_of_lost_directories(&tree->durable);
	free_lost_inodes(tree);
	for (sim_inode *i = tree->inodes; i != NULL; i = i->next) {
		sim_inode_settle(i, random, all, none, tree->mixes_bytes);
	}
}
