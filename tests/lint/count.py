# SPDX-License-Identifier: Apache-2.0
"""scripts/test counts right: what its last line says is what programs said,
and one that died after its tests were done has failed."""

import json
import pathlib
import subprocess
import sys
import tempfile

RESULTS = [
    # cmocka: as many as it says
    {"name": "a", "result": "OK", "stderr": "[  PASSED  ] 3 test(s).\n"},
    {"name": "b", "result": "FAIL", "stderr":
     "[  PASSED  ] 1 test(s).\n[  FAILED  ] 2 test(s), listed below:\n[  FAILED  ] one\n"},
    {"name": "c", "result": "OK", "stderr":
     "[  PASSED  ] 2 test(s).\n[  SKIPPED ] 1 test(s), listed below:\n[  SKIPPED ] two\n"},
    # a leak, found at the end
    {"name": "d", "result": "FAIL", "stderr": "[  PASSED  ] 5 test(s).\n"},
    {"name": "e", "result": "TIMEOUT"},
    # others: one each
    {"name": "f", "result": "OK", "stdout": "fine\n"},
    {"name": "g", "result": "SKIP", "stdout": "SKIP: no tool\n"},
    {"name": "h", "result": "OK", "stdout": "SKIP: a part\n"},
]


def count(results):
    """Exit code and last line."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "run.json"
        path.write_text("".join(json.dumps(r) + "\n" for r in results))
        run = subprocess.run(
            [sys.executable, "scripts/lib/count_tests.py", folder],
            check=False, capture_output=True, text=True,
        )
    return run.returncode, run.stdout.splitlines()


bad = 0
for results, code, last in [
    (RESULTS, 1, "13 passed, 4 failed, 3 skipped"),
    (RESULTS[:1], 0, "3 passed, 0 failed, 0 skipped"),
    ([], 1, "0 passed, 0 failed, 0 skipped"),
]:
    said_code, lines = count(results)
    if (said_code, lines[-1]) != (code, last):
        print(f"exit code {said_code}, said: {lines}; not {code}, {last}")
        bad += 1
    if results is RESULTS:
        for wanted in ["no tool", "a part", "two", "one"]:
            if not any(line.endswith(wanted) for line in lines[:-1]):
                print(f"it does not say {wanted}: {lines}")
                bad += 1
sys.exit(bad != 0)
