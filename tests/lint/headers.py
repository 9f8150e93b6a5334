# SPDX-License-Identifier: Apache-2.0
"""Each public header stands alone in C99 and C++11, its comments name its
parameters as its prototypes do, and each function says its thread, since when
it exists, and (if it can fail) its errors."""

import re
import subprocess
import sys

import tree

WARN = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
COMPILERS = [
    ["gcc", "-xc", "-std=c99", *WARN],
    ["g++", "-xc++", "-std=c++11", *WARN],
    [
        "clang", "-xc", "-std=c99", "-Werror", "-Wdocumentation",
        "-fcomment-block-commands=thread,owns,errors,since",
    ],
]
FUNCTION = re.compile(
    r"(/\*\*(?:(?!\*/).)*\*/)?\s*^DP_API\b([^(;]*?)\b(dp_\w+)\(([^;]*)\);",
    re.M | re.S,
)


def lacks(comment, result, arguments):
    """Which tags the comment of a function should have and has not."""
    wanted = ["@thread", "@since"]
    if "dp_error **err" in arguments:
        wanted += ["@param err"]
    if re.search(r"\bret_\w+", arguments):
        wanted += ["@param ret_"]
    if re.search(r"\*\*ret_", arguments) and "DP_NODISCARD" in result:
        wanted += ["@owns"]
    flat = re.sub(r"[ \t]+", " ", comment or "")
    return [tag for tag in wanted if tag not in flat]


bad = 0
for path in tree.files(".h", under=["include"]):
    name = path.relative_to("include")
    unit = f"#include <{name}>\nextern int one_declaration;\n"
    for compiler in COMPILERS:
        run = subprocess.run(
            [*compiler, "-Iinclude", "-fsyntax-only", "-"],
            check=False, input=unit, text=True,
        )
        bad += run.returncode != 0
    for comment, result, function, arguments in FUNCTION.findall(path.read_text()):
        for tag in lacks(comment, result, arguments):
            print(f"{path}: {function}() says no {tag}")
            bad += 1
sys.exit(bad != 0)
