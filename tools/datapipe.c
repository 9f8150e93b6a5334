/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <datapipe/version.h>

#include "log_dump.h"
#include "log_fsck.h"
#include "log_publish.h"
#include "schema_check.h"
#include "schema_columns.h"
#include "schema_import.h"
#include "schema_recover.h"
#include "table_recover.h"
#include "verb.h"

/* datapipe NOUN VERB …: finds the verb, and leaves the rest to it. */

static const struct verb *const verbs[] = {&log_fsck, &log_dump, &log_publish,
	&schema_check, &schema_columns, &schema_import, &schema_recover,
	&table_recover};
#define VERB_COUNT (sizeof(verbs) / sizeof(*verbs))

/* The verbs of a noun, or all of them. Returns how many. */
static size_t list_verbs(FILE *out, const char *noun)
{
	size_t size = strlen(noun);
	size_t count = 0;

	for (size_t i = 0; i < VERB_COUNT; i++) {
		const struct verb *verb = verbs[i];

		if (size == 0 ||
			(strncmp(verb->name, noun, size) == 0 &&
				verb->name[size] == ' ')) {
			(void)fprintf(out, "  %-14s  %s\n", verb->name,
				verb->summary);
			count++;
		}
	}
	return count;
}

static void print_help(FILE *out, const char *noun)
{
	(void)fprintf(out, "usage: datapipe %s VERB [OPTION]… ARGUMENT…\n\n",
		*noun != '\0' ? noun : "NOUN");
	(void)list_verbs(out, noun);
	(void)fprintf(out,
		"\nEach has more to say: \"datapipe log fsck --help\".\n"
		"  --help     this text\n"
		"  --version  the version of the library\n");
}

/* The verb whose name these two words are, or NULL. */
static const struct verb *find_verb(const char *noun, const char *word)
{
	size_t size = strlen(noun);

	for (size_t i = 0; i < VERB_COUNT; i++) {
		const char *name = verbs[i]->name;

		if (strncmp(name, noun, size) == 0 && name[size] == ' ' &&
			strcmp(name + size + 1, word) == 0) {
			return verbs[i];
		}
	}
	return NULL;
}

static bool is_noun(const char *word)
{
	return strcmp(word, "log") == 0 || strcmp(word, "schema") == 0 ||
		strcmp(word, "table") == 0;
}

static int misused(const char *noun, const char *word)
{
	(void)fprintf(stderr, "datapipe: there is no \"%s%s%s\"\n", noun,
		*word != '\0' ? " " : "", word);
	print_help(stderr, "");
	return EXIT_UNABLE;
}

int main(int argc, char **argv)
{
	const char *noun = argc > 1 ? argv[1] : "";
	const char *word = argc > 2 ? argv[2] : "";
	const struct verb *verb = find_verb(noun, word);

	if (verb != NULL) {
		return verb->run(verb, argc - 2, argv + 2);
	}
	if (strcmp(noun, "--version") == 0) {
		(void)printf("datapipe %s\n", dp_version());
		return EXIT_CLEAN;
	}
	if (strcmp(noun, "--help") == 0) {
		print_help(stdout, "");
		return EXIT_CLEAN;
	}
	if (strcmp(word, "--help") == 0 && is_noun(noun)) {
		print_help(stdout, noun);
		return EXIT_CLEAN;
	}
	if (*noun == '\0') {
		print_help(stderr, "");
		return EXIT_UNABLE;
	}
	return misused(noun, word);
}
