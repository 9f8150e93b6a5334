/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_PARQUET_H
#define TEST_PARQUET_H

#include <stddef.h>
#include <stdint.h>

#include <datapipe/bytes.h>

/*
 * A small reader of Parquet files that are not compressed, written apart from
 * the code that writes them: all that our writer uses of the format.
 */

/* What the reader has to know of a column beforehand. */
struct test_parquet_leaf {
	int type; /* Parquet's number */
	unsigned max_rep, max_def;
};

/* A value of a column, in order; data is NULL where nothing is there. Of bytes
 * it is what is behind the length, of a BOOLEAN one byte. */
typedef void (*test_parquet_value_fn)(
	void *user, size_t leaf, unsigned rep, unsigned def, dp_bytes value);

/*
 * Reads all columns, row group by row group, checksums of pages included.
 * Returns how many rows the file says that it has, or -1 if something is not
 * well-formed, or not what the footer says.
 */
int64_t test_parquet_read(dp_bytes file, const struct test_parquet_leaf *leaves,
	size_t leaf_count, test_parquet_value_fn each, void *user);

#endif /* TEST_PARQUET_H */
