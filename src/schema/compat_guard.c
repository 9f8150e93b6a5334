/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/compat_guard.h"

#include "base/error.h"
#include "schema/compat_rules.h"
#include "schema/descriptor.h"

#define REASONS_SHOWN 3u
#define TEXT_MAX_BYTES (64u << 10)

const char *dpi_compat_mode_name(dp_compat_mode mode)
{
	static const char *const names[] = {"NONE", "BACKWARD", "FORWARD",
		"FULL", "NONE", "BACKWARD_TRANSITIVE", "FORWARD_TRANSITIVE",
		"FULL_TRANSITIVE", "NONE", "BACKWARD+JSON", "FORWARD+JSON",
		"FULL+JSON", "NONE", "BACKWARD_TRANSITIVE+JSON",
		"FORWARD_TRANSITIVE+JSON", "FULL_TRANSITIVE+JSON"};

	return names[mode % (sizeof(names) / sizeof(*names))];
}

static void put_reason(dpi_buf *text, const dp_compat_finding *f)
{
	(void)dpi_buf_printf(
		text, "%s%s %s", text->size > 0 ? "; " : "", f->rule, f->path);
	if (*f->before != '\0' || *f->after != '\0') {
		(void)dpi_buf_printf(text, " (%s, then %s)",
			*f->before != '\0' ? f->before : "nothing",
			*f->after != '\0' ? f->after : "nothing");
	}
}

static dp_status judge(const dp_compat *compat, const dp_schema *before,
	dp_compat_mode mode, dp_error **err)
{
	size_t refused = 0;
	dpi_buf text;
	const char *reasons;
	dp_status st = DP_OK;

	dpi_buf_init(&text, dpi_schema_alloc(before), TEXT_MAX_BYTES);
	for (size_t i = 0; i < dp_compat_count(compat); i++) {
		const dp_compat_finding *f = dp_compat_get(compat, i);

		if (dp_compat_is_refused(f->breaks, mode) &&
			refused++ < REASONS_SHOWN) {
			put_reason(&text, f);
		}
	}
	if (refused > REASONS_SHOWN) {
		(void)dpi_buf_printf(&text, "; and %zu more",
			refused - (size_t)REASONS_SHOWN);
	}
	reasons = dpi_buf_text(&text);
	if (refused > 0 && reasons == NULL) {
		st = dpi_error_set(
			err, text.failed, "no memory for the reasons");
	} else if (refused > 0) {
		st = dpi_error_set(err, DP_ESCHEMA,
			"%s may not follow its version %u (%s): %s",
			dp_schema_type(before),
			(unsigned)dp_schema_version(before),
			dpi_compat_mode_name(mode), reasons);
	}
	dpi_buf_fini(&text);
	return st;
}

dp_status dpi_compat_guard(const dp_schema *before, dp_bytes after,
	dp_compat_mode mode, dp_error **err)
{
	const dp_allocator *alloc = dpi_schema_alloc(before);
	dp_compat *compat = NULL;
	dpi_compat_side sides[2];
	dp_status st = dpi_compat_side_init(
		&sides[0], alloc, dp_schema_descriptor_set(before), err);

	if (st != DP_OK) {
		return st;
	}
	st = dpi_compat_side_init(&sides[1], alloc, after, err);
	if (st == DP_OK) {
		st = dpi_compat_compare(&compat, alloc, &sides[0], &sides[1],
			dp_schema_type(before), err);
		dpi_compat_side_fini(&sides[1]);
	}
	dpi_compat_side_fini(&sides[0]);
	if (st == DP_OK) {
		st = judge(compat, before, mode, err);
		dp_compat_free(compat);
	}
	return st;
}
