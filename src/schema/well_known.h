/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_WELL_KNOWN_H
#define DPI_SCHEMA_WELL_KNOWN_H

#include <datapipe/bytes.h>

#include "schema/descriptor.h"

/* Google's types that come with the library. */

#define DPI_KNOWN_FILES 15

typedef struct dpi_known_file {
	const char *name;
	dp_bytes descriptor; /* a FileDescriptorProto */
} dpi_known_file;

/* The file of a name, or NULL. */
const dpi_known_file *dpi_known_file_find(dp_bytes name);

/*
 * What a message is to JSON and columns. NONE if it has the name of a
 * well-known type but other fields: then it is just a message.
 */
dpi_well_known dpi_well_known_of(const dpi_message_type *type);

#endif /* DPI_SCHEMA_WELL_KNOWN_H */
