/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/store.h"

#include <string.h>

#include "base/error.h"
#include "sink/store_local.h"

#define SCHEME_FILE "file:"

dp_status dp_store_open(dp_store **ret_store, dp_runtime *rt,
	const char *address, dp_error **err)
{
	dp_status st;

	if (ret_store == NULL || rt == NULL || address == NULL) {
		return dpi_error_set(err, DP_EINVAL,
			"ret_store, rt or address of a store is NULL");
	}
	st = dpi_runtime_check(rt, err);
	if (st != DP_OK) {
		return st;
	}
	if (strncmp(address, SCHEME_FILE, strlen(SCHEME_FILE)) != 0 ||
		address[strlen(SCHEME_FILE)] == '\0') {
		return dpi_error_set(err, DP_EINVAL,
			"store address '%s' is not \"file:DIRECTORY\"",
			address);
	}
	return dpi_store_local_open(
		ret_store, rt, address + strlen(SCHEME_FILE), err);
}

void dp_store_close(dp_store *store)
{
	if (store != NULL) {
		store->ops->close(store);
	}
}
