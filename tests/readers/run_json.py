# SPDX-License-Identifier: Apache-2.0
"""run_json.py ENCODER FOLDER GOOGLE: random messages of random types become
JSON by ENCODER. GOOGLE is "python", whose values must be the same, or the
program json_by_google, whose text must be; or nothing, if it was not built; or
"read": Python's JSON becomes messages by ENCODER."""

import pathlib
import sys

import run

TYPES = 400
SEED = "2"


def main():
    encoder, folder = (pathlib.Path(p).resolve() for p in sys.argv[1:3])
    google = sys.argv[3]
    if google == "":
        print("SKIP: libprotobuf-dev or a C++ compiler is not installed")
        sys.exit(77)
    python = run.fetch_python(folder)
    print(run.must(google, run.run(
        python, "-B", run.HERE / "json_differential.py", encoder, google, TYPES, SEED)))


main()
