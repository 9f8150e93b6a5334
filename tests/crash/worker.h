/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WORKER_H
#define WORKER_H

#include <datapipe/datapipe.h>

/* What the programs have in common that tests of crashes start and kill. */

/* Ends the program with 1, and says what, unless st is DP_OK. Frees nothing. */
void worker_check(dp_status st, const dp_error *err, const char *what);

/* scheme, directory and "/name", in memory that lasts for seven more. */
char *worker_path(const char *scheme, const char *directory, const char *name);

/* The log DIRECTORY/hub, with segments so small that kills meet new ones. */
dp_hub *worker_open_hub(dp_runtime *rt, const char *directory);

/* Opens DIRECTORY/KIND.RUN, to add notes to. */
int worker_open_notes(const char *directory, const char *kind, const char *run);
/* Adds to it, so that it survives this process. */
void worker_note(int fd, const void *data, size_t size);

#endif /* WORKER_H */
