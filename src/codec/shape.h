/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_CODEC_SHAPE_H
#define DPI_CODEC_SHAPE_H

#include "schema/descriptor.h"

/*
 * What a message may be treated as: its well-known type, if its fields are
 * those of that type. A set may bring a google.protobuf.Timestamp of its own,
 * and one with other fields is a message like any other.
 */
dpi_well_known dpi_shape_of(const dpi_message_type *type);

#endif /* DPI_CODEC_SHAPE_H */
