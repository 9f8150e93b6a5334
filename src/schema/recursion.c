/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/types.h"

/*
 * Tarjan's strongly connected components: messages that reach each other are
 * one component, and a component of several, or with a field of its own type,
 * is recursive. Its stacks are arrays, since a set may chain 10,000 types.
 */

typedef struct frame {
	dpi_raw_message *message;
	size_t next_field;
	const dpi_raw_field *next_extension;
} frame;

typedef struct walk {
	frame *frames;
	size_t depth;
	dpi_raw_message **open; /* whose component is not complete yet */
	size_t open_count;
	uint32_t visited;
} walk;

static void enter(walk *w, dpi_raw_message *message)
{
	message->visit = message->lowest = ++w->visited;
	message->is_open = true;
	w->open[w->open_count++] = message;
	w->frames[w->depth++] = (frame){message, 0, message->extended_by};
}

/* The type of the next field that is a message, or NULL. */
static dpi_raw_message *next_of(frame *top)
{
	const dpi_raw_message *message = top->message;

	while (top->next_field < message->field_count) {
		dpi_raw_message *next =
			message->fields[top->next_field++].message;

		if (next != NULL) {
			return next;
		}
	}
	while (top->next_extension != NULL) {
		dpi_raw_message *next = top->next_extension->message;

		top->next_extension = top->next_extension->next_extension;
		if (next != NULL) {
			return next;
		}
	}
	return NULL;
}

static void lower(dpi_raw_message *message, uint32_t to)
{
	if (to < message->lowest) {
		message->lowest = to;
	}
}

static void close_component(walk *w, const dpi_raw_message *first)
{
	bool has_several = w->open[w->open_count - 1] != first;
	dpi_raw_message *message;

	do {
		message = w->open[--w->open_count];
		message->is_open = false;
		if (has_several) {
			message->type->is_recursive = true;
		}
	} while (message != first);
}

static void leave(walk *w)
{
	dpi_raw_message *message = w->frames[--w->depth].message;

	if (message->lowest == message->visit) {
		close_component(w, message);
	}
	if (w->depth > 0) {
		lower(w->frames[w->depth - 1].message, message->lowest);
	}
}

static void walk_from(walk *w, dpi_raw_message *from)
{
	enter(w, from);
	while (w->depth > 0) {
		frame *top = &w->frames[w->depth - 1];
		dpi_raw_message *next = next_of(top);

		if (next == NULL) {
			leave(w);
		} else if (next->visit == 0) {
			enter(w, next);
		} else if (next->is_open) {
			lower(top->message, next->visit);
		}
		if (next == top->message) {
			next->type->is_recursive = true;
		}
	}
}

bool dpi_types_mark_recursive(dpi_raw_set *set)
{
	size_t count = set->message_count + 1;
	walk w = {
		.frames =
			dpi_arena_zalloc(&set->arena, count, sizeof(*w.frames)),
		.open = dpi_arena_zalloc(&set->arena, count, sizeof(*w.open)),
	};

	if (w.frames == NULL || w.open == NULL) {
		return false;
	}
	for (dpi_raw_message *m = set->messages; m != NULL; m = m->next) {
		if (m->visit == 0) {
			walk_from(&w, m);
		}
	}
	return true;
}
