/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publishes what every process of this machine uses, a few times over.
 *
 * usage: service_processes DIR SCHEMAS [SAMPLES]
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "processes.pb-c.h"
#include "service.h"

/* From one sample to the next. */
static const struct timespec between = {0, 200 * 1000 * 1000};

struct sampler {
	struct service service;
	unsigned long samples;
	char schema[SCHEMA_SIZE];
};

/* Reads /proc/PID/stat; 0 if the process is gone, or a line is unlike. */
static int read_stat(const char *pid, char *line, size_t size)
{
	char path[64];
	FILE *file;
	size_t length = 0;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	file = fopen(path, "r");
	if (file != NULL) {
		length = fread(line, 1, size - 1, file);
		fclose(file);
	}
	line[length] = '\0';
	return length > 0;
}

/* Fills in what a line of /proc/PID/stat says; command and state point into it. */
static int parse_stat(char *line, Processes__V1__Sampled *sampled)
{
	double tick = (double)sysconf(_SC_CLK_TCK);
	char *open = strchr(line, '(');
	char *close = strrchr(line, ')');
	unsigned long user;
	unsigned long system;
	long pages;

	/* The command may have blanks and brackets; nothing after it has. */
	if (open == NULL || close == NULL || strlen(close) < 4) {
		return 0;
	}
	*close = '\0';
	close[3] = '\0';
	sampled->pid = atoi(line);
	sampled->command = open + 1;
	sampled->state = close + 2;
	if (sscanf(close + 4,
		    "%d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d "
		    "%*d %*d %d %*d %*u %*u %ld",
		    &sampled->parent, &user, &system, &sampled->usage->threads,
		    &pages) != 5) {
		return 0;
	}
	sampled->usage->user_seconds = (double)user / tick;
	sampled->usage->system_seconds = (double)system / tick;
	sampled->usage->resident_bytes = pages * sysconf(_SC_PAGESIZE);
	return 1;
}

static dp_status publish_process(struct sampler *sampler, const char *pid,
	unsigned sample, dp_error **err)
{
	Processes__V1__Sampled sampled = PROCESSES__V1__SAMPLED__INIT;
	Processes__V1__Usage usage = PROCESSES__V1__USAGE__INIT;
	dp_event ev = DP_EVENT_INIT;
	char line[1024];

	sampled.usage = &usage;
	sampled.sample = sample;
	if (!read_stat(pid, line, sizeof(line)) ||
		!parse_stat(line, &sampled)) {
		return DP_OK;
	}
	ev.subject = pid;
	ev.dataschema = sampler->schema;
	return service_publish(&sampler->service, &ev, &sampled.base, err);
}

static dp_status publish_sample(
	struct sampler *sampler, unsigned sample, dp_error **err)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	dp_status st = DP_OK;

	if (proc == NULL) {
		perror("/proc");
		return DP_EIO;
	}
	while (st == DP_OK && (entry = readdir(proc)) != NULL) {
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') {
			st = publish_process(
				sampler, entry->d_name, sample, err);
		}
	}
	closedir(proc);
	return st;
}

static dp_status run(
	struct sampler *sampler, const char *schemas, dp_error **err)
{
	char path[4096];
	dp_status st;
	unsigned i;

	snprintf(path, sizeof(path), "%s/processes.desc", schemas);
	st = service_register(&sampler->service, path, "processes.v1.Sampled",
		sampler->schema, err);
	for (i = 0; st == DP_OK && i < sampler->samples; i++) {
		st = publish_sample(sampler, i, err);
		nanosleep(&between, NULL);
	}
	return st;
}

int main(int argc, char **argv)
{
	static struct sampler sampler = {.samples = 5};
	dp_error *err = NULL;

	if (argc < 3) {
		fprintf(stderr,
			"usage: service_processes DIR SCHEMAS "
			"[SAMPLES]\n");
		return 2;
	}
	if (argc > 3) {
		sampler.samples = strtoul(argv[3], NULL, 10);
	}
	if (service_open(&sampler.service, argv[1], "processes", &err) !=
			DP_OK ||
		run(&sampler, argv[2], &err) != DP_OK ||
		service_close(&sampler.service, &err) != DP_OK) {
		return service_failed(&sampler.service, err);
	}
	return 0;
}
