# SPDX-License-Identifier: Apache-2.0
"""One thing, one name: a file, a type or a test is found by its name alone."""

import collections
import re
import sys

import tree

places = collections.defaultdict(list)
bad = 0

for path in tree.files(".c", ".h", under=["src"]):
    places[f"file {path.name}"].append(path)
    text = path.read_text()
    if path.suffix == ".h":
        guard = "DPI_" + re.sub(r"\W", "_", "/".join(path.parts[1:])).upper()
        if f"#ifndef {guard}\n#define {guard}\n" not in text:
            print(f"{path}: the include guard is not {guard}")
            bad += 1
        for name in re.findall(r"^(?:typedef )?(?:struct|enum) (\w+) \{", text, re.M):
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
    places[f"file {path.name}"].append(path)
    for name in re.findall(r"^static void (test_\w+)\(void \*\*", path.read_text(), re.M):
        places[f"test {name}"].append(path)



def is_per_platform(paths):
    """name_x86.c and name_any.c hold the same function; one is built."""
    return len({str(path).rpartition("_")[0] for path in paths}) == 1


for name, paths in sorted(places.items()):
    if len(paths) > 1 and not is_per_platform(paths):
        print(f"{name} is there twice: {', '.join(map(str, paths))}")
        bad += 1
sys.exit(bad != 0)
