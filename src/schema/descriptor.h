/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_DESCRIPTOR_H
#define DPI_SCHEMA_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <datapipe/registry.h>

#include "base/arena.h"

/*
 * Message types as plain, immutable structs: a FileDescriptorSet resolved,
 * with every rule of proto2, proto3 and editions already applied, so that
 * plans ask for facts ("is it packed, has it presence, is the enum closed")
 * and never for a syntax.
 */

/* Numbers of FieldDescriptorProto.Type. */
typedef enum dpi_field_type {
	DPI_TYPE_DOUBLE = 1,
	DPI_TYPE_FLOAT = 2,
	DPI_TYPE_INT64 = 3,
	DPI_TYPE_UINT64 = 4,
	DPI_TYPE_INT32 = 5,
	DPI_TYPE_FIXED64 = 6,
	DPI_TYPE_FIXED32 = 7,
	DPI_TYPE_BOOL = 8,
	DPI_TYPE_STRING = 9,
	DPI_TYPE_GROUP = 10,
	DPI_TYPE_MESSAGE = 11,
	DPI_TYPE_BYTES = 12,
	DPI_TYPE_UINT32 = 13,
	DPI_TYPE_ENUM = 14,
	DPI_TYPE_SFIXED32 = 15,
	DPI_TYPE_SFIXED64 = 16,
	DPI_TYPE_SINT32 = 17,
	DPI_TYPE_SINT64 = 18
} dpi_field_type;

/* Messages that JSON and columns treat as something else. */
typedef enum dpi_well_known {
	DPI_WKT_NONE,
	DPI_WKT_ANY,
	DPI_WKT_TIMESTAMP,
	DPI_WKT_DURATION,
	DPI_WKT_FIELD_MASK,
	DPI_WKT_EMPTY,
	DPI_WKT_STRUCT,
	DPI_WKT_VALUE,
	DPI_WKT_LIST_VALUE,
	DPI_WKT_WRAPPER, /* DoubleValue … BytesValue: one field, `value` */
	DPI_WKT_DATE,    /* google.type.Date */
	DPI_WKT_DATE_TIME,
	DPI_WKT_TIME_OF_DAY,
	DPI_WKT_LAT_LNG
} dpi_well_known;

typedef struct dpi_message_type dpi_message_type;
typedef struct dpi_enum_type dpi_enum_type;

typedef struct dpi_field {
	const char *name;      /* the full one of an extension */
	const char *json_name; /* with [] around that of an extension */
	uint32_t number;
	dpi_field_type type;
	bool is_repeated; /* maps, too */
	bool is_map;      /* message is the entry: fields key = 1, value = 2 */
	bool is_packed;   /* as written; readers take both forms */
	bool is_required;
	bool has_presence; /* absent differs from zero */
	bool is_extension;
	bool checks_utf8;
	int32_t oneof;                    /* index, or -1; no synthetic ones */
	const dpi_message_type *message;  /* MESSAGE and GROUP */
	const dpi_enum_type *enumeration; /* ENUM */
	const char *default_text;         /* as in the descriptor, or NULL */
	size_t default_size;
} dpi_field;

typedef struct dpi_enum_value {
	const char *name;
	int32_t number;
} dpi_enum_value;

struct dpi_enum_type {
	const char *full_name;
	const dpi_enum_value *values; /* as declared */
	size_t value_count;
	const uint32_t *by_number; /* indexes into values, numbers ascending */
	bool is_closed;
};

struct dpi_message_type {
	const char *full_name; /* without a leading dot */
	const char *name;
	const dpi_field *fields; /* as declared; extensions last */
	size_t field_count;
	const uint32_t *by_number; /* indexes into fields, numbers ascending */
	const char *const *oneofs; /* names; no synthetic ones */
	size_t oneof_count;
	dpi_well_known well_known;
	bool is_map_entry;
	bool is_recursive; /* contains itself, directly or not */
};

/* The field of a number, or NULL. */
const dpi_field *dpi_message_field(
	const dpi_message_type *type, uint32_t number);

/* The first value of a number, or NULL. */
const dpi_enum_value *dpi_enum_value_of(
	const dpi_enum_type *type, int32_t number);

/* All types of one set. Lives in its arena. */
typedef struct dpi_types {
	dpi_arena arena;
	const dpi_message_type *const *messages; /* nested ones, too */
	size_t message_count;
	const dpi_message_type *const *top; /* of files, but well-known ones */
	size_t top_count;
} dpi_types;

/*
 * Resolves a serialized FileDescriptorSet. Well-known types that are missing
 * are taken from the library. Limits: 8 MiB, 1,000 files, 10,000 messages
 * and enums, 2,000 fields a message, 10,000 values an enum, nesting 32, names
 * 512 bytes; and in all 200,000 fields, as many values, and 20,000 imports.
 *
 * Errors, with file and element: DP_ESCHEMA, DP_ETOOBIG, DP_ENOMEM.
 */
DP_NODISCARD dp_status dpi_types_load(dpi_types *ret, const dp_allocator *alloc,
	const void *data, size_t size, dp_error **err);
void dpi_types_fini(dpi_types *types);

/* The message of a full name, or NULL. */
const dpi_message_type *dpi_types_find(
	const dpi_types *types, const char *full_name);

/* What a schema of the registry holds for plans. Borrowed from it. */
const dpi_message_type *dpi_schema_root(const dp_schema *schema);

const dpi_types *dpi_schema_types(const dp_schema *schema);
const dp_allocator *dpi_schema_alloc(const dp_schema *schema);

/*
 * A schema outside any registry, version 1: for tests and tools. Errors as
 * dpi_types_load(), and DP_ENOTFOUND for the type.
 */
DP_NODISCARD dp_status dpi_schema_new(dp_schema **ret_schema,
	const dp_allocator *alloc, const void *set, size_t size,
	const char *type, dp_error **err);

#endif /* DPI_SCHEMA_DESCRIPTOR_H */
