/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OUT_FILE_H
#define OUT_FILE_H

#include <stddef.h>

/* The one file that a bench writes, again and again. Each ends the program if
 * it fails. */
extern char out_path[300];

/* In a new folder; removed by bench_rmdir(folder). */
void out_make(char *folder, size_t size, const char *name);
/* Empty, for writing. */
int out_create(void);
void out_write(int fd, const void *data, size_t size);
double out_size(void);

#endif /* OUT_FILE_H */
