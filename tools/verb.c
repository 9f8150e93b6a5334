/* SPDX-License-Identifier: Apache-2.0 */
#include "verb.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int verb_misused(const struct verb *verb, const char *fmt, ...)
{
	va_list args;

	(void)fprintf(stderr, "datapipe %s: ", verb->name);
	va_start(args, fmt);
	(void)vfprintf(stderr, fmt, args);
	va_end(args);
	(void)fprintf(stderr, "\nTry \"datapipe %s --help\".\n", verb->name);
	return EXIT_UNABLE;
}

int verb_options(const struct verb *verb, int argc, char **argv,
	const struct option *options, verb_take_fn take, void *user)
{
	int index = 0;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, &index)) != -1) {
		if (option == OPTION_HELP) {
			(void)fputs(verb->help, stdout);
			return EXIT_CLEAN;
		}
		if (option == '?') {
			return verb_misused(verb,
				"%s is no option, or lacks its value",
				argv[optind - 1]);
		}
		if (!take(user, option, optarg)) {
			return verb_misused(verb, "--%s cannot be %s",
				options[index].name, optarg);
		}
	}
	return GO_ON;
}

int verb_failed(const struct verb *verb, dp_error *err)
{
	(void)fprintf(
		stderr, "datapipe %s: %s\n", verb->name, dp_error_message(err));
	dp_error_free(err);
	return EXIT_UNABLE;
}

void verb_flush(const struct verb *verb, int *status)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		(void)fprintf(stderr,
			"datapipe %s: output cannot be written: %s\n",
			verb->name, strerror(errno));
		*status = EXIT_UNABLE;
	}
}
