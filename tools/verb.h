/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VERB_H
#define VERB_H

#include <getopt.h>
#include <stdbool.h>

#include <datapipe/status.h>

/* What all verbs of the command have in common: how they end, and complain. */

enum {
	EXIT_CLEAN = 0,
	EXIT_DAMAGE = 1, /* something is wrong with what was looked at */
	EXIT_UNABLE = 2  /* wrong usage, or it could not be looked at */
};

struct verb {
	const char *name; /* "log fsck" */
	const char *summary;
	const char *help;
	/* argv[0] is the verb's last word. Returns one of EXIT_*. */
	int (*run)(const struct verb *verb, int argc, char **argv);
};

/* Takes an option with its value, or NULL; false: it cannot have that value. */
typedef bool (*verb_take_fn)(void *user, int option, char *value);

enum {
	GO_ON = -1,
	OPTION_HELP = 'h' /* --help, which no verb has to take */
};

/*
 * Has each option taken, and prints what is wrong, or help. Returns GO_ON, and
 * the arguments begin at argv[optind]; or how the verb ends.
 */
int verb_options(const struct verb *verb, int argc, char **argv,
	const struct option *options, verb_take_fn take, void *user);

/* Prints what is wrong with the arguments. Returns EXIT_UNABLE. */
DP_PRINTF(2, 3)
int verb_misused(const struct verb *verb, const char *fmt, ...);

/* Prints an error, and frees it. Returns EXIT_UNABLE. */
int verb_failed(const struct verb *verb, dp_error *err);

/* Whether all output has arrived: else prints why not, and *status becomes
 * EXIT_UNABLE. */
void verb_flush(const struct verb *verb, int *status);

#endif /* VERB_H */
