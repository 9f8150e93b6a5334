/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_ELEMENTS_H
#define DPI_CODEC_ELEMENTS_H

#include "codec/coder.h"

/* The values of a repeated field that is not a map, one after another. */
typedef struct dpi_elements {
	const dpi_coder *coder;
	const dpi_plan_field *field;
	dpi_run run;
	const uint8_t *p, *end;    /* of the run */
	const uint8_t *packed_end; /* of the packed values at p, or NULL */
} dpi_elements;

dpi_elements dpi_elements_of(const dpi_coder *coder,
	const dpi_plan_field *field, const dpi_slot *slot);

/* False after the last. */
bool dpi_elements_next(dpi_elements *elements, dpi_slot *ret);

#endif /* DPI_CODEC_ELEMENTS_H */
