/* SPDX-License-Identifier: Apache-2.0 */
#include "route/dead_letter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define MESSAGE_MAX 1024u
#define NUMBER_SIZE 24u
#define TIME_TEXT_SIZE 64u

dp_status dpi_dead_letters_init(
	dpi_dead_letters *dead, dp_hub *hub, const char *topic, dp_error **err)
{
	dead->topic = topic;
	return dpi_hop_init(&dead->hop, hub, &dead->topic, 1, err);
}

void dpi_dead_letters_fini(dpi_dead_letters *dead)
{
	dpi_hop_fini(&dead->hop);
}

dp_status dpi_dead_letters_learn(dpi_dead_letters *dead, dpi_intake *intake,
	dp_offset from, dp_error **err)
{
	dpi_dead_places_clear(&intake->dead);
	for (size_t slot = 0;; slot++) {
		uint64_t next;
		dp_status st = dpi_hop_next(&dead->hop, 0,
			dpi_intake_subkey(intake->key, slot), &next, err);

		if (st != DP_OK || next == 0) {
			return st;
		}
		if (next > from &&
			!dpi_dead_places_add(&intake->dead, dead->hop.alloc,
				slot, next - 1)) {
			return dpi_error_set(err, DP_ENOMEM,
				"no memory for places in topic %s",
				dead->topic);
		}
	}
}

/* A message of a sink may be any bytes, and may have been cut in a letter. */
static void clean_message(char *out, const char *message)
{
	size_t size = strnlen(message, MESSAGE_MAX);

	memcpy(out, message, size);
	out[size] = '\0';
	if (dpi_utf8_valid(out, size)) {
		return;
	}
	for (size_t i = 0; i < size; i++) {
		if ((out[i] & 0x80) != 0) {
			out[i] = '?';
		}
	}
}

static void format_time(char *out, dp_time_ns time)
{
	int64_t ms = time / DP_MILLISECOND;
	dpi_civil c = dpi_civil_from_seconds(ms / 1000);

	(void)snprintf(out, TIME_TEXT_SIZE,
		"%04" PRId64 "-%02d-%02dT%02d:%02d:%02d.%03dZ", c.year, c.month,
		c.day, c.hour, c.minute, c.second, (int)(ms % 1000));
}

dp_status dpi_dead_letters_stage(dpi_dead_letters *dead, dpi_intake *intake,
	const dp_message *msg, const dpi_death *death, dp_error **err)
{
	char message[MESSAGE_MAX + 1];
	char attempts[NUMBER_SIZE], partition[NUMBER_SIZE], offset[NUMBER_SIZE];
	char first_fail[TIME_TEXT_SIZE];
	const dpi_extra extras[] = {
		{"dpjob", death->job},
		{"dpcause", death->cause},
		{"dpmessage", message},
		{"dpattempts", attempts},
		{"dpfirstfail", first_fail},
		{"dptopic", intake->name.topic},
		{"dppartition", partition},
		{"dpoffset", offset},
	};
	const dpi_source_place place = {
		.key = dpi_intake_subkey(intake->key, intake->dead.used),
		.next = msg->offset + 1,
	};
	dpi_forward forward;
	dp_status st;

	clean_message(message, death->message);
	(void)snprintf(attempts, NUMBER_SIZE, "%" PRIu32, death->attempts);
	(void)snprintf(
		partition, NUMBER_SIZE, "%" PRIu32, intake->name.partition);
	(void)snprintf(offset, NUMBER_SIZE, "%" PRIu64, msg->offset);
	format_time(first_fail, death->first_fail);
	dpi_forward_init(&forward, msg, place, extras,
		sizeof(extras) / sizeof(extras[0]));
	st = dpi_hop_stage(&dead->hop, 0, &forward, err);
	if (st == DP_OK) {
		intake->dead.used++;
	}
	return st;
}
