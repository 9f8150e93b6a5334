/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PAYMENT_BY_HAND_H
#define PAYMENT_BY_HAND_H

#include <stddef.h>
#include <stdint.h>

/*
 * The transcoder that one would write for this message alone: the same bytes
 * as a plan makes, UTF-8 checked, no table in sight. Room is as much as is
 * needed; returns the end, or NULL for bytes that are no payment.
 */
uint8_t *payment_by_hand(const uint8_t *wire, size_t size, uint8_t *out);

#endif /* PAYMENT_BY_HAND_H */
