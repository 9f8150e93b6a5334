/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "test/fixture_parts.h"

void dpi_arrivals_init(dpi_arrivals *arrivals)
{
	*arrivals = (dpi_arrivals){.last = &arrivals->first};
}

bool dpi_arrivals_add(dpi_arrivals *arrivals, const dp_allocator *alloc,
	const char *at, dp_batch *batch, const dp_message *msg)
{
	dpi_arrival *made = dpi_zalloc(alloc, 1, sizeof(*made));

	if (made == NULL) {
		return false;
	}
	made->batch = dp_batch_ref(batch);
	made->msg = msg;
	made->at = at;
	*arrivals->last = made;
	arrivals->last = &made->next;
	arrivals->count++;
	return true;
}

void dpi_arrivals_move(dpi_arrivals *to, dpi_arrivals *from)
{
	if (from->first != NULL) {
		*to->last = from->first;
		to->last = from->last;
		to->count += from->count;
		dpi_arrivals_init(from);
	}
}

void dpi_arrivals_clear(dpi_arrivals *arrivals, const dp_allocator *alloc)
{
	while (arrivals->first != NULL) {
		dpi_arrival *arrival = arrivals->first;

		arrivals->first = arrival->next;
		dp_batch_unref(arrival->batch);
		dpi_free(alloc, arrival, 1, sizeof(*arrival));
	}
	dpi_arrivals_init(arrivals);
}
