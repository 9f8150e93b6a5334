/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SCHEMA_RECOVER_H
#define SCHEMA_RECOVER_H

#include "verb.h"

/* datapipe schema recover: what is in a column `_unknown`, by a newer schema. */
extern const struct verb schema_recover;

#endif /* SCHEMA_RECOVER_H */
