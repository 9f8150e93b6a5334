/* SPDX-License-Identifier: Apache-2.0 */
#include "test_dir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int test_dir_setup(void **state)
{
	const char *top = getenv("TMPDIR");
	char *path = NULL;

	if (asprintf(&path, "%s/datapipe-XXXXXX", top != NULL ? top : "/tmp") <
		0) {
		return -1;
	}
	if (mkdtemp(path) == NULL) {
		free(path);
		return -1;
	}
	*state = path;
	return 0;
}

static int remove_entry(
	const char *path, const struct stat *about, int kind, struct FTW *walk)
{
	(void)about;
	(void)kind;
	(void)walk;
	return remove(path);
}

int test_dir_teardown(void **state)
{
	int rc = nftw(*state, remove_entry, 16, FTW_DEPTH | FTW_PHYS);

	free(*state);
	return rc;
}
