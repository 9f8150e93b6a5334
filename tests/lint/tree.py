# SPDX-License-Identifier: Apache-2.0
"""The files that lints look at: what is ours, with or without git."""

import pathlib

FOLDERS = [
    ".ci", "bench", "changes", "doc", "examples", "include", "pkgconfig",
    "plugins", "proto", "scripts", "src", "tests", "tools",
]
# Bytes that are kept as they came: nobody edits them.
DATA = ["golden", "corpus", "node_modules", "__pycache__"]


def files(*suffixes, under=FOLDERS):
    """All files below `under` with one of the suffixes; all without one."""
    found = []
    for top in under:
        for path in pathlib.Path(top).rglob("*"):
            if not path.is_file() or set(path.parts) & set(DATA):
                continue
            if not suffixes or path.suffix in suffixes:
                found.append(path)
    return sorted(found)


def top_files():
    """Files in the top folder that are text of ours."""
    names = ["meson.build", "meson_options.txt"]
    return [pathlib.Path(n) for n in names] + sorted(pathlib.Path().glob("*.md"))
