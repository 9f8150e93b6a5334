/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALL_KINDS_H
#define ALL_KINDS_H

#include "set_builder.h"

/*
 * Adds a message `t.M` with a bit of everything: a required string, times,
 * closed enums, maps, JSON, wrappers, packed numbers, and itself.
 */
void describe_all_kinds(struct set_builder *b);

#endif /* ALL_KINDS_H */
