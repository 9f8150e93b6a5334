# SPDX-License-Identifier: Apache-2.0
"""Makes a program's demand for versions of symbols a weak one, so that it
starts beside a library that lacks them; a preloaded one then has the symbols."""

import struct

VERNEED = 0x6FFFFFFE
WEAK = 2


def sections(data):
    start, = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    return [struct.unpack_from("<IIQQQQIIQQ", data, start + i * size) for i in range(count)]


def text_at(data, at):
    return data[at:data.index(0, at)].decode()


def weaken(data, versions):
    """data: a bytearray with an ELF file of 64 bits, little endian."""
    every = sections(data)
    for section in (s for s in every if s[1] == VERNEED):
        strings = every[section[6]][4]
        at, more = section[4], True
        while more:
            _, count, _, first, step = struct.unpack_from("<HHIII", data, at)
            entry = at + first
            for _ in range(count):
                _, flags, _, name, ahead = struct.unpack_from("<IHHII", data, entry)
                if text_at(data, strings + name) in versions:
                    struct.pack_into("<H", data, entry + 4, flags | WEAK)
                entry += ahead
            at, more = at + step, step != 0
