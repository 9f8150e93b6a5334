# SPDX-License-Identifier: Apache-2.0
"""Nothing in the tree says that it is unfinished, no test waits by sleeping,
and every file says its license first."""

import pathlib
import re
import sys

import tree

UNFINISHED = re.compile(
    r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK|st" r"ubs?)\b"
    r"|not (yet )?impl" r"emented"
)
SLEEP = re.compile(r"\b(u?sleep|nanosleep|uv_sleep|time\.sleep)\s*\(")
COMMENT_LINE = re.compile(r"^\s*//|[;{})]\s*//")
SPDX = "SPDX-License-Identifier: Apache-2.0"
# Kinds of files in which a first line of ours has no place.
NO_SPDX = {".md", ".json", ".svg", ".avsc", ".supp"}

bad = 0


def say(path, number, what):
    global bad
    print(f"{path}:{number}: {what}")
    bad += 1


for path in tree.files() + tree.top_files():
    if path == pathlib.Path("tests/lint/words.py"):
        continue
    try:
        lines = path.read_text().splitlines()
    except UnicodeDecodeError:
        say(path, 1, "not UTF-8: data belongs into golden/ or corpus/")
        continue
    if path.suffix not in NO_SPDX and SPDX not in "\n".join(lines[:2]):
        say(path, 1, f"no {SPDX}")
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            say(path, number, f"unfinished: {line.strip()}")
        if path.parts[0] == "tests" and SLEEP.search(line):
            say(path, number, f"a sleep: {line.strip()}")
        if path.suffix in {".c", ".h"} and COMMENT_LINE.search(line):
            say(path, number, f"a // comment: {line.strip()}")
        if line != line.rstrip() and path.suffix != ".md":
            say(path, number, "blanks at the end")
sys.exit(bad != 0)
