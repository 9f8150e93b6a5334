/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_DUMP_H
#define LOG_DUMP_H

#include "verb.h"

extern const struct verb log_dump;

#endif /* LOG_DUMP_H */
