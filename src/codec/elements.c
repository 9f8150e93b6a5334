/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/elements.h"

static void enter_run(dpi_elements *elements)
{
	elements->p = elements->coder->wire + elements->run.start;
	elements->end = elements->coder->wire + elements->run.end;
}

dpi_elements dpi_elements_of(const dpi_coder *coder,
	const dpi_plan_field *field, const dpi_slot *slot)
{
	dpi_elements elements = {.coder = coder, .field = field};

	if (slot->count > 0) {
		elements.run = *dpi_coder_run(coder, slot->first);
		enter_run(&elements);
	}
	return elements;
}

/* Comes to the next field that has a value; false if there is none. */
static bool next_field(dpi_elements *elements)
{
	const uint8_t *data = NULL;
	uint32_t tag = 0;
	size_t size;

	while (elements->p == elements->packed_end ||
		elements->packed_end == NULL) {
		if (elements->p == elements->end) {
			if (elements->run.next == 0) {
				return false;
			}
			elements->run = *dpi_coder_run(
				elements->coder, elements->run.next);
			enter_run(elements);
		}
		elements->p =
			dpi_wire_get_tag(elements->p, elements->end, &tag);
		if (tag != elements->field->packed_tag) {
			elements->packed_end = NULL;
			return true;
		}
		elements->p = dpi_wire_get_bytes(
			elements->p, elements->end, &data, &size);
		elements->packed_end = elements->p;
		elements->p = data;
	}
	return true;
}

bool dpi_elements_next(dpi_elements *elements, dpi_slot *ret)
{
	const dpi_plan_field *f = elements->field;
	dpi_wire_value value = {0};

	do {
		if (!next_field(elements)) {
			return false;
		}
		elements->p = dpi_wire_get_value(
			elements->p, elements->end, f->tag, 1, &value);
	} while (f->read == DPI_READ_REPEATED_ENUM &&
		dpi_plan_enum_find(f->enumeration, (int32_t)value.bits) ==
			NULL);

	*ret = (dpi_slot){.count = 1};
	if (f->element < DPI_READ_BYTES || f->element == DPI_READ_ENUM) {
		ret->bits = value.bits;
	} else {
		ret->start = (uint32_t)(value.data - elements->coder->wire);
		ret->size = (uint32_t)value.size;
	}
	return true;
}
