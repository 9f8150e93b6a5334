# SPDX-License-Identifier: Apache-2.0
"""Reads a log by doc/formats/log-v1.md alone, as a stranger would, and checks
what the golden log is known to hold. Argument: its directory."""

import pathlib
import struct
import sys

PAGE = 4096


def crc32c_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


TABLE = crc32c_table()


def crc32c(*parts):
    crc = 0xFFFFFFFF
    for byte in b"".join(parts):
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def whole_copy(page, magic, size):
    """The first of the two copies that is whole, or None."""
    for at in (0, PAGE // 2):
        copy = page[at:at + size]
        form, crc = struct.unpack_from("<II", copy, 8)
        if (copy.startswith(magic) and form == 1
                and crc == crc32c(copy[:12], copy[16:])):
            return copy
    return None


def header(page, uuid, base, topic, partition):
    copy = whole_copy(page, b"DPLOGSEG", 512)
    if copy is None or copy[16:32] != uuid:
        return None
    fields = struct.unpack_from("<QQQqII", copy, 32)
    name = copy[72:72 + fields[5]].decode()
    if (fields[0], fields[4], name) != (base, partition, topic):
        return None
    return {"previous_end": fields[1], "epoch": fields[2], "created": fields[3]}


def attributes(data):
    found = {}
    at = 0
    while at < len(data):
        tag = data[at]
        size, at = varint(data, at + 1)
        value = data[at:at + size]
        at += size
        if tag == 12:
            found[value[1:1 + value[0]].decode()] = value[1 + value[0]:].decode()
        elif tag == 11:
            found[tag] = (struct.unpack_from("<Q", value)[0], varint(value, 8)[0])
        elif tag == 10:
            found[tag] = struct.unpack("<q", value)[0]
        else:
            found[tag] = value.decode()
    return found


def records(data, end, salt):
    """Kind, time, id, attributes and payload of each record below end."""
    index = 0
    while index + 33 <= end:
        crc, word, own, time = struct.unpack_from("<IIII", data, index)
        size = word & 0x3FFFFFF
        record = data[index:index + size]
        if (size < 33 or index + size > end or own != index
                or crc != crc32c(record[16:], record[4:16]) ^ salt):
            index += 1
            continue
        length, at = varint(record, 32)
        yield (word >> 26, time, record[16:32],
               attributes(record[at:at + length]), record[at + length:])
        index += size


def read_partition(directory, topic, partition):
    identity = whole_copy(pathlib.Path(directory, "identity").read_bytes(),
                          b"DPLOGID\0", 32)
    uuid = identity[16:]
    folder = pathlib.Path(directory, "topics", topic, str(partition))
    files = {int(p.stem, 16): p.read_bytes() for p in folder.glob("*.seg")}
    bases = sorted(files)
    heads = {b: header(files[b][:PAGE], uuid, b, topic, partition) for b in bases}
    for base, following in zip(bases, bases[1:] + [None]):
        data = files[base][PAGE:]
        end = len(data)
        if following is not None:
            end = min(end, heads[following]["previous_end"] - base)
        salt = crc32c(uuid, struct.pack("<QI", base, partition), topic.encode())
        for record in records(data, end, salt):
            yield base, heads[base], record


def main():
    assert crc32c(b"123456789") == 0xE3069283
    found = list(read_partition(sys.argv[1], "shop", 0))
    events = [r for _, _, r in found if r[0] == 0]
    snapshots = [r for _, _, r in found if r[0] == 1]
    assert [h["epoch"] for _, h, r in found if r[0] == 1] == [1, 2]
    assert snapshots[0][4] == b""
    assert struct.unpack("<QQ", snapshots[1][4]) == (77, 123456)
    assert len(events) == 7
    assert [r[4] for r in events[1:4]] == [b"payload %d" % i for i in range(3)]
    kind, _, _, attrs, payload = events[0]
    assert payload == b"\x0a\x00\xff"
    assert attrs == {
        1: "shop.v1.Paid", 2: "checkout", 3: "order", 4: "customer-7",
        5: "application/json", 6: "dp:0123", 7: "00-4bf92f-00f067-01",
        8: "k=v", 9: "order-4711", 10: 1234567890123456789,
        11: (77, 123456), "tenant": "acme", "empty": "",
    }
    for number, (_, _, uuid, _, _) in enumerate(events):
        value = int.from_bytes(uuid, "big")
        writer = (value >> 64 & 0xFFF) << 22 | value >> 40 & 0x3FFFFF
        assert uuid[6] >> 4 == 7 and uuid[8] >> 6 == 2
        assert writer == 7
        assert value & (1 << 40) - 1 == (number if number < 4 else number - 4)


main()
