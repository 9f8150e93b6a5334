/* SPDX-License-Identifier: Apache-2.0 */
#include "sink_kinds.h"

const struct sink_kind *const sink_kinds[] = {
	&lake_kind,
	&files_kind,
	&sqlite_kind,
	NULL,
};
