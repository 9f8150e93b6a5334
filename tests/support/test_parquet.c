/* SPDX-License-Identifier: Apache-2.0 */
#include "test_parquet.h"

#include <libdeflate.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { T_TRUE = 1, T_FALSE, T_I8, T_I16, T_I32, T_I64, T_DOUBLE, T_BINARY };
enum { T_LIST = 9, T_SET, T_MAP, T_STRUCT };
enum { BOOLEAN = 0, INT32 = 1, INT64 = 2, FLOAT = 4, DOUBLE = 5, BYTES = 6 };
enum { PLAIN = 0, DELTA = 5, DICTIONARY = 8 };

/* Bytes that are read; what is wrong sets `bad`, and all reads give 0. */
struct in {
	const uint8_t *p, *end;
	bool bad;
};

static uint64_t get_bytes(struct in *in, unsigned count)
{
	uint64_t value = 0;

	if ((size_t)(in->end - in->p) < count) {
		in->bad = true;
		return 0;
	}
	for (unsigned i = 0; i < count; i++) {
		value |= (uint64_t)in->p[i] << 8 * i;
	}
	in->p += count;
	return value;
}

static uint64_t get_varint(struct in *in)
{
	uint64_t value = 0;
	unsigned shift = 0;
	uint64_t byte;

	do {
		byte = get_bytes(in, 1);
		value |= (byte & 0x7f) << shift;
		shift += 7;
	} while ((byte & 0x80) != 0 && shift < 64 && !in->bad);
	return value;
}

static int64_t get_zigzag(struct in *in)
{
	uint64_t bits = get_varint(in);

	return (int64_t)(bits >> 1 ^ (0 - (bits & 1)));
}

static struct in take(struct in *in, uint64_t size)
{
	struct in part = {in->p, in->p, false};

	if (size > (uint64_t)(in->end - in->p)) {
		in->bad = true;
		return part;
	}
	in->p += size;
	part.end = in->p;
	return part;
}

/* The next field of a structure; false behind the last. */
static bool next_field(struct in *in, int *id, int *type)
{
	unsigned head = (unsigned)get_bytes(in, 1);

	if (head == 0 || in->bad) {
		return false;
	}
	*type = (int)(head & 15);
	*id = head >> 4 != 0 ? *id + (int)(head >> 4) : (int)get_zigzag(in);
	return true;
}

static uint64_t list_head(struct in *in, int *type)
{
	unsigned head = (unsigned)get_bytes(in, 1);

	*type = (int)(head & 15);
	return head >> 4 == 15 ? get_varint(in) : head >> 4;
}

static void skip(struct in *in, int type)
{
	int id = 0;
	int inner;

	switch (type) {
	case T_TRUE:
	case T_FALSE:
		break;
	case T_I8:
		(void)get_bytes(in, 1);
		break;
	case T_DOUBLE:
		(void)get_bytes(in, 8);
		break;
	case T_BINARY:
		(void)take(in, get_varint(in));
		break;
	case T_LIST:
	case T_SET:
		for (uint64_t n = list_head(in, &inner); n > 0 && !in->bad;
			n--) {
			skip(in, inner);
		}
		break;
	case T_STRUCT:
		while (next_field(in, &id, &inner)) {
			skip(in, inner);
		}
		break;
	default:
		(void)get_varint(in);
	}
}

struct reader {
	dp_bytes file;
	const struct test_parquet_leaf *leaves;
	size_t leaf_count;
	test_parquet_value_fn each;
	void *user;
	bool bad;
};

struct page {
	int type; /* 0: data, 2: dictionary */
	uint64_t size;
	uint64_t count;
	int encoding;
	struct in body;
};

/* DataPageHeader and DictionaryPageHeader begin alike. */
static void read_page_kind(struct in *in, struct page *page)
{
	int id = 0;
	int type;

	while (next_field(in, &id, &type)) {
		if (id == 1) {
			page->count = (uint64_t)get_zigzag(in);
		} else if (id == 2) {
			page->encoding = (int)get_zigzag(in);
		} else {
			skip(in, type);
		}
	}
}

static struct page read_page(struct in *in)
{
	struct page page = {.type = -1};
	uint64_t packed = 0;
	uint32_t check = 0;
	int id = 0;
	int type;

	while (next_field(in, &id, &type)) {
		switch (id) {
		case 1:
			page.type = (int)get_zigzag(in);
			break;
		case 2:
			page.size = (uint64_t)get_zigzag(in);
			break;
		case 3:
			packed = (uint64_t)get_zigzag(in);
			break;
		case 4:
			check = (uint32_t)get_zigzag(in);
			break;
		case 5:
		case 7:
			read_page_kind(in, &page);
			break;
		default:
			skip(in, type);
		}
	}
	page.body = take(in, packed);
	in->bad |= packed != page.size ||
		check !=
			libdeflate_crc32(0, page.body.p,
				(size_t)(page.body.end - page.body.p));
	return page;
}

/* Runs, and groups of eight packed, of numbers of so many bits. */
static uint32_t *read_hybrid(struct in *in, unsigned width, uint64_t count)
{
	uint32_t *out = calloc(count + 8, sizeof(*out));
	uint64_t n = 0;

	while (n < count && !in->bad) {
		uint64_t head = get_varint(in);

		if ((head & 1) == 0) {
			uint32_t value =
				(uint32_t)get_bytes(in, (width + 7) / 8);

			for (uint64_t i = head >> 1; i > 0 && n < count; i--) {
				out[n++] = value;
			}
			in->bad |= head == 0;
			continue;
		}
		for (uint64_t group = head >> 1; group > 0 && !in->bad;
			group--) {
			struct in bits = take(in, width);

			for (unsigned i = 0; i < 8 * width && !in->bad; i++) {
				uint32_t bit = bits.p[i / 8] >> i % 8 & 1;

				if (n + i / width < count) {
					out[n + i / width] |= bit << i % width;
				}
			}
			n += 8;
		}
	}
	return out;
}

static uint32_t *read_levels(struct in *in, unsigned max, uint64_t count)
{
	unsigned width = 0;
	struct in part;
	uint32_t *levels;

	if (max == 0) {
		return calloc(count + 1, sizeof(*levels));
	}
	while (max >> width != 0) {
		width++;
	}
	part = take(in, get_bytes(in, 4));
	levels = read_hybrid(&part, width, count);
	in->bad |= part.bad || part.p != part.end;
	return levels;
}

static uint64_t *read_deltas(struct in *in, uint64_t count)
{
	uint64_t *out = calloc(count + 1, sizeof(*out));
	uint64_t block = get_varint(in);
	uint64_t minis = get_varint(in);
	uint64_t total = get_varint(in);
	uint64_t n = 1;

	in->bad |= total != count || minis == 0 || block % minis != 0;
	out[0] = (uint64_t)get_zigzag(in);
	while (n < count && !in->bad) {
		int64_t least = get_zigzag(in);
		struct in widths = take(in, minis);

		for (uint64_t m = 0; m < minis && n < count && !in->bad; m++) {
			unsigned width = widths.p[m];
			struct in bits = take(in, block / minis * width / 8);

			for (uint64_t i = 0;
				i < block / minis && n < count && !in->bad;
				i++, n++) {
				uint64_t delta = 0;

				for (unsigned b = 0; b < width; b++) {
					uint64_t at = i * width + b;
					uint64_t bit =
						bits.p[at / 8] >> at % 8 & 1;

					delta |= bit << b;
				}
				out[n] = out[n - 1] + (uint64_t)least + delta;
			}
		}
	}
	return out;
}

static dp_bytes read_plain(struct in *in, int type, uint64_t index)
{
	static uint8_t bit;
	static const unsigned widths[] = {0, 4, 8, 12, 4, 8};
	struct in part;

	if (type == BOOLEAN) {
		if (in->p + index / 8 >= in->end) {
			in->bad = true;
			return (dp_bytes){NULL, 0};
		}
		bit = in->p[index / 8] >> index % 8 & 1;
		return (dp_bytes){&bit, 1};
	}
	part = take(in, type == BYTES ? get_bytes(in, 4) : widths[type]);
	return (dp_bytes){part.p, (size_t)(part.end - part.p)};
}

/* Values of a page, one after another. */
struct values {
	struct in in;
	int type, encoding;
	uint64_t next;
	uint32_t *indices;
	uint64_t *deltas;
	const dp_bytes *dictionary;
	uint64_t dictionary_count;
};

static dp_bytes next_value(struct values *v)
{
	uint64_t i = v->next++;

	if (v->encoding == DELTA) {
		return (dp_bytes){&v->deltas[i], v->type == INT32 ? 4 : 8};
	}
	if (v->encoding != DICTIONARY) {
		return read_plain(&v->in, v->type, i);
	}
	if (v->indices[i] >= v->dictionary_count) {
		v->in.bad = true;
		return (dp_bytes){NULL, 0};
	}
	return v->dictionary[v->indices[i]];
}

static bool has_read_all(const struct values *v)
{
	return v->type == BOOLEAN
		? (uint64_t)(v->in.end - v->in.p) == (v->next + 7) / 8
		: v->encoding != PLAIN || v->in.p == v->in.end;
}

static void read_data(struct reader *r, size_t leaf, struct page *page,
	const dp_bytes *dictionary, uint64_t dictionary_count)
{
	const struct test_parquet_leaf *l = &r->leaves[leaf];
	uint32_t *rep = read_levels(&page->body, l->max_rep, page->count);
	uint32_t *def = read_levels(&page->body, l->max_def, page->count);
	struct values v = {.in = page->body,
		.type = l->type,
		.encoding = page->encoding,
		.dictionary = dictionary,
		.dictionary_count = dictionary_count};
	uint64_t there = 0;

	for (uint64_t i = 0; i < page->count; i++) {
		there += def[i] == l->max_def;
	}
	if (page->encoding == DICTIONARY) {
		unsigned width = (unsigned)get_bytes(&v.in, 1);

		v.indices = read_hybrid(&v.in, width, there);
	} else if (page->encoding == DELTA) {
		v.deltas = read_deltas(&v.in, there);
	}
	for (uint64_t i = 0; i < page->count && !v.in.bad; i++) {
		dp_bytes value = {NULL, 0};

		if (def[i] == l->max_def) {
			value = next_value(&v);
		}
		r->each(r->user, leaf, rep[i], def[i], value);
	}
	r->bad |= page->body.bad || v.in.bad || !has_read_all(&v);
	free(rep);
	free(def);
	free(v.indices);
	free(v.deltas);
}

/* One page, after one with the dictionary. */
static void read_column(
	struct reader *r, size_t leaf, uint64_t offset, uint64_t size)
{
	struct in in = {r->file.data, (const uint8_t *)r->file.data, false};
	dp_bytes *dictionary = NULL;
	struct page page;
	uint64_t count = 0;

	in.end += r->file.size;
	(void)take(&in, offset);
	in = take(&in, size);
	page = read_page(&in);
	if (page.type == 2 && !in.bad) {
		count = page.count;
		dictionary = calloc(count + 1, sizeof(*dictionary));
		for (uint64_t i = 0; i < count; i++) {
			dictionary[i] =
				read_plain(&page.body, r->leaves[leaf].type, i);
		}
		in.bad |= page.body.bad || page.body.p != page.body.end;
		page = read_page(&in);
	}
	r->bad |= in.bad || page.type != 0 || in.p != in.end;
	if (!r->bad) {
		read_data(r, leaf, &page, dictionary, count);
	}
	free(dictionary);
}

static void read_meta(struct reader *r, struct in *in, size_t leaf)
{
	uint64_t size = 0, data = 0, dictionary = 0;
	int id = 0;
	int type;

	while (next_field(in, &id, &type)) {
		switch (id) {
		case 1:
			r->bad |= get_zigzag(in) != r->leaves[leaf].type;
			break;
		case 7:
			size = (uint64_t)get_zigzag(in);
			break;
		case 9:
			data = (uint64_t)get_zigzag(in);
			break;
		case 11:
			dictionary = (uint64_t)get_zigzag(in);
			break;
		default:
			skip(in, type);
		}
	}
	if (!in->bad) {
		read_column(r, leaf, dictionary != 0 ? dictionary : data, size);
	}
}

static void read_chunks(struct reader *r, struct in *in)
{
	int element;
	uint64_t count = list_head(in, &element);

	r->bad |= count != r->leaf_count;
	for (size_t leaf = 0; leaf < r->leaf_count && !in->bad && !r->bad;
		leaf++) {
		int id = 0;
		int type;

		while (next_field(in, &id, &type)) {
			if (id == 3) {
				read_meta(r, in, leaf);
			} else {
				skip(in, type);
			}
		}
	}
}

static int64_t read_group(struct reader *r, struct in *in)
{
	int64_t rows = 0;
	int id = 0;
	int type;

	while (next_field(in, &id, &type) && !r->bad) {
		if (id == 1) {
			read_chunks(r, in);
		} else if (id == 3) {
			rows = get_zigzag(in);
		} else {
			skip(in, type);
		}
	}
	return rows;
}

static int64_t read_footer(struct reader *r, struct in *in)
{
	int64_t rows = -1;
	int64_t sum = 0;
	int id = 0;
	int type;

	while (next_field(in, &id, &type) && !r->bad) {
		if (id == 3) {
			rows = get_zigzag(in);
		} else if (id == 4) {
			int element;
			uint64_t groups = list_head(in, &element);

			for (; groups > 0 && !r->bad && !in->bad; groups--) {
				sum += read_group(r, in);
			}
		} else {
			skip(in, type);
		}
	}
	return in->bad || r->bad || in->p != in->end || rows != sum ? -1 : rows;
}

int64_t test_parquet_read(dp_bytes file, const struct test_parquet_leaf *leaves,
	size_t leaf_count, test_parquet_value_fn each, void *user)
{
	struct reader r = {file, leaves, leaf_count, each, user, false};
	const uint8_t *data = file.data;
	struct in tail, footer;
	uint64_t size;

	if (file.size < 12 || memcmp(data, "PAR1", 4) != 0 ||
		memcmp(data + file.size - 4, "PAR1", 4) != 0) {
		return -1;
	}
	tail = (struct in){data + file.size - 8, data + file.size - 4, false};
	size = get_bytes(&tail, 4);
	if (size > file.size - 12) {
		return -1;
	}
	footer = (struct in){
		data + file.size - 8 - size, data + file.size - 8, false};
	return read_footer(&r, &footer);
}
