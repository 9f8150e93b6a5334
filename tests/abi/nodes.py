# SPDX-License-Identifier: Apache-2.0
"""usage: nodes.py MAP LIBRARY: each function is in the library under the
version that the map says, and under no other."""

import pathlib
import re
import subprocess
import sys

wanted = set()
text = pathlib.Path(sys.argv[1]).read_text()
for node, body in re.findall(r"^(\w[\w.]*) \{(.*?)^\}", text, re.M | re.S):
    wanted |= {f"{name}@@{node}" for name in re.findall(r"^\t(\w+);", body, re.M)}

nm = subprocess.run(
    ["nm", "-D", "--defined-only", sys.argv[2]],
    check=True, capture_output=True, text=True,
).stdout
found = {line.split()[2] for line in nm.splitlines() if line.split()[1] != "A"}

for name in sorted(wanted ^ found):
    print(f"{name} is {'in the map only' if name in wanted else 'not in the map'}")
sys.exit(wanted != found or not wanted)
