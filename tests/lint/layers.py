# SPDX-License-Identifier: Apache-2.0
"""A source may include its own folder and lower layers, and nothing else.
Examples see what users see: the public headers. Tools look into files as the
library writes them, and see all of it but what is for tests."""

import re
import sys

import tree

# Folders on one line are siblings: they may not include each other. What is
# in a subfolder belongs to its top folder. proto is generated from proto/;
# support is tests/support, of which the kit for users' tests has a part.
LAYERS = [
    ["proto"],
    ["base"],
    ["io"],
    ["schema"],
    ["codec"],
    ["hub"],
    ["publish", "sink"],
    ["route"],
    ["support"],
    ["test"],
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def complaint(folder, line):
    """What is wrong with an #include line of a source, or None."""
    match = re.match(r'#include "([^"/]*)/', line)
    if match is None:
        return f"write the folder: {line}"
    if match[1] not in RANK:
        return f"no folder of src: {line}"
    if match[1] != folder and RANK[match[1]] >= RANK[folder]:
        return f"{folder} may not see {match[1]}"
    return None


bad = 0
for path in tree.files(".c", ".h", under=["src"]):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith('#include "'):
            said = complaint(path.parts[1], line)
            if said is not None:
                print(f"{path}:{number}: {said}")
                bad += 1

for path in tree.files(".c", ".h", under=["tools"]):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if re.match(r'#include "(support|test)/', line):
            print(f"{path}:{number}: for tests: {line}")
            bad += 1

for path in tree.files(".c", ".h", under=["examples", "plugins", "include"]):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'#include "([^"]*)"', line)
        if match and (RANK.keys() & {match[1].split("/")[0]} or ".." in match[1]):
            print(f"{path}:{number}: public headers only: {line}")
            bad += 1
sys.exit(bad != 0)
