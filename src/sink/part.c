/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/part.h"

/* A row group of less is not begun for want of memory alone. */
#define SLACK_MIN ((size_t)8 << 10)

static bool is_parquet(const dpi_part_press *press)
{
	return press->format == DP_FILE_FORMAT_PARQUET;
}

void dpi_part_press_init(dpi_part_press *press, const dp_allocator *alloc,
	dp_file_format format, dp_compression compression,
	size_t row_group_bytes)
{
	*press = (dpi_part_press){.alloc = alloc,
		.format = format,
		.compression = compression,
		.row_group_bytes = row_group_bytes};
	dpi_block_codec_init(&press->codec, compression, DPI_CONTAINER_AVRO);
	dpi_parquet_worker_init(&press->worker, alloc, compression);
}

void dpi_part_press_fini(dpi_part_press *press)
{
	dpi_block_codec_fini(&press->codec);
	dpi_parquet_worker_fini(&press->worker);
}

const char *dpi_part_press_suffix(const dpi_part_press *press)
{
	return is_parquet(press) ? ".parquet" : ".avro";
}

dp_status dpi_part_init(dpi_part *part, dpi_part_press *press,
	const dpi_file_kind *kind, const uint8_t *sync, dp_error **err)
{
	dp_status st;

	part->press = press;
	if (!is_parquet(press)) {
		return dpi_avro_file_init(&part->avro, press->alloc,
			press->compression, kind->schema_json, kind->meta,
			kind->meta_count, sync, err);
	}
	st = dpi_parquet_file_init(&part->parquet, press->alloc, kind->parquet,
		&press->worker, kind->meta, kind->meta_count, err);
	part->parquet.row_group_bytes = press->row_group_bytes;
	return st;
}

void dpi_part_fini(dpi_part *part)
{
	if (part->press == NULL) {
		return;
	}
	if (is_parquet(part->press)) {
		dpi_parquet_file_fini(&part->parquet);
	} else {
		dpi_avro_file_fini(&part->avro);
	}
}

/* The compressor's tables are as large as a block: they go from file to file.
 */
static void lend_codec(dpi_part *part)
{
	part->avro.codec = part->press->codec;
}

static void return_codec(dpi_part *part)
{
	part->press->codec = part->avro.codec;
	part->avro.codec.context = NULL;
}

dp_status dpi_part_append(
	dpi_part *part, dp_bytes datums, uint64_t count, dp_error **err)
{
	dp_status st;

	if (is_parquet(part->press)) {
		return dpi_parquet_file_append(
			&part->parquet, datums, count, err);
	}
	lend_codec(part);
	st = dpi_avro_file_append(&part->avro, datums, count, err);
	return_codec(part);
	return st;
}

dp_status dpi_part_finish(dpi_part *part, dp_error **err)
{
	dp_status st;

	if (is_parquet(part->press)) {
		return dpi_parquet_file_finish(&part->parquet, err);
	}
	lend_codec(part);
	st = dpi_avro_file_flush(&part->avro, err);
	return_codec(part);
	return st;
}

size_t dpi_part_slack(const dpi_part *part)
{
	size_t slack =
		is_parquet(part->press) ? part->parquet.columns_memory : 0;

	return slack >= SLACK_MIN ? slack : 0;
}

dp_status dpi_part_shrink(dpi_part *part, dp_error **err)
{
	return is_parquet(part->press)
		? dpi_parquet_file_cut(&part->parquet, false, err)
		: DP_OK;
}

dpi_buf *dpi_part_out(dpi_part *part)
{
	return is_parquet(part->press) ? &part->parquet.out : &part->avro.out;
}

uint64_t dpi_part_count(const dpi_part *part)
{
	return is_parquet(part->press) ? part->parquet.total_count
				       : part->avro.total_count;
}

size_t dpi_part_memory(const dpi_part *part)
{
	return is_parquet(part->press) ? dpi_parquet_file_memory(&part->parquet)
				       : dpi_avro_file_memory(&part->avro);
}
