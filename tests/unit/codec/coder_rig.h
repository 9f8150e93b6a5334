/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODER_RIG_H
#define CODER_RIG_H

#include "base/bytes.h"
#include "codec/plan.h"
#include "schema/descriptor.h"
#include "set_builder.h"
#include "test_heap.h"

/* The bytes of a literal, NULs included. */
#define BYTES(literal) \
	{ \
		(literal), sizeof(literal) - 1 \
	}

/* A type that a test describes, and what is needed to encode it. */
struct coder_rig {
	struct test_heap heap;
	struct set_builder set;
	dpi_plan *avro, *row;
	dpi_coder *coder;
	dpi_buf out;
	dpi_cell *cells;
	size_t cell_count;
	const dpi_column *columns;
	dp_error *err;
};

/* Begins with a set that is empty. */
void coder_rig_init(struct coder_rig *rig);
void coder_rig_fini(struct coder_rig *rig);

/* Makes the plans of type, from what is in the set. */
void coder_rig_plan(struct coder_rig *rig, const char *type);

/* The last error goes with the next of these. */
dp_status coder_rig_avro(struct coder_rig *rig, dp_bytes wire);
dp_status coder_rig_row(struct coder_rig *rig, dp_bytes wire);

/* "NULL", "INT 5", "REAL 1.5", "TEXT a", "BLOB a". */
const char *coder_rig_cell(const struct coder_rig *rig, const char *column);

#endif /* CODER_RIG_H */
