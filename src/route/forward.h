/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_ROUTE_FORWARD_H
#define DPI_ROUTE_FORWARD_H

#include <stddef.h>
#include <stdint.h>

#include <datapipe/message.h>

#include "hub/record.h"

/*
 * A record for another topic, made of a message: the same id, attributes and
 * payload, byte for byte, with another source place and further attributes.
 * Nothing is decoded and nothing allocated.
 */

/* An attribute to add; it replaces the message's own of the same name. */
typedef struct dpi_extra {
	const char *name;
	const char *value;
} dpi_extra;

typedef struct dpi_forward {
	const dp_message *msg;
	dpi_source_place place;
	const dpi_extra *extras;
	size_t extra_count;
	size_t attributes_size;
	size_t size; /* of the record; may be over DPI_RECORD_MAX */
} dpi_forward;

/* Works out the size. Borrows everything until the record is written. */
void dpi_forward_init(dpi_forward *forward, const dp_message *msg,
	dpi_source_place place, const dpi_extra *extras, size_t extra_count);

/* Writes forward->size bytes, as dpi_record_encode() does. */
void dpi_forward_encode(uint8_t *out, const dpi_forward *forward);

#endif /* DPI_ROUTE_FORWARD_H */
