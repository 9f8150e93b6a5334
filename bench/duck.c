/* SPDX-License-Identifier: Apache-2.0 */
#include "duck.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static void look_up(void *library, const char *name, void *place)
{
	char full[64];
	void *symbol;

	(void)snprintf(full, sizeof(full), "duckdb_%s", name);
	symbol = dlsym(library, full);
	if (symbol == NULL) {
		bench_die(full);
	}
	memcpy(place, &symbol, sizeof(symbol));
}

#define LOOK_UP(name) look_up(library, #name, &duck->name)

static void look_up_all(struct duck *duck, void *library)
{
	LOOK_UP(open);
	LOOK_UP(connect);
	LOOK_UP(query);
	LOOK_UP(destroy_result);
	LOOK_UP(appender_create);
	LOOK_UP(appender_column_count);
	LOOK_UP(appender_column_type);
	LOOK_UP(append_int64);
	LOOK_UP(append_int32);
	LOOK_UP(append_double);
	LOOK_UP(append_bool);
	LOOK_UP(append_varchar);
	LOOK_UP(append_blob);
	LOOK_UP(append_data_chunk);
	LOOK_UP(appender_end_row);
	LOOK_UP(appender_destroy);
	LOOK_UP(destroy_logical_type);
	LOOK_UP(create_data_chunk);
	LOOK_UP(destroy_data_chunk);
	LOOK_UP(data_chunk_reset);
	LOOK_UP(data_chunk_set_size);
	LOOK_UP(data_chunk_get_vector);
	LOOK_UP(vector_size);
	LOOK_UP(vector_get_data);
	LOOK_UP(vector_assign_string_element_len);
	LOOK_UP(vector_ensure_validity_writable);
	LOOK_UP(vector_get_validity);
	LOOK_UP(validity_set_row_invalid);
	LOOK_UP(struct_vector_get_child);
	LOOK_UP(list_vector_get_child);
	LOOK_UP(list_vector_reserve);
	LOOK_UP(list_vector_set_size);
}

bool duck_open(struct duck *duck)
{
	const char *path = getenv("DP_LIBDUCKDB");
	void *library =
		path != NULL ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
	void *database;

	if (library == NULL) {
		return false;
	}
	look_up_all(duck, library);
	if (duck->open(NULL, &database) != 0 ||
		duck->connect(database, &duck->connection) != 0) {
		bench_die("open DuckDB");
	}
	duck_run(duck, "SET threads = 1");
	return true;
}

void duck_run(struct duck *duck, const char *sql)
{
	duck_result result;

	if (duck->query(duck->connection, sql, &result) != 0) {
		bench_die(sql);
	}
	duck->destroy_result(&result);
}
