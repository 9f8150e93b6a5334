# SPDX-License-Identifier: Apache-2.0
"""json_differential.py ENCODER GOOGLE COUNT SEED: see run_json.py."""

import json
import random
import struct
import subprocess
import sys

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor as D
from google.protobuf.message import DecodeError

import messages
import schemas

MESSAGES = 12
FIELD_NAMES, ZEROS, ENUM_NUMBERS = 1, 2, 4
P = "google.protobuf."

# Characters about which C++ escapes those that are not seen.
EDGES = [0x20, 0x7F, 0xAD, 0x600, 0x603, 0x6DD, 0x70F, 0x17B4, 0x17B5, 0x200B,
         0x200F, 0x2028, 0x202E, 0x2060, 0x2064, 0x206A, 0x206F, 0xFEFF, 0xFFF9,
         0xFFFB, 0x1D173, 0x1D17A, 0xE0001, 0xE0020, 0xE007F]
messages.TEXTS.extend(
    [chr(c + d) for c in EDGES for d in (-1, 0, 1)]
    + ["".join(map(chr, range(1, 0x100))), "<script>", "1234567\x7f"])


def is_whole(message_type, data):
    message = schemas.message_factory.GetMessageClass(message_type)()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return False
    return message.IsInitialized()


class Maker(messages.Maker):
    """As for Avro, but an Any holds what it says."""

    def __init__(self, rng, schema):
        super().__init__(rng, schema)
        self.reached = {}
        self.reach(schema.root)

    def reach(self, message_type):
        if message_type.full_name not in self.reached:
            self.reached[message_type.full_name] = message_type
            for field in self.schema.fields(message_type):
                if field.message_type is not None:
                    self.reach(field.message_type)

    def well_known(self, message_type, depth):
        if message_type.full_name != P + "Any":
            return super().well_known(message_type, depth)
        if depth > 6 or self.random.random() < 0.1:
            return b""
        inner = self.random.choice([
            t for t in self.reached.values() if not t.GetOptions().map_entry])
        url = b"type.googleapis.com/" + inner.full_name.encode()
        data = self.message(inner, depth + 1)
        if not is_whole(inner, data):
            return b""
        return b"\x0a" + messages.chunk(url) + b"\x12" + messages.chunk(data)


class Case:
    def __init__(self, number, seed, flags):
        rng = random.Random(f"{seed}/{number}")
        self.number = number
        self.schema = schemas.make(rng, number)
        self.flags = rng.choice(flags)
        maker = Maker(rng, self.schema)
        self.messages = [b""] + [
            maker.message(self.schema.root) for _ in range(MESSAGES)]
        # As writers write them: fields by number, and each once.
        self.messages += [
            m.SerializeToString(deterministic=True)
            for m in map(self.parse, self.messages) if m is not None]

    def parse(self, data):
        message = self.schema.message()
        try:
            message.ParseFromString(data)
        except DecodeError:
            return None
        return message if message.IsInitialized() else None

    def plain(self, data):
        """For C++, whose dynamic messages keep keys of maps that are there
        twice; and numbers that a closed enum does not have it would write."""
        message = self.parse(data)
        if message is None:
            return b""
        message.DiscardUnknownFields()
        return message.SerializeToString(deterministic=True)

    def input(self, is_plain):
        def text(data):
            return struct.pack("<I", len(data)) + data

        return b"".join([
            text(self.schema.set.SerializeToString()),
            text(self.schema.root.full_name.encode()),
            struct.pack("<II", self.flags, len(self.messages)),
            *(text(self.plain(m) if is_plain else m) for m in self.messages),
        ])

    def all_fields(self):
        file = self.schema.set.file[-1]
        stack = list(file.message_type)
        while stack:
            message = stack.pop()
            stack.extend(message.nested_type)
            yield from message.field

    def is_for_cpp(self):
        """3.21 writes neither groups nor extensions."""
        return not self.schema.extensions and all(
            f.type != D.TYPE_GROUP for f in self.all_fields())

    def fail(self, i, expected, actual):
        print(f"type {self.number}, message {i}, flags {self.flags}: "
              f"{self.messages[i].hex()}\nexpected {expected}\nis       {actual}")
        sys.exit(1)


class ReadCase(Case):
    """Its messages are the texts that Python writes."""

    def __init__(self, number, seed):
        super().__init__(number, seed, [0])
        rng = random.Random(f"{seed}/{number}/texts")
        self.messages = [
            text.encode() for text in (
                self.write(rng, message) for message in map(self.parse, self.messages)
                if message is not None)
            if text is not None]

    def write(self, rng, message):
        try:
            return json_format.MessageToJson(
                message, indent=rng.choice([None, 2]), ensure_ascii=rng.random() < 0.5,
                preserving_proto_field_name=rng.random() < 0.3,
                use_integers_for_enums=rng.random() < 0.3,
                always_print_fields_with_no_presence=rng.random() < 0.3,
                descriptor_pool=self.schema.pool)
        except json_format.Error:
            return None

    def values(self, message):
        """Not its bytes: those of an Any are in the order of the text."""
        return json_format.MessageToDict(message, descriptor_pool=self.schema.pool)


def run_program(program, cases, is_plain=False):
    """(status, text) of each message."""
    for status, data in run_raw([program], cases, is_plain):
        yield status, data.decode()


def run_raw(command, cases, is_plain=False):
    """(status, bytes) of each message."""
    done = subprocess.run(
        command, input=b"".join(c.input(is_plain) for c in cases), check=False,
        stdout=subprocess.PIPE)
    if done.returncode != 0:
        print(f"{command[0]} ended with {done.returncode}")
        sys.exit(1)
    out, at = done.stdout, 0
    while at < len(out):
        status, size = struct.unpack_from("<II", out, at)
        yield status, out[at + 8:at + 8 + size]
        at += 8 + size


def same(a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, bool) or isinstance(b, bool) or type(a) is str or type(b) is str:
        return type(a) is type(b) and a == b
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        # Python writes floats with fewer digits than C++ and we do.
        return a == b or (max(abs(a), abs(b)) < 3e38
                          and struct.pack("<f", a) == struct.pack("<f", b))
    return a is None and b is None


def without_empty_extensions(value):
    """Python has those that were on the wire, packed and with nothing."""
    if isinstance(value, dict):
        return {k: without_empty_extensions(v) for k, v in value.items()
                if not (k.startswith("[") and v == [])}
    if isinstance(value, list):
        return list(map(without_empty_extensions, value))
    return value


def by_python(case, data):
    message = case.parse(data)
    if message is None:
        return None
    try:
        return json_format.MessageToDict(
            message,
            preserving_proto_field_name=bool(case.flags & FIELD_NAMES),
            use_integers_for_enums=bool(case.flags & ENUM_NUMBERS),
            always_print_fields_with_no_presence=bool(case.flags & ZEROS),
            descriptor_pool=case.schema.pool)
    except json_format.Error:
        return None


def is_open(case, message):
    """Whether C++ leaves something out that has a form: a Value without its
    kind, and an Any whose value has no bytes; or nothing that is required."""
    name = message.DESCRIPTOR.full_name
    if name == P + "Value" and message.WhichOneof("kind") is None:
        return True
    if name == P + "Any" and message.type_url:
        inner = case.schema.pool.FindMessageTypeByName(message.type_url.split("/")[-1])
        made = schemas.message_factory.GetMessageClass(inner)()
        made.ParseFromString(message.value)
        made.DiscardUnknownFields()
        # Any's bytes are written as they are: unknown fields, order of maps.
        return made.SerializeToString(deterministic=True) != message.value or (
            not message.value) or is_open(case, made)
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            if field.message_type.fields_by_name["value"].message_type is None:
                continue
            items = value.values()
        else:
            items = value if field.is_repeated else [value]
        if any(is_open(case, item) for item in items):
            return True
    return False


def check_python(cases, ours):
    written = 0
    for case in cases:
        for i, data in enumerate(case.messages):
            status, text = next(ours)
            expected = by_python(case, data)
            if expected is None and status != 0:
                continue
            if expected is None or status != 0 or not same(
                    without_empty_extensions(expected),
                    without_empty_extensions(json.loads(text))):
                case.fail(i, json.dumps(expected), text)
            written += 1
    return written


def check_cpp(cases, ours, theirs):
    written = 0
    for case in cases:
        for i, data in enumerate(case.messages):
            status, text = next(ours)
            other_status, other = next(theirs)
            message = case.parse(data)
            if other_status == 2 or message is None or is_open(case, message):
                continue
            if (status, text) != (other_status, other):
                case.fail(i, other, text)
            written += 1
    return written


def check_read(cases, ours):
    """Python reads the same from the text as from our bytes of it."""
    read = 0
    for case in cases:
        for i, text in enumerate(case.messages):
            status, data = next(ours)
            try:
                expected = json_format.Parse(
                    text, case.schema.message(), descriptor_pool=case.schema.pool)
            except json_format.Error as error:
                if status == 0:
                    case.fail(i, error, data.hex())
                continue
            actual = case.parse(data) if status == 0 else None
            if actual is None or (
                    actual.SerializeToString(deterministic=True)
                    != expected.SerializeToString(deterministic=True)
                    and not same(case.values(actual), case.values(expected))):
                case.fail(i, expected, data if actual is None else actual)
            read += 1
    return read


def main():
    encoder, google, count, seed = sys.argv[1:]
    if google == "read":
        cases = [ReadCase(n, seed) for n in range(int(count))]
        read = check_read(cases, run_raw([encoder, "read"], cases))
        print(f"figure: JSON into messages: {read} texts of {len(cases)} types are "
              "what Python reads")
        sys.exit(read < 4 * len(cases))
    is_python = google == "python"
    flags = [0, 0, 0, FIELD_NAMES, ENUM_NUMBERS] + ([ZEROS] if is_python else [])
    cases = [Case(n, seed, flags) for n in range(int(count))]
    if is_python:
        written = check_python(cases, run_program(encoder, cases))
    else:
        cases = [c for c in cases if c.is_for_cpp()]
        written = check_cpp(
            cases, run_program(encoder, cases), run_program(google, cases, is_plain=True))
    offered = sum(len(c.messages) for c in cases)
    who = "Python's values" if is_python else "the text of C++"
    print(f"figure: JSON: {written} of {offered} messages of {len(cases)} types "
          f"have {who}")
    if written < offered // 2:
        print("most messages were left out: that is no test")
        sys.exit(1)


main()
