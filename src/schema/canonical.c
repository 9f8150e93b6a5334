/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/canonical.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "schema/canonical_unit.h"
#include "schema/field_writer.h"
#include "schema/sort.h"

/* Changes whenever the same definitions would get another fingerprint. */
#define FINGERPRINT_FORM "datapipe schema 1"

static int compare_names(const void *a, const void *b)
{
	return strcmp((*(dpi_raw_unit *const *)a)->full_name,
		(*(dpi_raw_unit *const *)b)->full_name);
}

static int compare_ranks(const void *a, const void *b)
{
	size_t rank_a = (*(dpi_raw_unit *const *)a)->rank;
	size_t rank_b = (*(dpi_raw_unit *const *)b)->rank;

	return (rank_a > rank_b) - (rank_a < rank_b);
}

/* Names are compared once; closures, which may be thousands, sort numbers. */
static void rank_units(dpi_canonical *canonical)
{
	const dpi_raw_set *set = canonical->set;
	size_t n = 0;

	for (size_t i = 0; i < set->file_count; i++) {
		for (size_t k = 0; k < set->files[i].unit_count; k++) {
			canonical->needed[n++] = &set->files[i].units[k];
		}
	}
	dpi_sort(canonical->needed, n, sizeof(*canonical->needed),
		compare_names);
	for (size_t i = 0; i < n; i++) {
		canonical->needed[i]->rank = i;
	}
}

static dp_status failed(const dpi_buf *buf, dp_error **err)
{
	if (buf->failed == DP_ETOOBIG) {
		return dpi_error_set(err, DP_ETOOBIG,
			"what the type needs is more than %u bytes",
			DPI_SET_MAX_BYTES);
	}
	return dpi_error_set(err, buf->failed, "no memory for a schema");
}

dp_status dpi_canonical_init(dpi_canonical *canonical, dpi_raw_set *set,
	const dp_allocator *alloc, dp_error **err)
{
	size_t units = 0;

	for (size_t i = 0; i < set->file_count; i++) {
		units += set->files[i].unit_count;
	}
	*canonical = (dpi_canonical){.set = set};
	dpi_buf_init(&canonical->material, alloc, DPI_SET_MAX_BYTES);
	dpi_buf_init(&canonical->scratch, alloc, 2 * DPI_SET_MAX_BYTES);
	canonical->needed = dpi_arena_zalloc(
		&set->arena, units + 1, sizeof(*canonical->needed));
	if (canonical->needed == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory for a schema");
	}
	rank_units(canonical);
	return DP_OK;
}

void dpi_canonical_fini(dpi_canonical *canonical)
{
	dpi_buf_fini(&canonical->material);
	dpi_buf_fini(&canonical->scratch);
}

static void need(void *user, dpi_raw_unit *unit)
{
	dpi_canonical *canonical = user;

	if (unit->needed_by != canonical->closure) {
		unit->needed_by = canonical->closure;
		unit->file->needed_by = canonical->closure;
		canonical->needed[canonical->needed_count++] = unit;
	}
}

static void find_closure(dpi_canonical *canonical, const dpi_raw_message *root)
{
	canonical->closure++;
	canonical->needed_count = 0;
	need(canonical, root->unit);
	for (size_t i = 0; i < canonical->needed_count; i++) {
		dpi_unit_each_needed(canonical->needed[i], need, canonical);
	}
	dpi_sort(canonical->needed, canonical->needed_count,
		sizeof(*canonical->needed), compare_ranks);
}

dp_status dpi_canonical_pick(dpi_canonical *canonical,
	const dpi_raw_message *root, char *fingerprint, dp_error **err)
{
	dpi_buf *material = &canonical->material;

	find_closure(canonical, root);
	dpi_buf_clear(material);
	dpi_write_text(material, 1, FINGERPRINT_FORM);
	dpi_write_text(material, 2, root->full_name);
	for (size_t i = 0; i < canonical->needed_count; i++) {
		const dpi_raw_unit *unit = canonical->needed[i];

		dpi_write_text(material, 3, unit->full_name);
		dpi_write_varint(material, 4, (uint64_t)unit->file->edition);
		dpi_write_bytes(material, 5, unit->file->features_source);
		dpi_unit_write(material, &canonical->scratch, unit);
	}
	if (material->failed != DP_OK) {
		return failed(material, err);
	}
	dpi_fingerprint(fingerprint, material->data, material->size);
	return DP_OK;
}

static void refer(void *user, dpi_raw_unit *unit)
{
	const dpi_canonical *canonical = user;

	unit->file->referred_by = canonical->file;
}

static void write_imports(
	dpi_canonical *canonical, const dpi_raw_file *file, dpi_buf *out)
{
	const dpi_raw_set *set = canonical->set;

	canonical->file++;
	for (size_t i = 0; i < file->unit_count; i++) {
		if (file->units[i].needed_by == canonical->closure) {
			dpi_unit_each_named(&file->units[i], refer, canonical);
		}
	}
	for (size_t i = 0; i < set->file_count; i++) {
		if (set->ordered[i] != file &&
			set->ordered[i]->referred_by == canonical->file) {
			dpi_write_text(out, 3, set->ordered[i]->name);
		}
	}
}

static void write_file(
	dpi_canonical *canonical, const dpi_raw_file *file, dpi_buf *out)
{
	size_t begin = dpi_write_begin(out, 1);

	dpi_write_text(out, 1, file->name);
	if (*file->package != '\0') {
		dpi_write_text(out, 2, file->package);
	}
	write_imports(canonical, file, out);
	for (size_t i = 0; i < canonical->needed_count; i++) {
		if (canonical->needed[i]->file == file) {
			dpi_unit_write(
				out, &canonical->scratch, canonical->needed[i]);
		}
	}
	if (file->features_source.size > 0) {
		size_t options = dpi_write_begin(out, 8);

		dpi_write_bytes(out, 50, file->features_source);
		dpi_write_end(out, options);
	}
	if (file->edition >= DPI_EDITION_2023) {
		dpi_write_text(out, 12, "editions");
		dpi_write_varint(out, 14, (uint64_t)file->edition);
	} else if (file->edition == DPI_EDITION_PROTO3) {
		dpi_write_text(out, 12, "proto3");
	}
	dpi_write_end(out, begin);
}

dp_status dpi_canonical_write(
	dpi_canonical *canonical, dpi_buf *out, dp_error **err)
{
	const dpi_raw_set *set = canonical->set;

	for (size_t i = 0; i < set->file_count; i++) {
		if (set->ordered[i]->needed_by == canonical->closure) {
			write_file(canonical, set->ordered[i], out);
		}
	}
	return out->failed == DP_OK ? DP_OK : failed(out, err);
}
