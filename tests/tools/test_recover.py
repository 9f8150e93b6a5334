# SPDX-License-Identifier: Apache-2.0
"""usage: test_recover.py DATAPIPE PROTOC: what a column _unknown holds, by a
schema that came later: `schema recover` and `table recover`."""

import base64
import json
import os
import pathlib
import pty
import sqlite3
import subprocess
import sys
import tempfile
import unittest

DATAPIPE, PROTOC = sys.argv[1:3]

OLD = """syntax = "proto3"; package shop;
message Paid { string who = 1; }
"""
NEW = """syntax = "proto3"; package shop;
message Paid {
  string who = 1;
  Customer customer = 2;
  repeated string tags = 3;
  oneof by { string card = 4; string voucher = 5; }
}
message Customer { string name = 1; map<string, Address> addresses = 2; }
message Address { string city = 1; }
"""
NAME = b"\x0a\x03Ada"
CUSTOMER = b"\x12\x05" + NAME
TAGS = b"\x1a\x01a\x1a\x01b"
LATER = b"\xc8\x3e\x01"


def run(*arguments, data=b"", status=0):
    done = subprocess.run([DATAPIPE, *map(str, arguments)], input=data, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != status:
        raise AssertionError(f"{arguments}: {done.returncode} instead of {status}: "
                             f"{done.stderr.decode()}")
    return done.stdout.decode(), done.stderr.decode()


class Recover(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.old = self.compile("old", OLD)
        self.new = self.compile("new", NEW)
        self.path = self.folder / "rows.db"

    def compile(self, name, source):
        (self.folder / f"{name}.proto").write_text(source)
        out = self.folder / f"{name}.pb"
        subprocess.run([PROTOC, f"-I{self.folder}", "--include_imports",
                        f"--descriptor_set_out={out}", f"{name}.proto"], check=True)
        return out

    def schema(self, *options, data, status=0):
        out, err = run("schema", "recover", "--type", "shop.Paid", *options, self.new,
                       data=data, status=status)
        return [json.loads(line) for line in out.splitlines()], err

    def fill(self, *unknown):
        create, _ = run("schema", "columns", "--for", "sqlite", "--type", "shop.Paid",
                        self.old)
        with sqlite3.connect(self.path) as rows:
            rows.execute(create)
            rows.executemany(
                'INSERT INTO "shop.Paid"(_id, who, _unknown) VALUES (?, ?, ?)',
                [(f"id{n}", f"w{n}", data) for n, data in enumerate(unknown)])

    def table(self, *options, status=0):
        return run("table", "recover", "--type", "shop.Paid", *options, self.path,
                   self.new, status=status)

    def rows(self):
        with sqlite3.connect(self.path) as rows:
            return rows.execute('SELECT who, customer, tags, card, by_case, _unknown'
                                ' FROM "shop.Paid" ORDER BY _id').fetchall()


class Schema(Recover):
    def test_fields_and_what_is_left(self):
        lines, _ = self.schema(
            data=base64.b64encode(CUSTOMER + LATER) + b"\r\n"
            + base64.urlsafe_b64encode(TAGS).rstrip(b"="))
        self.assertEqual(lines, [
            {"v": 1, "kind": "recovered", "fields": {"customer": {"name": "Ada"}},
             "unknown_base64": base64.b64encode(LATER).decode()},
            {"v": 1, "kind": "recovered", "fields": {"tags": ["a", "b"]}},
        ])

    def test_a_message_inside_in_hexadecimal(self):
        lines, _ = self.schema("--at", "customer.addresses.value", "--hex",
                               data=b"0A025342\n0a025342\n")
        self.assertEqual([line["fields"] for line in lines], [{"city": "SB"}] * 2)

    def test_lines_that_are_none_are_told_and_passed_over(self):
        lines, err = self.schema("--hex", data=b"xx\n0\n12\n\n1a0161\n", status=1)
        self.assertEqual([line["fields"] for line in lines], [{}, {"tags": ["a"]}])
        self.assertEqual(err, "".join(f"datapipe schema recover: line {n}: {what}\n"
                                      for n, what in (
            (1, "it is not hexadecimal"), (2, "it is not hexadecimal"),
            (3, "shop.Paid: a varint is cut off"))))

    def test_what_cannot_be(self):
        _, err = self.schema("--at", "who", data=b"\n", status=2)
        self.assertIn("no message is at who", err)
        run("schema", "recover", self.new, status=2)
        run("schema", "recover", "--type", "shop.Paid", status=2)
        run("schema", "recover", "--none", status=2)
        _, err = run("schema", "recover", "--type", "shop.No", self.new, status=2)
        self.assertIn("shop.No", err)
        run("schema", "recover", "--type", "shop.Paid", self.folder / "no.pb", status=2)


class Table(Recover):
    def test_columns_get_what_they_lack(self):
        self.fill(CUSTOMER + TAGS, None, b"\x22\x01c" + LATER)
        self.assertEqual(self.table()[0], "rows 2, filled 2, left 1, refused 0\n")
        self.assertEqual(self.rows(), [
            ("w0", '{"name":"Ada"}', '["a","b"]', None, None, None),
            ("w1", None, None, None, None, None),
            ("w2", None, None, "c", "card", LATER),
        ])
        self.assertEqual(self.table()[0], "rows 1, filled 0, left 1, refused 0\n")

    def test_rows_that_are_refused(self):
        self.fill(TAGS, b"\x12\x09", b"\x1a\x01\xff", TAGS)
        out, err = self.table(status=1)
        self.assertEqual(out, "rows 4, filled 2, left 2, refused 2\n")
        self.assertEqual(err, "datapipe table recover: 2 refused, the last of them "
                              "id2: shop.Paid: tags[0]: its text is not UTF-8\n")
        self.assertEqual([row[-1] for row in self.rows()],
                         [None, b"\x12\x09", b"\x1a\x01\xff", None])

    def test_progress_on_a_terminal(self):
        self.fill(*[TAGS] * 1500)
        ours, theirs = pty.openpty()
        done = subprocess.run(
            [DATAPIPE, "table", "recover", "--type", "shop.Paid", self.path, self.new],
            stdout=subprocess.PIPE, stderr=theirs, check=True)
        os.close(theirs)
        told = os.read(ours, 4096)
        os.close(ours)
        self.assertEqual(told, b"\r\x1b[K1000 rows\r\x1b[K")
        self.assertEqual(done.stdout, b"rows 1500, filled 1500, left 0, refused 0\n")

    def test_what_cannot_be(self):
        _, err = self.table(status=2)
        self.assertIn("rows.db", err)
        self.assertFalse(self.path.exists())
        self.fill(TAGS)
        _, err = self.table("--table", "other", status=2)
        self.assertIn("there is no table other", err)
        run("table", "recover", "--type", "shop.Paid", self.path, status=2)
        run("table", "recover", self.path, self.new, status=2)

    def test_help(self):
        self.assertIn("table recover", run("table", "--help")[0])
        for noun in ("table", "schema"):
            out, _ = run(noun, "recover", "--help")
            self.assertTrue(out.startswith(f"usage: datapipe {noun} recover"))
            self.assertLessEqual(max(map(len, out.splitlines())), 80)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
