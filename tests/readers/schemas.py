# SPDX-License-Identifier: Apache-2.0
"""Random message types: every construct of the language, often together."""

from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    message_factory,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)

F = descriptor_pb2.FieldDescriptorProto
WELL_KNOWN_FILES = [
    any_pb2, duration_pb2, empty_pb2, field_mask_pb2, struct_pb2,
    timestamp_pb2, wrappers_pb2,
]
WELL_KNOWN = [
    ".google.protobuf." + name
    for name in (
        "Any Duration Empty FieldMask ListValue Struct Timestamp Value "
        "BoolValue BytesValue DoubleValue FloatValue Int32Value Int64Value "
        "StringValue UInt32Value UInt64Value"
    ).split()
]
SCALARS = [
    F.TYPE_DOUBLE, F.TYPE_FLOAT, F.TYPE_INT64, F.TYPE_UINT64, F.TYPE_INT32,
    F.TYPE_FIXED64, F.TYPE_FIXED32, F.TYPE_BOOL, F.TYPE_STRING, F.TYPE_BYTES,
    F.TYPE_UINT32, F.TYPE_SFIXED32, F.TYPE_SFIXED64, F.TYPE_SINT32,
    F.TYPE_SINT64,
]
KEYS = [t for t in SCALARS if t not in (F.TYPE_DOUBLE, F.TYPE_FLOAT, F.TYPE_BYTES)]
# Names that clash: with columns of our own, with each other, with a oneof's.
AWKWARD = ["_unknown", "_id", "ID", "id", "which_case", "__x", "select", "name_2"]


class Maker:
    """Makes one file, whose first message is the root."""

    def __init__(self, random, number):
        self.random = random
        self.file = descriptor_pb2.FileDescriptorProto(
            name=f"t{number}.proto",
            syntax=random.choice(["proto2", "proto3", "proto3"]),
        )
        if random.random() < 0.8:
            self.file.package = random.choice(["a", "a.b", f"p{number}"])
        self.is_proto2 = self.file.syntax == "proto2"
        if self.is_proto2:
            self.file.ClearField("syntax")
        self.file.dependency.extend(m.DESCRIPTOR.name for m in WELL_KNOWN_FILES)
        self.types = []  # (full name, DescriptorProto)
        self.enums = []
        self.serial = 0

    def full(self, name):
        return "." + (self.file.package + "." if self.file.package else "") + name

    def make(self):
        for i in range(self.random.randint(1, 2)):
            self.add_enum(i)
        for i in range(self.random.randint(1, 5)):
            self.add_message(i)
        for name, message in list(self.types):
            self.fill(name, message)
        if self.is_proto2 and self.random.random() < 0.5:
            self.add_extensions()
        return self.file

    def add_enum(self, i):
        enum = self.file.enum_type.add(name=f"E{i}")
        numbers = [0] + self.random.sample(
            [1, 2, 3, 7, 100, 2**31 - 1, -1, -(2**31)], self.random.randint(1, 4)
        )
        if self.random.random() < 0.3:
            enum.options.allow_alias = True
            numbers.append(numbers[-1])
        for k, number in enumerate(numbers):
            enum.value.add(name=f"E{i}_V{k}", number=number)
        self.enums.append(self.full(enum.name))

    def add_message(self, i):
        message = self.file.message_type.add(name=f"M{i}")
        self.types.append((self.full(message.name), message))
        if self.random.random() < 0.3:
            nested = message.nested_type.add(name="Inner")
            self.types.append((self.full(message.name) + ".Inner", nested))

    def numbers(self, count):
        found = set()
        while len(found) < count:
            top = self.random.choice([15, 15, 60, 3000, 2**29 - 1])
            number = self.random.randint(1, top)
            if not 19000 <= number <= 19999 and not 100000 <= number <= 100100:
                found.add(number)
        return self.random.sample(sorted(found), count)

    def fill(self, full_name, message):
        if self.is_proto2 and self.random.random() < 0.6:
            message.extension_range.add(start=100000, end=100100)
        count = self.random.choice([0, 1, 3, 5, 8, 8, 12])
        names = set()
        for number in self.numbers(count):
            self.add_field(full_name, message, number, names)
        if message.field and self.random.random() < 0.4:
            self.add_oneof(message)
        if not self.is_proto2:
            self.add_optionals(message)

    def name(self, names):
        while True:
            name = f"f{len(names)}_part"
            if self.random.random() < 0.15:
                name = self.random.choice(AWKWARD)
            # The oracle's registry of JSON names must not clash.
            key = name.replace("_", "").lower()
            if key not in {n.replace("_", "").lower() for n in names}:
                names.add(name)
                return name
            names.add(f"taken{len(names)}")

    def add_field(self, full_name, message, number, names):
        field = message.field.add(name=self.name(names), number=number)
        field.label = self.random.choice(
            [F.LABEL_OPTIONAL, F.LABEL_OPTIONAL, F.LABEL_REPEATED]
        )
        kind = self.random.random()
        if kind < 0.15:
            self.make_map(full_name, message, field)
        elif kind < 0.2 and self.is_proto2:
            self.make_group(full_name, message, field)
        else:
            self.set_type(field)
        if self.random.random() < 0.05:
            field.json_name = f"custom\"{number}"
        self.set_packed(field)
        if (
            self.is_proto2
            and field.label == F.LABEL_OPTIONAL
            and field.type not in (F.TYPE_MESSAGE, F.TYPE_GROUP)
            and self.random.random() < 0.1
        ):
            field.label = F.LABEL_REQUIRED

    def set_type(self, field):
        kind = self.random.random()
        if kind < 0.5:
            field.type = self.random.choice(SCALARS)
        elif kind < 0.6:
            field.type = F.TYPE_ENUM
            field.type_name = self.random.choice(self.enums)
        elif kind < 0.8:
            field.type = F.TYPE_MESSAGE
            field.type_name = self.random.choice(self.types)[0]
        else:
            field.type = F.TYPE_MESSAGE
            field.type_name = self.random.choice(WELL_KNOWN)

    def set_packed(self, field):
        can = field.label == F.LABEL_REPEATED and field.type not in (
            F.TYPE_STRING, F.TYPE_BYTES, F.TYPE_MESSAGE, F.TYPE_GROUP,
        )
        if can and self.random.random() < 0.3:
            field.options.packed = self.random.random() < 0.5

    def make_map(self, full_name, message, field):
        name = "".join(part.capitalize() for part in field.name.split("_")) + "Entry"
        entry = message.nested_type.add(name=name)
        entry.options.map_entry = True
        entry.field.add(
            name="key", number=1, label=F.LABEL_OPTIONAL, type=self.random.choice(KEYS)
        )
        value = entry.field.add(name="value", number=2, label=F.LABEL_OPTIONAL)
        self.set_type(value)
        field.label = F.LABEL_REPEATED
        field.type = F.TYPE_MESSAGE
        field.type_name = f"{full_name}.{name}"

    def make_group(self, full_name, message, field):
        self.serial += 1
        name = f"Group{self.serial}"
        group = message.nested_type.add(name=name)
        field.name = name.lower()
        field.type = F.TYPE_GROUP
        field.type_name = f"{full_name}.{name}"
        for number in (1, 20):
            inner = group.field.add(
                name=f"g{number}", number=number, label=F.LABEL_OPTIONAL
            )
            self.set_type(inner)

    def add_oneof(self, message):
        single = [f for f in message.field if f.label == F.LABEL_OPTIONAL]
        if not single:
            return
        message.oneof_decl.add(name=self.random.choice(["which", "_which", "kind"]))
        # Members of a oneof follow each other, or protoc would not take it.
        chosen = single[: self.random.randint(1, len(single))]
        rest = [f for f in message.field if f not in chosen]
        for field in chosen:
            field.oneof_index = 0
        fields = [descriptor_pb2.FieldDescriptorProto.FromString(
            f.SerializeToString()) for f in chosen + rest]
        del message.field[:]
        message.field.extend(fields)

    def add_optionals(self, message):
        for field in message.field:
            if (
                field.label == F.LABEL_OPTIONAL
                and not field.HasField("oneof_index")
                and self.random.random() < 0.3
            ):
                field.proto3_optional = True
                field.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{field.name}_opt")

    def add_extensions(self):
        number = 100000
        for name, message in self.types:
            if not message.extension_range:
                continue
            for _ in range(self.random.randint(1, 2)):
                field = self.file.extension.add(
                    name=f"ext{number}", number=number, extendee=name
                )
                field.label = self.random.choice([F.LABEL_OPTIONAL, F.LABEL_REPEATED])
                self.set_type(field)
                self.set_packed(field)
                number += 1


class Schema:
    """A resolved type, as Python's protobuf sees it."""

    def __init__(self, file):
        self.pool = descriptor_pool.DescriptorPool()
        self.set = descriptor_pb2.FileDescriptorSet()
        for module in WELL_KNOWN_FILES:
            self.pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
            self.set.file.add().ParseFromString(module.DESCRIPTOR.serialized_pb)
        self.pool.AddSerializedFile(file.SerializeToString())
        self.set.file.append(file)
        prefix = file.package + "." if file.package else ""
        self.root = self.pool.FindMessageTypeByName(prefix + file.message_type[0].name)
        self.message = message_factory.GetMessageClass(self.root)
        self.extensions = {}  # by full name of the extended
        for field in file.extension:
            found = self.pool.FindExtensionByName(prefix + field.name)
            self.extensions.setdefault(found.containing_type.full_name, []).append(found)

    def fields(self, message_type):
        """Declared ones, then extensions by number."""
        more = self.extensions.get(message_type.full_name, [])
        return list(message_type.fields) + sorted(more, key=lambda f: f.number)


def make(random, number):
    return Schema(Maker(random, number).make())
