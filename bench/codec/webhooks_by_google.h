/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEBHOOKS_BY_GOOGLE_H
#define WEBHOOKS_BY_GOOGLE_H

#include <stddef.h>

/* Webhook events by Google's C++, each by the full name of its type. */

#ifdef __cplusplus
extern "C" {
#endif

/* A type's messages: with the code that protoc makes, or of descriptors alone. */
typedef struct webhook_type webhook_type;

/* NULL if there is no such type. */
const webhook_type *webhook_type_find(const char *name);

/* Parses, and nothing else; generated code on an arena that is used again. */
int webhook_parse_generated(
	const webhook_type *type, const void *data, size_t size);
int webhook_parse_dynamic(
	const webhook_type *type, const void *data, size_t size);

/* Returns how long the text is, or 0. */
size_t webhook_to_json(const webhook_type *type, const void *data, size_t size);
/* Returns how long the serialized message is, or 0. */
size_t webhook_from_json(
	const webhook_type *type, const void *json, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* WEBHOOKS_BY_GOOGLE_H */
