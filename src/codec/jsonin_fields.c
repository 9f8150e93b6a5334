/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/jsonin_reader.h"

#include "base/text.h"
#include "schema/sort.h"

/* Maps with more entries are sorted to find keys that are there twice. */
#define FEW_KEYS 8

static bool has_seen(const dpi_jsonin_frame *frame, uint32_t bit)
{
	return (frame->seen[bit / 64] >> bit % 64 & 1) != 0;
}

static void set_seen(dpi_jsonin_frame *frame, uint32_t bit)
{
	frame->seen[bit / 64] |= (uint64_t)1 << bit % 64;
}

/* Members often come as declared: the next one may be known by its bytes. */
static bool is_next(const dpi_jsonin *r, const dpi_jsonin_field *field)
{
	return field->name_size > 0 &&
		(size_t)(r->end - r->p) > field->name_size + 2 &&
		r->p[field->name_size + 1] == '"' &&
		memcmp(r->p + 1, field->name, field->name_size) == 0;
}

/*
 * The field of the name at hand, or NULL: not known and ignored, "@type", or
 * failed.
 */
static const dpi_jsonin_field *read_name(
	dpi_jsonin *r, const dpi_jsonin_node *node, size_t guess, bool is_any)
{
	const uint8_t *start;
	dp_bytes name;
	uint32_t i;

	if (dpi_jsonin_peek(r) != '"') {
		(void)dpi_jsonin_fail(
			r, DP_ESCHEMA, "expected a name in quotes");
		return NULL;
	}
	if (guess < node->field_count && is_next(r, &node->fields[guess])) {
		r->p += node->fields[guess].name_size + 2;
		return &node->fields[guess];
	}
	start = r->p;
	if (!dpi_jsonin_string(r, &name)) {
		return NULL;
	}
	i = dpi_jsonin_find(&node->by_name, name);
	if (i != UINT32_MAX) {
		return &node->fields[i];
	}
	if (!r->ignores_unknown &&
		!(is_any && dpi_bytes_equal(name, dpi_bytes("@type", 5)))) {
		r->p = start;
		(void)dpi_jsonin_fail_name(r, "the message has no field", name);
	}
	return NULL;
}

static bool take_colon(dpi_jsonin *r)
{
	return dpi_jsonin_take(r, ':') ||
		dpi_jsonin_fail(r, DP_ESCHEMA, "expected ':'");
}

/* Each field once, and one of a oneof; but null is no value of one. */
static bool note_field(dpi_jsonin *r, dpi_jsonin_frame *frame,
	const dpi_jsonin_field *field, bool is_null)
{
	if (has_seen(frame, field->index)) {
		return dpi_jsonin_fail(
			r, DP_ESCHEMA, "the field is there twice");
	}
	set_seen(frame, field->index);
	if (field->oneof == 0 || is_null) {
		return true;
	}
	if (has_seen(frame, field->oneof)) {
		return dpi_jsonin_fail(
			r, DP_ESCHEMA, "another field of its oneof is there");
	}
	set_seen(frame, field->oneof);
	return true;
}

static bool read_field(
	dpi_jsonin *r, dpi_jsonin_frame *frame, const dpi_jsonin_field *field)
{
	bool is_null = dpi_jsonin_peek(r) == 'n' &&
		(field->is_repeated || !field->takes_null);

	frame->field = field;
	frame->element = 0;
	if (!note_field(r, frame, field, is_null)) {
		return false;
	}
	if (is_null) {
		/* As if it were not there. */
		if (field->field->is_required) {
			return dpi_jsonin_fail(
				r, DP_ESCHEMA, "a required field is null");
		}
		return dpi_jsonin_word(r, "null");
	}
	if (field->is_repeated) {
		return field->is_map ? dpi_jsonin_map(r, field)
				     : dpi_jsonin_array(r, field);
	}
	if (!dpi_jsonin_value(r, field)) {
		return false;
	}
	r->was_dropped = false;
	return true;
}

static bool check_required(dpi_jsonin *r, dpi_jsonin_frame *frame)
{
	const dpi_jsonin_node *node = frame->node;

	for (size_t i = 0; node->has_required && i < node->field_count; i++) {
		if (node->fields[i].field->is_required &&
			!has_seen(frame, (uint32_t)i)) {
			frame->field = &node->fields[i];
			return dpi_jsonin_fail(
				r, DP_ESCHEMA, "a required field is missing");
		}
	}
	return true;
}

bool dpi_jsonin_members(dpi_jsonin *r, bool is_any)
{
	dpi_jsonin_frame *frame = &r->frames[r->depth - 1];
	const dpi_jsonin_node *node = frame->node;
	uint32_t count = 0;
	size_t guess = 0;

	while (dpi_jsonin_more(r, '}', &count)) {
		const dpi_jsonin_field *field =
			read_name(r, node, guess, is_any);

		if (r->failed != DP_OK || !take_colon(r)) {
			return false;
		}
		if (field == NULL ? !dpi_jsonin_skip(r)
				  : !read_field(r, frame, field)) {
			return false;
		}
		guess = field != NULL ? field->index + 1 : guess;
	}
	return r->failed == DP_OK && check_required(r, frame);
}

bool dpi_jsonin_message(dpi_jsonin *r, const dpi_jsonin_node *node)
{
	dpi_jsonin_frame *frame = dpi_jsonin_enter(r, node);

	if (frame == NULL) {
		return false;
	}
	if (node->shape != DPI_WKT_NONE) {
		if (!dpi_jsonin_well_known(r, node)) {
			return false;
		}
	} else if (!dpi_jsonin_take(r, '{')) {
		return dpi_jsonin_fail(r, DP_ESCHEMA, "expected an object");
	} else if (!dpi_jsonin_members(r, false)) {
		return false;
	}
	r->depth--;
	return true;
}

static bool read_group(dpi_jsonin *r, const dpi_jsonin_field *field)
{
	size_t at;

	if (!dpi_jsonin_open(r, field, &at)) {
		return false;
	}
	dpi_jsonin_back(r, at);
	if (!dpi_jsonin_message(r, field->child) ||
		!dpi_jsonin_open(r, field, &at)) {
		return false;
	}
	dpi_jsonin_back(r, at);
	dpi_store_u64(r->out.p - field->tag_size, field->end_tag);
	return true;
}

bool dpi_jsonin_value(dpi_jsonin *r, const dpi_jsonin_field *field)
{
	size_t at;

	if (field->child == NULL) {
		return dpi_jsonin_scalar(r, field);
	}
	if (field->type == DPI_TYPE_GROUP) {
		return read_group(r, field);
	}
	return dpi_jsonin_open(r, field, &at) &&
		dpi_jsonin_message(r, field->child) && dpi_jsonin_close(r, at);
}

bool dpi_jsonin_array(dpi_jsonin *r, const dpi_jsonin_field *field)
{
	dpi_jsonin_frame *frame = &r->frames[r->depth - 1];
	size_t before = dpi_jsonin_at(r);
	size_t at = before;
	uint32_t count = 0;

	if (!dpi_jsonin_take(r, '[')) {
		return dpi_jsonin_fail(r, DP_ESCHEMA, "expected an array");
	}
	if (field->is_packed && !dpi_jsonin_open(r, field, &at)) {
		return false;
	}
	while (dpi_jsonin_more(r, ']', &count)) {
		frame->element = count - 1;
		if (!field->takes_null && dpi_jsonin_peek(r) == 'n') {
			return dpi_jsonin_fail(
				r, DP_ESCHEMA, "null is no element");
		}
		if (!dpi_jsonin_value(r, field)) {
			return false;
		}
		r->was_dropped = false;
	}
	if (r->failed != DP_OK) {
		return false;
	}
	if (field->is_packed && dpi_jsonin_at(r) == at + 1) {
		dpi_jsonin_back(r, before);
		return true;
	}
	return !field->is_packed || dpi_jsonin_close(r, at);
}

static bool note_key(dpi_jsonin *r, size_t start)
{
	size_t base = r->out.start;
	dpi_jsonin_key key = {0, start, dpi_jsonin_at(r) - start};

	key.hash = dpi_hash64(0, r->out.buf->data + base + start, key.size);
	/* Where it will be when its entry has a longer size is seen later. */
	return dpi_buf_append(&r->keys, &key, sizeof(key)) == DP_OK ||
		dpi_jsonin_fail(r, DP_ENOMEM, "no memory");
}

/* One entry, its key and value; at is where its size is. */
static bool read_entry(
	dpi_jsonin *r, const dpi_jsonin_field *field, size_t *ret_key)
{
	const dpi_jsonin_node *node = field->child;
	const dpi_jsonin_field *value = node->numbered[2];
	dpi_jsonin_frame *frame = dpi_jsonin_enter(r, node);
	size_t start = dpi_jsonin_at(r);

	if (frame == NULL) {
		return false;
	}
	frame->field = node->numbered[1];
	if (!dpi_jsonin_map_key(r, frame->field) || !note_key(r, start) ||
		!take_colon(r)) {
		return false;
	}
	frame->field = value;
	if (dpi_jsonin_peek(r) == 'n' && !value->takes_null) {
		return dpi_jsonin_fail(
			r, DP_ESCHEMA, "null is no value of a map");
	}
	if (!dpi_jsonin_value(r, value)) {
		return false;
	}
	r->depth--;
	*ret_key = start;
	return true;
}

static int compare_keys(const void *a, const void *b)
{
	const dpi_jsonin_key *x = a;
	const dpi_jsonin_key *y = b;

	return (x->hash > y->hash) - (x->hash < y->hash);
}

static bool is_same_key(
	const dpi_jsonin *r, const dpi_jsonin_key *a, const dpi_jsonin_key *b)
{
	const uint8_t *base = r->out.buf->data + r->out.start;

	return a->hash == b->hash && a->size == b->size &&
		memcmp(base + a->start, base + b->start, a->size) == 0;
}

/* Of those since mark. */
static bool check_keys(dpi_jsonin *r, size_t mark)
{
	dpi_jsonin_key *keys = (dpi_jsonin_key *)(void *)(r->keys.data + mark);
	size_t count = (r->keys.size - mark) / sizeof(*keys);
	bool is_sorted = count > FEW_KEYS;

	if (is_sorted) {
		dpi_sort(keys, count, sizeof(*keys), compare_keys);
	}
	for (size_t i = 1; i < count; i++) {
		for (size_t k = is_sorted ? i - 1 : 0; k < i; k++) {
			if (is_same_key(r, &keys[i], &keys[k])) {
				return dpi_jsonin_fail(r, DP_ESCHEMA,
					"a key of the map is there twice");
			}
		}
	}
	r->keys.size = mark;
	return true;
}

/* An entry, unless its value is forgotten. */
static bool put_entry(dpi_jsonin *r, const dpi_jsonin_field *field)
{
	size_t before = dpi_jsonin_at(r);
	size_t noted = r->keys.size;
	size_t at, key;

	if (!dpi_jsonin_open(r, field, &at) || !read_entry(r, field, &key)) {
		return false;
	}
	if (r->was_dropped) {
		r->was_dropped = false;
		dpi_jsonin_back(r, before);
		r->keys.size = noted;
		return true;
	}
	key = dpi_jsonin_at(r);
	if (!dpi_jsonin_close(r, at)) {
		return false;
	}
	/* All behind the size has moved by what the size grew. */
	((dpi_jsonin_key *)(void *)(r->keys.data + noted))->start +=
		dpi_jsonin_at(r) - key;
	return true;
}

bool dpi_jsonin_map(dpi_jsonin *r, const dpi_jsonin_field *field)
{
	dpi_jsonin_frame *frame = &r->frames[r->depth - 1];
	size_t mark = r->keys.size;
	uint32_t count = 0;

	if (!dpi_jsonin_take(r, '{')) {
		return dpi_jsonin_fail(r, DP_ESCHEMA, "expected an object");
	}
	while (dpi_jsonin_more(r, '}', &count)) {
		frame->element = count - 1;
		if (!put_entry(r, field)) {
			return false;
		}
	}
	return r->failed == DP_OK && check_keys(r, mark);
}
