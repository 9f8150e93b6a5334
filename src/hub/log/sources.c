/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/log/sources.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "hub/log/scan.h"

/* Of an entry in a snapshot: key, next. */
#define ENTRY_SIZE 16u
/* A head, and the size of no attributes. */
#define ENTRIES_AT (DPI_RECORD_HEAD + 1)

void dpi_sources_init(dpi_sources *sources, const dp_allocator *alloc)
{
	*sources = (dpi_sources){.alloc = alloc};
}

void dpi_sources_fini(dpi_sources *sources)
{
	if (sources->entries != NULL) {
		dpi_free(sources->alloc, sources->entries, sources->capacity,
			sizeof(*sources->entries));
		sources->entries = NULL;
	}
}

/* Where key stands, or would stand. */
static size_t place_of(const dpi_sources *sources, uint64_t key)
{
	size_t low = 0;
	size_t high = sources->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (sources->entries[middle].key < key) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

static bool is_at(const dpi_sources *sources, size_t at, uint64_t key)
{
	return at < sources->count && sources->entries[at].key == key;
}

static bool make_room(dpi_sources *sources)
{
	size_t capacity = sources->capacity > 0 ? 2 * sources->capacity : 8;
	dpi_source_entry *entries;

	if (sources->count < sources->capacity) {
		return true;
	}
	entries = dpi_zalloc(sources->alloc, capacity, sizeof(*entries));
	if (entries == NULL) {
		return false;
	}
	if (sources->count > 0) {
		memcpy(entries, sources->entries,
			sources->count * sizeof(*entries));
	}
	dpi_sources_fini(sources);
	sources->entries = entries;
	sources->capacity = capacity;
	return true;
}

static void insert(dpi_sources *sources, size_t at, uint64_t key)
{
	dpi_source_entry *entry = &sources->entries[at];

	memmove(entry + 1, entry, (sources->count - at) * sizeof(*entry));
	*entry = (dpi_source_entry){.key = key};
	sources->count++;
}

dp_status dpi_sources_note(dpi_sources *sources, const dpi_source_place *place)
{
	size_t at = sources->last;
	dpi_source_entry *entry;

	if (!is_at(sources, at, place->key)) {
		at = place_of(sources, place->key);
	}
	if (!is_at(sources, at, place->key)) {
		if (!make_room(sources)) {
			return DP_ENOMEM;
		}
		insert(sources, at, place->key);
	}
	entry = &sources->entries[at];
	if (place->next > entry->noted) {
		entry->noted = place->next;
	}
	sources->last = at;
	sources->has_noted = true;
	return DP_OK;
}

void dpi_sources_keep(dpi_sources *sources)
{
	for (size_t i = 0; sources->has_noted && i < sources->count; i++) {
		sources->entries[i].next = sources->entries[i].noted;
	}
	sources->has_noted = false;
}

void dpi_sources_forget(dpi_sources *sources)
{
	for (size_t i = 0; sources->has_noted && i < sources->count; i++) {
		sources->entries[i].noted = sources->entries[i].next;
	}
	sources->has_noted = false;
}

uint64_t dpi_sources_next(const dpi_sources *sources, uint64_t key)
{
	size_t at = place_of(sources, key);

	return is_at(sources, at, key) ? sources->entries[at].next : 0;
}

size_t dpi_sources_size(const dpi_sources *sources)
{
	return ENTRIES_AT + sources->count * ENTRY_SIZE;
}

void dpi_sources_encode(const dpi_sources *sources, uint8_t *record)
{
	size_t size = dpi_sources_size(sources);
	uint8_t *p = record + ENTRIES_AT;

	memset(record, 0, ENTRIES_AT);
	dpi_store_u32(record + 4, (uint32_t)size);
	for (size_t i = 0; i < sources->count; i++) {
		dpi_store_u64(p, sources->entries[i].key);
		dpi_store_u64(p + 8, sources->entries[i].next);
		p += ENTRY_SIZE;
	}
	dpi_store_u32(record, dpi_crc32c(0, record + 16, size - 16));
}

static dp_status learn_all(dpi_sources *sources, const uint8_t *p, size_t size)
{
	dp_status st = DP_OK;

	for (; st == DP_OK && size >= ENTRY_SIZE; size -= ENTRY_SIZE) {
		dpi_source_place place = {dpi_load_u64(p), dpi_load_u64(p + 8)};

		st = dpi_sources_note(sources, &place);
		p += ENTRY_SIZE;
	}
	return st;
}

static dp_status learn_one(
	dpi_sources *sources, const uint8_t *record, size_t size)
{
	dpi_source_place place;

	return dpi_record_place(&place, record, size)
		? dpi_sources_note(sources, &place)
		: DP_OK;
}

dp_status dpi_sources_learn(
	dpi_sources *sources, const uint8_t *record, size_t size)
{
	dp_status st = DP_OK;

	switch (dpi_walk_kind(record)) {
	case DPI_RECORD_SOURCES:
		st = learn_all(sources, record + ENTRIES_AT, size - ENTRIES_AT);
		break;
	case DPI_RECORD_EVENT:
		st = learn_one(sources, record, size);
		break;
	default:
		break;
	}
	if (st == DP_OK) {
		dpi_sources_keep(sources);
	}
	return st;
}
