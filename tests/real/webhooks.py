# SPDX-License-Identifier: Apache-2.0
"""webhooks.py CARRY_JSON FOLDER READERS: fetches real payloads into FOLDER and
Python's readers into READERS, once, and has compare.py compare. Exits with 77 if they cannot be fetched."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "readers"))
import run as readers  # pylint: disable=wrong-import-position


def read_by_others(digests, folder):
    node = readers.fetch_node(folder)
    readers.digests_by("hyparquet", digests,
                       ["node", readers.HERE / "read_parquet.js"], env=node)
    java, why = readers.find_java(folder)
    if java is None:
        return f"hyparquet, and not by parquet-java: {why}"
    readers.digests_by("parquet-java", digests, java)
    return "hyparquet and parquet-java"


def main():
    carry_json = pathlib.Path(sys.argv[1]).resolve()
    folder = pathlib.Path(sys.argv[2]).resolve()
    reader_folder = pathlib.Path(sys.argv[3]).resolve()
    python = readers.fetch_python(reader_folder)
    node = readers.fetch_node(folder, HERE / "package.json")
    types = folder / "webhooks.binpb"
    readers.must("protoc", readers.run(
        "protoc", f"-I{HERE}", "--include_imports",
        f"--descriptor_set_out={types}", HERE / "webhooks.proto"))
    examples = pathlib.Path(node["NODE_PATH"]) / (
        "@octokit/webhooks-examples/api.github.com/index.json")
    figure = readers.must("compare.py", readers.run(
        python, "-B", HERE / "compare.py", carry_json, types, examples, folder / "out"))
    others = read_by_others(
        (folder / "out/parquet-digests").read_text(), reader_folder)
    print(f"{figure.strip()}; Parquet by pyarrow, DuckDB, {others}")


main()
