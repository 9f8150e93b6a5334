/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SINK_KINDS_H
#define SINK_KINDS_H

#include "sink_rig.h"

/* Every sink that keeps positions; NULL is the last. */
extern const struct sink_kind *const sink_kinds[];

extern const struct sink_kind lake_kind;
extern const struct sink_kind files_kind;
extern const struct sink_kind sqlite_kind;

#endif /* SINK_KINDS_H */
