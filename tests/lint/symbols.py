# SPDX-License-Identifier: Apache-2.0
"""The headers declare as DP_API just what libdatapipe.map exports, and the
library that was built (first argument) shows just that."""

import pathlib
import re
import subprocess
import sys

import tree

headers = "".join(p.read_text() for p in tree.files(".h", under=["include"]))
map_text = pathlib.Path("src/libdatapipe.map").read_text()
nm = subprocess.run(
    ["nm", "-D", "--defined-only", sys.argv[1]],
    check=True, capture_output=True, text=True,
).stdout

# Headers of the test kit declare functions of a library of their own.
kit = "".join(
    p.read_text() for p in tree.files(".h", under=["include/datapipe/test"])
)
declaration = re.compile(r"^DP_API\b[^(;]*?\b(dp_\w+)\(", re.M)
declared = set(declaration.findall(headers)) - set(declaration.findall(kit))
exported = set(re.findall(r"^\t(\w+);", map_text, re.M))
# Lines of nm: address, kind, name@@version; kind A is a version itself.
shown = {
    line.split()[2].split("@")[0]
    for line in nm.splitlines()
    if line.split()[1] != "A"
}

bad = 0
for name in sorted(declared ^ exported):
    where = "the map" if name in declared else "any header"
    print(f"{name} is missing from {where}")
    bad += 1
for name in sorted(exported ^ shown):
    print(f"{name} is {'not in the library' if name in exported else 'shown'}")
    bad += 1
for name in sorted(n for n in exported | shown if not n.startswith("dp_")):
    print(f"{name} does not begin with dp_")
    bad += 1
sys.exit(bad != 0)
