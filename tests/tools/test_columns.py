# SPDX-License-Identifier: Apache-2.0
"""usage: test_columns.py DATAPIPE PROTOC MAPPING: each line of the table of values
of doc/mapping.md, and what the command says that its columns are."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

DATAPIPE, PROTOC, MAPPING = sys.argv[1:4]

PROTO2 = """syntax = "proto2"; package m;
message Old {
  optional group Grouped = 1 { optional int32 a = 1; }
  extensions 100 to 200;
}
extend Old { optional int64 more = 100; }
"""
PROTO3 = """syntax = "proto3"; package m;
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
enum E { ZERO = 0; }
message Inner { int32 a = 1; }
message Node { Node next = 1; }
message M { FIELDS }
"""

# What stands in the first column, and fields that it is about, with the line
# whose types they have where that is another one.
LINES = {
    "message": ["Inner f"],
    "recursive message": ["Node f"],
    "`map<k, v>`": ["map<string, int32> f"],
    "`repeated`": ["repeated int32 f"],
    "`enum`": ["E f"],
    "`google.protobuf.Timestamp`": ["google.protobuf.Timestamp f"],
    "`google.protobuf.Duration`": ["google.protobuf.Duration f"],
    "`Struct` `Value` `ListValue`": [
        f"google.protobuf.{name} f" for name in ("Struct", "Value", "ListValue")],
    "`Any`": ["google.protobuf.Any f"],
    "`FieldMask`": ["google.protobuf.FieldMask f"],
    "`Empty`, `google.type.*`": ["google.protobuf.Empty f"],
}
WRAPPERS = {
    "Bool": "bool", "Int32": "int32", "Int64": "int64", "UInt32": "uint32",
    "UInt64": "uint64", "Float": "float", "Double": "double", "String": "string",
    "Bytes": "bytes",
}
SCALAR = re.compile(r"(`(bool|s?int\d+|s?fixed\d+|uint\d+|float|double|string|bytes)` ?)+$")


def table():
    text = pathlib.Path(MAPPING).read_text(encoding="utf-8")
    text = text.split("\n## Values\n")[1].split("\n## ")[0]
    for line in text.splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if line.startswith("| ") and cells[0] != "Protocol Buffers":
            yield cells[0], cells[1:5]


def avro(text, column):
    field = {f["name"]: f for f in json.loads(text)["fields"]}[column]
    kind = field["type"]
    if isinstance(kind, list):
        assert kind[0] == "null" and field["default"] is None
        kind = kind[1]
    if isinstance(kind, str):
        return kind
    if kind["type"] == "array":
        items = kind["items"]
        is_map = isinstance(items, dict) and items.get("name", "").endswith("Entry")
        return "array of records" if is_map else "array"
    if "logicalType" in kind:
        name = kind["logicalType"]
        if name == "decimal":
            name += f"({kind['precision']}, {kind['scale']})"
        return f"{kind['type']}, {name}"
    return "string, JSON" if kind.get("sqlType") == "JSON" else kind["type"]


def parquet(text, column):
    line = re.search(rf"^  (\w+) (\w+) {column}( \((.*)\))?( {{|;)$", text, re.M)
    assert line[1] == "optional", line[0]
    return {
        ("boolean", None): "BOOLEAN",
        ("int64", "INTEGER(64,false)"): "INT64, UINT_64",
        ("int64", "TIMESTAMP(MICROS,true)"): "INT64, TIMESTAMP(MICROS, UTC)",
        ("binary", None): "BYTE_ARRAY",
        ("group", None): "group",
    }.get((line[2], line[4]), line[4] or line[2].upper())


def sqlite(text, column):
    return re.search(rf'"{column}" ([A-Z ]+)', text)[1]


def bigquery(text, column):
    field = {f["name"]: f for f in json.loads(text)}[column]
    if field["mode"] == "NULLABLE":
        return field["type"]
    assert field["mode"] == "REPEATED"
    return "REPEATED RECORD" if field["type"] == "RECORD" else "REPEATED"


DESTINATIONS = {"avro": avro, "parquet": parquet, "sqlite": sqlite, "bigquery": bigquery}


class Columns(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.path = pathlib.Path(self.dir.name)

    def make(self, text):
        (self.path / "m.proto").write_text(text)
        subprocess.run(
            [PROTOC, "--include_imports", f"-I{self.path}", "-I/usr/include",
             f"-o{self.path}/set.pb", self.path / "m.proto"], check=True,
            stderr=subprocess.DEVNULL)

    def print_columns(self, kind, name, status=0):
        done = subprocess.run(
            [DATAPIPE, "schema", "columns", "--for", kind, "--type", name,
             self.path / "set.pb"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, status, done)
        return done.stdout if status == 0 else done.stderr

    def types(self, name, column):
        return [read(self.print_columns(kind, name), column)
                for kind, read in DESTINATIONS.items()]

    def types_of(self, field):
        self.make(PROTO3.replace("FIELDS", f"{field} = 1;"))
        return self.types("m.M", "f")

    def test_each_line_of_the_table_is_what_destinations_have(self):
        lines = dict(table())
        for first, cells in lines.items():
            fields = LINES.get(first, [])
            if SCALAR.match(first):
                fields = [f"{name} f" for name in re.findall(r"`(\w+)`", first)]
            for field in fields:
                self.assertEqual(self.types_of(field), cells, field)
        spoken = {l for l in lines if l in LINES or SCALAR.match(l)}
        self.assertEqual(set(LINES) - spoken, set())
        self.assertEqual(set(lines) - spoken, {
            "group, delimited message", "wrappers (`Int64Value` …)", "extension",
            "unknown field"})

    def test_a_wrapper_has_the_column_of_what_is_inside(self):
        for wrapper, name in WRAPPERS.items():
            self.assertEqual(
                self.types_of(f"google.protobuf.{wrapper}Value f"),
                self.types_of(f"{name} f"))

    def test_groups_extensions_and_what_is_unknown(self):
        lines = dict(table())
        self.make(PROTO2)
        self.assertEqual(
            self.types("m.Old", "grouped"), lines["group, delimited message"])
        self.assertEqual(
            self.types("m.Old", "m_more"), lines["`int64` `sint64` `sfixed64`"])
        self.assertEqual(self.types("m.Old", "_unknown"), lines["unknown field"])

    def test_a_type_that_a_destination_has_no_room_for_is_refused(self):
        deep = "".join(
            f"message L{i} {{ L{i + 1} f = 1; }}" for i in range(16))
        self.make('syntax = "proto3"; package m;' + deep + "message L16 { int32 a = 1; }")
        self.print_columns("avro", "m.L0")
        self.assertIn("15 deep", self.print_columns("bigquery", "m.L0", status=2))
        self.print_columns("bigquery", "m.L1")
        many = "".join(f"int32 f{i} = {i + 1};" for i in range(200))
        wide = "".join(f"W g{i} = {i + 1};" for i in range(50))
        self.make(f'syntax = "proto3"; package m; message W {{ {many} }}'
                  f"message V {{ {wide} }}")
        self.assertIn("10000", self.print_columns("bigquery", "m.V", status=2))
        self.print_columns("bigquery", "m.W")

    def test_wrong_usage_is_no_answer(self):
        self.make('syntax = "proto3"; package m; message M {}')
        self.assertIn("--for cannot be oracle", self.print_columns("oracle", "m.M", status=2))
        self.assertIn("m.N", self.print_columns("avro", "m.N", status=2))


unittest.main(argv=sys.argv[:1])
