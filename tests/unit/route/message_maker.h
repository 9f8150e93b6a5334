/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MESSAGE_MAKER_H
#define MESSAGE_MAKER_H

#include <stdint.h>

#include "hub/record.h"

/* A message as a hub would hand it over, made of an event. */
struct made_message {
	dp_message msg;
	dpi_partition_name from;
	uint8_t record[4096];
};

/* ev has a source. place.key 0: none. */
void make_message(struct made_message *made, const char *topic,
	uint32_t partition, dp_offset offset, const dp_event *ev,
	dpi_source_place place);

#endif /* MESSAGE_MAKER_H */
