/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publishes every package that this system knows, with all that it depends
 * on, and every change of a package's state that dpkg wrote down.
 *
 * usage: service_packages DIR SCHEMAS
 */
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "packages.pb-c.h"
#include "service.h"

/* Most packages that one package names; a larger one ends the program. */
#define NAMES_MAX 4096

struct packages {
	struct service service;
	char package_schema[SCHEMA_SIZE];
	char change_schema[SCHEMA_SIZE];
};

/* Room for what one package names. */
struct room {
	Packages__V1__Dependency names[NAMES_MAX];
	Packages__V1__Dependency *name_list[NAMES_MAX];
	size_t name_count;
	Packages__V1__Alternatives groups[NAMES_MAX];
	Packages__V1__Alternatives *group_list[NAMES_MAX];
	size_t group_count;
};

static const struct {
	const char *sign;
	Packages__V1__Relation relation;
} signs[] = {
	{"<<", PACKAGES__V1__RELATION__RELATION_BEFORE},
	{"<=", PACKAGES__V1__RELATION__RELATION_AT_MOST},
	{"=", PACKAGES__V1__RELATION__RELATION_EXACTLY},
	{">=", PACKAGES__V1__RELATION__RELATION_AT_LEAST},
	{">>", PACKAGES__V1__RELATION__RELATION_AFTER},
};

/* Parses "libc6 (>= 2.34)" in place. */
static void parse_dependency(char *text, struct room *room)
{
	Packages__V1__Dependency *dep = &room->names[room->name_count];
	char *state = NULL;
	char *sign;
	size_t i;

	if (room->name_count == NAMES_MAX) {
		fprintf(stderr, "a package names over %d others\n", NAMES_MAX);
		exit(1);
	}
	packages__v1__dependency__init(dep);
	dep->name = strtok_r(text, " ()", &state);
	sign = strtok_r(NULL, " ()", &state);
	for (i = 0; sign != NULL && i < sizeof(signs) / sizeof(*signs); i++) {
		if (strcmp(sign, signs[i].sign) == 0) {
			dep->relation = signs[i].relation;
			dep->version = strtok_r(NULL, " ()", &state);
			break;
		}
	}
	room->name_list[room->name_count++] = dep;
}

/* Parses "a (>= 1) | b" in place. */
static void parse_group(char *text, struct room *room)
{
	Packages__V1__Alternatives *group = &room->groups[room->group_count];
	char *state = NULL;
	char *name;

	packages__v1__alternatives__init(group);
	group->any_of = &room->name_list[room->name_count];
	for (name = strtok_r(text, "|", &state); name != NULL;
		name = strtok_r(NULL, "|", &state)) {
		parse_dependency(name, room);
		group->n_any_of++;
	}
	room->group_list[room->group_count++] = group;
}

/* Parses "a (>= 1) | b, c" in place; returns the groups. */
static Packages__V1__Alternatives **parse_groups(
	char *text, struct room *room, size_t *ret_count)
{
	size_t first = room->group_count;
	char *state = NULL;
	char *group;

	for (group = strtok_r(text, ",", &state); group != NULL;
		group = strtok_r(NULL, ",", &state)) {
		parse_group(group, room);
	}
	*ret_count = room->group_count - first;
	return &room->group_list[first];
}

static void set_field(Packages__V1__Package *package, struct room *room,
	const char *name, char *value)
{
	if (strcmp(name, "Package") == 0) {
		package->name = value;
	} else if (strcmp(name, "Version") == 0) {
		package->version = value;
	} else if (strcmp(name, "Architecture") == 0) {
		package->architecture = value;
	} else if (strcmp(name, "Section") == 0) {
		package->section = value;
	} else if (strcmp(name, "Status") == 0) {
		package->status = value;
	} else if (strcmp(name, "Installed-Size") == 0) {
		package->installed_kib = atoll(value);
	} else if (strcmp(name, "Essential") == 0) {
		package->is_essential = strcmp(value, "yes") == 0;
	} else if (strcmp(name, "Depends") == 0) {
		package->depends =
			parse_groups(value, room, &package->n_depends);
	} else if (strcmp(name, "Recommends") == 0) {
		package->recommends =
			parse_groups(value, room, &package->n_recommends);
	}
}

/* A stanza is lines of "Field: value"; lines that go on begin with a blank. */
static dp_status publish_stanza(
	struct packages *packages, char *stanza, dp_error **err)
{
	static struct room room;
	Packages__V1__Package package = PACKAGES__V1__PACKAGE__INIT;
	dp_event ev = DP_EVENT_INIT;
	char *state = NULL;
	char *line;

	room.name_count = 0;
	room.group_count = 0;
	for (line = strtok_r(stanza, "\n", &state); line != NULL;
		line = strtok_r(NULL, "\n", &state)) {
		char *colon = strstr(line, ": ");

		if (line[0] != ' ' && colon != NULL) {
			*colon = '\0';
			set_field(&package, &room, line, colon + 2);
		}
	}
	ev.subject = package.name;
	ev.key = package.name;
	ev.dataschema = packages->package_schema;
	return service_publish(&packages->service, &ev, &package.base, err);
}

/* Reads lines up to an empty one; 0 at the end of the file. */
static int read_stanza(FILE *file, char **stanza, size_t *room)
{
	char *line = NULL;
	size_t line_room = 0;
	size_t length = 0;
	ssize_t n;

	while ((n = getline(&line, &line_room, file)) > 1) {
		if (length + (size_t)n + 1 > *room) {
			*room = 2 * (length + (size_t)n + 1);
			*stanza = realloc(*stanza, *room);
		}
		memcpy(*stanza + length, line, (size_t)n + 1);
		length += (size_t)n;
	}
	free(line);
	return length > 0;
}

static dp_status publish_packages(struct packages *packages, dp_error **err)
{
	FILE *file = fopen("/var/lib/dpkg/status", "r");
	char *stanza = NULL;
	size_t room = 0;
	dp_status st = DP_OK;

	if (file == NULL) {
		perror("/var/lib/dpkg/status");
		return DP_EIO;
	}
	while (st == DP_OK && read_stanza(file, &stanza, &room)) {
		st = publish_stanza(packages, stanza, err);
	}
	free(stanza);
	fclose(file);
	return st;
}

/*
 * "2026-01-31 12:00:00 status installed bash:amd64 5.2", or
 * "2026-01-31 12:00:00 upgrade bash:amd64 5.1 5.2"; other lines are about no
 * package.
 */
static int parse_change(char *line, Packages__V1__StateChanged *change)
{
	char *words[4] = {NULL, NULL, NULL, NULL};
	char *state = NULL;
	int is_status;
	int i;

	for (i = 0; i < 4; i++) {
		words[i] = strtok_r(i == 0 ? line : NULL, " \n", &state);
	}
	if (words[3] == NULL || strcmp(words[0], "conffile") == 0) {
		return 0;
	}
	is_status = strcmp(words[0], "status") == 0;
	change->action = words[0];
	change->name = is_status ? words[2] : words[1];
	change->state = is_status ? words[1] : "";
	change->old_version = is_status ? "" : words[2];
	change->new_version = words[3];
	change->architecture = strchr(change->name, ':');
	if (change->architecture == NULL) {
		return 0;
	}
	*change->architecture++ = '\0';
	return 1;
}

static dp_status publish_change(
	struct packages *packages, char *line, dp_error **err)
{
	Packages__V1__StateChanged change = PACKAGES__V1__STATE_CHANGED__INIT;
	dp_event ev = DP_EVENT_INIT;
	struct tm when = {.tm_isdst = -1};
	char *rest = strptime(line, "%Y-%m-%d %H:%M:%S ", &when);

	if (rest == NULL || !parse_change(rest, &change)) {
		return DP_OK;
	}
	ev.time = mktime(&when) * DP_SECOND;
	ev.subject = change.name;
	ev.key = change.name;
	ev.dataschema = packages->change_schema;
	return service_publish(&packages->service, &ev, &change.base, err);
}

/* Old logs are compressed; zcat -f reads those that are not, too. */
static dp_status publish_changes(
	struct packages *packages, const char *path, dp_error **err)
{
	char command[4096];
	char *line = NULL;
	size_t room = 0;
	dp_status st = DP_OK;
	FILE *log;

	snprintf(command, sizeof(command), "zcat -f '%s'", path);
	log = popen(command, "r");
	if (log == NULL) {
		perror(path);
		return DP_EIO;
	}
	while (st == DP_OK && getline(&line, &room, log) > 0) {
		st = publish_change(packages, line, err);
	}
	free(line);
	pclose(log);
	return st;
}

static dp_status publish_history(struct packages *packages, dp_error **err)
{
	glob_t logs;
	dp_status st = DP_OK;
	size_t i;

	if (glob("/var/log/dpkg.log*", 0, NULL, &logs) != 0) {
		return DP_OK;
	}
	for (i = 0; st == DP_OK && i < logs.gl_pathc; i++) {
		st = publish_changes(packages, logs.gl_pathv[i], err);
	}
	globfree(&logs);
	return st;
}

static dp_status run(
	struct packages *packages, const char *schemas, dp_error **err)
{
	char path[4096];
	dp_status st;

	snprintf(path, sizeof(path), "%s/packages.desc", schemas);
	st = service_register(&packages->service, path, "packages.v1.Package",
		packages->package_schema, err);
	if (st == DP_OK) {
		st = service_register(&packages->service, path,
			"packages.v1.StateChanged", packages->change_schema,
			err);
	}
	if (st == DP_OK) {
		st = publish_packages(packages, err);
	}
	if (st == DP_OK) {
		st = publish_history(packages, err);
	}
	return st;
}

int main(int argc, char **argv)
{
	static struct packages packages;
	dp_error *err = NULL;

	if (argc != 3) {
		fprintf(stderr, "usage: service_packages DIR SCHEMAS\n");
		return 2;
	}
	if (service_open(&packages.service, argv[1], "packages", &err) !=
			DP_OK ||
		run(&packages, argv[2], &err) != DP_OK ||
		service_close(&packages.service, &err) != DP_OK) {
		return service_failed(&packages.service, err);
	}
	return 0;
}
