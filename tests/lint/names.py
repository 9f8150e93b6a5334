# SPDX-License-Identifier: Apache-2.0
"""One thing, one name: a type, a function or a test is found by its name alone,
a file by its folder and name."""

import collections
import re
import sys

import tree

places = collections.defaultdict(list)
bad = 0

for path in tree.files(".c", ".h", under=["src"]):
    text = path.read_text()
    if path.suffix == ".h":
        guard = "DPI_" + re.sub(r"\W", "_", "/".join(path.parts[1:])).upper()
        if f"#ifndef {guard}\n#define {guard}\n" not in text:
            print(f"{path}: the include guard is not {guard}")
            bad += 1
        for name in re.findall(r"^(?:typedef )?(?:struct|enum|union) (\w+) \{", text, re.M):
            places[f"type {name}"].append(path)
            if not name.startswith("dp"):
                print(f"{path}: {name} does not begin with dpi_")
                bad += 1
    # What other files can link against.
    for name in re.findall(r"^(?!static)[a-z][\w *]*?\b(\w+)\([^;{]*\)\n\{", text, re.M):
        places[f"function {name}()"].append(path)
        if path.suffix == ".c" and not name.startswith("dp"):
            print(f"{path}: {name}() is not static and not dpi_")
            bad += 1

for path in tree.files(".c", under=["tests"]):
    for name in re.findall(r"^static void (\w+)\(\s*void \*\*state\)", path.read_text(), re.M):
        places[f"test {name}"].append(path)


def is_per_platform(paths):
    """name_x86.c and name_any.c hold the same function; one is built."""
    return len({re.sub(r"_(any|arm|x86)\.c$", "", str(path)) for path in paths}) == 1


for name, paths in sorted(places.items()):
    if len(paths) > 1 and not is_per_platform(paths):
        print(f"{name} is there twice: {', '.join(map(str, paths))}")
        bad += 1
sys.exit(bad != 0)
