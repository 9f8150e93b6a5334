/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXAMPLES_SERVICE_H
#define EXAMPLES_SERVICE_H

/*
 * What the services of the examples share. They publish protobuf messages on
 * a topic each, into the hub of one directory, and write down the id of every
 * event, so that somebody can look for it at the other end.
 */

#include <stdio.h>

#include <protobuf-c/protobuf-c.h>

#include <datapipe/datapipe.h>

/* Bytes of an event's dataschema attribute, with its final NUL. */
#define SCHEMA_SIZE 64

struct service {
	const char *name;
	dp_runtime *rt;
	dp_hub *hub;
	dp_registry *registry;
	dp_publisher *pub;
	FILE *ids; /* lines of id, type, and whether its bytes can be parsed */
};

/* Opens what is in dir, and a publisher of topic "ramp.NAME". */
dp_status service_open(struct service *service, const char *dir,
	const char *name, dp_error **err);

/* Waits until all events are durable, and closes everything. */
dp_status service_close(struct service *service, dp_error **err);

/*
 * Registers the descriptor set in a file. Events that are published with
 * `schema`, SCHEMA_SIZE bytes, as their dataschema are read by this version.
 */
dp_status service_register(struct service *service, const char *file,
	const char *type, char *schema, dp_error **err);

/* Publishes a message: its type and payload are filled in here. */
dp_status service_publish(struct service *service, dp_event *ev,
	const ProtobufCMessage *msg, dp_error **err);

/* Publishes any bytes as they are. */
dp_status service_publish_bytes(struct service *service, dp_event *ev,
	const char *fate, dp_error **err);

/* Says what went wrong; returns what main() should. */
int service_failed(const struct service *service, dp_error *err);

#endif /* EXAMPLES_SERVICE_H */
