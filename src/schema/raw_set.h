/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_RAW_SET_H
#define DPI_SCHEMA_RAW_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "schema/descriptor.h"
#include "schema/features.h"

/*
 * A FileDescriptorSet as it was written: parsed and checked for its limits
 * and the form of each element, but no name followed yet: that is what
 * dpi_raw_set_link() does. Bytes point into the set, which must outlive it.
 */

#define DPI_SET_MAX_BYTES (8u << 20)
#define DPI_SET_MAX_FILES 1000u
#define DPI_SET_MAX_IMPORTS 20000u
#define DPI_SET_MAX_MESSAGES 10000u
#define DPI_SET_MAX_ENUMS 10000u
#define DPI_SET_MAX_FIELDS 200000u
#define DPI_SET_MAX_VALUES 200000u
#define DPI_MESSAGE_MAX_FIELDS 2000u
#define DPI_ENUM_MAX_VALUES 10000u
#define DPI_NESTING_MAX 32u
#define DPI_NAME_MAX_BYTES 512u

typedef struct dpi_raw_file dpi_raw_file;
typedef struct dpi_raw_message dpi_raw_message;
typedef struct dpi_raw_enum dpi_raw_enum;
typedef struct dpi_raw_field dpi_raw_field;

/* A message, an enum or an extension at the top of a file. */
typedef struct dpi_raw_unit {
	dpi_raw_file *file;
	const char *full_name;
	/* Of dpi_canonical. */
	size_t rank;      /* among all units, by full name */
	size_t needed_by; /* which closure had it last */

	/* One of these. */
	dpi_raw_message *message;
	dpi_raw_enum *enumeration;
	dpi_raw_field *extension;
} dpi_raw_unit;

struct dpi_raw_field {
	dp_bytes name;
	dp_bytes type_name;    /* data is NULL where the set says nothing */
	dp_bytes extendee;     /* the same */
	dp_bytes json_name;    /* the same */
	dp_bytes default_text; /* the same */
	dp_bytes options;
	uint32_t number;
	int32_t label;
	int32_t type;  /* 0: not said */
	int32_t oneof; /* -1: none */
	bool is_proto3_optional;
	dpi_features features; /* its own; once linked, those in effect */

	/* Set by dpi_raw_set_link(). */
	dpi_raw_message *message;
	dpi_raw_enum *enumeration;
	dpi_raw_message *extended;
	dpi_raw_field *next_extension; /* of the same message */

	/* Of extensions: where they are declared. */
	dpi_raw_unit *unit;
	const dpi_raw_message *scope; /* NULL: in the file itself */
};

typedef struct dpi_raw_oneof {
	dp_bytes name;
	dp_bytes options;
	dpi_features features; /* its own */
} dpi_raw_oneof;

typedef struct dpi_raw_value {
	dp_bytes name;
	dp_bytes options;
	int32_t number;
} dpi_raw_value;

struct dpi_raw_enum {
	dp_bytes source; /* the whole EnumDescriptorProto */
	dp_bytes name;
	const char *full_name;
	dp_bytes options;
	dpi_raw_value *values;
	size_t value_count;
	dpi_features features; /* its own; once linked, those in effect */
	const dpi_raw_message *parent;
	dpi_raw_unit *unit;
	dpi_raw_enum *next;  /* of the set */
	dpi_enum_type *type; /* set by dpi_types_build() */
};

struct dpi_raw_message {
	dp_bytes source; /* the whole DescriptorProto */
	dp_bytes name;
	const char *full_name;
	dp_bytes options;
	dpi_raw_field *fields;
	size_t field_count;
	dpi_raw_message *nested;
	size_t nested_count;
	dpi_raw_enum *enums;
	size_t enum_count;
	dpi_raw_field *extensions; /* declared here, of any message */
	size_t extension_count;
	dpi_raw_oneof *oneofs;
	size_t oneof_count;
	bool is_map_entry;
	dpi_features features; /* its own; once linked, those in effect */
	const dpi_raw_message *parent;
	dpi_raw_unit *unit;
	dpi_raw_message *next; /* of the set */

	/* Set by dpi_raw_set_link(). */
	dpi_raw_field *extended_by; /* by next_extension */
	size_t extended_by_count;

	dpi_message_type *type; /* set by dpi_types_build() */

	/* Of dpi_types_mark_recursive(). */
	uint32_t visit;
	uint32_t lowest;
	bool is_open;
};

struct dpi_raw_file {
	dp_bytes source; /* the whole FileDescriptorProto */
	const char *name;
	const char *package;
	int32_t edition;
	dp_bytes features_source; /* as written, for a canonical copy */
	dpi_features features;    /* with those of the edition */
	dp_bytes *imports;
	size_t import_count;
	uint32_t *public_imports; /* indexes into imports */
	size_t public_import_count;
	dpi_raw_unit *units; /* messages, enums, extensions, as declared */
	size_t unit_count;
	bool is_known; /* Google's: not for the registry */

	/* Set by dpi_raw_set_link(). */
	dpi_raw_file **imported; /* of each import */
	size_t visible_to;       /* 1 + index of the file that saw it last */
	size_t needed_by;        /* which closure had it last */
	size_t referred_by;      /* which file of a closure did last */
};

/* A message or an enum by its full name. */
typedef struct dpi_raw_symbol {
	const char *full_name;
	/* One of these. */
	dpi_raw_message *message;
	dpi_raw_enum *enumeration;
} dpi_raw_symbol;

typedef struct dpi_raw_set {
	dpi_arena arena;
	dpi_raw_file *files;
	size_t file_count;
	dpi_raw_message *messages; /* nested ones, too */
	dpi_raw_message **messages_end;
	dpi_raw_enum *enums;
	dpi_raw_enum **enums_end;
	size_t message_count;
	size_t enum_count;
	size_t field_count; /* extensions, too */
	size_t value_count;
	size_t import_count;

	/* Set by dpi_raw_set_link(). */
	dpi_raw_symbol *symbols; /* full names ascend */
	size_t symbol_count;
	dpi_raw_file **ordered; /* the files, each after those it imports */
} dpi_raw_set;

/*
 * Parses a serialized FileDescriptorSet and adds well-known files that it
 * imports and does not have. Borrows data until fini.
 *
 * Errors, with file and element: DP_ESCHEMA, DP_ETOOBIG, DP_ENOMEM.
 */
DP_NODISCARD dp_status dpi_raw_set_init(dpi_raw_set *ret,
	const dp_allocator *alloc, const void *data, size_t size,
	dp_error **err);
void dpi_raw_set_fini(dpi_raw_set *set);

/*
 * Follows imports, type names, extensions and features; refuses what is missing, there
 * twice, or not visible from where it is used. Errors as above.
 */
DP_NODISCARD dp_status dpi_raw_set_link(dpi_raw_set *set, dp_error **err);

/*
 * lowerCamelCase, as JSON wants it where the set does not say. buf has room
 * for the name; returns the length, without a NUL.
 */
size_t dpi_json_name(char *buf, dp_bytes name);

/* The message of a full name, in a linked set; or NULL. */
dpi_raw_message *dpi_raw_set_find(
	const dpi_raw_set *set, const char *full_name);

#endif /* DPI_SCHEMA_RAW_SET_H */
