# SPDX-License-Identifier: Apache-2.0
"""usage: test_datapipe.py DATAPIPE LOG_WORKER GOLDEN: what the command says of
logs that are whole, damaged in each way, and being written."""

import base64
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

DATAPIPE, WORKER, GOLDEN = sys.argv[1:4]
PAGE = 4096


def run(*args, status=None):
    done = subprocess.run(
        [DATAPIPE, *map(str, args)], capture_output=True, text=True,
        errors="surrogateescape", timeout=60,
    )
    if status is not None and done.returncode != status:
        raise AssertionError(f"{args}: {done}")
    return done


def objects(done):
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(line["v"] == 1 for line in lines)
    return lines


def of_kind(lines, kind):
    return [line for line in lines if line["kind"] == kind]


def fsck(directory, status, *more):
    return objects(run("log", "fsck", "--json", *more, directory, status=status))


def work(*args):
    subprocess.run([WORKER, *map(str, args)], check=True, timeout=60)


class Logs(unittest.TestCase):
    """Each test has a copy of one log, of some segments."""

    @classmethod
    def setUpClass(cls):
        cls.whole = pathlib.Path(tempfile.mkdtemp())
        cls.log = cls.whole / "log"
        work("fill", cls.log, "shop", 600)
        work("fill", cls.log, "other", 3)
        work("read", cls.log, "lake", "shop", 10)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.whole)

    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.home)
        self.log = self.home / "log"
        shutil.copytree(type(self).log, self.log)
        self.partition = self.log / "topics/shop/0"
        self.segments = sorted(self.partition.glob("*.seg"))
        self.assertGreater(len(self.segments), 3)

    def write(self, path, at, data):
        with open(path, "r+b") as file:
            file.seek(at)
            file.write(data)

    def flip(self, path, at):
        byte = path.read_bytes()[at]
        self.write(path, at, bytes([byte ^ 0x40]))

    def events(self, *more, status=0):
        return objects(run("log", "dump", "--json", *more, self.log, "shop",
                           status=status))

    def damage(self, text):
        """fsck finds one thing, and says so."""
        lines = fsck(self.log, 1)
        found = of_kind(lines, "damage")
        self.assertEqual(len(found), 1, found)
        self.assertRegex(found[0]["text"], text)
        verdict = lines[-1]
        self.assertEqual(verdict["kind"], "verdict")
        self.assertFalse(verdict["clean"])
        self.assertEqual(verdict["damages"], 1)
        said = run("log", "fsck", self.log, status=1).stdout.splitlines()
        self.assertRegex(said[-1], "^verdict: DAMAGED: 1 places")
        self.assertEqual(
            len([line for line in said if line.startswith("damage: ")]), 1)
        return found[0]

    # What is whole.

    def test_a_whole_log_is_clean(self):
        lines = fsck(self.log, 0)
        self.assertEqual(of_kind(lines, "damage"), [])
        shop = of_kind(lines, "partition")[1]
        self.assertEqual((shop["topic"], shop["partition"]), ("shop", 0))
        self.assertEqual(shop["records"], 600)
        self.assertEqual(shop["segments"], len(self.segments))
        self.assertEqual(shop["durable"], shop["end"])
        self.assertLessEqual(shop["first_time"], shop["last_time"])
        self.assertTrue(lines[-1]["clean"])
        self.assertEqual(lines[-1]["records"], 603)
        self.assertRegex(
            run("log", "fsck", self.log, status=0).stdout.splitlines()[-1],
            "^verdict: clean: 2 topics, 2 partitions, 603 records, ")

    def test_a_log_of_an_older_release_is_clean(self):
        lines = fsck(GOLDEN, 0)
        self.assertEqual(lines[-1]["records"], 7)

    def test_topics_that_are_named_are_checked_alone(self):
        lines = fsck(self.log, 0, "--topic", "other")
        self.assertEqual(lines[-1]["records"], 3)
        self.assertEqual(of_kind(lines, "cursor"), [])
        both = fsck(self.log, 0, "--topic", "other", "--topic", "shop")
        self.assertEqual(both[-1]["records"], 603)

    def test_it_says_how_far_a_subscription_is(self):
        lines = fsck(self.log, 0)
        self.assertEqual(of_kind(lines, "subscription")[0]["topics"], "shop")
        cursor = of_kind(lines, "cursor")[0]
        self.assertEqual(cursor["next"], self.events()[10]["offset"])
        shop = of_kind(lines, "partition")[1]
        self.assertEqual(cursor["behind_bytes"], shop["end"] - cursor["next"])

    # What is damaged.

    def test_a_record_that_was_changed_is_damage_of_its_offsets(self):
        events = self.events()
        at = events[1]["offset"]
        self.flip(self.segments[0], PAGE + at + 40)
        found = self.damage("no whole record")
        self.assertEqual((found["topic"], found["partition"]), ("shop", 0))
        self.assertEqual((found["from"], found["to"]),
                         (at, events[2]["offset"]))

    def test_dump_passes_over_damage_and_says_so(self):
        events = self.events()
        self.flip(self.segments[0], PAGE + events[1]["offset"] + 40)
        done = run("log", "dump", "--json", self.log, "shop", status=1)
        self.assertEqual(objects(done), events[:1] + events[2:])
        self.assertIn(f"offsets {events[1]['offset']} to", done.stderr)

    def test_records_that_are_zeroed_are_damage(self):
        at = self.events()[5]["offset"]
        self.write(self.segments[0], PAGE + at, bytes(PAGE))
        self.assertEqual(self.damage("no whole record")["from"], at)

    def test_the_last_acknowledged_record_counts(self):
        last = self.events()[-1]
        base = int(self.segments[-1].stem, 16)
        self.flip(self.segments[-1], PAGE + last["offset"] - base + 33)
        found = self.damage("records are missing")
        self.assertEqual(found["from"], last["offset"])

    def test_a_segment_that_is_gone_is_missing(self):
        self.segments[1].unlink()
        found = self.damage("records are missing")
        self.assertEqual(found["from"], int(self.segments[1].stem, 16))
        self.assertEqual(found["to"], int(self.segments[2].stem, 16))

    def test_the_last_segment_cannot_vanish(self):
        self.segments[-1].unlink()
        self.damage("records are missing")

    def test_all_segments_cannot_vanish(self):
        for segment in self.segments:
            segment.unlink()
        self.damage("there is no segment")

    def test_a_segment_that_was_cut_is_damage(self):
        os.truncate(self.segments[1], 2 * PAGE)
        self.damage("records are missing")

    def test_one_copy_of_a_header(self):
        for at in (100, PAGE // 2 + 100):
            with self.subTest(at=at):
                self.flip(self.segments[1], at)
                self.damage("one of the two copies of its header")
                self.flip(self.segments[1], at)

    def test_both_copies_of_a_header_cost_times_and_no_record(self):
        self.flip(self.segments[0], 100)
        self.flip(self.segments[0], PAGE // 2 + 100)
        self.damage("its header is damaged")
        self.assertEqual(len(self.events(status=1)), 600)

    def test_segments_that_were_swapped(self):
        a, b = self.segments[0].read_bytes(), self.segments[1].read_bytes()
        self.segments[0].write_bytes(b)
        self.segments[1].write_bytes(a)
        texts = [d["text"] for d in of_kind(fsck(self.log, 1), "damage")]
        self.assertTrue(any("of another place" in text for text in texts))
        self.assertTrue(any("records are missing" in text for text in texts))

    def test_a_segment_of_another_topic(self):
        other = next((self.log / "topics/other/0").glob("*.seg"))
        shutil.copy(other, self.segments[0])
        texts = [d["text"] for d in of_kind(fsck(self.log, 1), "damage")]
        self.assertTrue(any("of another place" in text for text in texts))

    def test_the_page_of_another_partition(self):
        shutil.copy(self.log / "topics/other/0/state", self.partition / "state")
        self.damage("state page is of another partition")

    def test_a_cursor(self):
        cursor = self.log / "subscriptions/lake/shop@0"
        cursor.write_bytes(bytes([7]) * 1024)
        found = self.damage("its place is damaged")
        self.assertEqual(found["subscription"], "lake")

    def test_a_cursor_of_another_subscription(self):
        work("read", self.log, "more", "shop", 20)
        shutil.copy(self.log / "subscriptions/more/shop@0",
                    self.log / "subscriptions/lake/shop@0")
        self.assertEqual(self.damage("of something else")["subscription"],
                         "lake")

    def test_what_a_subscription_reads(self):
        self.flip(self.log / "subscriptions/lake/topics", 17)
        self.damage("pattern of a subscription is damaged")

    def test_one_copy_of_the_identity(self):
        self.flip(self.log / "identity", 20)
        self.damage("one of the two copies of the identity")

    def test_both_copies_of_the_identity(self):
        self.flip(self.log / "identity", 20)
        self.flip(self.log / "identity", PAGE // 2 + 20)
        self.damage("identity is damaged")

    # What is unfinished, and no damage.

    def torn_tail(self, tail):
        end = of_kind(fsck(self.log, 0), "partition")[1]["end"]
        at = PAGE + end - int(self.segments[-1].stem, 16)
        self.write(self.segments[-1], at, tail(end))
        lines = fsck(self.log, 0)
        self.assertEqual(len(self.events()), 600)
        return of_kind(lines, "note")

    def test_half_a_record_at_the_end_is_a_note(self):
        base = int(self.segments[-1].stem, 16)
        notes = self.torn_tail(
            lambda end: struct.pack("<IIII", 1, 2000, end - base, 1)
            + bytes(16) + b"half")
        self.assertEqual(len(notes), 1)
        self.assertIn("never wholly written", notes[0]["text"])

    def test_noise_behind_the_end_is_nothing(self):
        self.assertEqual(self.torn_tail(lambda end: bytes([0xAB]) * 3000), [])

    def test_a_hole_that_was_never_synced_is_a_note(self):
        state = self.partition / "state"
        early = self.events()[-3]["offset"]
        self.write(state, 40, struct.pack("<Q", early))
        base = int(self.segments[-1].stem, 16)
        self.flip(self.segments[-1], PAGE + early - base + 40)
        notes = of_kind(fsck(self.log, 0), "note")
        self.assertIn("never synced", notes[0]["text"])

    def test_one_torn_slot_of_a_cursor_is_a_note(self):
        cursor = self.log / "subscriptions/lake/shop@0"
        slots = cursor.read_bytes()
        self.assertEqual(len(slots), 1024)
        older = 0 if slots[16:24] < slots[528:536] else 512
        self.write(cursor, older + 30, b"torn")
        notes = of_kind(fsck(self.log, 0), "note")
        self.assertIn("one of the two copies", notes[0]["text"])

    def test_an_older_page_is_no_damage(self):
        self.write(self.partition / "state", 0, bytes(56))
        fsck(self.log, 0)

    def test_a_gap_that_a_recovery_left_is_a_note(self):
        self.write(self.segments[-1], 2 * PAGE, bytes(PAGE))
        last = self.events(status=1)[-1]
        base = int(self.segments[-1].stem, 16)
        os.truncate(self.segments[-1], PAGE + last["offset"] - base + 20)
        work("fill", self.log, "shop", 1)
        notes = of_kind(fsck(self.log, 1), "note")
        self.assertTrue(any("no record was ever here" in n["text"]
                            for n in notes), notes)

    # Beside others.

    def test_beside_a_running_writer(self):
        live = subprocess.Popen([WORKER, "live", self.home / "live", "busy"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(live.stdout.close)
        self.assertEqual(live.stdout.readline(), b"live\n")
        bases = set()
        for _ in range(60):
            lines = fsck(self.home / "live", 0)
            # None, if what it came to was just gone, or just begun.
            bases.add(of_kind(lines, "partition")[0].get("first"))
            run("log", "dump", "--payload", "none", self.home / "live", "busy",
                status=0)
        self.assertIsNone(live.poll())
        live.stdin.close()
        self.assertEqual(live.wait(timeout=60), 0)
        # Segments went, and were used again, while they were read.
        self.assertGreater(len(bases - {None}), 3)
        fsck(self.home / "live", 0)

    def test_it_opens_nothing_for_writing_and_locks_nothing(self):
        trace = self.home / "trace"
        strace = shutil.which("strace")
        if strace is None:
            self.skipTest("no strace")
        for verb in (["fsck", self.log], ["dump", self.log, "shop"]):
            done = subprocess.run(
                [strace, "-f", "-o", trace, "-e", "trace=file,desc,network",
                 DATAPIPE, "log", *verb], stdout=subprocess.DEVNULL,
                # A search for leaks cannot be traced.
                env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"},
                timeout=60)
            if not trace.exists() or "ptrace" in trace.read_text():
                self.skipTest("strace is not allowed")
            self.assertEqual(done.returncode, 0)
            calls = trace.read_text()
            self.assertIn("openat", calls)
            self.assertNotRegex(calls, r"O_RDWR|O_WRONLY|O_CREAT|SETLK|flock"
                                r"|unlink|rename|fsync|fdatasync|truncate")

    # What it prints.

    def test_dump_prints_all_that_an_event_has(self):
        event = objects(run("log", "dump", "--json", "--count", 1, GOLDEN,
                            "shop", status=0))[0]
        self.assertEqual(event["id"], "order-4711")
        self.assertEqual(event["time"], "2009-02-13T23:31:30.123456789Z")
        self.assertEqual(event["attributes"], {
            "type": "shop.v1.Paid", "source": "checkout", "subject": "order",
            "partitionkey": "customer-7",
            "datacontenttype": "application/json", "dataschema": "dp:0123",
            "traceparent": "00-4bf92f-00f067-01", "tracestate": "k=v",
            "tenant": "acme", "empty": "",
        })
        self.assertEqual(event["place"],
                         {"key": "000000000000004d", "next": 123456})
        self.assertEqual(base64.b64decode(event["payload_base64"]),
                         b"\x0a\x00\xff")

    def test_dump_prints_lines(self):
        line = run("log", "dump", "--count", 1, GOLDEN, "shop",
                   status=0).stdout
        self.assertRegex(line, r"^shop/0 offset=33 appended=\S+Z "
                         r"time=2009-02-13T23:31:30.123Z id=order-4711 "
                         r"type=shop.v1.Paid source=checkout .*"
                         r'tracestate="k=v" tenant=acme empty="" '
                         r'place=000000000000004d:123456 size=3 '
                         r'payload="\\x0a\\x00\\xff"\n$')

    def test_payloads_have_forms(self):
        def last(form):
            done = run("log", "dump", "--payload", form, GOLDEN, "shop",
                       status=0)
            return done.stdout.splitlines()[-1]
        self.assertIn('size=9 payload="payload 2"', last("text"))
        self.assertIn("payload=7061796c6f61642032", last("hex"))
        self.assertIn("payload=cGF5bG9hZCAy", last("base64"))
        self.assertTrue(last("none").endswith(" size=9"))
        self.assertTrue(last("raw").endswith("payload 2"))
        for form, field in (("hex", "payload_hex"), ("text", "payload"),
                            ("base64", "payload_base64")):
            event = objects(run("log", "dump", "--json", "--payload", form,
                                GOLDEN, "shop", status=0))[-1]
            self.assertIn(field, event)

    def test_dump_begins_and_ends_where_it_is_told(self):
        events = self.events()
        self.assertEqual(len(events), 600)
        at = events[300]["offset"]
        self.assertEqual(self.events("--from", at, "--count", 5),
                         events[300:305])
        self.assertEqual(self.events("--from", at + 1, "--count", 1),
                         events[301:302])
        self.assertEqual(self.events("--from", 2**63), [])
        self.assertEqual(self.events("--partition", 0), events)
        self.assertEqual([int(re.match(r"event (\d+) ", base64.b64decode(
            e["payload_base64"]).decode())[1]) for e in events],
            list(range(600)))

    # How it is used.

    def test_help_is_there_at_each_level(self):
        for words in ([], ["log"], ["log", "fsck"], ["log", "dump"]):
            said = run(*words, "--help", status=0)
            self.assertRegex(said.stdout, "^usage: datapipe ")
            self.assertEqual(said.stderr, "")
        self.assertRegex(run("--version", status=0).stdout,
                         r"^datapipe \d+\.\d+\.\d+\n$")

    def test_wrong_usage_is_status_2(self):
        for words in ([], ["lag"], ["log"], ["log", "mend"], ["log", "fsck"],
                      ["log", "fsck", self.log, self.log],
                      ["log", "fsck", "--fix", self.log],
                      ["log", "fsck", "--topic", "..", self.log],
                      ["log", "fsck", self.home / "absent"],
                      ["log", "fsck", self.home],
                      ["log", "dump", self.log],
                      ["log", "dump", self.log, "absent"],
                      ["log", "dump", "--partition", "9", self.log, "shop"],
                      ["log", "dump", "--partition", "x", self.log, "shop"],
                      ["log", "dump", "--from", "-1", self.log, "shop"],
                      ["log", "dump", "--count", "0", self.log, "shop"],
                      ["log", "dump", "--payload", "loud", self.log, "shop"]):
            with self.subTest(words=words):
                done = run(*words, status=2)
                self.assertEqual(done.stdout, "")
                self.assertRegex(done.stderr, "^(datapipe|usage)")

    def test_a_stray_file_is_no_topic(self):
        (self.log / "topics" / "README").write_text("notes")
        (self.log / "subscriptions" / "README").write_text("notes")
        run("log", "fsck", self.log)
        run("log", "fsck", "--topic", "README", self.log, status=2)

    def test_a_topic_that_is_not_there_is_status_2(self):
        done = run("log", "fsck", "--topic", "absent", self.log, status=2)
        self.assertNotIn("verdict", done.stdout)
        self.assertIn("topics/absent", done.stderr)

    def test_output_that_cannot_be_written_is_status_2(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([DATAPIPE, "log", "dump", self.log, "shop"],
                                  stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"output cannot be written", done.stderr)


class Typed(unittest.TestCase):
    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.home)
        self.log, self.registry = self.home / "log", self.home / "registry"
        work("typed", self.log, "shop", self.registry)

    def dump(self, *more, status=0):
        return run("log", "dump", *more, self.log, "shop", status=status)

    def test_payloads_are_json_where_the_registry_knows_their_type(self):
        lines = self.dump("--registry", self.registry).stdout.splitlines()
        self.assertTrue(lines[0].endswith(
            ' size=6 payload={"someName":"\\u003cé\\u003e"}'), lines[0])
        self.assertTrue(lines[1].endswith(r' size=4 payload="\x0a\x04ab"'), lines[1])
        self.assertTrue(lines[2].endswith(r' size=4 payload="\x0a\x02cd"'), lines[2])

    def test_and_so_in_lines_of_json(self):
        lines = objects(self.dump("--json", "--registry", self.registry))
        self.assertEqual(lines[0]["payload_json"], {"someName": "<é>"})
        self.assertNotIn("payload_base64", lines[0])
        for line in lines[1:]:
            self.assertNotIn("payload_json", line)
            self.assertEqual(len(base64.b64decode(line["payload_base64"])), 4)

    def test_a_registry_that_is_not_there_is_not_made(self):
        missing = self.home / "missing"
        self.assertIn("is no directory", self.dump(
            "--registry", missing, status=2).stderr)
        self.assertFalse(missing.exists())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
