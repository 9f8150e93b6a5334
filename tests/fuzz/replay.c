/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * Runs a fuzz target over a corpus without a fuzzer: each file of the
 * directory that is given, as it is, cut short, and with bytes changed. What
 * is changed depends on the contents and the round alone, so a failure comes
 * again. One round, or with DP_TEST_SECONDS as many as fit.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX (1u << 20)
#define MUTATIONS 2000

/* Long inputs, which take longer, are changed less often. */
#define LONG_BYTES 8192
#define MUTATIONS_LONG 200

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Gives the target a block of just this size, for sanitizers to watch. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);

	if (copy == NULL) {
		abort();
	}
	memcpy(copy, data, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void run_mutated(const uint8_t *data, size_t size, uint64_t *seed)
{
	uint8_t *copy = malloc(size);

	if (copy == NULL) {
		abort();
	}
	memcpy(copy, data, size);
	for (uint64_t n = next_random(seed) % 4; n > 0; n--) {
		copy[next_random(seed) % size] = (uint8_t)next_random(seed);
	}
	run(copy, next_random(seed) % 4 == 0 ? next_random(seed) % size : size);
	free(copy);
}

static void replay(const char *path, uint64_t round)
{
	static uint8_t data[INPUT_MAX];
	FILE *file = fopen(path, "rb");
	uint64_t seed = 88172645463325252 + round;
	size_t size;
	int count;

	if (file == NULL) {
		perror(path);
		exit(1);
	}
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	count = size > LONG_BYTES ? MUTATIONS_LONG : MUTATIONS;
	run(data, size);
	for (int i = 0; size > 0 && i < count; i++) {
		run_mutated(data, size, &seed);
	}
}

/* Returns how many inputs there are. */
static int replay_all(const char *corpus, uint64_t round)
{
	DIR *dir = opendir(corpus);
	const struct dirent *entry;
	int count = 0;

	if (dir == NULL) {
		perror(corpus);
		exit(2);
	}
	while ((entry = readdir(dir)) != NULL) {
		char path[4096];

		if (entry->d_name[0] == '.') {
			continue;
		}
		snprintf(path, sizeof(path), "%s/%s", corpus, entry->d_name);
		replay(path, round);
		count++;
	}
	closedir(dir);
	return count;
}

int main(int argc, char **argv)
{
	const char *seconds = getenv("DP_TEST_SECONDS");
	time_t end = time(NULL) + (seconds != NULL ? atol(seconds) : 0);
	uint64_t round = 0;
	int count;

	if (argc != 2) {
		fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
		return 2;
	}
	do {
		count = replay_all(argv[1], round++);
	} while (time(NULL) < end);
	printf("%d inputs, in %llu rounds of up to %d changes\n", count,
		(unsigned long long)round, MUTATIONS);
	return count > 0 ? 0 : 1;
}
