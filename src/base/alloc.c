/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"

#include <stdlib.h>

static void *from_malloc(void *user, size_t size)
{
	(void)user;
	return malloc(size);
}

static void to_free(void *user, void *block, size_t size)
{
	(void)user;
	(void)size;
	free(block);
}

const dp_allocator *dpi_alloc_default(void)
{
	static const dp_allocator alloc = {NULL, from_malloc, to_free};

	return &alloc;
}
