# SPDX-License-Identifier: Apache-2.0
"""Counts the tests in a folder of results: one file of JSON lines a run, as
meson writes them. A program of cmocka counts as the tests that it has; a
line "SKIP: why" of another says that it left a part of its own out. Says
loudly what was skipped and why, and what failed; then repeats the lines
"figure: what" that programs wrote, and those of steps, kept in figures.txt;
ends with one line that has the sums, and with an exit code that says whether
all is well."""

import json
import pathlib
import re
import sys

COUNT = re.compile(r"\[ +(PASSED|FAILED|SKIPPED) +\] (\d+) test\(s\)")
NAME = re.compile(r"\[ +(FAILED|SKIPPED) +\] ([A-Za-z_]\w*)$", re.M)
REASON = re.compile(r"^SKIP: (.*)$", re.M)
FIGURE = re.compile(r"^figure: (.*)$", re.M)


def tests_of(entry):
    """(passed, failed, skipped) of one program."""
    output = entry.get("stdout", "") + entry.get("stderr", "")
    counts = {"PASSED": 0, "FAILED": 0, "SKIPPED": 0}
    for word, number in COUNT.findall(output):
        counts[word] += int(number)
    result = entry["result"]
    if result == "SKIP":
        return 0, 0, 1
    if result not in ("OK", "EXPECTEDFAIL") and counts["FAILED"] == 0:
        # It died, timed out, or a sanitizer spoke after its tests were done.
        return counts["PASSED"], 1, counts["SKIPPED"]
    if sum(counts.values()) == 0:
        return 1, 0, len(REASON.findall(output))
    return counts["PASSED"], counts["FAILED"], counts["SKIPPED"]


def say(run, entry, word):
    """Lines about what of a program failed or was skipped."""
    output = entry.get("stdout", "") + entry.get("stderr", "")
    names = [n for w, n in NAME.findall(output) if w == word]
    reasons = REASON.findall(output) if word == "SKIPPED" else []
    what = f"{run}: {entry['name']}"
    for name in sorted(set(names)):
        print(f"{word} {what}: {name}")
    for reason in reasons:
        print(f"{word} {what}: {reason}")
    if not names and not reasons:
        print(f"{word} {what}: {entry['result']}")


passed = failed = skipped = 0
results = pathlib.Path(sys.argv[1])
figures = []
for path in sorted(results.glob("*.json")):
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        output = entry.get("stdout", "") + entry.get("stderr", "")
        figures += [f"{path.stem}: {figure}" for figure in FIGURE.findall(output)]
        p, f, s = tests_of(entry)
        passed, failed, skipped = passed + p, failed + f, skipped + s
        if s:
            say(path.stem, entry, "SKIPPED")
        if f:
            say(path.stem, entry, "FAILED")
if (results / "figures.txt").exists():
    figures += FIGURE.findall((results / "figures.txt").read_text())
for figure in figures:
    print(f"figure {figure}")
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(failed != 0 or passed == 0)
