/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/raw_set.h"

#include "base/bytes.h"
#include "base/error.h"
#include "schema/raw_parser.h"
#include "schema/sort.h"

/*
 * Names in hostile sets may be many and collide in any hash, so symbols are
 * sorted and searched, which has no bad case.
 */

enum { LABEL_OPTIONAL = 1, LABEL_REPEATED = 3 };

static int compare_symbols(const void *a, const void *b)
{
	return strcmp(((const dpi_raw_symbol *)a)->full_name,
		((const dpi_raw_symbol *)b)->full_name);
}

static dp_status collect_symbols(dpi_raw_set *set, dp_error **err)
{
	dpi_raw_parser parser = {.set = set, .err = err};
	size_t n = 0;

	set->symbol_count = set->message_count + set->enum_count;
	set->symbols = dpi_arena_zalloc(
		&set->arena, set->symbol_count + 1, sizeof(*set->symbols));
	if (set->symbols == NULL) {
		return dpi_raw_no_memory(&parser);
	}
	for (dpi_raw_message *m = set->messages; m != NULL; m = m->next) {
		set->symbols[n++] = (dpi_raw_symbol){m->full_name, m, NULL};
	}
	for (dpi_raw_enum *e = set->enums; e != NULL; e = e->next) {
		set->symbols[n++] = (dpi_raw_symbol){e->full_name, NULL, e};
	}
	dpi_sort(set->symbols, n, sizeof(*set->symbols), compare_symbols);
	for (size_t i = 1; i < n; i++) {
		if (compare_symbols(&set->symbols[i - 1], &set->symbols[i]) ==
			0) {
			return dpi_raw_refuse(&parser, DP_ESCHEMA, NULL,
				"%s is defined twice",
				set->symbols[i].full_name);
		}
	}
	return DP_OK;
}

static int compare_name(const char *full_name, dp_bytes name)
{
	size_t size = strlen(full_name);
	size_t common = size < name.size ? size : name.size;
	int order = memcmp(full_name, name.data, common);

	return order != 0 ? order : (size > name.size) - (size < name.size);
}

static const dpi_raw_symbol *find_symbol(const dpi_raw_set *set, dp_bytes name)
{
	size_t low = 0;
	size_t high = set->symbol_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const dpi_raw_symbol *symbol = &set->symbols[middle];
		int order = compare_name(symbol->full_name, name);

		if (order == 0) {
			return symbol;
		}
		if (order < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return NULL;
}

dpi_raw_message *dpi_raw_set_find(const dpi_raw_set *set, const char *full_name)
{
	const dpi_raw_symbol *symbol =
		find_symbol(set, dpi_bytes_text(full_name));

	return symbol != NULL ? symbol->message : NULL;
}

static int compare_files(const void *a, const void *b)
{
	return strcmp((*(dpi_raw_file *const *)a)->name,
		(*(dpi_raw_file *const *)b)->name);
}

static dpi_raw_file *find_file(
	dpi_raw_file *const *by_name, size_t count, dp_bytes name)
{
	size_t low = 0;
	size_t high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_name(by_name[middle]->name, name);

		if (order == 0) {
			return by_name[middle];
		}
		if (order < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return NULL;
}

static dp_status link_imports(const dpi_raw_parser *parser,
	dpi_raw_file *const *by_name, dpi_raw_file *file)
{
	dpi_raw_set *set = parser->set;

	file->imported = dpi_arena_zalloc(
		&set->arena, file->import_count + 1, sizeof(*file->imported));
	if (file->imported == NULL) {
		return dpi_raw_no_memory(parser);
	}
	for (size_t i = 0; i < file->import_count; i++) {
		dp_bytes name = file->imports[i];

		file->imported[i] = find_file(by_name, set->file_count, name);
		if (file->imported[i] == NULL) {
			return dpi_raw_refuse(parser, DP_ESCHEMA, NULL,
				"its import \"%.*s\" is not in the set: call "
				"protoc with --include_imports",
				(int)(name.size < DPI_NAME_MAX_BYTES
						? name.size
						: DPI_NAME_MAX_BYTES),
				(const char *)name.data);
		}
	}
	return DP_OK;
}

static dp_status link_files(dpi_raw_parser *parser)
{
	dpi_raw_set *set = parser->set;
	dpi_raw_file **by_name = dpi_arena_zalloc(
		&set->arena, set->file_count, sizeof(*by_name));
	dp_status st = DP_OK;

	if (by_name == NULL) {
		return dpi_raw_no_memory(parser);
	}
	for (size_t i = 0; i < set->file_count; i++) {
		by_name[i] = &set->files[i];
	}
	dpi_sort(by_name, set->file_count, sizeof(*by_name), compare_files);
	for (size_t i = 1; i < set->file_count; i++) {
		if (compare_files(&by_name[i - 1], &by_name[i]) == 0) {
			parser->file = by_name[i];
			return dpi_raw_refuse(parser, DP_ESCHEMA, NULL,
				"the set has it twice");
		}
	}
	for (size_t i = 0; st == DP_OK && i < set->file_count; i++) {
		parser->file = &set->files[i];
		st = link_imports(parser, by_name, parser->file);
	}
	return st;
}

/* A file on the way of a walk, and how many of its imports were walked. */
typedef struct step {
	dpi_raw_file *file;
	size_t walked;
} step;

enum { NOT_WALKED = 0, BEING_WALKED = 1, WALKED = 2 };

/* Depth first, with a stack of our own: a chain may be 1,000 files long. */
static dp_status order_from(dpi_raw_parser *parser, dpi_raw_file *from,
	step *stack, uint8_t *states, size_t *ordered_count)
{
	dpi_raw_set *set = parser->set;
	size_t depth = 0;

	stack[depth++] = (step){from, 0};
	states[from - set->files] = BEING_WALKED;
	while (depth > 0) {
		step *top = &stack[depth - 1];
		dpi_raw_file *next;

		if (top->walked == top->file->import_count) {
			states[top->file - set->files] = WALKED;
			set->ordered[(*ordered_count)++] = top->file;
			depth--;
			continue;
		}
		next = top->file->imported[top->walked++];
		if (states[next - set->files] == BEING_WALKED) {
			parser->file = next;
			return dpi_raw_refuse(parser, DP_ESCHEMA, NULL,
				"it imports itself, directly or not");
		}
		if (states[next - set->files] == NOT_WALKED) {
			states[next - set->files] = BEING_WALKED;
			stack[depth++] = (step){next, 0};
		}
	}
	return DP_OK;
}

static dp_status order_files(dpi_raw_parser *parser)
{
	dpi_raw_set *set = parser->set;
	size_t count = set->file_count;
	step *stack = dpi_arena_zalloc(&set->arena, count, sizeof(*stack));
	uint8_t *states = dpi_arena_zalloc(&set->arena, count, 1);
	size_t ordered = 0;
	dp_status st = DP_OK;

	set->ordered =
		dpi_arena_zalloc(&set->arena, count, sizeof(*set->ordered));
	if (stack == NULL || states == NULL || set->ordered == NULL) {
		return dpi_raw_no_memory(parser);
	}
	for (size_t i = 0; st == DP_OK && i < count; i++) {
		if (states[i] == NOT_WALKED) {
			st = order_from(parser, &set->files[i], stack, states,
				&ordered);
		}
	}
	return st;
}

/* Itself, its imports, and what those import publicly. */
static void mark_visible(
	const dpi_raw_set *set, dpi_raw_file *file, dpi_raw_file **stack)
{
	size_t mark = (size_t)(file - set->files) + 1;
	size_t depth = 0;

	file->visible_to = mark;
	for (size_t i = 0; i < file->import_count; i++) {
		if (file->imported[i]->visible_to != mark) {
			file->imported[i]->visible_to = mark;
			stack[depth++] = file->imported[i];
		}
	}
	while (depth > 0) {
		const dpi_raw_file *next = stack[--depth];

		for (size_t i = 0; i < next->public_import_count; i++) {
			dpi_raw_file *further =
				next->imported[next->public_imports[i]];

			if (further->visible_to != mark) {
				further->visible_to = mark;
				stack[depth++] = further;
			}
		}
	}
}

static dp_status refuse_field(const dpi_raw_parser *parser,
	const dpi_raw_message *scope, const dpi_raw_field *field, dp_bytes name,
	const char *wrong)
{
	size_t size =
		name.size < DPI_NAME_MAX_BYTES ? name.size : DPI_NAME_MAX_BYTES;

	return dpi_raw_refuse(parser, DP_ESCHEMA,
		scope != NULL ? scope->full_name : parser->file->package,
		"field %.*s: %.*s%s%s", (int)field->name.size,
		(const char *)field->name.data, (int)size,
		size > 0 ? (const char *)name.data : "", size > 0 ? ": " : "",
		wrong);
}

/* What a name of a field stands for; refuses what the file cannot see. */
static dp_status resolve(const dpi_raw_parser *parser,
	const dpi_raw_message *scope, const dpi_raw_field *field, dp_bytes name,
	const dpi_raw_symbol **ret)
{
	size_t self = (size_t)(parser->file - parser->set->files) + 1;
	const dpi_raw_symbol *symbol;
	const dpi_raw_unit *unit;

	if (name.size < 2 || *(const char *)name.data != '.') {
		return refuse_field(parser, scope, field, name,
			"the name does not begin with a dot, as protoc "
			"writes it");
	}
	symbol = find_symbol(parser->set,
		dpi_bytes((const char *)name.data + 1, name.size - 1));
	if (symbol == NULL) {
		return refuse_field(
			parser, scope, field, name, "no such type in the set");
	}
	unit = symbol->message != NULL ? symbol->message->unit
				       : symbol->enumeration->unit;
	if (unit->file->visible_to != self) {
		return refuse_field(parser, scope, field, name,
			"the file does not import the one with this type");
	}
	*ret = symbol;
	return DP_OK;
}

static dp_status link_type(const dpi_raw_parser *parser,
	const dpi_raw_message *scope, dpi_raw_field *field)
{
	const dpi_raw_symbol *symbol;
	bool is_message = field->type == DPI_TYPE_MESSAGE ||
		field->type == DPI_TYPE_GROUP || field->type == 0;
	bool is_enum = field->type == DPI_TYPE_ENUM || field->type == 0;
	dp_status st;

	if (!is_message && !is_enum) {
		return DP_OK;
	}
	st = resolve(parser, scope, field, field->type_name, &symbol);
	if (st != DP_OK) {
		return st;
	}
	if (symbol->message != NULL ? !is_message : !is_enum) {
		return refuse_field(parser, scope, field, field->type_name,
			"its type is not of the kind that the field says");
	}
	field->message = symbol->message;
	field->enumeration = symbol->enumeration;
	if (field->message != NULL && field->message->is_map_entry &&
		(field->label != LABEL_REPEATED ||
			field->message->parent != scope)) {
		return refuse_field(parser, scope, field, field->type_name,
			"a map's entry is the type of another field");
	}
	return DP_OK;
}

static dp_status link_field(const dpi_raw_parser *parser,
	const dpi_raw_message *scope, dpi_raw_field *field)
{
	if (field->extendee.data != NULL) {
		return refuse_field(parser, scope, field, field->extendee,
			"a field of the message itself extends another");
	}
	return link_type(parser, scope, field);
}

static dp_status link_extension(const dpi_raw_parser *parser,
	const dpi_raw_message *scope, dpi_raw_field *field)
{
	const dpi_raw_symbol *symbol;
	dp_status st;

	st = resolve(parser, scope, field, field->extendee, &symbol);
	if (st != DP_OK) {
		return st;
	}
	if (symbol->message == NULL) {
		return refuse_field(parser, scope, field, field->extendee,
			"it extends an enum");
	}
	field->extended = symbol->message;
	field->next_extension = symbol->message->extended_by;
	symbol->message->extended_by = field;
	symbol->message->extended_by_count++;
	if (symbol->message->extended_by_count + symbol->message->field_count >
		DPI_MESSAGE_MAX_FIELDS) {
		return dpi_raw_refuse(parser, DP_ETOOBIG,
			symbol->message->full_name,
			"more than %u fields with its extensions",
			DPI_MESSAGE_MAX_FIELDS);
	}
	return link_type(parser, scope, field);
}

static bool is_key_type(int32_t type)
{
	return type != DPI_TYPE_DOUBLE && type != DPI_TYPE_FLOAT &&
		type != DPI_TYPE_GROUP && type != DPI_TYPE_MESSAGE &&
		type != DPI_TYPE_BYTES && type != DPI_TYPE_ENUM && type != 0;
}

static dp_status check_map_entry(
	const dpi_raw_parser *parser, const dpi_raw_message *entry)
{
	const dpi_raw_field *fields = entry->fields;
	size_t key = entry->field_count == 2 && fields[0].number == 2;

	if (entry->field_count != 2 || entry->parent == NULL ||
		fields[key].number != 1 || fields[1 - key].number != 2 ||
		!is_key_type(fields[key].type) ||
		fields[0].label != LABEL_OPTIONAL ||
		fields[1].label != LABEL_OPTIONAL) {
		return dpi_raw_refuse(parser, DP_ESCHEMA, entry->full_name,
			"it is marked as a map's entry, but is not a nested "
			"message of key = 1 and value = 2");
	}
	return DP_OK;
}

/* From here on, features are those in effect. */
static void inherit_features(dpi_raw_message *m, dpi_features around)
{
	m->features = dpi_features_merge(around, m->features);
	for (size_t i = 0; i < m->enum_count; i++) {
		m->enums[i].features =
			dpi_features_merge(m->features, m->enums[i].features);
	}
	for (size_t i = 0; i < m->extension_count; i++) {
		m->extensions[i].features = dpi_features_merge(
			m->features, m->extensions[i].features);
	}
	for (size_t i = 0; i < m->field_count; i++) {
		dpi_raw_field *field = &m->fields[i];
		dpi_features outer = m->features;

		if (field->oneof >= 0) {
			outer = dpi_features_merge(
				outer, m->oneofs[field->oneof].features);
		}
		field->features = dpi_features_merge(outer, field->features);
	}
}

static dp_status link_message(const dpi_raw_parser *parser,
	dpi_raw_message *message, dpi_features around)
{
	dp_status st = DP_OK;

	inherit_features(message, around);
	if (message->is_map_entry) {
		st = check_map_entry(parser, message);
	}
	for (size_t i = 0; st == DP_OK && i < message->field_count; i++) {
		st = link_field(parser, message, &message->fields[i]);
	}
	for (size_t i = 0; st == DP_OK && i < message->extension_count; i++) {
		st = link_extension(parser, message, &message->extensions[i]);
	}
	for (size_t i = 0; st == DP_OK && i < message->nested_count; i++) {
		st = link_message(
			parser, &message->nested[i], message->features);
	}
	return st;
}

static dp_status link_units(const dpi_raw_parser *parser, dpi_raw_file *file)
{
	dp_status st = DP_OK;

	for (size_t i = 0; st == DP_OK && i < file->unit_count; i++) {
		dpi_raw_unit *unit = &file->units[i];

		if (unit->message != NULL) {
			st = link_message(
				parser, unit->message, file->features);
		} else if (unit->enumeration != NULL) {
			unit->enumeration->features = dpi_features_merge(
				file->features, unit->enumeration->features);
		} else {
			unit->extension->features = dpi_features_merge(
				file->features, unit->extension->features);
			st = link_extension(parser, NULL, unit->extension);
		}
	}
	return st;
}

dp_status dpi_raw_set_link(dpi_raw_set *set, dp_error **err)
{
	dpi_raw_parser parser = {.set = set, .err = err};
	dpi_raw_file **stack = dpi_arena_zalloc(
		&set->arena, set->file_count, sizeof(dpi_raw_file *));
	dp_status st = collect_symbols(set, err);

	if (st == DP_OK && stack == NULL) {
		st = dpi_raw_no_memory(&parser);
	}
	if (st == DP_OK) {
		st = link_files(&parser);
	}
	if (st == DP_OK) {
		st = order_files(&parser);
	}
	for (size_t i = 0; st == DP_OK && i < set->file_count; i++) {
		parser.file = &set->files[i];
		mark_visible(set, parser.file, stack);
		st = link_units(&parser, parser.file);
	}
	return st;
}
