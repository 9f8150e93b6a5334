# SPDX-License-Identifier: Apache-2.0
"""read_avro.py [--ids COLUMN] FILE...: reads Avro files whole with fastavro.
Prints the records of each file, and with --ids that column of each record."""

import hashlib
import struct
import sys

import fastavro


def canonical(value):
    """A text that is the same for the same value in every language."""
    if value is None:
        return "n"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, int):
        return f"i{value}"
    if isinstance(value, float):
        return "dnan" if value != value else "d" + struct.pack(">d", value).hex()
    if isinstance(value, bytes):
        return "b" + value.hex()
    if isinstance(value, str):
        return "s" + value.encode().hex()
    values = value.values() if isinstance(value, dict) else value
    return "[" + ",".join(map(canonical, values)) + "]"


def digest(path):
    """SHA-256 of all records, as they are in the file, without logical types;
    read_avro.js --digest prints the same."""
    converters = dict(fastavro.read.LOGICAL_READERS)
    fastavro.read.LOGICAL_READERS.clear()
    total = hashlib.sha256()
    with open(path, "rb") as file:
        for record in fastavro.reader(file):
            total.update(canonical(record).encode())
    fastavro.read.LOGICAL_READERS.update(converters)
    return total.hexdigest()


def main():
    arguments = sys.argv[1:]
    column = None
    if arguments[:1] == ["--ids"]:
        column = arguments[1]
        arguments = arguments[2:]
    for path in arguments:
        count = 0
        with open(path, "rb") as file:
            for record in fastavro.reader(file):
                count += 1
                if column is not None:
                    print(record[column])
        print(f"{path}: {count} records")


if __name__ == "__main__":
    main()
