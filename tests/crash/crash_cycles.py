# SPDX-License-Identifier: Apache-2.0
"""Kills publishers and the pipeline at random, again and again; then lets the
pipeline finish and reads everything back.

usage: crash_cycles.py CRASH_WORKER DESCRIPTOR_SET CYCLES

CYCLES can be overridden by DP_TEST_CYCLES, the seed by DP_TEST_SEED."""

import array
import collections
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile

import avro

PUBLISHERS = 2


class Story:
    def __init__(self, worker, descriptor_set, seed):
        self.worker = worker
        self.set = descriptor_set
        self.random = random.Random(seed)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="dp-crash-"))
        self.runs = 0
        self.publishers = []
        self.pipeline = None

    def start(self, *words):
        return subprocess.Popen([self.worker, *map(str, words)])

    def start_missing(self):
        while len(self.publishers) < PUBLISHERS:
            level = ["durable", "written"][self.runs // 2 % 2]
            self.publishers.append(
                self.start("publish", self.dir, self.runs, level)
            )
            self.runs += 1
        if self.pipeline is None:
            self.pipeline = self.start("pipeline", self.dir, self.set)

    def kill(self, process):
        process.kill()
        code = process.wait()
        # Whoever ended before the kill has met an error and said so.
        if code != -9:
            sys.exit(f"a process ended with {code}")

    def let_run(self, seconds):
        """When the kill comes is what this test varies."""
        try:
            code = self.pipeline.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return
        sys.exit(f"the pipeline ended by itself with {code}")

    def cycle(self):
        self.start_missing()
        self.let_run(self.random.expovariate(1 / 0.02))
        what = self.random.random()
        if what < 0.5:
            self.kill(self.pipeline)
            self.pipeline = None
        if what > 0.4:
            self.kill(self.publishers.pop(self.random.randrange(PUBLISHERS)))

    def finish(self):
        for process in [*self.publishers, self.pipeline]:
            if process is not None:
                self.kill(process)
        rc = subprocess.run(
            [self.worker, "finish", self.dir, self.set], timeout=120
        ).returncode
        if rc != 0:
            sys.exit(f"the last run of the pipeline ended with {rc}")

    def acked(self):
        """Highest acknowledged number of each run; they come in order."""
        highest = {}
        for run in range(self.runs):
            path = self.dir / f"acked.{run}"
            numbers = array.array("I", path.read_bytes() if path.exists() else b"")
            for i, number in enumerate(numbers):
                if number != i:
                    sys.exit(f"run {run}: acknowledged {number} as number {i}")
            highest[run] = len(numbers)
        return highest


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
        shift += 7


def step_of(payload):
    """Run and number of a payload that is just as the publisher made it."""
    run, at = varint(payload, 1)
    number, at = varint(payload, at + 1)
    both = payload[at + 2 : at + 2 + payload[at + 1]]
    check, end = varint(both, 0)
    again, _ = varint(both, end)
    size, start = varint(payload, at + 2 + len(both) + 1)
    if (run, number) != (check, again) or size != (run * 31 + number * 7) % 200:
        sys.exit(f"an event that nobody published: {payload.hex()}")
    if payload[start:] != b"n" * size:
        sys.exit(f"run {run}, event {number}: its note is damaged")
    return run, number


def files_below(path):
    return sorted(
        p
        for p in path.rglob("*.avro")
        if not any(part.startswith(("_", ".")) for part in p.relative_to(path).parts)
    )


def from_lake(story):
    for path in files_below(story.dir / "lake"):
        for r in avro.records(path):
            yield (r["topic"], r["partition"], r["offset"]), step_of(r["payload"])


def from_files(story):
    for path in files_below(story.dir / "files"):
        for r in avro.records(path):
            if r["check"] != [r["run"], r["number"]]:
                sys.exit(f"{path}: {r}")
            place = r["_topic"], r["_topic_partition"], r["_offset"]
            yield place, (r["run"], r["number"])


def from_warehouse(story):
    with sqlite3.connect(story.dir / "warehouse.db") as db:
        yield from (
            ((topic, partition, offset), (run, number))
            for topic, partition, offset, run, number in db.execute(
                "select _topic, _topic_partition, _offset, run, number "
                'from "crash.v1.Step"'
            )
        )


def judge(name, found, acked):
    """Nothing lost, nothing twice, nothing out of order, nothing invented."""
    places = collections.Counter(place for place, _ in found)
    steps = collections.Counter(step for _, step in found)
    for what, counter in [("place", places), ("event", steps)]:
        twice = [key for key, count in counter.items() if count > 1]
        if twice:
            sys.exit(f"{name}: {len(twice)} times the same {what}: {twice[:3]}")
    following = collections.Counter()
    for place, (run, number) in sorted(found):
        if number != following[run]:
            sys.exit(
                f"{name}: run {run}: {number} at {place}, expected {following[run]}"
            )
        following[run] += 1
    for run, count in acked.items():
        if following[run] < count:
            sys.exit(f"{name}: run {run}: {following[run]} of {count} acknowledged")
    return len(found)


def main():
    worker, descriptor_set, cycles = sys.argv[1:4]
    cycles = int(os.environ.get("DP_TEST_CYCLES", cycles))
    seed = int(os.environ.get("DP_TEST_SEED", random.randrange(1 << 32)))
    print(f"crash_cycles: {cycles} cycles, DP_TEST_SEED={seed}", flush=True)
    story = Story(worker, descriptor_set, seed)
    for _ in range(cycles):
        story.cycle()
    story.finish()
    acked = story.acked()
    counts = {
        name: judge(name, list(read(story)), acked)
        for name, read in [
            ("lake", from_lake),
            ("files", from_files),
            ("warehouse", from_warehouse),
        ]
    }
    if len(set(counts.values())) != 1 or counts["lake"] == 0:
        sys.exit(f"the three do not agree: {counts}")
    print(
        f"crash_cycles: {story.runs} runs of publishers, {sum(acked.values())} "
        f"events acknowledged, {counts['lake']} found in each of lake, files and "
        "warehouse: none lost, none twice, none out of order"
    )
    shutil.rmtree(story.dir)


main()
