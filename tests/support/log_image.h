/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_IMAGE_H
#define LOG_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/os.h"

/*
 * All files below a directory, in memory: to be changed in any way, and to be
 * put on another disk as often as a test likes. Ends the test on errors.
 */
struct image_file {
	char *path; /* as it is on the disk */
	uint8_t *data;
	size_t size;
};

struct log_image {
	char **directories; /* upper ones first */
	size_t directory_count;
	struct image_file *files;
	size_t count;
};

void log_image_take(
	struct log_image *image, const dpi_os *os, const char *directory);
void log_image_copy(struct log_image *to, const struct log_image *from);
void log_image_put(const struct log_image *image, const dpi_os *os);
void log_image_free(struct log_image *image);

/* NULL if there is none. Good until the next change of the image's files. */
struct image_file *log_image_find(struct log_image *image, const char *path);
/* Makes the file, or gives it other contents. */
void log_image_set(struct log_image *image, const char *path,
	const uint8_t *data, size_t size);
/* Sets the size; new bytes are zero. */
void log_image_resize(struct image_file *file, size_t size);
void log_image_remove(struct log_image *image, const char *path);

#endif /* LOG_IMAGE_H */
