/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPI_ROUTE_JOB_MESSAGES_H
#define DPI_ROUTE_JOB_MESSAGES_H

/* Numbers of the log messages of jobs; doc/messages.yaml explains them. */

enum {
	DPI_MSG_JOB_PAUSED = 0x6b1f0a93,
	DPI_MSG_JOB_DEAD_LETTERS = 0x2c9e71d4,
	DPI_MSG_JOB_FAILED = 0x51d3be07,
	DPI_MSG_JOB_LEFT_BEHIND = 0x3f8a2c65
};

#endif /* DPI_ROUTE_JOB_MESSAGES_H */
