/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SET_BUILDER_H
#define SET_BUILDER_H

#include "base/buf.h"

/*
 * Descriptor sets by hand, for what protoc of today cannot write or refuses
 * to. Each begin has its end; what is between belongs to it.
 */

enum { OPTIONAL = 1, REQUIRED = 2, REPEATED = 3 };

struct set_builder {
	dpi_buf buf;
	size_t open[64];
	size_t depth;
};

void set_builder_init(struct set_builder *b, const dp_allocator *alloc);
void set_builder_fini(struct set_builder *b);

/* Any field that is a message. */
void begin(struct set_builder *b, unsigned number);
void end(struct set_builder *b);
void number(struct set_builder *b, unsigned number, unsigned long value);
void text(struct set_builder *b, unsigned number, const char *value);

/* syntax: "proto2", "proto3", or "2023" and the like. */
void begin_file(struct set_builder *b, const char *name, const char *package,
	const char *syntax);
void import(struct set_builder *b, const char *name);
void begin_message(struct set_builder *b, const char *name);
void begin_nested(struct set_builder *b, const char *name);
void begin_field(struct set_builder *b, const char *name, unsigned number,
	int label, int type, const char *type_name);
void field(struct set_builder *b, const char *name, unsigned number, int label,
	int type, const char *type_name);
void begin_enum(struct set_builder *b, const char *name);
void value(struct set_builder *b, const char *name, long number);

#endif /* SET_BUILDER_H */
