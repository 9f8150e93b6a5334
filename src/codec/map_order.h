/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_MAP_ORDER_H
#define DPI_CODEC_MAP_ORDER_H

#include "codec/coder.h"

/*
 * The entries of a map by ascending key, each key once: of entries with the
 * same key the last on the wire wins. The same map so has the same bytes,
 * whatever order its writer's hash table had.
 *
 * Orders are a stack: the last one made is the first to be given back.
 */
typedef struct dpi_map_order {
	size_t first; /* index into coder->order */
	size_t count;
} dpi_map_order;

DP_NODISCARD bool dpi_map_order_make(dpi_coder *coder,
	const dpi_plan_field *field, const dpi_slot *slot, dpi_map_order *ret);

void dpi_map_order_drop(dpi_coder *coder, dpi_map_order order);

/* The entry at i, as a message of one piece. */
dpi_slot dpi_map_order_entry(
	const dpi_coder *coder, dpi_map_order order, size_t i);

/*
 * Reads an entry that is written as nearly all are: its key and its value
 * once each, in this order, and nothing else; the value is not a message.
 * False for others, which may be as good.
 */
bool dpi_map_entry_split(const dpi_coder *coder, const dpi_plan_node *node,
	dpi_slot entry, dpi_slot *ret_key, dpi_slot *ret_value);

#endif /* DPI_CODEC_MAP_ORDER_H */
