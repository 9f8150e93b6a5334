/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TABLE_RECOVER_H
#define TABLE_RECOVER_H

#include "verb.h"

/* datapipe table recover: what is in `_unknown` goes into columns. */
extern const struct verb table_recover;

#endif /* TABLE_RECOVER_H */
