# SPDX-License-Identifier: Apache-2.0
"""No function over 70 lines, no file over 600. Prints the longest of both."""

import sys

import tree

FUNCTION_MAX = 70
FILE_MAX = 600

functions = []
lengths = []
for path in tree.files(".c", ".h", under=["src", "include", "examples", "tools", "plugins"]):
    lines = path.read_text().splitlines()
    lengths.append((len(lines), f"{path}"))
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            functions.append((number - start - 1, f"{path}:{start}"))
            start = None

functions.sort(reverse=True)
lengths.sort(reverse=True)
bad = 0
for what, found, most in [
    ("lines of a function", functions, FUNCTION_MAX),
    ("lines of a file", lengths, FILE_MAX),
]:
    middle = found[len(found) // 2][0] if found else 0
    print(f"{what}: median {middle}, at most {most}; the longest:")
    for length, place in found[:5]:
        print(f"  {length:4} {place}")
    bad += sum(length > most for length, _ in found)
sys.exit(bad != 0)
