# SPDX-License-Identifier: Apache-2.0
"""differential.py ENCODER FOLDER COUNT SEED: random types and messages go
through ENCODER into Avro files and rows; every value that fastavro reads back
must be what Python's protobuf says. Leaves the Avro files, and digests of
what was read, for a second reader."""

import pathlib
import random
import struct
import subprocess
import sys

import fastavro
from google.protobuf.message import DecodeError

import messages
import oracle
import read_avro
import schemas

MESSAGES = 12


class Case:
    def __init__(self, folder, number, seed):
        rng = random.Random(f"{seed}/{number}")
        self.path = folder / f"{number}.avro"
        self.schema = schemas.make(rng, number)
        self.compression = number % 6 + 1  # the last two: bzip2, xz
        maker = messages.Maker(rng, self.schema)
        self.messages = [b""] + [
            maker.message(self.schema.root) for _ in range(MESSAGES)
        ]

    def input(self):
        def text(data):
            return struct.pack("<I", len(data)) + data

        return b"".join(
            [
                text(self.schema.set.SerializeToString()),
                text(self.schema.root.full_name.encode()),
                text(str(self.path).encode()),
                struct.pack("<II", self.compression, len(self.messages)),
                *map(text, self.messages),
            ]
        )

    def expected(self):
        """(Avro record, row) or None by message."""
        judge = oracle.Oracle(self.schema)
        for data in self.messages:
            message = self.schema.message()
            try:
                message.ParseFromString(data)
                is_whole = message.IsInitialized()
            except DecodeError:
                is_whole = False
            if not is_whole:
                yield None, None
                continue
            yield attempt(judge.record, message), attempt(judge.row, message)

    def check(self):
        with open(self.path, "rb") as file:
            records = {r.pop("_n"): r for r in fastavro.reader(file)}
        rows = read_rows(self.path.with_suffix(".avro.rows"))
        for number, (record, row) in enumerate(self.expected()):
            self.compare("record", number, record, records.get(number))
            self.compare("row", number, row, rows.get(number))
        return len(records), len(rows)

    def compare(self, what, number, expected, actual):
        if expected is None and actual is None:
            return
        if expected is None or actual is None or not oracle.same(expected, actual):
            print(f"{self.path}: {what} {number}: {self.messages[number].hex()}")
            print("\n".join(oracle.differences(expected, actual)))
            sys.exit(1)


def attempt(convert, message):
    try:
        return convert(message)
    except oracle.Refused:
        return None


def read_rows(path):
    data = path.read_bytes()
    at = 0

    def number():
        nonlocal at
        at += 4
        return struct.unpack_from("<I", data, at - 4)[0]

    def text():
        nonlocal at
        size = number()
        at += size
        return data[at - size : at]

    def cell():
        nonlocal at
        kind = number()
        if kind in (1, 2):
            at += 8
            return struct.unpack_from("<q" if kind == 1 else "<d", data, at - 8)[0]
        return None if kind == 0 else text().decode() if kind == 3 else text()

    names = [(text().decode(), text().decode()) for _ in range(number())]
    rows = {}
    while at < len(data):
        index = number()
        rows[index] = {name: cell() for name, _ in names}
    return rows


def main():
    encoder, folder, count, seed = sys.argv[1:]
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    cases = [Case(folder, n, seed) for n in range(int(count))]
    done = subprocess.run(
        [encoder], input=b"".join(c.input() for c in cases), check=False,
        stdout=subprocess.PIPE,
    )
    (folder / "refused").write_bytes(done.stdout)
    if done.returncode != 0:
        print(f"{encoder} ended with {done.returncode}")
        sys.exit(1)
    totals = [case.check() for case in cases]
    (folder / "digests").write_text(
        "".join(f"{c.path} {read_avro.digest(c.path)}\n" for c in cases
                if c.compression <= 4)  # avsc has no bzip2 and no xz
    )
    records, rows = map(sum, zip(*totals))
    offered = sum(len(c.messages) for c in cases)
    print(f"{count} types, {offered} messages: {records} records, {rows} rows")
    if records < offered // 2:
        print("most messages were refused: that is no test")
        sys.exit(1)


if __name__ == "__main__":
    main()
