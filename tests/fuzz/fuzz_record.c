/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hub/record.h"

/*
 * Input: a record, whose size field is made right so that the rest of it is
 * reached. Whatever can be parsed must lie inside and be fit to be walked.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int is_true)
{
	if (!is_true) {
		abort();
	}
}

/* Reads all of it, so that a sanitizer sees what is out of bounds. */
static void touch(dp_bytes bytes, const uint8_t *record, size_t size)
{
	const uint8_t *p = bytes.data;
	volatile uint8_t sum = 0;

	need(p >= record && bytes.size <= size - (size_t)(p - record));
	for (size_t i = 0; i < bytes.size; i++) {
		sum = (uint8_t)(sum + p[i]);
	}
}

static void walk(const dp_message *msg, const uint8_t *record, size_t size)
{
	char id[DP_ID_SIZE];
	dp_bytes name;
	dp_bytes value;
	size_t iter = 0;

	touch(dp_message_payload(msg), record, size);
	for (dp_attr i = 0; i < DPI_ATTRS; i++) {
		value = dp_message_attribute(msg, i);
		if (value.data != NULL && i != DP_ATTR_DATACONTENTTYPE) {
			touch(value, record, size);
		}
	}
	while (dp_message_next_attribute(msg, &iter, &name, &value)) {
		need(name.size > 0);
		touch(name, record, size);
		touch(value, record, size);
	}
	need(dp_message_id(msg, id) < DP_ID_SIZE);
	(void)dp_message_attribute_by_name(msg, "tenant");
	(void)dp_message_time(msg);
	(void)dp_message_writer(msg);
	(void)dp_message_seq(msg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dpi_source_place place;
	dp_message msg;
	uint8_t *record;

	(void)dpi_record_parse(&msg, data, size < 8 ? 0 : size);
	if (size < 8 || size > DPI_RECORD_MAX) {
		return 0;
	}
	record = malloc(size);
	need(record != NULL);
	memcpy(record, data, size);
	dpi_store_u32(record + 4, (uint32_t)size);
	(void)dpi_record_check(record, size, 1);
	if (dpi_record_place(&place, record, size)) {
		need(place.key != 0);
	}
	if (dpi_record_parse(&msg, record, size)) {
		walk(&msg, record, size);
	}
	free(record);
	return 0;
}
