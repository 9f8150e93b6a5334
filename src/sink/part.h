/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_SINK_PART_H
#define DPI_SINK_PART_H

#include "codec/avro_file.h"
#include "codec/parquet_file.h"

/*
 * One file of a file sink, whatever its format: takes datums, makes bytes.
 *
 * What costs memory only while it works, such as the tables of compressors, is
 * the press, which all files of a sink share.
 */
typedef struct dpi_part_press {
	const dp_allocator *alloc;
	dp_file_format format;
	dp_compression compression;
	size_t row_group_bytes;    /* of Parquet */
	dpi_block_codec codec;     /* of Avro */
	dpi_parquet_worker worker; /* of Parquet */
} dpi_part_press;

typedef struct dpi_part {
	dpi_part_press *press;
	union {
		dpi_avro_file avro;
		dpi_parquet_file parquet;
	};
} dpi_part;

/* What a file begins with. Records of different kinds never share a file. */
typedef struct dpi_file_kind {
	uint64_t key;
	const char *schema_json;     /* of Avro */
	dpi_parquet_schema *parquet; /* of Parquet */
	const dpi_file_meta *meta;
	size_t meta_count;
} dpi_file_kind;

void dpi_part_press_init(dpi_part_press *press, const dp_allocator *alloc,
	dp_file_format format, dp_compression compression,
	size_t row_group_bytes);
void dpi_part_press_fini(dpi_part_press *press);

/* What names of files end with, dot included. */
const char *dpi_part_press_suffix(const dpi_part_press *press);

/* Borrows press. sync is what Avro files have between blocks. */
DP_NODISCARD dp_status dpi_part_init(dpi_part *part, dpi_part_press *press,
	const dpi_file_kind *kind, const uint8_t *sync, dp_error **err);
void dpi_part_fini(dpi_part *part);

/* All datums, or on failure none. */
DP_NODISCARD dp_status dpi_part_append(
	dpi_part *part, dp_bytes datums, uint64_t count, dp_error **err);

/* All that was appended is in the bytes; may be tried again. */
DP_NODISCARD dp_status dpi_part_finish(dpi_part *part, dp_error **err);

/*
 * Memory that dpi_part_shrink() turns into bytes; 0 where that is not worth a
 * row group, and for formats that hold a block only.
 */
size_t dpi_part_slack(const dpi_part *part);
DP_NODISCARD dp_status dpi_part_shrink(dpi_part *part, dp_error **err);

/* Bytes to be taken. */
dpi_buf *dpi_part_out(dpi_part *part);

/* Datums that were appended. */
uint64_t dpi_part_count(const dpi_part *part);

size_t dpi_part_memory(const dpi_part *part);

#endif /* DPI_SINK_PART_H */
