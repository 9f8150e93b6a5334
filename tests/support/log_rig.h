/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_RIG_H
#define LOG_RIG_H

#include "hub/log/log_hub.h"
#include "test_heap.h"

/* A runtime and a log hub on any system: what most tests of the log begin
 * with. */
struct log_rig {
	struct test_heap heap;
	dp_runtime *rt;
	dp_hub *hub;
	dp_hub_options opts; /* set before log_rig_open(); small segments */
	dp_log_fn log;       /* likewise; NULL */
	void *log_user;
	dp_error *err; /* of the last call that failed */
};

void log_rig_init(struct log_rig *rig);

/* Opens the log; returns what the opening returned. Closes what was made if it
 * fails. */
dp_status log_rig_open(
	struct log_rig *rig, const dpi_os *os, const char *directory);
/* Closes what is open, and checks that all memory came back. */
void log_rig_close(struct log_rig *rig);

/* The writer of a topic, or NULL and err. */
dpi_writer *log_rig_writer(struct log_rig *rig, const char *topic);

dp_hub_stats log_rig_stats(struct log_rig *rig);

#endif /* LOG_RIG_H */
