# SPDX-License-Identifier: Apache-2.0
"""What a message must have become, by Python's protobuf alone and the rules
of doc/mapping.md. Values that have no Python equal are objects with same()."""

import base64
import datetime
import json
import math
import re
import struct

from google.protobuf.descriptor import FieldDescriptor as D
from google.protobuf.unknown_fields import UnknownFieldSet

P = "google.protobuf."
TEXT_KINDS = {P + "Struct", P + "Value", P + "ListValue"}
WRAPPERS = {
    P + name + "Value"
    for name in "Bool Bytes Double Float Int32 Int64 String UInt32 UInt64".split()
}
TIMES = {P + "Timestamp", P + "Duration"}
VALUES = TIMES | WRAPPERS | TEXT_KINDS  # which have no `_unknown` of their own
RECURSION_MAX = 5
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class Refused(Exception):
    """The message has a value that no column holds."""


class Float:
    """A floating point number of 4 or 8 bytes; NaN is itself."""

    def __init__(self, value, code):
        self.value, self.code = value, code

    def same(self, other):
        names = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
        if isinstance(other, str):
            other = names.get(other)
        if other is None or isinstance(other, bool):
            return False
        if math.isnan(self.value):
            return math.isnan(other)
        return struct.pack(self.code, self.value) == struct.pack(self.code, other)

    def __repr__(self):
        return f"Float({self.value!r})"


class Unknown:
    """Unknown fields, in any order."""

    def __init__(self, fields, whole):
        self.fields = sorted(map(repr, fields))
        self.whole = whole  # number -> messages, kept as they came

    def is_empty(self):
        return not self.fields and not self.whole

    def same(self, other):
        if self.is_empty():
            return other is None
        if other is None:
            return False
        if isinstance(other, str):
            other = base64.b64decode(other)
        rest, pieces = [], {}
        for field in parse(other):
            if field[0] in self.whole and field[1] == 2:
                pieces.setdefault(field[0], []).append(field[2])
            else:
                rest.append(field)
        return sorted(map(repr, rest)) == self.fields and all(
            self.same_messages(messages, pieces.get(number, []))
            for number, messages in self.whole.items()
        )

    @classmethod
    def same_messages(cls, messages, pieces):
        """Pieces of one message follow each other: find where they join."""
        if not messages:
            return not pieces
        return any(
            messages[0].is_in(b"".join(pieces[:count]))
            and cls.same_messages(messages[1:], pieces[count:])
            for count in range(1, len(pieces) + 1)
        )

    def __repr__(self):
        return f"Unknown({self.fields}, {self.whole})"


class Whole:
    """A message that must have been kept as it came."""

    def __init__(self, message):
        self.message = message

    def is_in(self, data):
        read = type(self.message)()
        read.ParseFromString(data)
        return read.SerializeToString(deterministic=True) == (
            self.message.SerializeToString(deterministic=True)
        )

    def __repr__(self):
        return f"Whole({self.message})"


class WholeEntry:
    """An entry of a map; Python shows those as part of their map only."""

    def __init__(self, parent, field, key):
        self.parent, self.field, self.key = type(parent), field, key
        self.value = Whole(get(parent, field)[key])

    def is_in(self, data):
        read = self.parent()
        head = bytearray()
        for part in (self.field.number << 3 | 2, len(data)):
            while part >= 0x80:
                head.append(part & 0x7F | 0x80)
                part >>= 7
            head.append(part)
        read.MergeFromString(bytes(head) + data)
        entries = get(read, self.field)
        return list(entries) == [self.key] and self.value.is_in(
            entries[self.key].SerializeToString()
        )

    def __repr__(self):
        return f"WholeEntry({self.key!r}, {self.value})"


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def parse(data, at=0, group=None):
    """Fields of wire bytes: (number, wire type, value)."""
    fields = []
    while at < len(data):
        tag, at = read_varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = read_varint(data, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            value = int.from_bytes(data[at : at + size], "little")
            at += size
        elif wire == 2:
            size, at = read_varint(data, at)
            value = bytes(data[at : at + size])
            at += size
        elif wire == 3:
            value, at = parse(data, at, number)
        else:
            assert wire == 4 and number == group
            return fields, at
        fields.append((number, wire, value))
    assert group is None
    return fields


def unknown_list(fields):
    return [
        (f.field_number, f.wire_type,
         unknown_list(f.data) if f.wire_type == 3 else f.data)
        for f in fields
    ]


def contains_unknown(message):
    """Of a message that becomes a text or a value: it, and all inside."""
    if len(UnknownFieldSet(message)) > 0:
        return True
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            inside = [value[key] for key in value] if (
                field.message_type.fields_by_name["value"].message_type) else []
        else:
            inside = value if field.is_repeated else [value]
        if any(contains_unknown(m) for m in inside):
            return True
    return False


def is_map(field):
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def has(message, field):
    if field.is_extension:
        return message.HasExtension(field)
    return message.HasField(field.name)


def get(message, field):
    if field.is_extension:
        return message.Extensions[field]
    return getattr(message, field.name)


def enum_name(field, number):
    for value in field.enum_type.values:
        if value.number == number:
            return value.name
    return None


def micros(message):
    if not 0 <= message.nanos < 10**9:
        raise Refused
    if not -62135596800 <= message.seconds <= 253402300799:
        raise Refused
    return message.seconds * 10**6 + message.nanos // 1000


def nanos(message):
    total = message.seconds * 10**9 + message.nanos
    if not -(2**63) <= total < 2**63:
        raise Refused
    return total


class Names:
    """Columns of a record: plain, and different whatever the case."""

    def __init__(self, schema, message_type):
        self.taken = set()
        self.fields = {}
        for field in schema.fields(message_type):
            name = field.full_name if field.is_extension else field.name
            self.fields[field.number] = self.add(name, "")
        self.oneofs = [
            (oneof, self.add(oneof.name, "_case"))
            for oneof in message_type.oneofs
            if not is_synthetic(oneof)
        ]

    def add(self, name, suffix):
        if name.startswith("_"):
            name = "field" + name
        name = re.sub(r"\W", "_", name) + suffix
        found, count = name, 2
        while found.lower() in self.taken:
            found = f"{name}_{count}"
            count += 1
        self.taken.add(found.lower())
        return found


def is_synthetic(oneof):
    # Python does not tell; a synthetic oneof has one field, named for it.
    name = oneof.fields[0].name
    return len(oneof.fields) == 1 and oneof.name in (f"_{name}", f"_{name}_opt")


class Oracle:
    def __init__(self, schema, recursion=RECURSION_MAX):
        self.schema = schema
        self.recursion = recursion
        self.names = {}
        self.recursive = {}

    def columns(self, message_type):
        if message_type.full_name not in self.names:
            self.names[message_type.full_name] = Names(self.schema, message_type)
        return self.names[message_type.full_name]

    def reaches(self, start):
        """Names of all types inside, itself only if recursive."""
        if start.full_name not in self.recursive:
            seen, work = set(), [start]
            while work:
                for field in self.schema.fields(work.pop()):
                    child = field.message_type
                    if child is not None and child.full_name not in seen:
                        seen.add(child.full_name)
                        work.append(child)
            self.recursive[start.full_name] = seen
        return self.recursive[start.full_name]

    def is_recursive(self, message_type):
        return message_type.full_name in self.reaches(message_type)

    def is_text(self, message_type, level):
        return message_type.full_name in TEXT_KINDS or (
            level >= self.recursion and self.is_recursive(message_type)
        )

    def unknown(self, message, whole):
        return Unknown(unknown_list(UnknownFieldSet(message)), whole)

    # Avro

    def record(self, message, level=0):
        columns = self.columns(message.DESCRIPTOR)
        below = level + self.is_recursive(message.DESCRIPTOR)
        out, whole = {}, {}
        for field in self.schema.fields(message.DESCRIPTOR):
            name = columns.fields[field.number]
            value = get(message, field)
            if is_map(field):
                out[name] = self.pairs(message, field, below, whole)
            elif field.is_repeated:
                out[name] = [self.avro(field, v, below, whole) for v in value]
            elif field.has_presence and not has(message, field):
                out[name] = None
            else:
                out[name] = self.avro(field, value, below, whole)
        for oneof, name in columns.oneofs:
            chosen = message.WhichOneof(oneof.name)
            field = chosen and message.DESCRIPTOR.fields_by_name[chosen]
            out[name] = field and columns.fields[field.number]
        out["_unknown"] = self.unknown(message, whole)
        return out

    def pairs(self, message, field, level, whole):
        entry, value = field.message_type, get(message, field)
        kind = entry.fields_by_name["value"]
        out = []
        for key in sorted(value, key=lambda k: k.encode() if isinstance(k, str) else k):
            out.append(
                {
                    "key": self.avro(entry.fields_by_name["key"], key, level, {}),
                    "value": self.avro(kind, value[key], level, {}),
                }
            )
            self.keep_entry(message, field, key, whole, VALUES)
        return out

    @staticmethod
    def keep_entry(message, field, key, whole, names):
        value = get(message, field)[key]
        kind = field.message_type.fields_by_name["value"].message_type
        if kind and kind.full_name in names and contains_unknown(value):
            whole.setdefault(field.number, []).append(WholeEntry(message, field, key))

    def avro(self, field, value, level, whole):
        if field.type == D.TYPE_ENUM:
            return enum_name(field, value) or str(value)
        if field.type in (D.TYPE_FLOAT, D.TYPE_DOUBLE):
            return Float(value, "<f" if field.type == D.TYPE_FLOAT else "<d")
        if field.message_type is None:
            return value
        name = field.message_type.full_name
        if name in VALUES and contains_unknown(value):
            whole.setdefault(field.number, []).append(Whole(value))
        if name == P + "Timestamp":
            return EPOCH + datetime.timedelta(microseconds=micros(value))
        if name == P + "Duration":
            return nanos(value)
        if name in WRAPPERS:
            return self.avro(field.message_type.fields[0], value.value, level, whole)
        if self.is_text(field.message_type, level):
            return Json(self.json(value))
        return self.record(value, level)

    # JSON

    def json(self, message):
        name = message.DESCRIPTOR.full_name
        if name == P + "Struct":
            return {k: self.json(message.fields[k]) for k in message.fields}
        if name == P + "ListValue":
            return [self.json(v) for v in message.values]
        if name == P + "Value":
            kind = message.WhichOneof("kind")
            if kind in (None, "null_value"):
                return None
            value = getattr(message, kind)
            return self.json(value) if kind.startswith(("struct", "list")) else value
        if name == P + "FieldMask":
            return message.ToJsonString()
        if name in TIMES:
            micros(message) if name == P + "Timestamp" else None
            return message.ToJsonString()
        if name in WRAPPERS:
            return self.json_value(message.DESCRIPTOR.fields[0], message.value, {})
        return self.json_object(message)

    def json_object(self, message):
        out, whole = {}, {}
        for field, value in message.ListFields():
            if field.is_repeated and len(value) == 0:
                continue  # an extension that was packed, with nothing in it
            key = f"[{field.full_name}]" if field.is_extension else field.json_name
            out[key] = self.json_field(message, field, value, whole)
        unknown = self.unknown(message, whole)
        if not unknown.is_empty():
            out["_unknown"] = unknown
        return out

    def json_field(self, message, field, value, whole):
        if is_map(field):
            kind = field.message_type.fields_by_name["value"]
            for key in sorted(value):
                self.keep_entry(message, field, key, whole, VALUES | {P + "FieldMask"})
            return {
                str(k).lower() if isinstance(k, bool) else str(k):
                self.json_value(kind, value[k], {})
                for k in value
            }
        if field.is_repeated:
            return [self.json_value(field, v, whole) for v in value]
        return self.json_value(field, value, whole)

    def json_value(self, field, value, whole):
        if field.message_type is not None:
            name = field.message_type.full_name
            if name in VALUES | {P + "FieldMask"} and contains_unknown(value):
                whole.setdefault(field.number, []).append(Whole(value))
            return self.json(value)
        if field.type == D.TYPE_ENUM:
            name = enum_name(field, value)
            return value if name is None else name
        if field.type in (D.TYPE_FLOAT, D.TYPE_DOUBLE):
            return Float(value, "<f" if field.type == D.TYPE_FLOAT else "<d")
        if isinstance(value, bytes):
            return base64.b64encode(value).decode()
        if field.cpp_type in (D.CPPTYPE_INT64, D.CPPTYPE_UINT64):
            return str(value)
        return value

    # Rows

    def row(self, message):
        columns = self.columns(message.DESCRIPTOR)
        out, whole = {}, {}
        for field in self.schema.fields(message.DESCRIPTOR):
            name = columns.fields[field.number]
            value = get(message, field)
            if field.is_repeated:
                out[name] = Json(self.json_field(message, field, value, whole))
            elif field.has_presence and not has(message, field):
                out[name] = None
            else:
                out[name] = self.cell(field, value, whole)
        for oneof, name in columns.oneofs:
            chosen = message.WhichOneof(oneof.name)
            field = chosen and message.DESCRIPTOR.fields_by_name[chosen]
            out[name] = field and columns.fields[field.number]
        out["_unknown"] = self.unknown(message, whole)
        return out

    def cell(self, field, value, whole):
        if field.message_type is None:
            if field.type == D.TYPE_ENUM:
                return enum_name(field, value) or str(value)
            if field.type in (D.TYPE_UINT64, D.TYPE_FIXED64):
                return str(value)
            if field.type in (D.TYPE_FLOAT, D.TYPE_DOUBLE):
                return Float(value, "<f" if field.type == D.TYPE_FLOAT else "<d")
            return int(value) if isinstance(value, bool) else value
        name = field.message_type.full_name
        if name in TIMES | WRAPPERS and contains_unknown(value):
            whole.setdefault(field.number, []).append(Whole(value))
        if name == P + "Timestamp":
            micros(value)
            date = EPOCH + datetime.timedelta(seconds=value.seconds)
            return f"{date:%H:%M:%S}".join(
                [f"{date.year:04}-{date:%m-%d}T", f".{value.nanos:09}Z"]
            )
        if name == P + "Duration":
            return nanos(value)
        if name in WRAPPERS:
            return self.cell(field.message_type.fields[0], value.value, whole)
        return Json(self.json_value(field, value, whole))


class Json:
    """A text that reads as a value."""

    def __init__(self, value):
        self.value = value

    def same(self, other):
        return isinstance(other, str) and same(self.value, json.loads(other))

    def __repr__(self):
        return f"Json({self.value!r})"


def same(expected, actual):
    if hasattr(expected, "same"):
        return expected.same(actual)
    if isinstance(expected, dict):
        return (
            isinstance(actual, dict)
            and expected.keys() == actual.keys()
            and all(same(expected[k], actual[k]) for k in expected)
        )
    if isinstance(expected, list):
        return (
            isinstance(actual, list)
            and len(expected) == len(actual)
            and all(map(same, expected, actual))
        )
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    return expected == actual


def differences(expected, actual, path=""):
    """Where the two differ, as far inside as that can be told."""
    if isinstance(expected, Json) and isinstance(actual, str):
        return differences(expected.value, json.loads(actual), path + "(JSON)")
    if same(expected, actual):
        return []
    if isinstance(expected, dict) and isinstance(actual, dict):
        return [
            line
            for key in sorted(expected.keys() | actual.keys())
            for line in differences(expected.get(key), actual.get(key), f"{path}.{key}")
        ]
    if isinstance(expected, list) and isinstance(actual, list) and (
        len(expected) == len(actual)
    ):
        return [
            line
            for i, (e, a) in enumerate(zip(expected, actual))
            for line in differences(e, a, f"{path}[{i}]")
        ]
    return [f"{path}: expected {expected!r}, read {actual!r}"]
