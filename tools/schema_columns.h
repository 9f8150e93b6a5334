/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SCHEMA_COLUMNS_H
#define SCHEMA_COLUMNS_H

#include "verb.h"

extern const struct verb schema_columns;

#endif /* SCHEMA_COLUMNS_H */
