/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PAYMENT_PLAN_H
#define PAYMENT_PLAN_H

#include "codec/plan.h"

/* A plan that is made at run time, and what encoding by it needs. */
struct payment_plan {
	dpi_plan *plan;
	dpi_coder *coder;
};

/* malloc() and free(), as an application has them. */
extern const dp_allocator payment_heap;

/* The schema of a type, of a descriptor set in a file. */
dp_schema *payment_schema(const char *path, const char *type);

void payment_plan_open(struct payment_plan *ret, const char *path,
	const char *type, dpi_target target);

#endif /* PAYMENT_PLAN_H */
