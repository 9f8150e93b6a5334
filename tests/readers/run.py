# SPDX-License-Identifier: Apache-2.0
"""run.py ENCODER FOLDER: fetches readers of Avro and Parquet into FOLDER, once,
and has them read random files of ENCODER. Exits with 77 if they cannot be
fetched. DP_PARQUET_TYPES: how many schemas of Parquet files, instead of 120."""

import fcntl
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TYPES = 520
PARQUET_TYPES = os.environ.get("DP_PARQUET_TYPES", "120")
SEED = "1"


def run(*command, **options):
    return subprocess.run(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False, **options,
    )


def skip(what, done):
    print(f"SKIP: {what}: {done.stdout.strip().splitlines()[-1:]}")
    sys.exit(77)


def is_fresh(folder, wanted):
    mark = folder / "made-of"
    return mark.exists() and mark.read_bytes() == wanted.read_bytes()


def fetch_python(folder):
    """Once, also where several tests ask at the same time."""
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return make_venv(folder)


def make_venv(folder):
    wanted = HERE / "requirements.txt"
    venv = folder / "venv"
    if not is_fresh(venv, wanted):
        shutil.rmtree(venv, ignore_errors=True)
        done = run(sys.executable, "-m", "venv", venv)
        if done.returncode == 0:
            done = run(
                venv / "bin/pip", "install", "--disable-pip-version-check",
                "--retries", "1", "--timeout", "60", "-r", wanted,
            )
        if done.returncode != 0:
            skip("pip cannot fetch fastavro, protobuf, pyarrow and duckdb", done)
        shutil.copy(wanted, venv / "made-of")
    return venv / "bin/python"


def fetch_node(folder, wanted=HERE / "package.json"):
    node = folder / "node"
    if shutil.which("node") is None or shutil.which("npm") is None:
        print("SKIP: node and npm are not installed")
        sys.exit(77)
    if not is_fresh(node, wanted):
        shutil.rmtree(node, ignore_errors=True)
        node.mkdir(parents=True)
        shutil.copy(wanted, node)
        done = run(
            "npm", "install", "--no-audit", "--no-fund", "--fetch-retries=1",
            "--fetch-timeout=20000", cwd=node,
        )
        if done.returncode != 0:
            skip(f"npm cannot fetch what {wanted} names", done)
        shutil.copy(wanted, node / "made-of")
    return {**os.environ, "NODE_PATH": str(node / "node_modules")}


def find_java(folder):
    """The command that reads Parquet files with parquet-java, or None and why not.
    Maven keeps the archives, in its own store."""
    java = folder / "java"
    wanted = HERE / "pom.xml"
    if shutil.which("javac") is None or shutil.which("mvn") is None:
        return None, "javac and mvn are not installed"
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_fresh(java, wanted):
            java.mkdir(parents=True, exist_ok=True)
            done = run(
                "mvn", "-q", "-B", "-f", wanted, f"-Dmdep.outputFile={java}/classpath",
                "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:build-classpath")
            if done.returncode != 0:
                return None, f"no parquet-java: {done.stdout.strip()[-300:]}"
            shutil.copy(wanted, java / "made-of")
        must("javac", run(
            "javac", "-d", java, "-cp", (java / "classpath").read_text(),
            HERE / "ReadParquet.java"))
    return ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp",
            f"{java}:{(java / 'classpath').read_text()}", "ReadParquet"], None


def must(what, done):
    if done.returncode != 0:
        print(f"{what}:\n{done.stdout[-8000:]}")
        sys.exit(1)
    return done.stdout


def compare(what, expected, actual):
    if actual != expected:
        for e, a in zip(expected.splitlines(), actual.splitlines()):
            if e != a:
                print(f"expected: {e}\n{what}: {a}")
        sys.exit(1)


def digests_by(what, expected, command, **options):
    """Has a reader print the digests of files, and compares with expected ones."""
    actual = ""
    lines = expected.splitlines()
    for at in range(0, len(lines), 500):
        paths = [line.split()[0] for line in lines[at : at + 500]]
        done = subprocess.run(
            list(map(str, [*command, *paths])), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, check=False, **options)
        if done.returncode != 0:
            must(what, done)
        actual += done.stdout
    compare(what, expected, actual)


def read_parquet(encoder, folder, python, node):
    types, rows = must("pyarrow and DuckDB", run(
        python, "-B", HERE / "parquet.py", encoder, folder, PARQUET_TYPES, SEED,
    )).split()[-2:]
    expected = (folder / "parquet-digests").read_text()
    digests_by("hyparquet", expected, ["node", HERE / "read_parquet.js"], env=node)
    print(
        f"figure: parquet: {types} schemas, {rows} rows, all values read back equal "
        "by pyarrow, DuckDB and hyparquet"
    )


def main():
    encoder = pathlib.Path(sys.argv[1]).resolve()
    folder = pathlib.Path(sys.argv[2]).resolve()
    python = fetch_python(folder)
    node = fetch_node(folder)
    files = folder / "files"
    shutil.rmtree(files, ignore_errors=True)
    told = must("fastavro", run(
        python, "-B", HERE / "differential.py", encoder, files, TYPES, SEED))

    expected = (files / "digests").read_text()
    paths = [line.split()[0] for line in expected.splitlines()]
    actual = must("avsc", run(
        "node", HERE / "read_avro.js", "--digest", *paths, env=node))
    compare("avsc", expected, actual)
    print(f"figure: avro: {told.strip()}, in blocks of each codec, all values read back "
          f"equal by fastavro, and by avsc from {len(paths)} files")
    read_parquet(encoder, folder / "parquet", python, node)


if __name__ == "__main__":
    main()
