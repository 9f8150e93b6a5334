/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUCK_H
#define DUCK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * DuckDB by its C API, looked up at run time in the library that DP_LIBDUCKDB
 * names: no Debian package has it. One thread.
 */
typedef void *duck_handle;

typedef struct duck_result {
	uint64_t deprecated[3];
	void *internal[3];
} duck_result;

struct duck {
	int (*open)(const char *path, duck_handle *ret);
	int (*connect)(duck_handle database, duck_handle *ret);
	int (*query)(duck_handle, const char *, duck_result *);
	void (*destroy_result)(duck_result *);
	int (*appender_create)(
		duck_handle, const char *, const char *, duck_handle *);
	int (*append_int64)(duck_handle, int64_t);
	int (*append_int32)(duck_handle, int32_t);
	int (*append_double)(duck_handle, double);
	int (*append_bool)(duck_handle, bool);
	int (*append_varchar)(duck_handle, const char *);
	int (*append_blob)(duck_handle, const void *, uint64_t);
	int (*end_row)(duck_handle);
	int (*appender_destroy)(duck_handle *);
	duck_handle connection;
};

/* False if there is no such library. */
bool duck_open(struct duck *duck);

/* Ends the program if it cannot. */
void duck_run(struct duck *duck, const char *sql);

#endif /* DUCK_H */
