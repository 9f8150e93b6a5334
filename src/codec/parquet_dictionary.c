/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/parquet_dictionary.h"

#define VALUES_MAX ((size_t)1 << 30)
#define SLOTS_FIRST 256u

typedef struct dictionary_entry {
	uint32_t hash, offset;
} dictionary_entry;

void dpi_parquet_dictionary_init(
	dpi_parquet_dictionary *dictionary, const dp_allocator *alloc)
{
	*dictionary = (dpi_parquet_dictionary){.count = 0};
	dpi_buf_init(&dictionary->values, alloc, VALUES_MAX);
	dpi_buf_init(&dictionary->entries, alloc, VALUES_MAX);
	dpi_buf_init(&dictionary->slots, alloc, VALUES_MAX);
}

void dpi_parquet_dictionary_fini(dpi_parquet_dictionary *dictionary)
{
	dpi_buf_fini(&dictionary->values);
	dpi_buf_fini(&dictionary->entries);
	dpi_buf_fini(&dictionary->slots);
	dictionary->count = 0;
}

static dictionary_entry *entries_of(dpi_parquet_dictionary *dictionary)
{
	return (void *)dictionary->entries.data;
}

static uint32_t *slots_of(dpi_parquet_dictionary *dictionary)
{
	return (void *)dictionary->slots.data;
}

static uint32_t slot_count(const dpi_parquet_dictionary *dictionary)
{
	return (uint32_t)(dictionary->slots.size / sizeof(uint32_t));
}

static uint64_t load_few(const uint8_t *data, size_t size)
{
	uint64_t value = 0;

	if (size >= 4) {
		return dpi_load_u32(data) |
			(uint64_t)dpi_load_u32(data + size - 4) << 32;
	}
	for (size_t i = 0; i < size; i++) {
		value |= (uint64_t)data[i] << (8 * i);
	}
	return value;
}

static uint64_t stir(uint64_t h)
{
	h *= UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

static uint32_t hash_of(const uint8_t *data, size_t size)
{
	uint64_t h = size;
	size_t i = 0;

	for (; i + 8 < size; i += 8) {
		h = stir(h ^ dpi_load_u64(data + i));
	}
	h = stir(h ^
		(size >= 8 ? dpi_load_u64(data + size - 8)
			   : load_few(data, size)));
	return (uint32_t)(h >> 16);
}

/* Puts entries [from, count) into slots that have room for them. */
static void put_slots(dpi_parquet_dictionary *dictionary)
{
	const dictionary_entry *entries = entries_of(dictionary);
	uint32_t *slots = slots_of(dictionary);
	uint32_t mask = slot_count(dictionary) - 1;

	memset(slots, 0, dictionary->slots.size);
	for (uint32_t e = 0; e < dictionary->count; e++) {
		uint32_t i = entries[e].hash & mask;

		while (slots[i] != 0) {
			i = (i + 1) & mask;
		}
		slots[i] = e + 1;
	}
}

/* At most half of the slots are in use. */
static bool reserve_slots(dpi_parquet_dictionary *dictionary)
{
	uint32_t count = slot_count(dictionary);
	uint32_t wanted = count > 0 ? 2 * count : SLOTS_FIRST;
	size_t bytes = wanted * sizeof(uint32_t);

	if (2 * dictionary->count < count) {
		return true;
	}
	if (dpi_buf_reserve(&dictionary->slots,
		    bytes - dictionary->slots.size) != DP_OK) {
		dictionary->slots.failed = DP_OK;
		return false;
	}
	dictionary->slots.size = bytes;
	put_slots(dictionary);
	return true;
}

static uint32_t add(dpi_parquet_dictionary *dictionary, uint32_t hash,
	const uint8_t *data, size_t size, bool is_prefixed)
{
	dpi_buf *values = &dictionary->values;
	dictionary_entry entry = {hash, (uint32_t)values->size};
	size_t offset = values->size;
	uint8_t prefix[4];

	dpi_store_u32(prefix, (uint32_t)size);
	if (is_prefixed) {
		(void)dpi_buf_append(values, prefix, sizeof(prefix));
	}
	if (dpi_buf_append(values, data, size) != DP_OK ||
		dpi_buf_append(&dictionary->entries, &entry, sizeof(entry)) !=
			DP_OK) {
		values->size = offset;
		values->failed = DP_OK;
		dictionary->entries.failed = DP_OK;
		return DPI_DICTIONARY_FULL;
	}
	return dictionary->count++;
}

static inline bool is_same(const uint8_t *a, const uint8_t *b, size_t size)
{
	if (size >= 8 && size <= 16) {
		return ((dpi_load_u64(a) ^ dpi_load_u64(b)) |
			       (dpi_load_u64(a + size - 8) ^
				       dpi_load_u64(b + size - 8))) == 0;
	}
	if (size >= 4 && size < 8) {
		return ((dpi_load_u32(a) ^ dpi_load_u32(b)) |
			       (dpi_load_u32(a + size - 4) ^
				       dpi_load_u32(b + size - 4))) == 0;
	}
	return size == 0 || memcmp(a, b, size) == 0;
}

static inline bool is_entry(const dpi_parquet_dictionary *dictionary,
	const dictionary_entry *entry, const uint8_t *data, size_t size,
	bool is_prefixed)
{
	const uint8_t *value = dictionary->values.data + entry->offset;

	if (is_prefixed) {
		if (dpi_load_u32(value) != size) {
			return false;
		}
		value += 4;
	}
	return is_same(value, data, size);
}

uint32_t dpi_parquet_dictionary_place(dpi_parquet_dictionary *dictionary,
	const uint8_t *data, size_t size, bool is_prefixed)
{
	uint32_t hash = hash_of(data, size);
	uint32_t mask, i, place;

	if (!reserve_slots(dictionary)) {
		return DPI_DICTIONARY_FULL;
	}
	mask = slot_count(dictionary) - 1;
	for (i = hash & mask; slots_of(dictionary)[i] != 0;
		i = (i + 1) & mask) {
		place = slots_of(dictionary)[i] - 1;
		if (entries_of(dictionary)[place].hash == hash &&
			is_entry(dictionary, &entries_of(dictionary)[place],
				data, size, is_prefixed)) {
			return place;
		}
	}
	place = add(dictionary, hash, data, size, is_prefixed);
	if (place != DPI_DICTIONARY_FULL) {
		slots_of(dictionary)[i] = place + 1;
	}
	return place;
}

void dpi_parquet_dictionary_cut(
	dpi_parquet_dictionary *dictionary, uint32_t count, size_t offset)
{
	if (dictionary->count == count) {
		return;
	}
	dictionary->count = count;
	dictionary->entries.size = count * sizeof(dictionary_entry);
	dictionary->values.size = offset;
	put_slots(dictionary);
}

dp_bytes dpi_parquet_dictionary_value(
	const dpi_parquet_dictionary *dictionary, uint32_t place)
{
	const dictionary_entry *entries =
		(const void *)dictionary->entries.data;
	size_t start = entries[place].offset;
	size_t end = place + 1 < dictionary->count ? entries[place + 1].offset
						   : dictionary->values.size;

	return dpi_bytes(dictionary->values.data + start, end - start);
}
