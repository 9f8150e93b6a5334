/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SCHEMA_IMPORT_H
#define SCHEMA_IMPORT_H

#include "verb.h"

extern const struct verb schema_import;

#endif /* SCHEMA_IMPORT_H */
