/* SPDX-License-Identifier: Apache-2.0 */
#include <datapipe/compat.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/error.h"
#include "schema/compat_rules.h"
#include "schema/schema.h"
#include "schema/types.h"

/*
 * Who compares hostile sets waits for a second at most, and pays with as much
 * memory as the sets themselves may have.
 */
#define WORK_MAX 50000000u
#define PAIRS_MAX_BYTES (4u << 20)
#define TEXT_MAX_BYTES (4u << 20)
#define FINDINGS_MAX_BYTES (64u << 20)

struct dp_compat {
	const dp_allocator *alloc;
	dpi_arena arena;
	dpi_buf findings; /* of dp_compat_finding */
};

dp_status dpi_compat_side_init(dpi_compat_side *ret, const dp_allocator *alloc,
	dp_bytes set, dp_error **err)
{
	dp_status st =
		dpi_raw_set_init(&ret->raw, alloc, set.data, set.size, err);

	if (st != DP_OK) {
		return st;
	}
	st = dpi_raw_set_link(&ret->raw, err);
	if (st == DP_OK) {
		st = dpi_types_build(&ret->types, alloc, &ret->raw, err);
	}
	if (st != DP_OK) {
		dpi_raw_set_fini(&ret->raw);
	}
	return st;
}

void dpi_compat_side_fini(dpi_compat_side *side)
{
	dpi_types_fini(&side->types);
	dpi_raw_set_fini(&side->raw);
}

static void fail(dpi_comparison *c, dp_status st)
{
	if (c->failed == DP_OK) {
		c->failed = st;
	}
}

bool dpi_compat_work(dpi_comparison *c, size_t amount)
{
	c->work += amount;
	if (c->work > WORK_MAX) {
		fail(c, DP_ETOOBIG);
	}
	return c->failed == DP_OK;
}

static const char *keep(dpi_comparison *c, const char *text)
{
	const char *kept = dpi_arena_dup(&c->compat->arena, text, strlen(text));

	if (kept == NULL) {
		fail(c, DP_ENOMEM);
	}
	return kept;
}

void dpi_compat_found(dpi_comparison *c, const char *rule, const char *owner,
	const char *member, int32_t number, uint32_t breaks, const char *before,
	const char *after)
{
	dp_compat_finding finding = {.struct_size = sizeof(finding),
		.rule = rule,
		.breaks = breaks,
		.number = number};
	const char *path;

	dpi_buf_clear(&c->text);
	(void)dpi_buf_append_string(&c->text, owner);
	if (*member != '\0') {
		(void)dpi_buf_printf(&c->text, ".%s", member);
	}
	path = dpi_buf_text(&c->text);
	if (path == NULL) {
		fail(c, c->text.failed);
		return;
	}
	finding.path = keep(c, path);
	finding.before = keep(c, before);
	finding.after = keep(c, after);
	if (dpi_buf_append(&c->compat->findings, &finding, sizeof(finding)) !=
		DP_OK) {
		fail(c, c->compat->findings.failed);
	}
}

/* Few types make few pairs; many are bounded by their work. */
void dpi_compat_pair_add(
	dpi_comparison *c, const void *before, const void *after, bool is_enum)
{
	const dpi_compat_pair *pairs =
		(const dpi_compat_pair *)(const void *)c->pairs.data;
	size_t count = c->pairs.size / sizeof(*pairs);
	dpi_compat_pair pair = {before, after, is_enum};

	if (!dpi_compat_work(c, count / 8 + 1)) {
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (pairs[i].before == before && pairs[i].after == after) {
			return;
		}
	}
	if (dpi_buf_append(&c->pairs, &pair, sizeof(pair)) != DP_OK) {
		fail(c, c->pairs.failed);
	}
}

static void compare_pairs(dpi_comparison *c)
{
	for (size_t at = 0; c->failed == DP_OK && at < c->pairs.size;
		at += sizeof(dpi_compat_pair)) {
		dpi_compat_pair pair;

		memcpy(&pair, c->pairs.data + at, sizeof(pair));
		if (pair.is_enum) {
			dpi_compat_enums(c, pair.before, pair.after);
		} else {
			dpi_compat_messages(c, pair.before, pair.after);
		}
	}
}

static dp_status compare(dp_compat *compat, const dpi_compat_side *before,
	const dpi_compat_side *after, const char *type, dp_error **err)
{
	const dpi_message_type *old = dpi_types_find(&before->types, type);
	const dpi_message_type *fresh = dpi_types_find(&after->types, type);
	dpi_comparison c = {.compat = compat, .before = before, .after = after};

	if (old == NULL || fresh == NULL) {
		return dpi_error_set(err, DP_ENOTFOUND,
			"message %s is not in both sets", type);
	}
	dpi_buf_init(&c.pairs, compat->alloc, PAIRS_MAX_BYTES);
	dpi_buf_init(&c.text, compat->alloc, TEXT_MAX_BYTES);
	dpi_compat_pair_add(&c, old, fresh, false);
	compare_pairs(&c);
	dpi_buf_fini(&c.pairs);
	dpi_buf_fini(&c.text);
	if (c.failed == DP_ETOOBIG) {
		return dpi_error_set(err, DP_ETOOBIG,
			"%s: its versions differ in too much to be compared",
			type);
	}
	return c.failed == DP_OK
		? DP_OK
		: dpi_error_set(err, c.failed, "no memory for a comparison");
}

dp_status dpi_compat_compare(dp_compat **ret_compat, const dp_allocator *alloc,
	const dpi_compat_side *before, const dpi_compat_side *after,
	const char *type, dp_error **err)
{
	dp_compat *compat = dpi_zalloc(alloc, 1, sizeof(*compat));
	dp_status st;

	if (compat == NULL) {
		return dpi_error_set(
			err, DP_ENOMEM, "no memory for a comparison");
	}
	compat->alloc = alloc;
	dpi_arena_init(&compat->arena, alloc, FINDINGS_MAX_BYTES);
	dpi_buf_init(&compat->findings, alloc, FINDINGS_MAX_BYTES);
	st = compare(compat, before, after, type, err);
	if (st != DP_OK) {
		dp_compat_free(compat);
		return st;
	}
	*ret_compat = compat;
	return DP_OK;
}

static dp_status compare_schemas(dp_compat **ret_compat,
	const dp_schema *before, const dp_schema *after, dp_error **err)
{
	const dp_allocator *alloc = dpi_schema_alloc(before);
	dpi_compat_side sides[2];
	dp_status st = dpi_compat_side_init(
		&sides[0], alloc, dp_schema_descriptor_set(before), err);

	if (st != DP_OK) {
		return st;
	}
	st = dpi_compat_side_init(
		&sides[1], alloc, dp_schema_descriptor_set(after), err);
	if (st == DP_OK) {
		st = dpi_compat_compare(ret_compat, alloc, &sides[0], &sides[1],
			dp_schema_type(before), err);
		dpi_compat_side_fini(&sides[1]);
	}
	dpi_compat_side_fini(&sides[0]);
	return st;
}

dp_status dp_compat_new(dp_compat **ret_compat, const dp_schema *before,
	const dp_schema *after, dp_error **err)
{
	if (ret_compat == NULL || before == NULL || after == NULL) {
		return dpi_error_set(err, DP_EINVAL,
			"a comparison needs two schemas and a place for what "
			"they differ in");
	}
	if (strcmp(dp_schema_type(before), dp_schema_type(after)) != 0) {
		return dpi_error_set(err, DP_EINVAL,
			"%s and %s are not versions of one type",
			dp_schema_type(before), dp_schema_type(after));
	}
	return compare_schemas(ret_compat, before, after, err);
}

void dp_compat_free(dp_compat *compat)
{
	if (compat != NULL) {
		dpi_buf_fini(&compat->findings);
		dpi_arena_fini(&compat->arena);
		dpi_free(compat->alloc, compat, 1, sizeof(*compat));
	}
}

size_t dp_compat_count(const dp_compat *compat)
{
	return compat->findings.size / sizeof(dp_compat_finding);
}

const dp_compat_finding *dp_compat_get(const dp_compat *compat, size_t index)
{
	if (index >= dp_compat_count(compat)) {
		return NULL;
	}
	return (const dp_compat_finding *)(const void *)compat->findings.data +
		index;
}

bool dp_compat_is_refused(uint32_t breaks, dp_compat_mode mode)
{
	uint32_t refused = mode & DP_COMPAT_FULL;

	if ((mode & DP_COMPAT_JSON) != 0) {
		refused |= refused << 2;
	}
	return (breaks & refused) != 0;
}
