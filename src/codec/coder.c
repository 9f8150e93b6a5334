/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/coder.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"

/* Buffers over this are given back when the event that filled them is gone. */
#define KEEP_BYTES (2 * DPI_CODER_FLOOR)

/* Longer paths are cut. */
#define PATH_SIZE 512

const dpi_slot dpi_slot_empty = {.count = 0};

dp_status dpi_coder_new(
	dpi_coder **ret_coder, const dp_allocator *alloc, dp_error **err)
{
	dpi_coder *coder = dpi_zalloc(alloc, 1, sizeof(*coder));

	if (coder == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "coder: no memory");
	}
	coder->alloc = alloc;
	dpi_buf_init(&coder->runs, alloc, 0);
	dpi_buf_init(&coder->order, alloc, 0);
	dpi_buf_init(&coder->unknown, alloc, 0);
	dpi_buf_init(&coder->text, alloc, 0);
	*ret_coder = coder;
	return DP_OK;
}

static void free_frames(dpi_coder *coder)
{
	if (coder->slots != NULL) {
		dpi_free(coder->alloc, coder->slots,
			DPI_DEPTH_MAX * coder->widest, sizeof(*coder->slots));
	}
	if (coder->bits != NULL) {
		dpi_free(coder->alloc, coder->bits,
			DPI_DEPTH_MAX * coder->words, sizeof(*coder->bits));
	}
	coder->slots = NULL;
	coder->bits = NULL;
	coder->widest = 0;
}

void dpi_coder_free(dpi_coder *coder)
{
	if (coder == NULL) {
		return;
	}
	free_frames(coder);
	dpi_buf_fini(&coder->runs);
	dpi_buf_fini(&coder->order);
	dpi_buf_fini(&coder->unknown);
	dpi_buf_fini(&coder->text);
	dpi_free(coder->alloc, coder, 1, sizeof(*coder));
}

/* Frames for the widest message of a plan that is wider than those before. */
static dp_status make_frames(dpi_coder *coder, size_t widest)
{
	free_frames(coder);
	coder->widest = widest;
	coder->words = (widest + 63) / 64;
	coder->slots = dpi_zalloc(
		coder->alloc, DPI_DEPTH_MAX * widest, sizeof(*coder->slots));
	coder->bits = dpi_zalloc(coder->alloc, DPI_DEPTH_MAX * coder->words,
		sizeof(*coder->bits));
	if (coder->slots == NULL || coder->bits == NULL) {
		free_frames(coder);
		return DP_ENOMEM;
	}
	for (size_t i = 0; i < DPI_DEPTH_MAX; i++) {
		coder->frames[i].slots = coder->slots + i * widest;
		coder->frames[i].has = coder->bits + i * coder->words;
	}
	return DP_OK;
}

static void begin_buffer(dpi_buf *buf, size_t limit)
{
	if (buf->capacity > KEEP_BYTES && limit <= KEEP_BYTES) {
		dpi_buf_fini(buf);
	}
	dpi_buf_clear(buf);
	buf->limit_bytes = limit > buf->capacity ? limit : buf->capacity;
}

dp_status dpi_coder_begin(
	dpi_coder *coder, const dpi_plan *plan, const void *wire, size_t size)
{
	dp_status st;

	coder->depth = 0;
	coder->lost = 0;
	coder->failed = DP_OK;
	coder->fault = NULL;
	coder->culprit = dpi_bytes(NULL, 0);
	coder->plan = plan;
	coder->json = plan->json;
	coder->wire = wire != NULL ? wire : (const uint8_t *)"";
	coder->wire_end = coder->wire + size;
	if (size > DPI_WIRE_MAX) {
		(void)dpi_coder_fail(
			coder, DP_ETOOBIG, "a message is at most 16 MiB");
		return DP_ETOOBIG;
	}
	coder->limit = 2 * size > DPI_CODER_FLOOR ? 2 * size : DPI_CODER_FLOOR;
	begin_buffer(&coder->runs, coder->limit);
	begin_buffer(&coder->order, coder->limit);
	begin_buffer(&coder->unknown, coder->limit);
	begin_buffer(&coder->text, coder->limit);

	st = plan->widest + 1 > coder->widest
		? make_frames(coder, plan->widest + 1)
		: DP_OK;
	if (st == DP_OK) {
		st = dpi_buf_reserve(&coder->runs, sizeof(dpi_run));
		coder->runs.size = sizeof(dpi_run);
	}
	if (st != DP_OK) {
		(void)dpi_coder_fail_buffer(coder, st);
	}
	return st;
}

bool dpi_coder_fail(dpi_coder *coder, dp_status code, const char *fault)
{
	if (coder->failed == DP_OK) {
		coder->failed = code;
		coder->fault = fault;
	}
	return false;
}

bool dpi_coder_fail_buffer(dpi_coder *coder, dp_status code)
{
	return dpi_coder_fail(coder, code,
		code == DP_ETOOBIG
			? "it unfolds into more than twice the event and 1 MiB"
			: "no memory");
}

/* "items[2].price.", or "" for the event itself. */
static void put_path(const dpi_coder *coder, char *path, size_t size)
{
	size_t used = 0;

	path[0] = '\0';
	for (unsigned i = 0; i < coder->depth && used < size - 1; i++) {
		const dpi_frame *frame = &coder->frames[i];
		int n;

		if (frame->field == NULL) {
			break;
		}
		n = frame->field->is_repeated
			? snprintf(path + used, size - used, "%s%s[%u]",
				  i > 0 ? "." : "", frame->field->field->name,
				  frame->element)
			: snprintf(path + used, size - used, "%s%s",
				  i > 0 ? "." : "", frame->field->field->name);
		used += n > 0 ? (size_t)n : 0;
	}
}

dp_status dpi_coder_report(
	const dpi_coder *coder, const dpi_plan *plan, dp_error **err)
{
	const dpi_plan_node *outer =
		coder->depth > 0 ? coder->frames[0].node : plan->nodes[0];
	const char *type = outer->type->full_name;
	char path[PATH_SIZE];

	put_path(coder, path, sizeof(path));
	return dpi_error_set(err, coder->failed, "%s: %s%s%s%s%.*s", type, path,
		path[0] != '\0' ? ": " : "", coder->fault,
		coder->culprit.size > 0 ? ": " : "", (int)coder->culprit.size,
		(const char *)coder->culprit.data);
}

void dpi_coder_leave_text(dpi_coder *coder)
{
	const dpi_frame *frame = &coder->frames[coder->depth - 1];

	coder->lost += coder->unknown.size > frame->unknown_mark;
	dpi_coder_leave(coder);
}
