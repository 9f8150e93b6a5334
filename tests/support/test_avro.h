/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_AVRO_H
#define TEST_AVRO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <datapipe/bytes.h>

#include "io/os.h"

/*
 * A small reader of Avro container files, written apart from the code that
 * writes them. What is not well-formed sets `bad`, and ends the reading.
 */

struct test_avro {
	const uint8_t *at;
	const uint8_t *end;
	bool bad;
};

int64_t test_avro_long(struct test_avro *in);
dp_bytes test_avro_bytes(struct test_avro *in);
/* One of ["null", "string"]: data is NULL for null. */
dp_bytes test_avro_nullable(struct test_avro *in);

/* Takes one record from in. path is that of the file. */
typedef void (*test_avro_record_fn)(
	void *user, const char *path, struct test_avro *in);

/*
 * Reads all records of a file. Returns how many, or -1 if it is not well-formed
 * in every byte.
 */
int64_t test_avro_read(
	const char *path, dp_bytes file, test_avro_record_fn each, void *user);

/*
 * The same of all files below a folder that readers of files see: those whose
 * names, and whose folders' names, begin neither with '_' nor with '.'.
 * *ret_files grows by how many there are.
 */
int64_t test_avro_read_all(const dpi_os *os, const char *folder,
	size_t *ret_files, test_avro_record_fn each, void *user);

#endif /* TEST_AVRO_H */
