/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/event_schemas.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define SCHEME "dp:"

/* Longer names are of no type that a registry has. */
#define TYPE_MAX_BYTES 512
#define FINGERPRINT_BYTES 32

dp_bytes dpi_event_fingerprint(const dp_message *msg)
{
	dp_bytes schema = dp_message_attribute(msg, DP_ATTR_DATASCHEMA);
	size_t prefix = strlen(SCHEME);

	if (schema.size <= prefix || memcmp(schema.data, SCHEME, prefix) != 0) {
		return dpi_bytes(NULL, 0);
	}
	return dpi_bytes(
		(const char *)schema.data + prefix, schema.size - prefix);
}

void dpi_event_schemas_init(dpi_event_schemas *schemas, dp_registry *reg)
{
	memset(schemas, 0, sizeof(*schemas));
	schemas->reg = reg;
}

void dpi_event_schemas_fini(dpi_event_schemas *schemas)
{
	for (size_t i = 0; i < DPI_EVENT_SCHEMAS_SLOTS; i++) {
		dp_schema_unref(schemas->slots[i].schema);
	}
}

void dpi_event_schemas_begin(dpi_event_schemas *schemas)
{
	schemas->batch++;
}

static bool is_text(dp_bytes bytes, const char *text)
{
	return bytes.size == strlen(text) &&
		memcmp(bytes.data, text, bytes.size) == 0;
}

/* Asks the registry; *ret is a reference, or NULL. */
static dp_status look_up(dp_registry *reg, dp_bytes type, dp_bytes fingerprint,
	dp_schema **ret, dp_error **err)
{
	char name[TYPE_MAX_BYTES + 1];
	char digits[FINGERPRINT_BYTES + 1];
	dp_status st;

	*ret = NULL;
	if (type.size > TYPE_MAX_BYTES ||
		fingerprint.size > FINGERPRINT_BYTES ||
		memchr(type.data, '\0', type.size) != NULL) {
		return DP_OK;
	}
	memcpy(name, type.data, type.size);
	name[type.size] = '\0';
	if (fingerprint.size > 0) {
		memcpy(digits, fingerprint.data, fingerprint.size);
		digits[fingerprint.size] = '\0';
		st = dp_registry_find(reg, ret, name, digits, err);
	} else {
		st = dp_registry_get(reg, ret, name, 0, err);
	}
	if (st == DP_ENOTFOUND || st == DP_ESCHEMA || st == DP_ETOOBIG ||
		st == DP_ECORRUPT) {
		dpi_error_clear(err);
		return DP_OK;
	}
	return st;
}

static dp_status find(dpi_event_schemas *schemas, dp_bytes type,
	dp_bytes fingerprint, dp_schema **ret, dp_error **err)
{
	uint64_t hash = dpi_hash64(dpi_hash64(1, type.data, type.size),
		fingerprint.data, fingerprint.size);
	size_t at = (size_t)(hash % DPI_EVENT_SCHEMAS_SLOTS);
	dp_schema *schema = schemas->slots[at].schema;
	bool is_fresh = schemas->slots[at].batch == schemas->batch ||
		(schema != NULL && fingerprint.size > 0);
	dp_status st;

	if (schemas->slots[at].hash == hash && is_fresh &&
		(schema == NULL || is_text(type, dp_schema_type(schema)))) {
		*ret = schema;
		return DP_OK;
	}
	st = look_up(schemas->reg, type, fingerprint, &schema, err);
	if (st == DP_OK) {
		dp_schema_unref(schemas->slots[at].schema);
		schemas->slots[at].schema = schema;
		schemas->slots[at].hash = hash;
		schemas->slots[at].batch = schemas->batch;
		*ret = schema;
	}
	return st;
}

dp_status dpi_event_schemas_get(dpi_event_schemas *schemas,
	const dp_message *msg, dp_schema **ret, dp_error **err)
{
	dp_bytes type;

	*ret = NULL;
	if (schemas->reg == NULL) {
		return DP_OK;
	}
	type = dp_message_attribute(msg, DP_ATTR_TYPE);
	return type.size > 0
		? find(schemas, type, dpi_event_fingerprint(msg), ret, err)
		: DP_OK;
}
