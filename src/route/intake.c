/* SPDX-License-Identifier: Apache-2.0 */
#include "route/intake.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

#define PLACES_FIRST 16u

void dpi_intakes_init(dpi_intakes *intakes, const dp_allocator *alloc,
	const char *job, const dp_hub *hub, size_t target_count)
{
	*intakes = (dpi_intakes){
		.alloc = alloc,
		.job = job,
		.hub = hub->identity,
		.target_count = target_count,
	};
}

static void free_intake(dpi_intakes *intakes, dpi_intake *intake)
{
	if (intake->target_next != NULL) {
		dpi_free(intakes->alloc, intake->target_next,
			intake->target_count, sizeof(*intake->target_next));
	}
	if (intake->dead.offsets != NULL) {
		dpi_free(intakes->alloc, intake->dead.offsets,
			intake->dead.capacity, sizeof(*intake->dead.offsets));
	}
	dpi_free(intakes->alloc, intake, 1, sizeof(*intake));
}

void dpi_intakes_fini(dpi_intakes *intakes)
{
	while (intakes->first != NULL) {
		dpi_intake *intake = intakes->first;

		intakes->first = intake->next_intake;
		free_intake(intakes, intake);
	}
}

static dpi_intake *find_intake(
	dpi_intakes *intakes, const dpi_partition_name *name)
{
	for (dpi_intake *s = intakes->first; s != NULL; s = s->next_intake) {
		if (s->name.partition == name->partition &&
			strcmp(s->name.topic, name->topic) == 0) {
			return s;
		}
	}
	return NULL;
}

static dpi_intake *make_intake(
	dpi_intakes *intakes, const dpi_partition_name *name)
{
	dpi_intake *made = dpi_zalloc(intakes->alloc, 1, sizeof(*made));
	size_t size = strlen(name->topic) + 1;

	if (made == NULL) {
		return NULL;
	}
	if (intakes->target_count > 0) {
		made->target_next = dpi_zalloc(intakes->alloc,
			intakes->target_count, sizeof(*made->target_next));
		if (made->target_next == NULL) {
			dpi_free(intakes->alloc, made, 1, sizeof(*made));
			return NULL;
		}
		made->target_count = intakes->target_count;
	}
	assert(size <= sizeof(made->topic));
	memcpy(made->topic, name->topic, size);
	made->name = (dpi_partition_name){made->topic, name->partition};
	made->key = dpi_intake_subkey(
		dpi_source_key(intakes->job, name->topic, name->partition),
		intakes->hub);
	made->next_intake = intakes->first;
	intakes->first = made;
	return made;
}

dpi_intake *dpi_intakes_get(
	dpi_intakes *intakes, const dpi_partition_name *name)
{
	dpi_intake *intake = find_intake(intakes, name);

	return intake != NULL ? intake : make_intake(intakes, name);
}

void dpi_intakes_forget(dpi_intakes *intakes)
{
	for (dpi_intake *s = intakes->first; s != NULL; s = s->next_intake) {
		s->is_known = false;
		s->is_in_hand = false;
		s->next = 0;
	}
}

bool dpi_dead_places_has(const dpi_dead_places *places, dp_offset offset)
{
	if (offset >= places->end) {
		return false;
	}
	for (size_t i = 0; i < places->count; i++) {
		if (places->offsets[i] == offset) {
			return true;
		}
	}
	return false;
}

static bool grow(dpi_dead_places *places, const dp_allocator *alloc)
{
	size_t capacity =
		places->capacity > 0 ? 2 * places->capacity : PLACES_FIRST;
	dp_offset *offsets = dpi_zalloc(alloc, capacity, sizeof(*offsets));

	if (offsets == NULL) {
		return false;
	}
	if (places->capacity > 0) {
		memcpy(offsets, places->offsets,
			places->count * sizeof(*offsets));
		dpi_free(alloc, places->offsets, places->capacity,
			sizeof(*offsets));
	}
	places->offsets = offsets;
	places->capacity = capacity;
	return true;
}

bool dpi_dead_places_add(dpi_dead_places *places, const dp_allocator *alloc,
	size_t slot, dp_offset offset)
{
	if (places->count == places->capacity && !grow(places, alloc)) {
		return false;
	}
	places->offsets[places->count++] = offset;
	places->used = slot + 1;
	if (offset >= places->end) {
		places->end = offset + 1;
	}
	return true;
}

void dpi_dead_places_clear(dpi_dead_places *places)
{
	places->used = 0;
	places->count = 0;
	places->end = 0;
}

void dpi_dead_places_pass(dpi_dead_places *places, dp_offset next)
{
	if (places->end <= next) {
		dpi_dead_places_clear(places);
	}
}

uint64_t dpi_intake_subkey(uint64_t key, uint64_t number)
{
	uint64_t sub = dpi_hash64(key, &number, sizeof(number));

	return sub != 0 ? sub : 1;
}
