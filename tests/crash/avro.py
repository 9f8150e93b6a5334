# SPDX-License-Identifier: Apache-2.0
"""Reads Avro container files (specification 1.11.1) whose codec is null or
deflate, without any package: for tests that must never be skipped."""

import json
import struct
import zlib


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, size):
        if size < 0 or self.at + size > len(self.data):
            raise ValueError(f"{size} bytes at {self.at} are not there")
        self.at += size
        return self.data[self.at - size : self.at]

    def long(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value >> 1 ^ -(value & 1)
            shift += 7

    def blocks(self, item):
        while (count := self.long()) != 0:
            if count < 0:
                count = -count
                self.long()
            for _ in range(count):
                yield item()

    def value(self, schema, names):
        kind = schema if isinstance(schema, str) else None
        if isinstance(schema, list):
            return self.value(schema[self.long()], names)
        if kind is None:
            kind = schema["type"]
            if kind in ("record", "enum", "fixed"):
                names[schema["name"]] = schema
                space = schema.get("namespace")
                if space:
                    names[f"{space}.{schema['name']}"] = schema
        if kind in names and kind not in ("record", "enum", "fixed"):
            return self.value(names[kind], names)
        return getattr(self, "read_" + kind)(schema, names)

    def read_null(self, *_):
        return None

    def read_boolean(self, *_):
        return self.take(1) != b"\0"

    def read_int(self, *_):
        return self.long()

    read_long = read_int

    def read_float(self, *_):
        return struct.unpack("<f", self.take(4))[0]

    def read_double(self, *_):
        return struct.unpack("<d", self.take(8))[0]

    def read_bytes(self, *_):
        return self.take(self.long())

    def read_string(self, *_):
        return self.take(self.long()).decode()

    def read_fixed(self, schema, _):
        return self.take(schema["size"])

    def read_enum(self, schema, _):
        return schema["symbols"][self.long()]

    def read_array(self, schema, names):
        return list(self.blocks(lambda: self.value(schema["items"], names)))

    def read_map(self, schema, names):
        return dict(
            self.blocks(
                lambda: (self.read_string(), self.value(schema["values"], names))
            )
        )

    def read_record(self, schema, names):
        return {f["name"]: self.value(f["type"], names) for f in schema["fields"]}


def records(path):
    """Every record of a file, as a dict; ValueError if it is not whole."""
    file = Reader(path.read_bytes())
    if file.take(4) != b"Obj\1":
        raise ValueError(f"{path}: not an Avro file")
    meta = file.read_map({"values": "bytes"}, {})
    schema = json.loads(meta["avro.schema"])
    codec = meta.get("avro.codec", b"null")
    if codec not in (b"null", b"deflate"):
        raise ValueError(f"{path}: codec {codec}")
    sync = file.take(16)
    while file.at < len(file.data):
        count, data = file.long(), file.take(file.long())
        block = Reader(zlib.decompress(data, -15) if codec == b"deflate" else data)
        for _ in range(count):
            yield block.value(schema, {})
        if block.at != len(block.data) or file.take(16) != sync:
            raise ValueError(f"{path}: a block that does not end where it says")
