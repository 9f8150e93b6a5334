# SPDX-License-Identifier: Apache-2.0
"""Compares branches that tests took with what branches.txt asks for.

usage: branches.py SUMMARY

SUMMARY is what gcovr --json-summary writes."""

import json
import pathlib
import sys


def main():
    files = json.loads(pathlib.Path(sys.argv[1]).read_text())["files"]
    table = pathlib.Path(__file__).with_name("branches.txt").read_text()
    bad = 0
    for line in table.splitlines():
        if line.startswith("#"):
            continue
        least, path = line.split()
        own = [f for f in files if (f["filename"] + "/").startswith(path + "/")]
        total = sum(f["branch_total"] for f in own)
        taken = sum(f["branch_covered"] for f in own)
        print(f"figure: branches: {path}: {taken} of {total}, {least} % asked for")
        if total == 0 or 100 * taken < int(least) * total:
            print(f"{path}: too few")
            bad = 1
    sys.exit(bad)


main()
