/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_DIR_H
#define TEST_DIR_H

/*
 * A directory of its own for each test, in $TMPDIR or /tmp. As setup and
 * teardown of cmocka: *state is the path, and stays so.
 */
int test_dir_setup(void **state);

/* Removes the directory and all below. */
int test_dir_teardown(void **state);

#endif /* TEST_DIR_H */
