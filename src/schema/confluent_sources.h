/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SCHEMA_CONFLUENT_SOURCES_H
#define DPI_SCHEMA_CONFLUENT_SOURCES_H

#include <datapipe/confluent.h>

#include "base/arena.h"
#include "base/buf.h"
#include "io/http.h"

/*
 * What one schema of a server is made of: its own file, and all that it
 * references. A server gives a serialized FileDescriptorProto for a file where
 * it understands "format=serialized", or where that is what was registered;
 * the others give text, which somebody else has to compile.
 */

typedef struct dpi_confluent_sources {
	const dp_allocator *alloc;
	dpi_http *http;
	const char *url;
	size_t answer_bytes;
	dp_compile_fn compile;
	void *user;
	dpi_arena arena;
	dp_proto_source *files; /* what is referenced comes first */
	size_t count;
	size_t text_count; /* of those that are text */
} dpi_confluent_sources;

/* Asks for what is at url and a formatted path; the body in *body. */
DP_PRINTF(3, 5)
DP_NODISCARD dp_status dpi_confluent_ask(dpi_confluent_sources *sources,
	dpi_buf *body, const char *fmt, dp_error **err, ...);

/* A subject as a part of a path: percent-encoded, in the arena; or NULL. */
const char *dpi_confluent_part(dpi_arena *arena, const char *subject);

/*
 * Fetches the schema at a path, and its references; forgets the last one. *ret_is_protobuf is false,
 * and nothing else was fetched, for one of Avro or JSON.
 */
DP_NODISCARD dp_status dpi_confluent_fetch(dpi_confluent_sources *sources,
	const char *path, bool *ret_is_protobuf, dp_error **err);

/* Appends the set of what was fetched; the file at the path is the last. */
DP_NODISCARD dp_status dpi_confluent_set(
	dpi_confluent_sources *sources, dpi_buf *set, dp_error **err);

#endif /* DPI_SCHEMA_CONFLUENT_SOURCES_H */
