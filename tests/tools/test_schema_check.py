# SPDX-License-Identifier: Apache-2.0
"""usage: test_schema_check.py DATAPIPE PROTOC: what the command says of changes
of message types."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

DATAPIPE, PROTOC = sys.argv[1:3]


def run(*args, status):
    done = subprocess.run(
        [DATAPIPE, "schema", "check", *map(str, args)],
        capture_output=True, text=True, timeout=60)
    if done.returncode != status:
        raise AssertionError(f"{args}: {done}")
    return done


class Changes(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.path = pathlib.Path(self.dir.name)

    def make(self, name, *messages):
        source = self.path / f"{name}.proto"
        source.write_text('syntax = "proto3"; package shop;\n' + "\n".join(messages))
        subprocess.run(
            [PROTOC, f"-I{self.path}", f"-o{self.path / name}.pb", source], check=True)
        return self.path / f"{name}.pb"

    def test_what_a_mode_refuses_is_said_with_both_sides(self):
        old = self.make("old", "message Paid { int64 cents = 1; }")
        new = self.make("new", "message Paid { int32 cents = 1; string by = 2; }")
        text = run(old, new, status=1).stdout
        self.assertEqual(text.splitlines(), [
            "refused FIELD_TYPE shop.Paid.cents: int64, then int32; breaks backward",
            "note FIELD_ADDED shop.Paid.by: nothing, then by",
            "REFUSED: 1 types, 1 changes refused by BACKWARD",
        ])
        text = run("--mode", "FORWARD", old, new, status=0).stdout
        self.assertIn("compatible: 1 types, 0 changes", text)

    def test_json_counts_only_where_it_is_asked_for(self):
        old = self.make("old", "message Paid { int64 cents = 1; }")
        new = self.make("new", "message Paid { int64 amount = 1; }")
        run("--mode", "FULL", old, new, status=0)
        done = run("--mode", "FULL", "--json-data", "--json", old, new, status=1)
        finding, verdict = map(json.loads, done.stdout.splitlines())
        self.assertEqual(finding["rule"], "FIELD_NAME")
        self.assertEqual(finding["breaks"], 12)
        self.assertEqual(
            verdict, {"v": 1, "kind": "verdict", "mode": "FULL+JSON", "types": 1,
                      "refused": 1})

    def test_a_type_that_is_gone_breaks_its_readers(self):
        old = self.make("old", "message Paid {} message Sent {}")
        new = self.make("new", "message Paid {}")
        self.assertIn("TYPE_DELETED shop.Sent", run(old, new, status=1).stdout)
        run("--type", "shop.Paid", old, new, status=0)

    def test_the_plan_of_a_table_is_told_with_its_statements(self):
        old = self.make("old", "message Paid { int64 cents = 1; string by = 2; }")
        new = self.make("new", "message Paid { string cents = 1; }")
        text = run("--type", "shop.Paid", "--for", "sqlite",
                   "--table", "paid", old, new, status=1)
        self.assertEqual(text.stdout.splitlines()[2:-1], [
            'fork column cents__text TEXT, before cents, was INTEGER: '
            'ALTER TABLE "paid" ADD COLUMN "cents__text" TEXT',
            "keep column cents, was INTEGER",
            "keep column by, was TEXT",
        ])
        done = run("--type", "shop.Paid", "--for", "bigquery", "--json", "--mode",
                   "NONE", old, new, status=0)
        steps = [s for s in map(json.loads, done.stdout.splitlines())
                 if s["kind"] == "step"]
        self.assertEqual(steps[0], {
            "v": 1, "kind": "step", "action": "fork", "column": "cents__string",
            "before": "cents", "type": "STRING", "type_before": "INT64",
            "sql": "ALTER TABLE `shop.Paid` ADD COLUMN `cents__string` STRING"})
        for kind in ("avro", "parquet"):
            text = run("--type", "shop.Paid", "--for", kind, old, new, status=1).stdout
            self.assertRegex(text, r"(?m)^conflict column cents \w+, was \w+$")
        run("--for", "sqlite", old, new, status=2)
        run("--type", "shop.Paid", "--for", "oracle", old, new, status=2)

    def test_a_renamed_column_that_is_too_narrow_becomes_wider(self):
        old = self.make("old", "message Paid { int64 a = 1; int64 b = 2; }")
        new = self.make("new", "message Paid { uint64 a = 2; }")
        done = run("--type", "shop.Paid", "--for", "bigquery", "--mode", "NONE",
                   old, new, status=0)
        self.assertIn("rename column a NUMERIC, before b, was INT64: ALTER TABLE "
                      "`shop.Paid` ALTER COLUMN `a` SET DATA TYPE NUMERIC\n",
                      done.stdout)

    def test_a_message_that_unfolds_for_ever_is_refused_at_once(self):
        levels = [f"message L{n} {{ L{n + 1} a = 1; L{n + 1} b = 2; }}"
                  for n in range(40)] + ["message L40 { int32 x = 1; }"]
        old = self.make("old", *levels, "message Paid { int32 z = 1; }")
        new = self.make("new", *levels, "message Paid { int32 z = 1; L0 l = 2; }")
        done = run("--type", "shop.Paid", "--for", "bigquery", old, new, status=2)
        self.assertIn("column l has too many columns for a statement", done.stderr)

    def test_wrong_usage_is_no_answer(self):
        old = self.make("old", "message Paid {}")
        run(old, status=2)
        run("--mode", "SIDEWAYS", old, old, status=2)
        run("--registry", "file:x", old, old, status=2)
        run("--type", "shop.No", old, old, status=2)
        (self.path / "bad").write_bytes(b"\x0a")
        self.assertIn("bad", run(old, self.path / "bad", status=2).stderr)
        self.assertIn("none", run(old, self.path / "none", status=2).stderr)


unittest.main(argv=sys.argv[:1])
