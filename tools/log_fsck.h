/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_FSCK_H
#define LOG_FSCK_H

#include "verb.h"

extern const struct verb log_fsck;

#endif /* LOG_FSCK_H */
