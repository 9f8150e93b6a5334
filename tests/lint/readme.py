# SPDX-License-Identifier: Apache-2.0
"""C code in README.md and in the manual pages is code that is built: each
block stands, line by line, in a file of examples/. Links lead somewhere. The
tests that doc/reliability.md names are there."""

import pathlib
import re
import sys

import tree


def bare(text):
    """Lines without their indentation, which differs."""
    return "\n".join(line.strip() for line in text.strip().splitlines())


sources = [bare(path.read_text()) for path in tree.files(".c", ".h", under=["examples"])]
bad = 0
for path in [pathlib.Path("README.md"), *tree.files(".scd", under=["doc"])]:
    text = path.read_text()
    blocks = re.findall(r"^```c?\n(.*?)^```$", text, re.M | re.S)
    if path.suffix == ".md":
        blocks = re.findall(r"^```c\n(.*?)^```$", text, re.M | re.S)
    for block in blocks:
        # A line of three dots leaves something out.
        for part in re.split(r"^\s*\.\.\.\s*$", block, flags=re.M):
            if not any(bare(part) in source for source in sources):
                print(f"{path}: not in examples/:\n{part}")
                bad += 1
for path in tree.top_files() + tree.files(".md", under=["doc"]):
    for link in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        if "://" not in link and not (path.parent / link).exists():
            print(f"{path}: {link} is not there")
            bad += 1
tests = "".join(
    path.read_text() for path in tree.files(".c", ".build", ".py", under=["tests"])
)
# fuzz_ and crash_ may be put before a name by the build.
for name in re.findall(r"`([a-z]\w*_\w+)`", pathlib.Path("doc/reliability.md").read_text()):
    if not re.search(rf"\b{name}\b|'{name.partition('_')[2]}'", tests):
        print(f"doc/reliability.md: no test {name}")
        bad += 1
sys.exit(bad != 0)
