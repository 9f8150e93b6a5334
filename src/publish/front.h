/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_PUBLISH_FRONT_H
#define DPI_PUBLISH_FRONT_H

#include <stddef.h>
#include <stdint.h>

#include "publish/gate.h"
#include "publish/ids.h"
#include "publish/pool.h"

/* What two threads write that should not meet stands so far apart. */
#define DPI_CACHE_LINE 64

/*
 * Where publishing threads meet: the line of memory that says where the next
 * record goes and which number it has. A thread closes the gate, takes its
 * place, which decides the order, opens the gate and writes its record there.
 *
 * All other questions (is there room, is a batch full, is a commit on its way)
 * are asked when what was granted is used up: a grant is what may come without
 * an answer to any of them having changed.
 */
typedef struct dpi_front {
	dpi_gate gate;        /* guards what follows */
	uint32_t events_left; /* of the grant */
	uint32_t bytes_left;
	uint32_t index;       /* of the next record in its chunk */
	uint8_t *at;          /* where it goes */
	dpi_pub_chunk *chunk; /* NULL: none */
	dpi_ids ids;
} dpi_front;

/*
 * A chunk leaves when no thread writes into it any more. So that threads need
 * not meet a second time to say so, each says it in a line of its own: the
 * chunk that it writes into, NULL when it is done. Taken at the gate.
 */
#define DPI_PENS 8u

typedef struct dpi_pen {
	_Alignas(DPI_CACHE_LINE) dpi_pub_chunk *chunk; /* atomic */
} dpi_pen;

/* Where one record goes. */
typedef struct dpi_place {
	dpi_pub_chunk *chunk;
	uint8_t *out;
	uint32_t index; /* of its completion */
	dpi_pen *pen;   /* NULL: all are taken, and the gate stays closed */
} dpi_place;

/* Takes size bytes of the grant, which has them, and a pen. */
void dpi_front_take(
	dpi_front *front, size_t size, dpi_pen *pens, dpi_place *ret);

/* The record is complete. */
static inline void dpi_pen_lift(dpi_pen *pen)
{
	__atomic_store_n(&pen->chunk, NULL, __ATOMIC_RELEASE);
}

/*
 * Chunks that somebody writes into: fills busy[DPI_PENS], returns how many.
 * With the gate.
 */
size_t dpi_pens_read(dpi_pen *pens, dpi_pub_chunk **busy);

/* Gives those who write into busy chunks, which take no more records, the time
 * that it takes to write one. Without the gate. */
void dpi_pens_await(dpi_pen *pens, dpi_pub_chunk *const *busy, size_t count);

#endif /* DPI_PUBLISH_FRONT_H */
