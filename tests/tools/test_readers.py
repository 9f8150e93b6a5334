# SPDX-License-Identifier: Apache-2.0
"""usage: test_readers.py DATAPIPE LOG_WORKER STRANGER GOLDEN: a reader that was
written by the description of the format alone finds in a log what ours do:
those of the command, and a subscription."""

import base64
import json
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

DATAPIPE, WORKER, STRANGER, GOLDEN = sys.argv[1:5]
PAGE = 4096
ROUNDS = 4


def output(*command, status=(0,)):
    done = subprocess.run([str(c) for c in command], capture_output=True,
                          text=True, timeout=100)
    assert done.returncode in status, done
    return done.stdout.splitlines()


def stranger(directory):
    lines = [json.loads(line)
             for line in output(sys.executable, STRANGER, directory)]
    return ([line for line in lines if line.get("kind") == 0],
            [line for line in lines if "damage" in line],
            [line for line in lines if "cursor" in line], lines)


def id_of(event):
    given = event["attributes"].get("id")
    return given or re.sub("(.{8})(.{4})(.{4})(.{4})(.{12})",
                           r"\1-\2-\3-\4-\5", event["uuid"])


def as_dumped(event):
    """What the command says of an event that the stranger has read."""
    attributes = dict(event["attributes"])
    attributes.pop("id", None)
    attributes.pop("time", None)
    place = attributes.pop("place", None)
    return (event["topic"], event["partition"], event["offset"],
            id_of(event), attributes, event["payload"],
            place and ["%016x" % place[0], place[1]])


def dump(directory, topic):
    for line in output(DATAPIPE, "log", "dump", "--json", directory, topic,
                       status=(0, 1)):
        event = json.loads(line)
        place = event.get("place")
        yield (event["topic"], event["partition"], event["offset"],
               event["id"], event["attributes"],
               base64.b64decode(event["payload_base64"]).hex(),
               place and [place["key"], place["next"]])


def fsck(directory):
    return [json.loads(line) for line in
            output(DATAPIPE, "log", "fsck", "--json", directory,
                   status=(0, 1))]


class Readers(unittest.TestCase):
    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.home)

    def agree(self, directory, topic):
        events, damage, cursors, _ = stranger(directory)
        self.assertEqual([as_dumped(e) for e in events],
                         list(dump(directory, topic)))
        checked = fsck(directory)
        self.assertEqual([d["damage"] for d in damage],
                         [[line["from"], line["to"]] for line in checked
                          if line["kind"] == "damage"])
        self.assertEqual([(c["subscription"], c["next"], c["tries"])
                          for c in cursors],
                         [(line["subscription"], line["next"], line["tries"])
                          for line in checked if line["kind"] == "cursor"])
        return events, damage

    def test_the_first_log(self):
        events, damage = self.agree(GOLDEN, "shop")
        self.assertEqual((len(events), damage), (7, []))
        self.assertEqual(events[0]["attributes"], {
            "type": "shop.v1.Paid", "source": "checkout", "subject": "order",
            "partitionkey": "customer-7",
            "datacontenttype": "application/json", "dataschema": "dp:0123",
            "traceparent": "00-4bf92f-00f067-01", "tracestate": "k=v",
            "id": "order-4711", "time": 1234567890123456789,
            "place": [77, 123456], "tenant": "acme", "empty": "",
        })
        self.assertEqual([e["epoch"] for e in events], [1] * 4 + [2] * 3)
        snapshots = [line for line in stranger(GOLDEN)[3]
                     if line.get("kind") == 1]
        self.assertEqual([s["payload"] for s in snapshots],
                         ["", struct.pack("<QQ", 77, 123456).hex()])
        for number, event in enumerate(events):
            value = int(event["uuid"], 16)
            writer = (value >> 64 & 0xFFF) << 22 | value >> 40 & 0x3FFFFF
            self.assertEqual((value >> 76 & 15, value >> 62 & 3, writer),
                             (7, 2, 7))
            self.assertEqual(value & (1 << 40) - 1, number % 4)

    def fill(self, chance):
        """A log of some owners, and how far somebody has read it."""
        log = self.home / ("log%d" % chance.randrange(1 << 60))
        for _ in range(chance.randint(1, 4)):
            output(WORKER, "fill", log, "shop", chance.randint(1, 150))
        output(WORKER, "read", log, "lake", "shop", chance.randint(1, 200))
        return log

    def subscription_agrees(self, log, events):
        printed = output(WORKER, "print", log, "shop")
        self.assertEqual(printed, [
            f"{e['offset']} {id_of(e)} {e['payload']}" for e in events])

    def round(self, seed):
        chance = random.Random(seed)
        log = self.fill(chance)
        events, damage = self.agree(log, "shop")
        self.assertEqual(damage, [])
        segments = sorted((log / "topics/shop/0").glob("*.seg"))
        bases = [int(path.stem, 16) for path in segments]

        def write(offset, data):
            number = max(n for n, b in enumerate(bases) if b <= offset)
            with open(segments[number], "r+b") as file:
                file.seek(PAGE + offset - bases[number])
                file.write(data)
            return number

        # Half a record at the end, which nobody was told of.
        end = next(line["end"] for line in fsck(log)
                   if line["kind"] == "partition")
        write(end, struct.pack("<IIII", 1, 500, end - bases[-1], 1)
              + chance.randbytes(100))
        self.assertEqual(self.agree(log, "shop"), (events, []))
        # Some records that are not the last.
        hurt = chance.sample(range(len(events) - 1),
                             min(3, len(events) - 1))
        for number in hurt:
            write(events[number]["offset"] + chance.randrange(16, 33),
                  chance.randbytes(8))
        left = [e for n, e in enumerate(events) if n not in hurt]
        found, damage = self.agree(log, "shop")
        self.assertEqual(found, left)
        self.assertEqual(bool(hurt), bool(damage))
        self.subscription_agrees(log, left)

    def test_random_logs_with_damage_and_a_torn_end(self):
        seed = int(os.environ.get("DP_TEST_SEED", random.randrange(1 << 30)))
        for n in range(ROUNDS):
            with self.subTest(seed=seed + n):
                self.round(seed + n)

    def test_one_slot_of_a_cursor_is_enough(self):
        log = self.fill(random.Random(1))
        cursor = log / "subscriptions/lake/shop@0"
        slots = cursor.read_bytes()
        whole = stranger(log)[2]
        older = whole[0]["sequence"] % 2 == 0
        with open(cursor, "r+b") as file:
            file.seek(512 * older + 30)
            file.write(b"torn")
        self.assertEqual(stranger(log)[2], whole)
        self.agree(log, "shop")
        cursor.write_bytes(slots[:512] if older else bytes(512) + slots[512:])
        self.agree(log, "shop")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
