# SPDX-License-Identifier: Apache-2.0
"""carried.py CARRY_SCHEMAS FOLDER: has a lake written, deletes the registry, and
decodes every event of the lake with what the lake carries, and with nothing
else. Exits with 77 if protobuf for Python cannot be fetched."""

import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PROTOBUF = "protobuf==7.36.2"
EVENTS = 600

PROTOS = {
    1: {
        "shop/money.proto": """syntax = "proto3"; package shop;
message Money { string currency = 1; sint64 units = 2; }""",
        "shop/paid.proto": """syntax = "proto3"; package shop;
import "shop/money.proto"; import "google/protobuf/timestamp.proto";
message Paid {
  string order = 1; Money total = 2; repeated Money parts = 3;
  map<string, int32> counts = 4; google.protobuf.Timestamp at = 5;
}""",
        "shop/sent.proto": """syntax = "proto2"; package shop;
message Sent { required string order = 1; repeated group Box = 2 {
  optional double weight = 3; } extensions 100 to 110; }
extend Sent { optional bytes label = 100; }""",
    },
    2: {
        "shop/money.proto": """syntax = "proto3"; package shop;
message Money { string currency = 1; sint64 units = 2; int32 nanos = 3; }""",
        "shop/paid.proto": """syntax = "proto3"; package shop;
import "shop/money.proto"; import "google/protobuf/timestamp.proto";
message Paid {
  string order = 1; Money total = 2; repeated Money parts = 3;
  map<string, int32> counts = 4; google.protobuf.Timestamp at = 5;
  string note = 6;
}""",
    },
}


def python_with_protobuf(folder):
    venv = folder / "carried-venv"
    python = venv / "bin/python"
    if not (venv / "whole").exists():
        shutil.rmtree(venv, ignore_errors=True)
        for command in (
            [sys.executable, "-m", "venv", venv],
            [venv / "bin/pip", "install", "--disable-pip-version-check", "--retries",
             "1", "--timeout", "20", PROTOBUF],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                print(f"SKIP: pip cannot fetch {PROTOBUF}: {done.stderr[-300:]}")
                sys.exit(77)
        (venv / "whole").touch()
    return python


def compile_sets(folder):
    """What protoc makes of each version: paths of sets."""
    sets = []
    for version, files in PROTOS.items():
        for name, text in files.items():
            path = folder / str(version) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        out = folder / f"{version}.pb"
        subprocess.run(
            ["protoc", "-I", folder / str(version), "--include_imports",
             f"--descriptor_set_out={out}", *files], check=True)
        sets.append(out)
    return sets


def classes(path):
    """Message classes by full name, of a serialized FileDescriptorSet."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    from google.protobuf import timestamp_pb2

    pool = descriptor_pool.DescriptorPool()
    files = list(descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes()).file)
    names = {file.name for file in files}
    if "google/protobuf/timestamp.proto" not in names:
        files.insert(0, descriptor_pb2.FileDescriptorProto.FromString(
            timestamp_pb2.DESCRIPTOR.serialized_pb))
    for file in files:
        pool.Add(file) if hasattr(pool, "Add") else pool.AddSerializedFile(
            file.SerializeToString())
    return message_factory.GetMessageClassesForFiles([file.name for file in files], pool)


def make_event(rng, types, version, number):
    if version == 1 and number % 3 == 0:
        event = types[1]["shop.Sent"](order=f"o{number}")
        event.box.add(weight=rng.random())
        return event
    event = types[version]["shop.Paid"](order=f"o{number}")
    event.total.currency = "EUR"
    event.total.units = rng.randrange(-10**12, 10**12)
    event.parts.add(units=number)
    event.counts["a"] = number
    event.at.FromNanoseconds(rng.randrange(10**18))
    if version == 2:
        event.note = "✓" * rng.randrange(3)
        event.total.nanos = number
    return event


def make_events(sets):
    """(type, version that the event says, payload) and what it was made from."""
    types = {version + 1: classes(path) for version, path in enumerate(sets)}
    rng = random.Random(1)
    events = []
    for number in range(EVENTS):
        version = rng.choice((1, 2))
        event = make_event(rng, types, version, number)
        name = event.DESCRIPTOR.full_name
        says = version if number % 5 or version == 1 else 0
        events.append((name, says, event.SerializeToString(deterministic=True), event))
    return events


def pick(carried, kind, dataschema):
    """The set of an event: by its fingerprint, else the largest of its type."""
    if dataschema and dataschema.startswith("dp:"):
        return carried / kind / f"{dataschema[3:]}.binpb"
    sets = sorted((carried / kind).glob("*.binpb"), key=lambda p: p.stat().st_size)
    return sets[-1]


def decode_lake(lake, read_records):
    """Every event of the lake, by its payload: type and fields."""
    known = {}
    decoded = {}
    for path in sorted(lake.glob("[!_]*/**/*.avro")):
        for record in read_records(path):
            chosen = pick(lake / "_schemas", record["type"], record["dataschema"])
            if chosen not in known:
                known[chosen] = classes(chosen)
            event = known[chosen][record["type"]].FromString(record["payload"])
            decoded[record["payload"]] = event
    return decoded, known


def main():
    sys.path.insert(0, str(HERE.parent / "crash"))
    import avro

    work = pathlib.Path(tempfile.mkdtemp())
    try:
        sets = compile_sets(work)
        events = make_events(sets)
        lines = "".join(f"{n} {v} {p.hex()}\n" for n, v, p, _ in events)
        subprocess.run([sys.argv[1], work, *sets], input=lines, text=True, check=True)
        shutil.rmtree(work / "registry")

        decoded, known = decode_lake(work / "lake", lambda p: avro.records(p))
        for name, _, payload, event in events:
            again = decoded[payload]
            assert again.DESCRIPTOR.full_name == name
            assert str(again) == str(event), (again, event)
        in_files = sorted(p.relative_to(work / "files") for p in
                          (work / "files/_schemas").glob("*/*.binpb"))
        in_lake = sorted(p.relative_to(work / "lake") for p in
                         (work / "lake/_schemas").glob("*/*.binpb"))
        assert in_files == in_lake and len(in_lake) == 3, (in_files, in_lake)
        print(f"figure: lake: {len(events)} events of {len(known)} schemas decoded by "
              "Python from _schemas alone, the registry deleted")
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    if os.environ.get("CARRIED_INSIDE"):
        main()
    else:
        inner = python_with_protobuf(pathlib.Path(sys.argv[2]).resolve())
        sys.exit(subprocess.run(
            [inner, "-B", __file__, *sys.argv[1:]], check=False,
            env={**os.environ, "CARRIED_INSIDE": "1"}).returncode)
