# SPDX-License-Identifier: Apache-2.0
"""clang-format has nothing to say. Other versions than ours format otherwise,
so without clang-format 14 this is skipped."""

import shutil
import subprocess
import sys

import tree

tool = shutil.which("clang-format-14") or shutil.which("clang-format")
version = ""
if tool is not None:
    version = subprocess.run(
        [tool, "--version"], check=True, capture_output=True, text=True
    ).stdout
if "version 14." not in version:
    print("SKIP: clang-format 14 is not installed")
    sys.exit(77)
sys.exit(subprocess.run(
    [tool, "--dry-run", "-Werror", *tree.files(".c", ".h")], check=False
).returncode)
