# SPDX-License-Identifier: Apache-2.0
"""Makes system calls of a program fail by strace, so that nothing of ours lies
between the library and the error: what the table of calls does in tests is
what it does in programs.

usage: crash_calls.py SCRIPT_WORKER CASES

Each case fails one call, or all from one on, of a run that publishes and
reads. The program ends in time and in the usual way; afterwards, without
strace, the log has what was acknowledged, and takes events. CASES can be
overridden by DP_TEST_CYCLES, as far as 400."""

import collections
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

# What is failed, with what, and whether that may last.
FAULTS = [
    ("pwritev", "EIO", True),
    ("pwritev", "ENOSPC", True),
    ("pwritev", "EDQUOT", True),
    ("pwritev", "EINTR", False),
    ("fdatasync", "EIO", True),
    ("fdatasync", "ENOSPC", False),
    ("fdatasync", "EINTR", False),
    ("fsync", "EIO", True),
    ("fsync", "EINTR", False),
    ("openat", "EMFILE", True),
    ("openat", "EIO", False),
    ("openat", "EINTR", False),
    ("pread64", "EIO", False),
    ("pread64", "EINTR", False),
    ("ftruncate", "EIO", True),
    ("ftruncate", "EINTR", False),
    ("rename", "EIO", True),
    ("rename", "ENOSPC", False),
    ("unlink", "EIO", True),
    ("mkdir", "ENOSPC", False),
    ("mkdir", "EDQUOT", True),
    ("fcntl", "EIO", False),
    ("fcntl", "EINTR", False),
    ("mmap", "ENOMEM", False),
    ("getdents64", "EIO", False),
    ("timerfd_create", "EMFILE", True),
]
CALL = re.compile(r"^(?:\d+ +)?(\w+)\(")


def give_up(why):
    print(f"SKIP: system calls that fail by strace: {why}")
    sys.exit(77)


def run_worker(worker, folder, *strace):
    return subprocess.run(
        [*strace, worker, "run", folder, folder / "book"],
        capture_output=True, text=True, errors="replace", timeout=60,
        check=False)


def count_calls(worker):
    """name -> (calls before the first that is about the log, calls)"""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dp-calls-"))
    names = ",".join(sorted({name for name, _, _ in FAULTS}))
    ran = run_worker(worker, folder, "strace", "-f", "-y", "-o",
                     folder / "trace", "-e", f"trace={names}")
    if ran.returncode != 0:
        give_up(ran.stderr.strip().splitlines()[-1] if ran.stderr else "?")
    before, calls, has_begun = collections.Counter(), collections.Counter(), False
    for line in (folder / "trace").read_text().splitlines():
        match = CALL.match(line)
        has_begun = has_begun or f"{folder}/log" in line
        if match is not None:
            calls[match[1]] += 1
            before[match[1]] += not has_begun
    shutil.rmtree(folder)
    return {name: (before[name], calls[name]) for name in calls}


def check(worker, folder, what):
    checked = subprocess.run(
        [worker, "check", folder, folder / "book"],
        capture_output=True, text=True, timeout=60, check=False)
    if checked.returncode != 0:
        sys.exit(f"{what}: {checked.stdout}{checked.stderr} (see {folder})")


def run_case(worker, name, error, when):
    """Returns whether the program was told of an error."""
    what = f"inject={name}:error={error}:when={when}"
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dp-calls-"))
    try:
        ran = run_worker(worker, folder, "strace", "-f", "-qq", "-o",
                         "/dev/null", "-e", f"trace={name}", "-e", what)
    except subprocess.TimeoutExpired:
        sys.exit(f"{what}: the program does not end")
    if ran.returncode != 0:
        sys.exit(f"{what}: it ended with {ran.returncode}: {ran.stderr}")
    check(worker, folder, what)
    shutil.rmtree(folder)
    return ": DP_E" in ran.stdout.replace("pull: DP_ETIMEDOUT", "")


def main():
    worker = sys.argv[1]
    cases = min(int(os.environ.get("DP_TEST_CYCLES", sys.argv[2])), 400)
    if shutil.which("strace") is None:
        give_up("it is not installed")
    chance = random.Random(1)
    calls = count_calls(worker)
    told = done = 0
    while done < cases:
        for name, error, may_last in FAULTS:
            before, count = calls.get(name, (0, 0))
            if before < count and done < cases:
                number = chance.randint(before + 1, count)
                lasts = may_last and done % 2 != 0
                told += run_case(worker, name, error,
                                 f"{number}+" if lasts else f"{number}")
                done += 1
    print(f"figure: crash_calls: {done} cases of a system call that fails by "
          f"strace, of which {told} were told to the program, 0 findings")


main()
