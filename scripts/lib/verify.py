# SPDX-License-Identifier: Apache-2.0
"""usage: verify.py DIR DEAD_LETTERS SECONDS

Looks for every event that the services wrote down, by its id, in all that a
demo left in DIR: the lake, the structured files, the warehouse, and the dead
letters of both (as the program DEAD_LETTERS lists them). Prints one line of
JSON; what is wrong goes to stderr, and makes the exit code 1.

With DP_NODE in the environment, a folder that has avsc, that reads the files a
second time."""

import collections
import json
import multiprocessing
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys

import fastavro


def published(top):
    """id -> whether its bytes can be parsed."""
    events = {}
    for path in top.glob("ids.*"):
        for line in path.read_text().splitlines():
            event, _, fate = line.split("\t")
            events[event] = fate == "parsed"
    return events


def ids_of_file(path_and_field):
    path, field = path_and_field
    with open(path, "rb") as file:
        return [record[field] for record in fastavro.reader(file)]


def ids_of_files(pool, folder, field):
    paths = sorted(folder.rglob("*.avro"))
    counts = collections.Counter()
    for ids in pool.imap_unordered(ids_of_file, [(p, field) for p in paths]):
        counts.update(ids)
    return counts


def ids_by_avsc(node, folder, field):
    paths = sorted(folder.rglob("*.avro"))
    listed = subprocess.run(
        ["node", f"{node}/ids.js", field, *paths],
        check=True, capture_output=True, text=True)
    return collections.Counter(listed.stdout.split())


def differs_by_avsc(top, lake, structured):
    """Whether JavaScript finds other events in the files than Python."""
    node = os.environ.get("DP_NODE")
    if node is None:
        return False
    if not shutil.which("node") or not os.path.isdir(f"{node}/node_modules"):
        print("SKIP: reading Avro files with avsc: npm is not installed",
              file=sys.stderr)
        return False
    same = (ids_by_avsc(node, top / "lake", "id") == lake
            and ids_by_avsc(node, top / "structured", "_id") == structured)
    if not same:
        print("avsc reads other events than fastavro", file=sys.stderr)
    return not same


def ids_of_warehouse(path):
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    tables = [
        name for (name,) in database.execute(
            "SELECT DISTINCT m.name FROM sqlite_master AS m,"
            " pragma_table_info(m.name) AS c"
            " WHERE m.type = 'table' AND c.name = '_id'")
    ]
    counts = collections.Counter()
    for name in tables:
        counts.update(
            event for (event,) in database.execute(f'SELECT _id FROM "{name}"'))
    return counts


def ids_of_dead_letters(program, top):
    """topic -> counts of ids."""
    letters = collections.defaultdict(collections.Counter)
    listed = subprocess.run(
        [program, top], check=True, capture_output=True, text=True)
    for line in listed.stdout.splitlines():
        topic, event = line.split("\t")[:2]
        letters[topic][event] += 1
    return letters


def compare(where, wanted, found):
    """How many of `wanted` are not in `found`, and how many are too many."""
    missing = wanted - found.keys()
    strange = found.keys() - wanted
    again = sum(count - 1 for count in found.values())
    for what, events in [
        ("missing from", missing),
        ("not expected in", strange),
        ("more than once in", {e for e, n in found.items() if n > 1}),
    ]:
        if events:
            print(f"{len(events)} events are {what} {where}, such as "
                  f"{min(events)}", file=sys.stderr)
    return len(missing), again + len(strange)


def main():
    top, program, seconds = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    events = published(top)
    everything = set(events)
    parsed = {event for event, is_parsed in events.items() if is_parsed}
    letters = ids_of_dead_letters(program, top)
    with multiprocessing.Pool() as pool:
        lake = ids_of_files(pool, top / "lake", "id")
        structured = ids_of_files(pool, top / "structured", "_id")
    warehouse = ids_of_warehouse(top / "warehouse.db")
    structured_dead = letters["datahub2structured.dead"]
    warehouse_dead = letters["datahub2warehouse.dead"]
    lost = duplicates = 0
    for where, wanted, found in [
        ("the lake", everything, lake),
        ("the structured files", parsed, structured),
        ("the warehouse", parsed, warehouse),
        ("the dead letters of datahub2structured", everything - parsed,
         structured_dead),
        ("the dead letters of datahub2warehouse", everything - parsed,
         warehouse_dead),
    ]:
        missing, surplus = compare(where, wanted, found)
        lost += missing
        duplicates += surplus
    counts = {
        "published": len(events),
        "lake": lake.total(),
        "structured": structured.total(),
        "structured_dead": structured_dead.total(),
        "warehouse": warehouse.total(),
        "warehouse_dead": warehouse_dead.total(),
        "lost": lost,
        "duplicates": duplicates,
        "seconds": float(seconds),
    }
    print(json.dumps(counts))
    return (lost != 0 or duplicates != 0 or not events
            or differs_by_avsc(top, lake, structured))


if __name__ == "__main__":
    sys.exit(main())
