/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_CURSORS_H
#define LOG_CURSORS_H

#include "log_report.h"

/*
 * Checks what subscriptions have written: what they read, and how far they
 * are. With topics, only how far they are there.
 *
 * Errors: DP_EIO, DP_EDENIED, DP_ENOMEM
 */
DP_NODISCARD dp_status log_cursors_check(struct log_files *log,
	struct report *report, const char *const *topics, size_t topic_count,
	dp_error **err);

#endif /* LOG_CURSORS_H */
