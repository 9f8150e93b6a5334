# SPDX-License-Identifier: Apache-2.0
"""parquet.py ENCODER FOLDER COUNT SEED: random types and messages go through
ENCODER into Parquet files; every value that pyarrow reads back must be what
Python's protobuf says, and DuckDB must read the same. Leaves digests for a
third reader."""

import pathlib
import subprocess
import sys

from google.protobuf.message import DecodeError

import differential
import oracle
import read_parquet


class Case(differential.Case):
    def __init__(self, folder, number, seed):
        super().__init__(folder, number, seed)
        self.compression = number % 4 + 1  # none, deflate, zstd, snappy

    def expected(self, recursion):
        judge = oracle.Oracle(self.schema, recursion)
        for data in self.messages:
            message = self.schema.message()
            try:
                message.ParseFromString(data)
                is_whole = message.IsInitialized()
            except DecodeError:
                is_whole = False
            yield differential.attempt(judge.record, message) if is_whole else None

    def check(self):
        path = f"{self.path}.parquet"
        records, meta = read_parquet.rows(path)
        records = {r.pop("_n"): r for r in records}
        recursion = int(meta[b"datapipe.recursion"])
        for number, record in enumerate(self.expected(recursion)):
            self.compare("row", number, record, records.get(number))
        digest = read_parquet.digest_of_arrow(path)
        other = read_parquet.digest_of_duckdb(path)
        if other != digest:
            print(f"{path}: DuckDB reads other values")
            sys.exit(1)
        return len(records), f"{path} {digest}\n"


def main():
    encoder, folder, count, seed = sys.argv[1:]
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    cases = [Case(folder, n, f"parquet/{seed}") for n in range(int(count))]
    done = subprocess.run(
        [encoder], input=b"".join(c.input() for c in cases), check=False,
        stdout=subprocess.PIPE,
    )
    if done.returncode != 0:
        print(f"{encoder} ended with {done.returncode}")
        sys.exit(1)
    found = [case.check() for case in cases]
    (folder / "parquet-digests").write_text("".join(line for _, line in found))
    print(f"{count} {sum(n for n, _ in found)}")


main()
