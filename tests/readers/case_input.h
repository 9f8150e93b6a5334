/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CASE_INPUT_H
#define CASE_INPUT_H

#include <stdint.h>
#include <stdio.h>

#include <datapipe/bytes.h>
#include <datapipe/status.h>

/*
 * Cases on standard input, for programs that readers of others drive: a
 * number is a u32 in little-endian, a text is its size and bytes. Whatever is
 * wrong ends the program.
 */

void die(const char *what, dp_error *err);

/* Reads all of it; end_input() frees it. */
void read_input(void);
void end_input(void);
int has_input(void);

uint32_t get_number(void);
dp_bytes get_text(void);
/* The caller's, who frees it. */
char *get_string(void);

void put_number(FILE *file, uint32_t value);
void put_text(FILE *file, dp_bytes text);

#endif /* CASE_INPUT_H */
