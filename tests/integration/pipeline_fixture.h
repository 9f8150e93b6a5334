/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PIPELINE_FIXTURE_H
#define PIPELINE_FIXTURE_H

#include <stddef.h>

#include <datapipe/test/fixture.h>

#include "test_heap.h"

/*
 * A pipeline "p" on a fixture of the kit, with memory that is counted and a
 * log that can be searched.
 */
struct pipeline_fixture {
	struct test_heap heap;
	dp_test_fixture *fx;
	dp_pipeline *pipe;
	char log[4096]; /* what was logged, line by line */
	size_t log_size;
};

/* For cmocka. The second one frees the pipeline, and finds leaks. */
int pipeline_setup(void **state);
int pipeline_teardown(void **state);

/* A job "lake" from topic "in" into sink "lake" of the fixture. */
void pipeline_add_lake(struct pipeline_fixture *f, const dp_job_options *opts);

/* A job "route" from topic "raw" to topic "in"; drops type "Noise". */
void pipeline_add_route(struct pipeline_fixture *f);

void pipeline_tell_lake(struct pipeline_fixture *f, dp_test_step step);

/* Publishes count events to a topic with payloads 0, 1, 2, ... */
void pipeline_publish(
	struct pipeline_fixture *f, const char *topic, int first, int count);

/* Ends the pipeline as a crash would, and makes an empty one. */
void pipeline_restart(struct pipeline_fixture *f);

/* The report of job number index, whose counts must add up. */
dp_job_report pipeline_report(struct pipeline_fixture *f, size_t index);

#endif /* PIPELINE_FIXTURE_H */
