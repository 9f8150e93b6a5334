/* SPDX-License-Identifier: Apache-2.0 */
#include "protoc.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * The texts go to files in a directory of their own, which is removed in the
 * end. The library lets no name out of it.
 */

#define PATH_MAX_BYTES 1024
#define SET_MAX ((size_t)16 << 20)

extern char **environ;

static const char *failed(struct protoc *protoc, const char *what)
{
	(void)snprintf(protoc->why, sizeof(protoc->why), "%s: %s", what,
		strerror(errno));
	return protoc->why;
}

/* Makes the directories on the way to path, behind its first `from` bytes. */
static bool make_way(char *path, size_t from)
{
	for (char *p = strchr(path + from, '/'); p != NULL;
		p = strchr(p + 1, '/')) {
		int rc;

		*p = '\0';
		rc = mkdir(path, 0700);
		*p = '/';
		if (rc != 0 && errno != EEXIST) {
			return false;
		}
	}
	return true;
}

static bool write_source(const char *directory, const dp_proto_source *source)
{
	char path[PATH_MAX_BYTES];
	FILE *file;
	bool is_written;

	(void)snprintf(
		path, sizeof(path), "%s/src/%s", directory, source->name);
	if (!make_way(path, strlen(directory) + 1)) {
		return false;
	}
	file = fopen(path, "wbx");
	if (file == NULL) {
		return false;
	}
	is_written = fwrite(source->text.data, 1, source->text.size, file) ==
		source->text.size;
	return (fclose(file) == 0) && is_written;
}

/* Returns an errno; *ret_status is what wait tells. */
static int spawn(const struct protoc *protoc, const char *directory,
	const char *root, int *ret_status)
{
	char include[PATH_MAX_BYTES];
	char out[PATH_MAX_BYTES];
	char said[PATH_MAX_BYTES];
	char include_imports[] = "--include_imports";
	char program[PATH_MAX_BYTES];
	char file[PATH_MAX_BYTES];
	char *argv[] = {program, include, include_imports, out, file, NULL};
	posix_spawn_file_actions_t actions;
	pid_t child = 0;
	int rc = posix_spawn_file_actions_init(&actions);

	if (rc != 0) {
		return rc;
	}
	(void)snprintf(program, sizeof(program), "%s", protoc->program);
	(void)snprintf(file, sizeof(file), "%s", root);
	(void)snprintf(include, sizeof(include), "-I%s/src", directory);
	(void)snprintf(
		out, sizeof(out), "--descriptor_set_out=%s/set", directory);
	(void)snprintf(said, sizeof(said), "%s/said", directory);
	rc = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, said,
		O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (rc == 0) {
		rc = posix_spawnp(
			&child, program, &actions, NULL, argv, environ);
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	if (rc != 0) {
		return rc;
	}
	return waitpid(child, ret_status, 0) == child ? 0 : errno;
}

/* The whole of a small file, or its first bytes; NULL if there is none. */
static char *read_file(
	const char *directory, const char *name, size_t most, size_t *ret_size)
{
	char path[PATH_MAX_BYTES];
	char *data = NULL;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "rb");
	if (file == NULL) {
		return NULL;
	}
	data = malloc(most + 1);
	if (data != NULL) {
		*ret_size = fread(data, 1, most, file);
		data[*ret_size] = '\0';
	}
	(void)fclose(file);
	return data;
}

/* What protoc said, without the directory that nobody knows. */
static const char *complaint(struct protoc *protoc, const char *directory)
{
	size_t size = 0;
	char *said =
		read_file(directory, "said", sizeof(protoc->why) - 64, &size);

	(void)snprintf(protoc->why, sizeof(protoc->why), "%s: %s",
		protoc->program,
		said != NULL && size > 0 ? said : "it failed without a word");
	free(said);
	return protoc->why;
}

static const char *compile_in(struct protoc *protoc, const char *directory,
	const dp_proto_source *sources, size_t count, dp_compiled_fn compiled,
	void *sink)
{
	int status = 0;
	size_t size = 0;
	char *set;

	for (size_t i = 0; i < count; i++) {
		if (!write_source(directory, &sources[i])) {
			return failed(protoc, sources[i].name);
		}
	}
	errno = spawn(protoc, directory, sources[count - 1].name, &status);
	if (errno != 0) {
		return failed(protoc, protoc->program);
	}
	if (status != 0) {
		return complaint(protoc, directory);
	}
	set = read_file(directory, "set", SET_MAX, &size);
	if (set == NULL) {
		return failed(protoc, "what protoc wrote");
	}
	compiled(sink, set, size);
	free(set);
	return NULL;
}

static int remove_one(
	const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

const char *protoc_compile(void *user, const dp_proto_source *sources,
	size_t count, dp_compiled_fn compiled, void *sink)
{
	struct protoc *protoc = user;
	const char *tmp = getenv("TMPDIR");
	char directory[PATH_MAX_BYTES / 2];
	const char *why;

	(void)snprintf(directory, sizeof(directory),
		"%s/datapipe-protoc-XXXXXX",
		tmp != NULL && strlen(tmp) < 256 ? tmp : "/tmp");
	if (mkdtemp(directory) == NULL) {
		return failed(protoc, directory);
	}
	why = compile_in(protoc, directory, sources, count, compiled, sink);
	(void)nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return why;
}
