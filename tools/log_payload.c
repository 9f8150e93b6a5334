/* SPDX-License-Identifier: Apache-2.0 */
#include "log_payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <datapipe/codec.h>
#include <datapipe/runtime.h>

#include "base/error.h"
#include "sink/event_schemas.h"

/* Codecs that are kept; a log has few types at a time. */
#define CODECS 16

struct log_payload {
	dp_runtime *rt;
	dp_registry *reg;
	dpi_event_schemas schemas;
	unsigned next; /* codec to give up for another */
	struct {
		dp_schema *schema; /* a reference */
		dp_codec *codec;
	} codecs[CODECS];
};

/* dp_registry_open() would make one. */
static dp_status check_directory(const char *directory, dp_error **err)
{
	struct stat facts;

	return stat(directory, &facts) == 0 && S_ISDIR(facts.st_mode)
		? DP_OK
		: dpi_error_set(
			  err, DP_ENOTFOUND, "%s is no directory", directory);
}

static dp_status open_registry(
	struct log_payload *payloads, const char *directory, dp_error **err)
{
	size_t size = strlen("file:") + strlen(directory) + 1;
	char *address = malloc(size);
	dp_status st;

	if (address == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory");
	}
	(void)snprintf(address, size, "file:%s", directory);
	st = dp_registry_open(&payloads->reg, payloads->rt, address, NULL, err);
	free(address);
	return st;
}

dp_status log_payload_open(
	struct log_payload **ret, const char *directory, dp_error **err)
{
	struct log_payload *payloads;
	dp_status st = check_directory(directory, err);

	if (st != DP_OK) {
		return st;
	}
	payloads = calloc(1, sizeof(*payloads));
	if (payloads == NULL) {
		return dpi_error_set(err, DP_ENOMEM, "no memory");
	}
	st = dp_runtime_new(&payloads->rt, NULL, err);
	if (st == DP_OK) {
		st = open_registry(payloads, directory, err);
	}
	if (st != DP_OK) {
		log_payload_close(payloads);
		return st;
	}
	dpi_event_schemas_init(&payloads->schemas, payloads->reg);
	*ret = payloads;
	return DP_OK;
}

void log_payload_close(struct log_payload *payloads)
{
	if (payloads == NULL) {
		return;
	}
	for (unsigned i = 0; i < CODECS; i++) {
		dp_codec_free(payloads->codecs[i].codec);
		dp_schema_unref(payloads->codecs[i].schema);
	}
	dpi_event_schemas_fini(&payloads->schemas);
	dp_registry_close(payloads->reg);
	dp_runtime_free(payloads->rt);
	free(payloads);
}

/* NULL if out of memory. */
static dp_codec *codec_of(struct log_payload *payloads, dp_schema *schema)
{
	dp_codec *codec = NULL;
	unsigned i;

	for (i = 0; i < CODECS; i++) {
		if (payloads->codecs[i].schema == schema) {
			return payloads->codecs[i].codec;
		}
	}
	if (dp_codec_new(&codec, schema, NULL, NULL) != DP_OK) {
		return NULL;
	}
	i = payloads->next++ % CODECS;
	dp_codec_free(payloads->codecs[i].codec);
	dp_schema_unref(payloads->codecs[i].schema);
	payloads->codecs[i].codec = codec;
	payloads->codecs[i].schema = dp_schema_ref(schema);
	return codec;
}

bool log_payload_json(
	struct log_payload *payloads, const dp_message *msg, dp_bytes *ret)
{
	dp_schema *schema = NULL;
	dp_codec *codec;

	if (payloads == NULL ||
		dpi_event_schemas_get(&payloads->schemas, msg, &schema, NULL) !=
			DP_OK ||
		schema == NULL) {
		return false;
	}
	codec = codec_of(payloads, schema);
	return codec != NULL &&
		dp_codec_to_json(codec, dp_message_payload(msg), ret, NULL) ==
		DP_OK;
}
