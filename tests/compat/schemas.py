# SPDX-License-Identifier: Apache-2.0
"""Random schemas, random changes of them, and their descriptor sets. Needs no
protobuf: descriptors are written here, as bytes."""

import copy

OPTIONAL, REQUIRED, REPEATED = 1, 2, 3
DOUBLE, FLOAT, INT64, UINT64, INT32, FIXED64, FIXED32, BOOL, STRING = range(1, 10)
GROUP, MESSAGE, BYTES, UINT32, ENUM, SFIXED32, SFIXED64, SINT32, SINT64 = range(10, 19)
SCALARS = [
    DOUBLE, FLOAT, INT64, UINT64, INT32, FIXED64, FIXED32, BOOL, STRING, BYTES,
    UINT32, SFIXED32, SFIXED64, SINT32, SINT64,
]
LIKE = [
    [INT32, UINT32, INT64, UINT64, BOOL, ENUM], [SINT32, SINT64],
    [FIXED32, SFIXED32], [FIXED64, SFIXED64], [STRING, BYTES], [FLOAT, DOUBLE],
]
KEYS = [INT64, UINT64, INT32, BOOL, STRING, UINT32, SINT64, FIXED32]


# --- as bytes -------------------------------------------------------------

def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def num(number, value):
    return varint(number << 3) + varint(value)


def blob(number, value):
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def features(values):
    return b"".join(num(k, v) for k, v in sorted(values.items()))


def write_field(schema, message, field):
    out = blob(1, field["name"]) + num(3, field["number"])
    out += num(4, field["label"]) + num(5, field["type"])
    if field["type"] in (MESSAGE, GROUP, ENUM):
        out += blob(6, "." + schema["package"] + "." + field["type_name"])
    if field.get("default") is not None:
        out += blob(7, field["default"])
    options = b""
    if field.get("packed") is not None and schema["syntax"] != "editions":
        options += num(2, field["packed"])
    wanted = dict(field.get("features") or {})
    if field["type"] == ENUM and wanted.get(1) == 2:
        del wanted[1]  # a closed enum may not be implicit
    if wanted:
        options += blob(21, features(wanted))
    if options:
        out += blob(8, options)
    if field.get("oneof"):
        out += num(9, message["oneofs"].index(field["oneof"]))
    elif field.get("optional"):
        out += num(9, len(message["oneofs"]) + field["synthetic"])
        out += num(17, 1)
    return out + blob(10, field["json_name"])


def write_message(schema, message):
    out = blob(1, message["name"])
    synthetic = [f for f in message["fields"] if f.get("optional")]
    for i, field in enumerate(synthetic):
        field["synthetic"] = i
    # Members of a oneof stand together.
    order = [None, *message["oneofs"]]
    for field in sorted(
            message["fields"], key=lambda f: order.index(f.get("oneof"))):
        out += blob(2, write_field(schema, message, field))
    for entry in message["entries"]:
        nested = blob(1, entry["name"])
        for field in entry["fields"]:
            nested += blob(2, write_field(schema, entry, field))
        if entry["is_map"]:
            nested += blob(7, num(7, 1))
        out += blob(3, nested)
    for name in message["oneofs"]:
        out += blob(8, blob(1, name))
    for field in synthetic:
        out += blob(8, blob(1, "_" + field["name"]))
    for first, past in message["reserved"]:
        out += blob(9, num(1, first) + num(2, past))
    for name in message["reserved_names"]:
        out += blob(10, name)
    return out


def write_enum(enum):
    out = blob(1, enum["name"])
    for name, number in enum["values"]:
        out += blob(2, blob(1, name) + num(2, number))
    options = b""
    if len({n for _, n in enum["values"]}) < len(enum["values"]):
        options += num(2, 1)
    if enum.get("features"):
        options += blob(7, features(enum["features"]))
    if options:
        out += blob(3, options)
    for first, last in enum["reserved"]:
        out += blob(4, num(1, first) + num(2, last))
    for name in enum["reserved_names"]:
        out += blob(5, name)
    return out


def write_file(schema):
    out = blob(1, schema["file"]) + blob(2, schema["package"])
    for message in schema["messages"]:
        out += blob(4, write_message(schema, message))
    for enum in schema["enums"]:
        out += blob(5, write_enum(enum))
    if schema["syntax"] != "proto2":
        out += blob(12, schema["syntax"])
    if schema["syntax"] == "editions":
        out += num(14, 1000)
    return blob(1, out)


# --- a random schema ------------------------------------------------------

class Maker:
    """Message Root, which holds Left and Right, and enums that Keep keeps."""

    def __init__(self, random, number):
        self.random = random
        self.schema = {
            "file": f"p{number}.proto",
            "package": f"p{number}",
            "syntax": random.choice(["proto2", "proto3", "proto3", "editions"]),
            "messages": [], "enums": [],
        }
        self.serial = 0

    def name(self, prefix="f"):
        self.serial += 1
        return f"{prefix}_{self.serial}"

    def make(self):
        for name in ("Hue", "Size"):
            self.schema["enums"].append(self.make_enum(name))
        for name in ("Left", "Right", "Root"):
            message = {
                "name": name, "fields": [], "entries": [], "oneofs": [],
                "reserved": [], "reserved_names": [],
            }
            self.schema["messages"].append(message)
        for message in self.schema["messages"]:
            self.fill(message)
        keep = {
            "name": "Keep", "fields": [], "entries": [], "oneofs": [],
            "reserved": [], "reserved_names": [],
        }
        for i, enum in enumerate(self.schema["enums"]):
            keep["fields"].append({
                "name": f"k{i}", "json_name": f"k{i}", "number": i + 1,
                "label": REPEATED, "type": ENUM, "type_name": enum["name"],
            })
        self.schema["messages"].append(keep)
        return self.schema

    def make_enum(self, name):
        count = self.random.randint(1, 4)
        numbers = [0] + self.random.sample([1, 2, 3, 4, 9, -1], count)
        enum = {
            "name": name, "reserved": [], "reserved_names": [],
            "values": [(f"{name.upper()}_{i}", n) for i, n in enumerate(numbers)],
        }
        if self.random.random() < 0.3:
            enum["values"].append((f"{name.upper()}_ALIAS", numbers[-1]))
        if self.random.random() < 0.3:
            enum["reserved"].append((20, 30))
            enum["reserved_names"].append(f"{name.upper()}_GONE")
        if self.schema["syntax"] == "editions" and self.random.random() < 0.5:
            enum["features"] = {2: self.random.choice([1, 2])}
        return enum

    def fill(self, message):
        numbers = self.random.sample(range(1, 20), self.random.randint(2, 8))
        for number in numbers:
            self.add_field(message, number)
        if self.random.random() < 0.3:
            message["reserved"].append((30, 41))
            message["reserved_names"].append("gone")
        if self.random.random() < 0.5:
            self.add_oneof(message, self.random.randint(1, 3))

    def add_oneof(self, message, count):
        single = [f for f in message["fields"] if self.can_be_member(f)]
        chosen = self.random.sample(single, min(count, len(single)))
        if chosen:
            message["oneofs"].append(self.name("one"))
            for field in chosen:
                self.join(field, message["oneofs"][-1])

    @staticmethod
    def can_be_member(field):
        return field["label"] == OPTIONAL and not field.get("oneof")

    @staticmethod
    def join(field, oneof):
        field["oneof"] = oneof
        field["optional"] = False
        field.get("features", {}).pop(1, None)

    def add_field(self, message, number):
        field = {"name": self.name(), "number": number, "label": OPTIONAL}
        field["json_name"] = field["name"].replace("_", "")
        message["fields"].append(field)
        self.set_type(message, field)
        self.set_label(field)
        return field

    def set_type(self, message, field, types=None):
        kind = self.random.random()
        field["default"] = None
        field["packed"] = None
        field["features"] = {}
        if types is not None:
            field["type"] = self.random.choice(types)
        elif kind < 0.6:
            field["type"] = self.random.choice(SCALARS)
        elif kind < 0.75:
            field["type"] = ENUM
        elif kind < 0.9 or field.get("oneof"):
            field["type"] = MESSAGE
        else:
            self.make_map(message, field)
            return
        if field["type"] == ENUM:
            field["type_name"] = self.random.choice(self.schema["enums"])["name"]
        elif field["type"] == MESSAGE:
            field["type_name"] = self.random.choice(self.schema["messages"])["name"]
        self.repair(field)

    def make_map(self, message, field):
        # protoc's name of the entry; ours never begin with a capital.
        name = "".join(p.capitalize() for p in field["name"].split("_")) + "Entry"
        entry = {"name": name, "fields": [], "oneofs": [], "is_map": True}
        for number, part in ((1, "key"), (2, "value")):
            entry["fields"].append({
                "name": part, "json_name": part, "number": number,
                "label": OPTIONAL, "type": self.random.choice(
                    KEYS if number == 1 else SCALARS),
            })
        message["entries"] = [e for e in message["entries"] if e["name"] != name]
        message["entries"].append(entry)
        field.update(
            type=MESSAGE, label=REPEATED, optional=False, oneof=None,
            type_name=message["name"] + "." + name, features={},
        )

    def set_label(self, field):
        if field.get("oneof") or "." in field.get("type_name", ""):
            return
        field["label"] = self.random.choice([OPTIONAL, OPTIONAL, REPEATED])
        if self.schema["syntax"] == "proto2" and self.random.random() < 0.15:
            field["label"] = REQUIRED
        if self.schema["syntax"] == "proto3" and self.random.random() < 0.3:
            field["optional"] = True
        self.repair(field)

    def repair(self, field):
        """Takes away what the type, the label or the syntax do not allow."""
        if field["type"] not in (MESSAGE, GROUP, ENUM):
            field.pop("type_name", None)
        if field["label"] != OPTIONAL or self.schema["syntax"] != "proto3" \
                or field.get("oneof"):
            field["optional"] = False
        if field["label"] == REPEATED or field["type"] in (MESSAGE, GROUP):
            field["default"] = None
        if field["label"] != OPTIONAL or field["type"] in (MESSAGE, GROUP):
            field.get("features", {}).pop(1, None)

    # --- a random change --------------------------------------------------

    def change(self):
        """Makes some of the changes; returns their names."""
        done = []
        wanted = self.random.choice([1, 1, 1, 2, 3])
        while len(done) < wanted:
            change = self.random.choice(self.CHANGES)
            before = copy.deepcopy(self.schema)
            message = self.random.choice(self.schema["messages"][:3])
            field = self.random.choice(message["fields"] or [None])
            if field is None or change(self, message, field) is False:
                self.schema.clear()
                self.schema.update(before)
                done.append("nothing")
            else:
                done.append(change.__name__)
        return done

    def free_number(self, message):
        taken = {f["number"] for f in message["fields"]}
        return self.random.choice([n for n in range(1, 45) if n not in taken and not (
            any(a <= n < b for a, b in message["reserved"]))])

    def add(self, message, _field):
        self.add_field(message, self.free_number(message))

    def delete(self, message, field):
        message["fields"].remove(field)
        self.drop_empty_oneofs(message)
        if self.random.random() < 0.5:
            message["reserved"].append((field["number"], field["number"] + 1))
        if self.random.random() < 0.5:
            message["reserved_names"].append(field["name"])
        return bool(message["fields"])

    @staticmethod
    def drop_empty_oneofs(message):
        used = {f.get("oneof") for f in message["fields"]}
        message["oneofs"] = [o for o in message["oneofs"] if o in used]

    def retype(self, message, field):
        self.set_type(message, field)
        self.drop_empty_oneofs(message)

    def retype_alike(self, message, field):
        for like in LIKE:
            if field["type"] in like:
                self.set_type(message, field, like)
                return None
        return False

    def retype_entry(self, message, _field):
        maps = [e for e in message["entries"] if e["is_map"]]
        if not maps:
            return False
        part = self.random.choice(self.random.choice(maps)["fields"])
        part["type"] = self.random.choice(KEYS)
        return None

    def unmap(self, message, _field):
        maps = [e for e in message["entries"] if e["is_map"]]
        if not maps or not any(f.get("type_name", "").endswith(maps[0]["name"])
                               for f in message["fields"]):
            return False
        maps[0]["is_map"] = False
        return None

    def relabel(self, _message, field):
        return None if self.set_label(field) is None else False

    def make_optional(self, _message, field):
        if field.get("oneof"):
            return False
        if self.schema["syntax"] == "editions":
            if field["label"] == OPTIONAL:
                field.setdefault("features", {})[1] = self.random.choice([1, 2, 3])
                if field["features"][1] == 2:
                    field["default"] = None
        else:
            field["optional"] = not field.get("optional")
        self.repair(field)
        return self.schema["syntax"] != "proto2"

    def delimit(self, _message, field):
        if field["type"] != MESSAGE or "." in field["type_name"]:
            return False
        if self.schema["syntax"] == "editions":
            field.setdefault("features", {})[5] = self.random.choice([1, 2])
            return None
        return False

    def pack(self, _message, field):
        if field["label"] != REPEATED or field["type"] in (STRING, BYTES, MESSAGE):
            return False
        if self.schema["syntax"] == "editions":
            field.setdefault("features", {})[3] = self.random.choice([1, 2])
        else:
            field["packed"] = self.random.choice([0, 1])
        return None

    def check_utf8(self, _message, field):
        if field["type"] != STRING or self.schema["syntax"] != "editions":
            return False
        field.setdefault("features", {})[4] = self.random.choice([2, 3])
        return None

    def set_default(self, _message, field):
        texts = {INT32: "7", UINT64: "0", DOUBLE: "1.5", BOOL: "true", STRING: "it"}
        if self.schema["syntax"] == "proto3" or field["type"] not in texts \
                or field["label"] == REPEATED \
                or field.get("features", {}).get(1) == 2:
            return False
        field["default"] = self.random.choice([None, texts[field["type"]]])
        return None

    def join_oneof(self, message, field):
        if not message["oneofs"] or not self.can_be_member(field):
            return False
        self.join(field, self.random.choice(message["oneofs"]))
        return None

    def new_oneof(self, message, _field):
        self.add_oneof(message, self.random.choice([1, 1, 2]))

    def leave_oneof(self, message, field):
        if not field.get("oneof"):
            return False
        field["oneof"] = None
        self.drop_empty_oneofs(message)
        return None

    def rename_oneof(self, message, _field):
        if not message["oneofs"]:
            return False
        old, new = message["oneofs"][0], self.name("one")
        message["oneofs"][0] = new
        for field in message["fields"]:
            if field.get("oneof") == old:
                field["oneof"] = new
        return None

    def rename(self, _message, field):
        if "." in field.get("type_name", ""):
            return False  # an entry is named after its field
        field["name"] = self.name("g")
        if self.random.random() < 0.7:
            field["json_name"] = field["name"].replace("_", "")
        return None

    def rename_json(self, _message, field):
        field["json_name"] = self.random.choice(
            ["custom" + str(field["number"]), field["name"]])

    def renumber(self, message, field):
        if self.random.random() < 0.5:
            message["reserved"].append((field["number"], field["number"] + 1))
        field["number"] = self.free_number(message)

    def swap_numbers(self, message, field):
        other = self.random.choice(message["fields"])
        field["number"], other["number"] = other["number"], field["number"]

    def unreserve(self, message, _field):
        if not message["reserved"]:
            return False
        kind = self.random.choice(["all", "names", "ranges", "cut", "split"])
        first, past = message["reserved"][0]
        if kind in ("all", "ranges"):
            message["reserved"].pop(0)
        if kind in ("all", "names"):
            message["reserved_names"].clear()
        if kind == "cut":
            message["reserved"][0] = (first + 1, past)
        if kind == "split":
            message["reserved"][0:1] = [(first, first + 1), (first + 1, past)]
        return all(a < b for a, b in message["reserved"])

    def reuse_reserved(self, message, _field):
        if not message["reserved"]:
            return False
        first, past = message["reserved"].pop(0)
        self.add_field(message, first)
        if first + 1 < past:
            message["reserved"].append((first + 1, past))
        return None

    def value_add(self, _message, _field):
        enum = self.random.choice(self.schema["enums"])
        number = self.random.choice([5, 6, 7, -3])
        if number in [n for _, n in enum["values"]] or any(
                a <= number <= b for a, b in enum["reserved"]):
            return False
        enum["values"].append((self.name(enum["name"].upper()), number))
        return None

    def value_delete(self, _message, _field):
        enum = self.random.choice(self.schema["enums"])
        if len({n for _, n in enum["values"]}) < 2:
            return False
        number = self.random.choice([n for _, n in enum["values"] if n != 0])
        gone = [v for v, n in enum["values"] if n == number]
        enum["values"] = [(v, n) for v, n in enum["values"] if n != number]
        if self.random.random() < 0.5:
            enum["reserved"].append((number, number))
        if self.random.random() < 0.5:
            enum["reserved_names"].extend(gone)
        return None

    def value_rename(self, _message, _field):
        enum = self.random.choice(self.schema["enums"])
        i = self.random.randrange(len(enum["values"]))
        new = (self.name(enum["name"].upper()), enum["values"][i][1])
        if self.random.random() < 0.3:
            enum["values"].append(new)  # an alias
        else:
            enum["values"][i] = new
        return None

    def value_reorder(self, _message, _field):
        enum = self.random.choice(self.schema["enums"])
        if self.schema["syntax"] == "proto3" or (enum.get("features") or {}).get(2) != 2:
            return False
        enum["values"].reverse()
        return None

    def value_unreserve(self, _message, _field):
        enum = self.random.choice(self.schema["enums"])
        if not enum["reserved"]:
            return False
        enum[self.random.choice(["reserved", "reserved_names"])].clear()
        return None

    def close_enum(self, _message, _field):
        enum = self.random.choice(self.schema["enums"])
        if self.schema["syntax"] != "editions":
            return False
        enum["features"] = {2: self.random.choice([1, 2])}
        return None

    def rename_type(self, _message, _field):
        chosen = self.random.choice(self.schema["messages"][:2] + self.schema["enums"])
        old, new = chosen["name"], chosen["name"] + "Too"
        chosen["name"] = new
        for message in self.schema["messages"]:
            for field in message["fields"]:
                parts = field.get("type_name", "").split(".")
                if parts[0] == old:
                    field["type_name"] = ".".join([new] + parts[1:])
        return None

    def change_syntax(self, _message, _field):
        if self.schema["syntax"] != "proto3" or any(
                n != 0 for e in self.schema["enums"] for _, n in e["values"][:1]):
            return False
        for message in self.schema["messages"]:
            for field in message["fields"]:
                field["optional"] = False
        self.schema["syntax"] = "proto2"
        return None

    CHANGES = [
        add, add, delete, delete, retype, retype_alike, retype_alike,
        retype_entry, unmap, relabel, make_optional, delimit, pack, check_utf8,
        set_default, set_default, join_oneof, new_oneof, leave_oneof,
        rename_oneof, rename, rename_json, renumber, swap_numbers, unreserve,
        reuse_reserved, value_add, value_delete, value_rename, value_reorder,
        value_unreserve, close_enum, rename_type, change_syntax,
    ]


def make_pair(random, number):
    """Bytes of the file before and after, and what was changed."""
    maker = Maker(random, number)
    before = write_file(maker.make())
    done = maker.change()
    return before, write_file(maker.schema), done
