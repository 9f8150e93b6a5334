/* SPDX-License-Identifier: Apache-2.0 */
#include "damages.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/log/layout.h"

#define PARTITION DAMAGE_LOG "/topics/" DAMAGE_TOPIC "/0"

static void need(bool is_true)
{
	if (!is_true) {
		abort();
	}
}

uint64_t damage_random(struct damages *damages, uint64_t below)
{
	uint64_t x = damages->random += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (x ^ x >> 31) % below;
}

__attribute__((format(printf, 2, 3))) static void tell(
	struct damages *damages, const char *fmt, ...)
{
	size_t used = strlen(damages->text);
	va_list args;

	va_start(args, fmt);
	vsnprintf(
		damages->text + used, sizeof(damages->text) - used, fmt, args);
	va_end(args);
}

static void segment_path(char *path, uint64_t base)
{
	snprintf(path, DPI_LOG_PATH_MAX, PARTITION "/%016" PRIx64 ".seg", base);
}

static void touch(struct damages *damages, uint64_t from, uint64_t to)
{
	need(damages->touched_count < DAMAGE_RANGES_MAX);
	damages->touched[damages->touched_count++] =
		(struct damage_range){from, to};
}

static void touch_segment(struct damages *damages, size_t i)
{
	touch(damages, damages->bases[i], damages->bases[i + 1]);
}

bool damages_touch(const struct damages *damages, uint64_t from, uint64_t to)
{
	for (size_t i = 0; i < damages->touched_count; i++) {
		if (damages->touched[i].from < to &&
			from < damages->touched[i].to) {
			return true;
		}
	}
	return false;
}

static int compare_bases(const void *a, const void *b)
{
	const uint64_t *left = a;
	const uint64_t *right = b;

	return (*left > *right) - (*left < *right);
}

void damages_init(struct damages *damages, struct log_image *image,
	uint64_t end, uint64_t seed)
{
	*damages = (struct damages){.image = image, .random = seed};
	for (size_t i = 0; i < image->count; i++) {
		const char *path = image->files[i].path;
		uint64_t base;

		if (strncmp(path, PARTITION "/", strlen(PARTITION) + 1) == 0 &&
			dpi_log_is_segment(
				path + strlen(PARTITION) + 1, &base)) {
			need(damages->segment_count < DAMAGE_SEGMENTS_MAX);
			damages->bases[damages->segment_count++] = base;
		}
	}
	qsort(damages->bases, damages->segment_count, sizeof(uint64_t),
		compare_bases);
	damages->bases[damages->segment_count] = end;
}

/* Changes some bytes of a file; returns where, or an empty range. */
static struct damage_range change(
	struct damages *damages, struct image_file *file)
{
	size_t sizes[] = {1, 64, 512, DPI_LOG_PAGE};
	size_t kind = (size_t)damage_random(damages, 6);
	struct damage_range range = {0, 0};
	size_t size;

	if (file->size == 0) {
		return range;
	}
	if (kind == 5) {
		range.from = damage_random(damages, file->size);
		range.to = file->size;
		tell(damages, " %s cut at %zu,", file->path,
			(size_t)range.from);
		log_image_resize(file, (size_t)range.from);
		return range;
	}
	size = sizes[damage_random(damages, 4)];
	range.from = damage_random(damages, file->size) / size * size;
	range.to =
		range.from + size < file->size ? range.from + size : file->size;
	tell(damages, " %s changed at %zu+%zu in way %zu,", file->path,
		(size_t)range.from, (size_t)(range.to - range.from), kind);
	for (size_t i = (size_t)range.from; i < range.to; i++) {
		uint8_t bit = (uint8_t)(1u << damage_random(damages, 8));
		const uint8_t bytes[] = {0, 0xff,
			(uint8_t)damage_random(damages, 256),
			(uint8_t)(file->data[i] ^ bit), file->data[i]};

		file->data[i] = bytes[kind];
	}
	if (kind == 4) {
		size_t at = (size_t)range.from;

		file->data[at] ^= (uint8_t)(1u << damage_random(damages, 8));
		range.to = range.from + 1;
	}
	return range;
}

static size_t any_segment(struct damages *damages)
{
	return (size_t)damage_random(damages, damages->segment_count);
}

static struct image_file *segment_of(struct damages *damages, size_t i)
{
	char path[DPI_LOG_PATH_MAX];

	segment_path(path, damages->bases[i]);
	return log_image_find(damages->image, path);
}

static void touch_all_moved(struct damages *damages)
{
	for (size_t i = 0; i < damages->segment_count; i++) {
		if (damages->is_moved[i]) {
			touch_segment(damages, i);
		}
	}
}

static void change_segment(struct damages *damages)
{
	size_t i = any_segment(damages);
	struct image_file *file = segment_of(damages, i);
	uint64_t base = damages->bases[i];
	struct damage_range range;

	if (file == NULL) {
		return;
	}
	range = change(damages, file);
	damages->header |= range.from < DPI_LOG_PAGE;
	if (damages->is_moved[i]) {
		touch_all_moved(damages);
	} else if (range.to > DPI_LOG_PAGE) {
		range.from =
			range.from > DPI_LOG_PAGE ? range.from : DPI_LOG_PAGE;
		touch(damages, base + range.from - DPI_LOG_PAGE,
			base + range.to - DPI_LOG_PAGE);
	}
}

static void swap_segments(struct damages *damages)
{
	size_t i = any_segment(damages);
	size_t k = any_segment(damages);
	struct image_file *one = segment_of(damages, i);
	struct image_file *two = segment_of(damages, k);
	uint8_t *data;
	size_t size;

	if (one == NULL || two == NULL || i == k) {
		return;
	}
	tell(damages, " %s and %s swapped,", one->path, two->path);
	data = one->data;
	size = one->size;
	one->data = two->data;
	one->size = two->size;
	two->data = data;
	two->size = size;
	damages->is_moved[i] = true;
	damages->is_moved[k] = true;
	/* A header that was damaged before does not tell where it belongs. */
	if (damages->header) {
		touch_all_moved(damages);
	}
}

static void lose_segment(struct damages *damages)
{
	size_t i = any_segment(damages);
	struct image_file *file = segment_of(damages, i);

	if (file == NULL) {
		return;
	}
	tell(damages, " %s missing,", file->path);
	touch_segment(damages, i);
	if (damages->is_moved[i]) {
		touch_all_moved(damages);
	}
	log_image_remove(damages->image, file->path);
}

void damages_cut(struct damages *damages, uint64_t length)
{
	tell(damages, " cut at %" PRIu64 ",", length);
	for (size_t i = 0; i < damages->segment_count; i++) {
		struct image_file *file = segment_of(damages, i);
		uint64_t base = damages->bases[i];

		if (length <= base) {
			log_image_remove(damages->image, file->path);
		} else if (length < damages->bases[i + 1]) {
			log_image_resize(
				file, (size_t)(length - base + DPI_LOG_PAGE));
		}
	}
	touch(damages, length, damages->bases[damages->segment_count]);
}

static uint64_t any_base(struct damages *damages)
{
	uint64_t end = damages->bases[damages->segment_count];

	switch (damage_random(damages, 4)) {
	case 0:
		return damage_random(damages, end);
	case 1:
		return end + damage_random(damages, end);
	case 2:
		return damage_random(damages, (uint64_t)1 << 62);
	default:
		return UINT64_MAX - damage_random(damages, UINT32_MAX);
	}
}

static void put_under_base(
	struct damages *damages, const struct image_file *file, uint64_t base)
{
	char path[DPI_LOG_PATH_MAX];
	uint8_t *data = malloc(file->size + 1);
	size_t size = file->size;

	need(data != NULL);
	memcpy(data, file->data, size);
	segment_path(path, base);
	tell(damages, " %s put as %s,", file->path, path);
	log_image_set(damages->image, path, data, size);
	free(data);
}

static void duplicate_segment(struct damages *damages)
{
	const struct image_file *file =
		segment_of(damages, any_segment(damages));
	uint64_t base = any_base(damages);

	for (size_t i = 0; i < damages->segment_count; i++) {
		if (damages->bases[i] == base) {
			return;
		}
	}
	if (file != NULL) {
		put_under_base(damages, file, base);
	}
}

static void rename_segment(struct damages *damages)
{
	size_t i = any_segment(damages);
	const struct image_file *file = segment_of(damages, i);
	uint64_t base = any_base(damages);

	/* Names past the end of all logs are not looked at. */
	if (file == NULL || damages->header || damages->is_moved[i] ||
		base >= (uint64_t)1 << 62) {
		return;
	}
	for (size_t k = 0; k < damages->segment_count; k++) {
		if (damages->bases[k] == base) {
			return;
		}
	}
	put_under_base(damages, file, base);
	log_image_remove(damages->image, segment_of(damages, i)->path);
	damages->is_moved[i] = true;
}

static void bring_foreign_segment(struct damages *damages)
{
	static const char *const paths[] = {DAMAGE_OTHER
		"/topics/" DAMAGE_TOPIC "/0/0000000000000000.seg",
		DAMAGE_LOG "/topics/" DAMAGE_ELSE "/0/0000000000000000.seg"};
	const struct image_file *file = log_image_find(
		damages->image, paths[damage_random(damages, 2)]);
	size_t i = any_segment(damages);
	uint64_t base = any_base(damages);

	need(file != NULL);
	if (damage_random(damages, 2) == 0) {
		base = damages->bases[i];
	}
	for (size_t k = 0; k < damages->segment_count; k++) {
		if (damages->bases[k] == base) {
			touch_segment(damages, k);
			if (damages->is_moved[k]) {
				touch_all_moved(damages);
			}
		}
	}
	put_under_base(damages, file, base);
}

/* Empty, zeros, or anything: a file that nobody has begun to write right. */
static void bring_junk(struct damages *damages)
{
	struct image_file junk = {"junk", NULL, 0};
	uint64_t base = any_base(damages);

	for (size_t k = 0; k < damages->segment_count; k++) {
		if (damages->bases[k] == base) {
			return;
		}
	}
	log_image_resize(&junk, (size_t)damage_random(damages, 20000));
	if (damage_random(damages, 2) == 0) {
		for (size_t i = 0; i < junk.size; i++) {
			junk.data[i] = (uint8_t)damage_random(damages, 256);
		}
	}
	put_under_base(damages, &junk, base);
	free(junk.data);
}

/* Changes a file, or removes it. */
static void change_file(struct damages *damages, const char *path)
{
	struct image_file *file = log_image_find(damages->image, path);

	if (file == NULL) {
		return;
	}
	if (damage_random(damages, 8) == 0) {
		tell(damages, " %s missing,", path);
		log_image_remove(damages->image, path);
	} else {
		(void)change(damages, file);
	}
}

static void change_subscription(struct damages *damages)
{
	static const char *const directory =
		DAMAGE_LOG "/subscriptions/" DAMAGE_SUBSCRIPTION;
	char path[DPI_LOG_PATH_MAX];
	struct image_file *file;
	uint8_t data[1024];

	switch (damage_random(damages, 3)) {
	case 0:
		snprintf(path, sizeof(path), "%s/topics", directory);
		damages->registration = true;
		break;
	case 1:
		/* Somebody else's cursor. */
		file = log_image_find(damages->image, DAMAGE_FOREIGN_CURSOR);
		snprintf(path, sizeof(path), "%s/shop@0", directory);
		damages->cursor = true;
		need(file != NULL && file->size <= sizeof(data));
		memcpy(data, file->data, file->size);
		tell(damages, " a foreign cursor,");
		log_image_set(damages->image, path, data, file->size);
		return;
	default:
		snprintf(path, sizeof(path), "%s/shop@0", directory);
		damages->cursor = true;
	}
	change_file(damages, path);
	/* Without a registration it is a new one: what is left of a place goes,
	 * as after a deletion that did not end. */
	damages->cursor |= damages->registration &&
		log_image_find(damages->image, path) == NULL;
}

void damages_add(struct damages *damages)
{
	static void (*const of_segments[])(struct damages *) = {swap_segments,
		lose_segment, duplicate_segment, rename_segment,
		bring_foreign_segment, bring_junk};
	size_t kind = (size_t)damage_random(damages, 12);

	switch (kind) {
	case 0:
		change_subscription(damages);
		break;
	case 1:
		change_file(damages, PARTITION "/state");
		damages->state = true;
		break;
	case 2:
		change_file(damages, DAMAGE_LOG "/news");
		break;
	case 3:
		change_file(damages, DAMAGE_LOG "/identity");
		damages->identity = true;
		break;
	case 4:
		change_file(damages,
			damage_random(damages, 2) == 0 ? DAMAGE_LOG "/locks"
						       : DAMAGE_LOG "/readers");
		break;
	case 5:
	case 6:
		of_segments[damage_random(damages,
			sizeof(of_segments) / sizeof(*of_segments))](damages);
		break;
	default:
		change_segment(damages);
	}
}
