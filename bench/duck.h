/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DUCK_H
#define DUCK_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/payment_events.h"

/*
 * DuckDB by its C API, looked up at run time in the library that DP_LIBDUCKDB
 * names: no Debian package has it. One thread. Its handles are pointers.
 */
typedef struct duck_result {
	uint64_t deprecated[3];
	void *internal[3];
} duck_result;

struct duck {
	int (*open)(const char *path, void **ret);
	int (*connect)(void *database, void **ret);
	int (*query)(void *, const char *, duck_result *);
	void (*destroy_result)(duck_result *);
	int (*appender_create)(void *, const char *, const char *, void **);
	uint64_t (*appender_column_count)(void *);
	void *(*appender_column_type)(void *, uint64_t);
	int (*append_int64)(void *, int64_t);
	int (*append_int32)(void *, int32_t);
	int (*append_double)(void *, double);
	int (*append_bool)(void *, bool);
	int (*append_varchar)(void *, const char *);
	int (*append_blob)(void *, const void *, uint64_t);
	int (*append_data_chunk)(void *, void *);
	int (*appender_end_row)(void *);
	int (*appender_destroy)(void **);
	void (*destroy_logical_type)(void **);
	void *(*create_data_chunk)(void **, uint64_t);
	void (*destroy_data_chunk)(void **);
	void (*data_chunk_reset)(void *);
	void (*data_chunk_set_size)(void *, uint64_t);
	void *(*data_chunk_get_vector)(void *, uint64_t);
	uint64_t (*vector_size)(void);
	void *(*vector_get_data)(void *);
	void (*vector_assign_string_element_len)(
		void *, uint64_t, const char *, uint64_t);
	void (*vector_ensure_validity_writable)(void *);
	uint64_t *(*vector_get_validity)(void *);
	void (*validity_set_row_invalid)(uint64_t *, uint64_t);
	void *(*struct_vector_get_child)(void *, uint64_t);
	void *(*list_vector_get_child)(void *);
	int (*list_vector_reserve)(void *, uint64_t);
	int (*list_vector_set_size)(void *, uint64_t);
	void *connection;
};

/* False if there is no such library. */
bool duck_open(struct duck *duck);

/* Ends the program if it cannot. */
void duck_run(struct duck *duck, const char *sql);

/* Unpack rows, or whole payments, with protobuf-c into a new table "ev". */
void duck_fill_flat(
	struct duck *duck, const payment_event *events, size_t count);
void duck_fill_nested(
	struct duck *duck, const payment_event *events, size_t count);

#endif /* DUCK_H */
