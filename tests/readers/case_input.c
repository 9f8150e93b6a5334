/* SPDX-License-Identifier: Apache-2.0 */
#include "case_input.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static uint8_t *input;
static size_t input_size, input_at;

void die(const char *what, dp_error *err)
{
	fprintf(stderr, "%s: %s\n", what, dp_error_message(err));
	exit(1);
}

void read_input(void)
{
	size_t room = 1 << 20;

	input = malloc(room);
	while (input != NULL) {
		input_size +=
			fread(input + input_size, 1, room - input_size, stdin);
		if (input_size < room) {
			return;
		}
		room *= 2;
		input = realloc(input, room);
	}
	die("standard input: no memory", NULL);
}

void end_input(void)
{
	free(input);
}

int has_input(void)
{
	return input_at < input_size;
}

uint32_t get_number(void)
{
	uint32_t value;

	if (input_size - input_at < 4) {
		die("standard input is cut off", NULL);
	}
	value = dpi_load_u32(input + input_at);
	input_at += 4;
	return value;
}

dp_bytes get_text(void)
{
	uint32_t size = get_number();
	dp_bytes text = dpi_bytes(input + input_at, size);

	if (input_size - input_at < size) {
		die("standard input is cut off", NULL);
	}
	input_at += size;
	return text;
}

char *get_string(void)
{
	dp_bytes text = get_text();
	char *string = calloc(1, text.size + 1);

	if (string == NULL) {
		die("no memory", NULL);
	}
	memcpy(string, text.data, text.size);
	return string;
}

void put_number(FILE *file, uint32_t value)
{
	uint8_t bytes[4];

	dpi_store_u32(bytes, value);
	fwrite(bytes, 1, sizeof(bytes), file);
}

void put_text(FILE *file, dp_bytes text)
{
	put_number(file, (uint32_t)text.size);
	fwrite(text.data, 1, text.size, file);
}
