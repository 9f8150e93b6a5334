/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPIPE_TIME_H
#define DATAPIPE_TIME_H

/**
 * @file
 * Time, always in nanoseconds.
 */

#include <stdint.h>

/** Nanoseconds: a duration, or since 1970-01-01T00:00:00Z if a point. */
typedef int64_t dp_time_ns;

/** One microsecond. */
#define DP_MICROSECOND ((dp_time_ns)1000)
/** One millisecond. */
#define DP_MILLISECOND ((dp_time_ns)1000000)
/** One second. */
#define DP_SECOND ((dp_time_ns)1000000000)
/** As a timeout: never give up. As a duration: unlimited. */
#define DP_FOREVER INT64_MAX

#endif /* DATAPIPE_TIME_H */
