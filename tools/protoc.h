/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTOC_H
#define PROTOC_H

#include <datapipe/confluent.h>

/* protoc, as a compiler of texts that a server gave. */

struct protoc {
	const char *program;
	char why[2048]; /* what the last call said */
};

/* A dp_compile_fn; user is a struct protoc. */
const char *protoc_compile(void *user, const dp_proto_source *sources,
	size_t count, dp_compiled_fn compiled, void *sink);

#endif /* PROTOC_H */
