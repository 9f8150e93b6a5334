/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash_histories [CRASHES]
 *
 * Random histories of processes that publish to a log and read it, on a
 * simulated machine whose power is cut, or on which a process is killed, at
 * any call, again and again: also while the log is recovered. After each crash
 * the ledger says whether the log has kept what was promised, in order, and
 * nothing else; whether readers get all that they had not processed; and
 * whether the log takes events again.
 *
 * One seed is one history, and replays exactly: DP_TEST_SEED=N runs that one
 * alone. DP_TEST_CYCLES is the number of crashes in place of CRASHES.
 */
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "check.h"
#include "service.h"
#include "sim_disk.h"

#define CRASHES_OF_HISTORY 40
#define SERVICES 2
#define STEPS_MAX 60
#define NOTES_MAX (1u << 20)

typedef struct history {
	uint64_t seed;
	sim_random random;
	struct sim_disk *disk;
	ledger book;
	dp_hub_options opts;
	bool is_heavy; /* one topic, large events: so segments fill */
	service services[SERVICES];
	uint32_t crashes;
} history;

static struct run {
	uint64_t seed;
	uint32_t crashes;
	uint32_t again; /* of them while a log was recovered */
	uint32_t kills;
	uint64_t events;
	uint64_t calls_max;
	uint64_t bytes_max;
	size_t noted;
	char notes[NOTES_MAX];
} run;

void history_note(const char *fmt, ...)
{
	size_t room = NOTES_MAX - run.noted;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(run.notes + run.noted, room, fmt, args);
	va_end(args);
	if (n > 0 && (size_t)n + 1 < room) {
		run.noted += (size_t)n;
		run.notes[run.noted++] = '\n';
	}
}

/* The history as far as it went, its last lines first to be seen. */
static void tell(int number)
{
	size_t from = run.noted > 6000 ? run.noted - 6000 : 0;

	(void)fprintf(stderr,
		"%s\ncrash_histories: DP_TEST_SEED=%llu fails (signal %d) "
		"after %u crashes; above are the last lines of its history\n",
		run.notes + from, (unsigned long long)run.seed, number,
		run.crashes);
	(void)fflush(stderr);
	_exit(1);
}

static void init(history *h, uint64_t seed)
{
	static const dp_full_policy policies[] = {DP_FULL_REJECT,
		DP_FULL_REJECT, DP_FULL_BLOCK, DP_FULL_DROP_OLDEST};

	*h = (history){.seed = seed, .random = {seed}};
	h->opts = (dp_hub_options)DP_HUB_OPTIONS_INIT;
	h->disk = sim_disk_new(seed);
	sim_disk_write_back(h->disk, 1 + draw(&h->random, 16));
	h->opts.segment_bytes = 64u << draw(&h->random, 3) << 10;
	if (draw(&h->random, 4) == 0) {
		sim_disk_mix_bytes(h->disk);
	}
	h->opts.partitions_max = 4;
	h->opts.full_policy = policies[draw(&h->random, 4)];
	h->opts.sync_interval_ns = 100 * DP_MILLISECOND;
	if (draw(&h->random, 3) == 0) {
		h->opts.retention_bytes = 3 * h->opts.segment_bytes;
		h->opts.retention_forced = draw(&h->random, 2) == 0;
	}
	h->is_heavy = draw(&h->random, 3) == 0;
	h->book.may_drop = h->opts.retention_forced != 0 ||
		h->opts.full_policy == DP_FULL_DROP_OLDEST;
	run.seed = seed;
	run.noted = 0;
	history_note("seed %llu: segments of %llu, policy %d, retention %llu%s",
		(unsigned long long)seed,
		(unsigned long long)h->opts.segment_bytes,
		(int)h->opts.full_policy,
		(unsigned long long)h->opts.retention_bytes,
		h->opts.retention_forced != 0 ? ", forced" : "");
}

static void start(history *h, service *s)
{
	service_init(s, h->disk, &h->book, &h->random, &h->opts);
	s->is_heavy = h->is_heavy;
}

/* What recovery cost, for the figures. */
static void note_cost(const service *s)
{
	run.calls_max = s->recovery_calls > run.calls_max ? s->recovery_calls
							  : run.calls_max;
	run.bytes_max = s->recovery_bytes > run.bytes_max ? s->recovery_bytes
							  : run.bytes_max;
}

static void reboot(history *h)
{
	uint64_t seed = sim_random_next(&h->random);

	for (size_t i = 0; i < SERVICES; i++) {
		if (h->services[i].machine != NULL) {
			service_close(&h->services[i]);
			h->services[i].machine = NULL;
		}
	}
	seed = draw(&h->random, 8) == 0 ? draw(&h->random, 2) : seed;
	history_note("the power is back");
	sim_disk_reboot(h->disk, seed);
}

/* Checks the log; the power may go while that is done, at most three times. */
static void check(history *h, bool power, bool alone)
{
	service s;
	bool is_good = false;

	for (int i = 0; !is_good; i++) {
		if (power && i < 3 && draw(&h->random, 3) == 0) {
			sim_disk_crash_at(h->disk, (long)draw(&h->random, 60));
		}
		start(h, &s);
		sim_disk_fail_sync_at(h->disk, -1);
		/* Nothing is taken away from those who look. */
		s.rig.opts.retention_forced = 0;
		history_note("check");
		is_good = check_log(&s, power, alone);
		note_cost(&s);
		if (is_good) {
			sim_disk_crash_at(h->disk, -1);
		}
		service_close(&s);
		if (!is_good) {
			history_note("the power is cut again");
			run.crashes++;
			run.again++;
			h->crashes++;
			reboot(h);
		}
	}
}

static bool others_live(const history *h)
{
	for (size_t i = 0; i < SERVICES; i++) {
		if (h->services[i].machine != NULL) {
			return true;
		}
	}
	return false;
}

/* Kills one process; the others go on. */
static void kill_one(history *h, service *s)
{
	history_note("process %d is killed", (int)(s - h->services));
	sim_disk_kill(s->machine);
	service_close(s);
	s->machine = NULL;
	run.crashes++;
	run.kills++;
	h->crashes++;
	check(h, false, !others_live(h));
}

static void cut_power(history *h)
{
	history_note("the power is cut");
	sim_disk_crash(h->disk);
	run.crashes++;
	h->crashes++;
	reboot(h);
	check(h, true, true);
}

static void one_step(history *h)
{
	service *s = &h->services[draw(&h->random, SERVICES)];

	if (s->machine == NULL) {
		/* The second one is a guest. */
		if (s == h->services || draw(&h->random, 4) == 0) {
			start(h, s);
			(void)service_open(s);
			(void)service_reader(s, 0);
			(void)service_reader(s, 1);
		}
		return;
	}
	service_step(s);
}

/* Steps until something dies. */
static void one_life(history *h)
{
	uint32_t steps = 1 + draw(&h->random, STEPS_MAX);
	bool power = draw(&h->random, 3) != 0;
	service *victim = &h->services[0];

	if (victim->machine == NULL) {
		start(h, victim);
		(void)service_open(victim);
	}
	if (power) {
		sim_disk_crash_at(h->disk,
			(long)draw(&h->random, h->is_heavy ? 400 : 120));
	} else {
		sim_disk_kill_at(victim->machine,
			(long)draw(&h->random, h->is_heavy ? 400 : 120));
	}
	for (uint32_t i = 0; i < steps && !sim_disk_has_crashed(h->disk) &&
		!service_is_dead(victim);
		i++) {
		one_step(h);
	}
	if (power || sim_disk_has_crashed(h->disk)) {
		cut_power(h);
	} else {
		kill_one(h, victim);
	}
}

/* Readers are there from the first, so that retention knows of them. */
static void begin(history *h)
{
	service *s = &h->services[0];

	start(h, s);
	if (!service_open(s) || service_reader(s, 0) == NULL ||
		service_reader(s, 1) == NULL) {
		ledger_broken("no log can be made");
	}
}

static void run_history(uint64_t seed, uint32_t crashes)
{
	history h;

	turns_begin(seed);
	init(&h, seed);
	begin(&h);
	while (h.crashes < crashes) {
		one_life(&h);
	}
	sim_disk_crash(h.disk);
	reboot(&h);
	run.events += h.book.count;
	ledger_fini(&h.book);
	sim_disk_free(h.disk);
	turns_end();
}

static uint64_t run_again(void)
{
	run_history(1, CRASHES_OF_HISTORY);
	return dpi_hash64(run.crashes, run.notes, run.noted);
}

/* One seed is one run, to the last word of its history. */
static void check_replay(void)
{
	uint64_t first = run_again();

	run.crashes = 0;
	if (run_again() != first) {
		ledger_broken("a history does not replay");
	}
	memset(&run, 0, offsetof(struct run, notes));
}

static uint32_t number_of(const char *name, const char *by_default)
{
	const char *text = getenv(name);

	return (uint32_t)strtoul(text != NULL ? text : by_default, NULL, 10);
}

int main(int argc, char **argv)
{
	uint32_t crashes =
		number_of("DP_TEST_CYCLES", argc > 1 ? argv[1] : "20000");
	uint32_t seed = number_of("DP_TEST_SEED", "0");
	uint32_t histories = 0;

	(void)signal(SIGABRT, tell);
	(void)signal(SIGSEGV, tell);
	if (seed != 0) {
		run_history(seed, CRASHES_OF_HISTORY);
		histories++;
	} else {
		check_replay();
	}
	while (seed == 0 && run.crashes < crashes) {
		uint32_t left = crashes - run.crashes;

		run_history(++histories,
			left < CRASHES_OF_HISTORY ? left : CRASHES_OF_HISTORY);
	}
	printf("figure: crash_histories: %u crash points (%u kills, %u during "
	       "recovery), %u histories, %llu events, 0 findings; recovery "
	       "took at most %llu calls and %llu KiB\n",
		run.crashes, run.kills, run.again, histories,
		(unsigned long long)run.events,
		(unsigned long long)run.calls_max,
		(unsigned long long)run.bytes_max / 1024);
	return 0;
}
