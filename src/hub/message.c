/* SPDX-License-Identifier: Apache-2.0 */
#include <datapipe/message.h>

#include <string.h>

#include "hub/attribute.h"
#include "hub/record.h"

/* Messages are records that were taken apart; see dpi_record_parse(). */

static const uint8_t *uuid_of(const dp_message *msg)
{
	return msg->record + 16;
}

dp_bytes dp_message_payload(const dp_message *msg)
{
	return msg->payload;
}

dp_bytes dp_message_attribute(const dp_message *msg, dp_attr attr)
{
	return attr >= 0 && attr < DPI_ATTRS ? msg->known[attr]
					     : dpi_bytes(NULL, 0);
}

dp_bytes dp_message_attribute_by_name(const dp_message *msg, const char *name)
{
	dp_attr attr = dpi_attribute_find(name);
	dp_bytes wanted = dpi_bytes_text(name);
	size_t iter = 0;
	dp_bytes found;
	dp_bytes value;

	if (attr >= 0) {
		return msg->known[attr];
	}
	while (dp_message_next_attribute(msg, &iter, &found, &value)) {
		if (dpi_bytes_equal(found, wanted)) {
			return value;
		}
	}
	return dpi_bytes(NULL, 0);
}

int dp_message_next_attribute(const dp_message *msg, size_t *iter,
	dp_bytes *ret_name, dp_bytes *ret_value)
{
	const uint8_t *begin = msg->attributes.data;
	const uint8_t *end = begin + msg->attributes.size;
	const uint8_t *p = begin + *iter;

	while (p < end) {
		unsigned tag;
		dp_bytes value;

		p = dpi_attribute_next(p, end, &tag, &value);
		*iter = (size_t)(p - begin);
		if (tag == DPI_TAG_OTHER) {
			dpi_attribute_other_split(value, ret_name, ret_value);
			return 1;
		}
	}
	return 0;
}

size_t dp_message_id(const dp_message *msg, char *buf)
{
	if (msg->given_id.data != NULL) {
		memcpy(buf, msg->given_id.data, msg->given_id.size);
		buf[msg->given_id.size] = '\0';
		return msg->given_id.size;
	}
	dpi_uuid_format(buf, uuid_of(msg));
	return DPI_UUID_TEXT;
}

dp_time_ns dp_message_time(const dp_message *msg)
{
	return msg->time;
}

dp_time_ns dp_message_append_time(const dp_message *msg)
{
	return msg->append_time;
}

uint64_t dp_message_writer(const dp_message *msg)
{
	return dpi_uuid_writer(uuid_of(msg));
}

uint64_t dp_message_seq(const dp_message *msg)
{
	return dpi_uuid_seq(uuid_of(msg));
}

const char *dp_message_topic(const dp_message *msg)
{
	return msg->from->topic;
}

uint32_t dp_message_partition(const dp_message *msg)
{
	return msg->from->partition;
}

dp_offset dp_message_offset(const dp_message *msg)
{
	return msg->offset;
}

uint32_t dp_message_attempt(const dp_message *msg)
{
	return msg->attempt;
}
