/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_PAYLOAD_H
#define LOG_PAYLOAD_H

#include <stdbool.h>

#include <datapipe/message.h>

/* Payloads as JSON, by the schemas of a registry. */
struct log_payload;

/* Opens the registry in a directory, which must be there. */
DP_NODISCARD dp_status log_payload_open(
	struct log_payload **ret, const char *directory, dp_error **err);
void log_payload_close(struct log_payload *payloads);

/*
 * Until the next call. False if the registry has no schema for the event, or
 * its payload is not such a message; or if payloads is NULL.
 */
bool log_payload_json(
	struct log_payload *payloads, const dp_message *msg, dp_bytes *ret);

#endif /* LOG_PAYLOAD_H */
