# SPDX-License-Identifier: Apache-2.0
"""Each message that the library logs is explained in doc/messages.yaml under
its number, and each number there is used."""

import pathlib
import re
import sys

import tree

# The file is a list of flat entries, so that it needs no YAML library.
text = pathlib.Path("doc/messages.yaml").read_text()
explained = {}
bad = 0
for entry in re.split(r"^- ", text, flags=re.M)[1:]:
    fields = dict(re.findall(r"^ *(\w+): *(.*)$", entry, re.M))
    for key in ["id", "level", "module", "text", "meaning", "remedy"]:
        if key not in fields:
            print(f"doc/messages.yaml: {fields.get('id')}: no {key}")
            bad += 1
    number = int(fields.get("id", "0"), 0)
    if number in explained:
        print(f"doc/messages.yaml: {number:#010x} is there twice")
        bad += 1
    explained[number] = fields

sources = {p: p.read_text() for p in tree.files(".c", ".h", under=["src"])}
constants = {
    name: int(value, 0)
    for code in sources.values()
    for name, value in re.findall(
        r"\b(DPI_MSG_\w+)(?:\s*=)?\s+(0x[0-9a-fA-F]+|\d+)u?\b", code
    )
}
used = {}
for path, code in sources.items():
    for level, word in re.findall(r"\bdpi_log\(\s*[^,;]+,\s*(\w+),\s*(\w+),", code):
        if level.startswith("dp_"):
            continue  # the declaration
        if word not in constants and not re.fullmatch(r"(0x[0-9a-f]+|\d+)u?", word):
            print(f"{path}: dpi_log(): {word} is no message number")
            bad += 1
            continue
        number = constants.get(word)
        if number is None:
            number = int(word.rstrip("u"), 0)
        used[number] = path
        if number not in explained:
            print(f"{path}: {number:#010x} is not in doc/messages.yaml")
            bad += 1
for number in sorted(explained.keys() - used.keys()):
    print(f"doc/messages.yaml: {number:#010x} is not used")
    bad += 1
sys.exit(bad != 0)
