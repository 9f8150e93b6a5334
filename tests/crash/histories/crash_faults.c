/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash_faults [CASES]
 *
 * A script is what a process does by the chance of a seed: it publishes, reads
 * and reopens a log whose old segments go. It is run again for each call to
 * the operating system that it makes, and each error that the call may return,
 * once and for ever; then the calls work again. Whatever fails: it ends, who is
 * refused is told why, and after it, be it closed, killed or without power, all
 * that was acknowledged is there and the log takes events. After a sync that
 * failed, though the disk has lost what it was about, what is acknowledged is
 * there.
 *
 * Runs scripts until that many cases are done. DP_TEST_SEED=N runs script N
 * alone, DP_TEST_CYCLES is the number of cases in place of CASES.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "service.h"

#define STEPS 20
#define CALLS_MAX 200000

typedef struct fault {
	faulty_call call;
	long number;
	int error;
	bool for_ever;
	size_t short_bytes;
	bool drops; /* a sync that fails, and takes with it what it was to write */
} fault;

static struct {
	uint64_t seed;
	fault fault;
	uint32_t cases;
	uint32_t unmet; /* the script took another way, without that call */
} run;

/* Every case is one line; more would be too much to keep. */
void history_note(const char *fmt, ...)
{
	(void)fmt;
}

static void tell(int number)
{
	(void)fprintf(stderr,
		"crash_faults: DP_TEST_SEED=%llu fails (signal %d): call %d, "
		"number %ld, errno %d%s, short %zu\n",
		(unsigned long long)run.seed, number, (int)run.fault.call,
		run.fault.number, run.fault.error,
		run.fault.for_ever        ? ", for ever"
			: run.fault.drops ? ", dropped"
					  : "",
		run.fault.short_bytes);
	_exit(1);
}

static dp_hub_options options_of(uint64_t seed)
{
	dp_hub_options opts = DP_HUB_OPTIONS_INIT;

	opts.segment_bytes = 64u << 10;
	opts.retention_bytes = 2 * opts.segment_bytes;
	opts.partitions_max = 4;
	opts.full_policy = seed % 2 == 0 ? DP_FULL_BLOCK : DP_FULL_REJECT;
	opts.sync_interval_ns = 100 * DP_MILLISECOND;
	return opts;
}

/* What no reader is known to need may go. */
static bool meet_readers(service *s)
{
	bool have_come =
		service_reader(s, 0) != NULL && service_reader(s, 1) != NULL;

	s->book->may_drop |= !have_come;
	return have_come;
}

static void run_steps(service *s)
{
	bool have_come = false;

	for (int i = 0; i < STEPS; i++) {
		if (!s->is_open) {
			(void)service_open(s);
		}
		if (s->is_open && !have_come) {
			have_come = meet_readers(s);
		}
		service_step(s);
		if (s->turns.calls > CALLS_MAX) {
			ledger_broken("the script does not come to its end");
		}
	}
}

/* Closed, killed, or without power: in turns. */
static bool end_script(service *s, struct sim_disk *disk)
{
	bool cuts_power = run.cases % 3 == 2 || run.fault.drops;

	if (cuts_power) {
		sim_disk_crash(disk);
	} else if (run.cases % 3 == 1) {
		sim_disk_kill(s->machine);
	}
	service_close(s);
	if (cuts_power) {
		sim_disk_reboot(disk, run.fault.drops ? 0 : run.cases % 2);
	}
	return cuts_power;
}

/* Calls of each kind that a script makes if nothing fails go to ret_calls. */
static void run_case(uint64_t seed, const fault *fault, long *ret_calls)
{
	dp_hub_options opts = options_of(seed);
	struct sim_disk *disk = sim_disk_new(seed);
	sim_random random = {seed};
	ledger book = {.count = 0};
	service s, after;
	bool power;

	run.fault = *fault;
	turns_begin(seed);
	service_init(&s, disk, &book, &random, &opts);
	s.is_heavy = s.is_even = true;
	s.faulty.short_bytes = fault->short_bytes;
	book.is_deceived = fault->drops;
	if (fault->drops) {
		sim_disk_fail_sync_at(disk, fault->number);
	} else if (ret_calls == NULL && fault->short_bytes == 0) {
		faulty_os_fail(&s.faulty, fault->call, fault->number,
			fault->error, fault->for_ever);
	}
	run_steps(&s);
	for (int i = 0; ret_calls != NULL && i < FAULTY_CAN_FAIL; i++) {
		ret_calls[i] = faulty_os_count(&s.faulty, (faulty_call)i);
	}
	run.unmet += ret_calls == NULL && fault->short_bytes == 0 &&
		!fault->drops && faulty_os_failed(&s.faulty) == 0;
	sim_disk_fail_sync_at(disk, -1);
	faulty_os_heal(&s.faulty);
	power = end_script(&s, disk);
	service_init(&after, disk, &book, &random, &opts);
	(void)check_log(&after, power, true);
	service_close(&after);
	ledger_fini(&book);
	sim_disk_free(disk);
	turns_end();
	run.cases++;
}

/* There is no timer that can never be set. */
static bool may_last(faulty_call call)
{
	return call != FAULTY_ALARM_SET && call != FAULTY_ALARM_WAIT;
}

static void fail_one(uint64_t seed, const fault *fault)
{
	if (!fault->for_ever || may_last(fault->call)) {
		run_case(seed, fault, NULL);
	}
}

/* All of them, or every n-th, if that is more than is wanted. */
static void fail_each(uint64_t seed, const long *calls, uint32_t wanted)
{
	static const int errors[] = {EIO, ENOSPC, EDQUOT, EMFILE, EINTR};
	uint32_t all = 0;
	uint32_t turn = 0;
	uint32_t stride;

	for (int call = 0; call < FAULTY_CAN_FAIL; call++) {
		all += (uint32_t)calls[call];
	}
	stride = all * 10 / wanted + 1;
	for (int call = 0; call < FAULTY_CAN_FAIL; call++) {
		for (long i = 0; i < 10 * calls[call]; i++) {
			fault fault = {(faulty_call)call, i / 10, errors[i % 5],
				i / 5 % 2 != 0, 0, false};

			if (turn++ % stride == 0) {
				fail_one(seed, &fault);
			}
		}
	}
}

static void shorten(uint64_t seed)
{
	static const size_t sizes[] = {100, 512, 700, 4097, 10000};

	for (int i = 0; i < 5; i++) {
		fault fault = {.short_bytes = sizes[i]};

		run_case(seed, &fault, NULL);
	}
}

static void drop_each(uint64_t seed, long syncs)
{
	for (long i = 0; i < syncs; i++) {
		fault fault = {FAULTY_FDATASYNC, i, EIO, false, 0, true};

		run_case(seed, &fault, NULL);
	}
}

static void run_script(uint64_t seed, uint32_t wanted)
{
	long calls[FAULTY_CAN_FAIL];
	fault none = {.number = -1};

	run.seed = seed;
	run_case(seed, &none, calls);
	shorten(seed);
	drop_each(seed, calls[FAULTY_FDATASYNC]);
	fail_each(seed, calls, wanted);
}

static uint32_t number_of(const char *name, const char *by_default)
{
	const char *text = getenv(name);

	return (uint32_t)strtoul(text != NULL ? text : by_default, NULL, 10);
}

int main(int argc, char **argv)
{
	uint32_t cases =
		number_of("DP_TEST_CYCLES", argc > 1 ? argv[1] : "10000");
	uint32_t seed = number_of("DP_TEST_SEED", "0");
	uint32_t scripts = 0;

	(void)signal(SIGABRT, tell);
	(void)signal(SIGSEGV, tell);
	if (seed != 0) {
		run_script(seed, UINT32_MAX);
		scripts++;
	}
	while (seed == 0 && run.cases < cases) {
		run_script(++scripts, cases - run.cases);
	}
	printf("figure: crash_faults: %u cases of a call that fails, in %u "
	       "scripts (%u not met), 0 findings\n",
		run.cases, scripts, run.unmet);
	return 0;
}
