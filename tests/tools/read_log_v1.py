# SPDX-License-Identifier: Apache-2.0
"""usage: read_log_v1.py DIRECTORY: prints a log as lines of JSON, read by
doc/formats/log-v1.md alone, as a stranger would."""

import json
import pathlib
import struct
import sys

PAGE = 4096
NAMES = {1: "type", 2: "source", 3: "subject", 4: "partitionkey",
         5: "datacontenttype", 6: "dataschema", 7: "traceparent",
         8: "tracestate"}
TABLE = []
for n in range(256):
    for _ in range(8):
        n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
    TABLE.append(n)


def crc32c(*parts):
    crc = 0xFFFFFFFF
    for byte in b"".join(parts):
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def whole_copies(page, magic, size):
    for at in (0, PAGE // 2):
        copy = page[at:at + size]
        if (len(copy) == size and copy.startswith(magic)
                and struct.unpack_from("<I", copy, 12)[0]
                == crc32c(copy[:12], copy[16:])):
            yield copy


def read_identity(directory):
    page = (directory / "identity").read_bytes()
    copy = next(whole_copies(page, b"DPLOGID\0", 32))
    if copy[8:12] != bytes([1, 0, 0, 0]):
        sys.exit("a format that this program does not know")
    return copy[16:]


def read_header(page, uuid, base, topic, partition):
    """previous_end, epoch, created; None if they cannot be known."""
    for copy in whole_copies(page, b"DPLOGSEG" + bytes([1, 0, 0, 0]), 512):
        own, *found, number, size = struct.unpack_from("<QQQqII", copy, 32)
        if (uuid, base, partition, topic.encode()) == (
                copy[16:32], own, number, copy[72:72 + size]):
            return found
    return base, 0, None


def read_attributes(data):
    found, at = {"datacontenttype": "application/protobuf"}, 0
    while at < len(data):
        tag = data[at]
        size, at = varint(data, at + 1)
        value, at = data[at:at + size], at + size
        if tag in NAMES:
            found[NAMES[tag]] = value.decode()
        elif tag == 9:
            found["id"] = value.decode()
        elif tag == 10:
            found["time"] = struct.unpack("<q", value)[0]
        elif tag == 11:
            found["place"] = [struct.unpack_from("<Q", value)[0],
                              varint(value, 8)[0]]
        elif tag == 12:
            name, text = value[1:1 + value[0]], value[1 + value[0]:]
            found[name.decode()] = text.decode()
    return found


def read_records(data, end, salt):
    """Index, kind, time, id and the rest of each record below end."""
    index = 0
    while index + 33 <= end:
        crc, word, own, time = struct.unpack_from("<IIII", data, index)
        record = data[index:index + (word & 0x3FFFFFF)]
        if (len(record) < 33 or own != index or index + len(record) > end
                or len(record) != word & 0x3FFFFFF
                or crc != crc32c(record[16:], record[4:16]) ^ salt):
            index += 1
            continue
        yield index, len(record), word >> 26, time, record[16:32], record[32:]
        index += len(record)


def read_partition(folder, uuid):
    topic, partition = folder.parent.name, int(folder.name)
    files = {int(p.stem, 16): p.read_bytes() for p in folder.glob("*.seg")
             if len(p.stem) == 16 and set(p.stem) <= set("0123456789abcdef")}
    place = {"topic": topic, "partition": partition}
    bases = sorted(files)
    heads = [read_header(files[b], uuid, b, topic, partition) for b in bases]
    for base, head, after in zip(bases, heads, heads[1:] + [None]):
        data = files[base][PAGE:]
        end = after[0] - base if after else len(data)
        seen = 0
        salt = crc32c(uuid, struct.pack("<QI", base, partition), topic.encode())
        for index, size, kind, time, own, rest in read_records(
                data, min(end, len(data)), salt):
            if index > seen:
                yield {"damage": [base + seen, base + index], **place}
            seen = index + size
            length, at = varint(rest, 0)
            yield {"offset": base + index, **place, "kind": kind,
                   "epoch": head[1], "uuid": own.hex(),
                   "appended_ms": None if head[2] is None else head[2] + time,
                   "attributes": read_attributes(rest[at:at + length]),
                   "payload": rest[at + length:].hex()}
        if after and seen < end:
            yield {"damage": [base + seen, base + end], **place}


def read_cursor(path):
    slots = path.read_bytes()
    good = [slot for slot in (slots[:512], slots[512:1024])
            if len(slot) == 512 and slot[:8] == b"dpcu" + bytes([1, 0, 0, 0])
            and struct.unpack_from("<I", slot, 508)[0] == crc32c(slot[:508])]
    best = max((struct.unpack_from("<QQQQI", slot, 16) for slot in good),
               default=(0, 0, 0, 0, 0))
    return dict(zip(("sequence", "next", "tried_end", "epoch", "tries"), best))


def main(directory):
    uuid = read_identity(directory)
    for folder in sorted((directory / "topics").glob("*/*")):
        if folder.name.isdigit():
            for line in read_partition(folder, uuid):
                print(json.dumps(line))
    for pattern in sorted((directory / "subscriptions").glob("*/topics")):
        for path in sorted(pattern.parent.glob("*@*")):
            print(json.dumps({"subscription": pattern.parent.name,
                              "cursor": path.name, **read_cursor(path)}))


main(pathlib.Path(sys.argv[1]))
