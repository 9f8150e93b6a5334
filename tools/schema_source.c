/* SPDX-License-Identifier: Apache-2.0 */
#include "schema_source.h"

#include <stdlib.h>
#include <string.h>

#include <datapipe/registry.h>
#include <datapipe/runtime.h>

#include "io/files.h"

static dp_status read_version(dpi_buf *set, const char *registry,
	const char *type, uint32_t version, dp_error **err)
{
	dp_schema *schema = NULL;
	dp_registry *reg = NULL;
	dp_runtime *rt = NULL;
	dp_status st = dp_runtime_new(&rt, NULL, err);

	if (st == DP_OK) {
		st = dp_registry_open(&reg, rt, registry, NULL, err);
	}
	if (st == DP_OK) {
		st = dp_registry_get(reg, &schema, type, version, err);
	}
	if (st == DP_OK) {
		dp_bytes bytes = dp_schema_descriptor_set(schema);

		st = dpi_buf_append(set, bytes.data, bytes.size);
		dp_schema_unref(schema);
	}
	dp_registry_close(reg);
	dp_runtime_free(rt);
	return st;
}

dp_status schema_source_read(dpi_buf *set, const char *registry,
	const char *type, const char *from, dp_error **err)
{
	bool is_version =
		registry != NULL && strspn(from, "0123456789") == strlen(from);

	return is_version ? read_version(set, registry, type,
				    (uint32_t)strtoul(from, NULL, 10), err)
			  : dpi_files_read(dpi_os_real(), from, set, err);
}
