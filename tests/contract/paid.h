/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PAID_H
#define PAID_H

#include <datapipe/message.h>
#include <datapipe/registry.h>

/* The events of parsing sinks: shop.Paid, a text `who` and a number `amount`. */

/* Knows version 1 of shop.Paid; lives until the program ends. */
dp_registry *paid_registry(void);

/* who is "<partition>:<offset>", amount 1 or 0, which is not written. */
size_t paid_payload(char *buf, uint32_t partition, dp_offset offset);

#endif /* PAID_H */
