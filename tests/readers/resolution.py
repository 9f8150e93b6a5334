# SPDX-License-Identifier: Apache-2.0
"""resolution.py ENCODER DATAPIPE PROTOC FOLDER: what readers make of Avro files of several
versions of a type. A file of each version of a pair is read by the schema of the
other, as doc/mapping.md says; whether it can be is what `datapipe schema check
--for avro` has said before. Exits with 77 if fastavro cannot be fetched."""

import json
import pathlib
import shutil
import struct
import subprocess
import sys

PROTOC = sys.argv[3]
SCALARS = ("double float int64 uint64 int32 fixed64 fixed32 bool string bytes uint32 "
           "sfixed32 sfixed64 sint32 sint64").split()
OTHERS = [
    "repeated int32", "repeated int64", "repeated string", "map<string, int32>",
    "map<string, int64>", "E", "A", "B", "google.protobuf.Timestamp",
    "google.protobuf.Duration", "google.protobuf.Int64Value",
    "google.protobuf.Struct", "google.protobuf.Any",
]
KINDS = SCALARS + OTHERS


def one(kind):
    """A message in which the field 1, of that kind, has a value."""
    kind = kind.split()[-1] if "<" not in kind else "map"
    if kind in ("double", "fixed64", "sfixed64"):
        return b"\x09" + bytes(7) + b"\x40"
    if kind in ("float", "fixed32", "sfixed32"):
        return b"\x0d" + bytes(3) + b"\x40"
    if kind in SCALARS + ["E"] and kind not in ("string", "bytes"):
        return b"\x08\x01"
    return b"\x0a\x01a" if kind in ("string", "bytes") else b"\x0a\x00"


FILE = """syntax = "proto3"; package v;
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
enum E { ZERO = 0; ONE = 1; }
message A { int32 a = 1; }
message B { int32 a = 1; }
"""


def run(*command, **options):
    return subprocess.run(list(map(str, command)), check=True,
                          stdout=subprocess.PIPE, **options).stdout


class Version:
    """A set of message types M0, M1, …, each with the fields of one body."""

    def __init__(self, folder, name, bodies):
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        source = self.folder / "v.proto"
        source.write_text(FILE + "".join(
            f"message M{n} {{ {body} }}\n" for n, body in enumerate(bodies)))
        self.set = self.folder / "v.pb"
        run(PROTOC, f"-I{self.folder}", "--include_imports",
            f"--descriptor_set_out={self.set}", "v.proto",
            stderr=subprocess.DEVNULL)

    def path(self, number):
        return self.folder / f"{number}.avro"

    def encode(self, encoder, messages):
        def text(data):
            return struct.pack("<I", len(data)) + data

        run(encoder, input=b"".join(
            text(self.set.read_bytes()) + text(b"v.M%d" % n)
            + text(str(self.path(n)).encode()) + struct.pack("<II", 1, 1)
            + text(message)
            for n, message in enumerate(messages)))

    def schema(self, number):
        import fastavro
        with open(self.path(number), "rb") as file:
            return fastavro.reader(file).writer_schema

    def read(self, number, schema):
        """The record, or None if it cannot be read by that schema."""
        import fastavro
        with open(self.path(number), "rb") as file:
            try:
                record, = fastavro.reader(file, reader_schema=schema)
            except (fastavro.read.SchemaResolutionError, ValueError, TypeError,
                    EOFError):
                return None
        record.pop("_n")
        return record


def actions(datapipe, old, new, number):
    out = run(datapipe, "schema", "check", "--json", "--mode", "NONE", "--for", "avro",
              "--type", f"v.M{number}", old.set, new.set)
    lines = map(json.loads, out.splitlines())
    return {line["action"] for line in lines if line["kind"] == "step"}


def logical(schema):
    """What readers take the values of f for, beside their type."""
    field, = (f for f in schema["fields"] if f["name"] == "f")
    types = field["type"] if isinstance(field["type"], list) else [field["type"]]
    return [t["logicalType"] for t in types
            if isinstance(t, dict) and "logicalType" in t]


def check_types(encoder, datapipe, folder):
    """A field of each kind that becomes one of each other kind."""
    pairs = [(a, b) for a in KINDS for b in KINDS if a != b]
    old = Version(folder, "types-old", [f"{a} f = 1;" for a, _ in pairs])
    new = Version(folder, "types-new", [f"{b} f = 1;" for _, b in pairs])
    old.encode(encoder, [one(a) for a, _ in pairs])
    new.encode(encoder, [one(b) for _, b in pairs])
    wrong, readable = [], 0
    for number, pair in enumerate(pairs):
        planned = actions(datapipe, old, new, number)
        schemas = old.schema(number), new.schema(number)
        # A time that is read as a number, or digits as text, is no value.
        can = logical(schemas[0]) == logical(schemas[1]) and (
            old.read(number, schemas[1]) is not None
            or new.read(number, schemas[0]) is not None)
        readable += can
        if can != ("conflict" not in planned):
            wrong.append(f"{pair[0]} to {pair[1]}: {planned}, but read: {can}")
    for line in wrong:
        print(line)
    print(f"figure: avro: {len(pairs)} changes of a field's type, {readable} of them "
          "read by one of the two schemas, as planned")
    return not wrong


# What is said of versions: body, message, body, message; what who has the newer
# schema sees of the older file, and who has the older one of the newer file.
STORIES = {
    "a field is new": (
        "int32 a = 1;", b"\x08\x05",
        "int32 a = 1; int32 b = 2; optional int32 c = 3; repeated int32 d = 4; A e = 5;",
        b"\x08\x05\x10\x06\x18\x07\x22\x01\x08",
        {"a": 5, "b": None, "c": None, "d": [], "e": None, "_unknown": None},
        {"a": 5, "_unknown": None}),
    "a field is gone": (
        "int32 a = 1; int32 b = 2;", b"\x08\x05\x10\x06",
        "int32 a = 1;", b"\x08\x05",
        {"a": 5, "_unknown": None},
        {"a": 5, "b": None, "_unknown": None}),
    "a field has another name": (
        "int32 a = 1;", b"\x08\x05", "int32 z = 1;", b"\x08\x05",
        {"z": None, "_unknown": None}, {"a": None, "_unknown": None}),
    "a list is gone": (
        "int32 a = 1; repeated int32 b = 2;", b"\x08\x05\x12\x01\x06",
        "int32 a = 1;", b"\x08\x05",
        {"a": 5, "_unknown": None}, {"a": 5, "b": [], "_unknown": None}),
    "a field came before its schema": (
        "int32 a = 1;", b"\x08\x05\x10\x06",
        "int32 a = 1; int32 b = 2;", b"\x08\x05\x10\x06",
        {"a": 5, "b": None, "_unknown": b"\x10\x06"}, {"a": 5, "_unknown": None}),
    "numbers become wider": (
        "int32 a = 1; float b = 2;", b"\x08\x05\x15\x00\x00\x20\x3f",
        "int64 a = 1; double b = 2;", b"\x08\x05\x11\x00\x00\x00\x00\x00\x00\xe4\x3f",
        {"a": 5, "b": 0.625, "_unknown": None}, None),
    "a value of an enum is new": (
        "E a = 1;", b"\x08\x02", "E a = 1; int32 b = 2;", b"\x08\x01\x10\x01",
        {"a": "2", "b": None, "_unknown": None}, {"a": "ONE", "_unknown": None}),
    "a oneof gets another member": (
        "oneof o { int32 a = 1; }", b"\x08\x05",
        "oneof o { int32 a = 1; int32 b = 2; }", b"\x10\x06",
        {"a": 5, "b": None, "o_case": "a", "_unknown": None},
        {"a": None, "o_case": "b", "_unknown": None}),
}


def check_stories(encoder, folder):
    stories = list(STORIES.items())
    old = Version(folder, "stories-old", [story[0] for _, story in stories])
    new = Version(folder, "stories-new", [story[2] for _, story in stories])
    old.encode(encoder, [story[1] for _, story in stories])
    new.encode(encoder, [story[3] for _, story in stories])
    is_ok = True
    for number, (name, story) in enumerate(stories):
        for version, other, wanted in ((old, new, story[4]), (new, old, story[5])):
            record = version.read(number, other.schema(number))
            if record != wanted:
                print(f"{name}: {record} instead of {wanted}")
                is_ok = False
    return is_ok


def main():
    if len(sys.argv) == 5:
        import run as readers
        folder = pathlib.Path(sys.argv[4]).resolve()
        python = readers.fetch_python(folder)
        sys.exit(subprocess.run([python, "-B", *sys.argv, "here"], check=False).returncode)
    encoder, datapipe, _, folder = (pathlib.Path(a).resolve() for a in sys.argv[1:5])
    folder /= "resolution"
    shutil.rmtree(folder, ignore_errors=True)
    is_ok = check_stories(encoder, folder)
    is_ok &= check_types(encoder, datapipe, folder)
    sys.exit(not is_ok)


if __name__ == "__main__":
    main()
