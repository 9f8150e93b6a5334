/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SCHEMA_CHECK_H
#define SCHEMA_CHECK_H

#include "verb.h"

extern const struct verb schema_check;

#endif /* SCHEMA_CHECK_H */
