# SPDX-License-Identifier: Apache-2.0
"""compare.py CARRY_JSON SET EXAMPLES FOLDER: has CARRY_JSON carry the payloads
of EXAMPLES, JSON as GitHub sends it, and reads them back from the lake, Avro,
Parquet and SQLite. All must be what Python's protobuf makes of them, and the
lake's, as JSON, what was sent."""

import json
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys

import fastavro
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "readers"))
import oracle  # pylint: disable=wrong-import-position
import read_parquet  # pylint: disable=wrong-import-position

VALUE = "google.protobuf.Value"


class Hooks:
    """The types of the events."""

    def __init__(self, data):
        pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
            pool.Add(file)
        self.pool = pool

    def type_of(self, name):
        words = "".join(word.capitalize() for word in name.split("_"))
        return self.pool.FindMessageTypeByName(f"github.v1.{words}Event")

    @staticmethod
    def fields(message_type):
        return list(message_type.fields)


def message_of(message_type):
    return message_factory.GetMessageClass(message_type)()


def as_sent(message_type, value):
    """What ProtoJSON can tell of a payload: no null but in a Value, no empty
    list, integers of 64 bits as text, and the names of the fields."""
    out = {}
    by_name = {name: f for f in message_type.fields for name in (f.json_name, f.name)}
    for key, item in value.items():
        field = by_name[key]
        is_value = field.message_type and field.message_type.full_name == VALUE
        if field.is_repeated and item:
            out[field.name] = [one_as_sent(field, one) for one in item]
        elif not field.is_repeated and (item is not None or is_value):
            out[field.name] = one_as_sent(field, item)
    return out


def one_as_sent(field, value):
    if field.message_type and field.message_type.file.package == "github.v1":
        return as_sent(field.message_type, value)
    return str(value) if field.cpp_type == field.CPPTYPE_INT64 else value


class Event:
    def __init__(self, hooks, name, payload):
        self.type = hooks.type_of(name)
        self.sent = as_sent(self.type, payload)
        self.text = json.dumps(payload, ensure_ascii=False)
        self.message = json_format.ParseDict(payload, message_of(self.type))


def fail(what, number, event, lines):
    print(f"{what}: event {number}, {event.type.full_name}:")
    print("\n".join(lines))
    sys.exit(1)


def avro_records(folder):
    for path in sorted(folder.rglob("*.avro")):
        with open(path, "rb") as file:
            yield from fastavro.reader(file)


def parquet_files(folder):
    """Rows of each file, and how deep its types unfold."""
    for path in sorted(folder.rglob("*.parquet")):
        records, meta = read_parquet.rows(path)
        yield records, int(meta[b"datapipe.recursion"])


def rows(path):
    with sqlite3.connect(path) as db:
        db.row_factory = sqlite3.Row
        for (table,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
            " AND name LIKE 'github.v1.%'"
        ).fetchall():
            for row in db.execute(f'SELECT * FROM "{table}"'):
                yield dict(row)


def check_lake(folder, events):
    """Returns the events by offset."""
    records = sorted(avro_records(folder), key=lambda r: r["offset"])
    if len(records) != len(events):
        sys.exit(f"lake: {len(records)} of {len(events)} events")
    for number, (event, record) in enumerate(zip(events, records)):
        message = message_of(event.type)
        message.ParseFromString(record["payload"])
        back = json_format.MessageToDict(message, preserving_proto_field_name=True)
        if back != event.sent:
            fail("lake", number, event, oracle.differences(event.sent, back))
        if message != event.message:
            fail("lake", number, event, ["another message than Python's"])
    return {r["offset"]: e for r, e in zip(records, events)}


def check_record(what, record, events, convert):
    """Columns of the sink's own begin with an underscore."""
    event = events[record["_offset"]]
    expected = convert(event.message)
    actual = {
        name: value for name, value in record.items()
        if name in expected or not re.match("_[a-z]", name)
    }
    if not oracle.same(expected, actual):
        fail(what, record["_offset"], event, oracle.differences(expected, actual))


def check_count(what, count, events):
    if count != len(events):
        sys.exit(f"{what}: {count} of {len(events)} events")


def check_records(what, records, events, convert):
    count = 0
    for count, record in enumerate(records, 1):
        check_record(what, record, events, convert)
    check_count(what, count, events)


def check_parquet(folder, events, hooks):
    count = 0
    for records, recursion in parquet_files(folder):
        judge = oracle.Oracle(hooks, recursion)
        for record in records:
            check_record("Parquet", record, events, judge.record)
        count += len(records)
    check_count("Parquet", count, events)


def leave_digests(folder):
    """What other readers of Parquet have to read, too."""
    with open(folder / "parquet-digests", "w", encoding="utf-8") as out:
        for path in sorted((folder / "parquet").rglob("*.parquet")):
            digest = read_parquet.digest_of_arrow(path)
            if read_parquet.digest_of_duckdb(path) != digest:
                sys.exit(f"{path}: DuckDB reads other values")
            print(path, digest, file=out)


def main():
    carry_json, set_path, examples, folder = map(pathlib.Path, sys.argv[1:])
    hooks = Hooks(set_path.read_bytes())
    names = json.loads(examples.read_text(encoding="utf-8"))
    events = [
        Event(hooks, entry["name"], payload)
        for entry in names for payload in entry["examples"]
    ]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    subprocess.run(
        [carry_json, folder, set_path], check=True, encoding="utf-8",
        input="".join(f"{e.type.full_name} {e.text}\n" for e in events),
    )
    judge = oracle.Oracle(hooks)
    by_offset = check_lake(folder / "lake", events)
    check_records("Avro", avro_records(folder / "files"), by_offset, judge.record)
    check_parquet(folder / "parquet", by_offset, hooks)
    leave_digests(folder)
    check_records("SQLite", rows(folder / "rows.db"), by_offset, judge.row)
    print(
        f"figure: real data: {len(events)} webhook payloads of {len(names)} types"
        " published as JSON, read back equal from lake, Avro, Parquet and SQLite"
    )


main()
