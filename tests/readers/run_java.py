# SPDX-License-Identifier: Apache-2.0
"""run_java.py ENCODER FOLDER: has parquet-java read random files of ENCODER, and
tell of pages that were damaged. Maven fetches it, once; exits with 77 if it cannot be
had. DP_PARQUET_TYPES: how many schemas, instead of 120."""

import pathlib
import shutil
import sys

import run

DAMAGES = 40


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def check_damage(java, digests, folder):
    """A bit of the first page of each of some files. Its head, which has no checksum
    and varies in size, ends before it in most; in others what is told differs."""
    whole = {}
    for n, line in enumerate(digests.splitlines()[:DAMAGES]):
        path, digest = line.split()
        damaged = folder / f"damaged-{n}"
        shutil.copy(path, damaged)
        flip(damaged, 4 + 40)
        whole[str(damaged)] = digest
    said = run.must("parquet-java", run.run(*java, *whole)).splitlines()
    for path, digest in whole.items():
        if f"{path} {digest}" in said:
            print(f"{path}: a damaged page was read as if it were whole")
            sys.exit(1)
    told = sum("CRC checksum verification failed" in line for line in said)
    if told < DAMAGES // 2:
        print(f"of {DAMAGES} damaged pages, the checksums told only {told}")
        sys.exit(1)
    return told


def main():
    encoder = pathlib.Path(sys.argv[1]).resolve()
    folder = pathlib.Path(sys.argv[2]).resolve()
    java, why = run.find_java(folder)
    if java is None:
        print(f"SKIP: {why}")
        sys.exit(77)
    python = run.fetch_python(folder)
    files = folder / "parquet-java"
    types, rows = run.must("pyarrow and DuckDB", run.run(
        python, "-B", run.HERE / "parquet.py", encoder, files, run.PARQUET_TYPES, "java",
    )).split()[-2:]
    digests = (files / "parquet-digests").read_text()
    run.digests_by("parquet-java", digests, java)
    told = check_damage(java, digests, files)
    print(f"figure: parquet: {types} schemas, {rows} rows, all values read back equal by "
          f"parquet-java, checksums of pages verified: they told {told} of {DAMAGES} damages")


main()
