# SPDX-License-Identifier: Apache-2.0
"""Random .proto files through protoc and through the library: the facts of
every field are those that the file's author meant, what is kept of a type is
a set that protoc takes, and its fingerprint depends on definitions alone.

usage: protoc_property.py PRINT_FACTS [ROUNDS [SEED]]"""

import pathlib
import random
import subprocess
import sys
import tempfile

SCALARS = {
    "double": 1, "float": 2, "int64": 3, "uint64": 4, "int32": 5,
    "fixed64": 6, "fixed32": 7, "bool": 8, "string": 9, "bytes": 12,
    "uint32": 13, "sfixed32": 15, "sfixed64": 16, "sint32": 17, "sint64": 18,
}
KEYS = ["int32", "int64", "uint64", "bool", "string", "sint32", "fixed64"]
WELL_KNOWN = {
    "google.protobuf.Timestamp": "google/protobuf/timestamp.proto",
    "google.protobuf.Struct": "google/protobuf/struct.proto",
    "google.protobuf.Int64Value": "google/protobuf/wrappers.proto",
}
MESSAGE, GROUP, ENUM = 11, 10, 14
PACKAGES = ["acme.v1", "acme", "shop.billing.v2", "x"]


def json_name(name):
    out, is_raised = "", False
    for c in name:
        if c == "_":
            is_raised = True
        else:
            out += c.upper() if is_raised else c
            is_raised = False
    return out


class Field:
    """What a line of a .proto file says, and what follows from it."""

    def __init__(self, text, **facts):
        self.text = text
        self.facts = facts


class File:
    def __init__(self, rng, index, earlier):
        self.rng = rng
        self.name = f"f{index}.proto"
        self.package = rng.choice(PACKAGES)
        self.syntax = rng.choice(["proto2", "proto3"])
        self.imports = set()
        self.messages = [f"M{index}_{i}" for i in range(rng.randint(1, 4))]
        self.enums = [f"E{index}_{i}" for i in range(rng.randint(1, 2))]
        self.visible = [self, *rng.sample(earlier, rng.randint(0, len(earlier)))]
        self.fields = {}  # of each full name, as declared
        self.extensions = {}  # of each full name
        self.blocks = {}

    def full(self, name):
        return f"{self.package}.{name}"

    def write(self):
        for name in self.enums:
            self.blocks[name] = (
                f"enum {name} {{\n  {name}_ZERO = 0;\n"
                f"  {name}_MORE = {self.rng.randint(1, 99)};\n}}\n"
            )
        for name in self.messages:
            self.blocks[name] = self.message(name)

    def a_message(self):
        if self.rng.random() < 0.25:
            name = self.rng.choice(sorted(WELL_KNOWN))
            self.imports.add(WELL_KNOWN[name])
            return name
        file = self.rng.choice(self.visible)
        if file is not self:
            self.imports.add(file.name)
        return file.full(self.rng.choice(file.messages))

    def an_enum(self):
        # proto3 may not use closed enums.
        files = [f for f in self.visible
                 if self.syntax == "proto2" or f.syntax == "proto3"]
        file = self.rng.choice(files)
        if file is not self:
            self.imports.add(file.name)
        return file, file.full(self.rng.choice(file.enums))

    def message(self, name):
        rng = self.rng
        numbers = rng.sample(range(1, 15), rng.randint(0, 8))
        fields = [self.field(name, f"the_field{n}", n) for n in numbers]
        lines = [f.text for f in fields]
        if rng.random() < 0.4:
            first = self.field(name, "left", 2001, oneof="choice")
            second = self.field(name, "right_one", 2002, oneof="choice")
            fields += [first, second]
            lines.append(
                f"  oneof choice {{\n{first.text}\n{second.text}\n  }}")
        if self.syntax == "proto2":
            lines.append("  extensions 3000 to 3999;")
            if rng.random() < 0.4:
                fields.append(self.group(name, lines))
        if rng.random() < 0.3:
            lines.append("  reserved 5000 to 5010;")
        self.fields[self.full(name)] = fields
        return f"message {name} {{\n" + "\n".join(lines) + "\n}\n"

    def group(self, message, lines):
        lines.append(
            "  optional group Box = 2500 { optional string in_box = 1; }")
        holder = self.full(message)
        self.fields[f"{holder}.Box"] = [
            Field("", name="in_box", number=1, type=9, of="-", presence=1)
        ]
        return Field("", name="box", number=2500, type=GROUP,
                     of=f"{holder}.Box", presence=1)

    def field(self, message, name, number, oneof=None):
        rng = self.rng
        kind = rng.choice(["scalar"] * 4 + ["message", "enum", "map"])
        if kind == "map" and oneof is None:
            return self.map_field(message, name, number)
        label = "" if oneof else rng.choice(
            ["optional", "repeated", "required" if self.syntax == "proto2" else ""])
        facts = dict(name=name, number=number, repeated=label == "repeated",
                     required=label == "required")
        options = []
        if kind == "message":
            written, facts["type"] = self.a_message(), MESSAGE
            facts["of"], written = written, "." + written
        elif kind == "enum":
            file, written = self.an_enum()
            facts.update(type=ENUM, of=written, closed=file.syntax == "proto2")
            written = "." + written
        else:
            written = rng.choice(sorted(SCALARS))
            facts.update(type=SCALARS[written], of="-")
            facts["utf8"] = written == "string" and self.syntax == "proto3"
        is_packable = kind != "message" and written not in ("string", "bytes")
        if facts["repeated"] and is_packable:
            facts["packed"] = self.syntax == "proto3"
            if rng.random() < 0.5:
                facts["packed"] = rng.random() < 0.5
                options.append(f"packed = {str(facts['packed']).lower()}")
        if rng.random() < 0.1:
            facts["json"] = f"{name}JSON"
            options.append(f'json_name = "{name}JSON"')
        facts["oneof"] = oneof or "-"
        facts["presence"] = not facts["repeated"] and (
            kind == "message" or oneof is not None or label != ""
            or self.syntax == "proto2")
        said = f" [{', '.join(options)}]" if options else ""
        return Field(f"  {label} {written} {name} = {number}{said};", **facts)

    def map_field(self, message, name, number):
        key = self.rng.choice(KEYS)
        value = self.rng.choice(sorted(SCALARS))
        camel = name[0].upper() + json_name(name)[1:]
        entry = f"{self.full(message)}.{camel}Entry"
        both = [("key", 1, key), ("value", 2, value)]
        self.fields[entry] = [
            Field("", name=n, number=i, type=SCALARS[t], of="-",
                  presence=self.syntax == "proto2",
                  utf8=t == "string" and self.syntax == "proto3")
            for n, i, t in both
        ]
        return Field(f"  map<{key}, {value}> {name} = {number};", name=name,
                     number=number, type=MESSAGE, of=entry, repeated=1, map=1)

    def text(self, rng):
        """The file; comments, and the order of what is in it, as rng likes."""
        imports = sorted(self.imports)
        blocks = list(self.blocks.values())
        rng.shuffle(imports)
        rng.shuffle(blocks)
        lines = [f'syntax = "{self.syntax}";', f"package {self.package};"]
        lines += [f'import "{name}";' for name in imports]
        for block in blocks:
            lines += [f"// {rng.random()}", block]
        return "\n".join(lines)


def compile_set(files, rng, folder, arguments):
    folder.mkdir()
    for file in files:
        (folder / file.name).write_text(file.text(rng))
    subprocess.run(
        ["protoc", f"-I{folder}", "-I/usr/include",
         f"--descriptor_set_out={folder}/set.pb", *arguments,
         *[str(folder / file.name) for file in files]],
        check=True,
    )
    return folder / "set.pb"


def reach(start, fields):
    seen, queue = set(), [start]
    while queue:
        for field in fields.get(queue.pop(), []):
            of = field.facts["of"]
            if of in fields and of not in seen:
                seen.add(of)
                queue.append(of)
    return seen


def expected_lines(fields, names):
    for name in sorted(names):
        is_recursive = name in reach(name, fields)
        for f in fields[name]:
            get = lambda key, other=0: f.facts.get(key, other)
            json = get("json", json_name(f.facts["name"]))
            yield (
                f"{name} {get('name')} {get('number')} json={json} "
                f"type={get('type')} of={get('of')} "
                f"repeated={int(get('repeated'))} map={get('map')} "
                f"packed={int(get('packed'))} required={int(get('required'))} "
                f"presence={int(get('presence'))} extension=0 "
                f"utf8={int(get('utf8'))} oneof={get('oneof', '-')} "
                f"closed={int(get('closed'))} recursive={int(is_recursive)}"
            )


def run_round(program, seed, folder):
    rng = random.Random(seed)
    files = []
    for i in range(rng.randint(1, 4)):
        files.append(File(rng, i, list(files)))
        files[-1].write()
    fields = {k: v for file in files for k, v in file.fields.items()}
    last = files[-1]
    root = last.full(last.messages[0])
    one = compile_set(files, rng, folder / "one", ["--include_imports"])
    two = compile_set(files, rng, folder / "another_place",
                      ["--include_source_info"])
    printed = [
        subprocess.run([program, str(which), str(folder / "kept.pb"), root],
                       check=True, capture_output=True, text=True).stdout
        for which in (one, two)
    ]
    if printed[0] != printed[1]:
        return "the order or place of definitions changed what is kept"
    lines = printed[0].splitlines()[1:]
    got = {line for line in lines if not line.startswith("google.")}
    names = {line.split()[0] for line in got}
    if not reach(root, fields) <= names | {n for n in fields if not fields[n]}:
        return "a type that is needed is missing"
    wanted = set(expected_lines(fields, names))
    if got != wanted:
        return "\n".join(sorted(got ^ wanted))
    decoded = subprocess.run(
        ["protoc", f"--descriptor_set_in={folder}/kept.pb", f"--decode={root}"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return decoded.stderr if "error" in decoded.stderr.lower() else None


def main():
    program = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    for seed in range(first, first + rounds):
        with tempfile.TemporaryDirectory() as folder:
            wrong = run_round(program, seed, pathlib.Path(folder))
        if wrong:
            print(f"seed {seed}: {wrong}")
            return 1
    print(f"{rounds} rounds")
    return 0


sys.exit(main())
