/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "schema/compat_rules.h"
#include "test_heap.h"

/*
 * usage: compare_sets <PAIRS. Each pair is two descriptor sets, each with its
 * length in front (4 bytes, little-endian). Prints, for each, a line "pair",
 * and a line for each finding about each message that both sets have:
 * rule, number, path, bits. Findings about a message that several messages
 * reach are printed several times.
 */

#define SET_MAX (8u << 20)

static int read_set(uint8_t *set, size_t *ret_size)
{
	uint8_t head[4];

	if (fread(head, 1, sizeof(head), stdin) != sizeof(head)) {
		return 0;
	}
	*ret_size = dpi_load_u32(head);
	return *ret_size <= SET_MAX &&
		fread(set, 1, *ret_size, stdin) == *ret_size;
}

static void must(dp_status st, dp_error *err)
{
	if (st != DP_OK) {
		(void)fprintf(stderr, "%s\n", dp_error_message(err));
		exit(1);
	}
}

static void print_all(const dp_compat *compat)
{
	for (size_t i = 0; i < dp_compat_count(compat); i++) {
		const dp_compat_finding *f = dp_compat_get(compat, i);

		(void)printf("%s %d %s %u\n", f->rule, (int)f->number, f->path,
			(unsigned)f->breaks);
	}
}

static void compare(const dp_allocator *alloc, dp_bytes before, dp_bytes after)
{
	dpi_compat_side sides[2];
	dp_error *err = NULL;

	must(dpi_compat_side_init(&sides[0], alloc, before, &err), err);
	must(dpi_compat_side_init(&sides[1], alloc, after, &err), err);
	(void)printf("pair\n");
	for (size_t i = 0; i < sides[0].types.message_count; i++) {
		const char *name = sides[0].types.messages[i]->full_name;
		dp_compat *compat;

		if (dpi_types_find(&sides[1].types, name) == NULL) {
			continue;
		}
		must(dpi_compat_compare(
			     &compat, alloc, &sides[0], &sides[1], name, &err),
			err);
		print_all(compat);
		dp_compat_free(compat);
	}
	dpi_compat_side_fini(&sides[0]);
	dpi_compat_side_fini(&sides[1]);
}

int main(void)
{
	uint8_t *sets[2] = {malloc(SET_MAX), malloc(SET_MAX)};
	size_t sizes[2];
	struct test_heap heap;

	test_heap_init(&heap);
	while (sets[0] != NULL && sets[1] != NULL &&
		read_set(sets[0], &sizes[0]) && read_set(sets[1], &sizes[1])) {
		compare(&heap.alloc, dpi_bytes(sets[0], sizes[0]),
			dpi_bytes(sets[1], sizes[1]));
	}
	free(sets[0]);
	free(sets[1]);
	return heap.live_bytes != 0;
}
