/* SPDX-License-Identifier: Apache-2.0 */
#include "payment_plan.h"

#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "schema/descriptor.h"

enum { SET_MAX = 4 << 20 };

static void *take(void *user, size_t size)
{
	(void)user;
	return malloc(size);
}

static void give(void *user, void *block, size_t size)
{
	(void)user;
	(void)size;
	free(block);
}

const dp_allocator payment_heap = {NULL, take, give};

dp_schema *payment_schema(const char *path, const char *type)
{
	uint8_t *set = malloc(SET_MAX);
	FILE *file = fopen(path, "rb");
	dp_schema *schema;
	size_t size = 0;

	if (set != NULL && file != NULL) {
		size = fread(set, 1, SET_MAX, file);
		(void)fclose(file);
	}
	if (dpi_schema_new(&schema, &payment_heap, set, size, type, NULL) !=
		DP_OK) {
		bench_die(path);
	}
	free(set);
	return schema;
}

void payment_plan_open(struct payment_plan *ret, const char *path,
	const char *type, dpi_target target)
{
	dp_schema *schema = payment_schema(path, type);

	if (dpi_plan_new(&ret->plan, &payment_heap, schema, target, NULL) !=
			DP_OK ||
		dpi_coder_new(&ret->coder, &payment_heap, NULL) != DP_OK) {
		bench_die(type);
	}
	dp_schema_unref(schema);
}
