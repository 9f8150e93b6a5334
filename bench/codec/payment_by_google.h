/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PAYMENT_BY_GOOGLE_H
#define PAYMENT_BY_GOOGLE_H

#include <stddef.h>

/* The payment by Google's C++, with the code that its protoc makes for it. */

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Parses a payment and returns its JSON, or NULL; until the next call. With
 * is_sorted its maps are by key, which takes longer: only to compare.
 */
const char *payment_by_google(
	const void *data, size_t size, int is_sorted, size_t *ret_size);

/*
 * Reads a payment from JSON, as JsonStringToMessage() does. If wire is not
 * NULL, whether it is the payment of those bytes, too.
 */
int payment_in_by_google(
	const void *json, size_t size, const void *wire, size_t wire_size);

/*
 * Parses a payment, and nothing else: by generated code, on an arena that is
 * used again; by a DynamicMessage of descriptors that were read at run time.
 */
int payment_parse_generated(const void *data, size_t size);
int payment_parse_dynamic(const void *data, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* PAYMENT_BY_GOOGLE_H */
