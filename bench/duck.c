/* SPDX-License-Identifier: Apache-2.0 */
#include "duck.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static void look_up(void *library, const char *name, void *place)
{
	void *symbol = dlsym(library, name);

	if (symbol == NULL) {
		bench_die(name);
	}
	memcpy(place, &symbol, sizeof(symbol));
}

bool duck_open(struct duck *duck)
{
	const char *path = getenv("DP_LIBDUCKDB");
	void *library =
		path != NULL ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
	duck_handle database;

	if (library == NULL) {
		return false;
	}
	look_up(library, "duckdb_open", &duck->open);
	look_up(library, "duckdb_connect", &duck->connect);
	look_up(library, "duckdb_query", &duck->query);
	look_up(library, "duckdb_destroy_result", &duck->destroy_result);
	look_up(library, "duckdb_appender_create", &duck->appender_create);
	look_up(library, "duckdb_append_int64", &duck->append_int64);
	look_up(library, "duckdb_append_int32", &duck->append_int32);
	look_up(library, "duckdb_append_double", &duck->append_double);
	look_up(library, "duckdb_append_bool", &duck->append_bool);
	look_up(library, "duckdb_append_varchar", &duck->append_varchar);
	look_up(library, "duckdb_append_blob", &duck->append_blob);
	look_up(library, "duckdb_appender_end_row", &duck->end_row);
	look_up(library, "duckdb_appender_destroy", &duck->appender_destroy);
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
