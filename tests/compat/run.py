# SPDX-License-Identifier: Apache-2.0
"""run.py COMPARE_SETS FOLDER [EVOLUTIONS [SEED]]: random changes of random
schemas, judged by us and by buf (rule sets WIRE and WIRE_JSON). Each finding
that only one of the two has must be of a class that doc/compatibility.md
explains. buf is fetched into FOLDER, once; exits with 77 if it cannot be."""

import collections
import json
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys

import classes
import schemas

HERE = pathlib.Path(__file__).resolve().parent
DOC = HERE.parent.parent / "doc/compatibility.md"
BATCH = 250
WIRE = 1 | 2 | 16
FORMS = {"WIRE": WIRE, "WIRE_JSON": 63}

# What buf's rules and ours are called when they are the same thing.
BUF = {
    "FIELD_WIRE_COMPATIBLE_TYPE": "type",
    "FIELD_WIRE_JSON_COMPATIBLE_TYPE": "type",
    "FIELD_WIRE_COMPATIBLE_CARDINALITY": "cardinality",
    "FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY": "cardinality",
    "FIELD_SAME_ONEOF": "oneof",
    "FIELD_SAME_DEFAULT": "default",
    "FIELD_SAME_NAME": "name",
    "FIELD_SAME_JSON_NAME": "json name",
    "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED": "deleted",
    "FIELD_NO_DELETE_UNLESS_NAME_RESERVED": "deleted",
    "MESSAGE_SAME_REQUIRED_FIELDS": "required",
    "RESERVED_MESSAGE_NO_DELETE": "reserved",
    "RESERVED_ENUM_NO_DELETE": "reserved",
    "ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED": "value deleted",
    "ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED": "value deleted",
    "ENUM_VALUE_SAME_NAME": "value name",
    "ENUM_SAME_JSON_FORMAT": "json format",
    "MESSAGE_SAME_JSON_FORMAT": "json format",
}
OURS = {
    "FIELD_TYPE": "type",
    "FIELD_CARDINALITY": "cardinality",
    "FIELD_REQUIRED": "required",
    "FIELD_PRESENCE": "presence",
    "FIELD_DEFAULT": "default",
    "FIELD_ONEOF": "oneof",
    "FIELD_NAME": "name",
    "FIELD_JSON_NAME": "json name",
    "FIELD_UTF8": "utf8",
    "FIELD_NUMBER_CHANGED": "number",
    "FIELD_ADDED": "added",
    "FIELD_DELETED": "deleted",
    "MESSAGE_NAME": "message name",
    "MESSAGE_JSON_FORM": "json form",
    "RESERVED_DELETED": "reserved",
    "RESERVED_NAME_DELETED": "reserved name",
    "ENUM_NAME": "enum name",
    "ENUM_CLOSED": "closed",
    "ENUM_VALUE_NAME": "value name",
    "ENUM_VALUE_DELETED": "value deleted",
    "ENUM_VALUE_ADDED": "value added",
    "ENUM_VALUE_NUMBER_CHANGED": "value number",
}


def fetch_buf(folder):
    node = folder / "node"
    wanted = HERE / "package.json"
    mark = node / "made-of"
    if shutil.which("node") is None or shutil.which("npm") is None:
        print("SKIP: node and npm are not installed")
        sys.exit(77)
    if not mark.exists() or mark.read_bytes() != wanted.read_bytes():
        shutil.rmtree(node, ignore_errors=True)
        node.mkdir(parents=True)
        shutil.copy(wanted, node)
        done = subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--fetch-retries=1",
             "--fetch-timeout=20000"],
            cwd=node, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(f"SKIP: npm cannot fetch buf: {done.stderr.splitlines()[-1:]}")
            sys.exit(77)
        shutil.copy(wanted, mark)
    return node / "node_modules/.bin/buf"


def ask_buf(buf, folder, pairs, form):
    """For each file's name a set of (family, owner, number)."""
    empty = folder / "empty"
    empty.mkdir(exist_ok=True)
    for name, side in (("before", 0), ("after", 1)):
        (folder / f"{name}.binpb").write_bytes(b"".join(p[side] for p in pairs))
    config = json.dumps({"version": "v2", "breaking": {"use": [form]}})
    done = subprocess.run(
        [buf, "breaking", folder / "after.binpb", "--against",
         folder / "before.binpb", "--config", config, "--error-format", "json"],
        cwd=empty, capture_output=True, text=True, check=False,
        env={**os.environ, "HOME": str(folder), "NO_COLOR": "1"})
    if done.returncode not in (0, 100):
        print(f"buf: {done.stderr[-4000:]}{done.stdout[-2000:]}")
        sys.exit(1)
    found = collections.defaultdict(set)
    for line in done.stdout.splitlines():
        item = json.loads(line)
        found[item["path"]].add(key_of_buf(item))
    return found


def key_of_buf(item):
    text = item["message"]
    family = BUF[item["type"]]
    owner = re.search(r'(?:on|Message|Enum|enum) (?:message |enum )?"([\w.]+)"', text)
    number = re.search(r'(?:[Ff]ield|[Ee]num value|required field) "(-?\d+)"', text)
    if family == "reserved":
        name = re.search(r'reserved name "', text)
        family = "reserved name" if name else family
        span = re.search(r'"\[?(-?\d+)', text)
        number = None if name else span
    return (family, owner[1].split(".")[-1] if owner else "", int(number[1]) if number else 0)


def ask_us(compare_sets, pairs):
    """For each pair, bits by (family, owner, number)."""
    data = b"".join(
        struct.pack("<I", len(s)) + s for p in pairs for s in (p[0], p[1]))
    done = subprocess.run([compare_sets], input=data, capture_output=True, check=False)
    if done.returncode != 0:
        print(done.stderr.decode())
        sys.exit(1)
    answers = []
    for line in done.stdout.decode().splitlines():
        if line == "pair":
            answers.append(collections.defaultdict(int))
            continue
        rule, number, path, bits = line.split()
        owner = path.split(".")[1:]
        if OURS[rule] not in (
                "closed", "message name", "reserved", "reserved name", "json form"):
            owner = owner[:-1]
        answers[-1][(OURS[rule], owner[-1], int(number))] |= int(bits)
    return answers


class Tally:
    def __init__(self):
        self.equal = self.explained = 0
        self.classes = collections.Counter()
        self.unexplained = []

    def judge(self, pair, ours, bufs):
        is_equal = True
        for form, mask in FORMS.items():
            mine = {k: b for k, b in ours.items() if b & mask}
            is_equal &= bool(mine) == bool(bufs[form])
            for key in set(mine) ^ bufs[form]:
                name = classes.explain(form, key, key in mine, ours, bufs[form])
                if name is None:
                    self.unexplained.append(
                        (form, key, "ours" if key in mine else "buf's",
                         ours.get(key), pair))
                else:
                    self.classes[name] += 1
        self.equal += is_equal
        self.explained += not is_equal


def main():
    compare_sets = pathlib.Path(sys.argv[1]).resolve()
    folder = pathlib.Path(sys.argv[2]).resolve()
    count = int((sys.argv[3:] or [os.environ.get("DP_TEST_CYCLES", "10000")])[0])
    seed = (sys.argv[4:] or ["1"])[0]
    buf = fetch_buf(folder)
    tally = Tally()
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        pairs = [schemas.make_pair(random.Random(f"{seed}/{n}"), n) for n in numbers]
        answers = ask_us(compare_sets, pairs)
        judged = {form: ask_buf(buf, folder, pairs, form) for form in FORMS}
        for n, pair, ours in zip(numbers, pairs, answers):
            bufs = {form: judged[form].get(f"p{n}.proto", set()) for form in FORMS}
            tally.judge((f"{seed}/{n}", pair[2]), ours, bufs)
    told = set(re.findall(r"^\| ([a-z0-9-]+) \|", DOC.read_text(), re.M))
    for name in classes.NAMES - told:
        tally.unexplained.append(f"{DOC} does not have the class {name}")
    for line in tally.unexplained[:40]:
        print(f"not explained: {line}")
    for name, times in tally.classes.most_common():
        print(f"explained: {name}: {times} findings")
    print(f"figure: compatibility: {count} evolutions, verdicts equal {tally.equal}, "
          f"explained {tally.explained} in {len(tally.classes)} classes")
    sys.exit(bool(tally.unexplained))


if __name__ == "__main__":
    main()
