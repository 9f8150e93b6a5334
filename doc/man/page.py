# SPDX-License-Identifier: Apache-2.0
"""usage: page.py NAME HEADER VERSION: writes the manual page NAME(3), in the
language of scdoc, out of the comments of a public header, so that nothing is
said twice."""

import pathlib
import re
import sys

FUNCTION = re.compile(
    r"/\*\*((?:(?!\*/).)*)\*/\s*DP_API\b((?:DP_NODISCARD|[^;(])*?)\b(dp_\w+)(\([^;]*\));",
    re.S,
)
STRUCT = re.compile(
    r"/\*\*((?:(?!\*/).)*)\*/\s*typedef struct (dp_\w+) \{\n(.*?)^\} dp_\w+;",
    re.S | re.M,
)
FIELD = re.compile(r"/\*\*((?:(?!\*/).)*)\*/\s*([^;/]*?;)", re.S)
VALUE = re.compile(r"^\t(DP_\w+)\s*=[^/]*/\*\*<?\s*((?:(?!\*/).)*)\*/", re.M | re.S)
VALUE_ABOVE = re.compile(r"^\t/\*\*\s*((?:(?!\*/).)*)\*/\s*(DP_\w+)\s*=", re.M | re.S)


def plain(comment):
    """Text of a comment without its stars, and with its marks escaped."""
    text = re.sub(r"^\s*\* ?", "", comment, flags=re.M).strip()
    text = re.sub(r"@[pc] (\w+)", r"\1", text)
    text = re.sub(r"#(DP?_?\w+)", r"\1", text)
    return text


def escaped(text):
    return re.sub(r"([\\_*`~#\[\]<>])", r"\\\1", text)


def paragraphs(text):
    for part in re.split(r"\n\s*\n", text):
        print(escaped(" ".join(part.split())) + "\n")


def tags(text):
    """Splits "text @tag rest @tag rest" into text and pairs."""
    parts = re.split(r"^\s*@(\w+)[ \t]*", text, flags=re.M)
    return parts[0], list(zip(parts[1::2], parts[2::2]))


LABELS = {"return": "Returns", "errors": "Errors", "owns": "Owned by",
          "thread": "Threads", "since": "Since"}


def print_function(comment, name):
    text, pairs = tags(plain(comment))
    print(f"## {escaped(name)}()\n")
    paragraphs(text)
    lines = []
    for tag, rest in pairs:
        if tag == "param":
            label, _, rest = rest.partition(" ")
            label = f"*{escaped(label)}*"
        else:
            label = f"_{LABELS[tag]}_"
        # Each status with its meaning has a line of its own.
        parts = re.split(r"\n\s*(?=DP_E\w+  )", rest.strip())
        lines.append(f"{label}: {escaped(' '.join(parts[0].split()))}")
        lines += [escaped(" ".join(part.split())) for part in parts[1:]]
    print("++\n".join(lines) + "\n")


def print_struct(comment, name, body):
    print(f"## {escaped(name)}\n")
    paragraphs(plain(comment))
    for said, field in FIELD.findall(body):
        print(f"*{escaped(' '.join(field.split()).rstrip(';'))}*")
        print("\t" + escaped(" ".join(plain(said).split())) + "\n")


def main():
    name, header, version = sys.argv[1:]
    source = pathlib.Path(header).read_text()
    intro = re.search(r"/\*\*\n \* @file\n(.*?)\*/", source, re.S)[1]
    intro = plain(intro)
    functions = FUNCTION.findall(source)
    print(f'{name}(3) "datapipe {version}" "datapipe"\n\n# NAME\n')
    said = " ".join(intro.split())
    title = re.split(r"[.:;] ", said)[0].rstrip(".")
    print(f"{escaped(name)} - {escaped(title[0].lower() + title[1:])}\n")
    folder = pathlib.Path(header).parent
    include = "datapipe.h"
    if not (folder / include).exists():
        include = f"{folder.name}/{pathlib.Path(header).name}"
    print(f"# SYNOPSIS\n\n```\n#include <datapipe/{include}>\n")
    for _, result, function, arguments in functions:
        result = " ".join(result.replace("DP_NODISCARD", "").split())
        gap = "" if result.endswith("*") else " "
        flat = " ".join(arguments.split()).replace("( ", "(")
        print(f"{result}{gap}{function}{flat};")
    print("```\n\n# DESCRIPTION\n")
    paragraphs(intro)
    structs = STRUCT.findall(source)
    values = VALUE.findall(source)
    values += [(word, text) for text, word in VALUE_ABOVE.findall(source)]
    if functions:
        print("# FUNCTIONS\n")
        for comment, _, function, _ in functions:
            print_function(comment, function)
    if structs:
        print("# STRUCTURES\n")
        for struct in structs:
            print_struct(*struct)
    if values:
        print("# CONSTANTS\n")
        for word, text in values:
            print(f"*{escaped(word)}*\n\t{escaped(' '.join(plain(text).split()))}\n")
    print("# SEE ALSO\n\n*datapipe*(7)")


main()
