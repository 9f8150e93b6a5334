/* SPDX-License-Identifier: Apache-2.0 */
#include "message_maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void make_message(struct made_message *made, const char *topic,
	uint32_t partition, dp_offset offset, const dp_event *ev,
	dpi_source_place place)
{
	uint8_t uuid[DPI_UUID_SIZE];
	dpi_draft draft;

	dpi_uuid_make(uuid, 1767225600123, 77, offset);
	assert_int_equal(dpi_record_draft(&draft, ev, dpi_bytes(NULL, 0),
				 sizeof(made->record), NULL),
		DP_OK);
	if (place.key != 0) {
		dpi_draft_set_place(&draft, place);
	}
	assert_true(draft.size <= sizeof(made->record));
	dpi_record_encode(made->record, &draft, uuid);
	assert_true(dpi_record_parse(&made->msg, made->record, draft.size));
	made->from = (dpi_partition_name){topic, partition};
	made->msg.from = &made->from;
	made->msg.offset = offset;
	made->msg.attempt = 1;
}
