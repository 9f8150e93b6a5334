/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/positions.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

void dpi_positions_init(dp_positions *positions, const dp_allocator *alloc)
{
	*positions = (dp_positions){.alloc = alloc};
}

void dpi_positions_clear(dp_positions *positions)
{
	for (size_t i = 0; i < positions->count; i++) {
		const char *topic = positions->items[i].topic;

		positions->alloc->free(positions->alloc->user, (void *)topic,
			strlen(topic) + 1);
	}
	positions->count = 0;
}

void dpi_positions_fini(dp_positions *positions)
{
	dpi_positions_clear(positions);
	if (positions->capacity > 0) {
		dpi_free(positions->alloc, positions->items,
			positions->capacity, sizeof(*positions->items));
	}
	*positions = (dp_positions){.alloc = positions->alloc};
}

static int compare(
	const dp_position *item, const char *topic, uint32_t partition)
{
	int order = strcmp(item->topic, topic);

	if (order != 0) {
		return order;
	}
	return (item->partition > partition) - (item->partition < partition);
}

/* Index of the place, or of where it belongs. */
static size_t find(const dp_positions *positions, const char *topic,
	uint32_t partition, bool *ret_found)
{
	size_t low = 0;
	size_t high = positions->count;

	*ret_found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order =
			compare(&positions->items[middle], topic, partition);

		if (order == 0) {
			*ret_found = true;
			return middle;
		}
		if (order < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

static bool make_room(dp_positions *positions)
{
	const dp_allocator *alloc = positions->alloc;
	size_t capacity = positions->capacity * 2;
	dp_position *items;

	if (positions->count < positions->capacity) {
		return true;
	}
	capacity = capacity > 0 ? capacity : 8;
	items = dpi_zalloc(alloc, capacity, sizeof(*items));
	if (items == NULL) {
		return false;
	}
	if (positions->capacity > 0) {
		memcpy(items, positions->items,
			positions->count * sizeof(*items));
		dpi_free(alloc, positions->items, positions->capacity,
			sizeof(*items));
	}
	positions->items = items;
	positions->capacity = capacity;
	return true;
}

static dp_status insert(dp_positions *positions, size_t index,
	const char *topic, uint32_t partition, dp_offset next)
{
	size_t size = strlen(topic) + 1;
	dp_position *at;
	char *copy;

	if (!make_room(positions)) {
		return DP_ENOMEM;
	}
	copy = dpi_zalloc(positions->alloc, 1, size);
	if (copy == NULL) {
		return DP_ENOMEM;
	}
	memcpy(copy, topic, size);
	at = &positions->items[index];
	memmove(at + 1, at, (positions->count - index) * sizeof(*at));
	*at = (dp_position){
		.topic = copy, .partition = partition, .next = next};
	positions->count++;
	return DP_OK;
}

dp_status dp_positions_set(dp_positions *positions, const char *topic,
	uint32_t partition, dp_offset next)
{
	bool found;
	size_t index = find(positions, topic, partition, &found);

	if (!found) {
		return insert(positions, index, topic, partition, next);
	}
	if (positions->items[index].next < next) {
		positions->items[index].next = next;
	}
	return DP_OK;
}

size_t dp_positions_count(const dp_positions *positions)
{
	return positions->count;
}

dp_position dp_positions_get(const dp_positions *positions, size_t index)
{
	return positions->items[index];
}

dp_offset dpi_positions_next(
	const dp_positions *positions, const char *topic, uint32_t partition)
{
	bool found;
	size_t index = find(positions, topic, partition, &found);

	return found ? positions->items[index].next : 0;
}

dp_status dpi_positions_merge(dp_positions *positions, const dp_positions *from)
{
	for (size_t i = 0; i < from->count; i++) {
		const dp_position *item = &from->items[i];
		dp_status st = dp_positions_set(
			positions, item->topic, item->partition, item->next);

		if (st != DP_OK) {
			return st;
		}
	}
	return DP_OK;
}

bool dpi_positions_cover(
	const dp_positions *positions, const dp_positions *other)
{
	for (size_t i = 0; i < other->count; i++) {
		const dp_position *item = &other->items[i];

		if (dpi_positions_next(positions, item->topic,
			    item->partition) < item->next) {
			return false;
		}
	}
	return true;
}
