/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SCHEMA_SOURCE_H
#define SCHEMA_SOURCE_H

#include <datapipe/status.h>

#include "base/buf.h"

/*
 * Appends the descriptor set that `from` names: if there is a registry and it
 * is a number, that version of the type, of which 0 is the newest; else a file.
 * Errors: those of files and registries
 */
dp_status schema_source_read(dpi_buf *set, const char *registry,
	const char *type, const char *from, dp_error **err);

#endif /* SCHEMA_SOURCE_H */
