/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confluent_client URL REGISTRY TIMEOUT_MS ANSWER_BYTES PROTOC COMMAND ARGUMENT
 *
 *   import SUBJECT ("" for all)  prints how many of what
 *   resolve HEX                  reads the prefix of a payload and finds its
 *                                schema; prints the type, the fingerprint, the
 *                                prefix written again, and the bytes behind it
 *
 * PROTOC "": texts are not compiled. A failure is printed as its status and
 * message, with exit status 1.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <datapipe/datapipe.h>

#include "../../tools/protoc.h"

enum { PAYLOAD_MAX = 4096 };

static void check(dp_status st, dp_error **err)
{
	if (st != DP_OK) {
		(void)printf(
			"%s %s\n", dp_status_name(st), dp_error_message(*err));
		(void)fflush(stdout);
		exit(1);
	}
}

static void print_hex(const unsigned char *bytes, size_t size)
{
	(void)printf(" ");
	for (size_t i = 0; i < size; i++) {
		(void)printf("%02x", bytes[i]);
	}
}

static void import_subject(dp_confluent *client, const char *subject)
{
	dp_confluent_report report;
	dp_error *err = NULL;

	check(dp_confluent_import(
		      client, *subject != '\0' ? subject : NULL, &report, &err),
		&err);
	(void)printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", report.subjects,
		report.versions, report.skipped);
}

static void resolve(dp_confluent *client, const char *hex)
{
	unsigned char payload[PAYLOAD_MAX];
	unsigned char again[DP_CONFLUENT_PREFIX_MAX];
	dp_confluent_prefix prefix;
	dp_schema *schema = NULL;
	dp_error *err = NULL;
	size_t size = 0;
	size_t begin = 0;
	size_t written = 0;
	unsigned byte;

	while (size < PAYLOAD_MAX &&
		sscanf(hex + 2 * size, "%2x", &byte) == 1) {
		payload[size++] = (unsigned char)byte;
	}
	check(dp_confluent_prefix_read(&prefix, &begin, payload, size, &err),
		&err);
	for (int i = 0; i < 2; i++) {
		check(dp_confluent_resolve(client, &prefix, &schema, &err),
			&err);
		if (i == 0) {
			dp_schema_unref(schema);
		}
	}
	check(dp_confluent_prefix_write(
		      &prefix, again, sizeof(again), &written, &err),
		&err);
	(void)printf(
		"%s %s", dp_schema_type(schema), dp_schema_fingerprint(schema));
	print_hex(again, written);
	print_hex(payload + begin, size - begin);
	(void)printf("\n");
	dp_schema_unref(schema);
}

int main(int argc, char **argv)
{
	dp_confluent_options opts = DP_CONFLUENT_OPTIONS_INIT;
	struct protoc protoc = {.program = NULL};
	dp_confluent *client = NULL;
	dp_registry *reg = NULL;
	dp_runtime *rt = NULL;
	dp_error *err = NULL;

	if (argc != 8) {
		return 2;
	}
	opts.timeout_ns = strtol(argv[3], NULL, 10) * DP_MILLISECOND;
	opts.answer_bytes = strtoul(argv[4], NULL, 10);
	protoc.program = argv[5];
	if (*argv[5] != '\0') {
		opts.compile = protoc_compile;
		opts.user = &protoc;
	}
	check(dp_runtime_new(&rt, NULL, &err), &err);
	check(dp_registry_open(&reg, rt, argv[2], NULL, &err), &err);
	check(dp_confluent_new(&client, rt, argv[1], reg, &opts, &err), &err);
	if (strcmp(argv[6], "import") == 0) {
		import_subject(client, argv[7]);
	} else {
		resolve(client, argv[7]);
	}
	dp_confluent_free(client);
	dp_registry_close(reg);
	dp_runtime_free(rt);
	return 0;
}
