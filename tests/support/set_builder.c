/* SPDX-License-Identifier: Apache-2.0 */
#include "set_builder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "schema/field_writer.h"

void set_builder_init(struct set_builder *b, const dp_allocator *alloc)
{
	b->depth = 0;
	dpi_buf_init(&b->buf, alloc, 64u << 20);
}

void set_builder_fini(struct set_builder *b)
{
	assert(b->depth == 0);
	dpi_buf_fini(&b->buf);
}

void begin(struct set_builder *b, unsigned number)
{
	b->open[b->depth++] = dpi_write_begin(&b->buf, number);
}

void end(struct set_builder *b)
{
	dpi_write_end(&b->buf, b->open[--b->depth]);
}

void number(struct set_builder *b, unsigned number, unsigned long value)
{
	dpi_write_varint(&b->buf, number, value);
}

void text(struct set_builder *b, unsigned number, const char *value)
{
	dpi_write_text(&b->buf, number, value);
}

void begin_file(struct set_builder *b, const char *name, const char *package,
	const char *syntax)
{
	begin(b, 1);
	text(b, 1, name);
	text(b, 2, package);
	if (*syntax == '2') {
		text(b, 12, "editions");
		number(b, 14, (unsigned long)atol(syntax) - 1023);
	} else {
		text(b, 12, syntax);
	}
}

void import(struct set_builder *b, const char *name)
{
	text(b, 3, name);
}

void begin_message(struct set_builder *b, const char *name)
{
	begin(b, 4);
	text(b, 1, name);
}

void begin_nested(struct set_builder *b, const char *name)
{
	begin(b, 3);
	text(b, 1, name);
}

void begin_field(struct set_builder *b, const char *name, unsigned n, int label,
	int type, const char *type_name)
{
	begin(b, 2);
	text(b, 1, name);
	number(b, 3, n);
	number(b, 4, (unsigned long)label);
	number(b, 5, (unsigned long)type);
	if (type_name != NULL) {
		text(b, 6, type_name);
	}
}

void field(struct set_builder *b, const char *name, unsigned n, int label,
	int type, const char *type_name)
{
	begin_field(b, name, n, label, type, type_name);
	end(b);
}

void begin_enum(struct set_builder *b, const char *name)
{
	begin(b, 5);
	text(b, 1, name);
}

void value(struct set_builder *b, const char *name, long n)
{
	begin(b, 2);
	text(b, 1, name);
	number(b, 2, (unsigned long)n);
	end(b);
}
