/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PAYMENT_BY_AVRO_H
#define PAYMENT_BY_AVRO_H

#include <avro.h>

#include <datapipe/bytes.h>

#include "payment_events.h"

/* The payment by protobuf-c and Avro's own library for C. */

/* Ends the program, with the library's own words, unless rc is 0. */
void payment_avro_check(int rc);

/* Makes a record by a schema, in JSON. */
void payment_avro_open(
	avro_value_t *record, avro_schema_t *schema, dp_bytes text);

/* Unpacks a payment and sets the record to it. */
void payment_avro_set(avro_value_t *record, const payment_event *event);

#endif /* PAYMENT_BY_AVRO_H */
