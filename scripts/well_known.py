#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes src/schema/well_known.inc: the descriptors of Google's well-known
types, for sets that come without them. Run it by hand when a file of
proto/google changes; needs protoc and its include files."""

import pathlib
import subprocess
import tempfile

NAMES = [
    f"google/protobuf/{name}.proto"
    for name in [
        "any", "api", "descriptor", "duration", "empty", "field_mask",
        "source_context", "struct", "timestamp", "type", "wrappers",
    ]
] + [
    f"google/type/{name}.proto"
    for name in ["date", "datetime", "latlng", "timeofday"]
]
TARGET = pathlib.Path("src/schema/well_known.inc")
BYTES_A_LINE = 24


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def compiled(name):
    """The one FileDescriptorProto of a set that has just this file."""
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(
            ["protoc", "-Iproto", "-I/usr/include",
             f"--descriptor_set_out={out.name}", name],
            check=True,
        )
        data = pathlib.Path(out.name).read_bytes()
    size, at = varint(data, 1)
    assert data[0] == 0x0A and at + size == len(data)
    return data[at:]


lines = [
    "/* SPDX-License-Identifier: Apache-2.0 */",
    "/* Written by scripts/well_known.py. */",
    "",
]
table = []
for number, name in enumerate(NAMES):
    data = compiled(name)
    lines.append(f"static const uint8_t file_{number}[] = {{")
    for at in range(0, len(data), BYTES_A_LINE):
        row = data[at:at + BYTES_A_LINE]
        lines.append("\t" + "".join(f"{byte}," for byte in row))
    lines.append("};")
    table.append(
        f'\t{{"{name}", {{file_{number}, sizeof(file_{number})}}}},'
    )
lines += ["", "static const dpi_known_file files[] = {", *table, "};", ""]
TARGET.write_text("\n".join(lines))
