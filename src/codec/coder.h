/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_CODER_H
#define DPI_CODEC_CODER_H

#include "codec/mask.h"
#include "codec/output.h"
#include "codec/plan_tables.h"

/*
 * The scratch memory of one thread that encodes: a frame for each message
 * that is open, with a slot for each of its fields. All of it is kept from
 * event to event, so that a steady load allocates nothing.
 *
 * A message of n bytes may take twice as much in each buffer, and at least
 * DPI_CODER_FLOOR; more is DP_ETOOBIG. So hostile bytes that would unfold
 * into much cost little.
 */

#define DPI_CODER_FLOOR (1u << 20)

/* Events that are scanned after one that did not fit the straight way: others
 * of its writer will not fit either. */
#define DPI_CODER_SCANS 63

/* Most bytes of an event. */
#define DPI_WIRE_MAX (16u << 20)

/* Part of the wire, as offsets; more of the same kind may follow. */
typedef struct dpi_run {
	uint32_t start, end;
	uint32_t next; /* index into runs, or 0 */
} dpi_run;

/*
 * What a field has, after its message was scanned:
 * scalars: bits, as on the wire; strings: start and size of their bytes;
 * messages: start and size of the only piece, or, if count is more than 1,
 * the runs of all pieces, which are one message when put together;
 * repeated fields: the runs of their fields, tags included, and how many
 * values are in them. Maps count entries.
 */
typedef struct dpi_slot {
	union {
		uint64_t bits;
		struct {
			uint32_t start, size;
		};
		struct {
			uint32_t first, last;
		};
	};
	uint32_t count;
} dpi_slot;

typedef struct dpi_frame {
	const dpi_plan_node *node;
	dpi_slot *slots;
	uint64_t *has;               /* a bit for each slot in use */
	const dpi_plan_field *field; /* in hand, for the path of an error */
	uint32_t element;            /* of it, if repeated */
	const dpi_mask *mask;        /* what of it is wanted */
	size_t runs_mark;
	size_t unknown_mark; /* where its unknown fields begin */
} dpi_frame;

struct dpi_coder {
	const dp_allocator *alloc;
	const uint8_t *wire;
	const uint8_t *wire_end;
	unsigned depth; /* frames in use */
	dpi_frame frames[DPI_DEPTH_MAX];
	dpi_slot *slots; /* widest slots for each frame */
	uint64_t *bits;  /* words for each frame */
	size_t widest, words;
	dpi_buf runs;         /* of dpi_run; [0] is not used */
	dpi_buf order;        /* of offsets: entries of maps, sorted */
	dpi_buf unknown;      /* fields that no column holds */
	dpi_buf text;         /* JSON */
	size_t limit;         /* of each buffer, for this event */
	uint32_t lost;        /* messages that had more than their text shows */
	const dpi_plan *plan; /* of this event */
	uint32_t json;        /* DPI_JSON_*, of the plan */
	dp_status failed;
	const char *fault;
	dp_bytes culprit;    /* a name for the end of the fault, or nothing */
	bool is_straight;    /* see codec/avro_datum.h */
	unsigned scans_left; /* events that are scanned without a try */
};

/* Before each event. Returns DP_ENOMEM or DP_ETOOBIG. */
DP_NODISCARD dp_status dpi_coder_begin(
	dpi_coder *coder, const dpi_plan *plan, const void *wire, size_t size);

/* Remembers what is wrong with the field in hand; returns false. */
bool dpi_coder_fail(dpi_coder *coder, dp_status code, const char *fault);

/* The same for a buffer that did not grow. */
bool dpi_coder_fail_buffer(dpi_coder *coder, dp_status code);

/* Makes the error of what was remembered: type, path, what is wrong. */
dp_status dpi_coder_report(
	const dpi_coder *coder, const dpi_plan *plan, dp_error **err);

/* What is wanted of the message that is to be entered. */
const dpi_mask *dpi_coder_mask(const dpi_coder *coder);

/* Opens a frame with all its slots empty; NULL if that is too deep. */
static inline dpi_frame *dpi_coder_enter(
	dpi_coder *coder, const dpi_plan_node *node)
{
	dpi_frame *frame;

	if (coder->depth == DPI_DEPTH_MAX) {
		(void)dpi_coder_fail(coder, DP_ETOOBIG,
			"messages are nested deeper than 64");
		return NULL;
	}
	frame = &coder->frames[coder->depth];
	frame->mask = coder->plan->mask == NULL ? NULL : dpi_coder_mask(coder);
	coder->depth++;
	frame->node = node;
	frame->field = NULL;
	frame->runs_mark = coder->runs.size;
	frame->unknown_mark = coder->unknown.size;
	for (size_t i = 0; i < node->slot_count; i += 64) {
		frame->has[i / 64] = 0;
	}
	return frame;
}

/* Closes the last one, and forgets its runs and unknown fields. */
static inline void dpi_coder_leave(dpi_coder *coder)
{
	const dpi_frame *frame = &coder->frames[--coder->depth];

	coder->runs.size = frame->runs_mark;
	coder->unknown.size = frame->unknown_mark;
}

/* The same; whether it had unknown fields, is counted in `lost`. */
void dpi_coder_leave_text(dpi_coder *coder);

static inline bool dpi_frame_has(const dpi_frame *frame, size_t i)
{
	return (frame->has[i / 64] >> (i % 64) & 1) != 0;
}

static inline void dpi_frame_set(dpi_frame *frame, size_t i)
{
	frame->has[i / 64] |= (uint64_t)1 << (i % 64);
}

static inline void dpi_frame_unset(dpi_frame *frame, size_t i)
{
	frame->has[i / 64] &= ~((uint64_t)1 << (i % 64));
}

/* Zero, "", or a message without fields. */
extern const dpi_slot dpi_slot_empty;

static inline const dpi_slot *dpi_frame_slot(const dpi_frame *frame, size_t i)
{
	return dpi_frame_has(frame, i) ? &frame->slots[i] : &dpi_slot_empty;
}

/* The field that is set in a oneof, or NULL. */
static inline const dpi_plan_field *dpi_frame_chosen(
	const dpi_frame *frame, size_t oneof)
{
	size_t i = frame->node->field_count + oneof;

	return dpi_frame_has(frame, i)
		? &frame->node->fields[frame->slots[i].bits]
		: NULL;
}

static inline const dpi_run *dpi_coder_run(const dpi_coder *coder, uint32_t i)
{
	return (const dpi_run *)(const void *)coder->runs.data + i;
}

static inline dpi_run *dpi_coder_run_at(dpi_coder *coder, uint32_t i)
{
	return (dpi_run *)(void *)coder->runs.data + i;
}

/* Returns the index of a new run, or 0. */
static inline uint32_t dpi_coder_push_run(
	dpi_coder *coder, uint32_t start, uint32_t end)
{
	dpi_run run = {start, end, 0};
	size_t size = coder->runs.size;
	dp_status st = dpi_buf_append(&coder->runs, &run, sizeof(run));

	if (st != DP_OK) {
		(void)dpi_coder_fail_buffer(coder, st);
		return 0;
	}
	return (uint32_t)(size / sizeof(run));
}

/* The pieces of a message field. */
static inline dpi_run dpi_slot_pieces(
	const dpi_coder *coder, const dpi_slot *slot)
{
	if (slot->count > 1) {
		return *dpi_coder_run(coder, slot->first);
	}
	return (dpi_run){slot->start, slot->start + slot->size, 0};
}

#endif /* DPI_CODEC_CODER_H */
