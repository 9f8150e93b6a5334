/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_RAW_PARSER_H
#define DPI_SCHEMA_RAW_PARSER_H

#include "schema/raw_set.h"

/* The two halves of dpi_raw_set_init(): files, and what is in them. */

typedef struct dpi_raw_parser {
	dpi_raw_set *set;
	dpi_raw_file *file;
	dpi_raw_unit *unit; /* that is being parsed */
	dp_error **err;
} dpi_raw_parser;

/* Sets an error that names the file and, unless it is NULL, the element. */
DP_PRINTF(4, 5)
dp_status dpi_raw_refuse(const dpi_raw_parser *parser, dp_status code,
	const char *element, const char *fmt, ...);
dp_status dpi_raw_no_memory(const dpi_raw_parser *parser);

/* Whether name is an identifier; scope is what it belongs to. */
DP_NODISCARD dp_status dpi_raw_check_name(
	const dpi_raw_parser *parser, const char *scope, dp_bytes name);
/* The same, and "scope.name" in the set's arena. */
DP_NODISCARD dp_status dpi_raw_full_name(const dpi_raw_parser *parser,
	const char *scope, dp_bytes name, const char **ret);

DP_NODISCARD dp_status dpi_raw_parse_message(const dpi_raw_parser *parser,
	dp_bytes source, const dpi_raw_message *parent, unsigned depth,
	dpi_raw_message *message);
DP_NODISCARD dp_status dpi_raw_parse_enum(const dpi_raw_parser *parser,
	dp_bytes source, const dpi_raw_message *parent,
	dpi_raw_enum *enumeration);
/* A field of scope, or an extension declared in it or, NULL, in the file. */
DP_NODISCARD dp_status dpi_raw_parse_field(const dpi_raw_parser *parser,
	dp_bytes source, const dpi_raw_message *scope, dpi_raw_field *field);

#endif /* DPI_SCHEMA_RAW_PARSER_H */
