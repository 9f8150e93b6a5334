/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PAYMENT_EVENTS_H
#define PAYMENT_EVENTS_H

#include <stddef.h>
#include <stdint.h>

/* A payment of about 320 bytes on the wire; the program's until it ends. */
typedef struct payment_event {
	uint8_t *data;
	size_t size;
} payment_event;

/* Makes count payments, the same in each run. */
void payment_make(payment_event *events, size_t count);

#endif /* PAYMENT_EVENTS_H */
