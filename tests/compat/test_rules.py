# SPDX-License-Identifier: Apache-2.0
"""test_rules.py COMPARE_SETS DOC PROTOC: each row of the table of rules of DOC is
compiled, compared, and gives the findings that it tells of, and no others."""

import collections
import re
import struct
import subprocess
import sys
import tempfile

BITS = {"backward": 1, "forward": 2, "both": 3, "later": 16}
JSON_BITS = {"backward": 4, "forward": 8, "both": 12, "later": 32}


def rows(doc):
    table = doc.split("\n## Rules\n")[1].split("\n## ")[0]
    for line in table.splitlines():
        cells = [c.strip() for c in line.strip("|").split(" |")]
        if line.startswith("| ") and not line.startswith("| rule"):
            yield cells[0], cells[1], cells[2], cells[3], cells[4]


def compile_side(protoc, folder, cell):
    body = re.search(r"`(.*)`", cell)
    syntax = "proto2" if cell.startswith("proto2") else "proto3"
    with open(f"{folder}/m.proto", "w", encoding="utf-8") as file:
        file.write(
            f'syntax = "{syntax}"; package t; '
            'import "google/protobuf/duration.proto"; '
            f"message M {{ {body[1] if body else ''} }}\n")
    subprocess.run(
        [protoc, f"-I{folder}", "-I/usr/include", "-oset.pb", "m.proto"],
        cwd=folder, check=True, stderr=subprocess.DEVNULL)
    with open(f"{folder}/set.pb", "rb") as file:
        return file.read()


def compare(compare_sets, before, after):
    data = b"".join(struct.pack("<I", len(s)) + s for s in (before, after))
    done = subprocess.run([compare_sets], input=data, capture_output=True, check=True)
    found = collections.defaultdict(int)
    for line in done.stdout.decode().splitlines()[1:]:
        rule, _, _, bits = line.split()
        found[rule] |= int(bits)
    return found


def main():
    compare_sets, doc, protoc = sys.argv[1:4]
    with open(doc, encoding="utf-8") as file:
        text = file.read()
    wanted = collections.defaultdict(dict)
    for rule, before, after, wire, json in rows(text):
        bits = sum(BITS[w] for w in wire.split())
        bits |= sum(JSON_BITS[w] for w in json.split())
        wanted[before, after][rule] = bits
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for (before, after), rules in wanted.items():
            found = compare(
                compare_sets, compile_side(protoc, folder, before),
                compile_side(protoc, folder, after))
            same = all(r in found for r in rules) and all(
                bits == rules.get(r, 0) for r, bits in found.items())
            if not same:
                print(f"{before} -> {after}: {dict(found)}, not {rules}")
                bad += 1
    print(f"{len(wanted)} changes of doc/compatibility.md")
    sys.exit(bad != 0 or len(wanted) < 40)


main()
