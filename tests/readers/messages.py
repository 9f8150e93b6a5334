# SPDX-License-Identifier: Apache-2.0
"""Random bytes of a message type that every reader must understand alike:
fields in any order and often twice, packed and not, with unknown ones."""

import struct

from google.protobuf.descriptor import FieldDescriptor as D

VARINT, FIXED64, BYTES, GROUP, GROUP_END, FIXED32 = range(6)
WIRE = {
    D.TYPE_DOUBLE: FIXED64, D.TYPE_FIXED64: FIXED64, D.TYPE_SFIXED64: FIXED64,
    D.TYPE_FLOAT: FIXED32, D.TYPE_FIXED32: FIXED32, D.TYPE_SFIXED32: FIXED32,
    D.TYPE_STRING: BYTES, D.TYPE_BYTES: BYTES, D.TYPE_MESSAGE: BYTES,
    D.TYPE_GROUP: GROUP,
}
EDGES = [0, 1, 2, 3, 7, 100, 127, 128, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63]
TEXTS = ["", "a", "grüße", "日本語", "\U0001f600", "quote\"\\", "\x00\x01\n\t", "x" * 200]


def varint(value):
    out = bytearray()
    value &= 2**64 - 1
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag(number, wire):
    return varint(number << 3 | wire)


def chunk(data):
    return varint(len(data)) + data


class Maker:
    def __init__(self, random, schema):
        self.random = random
        self.schema = schema

    def integer(self):
        value = self.random.choice(EDGES)
        if self.random.random() < 0.3:
            value = self.random.getrandbits(self.random.choice([8, 31, 32, 63, 64]))
        return -value if self.random.random() < 0.2 else value

    def scalar(self, field):
        """The bytes behind the tag."""
        random = self.random
        if field.type == D.TYPE_STRING:
            return chunk(random.choice(TEXTS).encode())
        if field.type == D.TYPE_BYTES:
            return chunk(random.randbytes(random.choice([0, 1, 2, 3, 50])))
        if field.type == D.TYPE_ENUM:
            known = random.choice(field.enum_type.values).number
            return varint(known if random.random() < 0.8 else self.integer())
        wire = WIRE.get(field.type, VARINT)
        if wire == VARINT:
            return varint(self.integer())
        if field.type in (D.TYPE_DOUBLE, D.TYPE_FLOAT):
            value = random.choice(
                [0.0, -0.0, 1.5, -1e-7, 0.1, 1e300, 123456789.0, float("inf"),
                 float("-inf"), float("nan"), random.uniform(-1e6, 1e6)]
            )
            if field.type == D.TYPE_DOUBLE:
                return struct.pack("<d", value)
            return struct.pack("<f", value if abs(value) < 1e38 else 3.5)
        return random.randbytes(8 if wire == FIXED64 else 4)

    def value(self, field, depth):
        if field.type == D.TYPE_MESSAGE:
            return chunk(self.message(field.message_type, depth + 1))
        if field.type == D.TYPE_GROUP:
            return self.message(field.message_type, depth + 1) + tag(
                field.number, GROUP_END
            )
        return self.scalar(field)

    def unknown(self, message_type):
        known = {f.number for f in self.schema.fields(message_type)}
        number = self.random.choice([5, 14, 77, 5000, 2**29 - 1])
        if number in known:
            return b""
        return self.random.choice(
            [
                tag(number, VARINT) + varint(self.integer()),
                tag(number, BYTES) + chunk(b"unknown"),
                tag(number, FIXED64) + b"12345678",
                tag(number, FIXED32) + b"1234",
                tag(number, GROUP) + b"\x08\x01\x13\x14" + tag(number, GROUP_END),
            ]
        )

    def field(self, field, depth):
        wire = WIRE.get(field.type, VARINT)
        is_entry = field.containing_type.GetOptions().map_entry
        if self.random.random() < 0.03 and wire != GROUP and not is_entry:
            # Another wire type than the schema's: an unknown field. Python
            # takes entries of maps with such fields for unknown as a whole.
            other = FIXED32 if wire != FIXED32 else FIXED64
            return tag(field.number, other) + bytes(4 if other == FIXED32 else 8)
        if not field.is_repeated or wire in (BYTES, GROUP) or self.random.random() < 0.5:
            return tag(field.number, wire) + self.value(field, depth)
        many = b"".join(
            self.scalar(field) for _ in range(self.random.choice([0, 1, 2, 5]))
        )
        return tag(field.number, BYTES) + chunk(many)

    def well_known(self, message_type, depth):
        random, name = self.random, message_type.full_name
        if name == "google.protobuf.Timestamp":
            seconds = random.choice(
                [0, -62135596800, 253402300799, -1, random.randint(-2**33, 2**33)]
            )
            nanos = random.choice([0, 1, 999999999, 500000000, 123456000])
            return b"\x08" + varint(seconds) + b"\x10" + varint(nanos)
        if name == "google.protobuf.Duration":
            sign = random.choice([1, -1])
            seconds = random.choice([0, 1, 59, 9000000000])
            nanos = random.choice([0, 1, 999999999, 500000000])
            return b"\x08" + varint(sign * seconds) + b"\x10" + varint(sign * nanos)
        if name == "google.protobuf.FieldMask":
            paths = random.choice([[], ["a"], ["foo_bar", "a.b_c"]])
            return b"".join(b"\x0a" + chunk(p.encode()) for p in paths)
        if name == "google.protobuf.Any":
            return b"\x0a" + chunk(b"type/x.Y") + b"\x12" + chunk(b"\x08\x01\xff")
        if name == "google.protobuf.Value":
            kind = random.randint(0, 6 if depth < 7 else 4)
            return [
                b"", b"\x08\x00", b"\x11" + struct.pack("<d", random.choice([1.0, -2.5])),
                b"\x1a" + chunk(random.choice(TEXTS).encode()), b"\x20\x01",
                None, None,
            ][kind] or (self.field(message_type.fields[kind - 2], depth)
                        if kind >= 5 else b"")
        return None

    def enum_entry(self, entry):
        """Python writes entries anew if their number is unknown, and looks
        at each number, not at the last: so these are short and plain."""
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        wire = WIRE.get(key.type, VARINT)
        data = {FIXED32: b"1234", FIXED64: b"12345678", BYTES: chunk(b"key")}
        return (
            tag(1, wire) + data.get(wire, varint(self.random.randint(0, 1)))
            + tag(2, VARINT) + varint(self.random.randint(0, 5))
            if value.type == D.TYPE_ENUM else None
        )

    def message(self, message_type, depth=1):
        special = self.well_known(message_type, depth)
        if special is None and message_type.GetOptions().map_entry:
            special = self.enum_entry(message_type)
        if special is not None:
            return special
        is_ours = not message_type.full_name.startswith("google.")
        is_entry = message_type.GetOptions().map_entry
        parts = []
        for field in self.schema.fields(message_type):
            deep = field.message_type is not None and depth > 9
            chance = 0.25 if depth > 4 else 0.5
            if is_entry and self.random.random() < 0.8:
                chance = 1
            while self.random.random() < chance and not deep:
                parts.append(self.field(field, depth))
                chance *= 0.4
        if is_ours and not is_entry and self.random.random() < 0.2:
            parts.append(self.unknown(message_type))
        self.random.shuffle(parts)
        for field in self.schema.fields(message_type):
            if field.is_required and self.random.random() < 0.99:
                parts.append(tag(field.number, WIRE.get(field.type, VARINT)))
                parts.append(self.known(field))
        return b"".join(parts)

    def known(self, field):
        """A value that surely counts: no unknown number of an enum."""
        if field.type == D.TYPE_ENUM:
            return varint(self.random.choice(field.enum_type.values).number)
        return self.scalar(field)
