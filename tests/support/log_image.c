/* SPDX-License-Identifier: Apache-2.0 */
#include "log_image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 4096

/* For release builds, too. */
static void need(bool is_true)
{
	if (!is_true) {
		abort();
	}
}

static void *memory(void *block, size_t size)
{
	block = realloc(block, size > 0 ? size : 1);
	need(block != NULL);
	return block;
}

static char *copy_text(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(memory(NULL, size), text, size);
}

struct image_file *log_image_find(struct log_image *image, const char *path)
{
	for (size_t i = 0; i < image->count; i++) {
		if (strcmp(image->files[i].path, path) == 0) {
			return &image->files[i];
		}
	}
	return NULL;
}

void log_image_resize(struct image_file *file, size_t size)
{
	file->data = memory(file->data, size);
	if (size > file->size) {
		memset(file->data + file->size, 0, size - file->size);
	}
	file->size = size;
}

void log_image_set(struct log_image *image, const char *path,
	const uint8_t *data, size_t size)
{
	struct image_file *file = log_image_find(image, path);

	if (file == NULL) {
		image->files = memory(image->files,
			(image->count + 1) * sizeof(*image->files));
		file = &image->files[image->count++];
		*file = (struct image_file){.path = copy_text(path)};
	}
	log_image_resize(file, size);
	if (size > 0) {
		memcpy(file->data, data, size);
	}
}

void log_image_remove(struct log_image *image, const char *path)
{
	struct image_file *file = log_image_find(image, path);

	need(file != NULL);
	free(file->path);
	free(file->data);
	*file = image->files[--image->count];
}

static void add_directory(struct log_image *image, const char *path)
{
	image->directories = memory(image->directories,
		(image->directory_count + 1) * sizeof(*image->directories));
	image->directories[image->directory_count++] = copy_text(path);
}

static void take_file(
	struct log_image *image, const dpi_os *os, const char *path)
{
	int fd = os->open(os->self, path, DPI_OPEN_READ);
	struct image_file *file;
	int64_t size;

	need(fd >= 0);
	size = os->size(os->self, fd);
	need(size >= 0);
	log_image_set(image, path, NULL, 0);
	file = log_image_find(image, path);
	log_image_resize(file, (size_t)size);
	need(dpi_os_read_all(os, fd, file->data, file->size, 0) == size);
	os->close(os->self, fd);
}

/* Listings do not nest, so names are gathered first. */
struct names {
	char *names[64];
	size_t count;
};

static bool take_entry(void *user, const char *name)
{
	struct names *names = user;

	need(names->count < sizeof(names->names) / sizeof(*names->names));
	names->names[names->count++] = copy_text(name);
	return true;
}

void log_image_take(
	struct log_image *image, const dpi_os *os, const char *directory)
{
	struct names names = {.count = 0};

	*image = (struct log_image){.count = 0};

	add_directory(image, directory);
	for (size_t d = 0; d < image->directory_count; d++) {
		names.count = 0;
		need(os->list(os->self, image->directories[d], take_entry,
			     &names) == 0);
		for (size_t i = 0; i < names.count; i++) {
			struct names below = {.count = 0};
			char path[PATH_BYTES];

			snprintf(path, sizeof(path), "%s/%s",
				d == 0 && strcmp(directory, "/") == 0
					? ""
					: image->directories[d],
				names.names[i]);
			free(names.names[i]);
			if (os->list(os->self, path, take_entry, &below) == 0) {
				add_directory(image, path);
			} else {
				take_file(image, os, path);
			}
			while (below.count > 0) {
				free(below.names[--below.count]);
			}
		}
	}
}

void log_image_copy(struct log_image *to, const struct log_image *from)
{
	*to = (struct log_image){.count = 0};
	for (size_t i = 0; i < from->directory_count; i++) {
		add_directory(to, from->directories[i]);
	}
	for (size_t i = 0; i < from->count; i++) {
		log_image_set(to, from->files[i].path, from->files[i].data,
			from->files[i].size);
	}
}

void log_image_put(const struct log_image *image, const dpi_os *os)
{
	for (size_t i = 0; i < image->directory_count; i++) {
		int rc = os->mkdir(os->self, image->directories[i]);

		need(rc == 0 || rc == -EEXIST);
	}
	for (size_t i = 0; i < image->count; i++) {
		const struct image_file *file = &image->files[i];
		int fd = os->open(os->self, file->path, DPI_OPEN_CREATE);

		need(fd >= 0);
		need(os->truncate(os->self, fd, 0) == 0);
		need(dpi_os_write_all(os, fd, file->data, file->size, 0) == 0);
		os->close(os->self, fd);
	}
}

void log_image_free(struct log_image *image)
{
	for (size_t i = 0; i < image->directory_count; i++) {
		free(image->directories[i]);
	}
	for (size_t i = 0; i < image->count; i++) {
		free(image->files[i].path);
		free(image->files[i].data);
	}
	free(image->directories);
	free(image->files);
}
