# SPDX-License-Identifier: Apache-2.0
"""Processes that share a log: writers, readers of one subscription, and a job
that some events kill. All of them are killed at random, or stopped and woken.
In the second half the file of locks is deleted, too, beside a writer that is
stopped, so that others take its partition from it. Then reads everything back.

usage: crash_share.py SHARE_WORKER SECONDS

SECONDS can be overridden by DP_TEST_SECONDS, the seed by DP_TEST_SEED."""

import array
import collections
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

WRITERS = 3
READERS = 2
EVENTS = 200
ENDLESS = 1 << 31
NO_KILLER = ENDLESS
REFUSED = 7
# The job is started some twenty times for each event that kills it; where that
# takes longer, the next one waits until the job has done all there was.
KILLER_SECONDS = 8
PLACE = struct.Struct("<QqIIII")


def let_run(seconds):
    """When a kill comes is what this test varies; and how long nothing comes."""
    threading.Event().wait(seconds)


def figure(text):
    print(f"figure: processes: {text}", flush=True)


def await_that(what, is_true, seconds=30):
    """Waits for something that has to come."""
    end = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > end:
            sys.exit(f"{what}: not within {seconds} s")
        let_run(0.005)


class Worker:
    def __init__(self, story, kind, *words):
        self.kind = kind
        self.run = story.runs
        self.is_stopped = False
        self.process = subprocess.Popen([story.worker, *map(str, words)])

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)
        self.is_stopped = True

    def wake(self):
        self.process.send_signal(signal.SIGCONT)
        self.is_stopped = False

    def kill(self):
        """Returns whether it was killed, and not ended before."""
        self.process.kill()
        code = self.process.wait()
        if code not in (-9, 0) or (code == 0 and self.kind != "handle"):
            sys.exit(f"{self.kind} {self.run} ended with {code}")
        return code == -9


class Story:
    def __init__(self, worker, seed):
        self.worker = worker
        self.random = random.Random(seed)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="dp-share-"))
        self.runs = 0
        self.killers = set()
        self.next_killer = 0
        self.has_rested = True
        self.killed = set()
        self.counts = collections.Counter()
        self.workers = []
        self.call("begin")

    def call(self, mode, *words):
        subprocess.run(
            [self.worker, mode, self.dir, *map(str, words)], check=True, timeout=600
        )

    def start(self, kind, *words):
        worker = Worker(self, kind, kind, self.dir, self.runs, *words)
        self.runs += 1
        self.workers.append(worker)
        return worker

    def write(self, count=EVENTS):
        level = self.random.choice(["durable", "written"])
        killer = NO_KILLER
        is_due = self.has_rested and time.monotonic() > self.next_killer
        if count == EVENTS and is_due:
            killer = self.random.randrange(EVENTS // 4)
            self.killers.add((self.runs, killer))
            self.next_killer = time.monotonic() + KILLER_SECONDS
            self.has_rested = False
        self.counts["writers"] += 1
        return self.start("write", level, count, killer)

    def of(self, kind):
        return [w for w in self.workers if w.kind == kind]

    def start_missing(self):
        for worker in self.of("handle"):
            if worker.process.poll() is not None:
                # It has done all there was, or met one that kills.
                self.has_rested |= worker.process.returncode == 0
                self.kill(worker)
        while len(self.of("write")) < WRITERS:
            self.write()
        while len(self.of("read")) < READERS:
            self.start("read")
        if not self.of("handle"):
            self.start("handle")

    def kill(self, worker):
        self.workers.remove(worker)
        if worker.kill():
            self.killed.add(worker.run)
            self.counts["kills"] += 1

    def cycle(self):
        self.start_missing()
        let_run(self.random.expovariate(1 / 0.02))
        worker = self.random.choice(self.workers)
        what = self.random.random()
        if worker.is_stopped and what < 0.5:
            worker.wake()
        elif what < 0.4:
            worker.stop()
            self.counts["stops"] += 1
        else:
            self.kill(worker)

    def notes(self, kind, run):
        path = self.dir / f"{kind}.{run}"
        return path.read_bytes() if path.exists() else b""

    def take_by_hand(self):
        """What an operator should not do: delete the locks of living owners."""
        for worker in self.workers[:]:
            self.kill(worker)
        victim = self.write(ENDLESS)
        await_that("a writer", lambda: len(self.notes("acked", victim.run)) > 400)
        let_run(self.random.expovariate(1 / 0.005))
        victim.stop()
        (self.dir / "hub" / "locks").unlink()
        thief = self.write()
        await_that("a thief", lambda: self.notes("acked", thief.run))
        victim.wake()
        code = victim.process.wait(timeout=30)
        if code != REFUSED:
            sys.exit(f"an owner that was replaced ended with {code}")
        self.workers.remove(victim)
        self.counts["taken"] += 1

    def run_for(self, seconds):
        middle = time.monotonic() + seconds / 2
        end = middle + seconds / 2
        while time.monotonic() < end:
            self.cycle()
            is_late = time.monotonic() > middle
            if is_late and self.random.random() < 0.02:
                self.take_by_hand()
        self.take_by_hand()

    def finish(self):
        for worker in self.workers[:]:
            self.kill(worker)
        await_that("an end of the job", self.has_handled_all, 600)
        for name, topic in [("readers", "shop"), ("all", "shop"), ("dead", "handle.dead")]:
            self.call("dump", name, topic)

    def has_handled_all(self):
        worker = self.start("handle")
        worker.process.wait(timeout=60)
        self.kill(worker)
        return worker.run not in self.killed

    def acked(self):
        for run in range(self.runs):
            data = self.notes("acked", run)
            numbers = array.array("I", data[: len(data) // 4 * 4])
            if list(numbers) != list(range(len(numbers))):
                sys.exit(f"run {run}: acknowledged out of order")
            yield run, len(numbers)

    def places(self, kind):
        """(name, records) of each file of notes of a kind."""
        for path in self.dir.glob(f"{kind}.*"):
            data = path.read_bytes()
            whole = data[: len(data) // PLACE.size * PLACE.size]
            yield path.suffix[1:], list(PLACE.iter_unpack(whole))


def judge_log(story):
    """What is in the log: each partition has one writer at a time, each writer
    one partition, each event is there once and in order, none is lost."""
    partitions = collections.defaultdict(list)
    steps = {}
    for name, records in story.places("dump"):
        if name == "all":
            for offset, _, partition, run, number, _ in records:
                partitions[partition].append((offset, run, number))
                steps[partition, offset] = run, number
    following = {}
    owners = 0
    for places in partitions.values():
        last = None
        for _, run, number in sorted(places):
            if run != last:
                if run in following:
                    sys.exit(f"run {run} goes on where another wrote meanwhile")
                following[run] = 0
                owners += 1
                last = run
            if number != following[run]:
                sys.exit(f"run {run}: {number} instead of {following[run]}")
            following[run] += 1
    acked = 0
    for run, count in story.acked():
        acked += count
        if following.get(run, 0) < count:
            sys.exit(f"run {run}: {following.get(run, 0)} of {count} acknowledged")
    figure(
        f"{story.counts['kills']} kills, {story.counts['stops']} stops, "
        f"{story.counts['taken']} partitions taken by hand from a stopped owner: "
        f"{owners} owners of {len(partitions)} partitions, never two at a time"
    )
    figure(f"{acked} events acknowledged, {len(steps)} found: none lost, none twice")
    return steps


def judge_readers(story, steps):
    """Each event came; twice only if who had it first was killed."""
    readings = collections.defaultdict(list)
    spans = []
    for kind in ["read", "dump"]:
        for name, records in story.places(kind):
            if kind == "dump" and name != "readers":
                continue
            if records:
                spans.append((records[0][1], records[-1][1]))
            last = {}
            for offset, at, partition, run, number, attempt in records:
                if steps.get((partition, offset)) != (run, number):
                    sys.exit(f"reader {name}: not what is at {partition}/{offset}")
                if offset <= last.get(partition, -1):
                    sys.exit(f"reader {name}: {partition}/{offset} out of order")
                last[partition] = offset
                readings[partition, offset].append((at, name))
    again = 0
    for place, whom in readings.items():
        for _, name in sorted(whom)[:-1]:
            again += 1
            if int(name) not in story.killed:
                sys.exit(f"{place} came again, and {name} lived")
    missing = steps.keys() - readings.keys()
    if missing:
        sys.exit(f"{len(missing)} events never came, {sorted(missing)[0]} first")
    beside = max(
        sum(1 for begin, end in spans if begin <= at <= end) for at, _ in spans
    )
    if beside < READERS:
        sys.exit("the readers did not share: one had all partitions at a time")
    figure(
        f"{len(readings)} events read by {len(spans)} readers of one subscription, "
        f"{beside} at a time; {again} came again, all after kills"
    )


def judge_job(story, steps):
    """All is handled but what kills, and that is a dead letter."""
    handled = collections.Counter(
        (run, number)
        for _, records in story.places("handled")
        for _, _, _, run, number, _ in records
    )
    dead = collections.Counter(
        (run, number)
        for name, records in story.places("dump")
        if name == "dead"
        for _, _, _, run, number, _ in records
    )
    published = set(steps.values())
    killers = story.killers & published
    innocent = dead.keys() - killers
    if dead.keys() & handled.keys() & killers or killers - dead.keys():
        sys.exit(f"killers {sorted(killers)}, dead letters {sorted(dead)}")
    if innocent or any(count > 1 for count in dead.values()):
        sys.exit(f"dead letters {dead}, of which kill {sorted(killers)}")
    if published - killers - handled.keys():
        sys.exit(f"{len(published - killers - handled.keys())} were not handled")
    figure(
        f"{len(killers)} events that kill whoever handles them are dead letters, "
        f"{len(handled)} neighbours are handled, {len(innocent)} blamed"
    )


def wake_ups(process):
    """How often any thread of a process has gone to sleep so far."""
    count = 0
    for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                count += int(line.split()[1])
    return count


def is_still(process):
    before = wake_ups(process)
    let_run(0.3)
    return wake_ups(process) == before


def judge_idle(story):
    """A reader that waits does nothing at all, and hears of what comes."""
    reader = story.start("read")
    await_that("rest", lambda: is_still(reader.process))
    before = wake_ups(reader.process)
    let_run(3)
    during = wake_ups(reader.process) - before
    if during > 0:
        sys.exit(f"a reader woke {during} times in 3 s, and nothing came")
    writer = story.write(1)
    await_that("what was published", lambda: story.notes("read", reader.run))
    for worker in [reader, writer]:
        story.kill(worker)
    figure(f"a reader that waits: {during} wake-ups in 3 s, then the event at once")


def main():
    worker, seconds = sys.argv[1:3]
    seconds = int(os.environ.get("DP_TEST_SECONDS", seconds))
    seed = int(os.environ.get("DP_TEST_SEED", random.randrange(1 << 32)))
    print(f"crash_share: {seconds} s, DP_TEST_SEED={seed}", flush=True)
    story = Story(worker, seed)
    story.run_for(seconds)
    story.finish()
    steps = judge_log(story)
    judge_readers(story, steps)
    judge_job(story, steps)
    judge_idle(story)
    shutil.rmtree(story.dir)


main()
